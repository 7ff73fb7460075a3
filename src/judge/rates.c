/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "judge/rates.h"

#include <stdlib.h>

#define SIZE_FIRST 64
#define SWEEP_EVERY                                                                                \
	USEC_PER_SEC /* while there are too many: a look at all of them is not cheap               \
		      */

struct rates_bucket {
	uint64_t key;
	usec_t full; /* 0: free */
};

bool
rate_take(usec_t *full, const struct rate_limit *l, usec_t now)
{
	usec_t from = *full > now ? *full : now;

	if (from + l->every > now + l->room)
		return false;
	*full = from + l->every;
	return true;
}

void
rates_fini(struct rates *r)
{
	free(r->buckets);
	*r = (struct rates){0};
}

/* The bucket of key, or the free one where it belongs. */
static struct rates_bucket *
find(const struct rates *r, uint64_t key)
{
	size_t i = key & (r->size - 1);

	while (r->buckets[i].full && r->buckets[i].key != key)
		i = (i + 1) & (r->size - 1);
	return &r->buckets[i];
}

static size_t
count_live(const struct rates *r, usec_t now)
{
	size_t n = 0;

	for (size_t i = 0; i < r->size; i++)
		n += r->buckets[i].full > now;
	return n;
}

/* Anew, without those that are full again. */
static bool
sweep(struct rates *r, usec_t now)
{
	struct rates next = {.n = count_live(r, now), .size = SIZE_FIRST, .swept = now};

	while (next.size < 4 * next.n)
		next.size *= 2;
	next.buckets = calloc(next.size, sizeof(*next.buckets));
	if (!next.buckets)
		return false;
	for (size_t i = 0; i < r->size; i++)
		if (r->buckets[i].full > now)
			*find(&next, r->buckets[i].key) = r->buckets[i];
	free(r->buckets);
	*r = next;
	return true;
}

bool
rates_take(struct rates *r, uint64_t key, const struct rate_limit *l, usec_t now)
{
	struct rates_bucket *b;

	if (2 * r->n >= r->size && !sweep(r, now))
		return false;
	if (r->n >= RATES_MAX && now - r->swept >= SWEEP_EVERY && !sweep(r, now))
		return false;
	b = find(r, key);
	if (!b->full) {
		if (r->n >= RATES_MAX)
			return false;
		*b = (struct rates_bucket){key, now};
		r->n++;
	}
	return rate_take(&b->full, l, now);
}
