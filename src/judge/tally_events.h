/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The offences of one tally, in the order of their times, and sums over windows of them. Comes in:
 * offences of tally.c. Goes out: whether a window holds enough points. One offence takes no memory
 * beside the struct; what is older than two windows before the latest is dropped at each insert.
 */
#pragma once

#include "judge/tally.h"

/* n 0: empty; room 0: the one offence is inside. */
struct tally_events {
	uint32_t n, room;
	union {
		struct tally_event one;
		struct tally_event *many;
	};
};

/*
 * Puts e in its place and drops what is too old. distinct: the latest offence of each user is kept.
 * *index: where it is now; UINT32_MAX when it changed nothing. -ENOMEM.
 */
int events_insert(struct tally_events *v, const struct tally_event *e, usec_t within, bool distinct,
    uint32_t *index);
/* The sum of the first window that holds the offence at index and reaches threshold, else the
 * greatest. */
void events_sum(const struct tally_events *v, uint32_t index, uint32_t threshold, usec_t within,
    struct tally_sum *out);
/* Points of the window that ends with the last offence. */
uint32_t events_points(const struct tally_events *v, usec_t within);
/* Drops what is before a time. */
void events_forget(struct tally_events *v, usec_t before);
void events_clear(struct tally_events *v);
/* v must be empty. The copy is put in order. -ENOMEM. */
int events_copy(struct tally_events *v, const struct tally_event *from, uint32_t n);

static inline const struct tally_event *
events_first(const struct tally_events *v)
{
	return v->room ? v->many : &v->one;
}

/* Time of the latest; v must not be empty. */
static inline usec_t
events_last(const struct tally_events *v)
{
	return events_first(v)[v->n - 1].time;
}
