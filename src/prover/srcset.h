/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Sets of source addresses as sorted, disjoint, inclusive ranges: struct ranges is a fixed array
 * (a literal of the ruleset, read often), struct srcset one that is cut and joined all the time.
 * Numbers are in host order; IPv4 uses the low 32 bits. A srcset shares its chunks with its copies
 * until one is written, so that a copy costs a pointer per chunk, and cutting a few ranges out of
 * hundreds of thousands touches a few chunks. Growth that fails aborts (the prover's memory limit).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/cleanup.h"

typedef unsigned __int128 u128;

struct range {
	u128 lo, hi; /* inclusive */
};

struct ranges {
	struct range *v;
	uint32_t n;
	bool owned; /* v is freed by ranges_fini */
};

u128 addr_number(const struct addr *a);
struct addr number_addr(uint8_t family, u128 n);
/* The last address of a family: 2^32-1 or 2^128-1. */
u128 family_last(uint8_t family);
struct range prefix_range(const struct prefix *p);

/* Sorts and joins (also neighbours) in place; the new count. */
uint32_t ranges_tidy(struct range *v, uint32_t n);
void ranges_fini(struct ranges *r);
bool ranges_has(const struct ranges *r, u128 n);
/* The complement in a family; owned. */
struct ranges ranges_not(const struct ranges *r, uint8_t family);

struct srcset {
	struct srcchunk **chunks;
	uint32_t n_chunks, room;
	uint64_t n; /* ranges */
};

/* A zeroed srcset is empty. */
void srcset_fini(struct srcset *s);
struct srcset srcset_all(uint8_t family);
struct srcset srcset_of(const struct ranges *r);
struct srcset srcset_copy(const struct srcset *s);
/* Moves: *s is empty afterwards. */
struct srcset srcset_take(struct srcset *s);
bool srcset_empty(const struct srcset *s);
bool srcset_has(const struct srcset *s, u128 n);
bool srcset_equal(const struct srcset *a, const struct srcset *b);
/* s := s minus, and, or. */
void srcset_sub(struct srcset *s, const struct ranges *r);
void srcset_and(struct srcset *s, const struct ranges *r);
/* s and r as a new set; s stays. Costs the smaller of both, times a search in the other. */
struct srcset srcset_meet(const struct srcset *s, const struct ranges *r);
void srcset_sub_set(struct srcset *s, const struct srcset *o);
void srcset_and_set(struct srcset *s, const struct srcset *o);
void srcset_or_set(struct srcset *s, const struct srcset *o);
/* The i-th address wanted as witness: the first of the set that is "ordinary" if there is one. */
bool srcset_first(const struct srcset *s, u128 *out);
/* Calls fn for each range in ascending order until it returns false. */
void srcset_each(const struct srcset *s, bool (*fn)(void *ctx, struct range r), void *ctx);
/* Owned copy as a plain array. */
struct ranges srcset_ranges(const struct srcset *s);
/* Splits a range into prefixes, in order, until fn returns false. */
void range_prefixes(
    uint8_t family, struct range r, bool (*fn)(void *ctx, const struct prefix *p), void *ctx);
