/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "judge/verdict.h"

#include <errno.h>
#include <string.h>

#define PASS_SOME        1024 /* ended ones counted as over at once */
#define DURATION_LONGEST (36500 * (usec_t)86400 * USEC_PER_SEC)

int
verdict_rules(struct verdict *v)
{
	for (uint16_t i = 0; i < v->rules->n; i++) {
		const struct rule *r = &v->rules->slots[i];
		int e;

		if (i == RULE_MANUAL)
			continue;
		if (!r->alive) {
			tallies_drop_rule(v->tallies, i);
			continue;
		}
		e = tallies_rule(v->tallies, i, r->points, r->within, r->distinct);
		if (e < 0)
			return e;
	}
	return 0;
}

usec_t
verdict_duration(const struct rule *r, unsigned level)
{
	usec_t d = r->duration, max = r->duration_max ? r->duration_max : DURATION_LONGEST;

	if (r->factor_milli <= 1000)
		return d;
	for (unsigned i = 1; i < level && d < max; i++)
		d = d > max / r->factor_milli * 1000 ? max : d * r->factor_milli / 1000;
	return d < max ? d : (r->duration > max ? r->duration : max);
}

/*
 * Counts on a ban what comes while it holds. A line up to a window older than the ban's start came
 * late: with the lines in their order it would have been part of the same ban.
 */
static bool
ban_takes(const struct ban *x, uint16_t rule, usec_t within, usec_t t)
{
	if (x->rule != rule || (x->flags & BANS_GONE))
		return false;
	return t < ban_end(x) && t >= x->since - within;
}

static uint32_t
find_taking(struct verdict *v, uint16_t rule, const struct prefix *p, usec_t t)
{
	uint32_t slot = bans_first(v->bans, p);

	while (slot != BANS_NONE &&
	       !ban_takes(bans_get(v->bans, slot), rule, v->rules->slots[rule].within, t))
		slot = bans_next(v->bans, p, slot);
	return slot;
}

static struct prefix
group_prefix(const struct rule *r, const struct addr *a)
{
	return prefix_of(a, rule_prefix_len(r, a));
}

static bool
counted_on_ban(struct verdict *v, uint16_t rule, const struct prefix *source, usec_t t)
{
	const struct rule *r = &v->rules->slots[rule];
	uint32_t slot = find_taking(v, rule, source, t);

	if (slot == BANS_NONE && r->prefix_hosts > 0 && bans_prefixes(v->bans) > 0) {
		struct prefix group = group_prefix(r, &source->addr);

		slot = find_taking(v, rule, &group, t);
	}
	if (slot == BANS_NONE)
		return false;
	bans_get(v->bans, slot)->count++;
	bans_change(v->bans, slot);
	return true;
}

/* Which ban of this prefix by this rule one at t is. */
static uint16_t
level_at(struct verdict *v, uint16_t rule, const struct prefix *p, bool dry, usec_t t)
{
	const struct rule *r = &v->rules->slots[rule];
	struct verdict_former best = {.end = INT64_MIN};

	for (uint32_t s = bans_first(v->bans, p); s != BANS_NONE; s = bans_next(v->bans, p, s)) {
		const struct ban *x = bans_get(v->bans, s);

		if (x->rule == rule && !!(x->flags & BANS_DRY) == dry && ban_end(x) > best.end)
			best = (struct verdict_former){ban_end(x), x->level};
	}
	if (best.level == 0 && v->ops->former && !v->ops->former(v->ctx, rule, p, dry, &best))
		best.level = 0;
	if (best.level == 0 || t - best.end >= r->forget)
		return 1;
	return best.level < UINT16_MAX ? (uint16_t)(best.level + 1) : UINT16_MAX;
}

/* What holds never makes room; what ended by now does. */
static bool
is_full(struct verdict *v, usec_t now)
{
	if (bans_held(v->bans) < v->bans_max)
		return false;
	bans_pass(v->bans, now, PASS_SOME);
	return bans_held(v->bans) >= v->bans_max;
}

static int
add_ban(struct verdict *v, const struct ban *x, uint32_t *slot)
{
	int r = bans_add(v->bans, x, slot);

	if (r == -ENOSPC && v->ops->make_room && v->ops->make_room(v->ctx))
		r = bans_add(v->bans, x, slot);
	if (r < 0)
		v->counts.refused++;
	else if (!(x->flags & BANS_BUILTIN))
		v->counts.bans++;
	v->rules->slots[x->rule].counts.bans += r == 0;
	return r;
}

