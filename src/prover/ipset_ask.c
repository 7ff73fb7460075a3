/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Lookups: net/netfilter/ipset/ip_set_core.c (ip_set_test), ip_set_hash_gen.h (mtype_test,
 * mtype_test_cidrs) and the kadt functions of the types. Of the networks that hold an address the
 * longest decides, in sets of two networks the longest first one, then the longest second.
 */
#include "prover/ipset_private.h"

#include <stdlib.h>
#include <string.h>
#include <linux/netfilter/ipset/ip_set.h>

#include "prover/xt_match.h"

/* How a member that may decide for a source does it. NO_MATCH stops the search, as a network of
 * hash:net,iface with another interface does. */
enum { NO_MATCH = 1, MATCH = 2 };

/* Where a member decides, over all smaller ranks. */
struct area {
	u128 lo, hi; /* a prefix */
	uint16_t rank;
	uint8_t says; /* NO_MATCH, MATCH; both: one of them, nobody knows which */
};

#define ANSWERS_MAX 64

static u128
host_of(uint8_t family, unsigned len)
{
	return len == 0 ? family_last(family) : ((u128)1 << ((family == 6 ? 128 : 32) - len)) - 1;
}

static bool
has(uint8_t family, u128 net, unsigned len, u128 addr)
{
	return ((net ^ addr) & ~host_of(family, len)) == 0;
}

/* False: another interface. */
static bool
same_iface(const struct ipset_member *m, const char *name)
{
	if (m->flags & IPSET_FLAG_IFACE_WILDCARD)
		return !strncmp(m->u.iface, name, strnlen(m->u.iface, IFNAMSIZ));
	return !strncmp(m->u.iface, name, IFNAMSIZ);
}

/* Cuts an area down to the sources of a network. False: none are left. */
static bool
area_and(struct area *a, uint8_t family, u128 net, unsigned len)
{
	u128 hi = net | host_of(family, len);

	if (net > a->hi || hi < a->lo)
		return false;
	if (net > a->lo)
		a->lo = net;
	if (hi < a->hi)
		a->hi = hi;
	return true;
}

/* Whether a member is looked at for this packet, and where it decides. */
static bool
member_area(const struct ipset *s, const struct ipset_member *m, const struct ipset_probe *p,
    uint16_t port, uint8_t family, struct area *a)
{
	const struct ipset_type *t = s->type;
	bool nomatch = m->flags & IPSET_FLAG_NOMATCH;

	*a = (struct area){.hi = family_last(family),
	    .rank = (uint16_t)(m->len << 8 | m->len2),
	    .says = nomatch == p->swapped ? MATCH : NO_MATCH};
	if (t->port && !p->port_unknown && m->port != port)
		return false;
	if (t->port && t->ip && m->proto != p->proto)
		return false;
	if (t->mark && ((m->mark ^ p->mark) & s->mark_mask & ~p->mark_unknown))
		return false;
	if (t->ip && !p->source && !has(family, m->addr, m->len, p->addr))
		return false;
	if (t->ip2 && !p->source2 && !has(family, m->u.addr2, m->len2, p->addr2))
		return false;
	if (t->ip && p->source && !area_and(a, family, m->addr, m->len))
		return false;
	if (t->ip2 && p->source2 && !area_and(a, family, m->u.addr2, m->len2))
		return false;
	if (t->iface && !same_iface(m, p->iface))
		a->says = 0;
	return true;
}

static int
area_order(const void *x, const void *y)
{
	const struct area *a = x, *b = y;

	if (a->lo != b->lo)
		return a->lo < b->lo ? -1 : 1;
	return a->hi == b->hi ? 0 : a->hi > b->hi ? -1 : 1;
}

/* Ranges that are told in ascending order. */
struct out {
	struct ranges r;
	uint32_t room;
};

static void
out_add(struct out *o, u128 lo, u128 hi)
{
	if (o->r.n && o->r.v[o->r.n - 1].hi + 1 == lo) {
		o->r.v[o->r.n - 1].hi = hi;
		return;
	}
	if (o->r.n == o->room) {
		o->room = o->room ? o->room * 2 : 16;
		o->r.v = realloc(o->r.v, o->room * sizeof(*o->r.v));
		if (!o->r.v)
			abort();
	}
	o->r.v[o->r.n++] = (struct range){lo, hi};
	o->r.owned = true;
}

struct sweep {
	struct area open[130]; /* nested prefixes, the innermost last: one of each length */
	unsigned depth;
	u128 at; /* all below was told */
	struct out may, must;
};

static void
tell(struct sweep *w, u128 hi)
{
	const struct area *a = &w->open[w->depth - 1];

	if (a->says & MATCH)
		out_add(&w->may, w->at, hi);
	if (a->says == MATCH)
		out_add(&w->must, w->at, hi);
	w->at = hi + 1;
}

