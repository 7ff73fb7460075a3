/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "judge/tally.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "judge/slab.h"
#include "judge/tally_events.h"

#define CLASSES_MAX 64 /* shares of a threshold told apart for eviction, exact up to this threshold */
#define CLEAN       (UINT32_MAX - 1)
#define HEADS_FIRST 256
#define EXPIRE_SOME 16   /* dropped per offence at most */
#define EXPIRE_MANY 1024 /* and when a slot is needed */

/* 72 bytes. The key is the first 20, hashed as they are. */
struct tally {
	struct addr addr;
	uint8_t len;
	uint16_t rule;
	uint32_t next;	       /* of the hash chain */
	uint32_t older, newer; /* of its class, by touch */
	uint32_t changed;      /* next one that the book does not know, or CLEAN */
	uint16_t class;
	struct tally_events events;
};
#define KEY_SIZE 20
_Static_assert(offsetof(struct tally, next) == KEY_SIZE, "the key has no padding");

struct list {
	uint32_t oldest, newest;
};

struct counting {
	uint32_t points, classes;
	usec_t within;
	bool distinct;
	struct list *lists; /* by class */
};

struct place {
	uint16_t rule, class;
};

struct tallies {
	struct slab slab;
	struct hash_key key;
	uint32_t *heads, n_heads;
	struct counting *rules;
	uint16_t n_rules;
	struct place *order; /* all classes, the farthest from their threshold first */
	uint32_t n_order, turn;
	struct list dead; /* gone, but the book still has them */
	uint32_t changed, n_dead;
	usec_t next_expiry; /* nothing is over before */
	uint64_t events, evicted;
};

static const struct list empty_list = {TALLY_NONE, TALLY_NONE};

static struct tally *
at(const struct tallies *t, uint32_t slot)
{
	return slab_item(&t->slab, slot);
}

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

/* --- the hash table --- */

static uint32_t *
head_of(const struct tallies *t, const struct tally *y)
{
	return &t->heads[hash_bytes(&t->key, y, KEY_SIZE) & (t->n_heads - 1)];
}

static void
hash_grow(struct tallies *t)
{
	uint32_t n = t->n_heads * 2, *heads = malloc(n * sizeof(*heads));

	if (!heads)
		return; /* the chains are longer, nothing else */
	memset(heads, 0xff, n * sizeof(*heads));
	free(t->heads);
	t->heads = heads;
	t->n_heads = n;
	for (uint32_t i = 0; i < t->slab.high; i++) {
		struct tally *y = slab_get(&t->slab, i);

		if (y) {
			uint32_t *head = head_of(t, y);

			y->next = *head;
			*head = i;
		}
	}
}

static void
hash_in(struct tallies *t, uint32_t slot)
{
	struct tally *y = at(t, slot);
	uint32_t *head = head_of(t, y);

	y->next = *head;
	*head = slot;
	if (t->slab.n > 2 * t->n_heads)
		hash_grow(t);
}

static void
hash_out(struct tallies *t, uint32_t slot)
{
	uint32_t *link = head_of(t, at(t, slot));

	while (*link != slot)
		link = &at(t, *link)->next;
	*link = at(t, slot)->next;
}

static struct tally
make_key(uint16_t rule, const struct prefix *source)
{
	return (struct tally){.addr = source->addr, .len = source->len, .rule = rule};
}

static uint32_t
find(const struct tallies *t, const struct tally *key)
{
	uint32_t slot = *head_of(t, key);

	while (slot != TALLY_NONE && memcmp(at(t, slot), key, KEY_SIZE) != 0)
		slot = at(t, slot)->next;
	return slot;
}

/* --- the lists of classes --- */

static struct list *
list_of(struct tallies *t, const struct tally *y)
{
	return y->events.n == 0 ? &t->dead : &t->rules[y->rule].lists[y->class];
}

static void
list_in(struct tallies *t, uint32_t slot)
{
	struct tally *y = at(t, slot);
	struct list *l = list_of(t, y);

	y->older = l->newest;
	y->newer = TALLY_NONE;
	if (l->newest == TALLY_NONE)
		l->oldest = slot;
	else
		at(t, l->newest)->newer = slot;
	l->newest = slot;
}

static void
list_out(struct tallies *t, uint32_t slot)
{
	struct tally *y = at(t, slot);
	struct list *l = list_of(t, y);

	if (y->older == TALLY_NONE)
		l->oldest = y->newer;
	else
		at(t, y->older)->newer = y->newer;
	if (y->newer == TALLY_NONE)
		l->newest = y->older;
	else
		at(t, y->newer)->older = y->older;
}

