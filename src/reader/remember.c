/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/remember.h"

#include <errno.h>

#define NONE UINT16_MAX

/* Entries are on two lists by index: the bucket's, and by age. */
struct entry {
	uint64_t session;
	struct addr addr;
	uint16_t chain; /* next in the bucket */
	uint16_t newer, older;
};

struct remember {
	struct entry *entries;
	uint16_t *buckets;
	uint32_t max, used, mask;
	uint16_t newest, oldest;
	uint64_t evicted;
};

int
remember_new(struct remember **out, uint32_t max)
{
	_cleanup_(remember_freep) struct remember *r = NULL;
	uint32_t buckets = 1;

	if (max < 1 || max > 32768)
		return -EINVAL;
	while (buckets < max)
		buckets *= 2;
	r = calloc(1, sizeof *r);
	if (!r)
		return -ENOMEM;
	r->entries = calloc(max, sizeof *r->entries);
	r->buckets = malloc(buckets * sizeof *r->buckets);
	if (!r->entries || !r->buckets)
		return -ENOMEM;
	for (uint32_t i = 0; i < buckets; i++)
		r->buckets[i] = NONE;
	r->max = max;
	r->mask = buckets - 1;
	r->newest = r->oldest = NONE;
	*out = r;
	r = NULL;
	return 0;
}

void
remember_free(struct remember *r)
{
	if (!r)
		return;
	free(r->entries);
	free(r->buckets);
	free(r);
}

static uint16_t
find(const struct remember *r, uint64_t session)
{
	uint16_t i = r->buckets[session & r->mask];

	while (i != NONE && r->entries[i].session != session)
		i = r->entries[i].chain;
	return i;
}

static void
age_remove(struct remember *r, uint16_t i)
{
	struct entry *e = &r->entries[i];

	*(e->newer == NONE ? &r->newest : &r->entries[e->newer].older) = e->older;
	*(e->older == NONE ? &r->oldest : &r->entries[e->older].newer) = e->newer;
}

static void
age_add(struct remember *r, uint16_t i)
{
	struct entry *e = &r->entries[i];

	e->newer = NONE;
	e->older = r->newest;
	*(r->newest == NONE ? &r->oldest : &r->entries[r->newest].newer) = i;
	r->newest = i;
}

static void
bucket_remove(struct remember *r, uint16_t i)
{
	uint16_t *link = &r->buckets[r->entries[i].session & r->mask];

	while (*link != i)
		link = &r->entries[*link].chain;
	*link = r->entries[i].chain;
}

/* An entry that is on no list: a fresh one, or the oldest. */
static uint16_t
take(struct remember *r)
{
	uint16_t i = r->oldest;

	if (r->used < r->max)
		return r->used++;
	r->evicted++;
	age_remove(r, i);
	bucket_remove(r, i);
	return i;
}

void
remember_put(struct remember *r, uint64_t session, const struct addr *addr)
{
	uint16_t i = find(r, session);

	if (i == NONE) {
		i = take(r);
		r->entries[i].session = session;
		r->entries[i].chain = r->buckets[session & r->mask];
		r->buckets[session & r->mask] = i;
	} else {
		age_remove(r, i);
	}
	r->entries[i].addr = *addr;
	age_add(r, i);
}

bool
remember_get(const struct remember *r, uint64_t session, struct addr *out)
{
	uint16_t i = find(r, session);

	if (i == NONE)
		return false;
	*out = r->entries[i].addr;
	return true;
}

uint64_t
remember_evicted(const struct remember *r)
{
	return r->evicted;
}