static void
close_until(struct sweep *w, u128 lo, bool all)
{
	while (w->depth && (all || w->open[w->depth - 1].hi < lo)) {
		/* An inner one may have told up to its end. */
		if (w->at <= w->open[w->depth - 1].hi)
			tell(w, w->open[w->depth - 1].hi);
		w->depth--;
		/* The end of the address space has no next one. */
		if (w->at == 0)
			w->depth = 0;
	}
}

/* Of two that hold the same addresses the greater rank decides; of the same rank all that say
 * something may. */
static void
outrank(struct area *a, const struct area *b)
{
	if (b->rank > a->rank) {
		a->rank = b->rank;
		a->says = b->says;
	} else if (b->rank == a->rank) {
		a->says |= b->says;
	}
}

static void
sweep(struct sweep *w, struct area *v, size_t n)
{
	qsort(v, n, sizeof(*v), area_order);
	for (size_t i = 0; i < n; i++) {
		struct area a = v[i], *top;

		close_until(w, a.lo, false);
		top = w->depth ? &w->open[w->depth - 1] : NULL;
		if (top && top->lo == a.lo && top->hi == a.hi) {
			outrank(top, &a);
			continue;
		}
		if (top && w->at < a.lo)
			tell(w, a.lo - 1);
		w->at = a.lo;
		/* What holds it decides inside, too, where it has the greater rank. */
		if (top && top->rank > a.rank) {
			a.rank = top->rank;
			a.says = top->says;
		} else if (top && top->rank == a.rank) {
			a.says |= top->says;
		}
		w->open[w->depth++] = a;
	}
	close_until(w, 0, true);
}

/* The ports around the asked one that no member tells apart. */
static void
port_class(const struct ipset *s, const struct ipset_probe *p, uint16_t port, struct port_class *c)
{
	*c = (struct port_class){0, 0xffff};
	if (!s->type->port || p->port_unknown)
		return;
	for (uint32_t i = 0; i < s->n; i++) {
		const struct ipset_member *m = &s->members[i];

		if (s->type->ip && m->proto != p->proto)
			continue;
		if (m->port < port && m->port >= c->lo)
			c->lo = m->port + 1;
		else if (m->port > port && m->port <= c->hi)
			c->hi = m->port - 1;
		else if (m->port == port)
			*c = (struct port_class){port, port};
	}
}

/* With a part that is not known: every member that says yes may be the one, none surely is. */
static bool
is_vague(const struct ipset *s, const struct ipset_probe *p)
{
	return p->port_unknown || p->mac || (p->mark_unknown & s->mark_mask);
}

static void
compute(const struct ipset *s, const struct ipset_probe *p, uint16_t port, uint8_t family,
    struct sweep *w)
{
	_cleanup_(freep) struct area *v = malloc((s->n ? s->n : 1) * sizeof(*v));
	bool vague = is_vague(s, p);
	size_t n = 0;

	if (!v)
		abort();
	for (uint32_t i = 0; i < s->n; i++) {
		if (!member_area(s, &s->members[i], p, port, family, &v[n]))
			continue;
		if (vague && !(v[n].says & MATCH))
			continue;
		if (vague)
			v[n] =
			    (struct area){.lo = v[n].lo, .hi = v[n].hi, .says = MATCH | NO_MATCH};
		n++;
	}
	sweep(w, v, n);
}

static struct outcome
answer_outcome(
    const struct ipset *s, const struct ranges *may, const struct ranges *must, uint8_t family)
{
	struct outcome o = {.kind = OUT_SPLIT, .may = *may, .must = *must, .why = s->why};

	return xt_tidy(o, family);
}

static void
narrow(struct port_class *to, const struct port_class *by)
{
	if (to->lo < by->lo)
		to->lo = by->lo;
	if (to->hi > by->hi)
		to->hi = by->hi;
}

static struct ranges
keep_ranges(struct arena *a, const struct ranges *r)
{
	struct ranges k = {.v = arena_array(a, r->n, sizeof(*r->v)), .n = r->n};

	if (r->n)
		memcpy(k.v, r->v, r->n * sizeof(*r->v));
	return k;
}

/* Keeps an answer in the arena, if there is room. */
static const struct ipset_answer *
remember(const struct ipset *s, const struct ipset_probe *p, const struct port_class *c,
    const struct sweep *w, bool exact)
{
	struct ipset_answer *a;
	uint64_t n = (uint64_t)w->may.r.n + (exact ? 0 : w->must.r.n);

	if (s->cache->n == ANSWERS_MAX || s->all->cached + n > IPSET_CACHE_RANGES)
		return NULL;
	a = arena_alloc(s->all->arena, sizeof(*a));
	a->probe = *p;
	a->ports = *c;
	a->may = keep_ranges(s->all->arena, &w->may.r);
	a->must = exact ? a->may : keep_ranges(s->all->arena, &w->must.r);
	a->next = s->cache->answers;
	s->cache->answers = a;
	s->cache->n++;
	s->all->cached += n;
	return a;
}

