/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "prover/world_sets.h"

#include "prover/fib.h"

struct kept_set {
	struct set_key key;
	struct addr_set set;
};

static bool
same_key(const struct set_key *x, const struct set_key *y)
{
	return x->kind == y->kind && x->family == y->family && x->a == y->a && x->b == y->b &&
	       x->c == y->c && addr_equal(&x->other, &y->other);
}

static void
add_range(struct arena *a, struct list *l, u128 lo, u128 hi)
{
	struct range *last = l->n ? (struct range *)l->items + l->n - 1 : NULL;

	if (last && last->hi + 1 == lo) {
		last->hi = hi;
		return;
	}
	last = list_add(a, l, sizeof(*last));
	*last = (struct range){lo, hi};
}

static const struct ranges *
as_ranges(struct arena *a, const struct list *l)
{
	struct ranges *r = arena_alloc(a, sizeof(*r));

	*r = (struct ranges){.v = l->items, .n = (uint32_t)l->n};
	return r;
}

static struct addr_set
sweep(const struct world *w, uint8_t family, set_test test, const void *ctx)
{
	const struct fib_family *f = fib_family(w->fib, family);
	struct list may = {0}, must = {0};
	struct addr_set s = {0};
	bool exact = true;

	for (uint32_t i = 0; i < f->n_bounds; i++) {
		u128 lo = f->bounds[i];
		u128 hi = i + 1 < f->n_bounds ? f->bounds[i + 1] - 1 : family_last(family);
		const char *why = NULL;
		int r = test(w, ctx, lo, &why);

		if (r)
			add_range(w->arena, &may, lo, hi);
		if (r > 0)
			add_range(w->arena, &must, lo, hi);
		if (r < 0 && exact) {
			exact = false;
			s.why = why;
		}
	}
	s.may = as_ranges(w->arena, &may);
	s.must = exact ? s.may : as_ranges(w->arena, &must);
	return s;
}

struct addr_set
world_sweep(const struct world *w, const struct set_key *key, set_test test, const void *ctx)
{
	struct list *cache = &w->fib->cache;
	const struct kept_set *v = cache->items;
	struct addr_set s;

	for (size_t i = 0; i < cache->n; i++)
		if (same_key(&v[i].key, key))
			return v[i].set;
	s = sweep(w, key->family, test, ctx);
	if (cache->n < SETS_KEPT) {
		struct kept_set *new = list_add(w->arena, cache, sizeof(*new));

		new->key = *key;
		new->set = s;
	}
	return s;
}