static uint16_t
class_of(const struct counting *c, uint32_t points)
{
	uint64_t class = points;

	if (c->points > CLASSES_MAX)
		class = (uint64_t)points * CLASSES_MAX / c->points;
	return (uint16_t)(class < c->classes ? class : c->classes - 1);
}

static usec_t
over_at(const struct tallies *t, const struct tally *y)
{
	return events_last(&y->events) + 2 * t->rules[y->rule].within;
}

static void
mark_changed(struct tallies *t, uint32_t slot)
{
	struct tally *y = at(t, slot);

	if (y->changed != CLEAN)
		return;
	y->changed = t->changed;
	t->changed = slot;
}

/* Puts a tally that is in no list into the right one. */
static void
settle(struct tallies *t, uint32_t slot)
{
	struct tally *y = at(t, slot);
	const struct counting *c = &t->rules[y->rule];
	usec_t over;

	y->class = class_of(c, events_points(&y->events, c->within));
	list_in(t, slot);
	over = over_at(t, y);
	if (over < t->next_expiry)
		t->next_expiry = over;
}

/* Empties a tally that is in no list; its slot is free once the book has dropped the row. */
static void
bury(struct tallies *t, uint32_t slot)
{
	struct tally *y = at(t, slot);

	t->events -= y->events.n;
	events_clear(&y->events);
	list_in(t, slot);
	t->n_dead++;
	mark_changed(t, slot);
}

static void
drop(struct tallies *t, uint32_t slot)
{
	list_out(t, slot);
	bury(t, slot);
}

/* --- what gives way --- */

/* Drops up to *budget of one class that are over; returns when the next one is. */
static usec_t
expire_class(struct tallies *t, const struct place *p, usec_t now, uint32_t *budget)
{
	struct list *l = &t->rules[p->rule].lists[p->class];

	while (l->oldest != TALLY_NONE) {
		usec_t over = over_at(t, at(t, l->oldest));

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

/* A slot for a new tally: unused, else of a dead one, an expired one, the farthest one. */
static int
acquire(struct tallies *t, const struct tally *key, usec_t now, uint32_t *slot)
{
	int r = slab_take(&t->slab, slot);
	uint32_t changed = CLEAN;

	if (r == -ENOSPC) {
		if (t->dead.oldest == TALLY_NONE)
			expire_all(t, now);
		if (t->dead.oldest == TALLY_NONE && !evict(t))
			return -ENOSPC;
		*slot = t->dead.oldest;
		list_out(t, *slot);
		t->n_dead--;
		hash_out(t, *slot);
		changed = at(t, *slot)->changed;
	} else if (r < 0) {
		return r;
	}
	*at(t, *slot) = *key;
	at(t, *slot)->changed = changed;
	hash_in(t, *slot);
	return 0;
}

/* --- counting --- */

/* The slot of a source, taken out of its list. */
static int
pick(struct tallies *t, const struct tally *key, usec_t now, uint32_t *slot)
{
	*slot = find(t, key);
	if (*slot == TALLY_NONE)
		return acquire(t, key, now, slot);
	if (at(t, *slot)->events.n == 0)
		t->n_dead--;
	list_out(t, *slot);
	return 0;
}

int
tally_add(struct tallies *t, uint16_t rule, const struct prefix *source,
    const struct tally_event *e, usec_t now, struct tally_sum *out)
{
	const struct tally key = make_key(rule, source);
	const struct counting *c = &t->rules[rule];
	uint32_t slot, before, index;
	struct tally *y;
	int r;

	expire_some(t, now);
	r = pick(t, &key, now, &slot);
	if (r < 0)
		return r;
	y = at(t, slot);
	before = y->events.n;
	r = events_insert(&y->events, e, c->within, c->distinct, &index);
	t->events += y->events.n - (uint64_t)before;
	if (r < 0) {
		if (y->events.n == 0)
			bury(t, slot);
		else
			list_in(t, slot);
		return r;
	}
	events_sum(&y->events, index, c->points, c->within, out);
	mark_changed(t, slot);
	if (out->reached)
		bury(t, slot);
	else
		settle(t, slot);
	while (t->events > (uint64_t)t->slab.max * EVENTS_PER_TALLY && evict(t))
		continue;
	return 0;
}

bool
tally_forgive(struct tallies *t, uint16_t rule, const struct prefix *source, usec_t time)
{
	const struct tally key = make_key(rule, source);
	uint32_t slot = find(t, &key), before;
	struct tally *y;

	if (slot == TALLY_NONE || at(t, slot)->events.n == 0)
		return false;
	y = at(t, slot);
	before = y->events.n;
	if (events_last(&y->events) <= time) {
		drop(t, slot);
		return true;
	}
	list_out(t, slot);
	events_forget(&y->events, time + 1);
	t->events -= before - y->events.n;
	settle(t, slot);
	if (before != y->events.n)
		mark_changed(t, slot);
	return before != y->events.n;
}

uint32_t
tally_points(struct tallies *t, uint16_t rule, const struct prefix *source)
{
	const struct tally key = make_key(rule, source);
	uint32_t slot = find(t, &key);

	if (slot == TALLY_NONE || at(t, slot)->events.n == 0)
		return 0;
	return events_points(&at(t, slot)->events, t->rules[rule].within);
}

uint32_t
tallies_count(const struct tallies *t)
{
	return t->slab.n - t->n_dead;
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

/* a/b of its threshold, the smaller share first; then by rule, so that the order is always the same. */
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
			uint32_t newer = at(t, slot)->newer;

			settle(t, slot);
			slot = newer;
		}
	}
}

