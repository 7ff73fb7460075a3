/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * All that is read, and why: the sources of the image become instances as the keeper opens them;
 * per filter the first entry that is alive is read (or all). Comes in: the keeper's answers, saved
 * positions, inotify events. Goes out: questions to the keeper; instances take their turns
 * (reader/turns.h). Bounded: INSTANCES_MAX; past it a file is told of and left alone.
 */
#pragma once

#include <event2/event.h>

#include "base/cleanup.h"
#include "reader/counters.h"
#include "reader/match.h"
#include "reader/outbox.h"

#define INSTANCES_MAX 1024
/* How long a file that vanished still counts as alive: rotation takes its name away for a moment.
 */
#define SOURCES_GRACE (3 * USEC_PER_SEC)

struct sources;

/* All pointers stay the caller's and outlive the sources. */
struct sources_env {
	struct event_base *base; /* with TURNS_PRIORITIES */
	const struct image *img;
	const struct engine *engine;
	struct outbox *outbox;
	struct counters *counters;
	/* A record for the keeper: 0, -EAGAIN (asked again after sources_keeper_room), -EPIPE. */
	int (*ask)(void *ctx, const struct msg *m);
	/* Every source was looked for, and those that are there are being read. May be NULL. */
	void (*on_reading)(void *ctx);
	void *ctx;
	usec_t (*clock)(void); /* real time; NULL: clock_real */
};

/* -ENOMEM. */
int sources_new(struct sources **out, const struct sources_env *env);
void sources_free(struct sources *s);
DEFINE_FREEP(struct sources, sources_free)

/* The keeper can be asked: all sources are scanned. */
void sources_start(struct sources *s);
void sources_keeper_room(struct sources *s);
/* An answer of the keeper; fd (or -1) is taken. -EPROTO: it makes no sense. */
int sources_on_keeper(struct sources *s, const struct msg *m, int fd);

/* The judge says where to begin; reading starts (again) when it has said all and every source was
 * scanned. */
void sources_on_position(struct sources *s, const struct msg_position *p);
void sources_on_positions_end(struct sources *s);
/* The judge is gone: reading pauses, what was not sent is dropped. */
void sources_judge_gone(struct sources *s);
/* There is room for the judge again. */
void sources_judge_room(struct sources *s);
/* Sends all positions that were not yet sent: last words. */
void sources_save(struct sources *s);
bool sources_running(const struct sources *s);
