/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The reader as a role: its channels and what they may say. Comes in: the supervisor's orders, the
 * keeper's answers, the judge's positions. Goes out: READY, questions for the keeper, hits and
 * positions for the judge. A judge that dies is waited for, and reading goes back to where its
 * successor says. Bounded: DAEMON_KEEPER_QUEUE and DAEMON_JUDGE_QUEUE records.
 */
#pragma once

#include <event2/event.h>

#include "base/cleanup.h"
#include "reader/counters.h"
#include "reader/match.h"

#define DAEMON_KEEPER_QUEUE 4096
/* Short, so that a line that is written now waits behind few that are caught up with. */
#define DAEMON_JUDGE_QUEUE 256

struct daemon;

/* base has TURNS_PRIORITIES (reader/turns.h). supervisor is taken; the rest stays the caller's and
 * outlives the daemon. Says MSG_READY. Ends the loop when told to stop or left alone. */
int daemon_new(struct daemon **out, struct event_base *base, int supervisor,
    const struct image *img, const struct engine *engine, struct counters *counters);
void daemon_free(struct daemon *d);
DEFINE_FREEP(struct daemon, daemon_free)
/* Why the loop ended: the process's exit status. */
int daemon_status(const struct daemon *d);

/* The whole life of the role in a process of its own: descriptors of wire/fds.h, sandbox, loop.
 * Returns the exit status. */
int daemon_run(void);