/* The ban of source (its offender is addr) that began with the line of x's since. */
static bool
ban_by_rule(struct verdict *v, uint16_t rule, const struct addr *addr, uint8_t len, struct ban *x,
    usec_t now)
{
	const struct rule *r = &v->rules->slots[rule];
	struct prefix p = prefix_of(addr, len);
	usec_t keep = r->within;
	uint32_t slot;

	x->addr = *addr;
	x->len = len;
	x->rule = rule;
	x->flags |= (r->dry_run ? BANS_DRY : 0) | (r->builtin ? BANS_BUILTIN : 0);
	x->level = level_at(v, rule, &p, r->dry_run, x->since);
	x->until = x->since + verdict_duration(r, x->level);
	if (x->until > now && !(x->flags & (BANS_DRY | BANS_BUILTIN)) && is_full(v, now)) {
		v->counts.refused++;
		return false;
	}
	if (v->keep_formers && r->forget > keep)
		keep = r->forget;
	x->keep = bans_keep(keep);
	if (r->prefix_hosts > 0 && len > rule_prefix_len(r, addr))
		x->group_len = rule_prefix_len(r, addr);
	if (add_ban(v, x, &slot) < 0)
		return false;
	v->ops->on_ban(v->ctx, slot);
	return true;
}

static void
judge_group(struct verdict *v, uint16_t rule, const struct addr *addr, usec_t t, usec_t now)
{
	const struct rule *r = &v->rules->slots[rule];
	struct prefix group = group_prefix(r, addr);
	struct ban x = {.since = t, .flags = BANS_PREFIX};

	if (prefixset_touches(&v->own->never, &group) || prefixset_touches(&r->never, &group))
		return;
	x.points = bans_hosts(v->bans, rule, &group, t, r->prefix_hosts);
	if (x.points >= r->prefix_hosts && find_taking(v, rule, &group, t) == BANS_NONE)
		ban_by_rule(v, rule, addr, group.len, &x, now);
}

/* The first entry of the set that touches p. */
static bool
forbidden(const struct prefixset *never, const struct prefix *p, struct prefix *which)
{
	for (size_t i = 0; i < never->n; i++) {
		if (prefix_overlaps(&never->items[i], p)) {
			*which = never->items[i];
			return true;
		}
	}
	return false;
}

bool
verdict_source(const struct own *own, const struct rule *r, const struct addr *a,
    struct prefix *source, struct prefix *never)
{
	const struct prefix host = prefix_host(a);

	if ((prefixset_has(&own->never, a) && forbidden(&own->never, &host, never)) ||
	    (prefixset_has(&r->never, a) && forbidden(&r->never, &host, never)))
		return false;
	*source = own_source(own, a);
	if (prefixset_touches(&r->never, source))
		*source = host;
	return true;
}

static void
judge_rule(struct verdict *v, uint16_t rule, const struct msg_offence *o, usec_t t, usec_t now)
{
	const struct rule *r = &v->rules->slots[rule];
	struct rule_counts *counts = &v->rules->slots[rule].counts;
	struct prefix source, never;
	struct tally_event e = {.time = t, .points = o->points ? o->points : 1};
	struct tally_sum sum;

	if (!r->alive)
		return;
	if (t < now - r->within) {
		v->counts.discarded_old++;
		return;
	}
	if (!verdict_source(v->own, r, &o->addr, &source, &never)) {
		v->counts.spared++;
		counts->spared++;
		return;
	}
	counts->offences++;
	if (counted_on_ban(v, rule, &source, t))
		return;
	if (o->flags & OFFENCE_HAS_USER)
		e.user = o->user_hash;
	if (tally_add(v->tallies, rule, &source, &e, now, &sum) < 0 || !sum.reached)
		return;
	if (ban_by_rule(v, rule, &o->addr, source.len,
		&(struct ban){.since = sum.at, .points = sum.points, .count = sum.after}, now) &&
	    r->prefix_hosts > 0)
		judge_group(v, rule, &o->addr, sum.at, now);
}

