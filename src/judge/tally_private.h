/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the parts of the tallies share: tally.c counts and evicts, tally_table.c moves tallies
 * between hash chains and lists, tally_save.c is their side of the book. Nobody else includes this.
 */
#pragma once

#include <stdlib.h>

#include "base/hash.h"
#include "judge/slab.h"
#include "judge/tally_events.h"

#define TALLY_CLEAN (UINT32_MAX - 1) /* not in the chain of changed ones */
#define TALLY_CLASSES                                                                              \
	64 /* shares of a threshold told apart for eviction, exact up to this threshold */

/* 72 bytes. The key is the first 20, hashed as they are. */
struct tally {
	struct addr addr;
	uint8_t len;
	uint16_t rule;
	uint32_t next;         /* of the hash chain */
	uint32_t older, newer; /* of its class, by touch */
	uint32_t changed;      /* next one that the book does not know, or TALLY_CLEAN */
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
	uint32_t tallies;   /* in its lists */
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

static inline struct tally *
tally_at(const struct tallies *t, uint32_t slot)
{
	return slab_item(&t->slab, slot);
}

struct tally tally_key(uint16_t rule, const struct prefix *source);
/* TALLY_NONE when there is none; dead ones are found too. */
uint32_t tally_find(const struct tallies *t, const struct tally *key);
void tally_hash_in(struct tallies *t, uint32_t slot);
void tally_hash_out(struct tallies *t, uint32_t slot);
/* Into and out of the list it belongs to: its class, or the dead. */
void tally_list_in(struct tallies *t, uint32_t slot);
void tally_list_out(struct tallies *t, uint32_t slot);
/* The book does not know it as it is. */
void tally_mark(struct tallies *t, uint32_t slot);
/* Puts a tally that is in no list into the one of its points. */
void tally_settle(struct tallies *t, uint32_t slot);
/* Empties a tally that is in no list; its slot is free once the book has dropped the row. */
void tally_bury(struct tallies *t, uint32_t slot);
/* When no line can reach its last offence any more. */
usec_t tally_over(const struct tallies *t, const struct tally *y);
