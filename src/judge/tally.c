/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "judge/tally_private.h"

#define HEADS_FIRST 256
#define EXPIRE_SOME 16   /* dropped per offence at most */
#define EXPIRE_MANY 1024 /* and when a slot is needed */

static const struct list empty_list = {TALLY_NONE, TALLY_NONE};

int
tallies_new(struct tallies **out, uint32_t max)
{
	struct tallies *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->key = hash_key_random();
	t->dead = empty_list;
	t->changed = TALLY_NONE;
	t->next_expiry = USEC_NEVER;
	t->n_heads = HEADS_FIRST;
	t->heads = malloc(t->n_heads * sizeof(*t->heads));
	if (!t->heads || slab_init(&t->slab, sizeof(struct tally), max) < 0) {
		tallies_free(t);
		return -ENOMEM;
	}
	memset(t->heads, 0xff, t->n_heads * sizeof(*t->heads));
	*out = t;
	return 0;
}

void
tallies_free(struct tallies *t)
{
	if (!t)
		return;
	for (uint32_t i = 0; i < t->slab.high; i++) {
		struct tally *y = slab_get(&t->slab, i);

		if (y)
			events_clear(&y->events);
	}
	slab_fini(&t->slab);
	for (uint16_t i = 0; i < t->n_rules; i++)
		free(t->rules[i].lists);
	free(t->rules);
	free(t->order);
	free(t->heads);
	free(t);
}

int
tallies_limit(struct tallies *t, uint32_t max)
{
	return slab_limit(&t->slab, max);
}

/* --- what gives way --- */

static void
drop(struct tallies *t, uint32_t slot)
{
	tally_list_out(t, slot);
	tally_bury(t, slot);
}

/* Drops up to *budget of one class that are over; returns when the next one is. */
static usec_t
expire_class(struct tallies *t, const struct place *p, usec_t now, uint32_t *budget)
{
	struct list *l = &t->rules[p->rule].lists[p->class];

	while (l->oldest != TALLY_NONE) {
		usec_t over = tally_over(t, tally_at(t, l->oldest));

		if (over >= now || *budget == 0)
			return over;
		drop(t, l->oldest);
		--*budget;
	}
	return USEC_NEVER;
}

/* One class per offence, in turn; a class that has much to drop is stayed with. */
static void
expire_some(struct tallies *t, usec_t now)
{
	uint32_t budget = EXPIRE_SOME;

	if (t->n_order == 0)
		return;
	expire_class(t, &t->order[t->turn % t->n_order], now, &budget);
	if (budget > 0)
		t->turn++;
}

static void
expire_all(struct tallies *t, usec_t now)
{
	usec_t next = USEC_NEVER;
	uint32_t budget = EXPIRE_MANY;

	if (t->next_expiry >= now)
		return;
	for (uint32_t i = 0; i < t->n_order; i++) {
		usec_t over = expire_class(t, &t->order[i], now, &budget);

		if (over < next)
			next = over;
	}
	t->next_expiry = next;
}

static bool
evict(struct tallies *t)
{
	for (uint32_t i = 0; i < t->n_order; i++) {
		struct list *l = &t->rules[t->order[i].rule].lists[t->order[i].class];

		if (l->oldest != TALLY_NONE) {
			drop(t, l->oldest);
			t->evicted++;
			return true;
		}
	}
	return false;
}

/*
 * A slot for a new tally: unused, else of a dead one (its row in the book is written over), one
 * that never was, of an expired one, of the farthest one.
 */
static int
acquire(struct tallies *t, const struct tally *key, usec_t now, uint32_t *slot)
{
	bool reuse = t->slab.unused == SLAB_NONE && t->dead.oldest != TALLY_NONE;
	int r = reuse ? -ENOSPC : slab_take(&t->slab, slot);
	uint32_t changed = TALLY_CLEAN;

	if (r == -ENOSPC) {
		if (t->dead.oldest == TALLY_NONE)
			expire_all(t, now);
		if (t->dead.oldest == TALLY_NONE && !evict(t))
			return -ENOSPC;
		*slot = t->dead.oldest;
		tally_list_out(t, *slot);
		t->n_dead--;
		tally_hash_out(t, *slot);
		changed = tally_at(t, *slot)->changed;
	} else if (r < 0) {
		return r;
	}
	*tally_at(t, *slot) = *key;
	tally_at(t, *slot)->changed = changed;
	tally_hash_in(t, *slot);
	return 0;
}

/* --- counting --- */

/* The slot of a source, taken out of its list; a new one where *slot is none. */
static int
pick(struct tallies *t, const struct tally *key, usec_t now, uint32_t *slot)
{
	if (*slot == TALLY_NONE)
		return acquire(t, key, now, slot);
	if (tally_at(t, *slot)->events.n == 0)
		t->n_dead--;
	tally_list_out(t, *slot);
	return 0;
}

int
tally_add(struct tallies *t, uint16_t rule, const struct prefix *source,
    const struct tally_event *e, usec_t now, struct tally_sum *out)
{
	const struct tally key = tally_key(rule, source);
	const struct counting *c = &t->rules[rule];
	uint32_t slot, before, index;
	struct tally *y;
	int r;

	expire_some(t, now);
	slot = tally_find(t, &key);
	if (e->points >= c->points && (slot == TALLY_NONE || tally_at(t, slot)->events.n == 0)) {
		*out = (struct tally_sum){.reached = true, .points = e->points, .at = e->time};
		return 0;
	}
	r = pick(t, &key, now, &slot);
	if (r < 0)
		return r;
	y = tally_at(t, slot);
	before = y->events.n;
	r = events_insert(&y->events, e, c->within, c->distinct, &index);
	t->events += y->events.n - (uint64_t)before;
	if (r < 0) {
		if (y->events.n == 0)
			tally_bury(t, slot);
		else
			tally_list_in(t, slot);
		return r;
	}
	events_sum(&y->events, index, c->points, c->within, out);
	tally_mark(t, slot);
	if (out->reached)
		tally_bury(t, slot);
	else
		tally_settle(t, slot);
	while (t->events > (uint64_t)t->slab.max * EVENTS_PER_TALLY && evict(t))
		continue;
	return 0;
}

