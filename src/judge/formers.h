/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Which prefixes may be in the book's history: most offenders are not, and their bans need not wait
 * for a question to SQLite. Comes in: the prefixes of the history, at start and as it grows. Goes
 * out: "certainly not", or "look". Nothing is ever taken out. Bounded: a bit set of about eight
 * bits for each, 1 MiB at most; then, and without memory, it says "look" more often.
 */
#pragma once

#include <stdbool.h>

#include "base/addr.h"
#include "base/hash.h"

#define FORMERS_BITS_MAX (1u << 23)

struct formers {
	uint64_t *words;
	uint32_t bits, n; /* bits: a power of two; 0: nothing is known */
	struct hash_key key;
};

/* Empties it and makes room for about n. */
void formers_start(struct formers *f, uint32_t n);
void formers_fini(struct formers *f);
void formers_add(struct formers *f, const struct prefix *p);
/* False: it was never added since the start. */
bool formers_may(const struct formers *f, const struct prefix *p);
