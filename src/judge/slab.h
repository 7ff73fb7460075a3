/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Numbered slots for the judge's big tables: items of one size in chunks that never move, so that a
 * slot's number can be its row in the book and growing needs no copy. Comes in and goes out: slot
 * numbers. The first byte of an item in use is not 0 (the family of its address); free items are
 * chained through themselves. Bounded by max.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLAB_NONE  UINT32_MAX
#define SLAB_CHUNK 1024 /* items */

struct slab {
	void **chunks;
	size_t item;     /* bytes, at least 8 */
	uint32_t max;    /* slots there may be */
	uint32_t high;   /* slots ever used */
	uint32_t unused; /* first of the free ones, or SLAB_NONE */
	uint32_t n;      /* in use */
};

/* -ENOMEM. */
int slab_init(struct slab *s, size_t item, uint32_t max);
void slab_fini(struct slab *s);
/* Raises the limit; it is never lowered below what was used. -ENOMEM. */
int slab_limit(struct slab *s, uint32_t max);
/* A zeroed item, whose first byte the caller sets at once. -ENOSPC when full, -ENOMEM. */
int slab_take(struct slab *s, uint32_t *slot);
/* The same for a given slot that lies behind all used ones: -EEXIST when it does not, -ENOSPC. */
int slab_take_at(struct slab *s, uint32_t slot);
void slab_give(struct slab *s, uint32_t slot);

/* slot must be below s->high. */
static inline void *
slab_item(const struct slab *s, uint32_t slot)
{
	return (char *)s->chunks[slot / SLAB_CHUNK] + (slot % SLAB_CHUNK) * s->item;
}

/* NULL for a slot that is free or was never used. */
static inline void *
slab_get(const struct slab *s, uint32_t slot)
{
	char *item;

	if (slot >= s->high)
		return NULL;
	item = slab_item(s, slot);
	return *item ? item : NULL;
}
