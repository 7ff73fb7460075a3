/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the parts of the table of bans share: bans.c is the table and its indexes by prefix,
 * bans_heap.c the order by ends and the counts. Nobody else includes this.
 */
#pragma once

#include "base/hash.h"
#include "judge/bans.h"
#include "judge/slab.h"

struct heap {
	uint32_t *slots;
	uint32_t n, room;
};

struct bans {
	struct slab slab;
	struct hash_key key;
	uint32_t *heads;  /* by prefix */
	uint32_t *groups; /* by rule and the prefix of group_len */
	uint32_t n_heads;
	uint32_t prefixes; /* bans with BANS_PREFIX */
	struct heap held, dry, late;
	struct bans_counts *rules; /* by rule */
	uint32_t n_rules;
	uint32_t inside; /* those that hold and are in the kernel's present table */
	uint8_t epoch;   /* of that table */
	uint32_t changed, changed_last;
};

static inline struct ban *
bans_at(const struct bans *b, uint32_t slot)
{
	return slab_item(&b->slab, slot);
}

/* The heap of a ban with these flags. */
struct heap *bans_heap(struct bans *b, const struct ban *x);
/* Room for one more with these flags and this rule, so that bans_heap_in cannot fail. -ENOMEM. */
int bans_heap_room(struct bans *b, const struct ban *x);
void bans_heap_in(struct bans *b, uint32_t slot);
void bans_heap_out(struct bans *b, uint32_t slot);
/* Its end has changed. */
void bans_heap_again(struct bans *b, uint32_t slot);
/* When no line can reach it any more. */
usec_t bans_out_of_reach(const struct ban *x);
