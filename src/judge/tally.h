/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The tallies: for each rule and source the offences of late, as an exact sliding window of points.
 * Comes in: offences with the times of their lines, in any order. Goes out: "this one completed the
 * rule". Bounded by max tallies and EVENTS_PER_TALLY times as many offences: then the one farthest
 * from its threshold (in shares of it) goes first, of those the one touched longest ago; expired
 * ones go before. No timers: what is over is dropped on the way.
 *
 * An offence is kept twice the window, since lines of several files come out of order and may be a
 * window late.
 */
#pragma once

#include "base/addr.h"
#include "base/cleanup.h"
#include "base/clock.h"

#define EVENTS_PER_TALLY 8

struct tallies;

struct tally_event {
	usec_t time;
	uint64_t user; /* hash of the user name; 0 without one */
	uint16_t points;
} __attribute__((packed));

struct tally_sum {
	bool reached;
	uint32_t points; /* in the fullest window that matters: that of the new offence */
	uint32_t after;  /* reached: offences after the window's end, which belong to the ban */
	usec_t at;       /* reached: end of the window, the time of its last line */
};

/* max: tallies. -ENOMEM. */
int tallies_new(struct tallies **out, uint32_t max);
void tallies_free(struct tallies *t);
DEFINE_FREEP(struct tallies, tallies_free)
/* Not lowered below what is in use. -ENOMEM. */
int tallies_limit(struct tallies *t, uint32_t max);

/* How a rule counts; needed before anything is added for it. Its tallies stay. -ENOMEM. */
int tallies_rule(struct tallies *t, uint16_t rule, uint32_t points, usec_t within, bool distinct);
/* Drops all tallies of a rule. */
void tallies_drop_rule(struct tallies *t, uint16_t rule);

/* Counts one offence. When the rule is reached the tally is over and gone. -ENOMEM, -ENOSPC. */
int tally_add(struct tallies *t, uint16_t rule, const struct prefix *source,
    const struct tally_event *e, usec_t now, struct tally_sum *out);
/* The tallies of so many sources will be looked for: fetches what of them lies in memory, all at
 * once and not one after the other. */
struct tally_source {
	struct prefix source;
	uint16_t rule;
};
#define TALLY_AHEAD 256
void tallies_ahead(const struct tallies *t, const struct tally_source *sources, size_t n);
/* A success at time: what was counted until then is forgotten. True when there was something. */
bool tally_forgive(struct tallies *t, uint16_t rule, const struct prefix *source, usec_t time);

/* Tallies held, offences in them, and how many were evicted so far. */
uint32_t tallies_count(const struct tallies *t);
uint32_t tallies_of_rule(const struct tallies *t, uint16_t rule);
uint64_t tallies_events(const struct tallies *t);
uint64_t tallies_evicted(const struct tallies *t);
uint32_t tallies_max(const struct tallies *t);
/* Points in the window that ends with the last offence; 0 when there is no such tally. */
uint32_t tally_points(struct tallies *t, uint16_t rule, const struct prefix *source);

/* --- for the book: slots that changed since the last tallies_saved --- */
#define TALLY_NONE UINT32_MAX
struct tally_view {
	uint16_t rule;
	struct prefix source;
	const struct tally_event *events; /* by time; valid until the next call here */
	uint32_t n;                       /* 0: gone, delete the row */
};
uint32_t tallies_changed_first(const struct tallies *t);
uint32_t tallies_changed_next(const struct tallies *t, uint32_t slot);
void tallies_view(struct tallies *t, uint32_t slot, struct tally_view *out);
/* All changes are in the book. */
void tallies_saved(struct tallies *t);
/* Marks everything as changed: the book is new. */
void tallies_change_all(struct tallies *t);
/* Makes the index large enough for n at once: before many are restored. */
void tallies_expect(struct tallies *t, uint32_t n);
/* One row of the book, in its slot where that is free. Over by now: -ESTALE. -EINVAL, -ENOMEM,
 * -ENOSPC. */
int tallies_restore(struct tallies *t, uint32_t slot, const struct tally_view *v, usec_t now);
/* After the last row: puts the tallies in the order of their last offences. -ENOMEM (order is
 * lost). */
int tallies_restored(struct tallies *t);