/* The rule of the self check is guardd's own, and counts no filter but its own. */
static bool
is_own_check(const struct verdict *v, const struct filter_map *map, struct span rules)
{
	return rules.n > 0 && v->rules->slots[map->rules[rules.first]].builtin;
}

void
verdict_offence(
    struct verdict *v, const struct filter_map *map, const struct msg_offence *o, usec_t now)
{
	usec_t t = o->time < now ? o->time : now;
	struct span rules = {0};

	if (o->filter < map->n)
		rules = map->filters[o->filter];
	if (!is_own_check(v, map, rules)) {
		v->counts.offences++;
		v->counts.undated += !!(o->flags & OFFENCE_UNDATED);
		v->counts.future += (o->flags & OFFENCE_FUTURE) || o->time > now;
	}
	if (prefixset_has(&v->own->never, &o->addr)) {
		v->counts.spared++;
		return;
	}
	for (uint32_t i = 0; i < rules.n; i++)
		judge_rule(v, map->rules[rules.first + i], o, t, now);
}

void
verdict_ahead(const struct verdict *v, const struct filter_map *map, const struct msg *m, size_t n)
{
	struct tally_source sources[TALLY_AHEAD];
	struct prefix prefixes[BANS_AHEAD];
	size_t k = 0, p = 0;

	for (size_t i = 0; i < n && k < TALLY_AHEAD; i++) {
		const struct msg_offence *o = &m[i].u.offence;
		struct prefix source;
		struct span rules;

		if (m[i].type != MSG_OFFENCE || o->filter >= map->n ||
		    (o->addr.family != 4 && o->addr.family != 6))
			continue;
		rules = map->filters[o->filter];
		source = own_source(v->own, &o->addr);
		if (rules.n > 0 && p < BANS_AHEAD)
			prefixes[p++] = source;
		for (uint32_t r = 0; r < rules.n && k < TALLY_AHEAD; r++) {
			uint16_t rule = map->rules[rules.first + r];

			sources[k++] = (struct tally_source){source, rule};
			if (v->rules->slots[rule].prefix_hosts > 0 && bans_prefixes(v->bans) > 0 &&
			    p < BANS_AHEAD)
				prefixes[p++] = group_prefix(&v->rules->slots[rule], &o->addr);
		}
	}
	tallies_ahead(v->tallies, sources, k);
	bans_ahead(v->bans, prefixes, p);
}

void
verdict_forgive(
    struct verdict *v, const struct filter_map *map, const struct msg_offence *o, usec_t now)
{
	usec_t t = o->time < now ? o->time : now;
	struct span rules;

	if (o->filter >= map->n)
		return;
	rules = map->filters[o->filter];
	for (uint32_t i = 0; i < rules.n; i++) {
		uint16_t rule = map->rules[rules.first + i];
		const struct rule *r = &v->rules->slots[rule];
		struct prefix source = own_source(v->own, &o->addr);

		if (prefixset_touches(&r->never, &source))
			source = prefix_host(&o->addr);
		if (r->alive && r->forgive && tally_forgive(v->tallies, rule, &source, t))
			v->counts.forgiven++;
	}
}

uint32_t
verdict_longest(const struct verdict *v, uint16_t rule, const struct prefix *p, usec_t now)
{
	uint32_t best = BANS_NONE;

	for (uint32_t s = bans_first(v->bans, p); s != BANS_NONE; s = bans_next(v->bans, p, s)) {
		const struct ban *x = bans_get(v->bans, s);

		if (x->rule == rule && ban_holds(x, now) &&
		    (best == BANS_NONE || x->until > bans_get(v->bans, best)->until))
			best = s;
	}
	return best;
}

/* The note of one that stays. */
static void
write_note(struct verdict *v, uint32_t slot, char *note)
{
	struct ban *x = bans_get(v->bans, slot);

	if (!note)
		return;
	free(x->note);
	x->note = note;
	bans_change(v->bans, slot);
}

