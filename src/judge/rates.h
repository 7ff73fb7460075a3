/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * How much of something there may be: buckets that fill at a rate, each kept as the one time at
 * which it would be full. Comes in: keys and the monotonic clock. Goes out: whether one more may
 * be. Bounded: RATES_MAX buckets that are not full; while there are so many, nobody new may, and a
 * full one needs no room.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

#define RATES_MAX 20000

/* every: one is allowed so often on the average, room: and at most so much time's worth at once.
 */
struct rate_limit {
	usec_t every, room;
};

/* One bucket: *full is 0 at first. */
bool rate_take(usec_t *full, const struct rate_limit *l, usec_t now);

struct rates {
	struct rates_bucket *buckets;
	size_t n, size; /* size: a power of two, or 0 */
	usec_t swept;
};

void rates_fini(struct rates *r);
/* key: a hash that strangers cannot choose. Without memory nothing is allowed. */
bool rates_take(struct rates *r, uint64_t key, const struct rate_limit *l, usec_t now);