static bool
same_ranges(const struct ranges *a, const struct ranges *b)
{
	return a->n == b->n && (!a->n || !memcmp(a->v, b->v, a->n * sizeof(*a->v)));
}

static struct outcome
look_up(const struct ipset *s, const struct ipset_probe *p, const struct env *env,
    struct port_class *ports)
{
	struct port_class c, dummy = {0, 0xffff};
	struct sweep *w;
	const struct ipset_answer *a;
	struct outcome o;
	bool exact;

	if (env->dport != env->dport_orig)
		ports = &dummy;
	for (a = s->cache->answers; a; a = a->next) {
		if (memcmp(&a->probe, p, sizeof(*p)) || env->dport < a->ports.lo ||
		    env->dport > a->ports.hi)
			continue;
		narrow(ports, &a->ports);
		return answer_outcome(s, &a->may, &a->must, env->family);
	}
	port_class(s, p, env->dport, &c);
	narrow(ports, &c);
	w = calloc(1, sizeof(*w));
	if (!w)
		abort();
	compute(s, p, env->dport, env->family, w);
	exact = same_ranges(&w->may.r, &w->must.r);
	a = remember(s, p, &c, w, exact);
	if (a || exact) {
		ranges_fini(&w->must.r);
		w->must.r = w->may.r;
		w->must.r.owned = false;
	}
	if (a) {
		ranges_fini(&w->may.r);
		o = answer_outcome(s, &a->may, &a->must, env->family);
	} else {
		o = answer_outcome(s, &w->may.r, &w->must.r, env->family);
	}
	free(w);
	return o;
}

/* One address of the probe. False: nobody knows it. */
static bool
probe_addr(const struct env *env, bool src, u128 *addr, bool *source)
{
	if (!src) {
		*addr = addr_number(&env->daddr);
		return !env->daddr_unknown;
	}
	*source = !env->snat;
	if (env->snat_addr_known) {
		*source = false;
		*addr = addr_number(&env->saddr_new);
	}
	return *source || env->snat_addr_known;
}

enum probed { PROBED, PROBE_NO, PROBE_UNKNOWN };

static enum probed
make_probe(const struct ipset *s, const struct ipset_question *q, const struct env *env,
    const struct world *w, struct ipset_probe *p)
{
	const struct ipset_type *t = s->type;

	memset(p, 0, sizeof(*p));
	p->family = env->family;
	p->swapped = q->return_nomatch && t->nets;
	p->mac = t->mac;
	if (env->payload_unknown && (t->ip || t->port))
		return PROBE_UNKNOWN;
	if (t->ip && !probe_addr(env, q->flags & 1u << t->ip, &p->addr, &p->source))
		return PROBE_UNKNOWN;
	if (t->ip2 && !probe_addr(env, q->flags & 1u << t->ip2, &p->addr2, &p->source2))
		return PROBE_UNKNOWN;
	if (t->port) {
		/* bitmap:port looks at TCP and UDP alone, and not which of them. */
		if (!t->ip && env->proto != IPPROTO_TCP && env->proto != IPPROTO_UDP)
			return PROBE_NO;
		p->proto = t->ip ? env->proto : 0;
		p->port_unknown = (q->flags & 1u << t->port) || env->dport_unknown;
	}
	if (t->mark) {
		p->mark_unknown = env->mark_unknown & s->mark_mask;
		p->mark = env->mark & s->mark_mask & ~p->mark_unknown;
	}
	if (t->iface) {
		uint32_t index = q->flags & 1u << t->iface ? env->iif : env->oif;
		const struct iface *i = index ? world_iface(w, index) : NULL;

		if (!index)
			return PROBE_NO;
		if (!i)
			return PROBE_UNKNOWN;
		memcpy(p->iface, i->name, IFNAMSIZ);
	}
	return PROBED;
}

static struct outcome
ask_list(const struct ipset *s, const struct ipset_question *q, const struct env *env,
    const struct world *w, struct port_class *ports)
{
	struct outcome o = xt_bool(false);

	for (uint32_t i = 0; i < s->n && o.kind != OUT_YES; i++)
		o = xt_or(o, ipset_ask(s->members[i].u.set, q, env, w, ports), env->family);
	return o;
}

struct outcome
ipset_ask(const struct ipset *s, const struct ipset_question *q, const struct env *env,
    const struct world *w, struct port_class *ports)
{
	struct ipset_probe p;

	if (ipset_unknown(s))
		return xt_maybe(ipset_unknown(s));
	if (q->dim < s->type->dims || (s->family && s->family != env->family))
		return xt_bool(false);
	if (s->type->sets)
		return ask_list(s, q, env, w, ports);
	switch (make_probe(s, q, env, w, &p)) {
	case PROBE_NO:
		return xt_bool(false);
	case PROBE_UNKNOWN:
		return xt_maybe(s->why);
	case PROBED:
		break;
	}
	return look_up(s, &p, env, ports);
}