int
verdict_manual(struct verdict *v, const struct prefix *p, usec_t now, usec_t until,
    const char *note, struct prefix *never, uint32_t *slot)
{
	struct ban x = {
	    .addr = p->addr, .len = p->len, .rule = RULE_MANUAL, .since = now, .until = until};
	uint32_t former = verdict_longest(v, RULE_MANUAL, p, now);
	int r;

	if (forbidden(&v->own->never, p, never))
		return -EPERM;
	x.note = note ? strdup(note) : NULL;
	if (note && !x.note)
		return -ENOMEM;
	*slot = former;
	if (former != BANS_NONE && bans_get(v->bans, former)->until >= until) {
		write_note(v, former, x.note);
		return 0;
	}
	if (former != BANS_NONE)
		x.flags = bans_get(v->bans, former)->flags & BANS_SHARED;
	x.level = level_at(v, RULE_MANUAL, p, false, now);
	x.keep = bans_keep(v->rules->slots[RULE_MANUAL].within);
	if (former == BANS_NONE && is_full(v, now)) {
		v->counts.refused++;
		r = -ENOSPC;
	} else {
		r = add_ban(v, &x, slot);
	}
	if (r < 0) {
		free(x.note);
		return r;
	}
	if (former != BANS_NONE)
		bans_end(v->bans, former, now);
	return 0;
}

/* One of the rule and prefix that lasts as long, or the like in the book. */
static bool
is_known(struct verdict *v, uint16_t rule, const struct prefix *p, const struct verdict_past *past,
    bool dry, uint32_t *slot)
{
	struct verdict_former former;

	for (*slot = bans_first(v->bans, p); *slot != BANS_NONE;
	     *slot = bans_next(v->bans, p, *slot)) {
		const struct ban *x = bans_get(v->bans, *slot);

		if (x->rule == rule && !!(x->flags & BANS_DRY) == dry && ban_end(x) >= past->until)
			return true;
	}
	return v->ops->former && v->ops->former(v->ctx, rule, p, dry, &former) &&
	       former.end >= past->until;
}

int
verdict_adopt(struct verdict *v, uint16_t rule, const struct addr *a,
    const struct verdict_past *past, usec_t now, struct prefix *never, uint32_t *slot)
{
	const struct rule *r = &v->rules->slots[rule];
	const bool holds = past->until > now;
	struct ban x = {.addr = *a,
	    .rule = rule,
	    .since = past->since,
	    .until = past->until,
	    .level = past->level,
	    .points = r->points,
	    .keep = bans_keep(v->keep_formers && r->forget > r->within ? r->forget : r->within),
	    .flags = r->dry_run ? BANS_DRY : 0};
	struct prefix source;
	int e;

	if (!verdict_source(v->own, r, a, &source, never))
		return -EPERM;
	if (is_known(v, rule, &source, past, r->dry_run, slot))
		return 1;
	x.len = source.len;
	/* One that comes beside another of the same host is no other host. */
	if (r->prefix_hosts > 0 && x.len > rule_prefix_len(r, a) &&
	    find_taking(v, rule, &source, now) == BANS_NONE)
		x.group_len = rule_prefix_len(r, a);
	if (holds && !r->dry_run && is_full(v, now)) {
		v->counts.refused++;
		return -ENOSPC;
	}
	e = add_ban(v, &x, slot);
	if (e == 0)
		v->ops->on_ban(v->ctx, *slot);
	return e;
}

bool
verdict_spares(const struct verdict *v, uint16_t rule, const struct prefix *p, struct prefix *never)
{
	return forbidden(&v->own->never, p, never) ||
	       forbidden(&v->rules->slots[rule].never, p, never);
}

int
verdict_foreign(struct verdict *v, uint16_t rule, const struct prefix *p,
    const struct verdict_past *past, char *note, usec_t now, uint32_t *slot)
{
	const struct rule *r = &v->rules->slots[rule];
	struct ban x = {.addr = p->addr,
	    .len = p->len,
	    .rule = rule,
	    .since = past->since,
	    .until = past->until,
	    .level = past->level,
	    .points = 1,
	    .keep = BANS_KEEP,
	    .note = note,
	    .flags = r->dry_run ? BANS_DRY : 0};
	int e;

	*slot = verdict_longest(v, rule, p, now);
	if (*slot != BANS_NONE && bans_extend(v->bans, *slot, past->until)) {
		write_note(v, *slot, note);
		if (v->ops->on_longer)
			v->ops->on_longer(v->ctx, *slot);
		return 0;
	}
	if (!r->dry_run && is_full(v, now))
		return -ENOSPC;
	e = add_ban(v, &x, slot);
	if (e == 0)
		v->ops->on_ban(v->ctx, *slot);
	return e;
}
