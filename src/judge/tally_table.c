/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "judge/tally_private.h"

static uint32_t *
head_of(const struct tallies *t, const struct tally *y)
{
	return &t->heads[hash_bytes(&t->key, y, KEY_SIZE) & (t->n_heads - 1)];
}

static void
hash_grow(struct tallies *t, uint32_t n)
{
	uint32_t *heads = malloc(n * sizeof(*heads));

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

void
tallies_expect(struct tallies *t, uint32_t n)
{
	uint32_t heads = t->n_heads;

	if (n > t->slab.max)
		n = t->slab.max;
	while (n > heads)
		heads *= 2;
	if (heads > t->n_heads)
		hash_grow(t, heads);
}

void
tally_hash_in(struct tallies *t, uint32_t slot)
{
	struct tally *y = tally_at(t, slot);
	uint32_t *head = head_of(t, y);

	y->next = *head;
	*head = slot;
	if (t->slab.n > t->n_heads)
		hash_grow(t, t->n_heads * 2);
}

void
tally_hash_out(struct tallies *t, uint32_t slot)
{
	uint32_t *link = head_of(t, tally_at(t, slot));

	while (*link != slot)
		link = &tally_at(t, *link)->next;
	*link = tally_at(t, slot)->next;
}

struct tally
tally_key(uint16_t rule, const struct prefix *source)
{
	return (struct tally){.addr = source->addr, .len = source->len, .rule = rule};
}

uint32_t
tally_find(const struct tallies *t, const struct tally *key)
{
	uint32_t slot = *head_of(t, key);

	while (slot != TALLY_NONE && memcmp(tally_at(t, slot), key, KEY_SIZE) != 0)
		slot = tally_at(t, slot)->next;
	return slot;
}

void
tallies_ahead(const struct tallies *t, const struct tally_source *sources, size_t n)
{
	const uint32_t *heads[TALLY_AHEAD];

	if (n > TALLY_AHEAD)
		n = TALLY_AHEAD;
	for (size_t i = 0; i < n; i++) {
		const struct tally key = tally_key(sources[i].rule, &sources[i].source);

		heads[i] = head_of(t, &key);
		__builtin_prefetch(heads[i]);
	}
	for (size_t i = 0; i < n; i++)
		if (*heads[i] != TALLY_NONE)
			__builtin_prefetch(tally_at(t, *heads[i]));
}

/* --- the lists of classes --- */

static struct list *
list_of(struct tallies *t, const struct tally *y)
{
	return y->events.n == 0 ? &t->dead : &t->rules[y->rule].lists[y->class];
}

void
tally_list_in(struct tallies *t, uint32_t slot)
{
	struct tally *y = tally_at(t, slot);
	struct list *l = list_of(t, y);

	t->rules[y->rule].tallies += y->events.n > 0;
	y->older = l->newest;
	y->newer = TALLY_NONE;
	if (l->newest == TALLY_NONE)
		l->oldest = slot;
	else
		tally_at(t, l->newest)->newer = slot;
	l->newest = slot;
}

void
tally_list_out(struct tallies *t, uint32_t slot)
{
	struct tally *y = tally_at(t, slot);
	struct list *l = list_of(t, y);

	t->rules[y->rule].tallies -= y->events.n > 0;
	if (y->older == TALLY_NONE)
		l->oldest = y->newer;
	else
		tally_at(t, y->older)->newer = y->newer;
	if (y->newer == TALLY_NONE)
		l->newest = y->older;
	else
		tally_at(t, y->newer)->older = y->older;
}

static uint16_t
class_of(const struct counting *c, uint32_t points)
{
	uint64_t class = points;

	if (c->points > TALLY_CLASSES)
		class = (uint64_t)points * TALLY_CLASSES / c->points;
	return (uint16_t)(class < c->classes ? class : c->classes - 1);
}

usec_t
tally_over(const struct tallies *t, const struct tally *y)
{
	return events_last(&y->events) + 2 * t->rules[y->rule].within;
}

void
tally_mark(struct tallies *t, uint32_t slot)
{
	struct tally *y = tally_at(t, slot);

	if (y->changed != TALLY_CLEAN)
		return;
	y->changed = t->changed;
	t->changed = slot;
}

void
tally_settle(struct tallies *t, uint32_t slot)
{
	struct tally *y = tally_at(t, slot);
	const struct counting *c = &t->rules[y->rule];
	usec_t over;

	y->class = class_of(c, events_points(&y->events, c->within));
	tally_list_in(t, slot);
	over = tally_over(t, y);
	if (over < t->next_expiry)
		t->next_expiry = over;
}

void
tally_bury(struct tallies *t, uint32_t slot)
{
	struct tally *y = tally_at(t, slot);

	t->events -= y->events.n;
	events_clear(&y->events);
	tally_list_in(t, slot);
	t->n_dead++;
	tally_mark(t, slot);
}