int
tallies_rule(struct tallies *t, uint16_t rule, uint32_t points, usec_t within, bool distinct)
{
	struct counting *c;
	struct list *old;
	uint32_t n_old, n = points < CLASSES_MAX ? points : CLASSES_MAX;

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

/* --- for the book --- */

uint32_t
tallies_changed_first(const struct tallies *t)
{
	return t->changed;
}

uint32_t
tallies_changed_next(const struct tallies *t, uint32_t slot)
{
	return at(t, slot)->changed;
}

void
tallies_view(struct tallies *t, uint32_t slot, struct tally_view *out)
{
	const struct tally *y = at(t, slot);

	*out = (struct tally_view){.rule = y->rule,
	    .source = {y->addr, y->len},
	    .events = events_first(&y->events),
	    .n = y->events.n};
}

void
tallies_saved(struct tallies *t)
{
	uint32_t slot = t->changed;

	t->changed = TALLY_NONE;
	while (slot != TALLY_NONE) {
		struct tally *y = at(t, slot);
		uint32_t next = y->changed;

		y->changed = CLEAN;
		if (y->events.n == 0) {
			list_out(t, slot);
			t->n_dead--;
			hash_out(t, slot);
			slab_give(&t->slab, slot);
		}
		slot = next;
	}
}

void
tallies_change_all(struct tallies *t)
{
	for (uint32_t i = 0; i < t->slab.high; i++)
		if (slab_get(&t->slab, i))
			mark_changed(t, i);
}

int
tallies_restore(struct tallies *t, uint32_t slot, const struct tally_view *v, usec_t now)
{
	struct tally key = make_key(v->rule, &v->source);
	bool placed = false;
	int r;

	if (v->rule >= t->n_rules || t->rules[v->rule].classes == 0 || v->n == 0 ||
	    find(t, &key) != TALLY_NONE)
		return -EINVAL;
	if (v->events[v->n - 1].time + 2 * t->rules[v->rule].within < now)
		return -ESTALE;
	r = slab_take_at(&t->slab, slot);
	if (r == 0)
		placed = true;
	else
		r = slab_take(&t->slab, &slot);
	if (r < 0)
		return r;
	r = events_copy(&key.events, v->events, v->n);
	if (r < 0) {
		slab_give(&t->slab, slot);
		return r;
	}
	key.changed = CLEAN;
	*at(t, slot) = key;
	hash_in(t, slot);
	settle(t, slot);
	t->events += v->n;
	if (!placed)
		mark_changed(t, slot);
	return 0;
}

struct aged {
	usec_t last;
	uint32_t slot;
};

static int
compare_aged(const void *a, const void *b)
{
	const struct aged *x = a, *y = b;

	if (x->last != y->last)
		return x->last < y->last ? -1 : 1;
	return (x->slot > y->slot) - (x->slot < y->slot);
}

int
tallies_restored(struct tallies *t)
{
	_cleanup_(freep) struct aged *all = calloc((size_t)t->slab.n + 1, sizeof(*all));
	uint32_t n = 0;

	if (!all)
		return -ENOMEM;
	for (uint32_t i = 0; i < t->slab.high; i++) {
		struct tally *y = slab_get(&t->slab, i);

		if (y && y->events.n > 0)
			all[n++] = (struct aged){events_last(&y->events), i};
	}
	qsort(all, n, sizeof(*all), compare_aged);
	for (uint32_t i = 0; i < n; i++) {
		list_out(t, all[i].slot);
		list_in(t, all[i].slot);
	}
	return 0;
}
