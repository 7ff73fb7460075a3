/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "prover/xt_match.h"

#include <stdlib.h>
#include <string.h>

struct outcome
xt_bool(bool b)
{
	return (struct outcome){.kind = b ? OUT_YES : OUT_NO};
}

struct outcome
xt_maybe(const char *why)
{
	return (struct outcome){.kind = OUT_MAYBE, .why = why};
}

static bool
ranges_full(const struct ranges *r, uint8_t family)
{
	return r->n == 1 && r->v[0].lo == 0 && r->v[0].hi == family_last(family);
}

struct outcome
xt_sources(const struct ranges *r, uint8_t family)
{
	struct outcome o = {.kind = OUT_SPLIT, .may = *r, .must = *r};

	o.must.owned = false;
	if (r->n == 0 || ranges_full(r, family)) {
		ranges_fini(&o.may);
		return xt_bool(r->n != 0);
	}
	return o;
}

/* What an outcome says as two sets. Not owned: they live as long as o and all. */
static void
outcome_sets(const struct outcome *o, struct range *all, struct ranges *may, struct ranges *must)
{
	struct ranges every = {.v = all, .n = 1}, none = {0};

	switch (o->kind) {
	case OUT_NO:
		*may = *must = none;
		break;
	case OUT_YES:
		*may = *must = every;
		break;
	case OUT_SPLIT:
		*may = o->may;
		*must = o->must;
		break;
	case OUT_MAYBE:
		*may = every;
		*must = none;
		break;
	}
	may->owned = must->owned = false;
}

static bool
same_ranges(const struct ranges *a, const struct ranges *b)
{
	return a->v == b->v && a->n == b->n;
}

struct outcome
xt_tidy(struct outcome o, uint8_t family)
{
	const char *why = o.why;
	bool yes;

	if (same_ranges(&o.may, &o.must)) {
		o.why = NULL;
		o.must.owned = false;
	}
	if (o.may.n == 0 || (o.must.n && ranges_full(&o.must, family))) {
		yes = o.may.n != 0;
		outcome_fini(&o);
		return xt_bool(yes);
	}
	if (o.must.n == 0 && ranges_full(&o.may, family)) {
		outcome_fini(&o);
		return xt_maybe(why);
	}
	return o;
}

/* Of two sets of its own; must.v may be may.v. */
static struct outcome
outcome_of_sets(struct ranges may, struct ranges must, uint8_t family, const char *why)
{
	return xt_tidy(
	    (struct outcome){.kind = OUT_SPLIT, .may = may, .must = must, .why = why}, family);
}

struct outcome
xt_not(struct outcome o, uint8_t family)
{
	struct ranges may, must;

	if (o.kind == OUT_NO || o.kind == OUT_YES)
		return xt_bool(o.kind == OUT_NO);
	if (o.kind == OUT_MAYBE)
		return o;
	may = ranges_not(&o.must, family);
	must = same_ranges(&o.may, &o.must) ? may : ranges_not(&o.may, family);
	outcome_fini(&o);
	return outcome_of_sets(may, must, family, o.why);
}

static struct ranges
ranges_room(size_t n)
{
	struct ranges r = {.v = calloc(n ? n : 1, sizeof(struct range)), .owned = true};

	if (!r.v)
		abort();
	return r;
}

static struct ranges
ranges_both(const struct ranges *a, const struct ranges *b)
{
	struct ranges r = ranges_room((size_t)a->n + b->n);

	for (uint32_t i = 0, j = 0; i < a->n && j < b->n;) {
		u128 lo = a->v[i].lo > b->v[j].lo ? a->v[i].lo : b->v[j].lo;
		u128 hi = a->v[i].hi < b->v[j].hi ? a->v[i].hi : b->v[j].hi;

		if (lo <= hi)
			r.v[r.n++] = (struct range){lo, hi};
		if (a->v[i].hi < b->v[j].hi)
			i++;
		else
			j++;
	}
	return r;
}

static struct ranges
ranges_any(const struct ranges *a, const struct ranges *b)
{
	struct ranges r = ranges_room((size_t)a->n + b->n);

	if (a->n)
		memcpy(r.v, a->v, a->n * sizeof(*r.v));
	if (b->n)
		memcpy(r.v + a->n, b->v, b->n * sizeof(*r.v));
	r.n = ranges_tidy(r.v, a->n + b->n);
	return r;
}

static struct outcome
outcome_join(struct outcome *a, struct outcome *b, uint8_t family,
    struct ranges (*join)(const struct ranges *, const struct ranges *))
{
	struct range all = {0, family_last(family)};
	struct ranges may[2], must[2], m, s;
	const char *why = a->why ? a->why : b->why;

