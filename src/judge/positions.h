/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Where reading of each source stands. Comes in: the reader's positions, the book at start. Goes
 * out: to the reader when it starts anew, to the book together with the tallies they led to.
 * Bounded: POSITIONS_MAX; the one that moved longest ago gives way.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "wire/msg.h"

#define POSITIONS_MAX 1024

struct position {
	struct msg_position at;
	usec_t moved; /* when it was told last */
	bool changed; /* not in the book */
};

struct positions {
	struct position *items; /* by key */
	size_t n, room;
	bool changed;
};

void positions_init(struct positions *p);
void positions_fini(struct positions *p);
/* 0, 1 when the source was not known before, -EINVAL when it is none, -ENOMEM. */
int positions_set(struct positions *p, const struct msg_position *at, usec_t now);
/* One row of the book; a position that is known already stays. */
int positions_restore(struct positions *p, const struct msg_position *at, usec_t moved);
void positions_saved(struct positions *p);
void positions_change_all(struct positions *p);
/* Forgets those that did not move since a time. */
void positions_forget(struct positions *p, usec_t before);
