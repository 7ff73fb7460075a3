/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Alerts that can be seen in the shared counters, so that the judge need not say them: storms of
 * bans, sources lost or behind, lines not examined, processes started again. Comes in: the
 * counters, a look every WATCH_EVERY, with the time as an argument. Goes out: calls of
 * herald/alert_state. Bounded: one mark in the store per counter; the counters' own tables.
 */
#pragma once

#include "herald/alert_state.h"
#include "wire/figures.h"
#include "wire/stats.h"

#define WATCH_EVERY  (10 * USEC_PER_SEC)
#define WATCH_BEHIND (60 * USEC_PER_SEC)  /* a source is behind for so long before it is told */
#define WATCH_GONE   (300 * USEC_PER_SEC) /* a source that was read is not there for so long */
#define WATCH_MINUTE 6                    /* looks */

struct alert_watch;

/* storm: bans a minute; 0: none is one. */
int alert_watch_new(
    struct alert_watch **out, struct store *store, struct alert_states *states, uint32_t storm);
void alert_watch_free(struct alert_watch *w);
DEFINE_FREEP(struct alert_watch, alert_watch_free)
/* One look. stats and figures: NULL where guardd was not met yet. here: it is connected; what it
 * counts is old else. */
void alert_watch_look(struct alert_watch *w, const struct stats *stats,
    const struct figures *figures, bool here, usec_t now);
