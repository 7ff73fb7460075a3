/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Sets of addresses from a question about one address: asks it once for each stretch between the
 * boundaries of a family's routes, and keeps the answer. Comes in: a test and what it depends on.
 * Goes out: struct addr_set. Bounded by SETS_KEPT answers; past it, an answer is made anew each
 * time.
 */
#pragma once

#include "prover/world.h"

#define SETS_KEPT 4096

enum set_kind { SET_TYPE = 1, SET_OIF, SET_XT_TYPE, SET_RPFILTER, SET_DROP };

/* Everything a test's answer depends on besides the world. */
struct set_key {
	uint8_t kind, family;
	uint32_t a, b, c;
	struct addr other;
};

/* 1, 0, or -1: may be (then *why says why). */
typedef int (*set_test)(const struct world *w, const void *ctx, u128 a, const char **why);

struct addr_set world_sweep(
    const struct world *w, const struct set_key *key, set_test test, const void *ctx);

/* fe80::/10 */
bool world_is_linklocal(u128 a);
