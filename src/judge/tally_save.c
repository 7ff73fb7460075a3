/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "judge/tally_private.h"

uint32_t
tallies_changed_first(const struct tallies *t)
{
	return t->changed;
}

uint32_t
tallies_changed_next(const struct tallies *t, uint32_t slot)
{
	return tally_at(t, slot)->changed;
}

void
tallies_view(struct tallies *t, uint32_t slot, struct tally_view *out)
{
	const struct tally *y = tally_at(t, slot);

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
		struct tally *y = tally_at(t, slot);
		uint32_t next = y->changed;

		y->changed = TALLY_CLEAN;
		if (y->events.n == 0) {
			tally_list_out(t, slot);
			t->n_dead--;
			tally_hash_out(t, slot);
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
			tally_mark(t, i);
}

int
tallies_restore(struct tallies *t, uint32_t slot, const struct tally_view *v, usec_t now)
{
	struct tally key = tally_key(v->rule, &v->source);
	bool placed = false;
	int r;

	if (v->rule >= t->n_rules || t->rules[v->rule].classes == 0 || v->n == 0 ||
	    tally_find(t, &key) != TALLY_NONE)
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
	key.changed = TALLY_CLEAN;
	*tally_at(t, slot) = key;
	tally_hash_in(t, slot);
	tally_settle(t, slot);
	t->events += v->n;
	if (!placed)
		tally_mark(t, slot);
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
		tally_list_out(t, all[i].slot);
		tally_list_in(t, all[i].slot);
	}
	return 0;
}
