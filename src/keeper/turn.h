/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The judge's requests of one turn of the event loop, sent as one transaction and answered. Comes
 * in: MSG_BAN, MSG_UNBAN, MSG_LOOKUP. Goes out: set elements, and answers only after the kernel's.
 * The never-ban list has the last word. An answer's counters are of the element that went, or is
 * looked up. Bounded: TURN_MAX requests, then it commits.
 */
#pragma once

#include "base/prefixset.h"
#include "keeper/table.h"
#include "wire/msg.h"

#define TURN_MAX 16384

struct turn {
	struct nl *nl;
	struct table *table;
	struct banset *banset;
	const struct prefixset *never;
	void (*answer)(void *ctx, const struct msg *m);
	void (*refused)(
	    void *ctx, int error); /* the kernel did not take something: negative errno */
	void *ctx;
	/* its own */
	struct batch batch;
	struct turn_op *ops;
	struct turn_action *actions;
	uint32_t n, room, n_actions, actions_room, op;
	uint16_t slots[2 * TURN_MAX]; /* by scope and prefix: 1 + index of the request */
	usec_t now;
};

/* A request; what was gathered before may be committed. ready: 0, or why the table is not there. */
void turn_add(struct turn *t, const struct msg *m, int ready, usec_t now);
/* Sends and answers all, and lets ended wide bans bring back what they hid. */
void turn_commit(struct turn *t, usec_t now);