	outcome_sets(a, &all, &may[0], &must[0]);
	outcome_sets(b, &all, &may[1], &must[1]);
	m = join(&may[0], &may[1]);
	s = m;
	if (!same_ranges(&may[0], &must[0]) || !same_ranges(&may[1], &must[1]))
		s = join(&must[0], &must[1]);
	outcome_fini(a);
	outcome_fini(b);
	return outcome_of_sets(m, s, family, why);
}

struct outcome
xt_and(struct outcome a, struct outcome b, uint8_t family)
{
	if (a.kind == OUT_NO || b.kind == OUT_YES) {
		outcome_fini(&b);
		return a;
	}
	if (b.kind == OUT_NO || a.kind == OUT_YES) {
		outcome_fini(&a);
		return b;
	}
	if (a.kind == OUT_MAYBE && b.kind == OUT_MAYBE)
		return a;
	return outcome_join(&a, &b, family, ranges_both);
}

struct outcome
xt_or(struct outcome a, struct outcome b, uint8_t family)
{
	if (a.kind == OUT_YES || b.kind == OUT_NO) {
		outcome_fini(&b);
		return a;
	}
	if (b.kind == OUT_YES || a.kind == OUT_NO) {
		outcome_fini(&a);
		return b;
	}
	if (a.kind == OUT_MAYBE && b.kind == OUT_MAYBE)
		return a;
	return outcome_join(&a, &b, family, ranges_any);
}

static const char source_rewritten[] = "a source address that was rewritten";

struct outcome
xt_saddr_of(const struct env *env, struct addr_set s)
{
	struct ranges may = {.v = s.may->v, .n = s.may->n};
	struct ranges must = {.v = s.must->v, .n = s.must->n};

	if (env->payload_unknown || (env->snat && !env->snat_addr_known))
		return xt_maybe(source_rewritten);
	if (env->snat_addr_known) {
		u128 n = addr_number(&env->saddr_new);

		if (ranges_has(&must, n) == ranges_has(&may, n))
			return xt_bool(ranges_has(&may, n));
		return xt_maybe(s.why);
	}
	return outcome_of_sets(may, must, env->family, s.why);
}

struct outcome
xt_saddr_in(const struct env *env, const struct ranges *r)
{
	return xt_saddr_of(env, (struct addr_set){.may = r, .must = r});
}

struct outcome
xt_daddr_in(const struct env *env, const struct ranges *r)
{
	if (env->payload_unknown || env->daddr_unknown)
		return xt_maybe("a destination address that was rewritten");
	return xt_bool(ranges_has(r, addr_number(&env->daddr)));
}

struct ranges
xt_range(struct arena *a, uint8_t family, u128 lo, u128 hi, bool invert)
{
	struct ranges r = {.v = arena_array(a, 2, sizeof(struct range))};
	u128 last = family_last(family);

	if (hi > last)
		hi = last;
	if (lo > hi) {
		if (invert)
			r.v[r.n++] = (struct range){0, last};
		return r;
	}
	if (!invert) {
		r.v[r.n++] = (struct range){lo, hi};
		return r;
	}
	if (lo > 0)
		r.v[r.n++] = (struct range){0, lo - 1};
	if (hi < last)
		r.v[r.n++] = (struct range){hi + 1, last};
	return r;
}

u128
xt_number(uint8_t family, const uint8_t *bytes)
{
	u128 n = 0;

	for (unsigned i = 0; i < (family == 4 ? 4u : 16u); i++)
		n = n << 8 | bytes[i];
	return n;
}

static bool
port_in(struct port_class *p, uint16_t port, uint16_t lo, uint16_t hi)
{
	if (lo > hi)
		return false;
	if (port < lo) {
		if (p && p->hi >= lo)
			p->hi = lo - 1;
		return false;
	}
	if (port > hi) {
		if (p && p->lo <= hi)
			p->lo = hi + 1;
		return false;
	}
	if (p && p->lo < lo)
		p->lo = lo;
	if (p && p->hi > hi)
		p->hi = hi;
	return true;
}

/* A port that destination NAT put there does not move with the port that was asked for. */
bool
xt_dport_in(const struct env *env, struct port_class *p, uint16_t lo, uint16_t hi)
{
	return port_in(env->dport == env->dport_orig ? p : NULL, env->dport, lo, hi);
}

bool
xt_dport_orig_in(const struct env *env, struct port_class *p, uint16_t lo, uint16_t hi)
{
	return port_in(p, env->dport_orig, lo, hi);
}