bool
tally_forgive(struct tallies *t, uint16_t rule, const struct prefix *source, usec_t time)
{
	const struct tally key = tally_key(rule, source);
	uint32_t slot = tally_find(t, &key), before;
	struct tally *y;

	if (slot == TALLY_NONE || tally_at(t, slot)->events.n == 0)
		return false;
	y = tally_at(t, slot);
	before = y->events.n;
	if (events_last(&y->events) <= time) {
		drop(t, slot);
		return true;
	}
	tally_list_out(t, slot);
	events_forget(&y->events, time + 1);
	t->events -= before - y->events.n;
	tally_settle(t, slot);
	if (before != y->events.n)
		tally_mark(t, slot);
	return before != y->events.n;
}

uint32_t
tally_points(struct tallies *t, uint16_t rule, const struct prefix *source)
{
	const struct tally key = tally_key(rule, source);
	uint32_t slot = tally_find(t, &key);

	if (slot == TALLY_NONE || tally_at(t, slot)->events.n == 0)
		return 0;
	return events_points(&tally_at(t, slot)->events, t->rules[rule].within);
}

uint32_t
tallies_count(const struct tallies *t)
{
	return t->slab.n - t->n_dead;
}

uint32_t
tallies_of_rule(const struct tallies *t, uint16_t rule)
{
	return rule < t->n_rules ? t->rules[rule].tallies : 0;
}

uint64_t
tallies_events(const struct tallies *t)
{
	return t->events;
}

uint64_t
tallies_evicted(const struct tallies *t)
{
	return t->evicted;
}

uint32_t
tallies_max(const struct tallies *t)
{
	return t->slab.max;
}

/* --- rules --- */

/* a/b of its threshold, the smaller share first; then by rule, so that the order is always the
 * same. */
static int
compare_places(const void *a, const void *b, void *arg)
{
	const struct place *x = a, *y = b;
	const struct tallies *t = arg;
	uint64_t left = (uint64_t)x->class * t->rules[y->rule].classes;
	uint64_t right = (uint64_t)y->class * t->rules[x->rule].classes;

	if (left != right)
		return left < right ? -1 : 1;
	return (x->rule > y->rule) - (x->rule < y->rule);
}

static int
make_order(struct tallies *t)
{
	struct place *order;
	uint32_t n = 0;

	for (uint16_t i = 0; i < t->n_rules; i++)
		n += t->rules[i].classes;
	order = calloc(n + 1, sizeof(*order));
	if (!order)
		return -ENOMEM;
	n = 0;
	for (uint16_t i = 0; i < t->n_rules; i++)
		for (uint32_t k = 0; k < t->rules[i].classes; k++)
			order[n++] = (struct place){i, (uint16_t)k};
	qsort_r(order, n, sizeof(*order), compare_places, t);
	free(t->order);
	t->order = order;
	t->n_order = n;
	t->next_expiry = INT64_MIN;
	return 0;
}

static int
make_rules(struct tallies *t, uint16_t n)
{
	struct counting *rules = reallocarray(t->rules, n, sizeof(*rules));

	if (!rules)
		return -ENOMEM;
	memset(rules + t->n_rules, 0, (n - t->n_rules) * sizeof(*rules));
	t->rules = rules;
	t->n_rules = n;
	return 0;
}

/* Moves a rule's tallies from its former lists into new ones. */
static void
relist(struct tallies *t, const struct list *old, uint32_t classes)
{
	for (uint32_t i = 0; i < classes; i++) {
		for (uint32_t slot = old[i].oldest; slot != TALLY_NONE;) {
			uint32_t newer = tally_at(t, slot)->newer;

			tally_settle(t, slot);
			slot = newer;
		}
	}
}

int
tallies_rule(struct tallies *t, uint16_t rule, uint32_t points, usec_t within, bool distinct)
{
	struct counting *c;
	struct list *old;
	uint32_t n_old, n = points < TALLY_CLASSES ? points : TALLY_CLASSES;

	if (rule >= t->n_rules && make_rules(t, (uint16_t)(rule + 1)) < 0)
		return -ENOMEM;
	c = &t->rules[rule];
	old = c->lists;
	n_old = c->classes;
	c->lists = calloc(n, sizeof(*c->lists));
	if (!c->lists) {
		c->lists = old;
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < n; i++)
		c->lists[i] = empty_list;
	c->points = points;
	c->tallies = 0;
	c->classes = n;
	c->within = within;
	c->distinct = distinct;
	relist(t, old, n_old);
	free(old);
	return make_order(t);
}

void
tallies_drop_rule(struct tallies *t, uint16_t rule)
{
	if (rule >= t->n_rules)
		return;
	for (uint32_t i = 0; i < t->rules[rule].classes; i++)
		while (t->rules[rule].lists[i].oldest != TALLY_NONE)
			drop(t, t->rules[rule].lists[i].oldest);
}
