/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * This host's own bans for the fleet: which are given, all that hold after each beginning, then
 * what comes and is lifted. Comes in: the table of bans, word of acknowledged and lifted ones. Goes
 * out: MSG_GIVE, MSG_GIVEN, MSG_LIFT, one at a time as there is room for them. Bounded: SHARE_WAIT
 * events wait; a listener that leaves more of them is behind for good, and starts anew.
 */
#pragma once

#include "judge/bans.h"
#include "judge/rules.h"
#include "wire/msg.h"

#define SHARE_WAIT 65536

struct share {
	const struct bans *bans;
	const struct rules *rules;
	bool listens, behind; /* behind: events were lost */
	bool all;             /* all that hold were said */
	bool lost;            /* what a former process gave is not known (set by the owner) */
	uint32_t cursor;      /* next slot of them */
	struct share_event *events;
	uint32_t first, n, room;
	void (*wake)(void *ctx);
	void *ctx;
};

/* bans and rules must outlive it. wake: there is something to take. */
void share_init(struct share *s, const struct bans *bans, const struct rules *rules,
    void (*wake)(void *ctx), void *ctx);
void share_fini(struct share *s);

/* Which rules' bans are given, into struct rule; by the fleet of the image, none without one. */
void share_follow_image(struct rules *rules, const struct image *img);
/* True for a ban that other hosts are told of. */
bool share_has(const struct share *s, const struct ban *x);

/* The kernel has it, for the first time; or it is to be given from now on. */
void share_on_banned(struct share *s, uint32_t slot);
/* It was lifted before its end, and is still in the table. */
void share_on_lift(struct share *s, uint32_t slot);

/* Somebody listens from now on, and is told all; nobody does any more. */
void share_begin(struct share *s);
void share_stop(struct share *s);

enum share_next {
	SHARE_NOTHING, /* all was said */
	SHARE_RECORD,  /* here is one */
	SHARE_LATER,   /* none of some thousand slots: go on in another turn */
};
enum share_next share_next(struct share *s, struct msg *m, usec_t now);
