/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One turn of the event loop: the judge's requests, gathered, then sent as one transaction and
 * answered. Comes in: MSG_BAN, MSG_UNBAN, MSG_LOOKUP. Goes out: set elements, and answers only
 * after the kernel's. The never-ban list has the last word. Bounded: TURN_MAX requests, then it
 * commits.
 */
#pragma once

#include "base/prefixset.h"
#include "keeper/table.h"
#include "wire/msg.h"

#define TURN_MAX 16384

struct turn;

struct turn_ops {
	void (*answer)(void *ctx, const struct msg *m);
	void (*refused)(
	    void *ctx, int error); /* the kernel did not take something: negative errno */
};

/* All arguments must outlive the turn. */
int turn_new(struct turn **out, struct nl *n, struct table *t, struct banset *b,
    const struct prefixset *never, const struct turn_ops *ops, void *ctx);
void turn_free(struct turn *t);
DEFINE_FREEP(struct turn, turn_free)
/* A request; may commit what was gathered before. ready 0, or the error that keeps the table from
 * being there. */
void turn_add(struct turn *t, const struct msg *m, int ready, usec_t now);
/* Sends and answers all, and lets ended wide bans bring back what they hid. */
void turn_commit(struct turn *t, usec_t now);
