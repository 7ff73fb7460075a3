/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What was said of late, so that the log is not flooded. Comes in: the key of a thing that is to be
 * told. Goes out: whether to say it now. Bounded: TOLD_MAX keys; the one told longest ago gives
 * way.
 */
#pragma once

#include <stdbool.h>

#include "base/clock.h"

#define TOLD_MAX   64
#define TOLD_EVERY (3600 * USEC_PER_SEC)

struct told {
	struct {
		uint64_t key;
		usec_t at; /* 0: unused */
	} items[TOLD_MAX];
};

/* True at most once an hour per key. */
bool told_now(struct told *t, uint64_t key, usec_t now);
