/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Whether the reading of one source has fallen behind, and when that is to be told: once, and once
 * more when it has caught up. Comes in: after each block what is left and what was read. Goes out:
 * enum lag_news. Bounded: one struct per source. Behind is a source from the first block that was
 * not the last one until a block is.
 */
#pragma once

#include <stdbool.h>

#include "base/clock.h"

#define LAG_BOUND (30 * USEC_PER_SEC) /* told when it is behind for longer, or will be */
#define LAG_FIRST (2 * USEC_PER_SEC)  /* no guess before that */

struct lag {
	usec_t since;   /* 0: not behind */
	uint64_t first; /* what had been read then */
	uint64_t left, peak;
	uint64_t read; /* since then */
	usec_t span;   /* for so long it is behind, or was */
	bool told;
};

enum lag_news {
	LAG_NOTHING,
	LAG_BEHIND,
	LAG_CAUGHT_UP, /* and that it was behind had been told */
};

/* left: what is not read yet (0: not known); read: of the same unit, all there was so far. */
enum lag_news lag_note(struct lag *l, bool behind, uint64_t left, uint64_t read, usec_t now);
/* It is not read any more. */
void lag_reset(struct lag *l);
/* "for 40s, by 1.2 MB, now at lines 2h old", "after 3m, by up to 4.0 MB". age: of the last line
 * that was read, 0 where that is not known. */
#define LAG_TEXT 200
void lag_describe(const struct lag *l, enum lag_news news, usec_t age, char out[static LAG_TEXT]);
