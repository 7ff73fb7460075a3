/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Whose turn it is to be read. Comes in: instances that have news. Goes out: steps of one block
 * each, those with fresh lines at once (or first, once the outbox is not stalled any more), those
 * that catch up one after the other, when nothing else is waiting in the event loop or some
 * milliseconds later; who is behind; and positions, a second later at the latest. Bounded: nothing
 * is read while the outbox is stalled; a step ends after INSTANCE_SPAN; no timer runs when nothing
 * was read.
 */
#pragma once

#include "base/cleanup.h"
#include "reader/instance.h"

/* Priorities of the event loop: event_base_priority_init(base, TURNS_PRIORITIES). */
#define TURNS_PRIORITIES 3
#define TURNS_CATCH_UP   2 /* all else has libevent's default, the middle one */

struct turns;

struct turns_ops {
	/* A step failed (i->error says how); it is tried again with the next news. */
	void (*on_failed)(void *ctx, struct instance *i);
	/* It has fallen behind (i->lag), or has caught up. */
	void (*on_lag)(void *ctx, struct instance *i, enum lag_news news);
	/* A journal that could not be opened has changed. */
	void (*on_news)(void *ctx, struct instance *i);
	void *ctx;
};

int turns_new(struct turns **out, struct event_base *base, struct instance_env *env,
    const struct turns_ops *ops);
void turns_free(struct turns *t);
DEFINE_FREEP(struct turns, turns_free)

/* Reading begins or pauses (no judge). */
void turns_run(struct turns *t, bool on);
/* There is something to read: as a catch-up, or at once. The caller has set env->now. */
void turns_queue(struct turns *t, struct instance *i);
void turns_live(struct turns *t, struct instance *i);
/* The instance is about to go, or is not read any more. */
void turns_drop(struct turns *t, struct instance *i);
/* The outbox has room again. */
void turns_room(struct turns *t);
/* Sends the positions that are not yet sent. */
void turns_save(struct turns *t);
/* The journal was opened, or could not be: listen to it. */
void turns_follow(struct turns *t, struct instance *i);
/* Its position is to be sent, in a second at the latest. */
void turns_dirty(struct turns *t, struct instance *i);
