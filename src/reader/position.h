/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Where reading stands: the positions the judge has saved, by source instance. Comes in from the
 * judge at its start, and from sources that vanish. Goes out to sources when they begin to be read.
 * Bounded: POSITIONS_MAX; past it a new one takes the place of the one that is longest in the
 * table.
 */
#pragma once

#include <stdbool.h>

#include "wire/msg.h"

#define POSITIONS_MAX 4096

struct positions {
	struct msg_position *items; /* in no order */
	size_t n, room, next;       /* next: whose place is taken when full */
};

void positions_init(struct positions *t);
void positions_fini(struct positions *t);
void positions_clear(struct positions *t);
/* Adds or replaces by key. -ENOMEM. */
int positions_put(struct positions *t, const struct msg_position *p);
void positions_drop(struct positions *t, uint64_t key);
/* NULL: none. */
const struct msg_position *positions_find(const struct positions *t, uint64_t key);
/* A file's, by its inode, where its path is another by now. NULL: none. */
const struct msg_position *positions_find_inode(
    const struct positions *t, uint8_t kind, uint64_t dev, uint64_t ino);

/*
 * "Known, but not read": what a source that is on stand-by has saved, so that it begins at its end
 * should its turn come. Kind and key as in every position, all else zero.
 */
struct msg_position position_standby(uint64_t key, uint8_t kind);
bool position_is_standby(const struct msg_position *p);
