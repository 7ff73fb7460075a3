/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The judge's side of the wall to the keeper: makes the kernel hold what the table of bans says.
 * Comes in: new and lifted bans, the keeper's answers. Goes out: MSG_BAN, MSG_UNBAN, MSG_LOOKUP,
 * MSG_SYNCED. New bans go at once; everything else (the whole book after a start or a flush, what
 * was refused, what found no room) goes through a sweep over the table with at most ENFORCE_WINDOW
 * questions open, so that new ones do not wait.
 */
#pragma once

#include <event2/event.h>

#include "judge/bans.h"
#include "judge/rules.h"
#include "wire/chan.h"

#define ENFORCE_WINDOW 512
#define ENFORCE_QUEUE  1024 /* records of the channel */

struct enforce;

struct enforce_ops {
	/* The ban in slot got an answer: kernel and error of struct ban are up to date. */
	void (*on_banned)(void *ctx, uint32_t slot, const struct msg_banned *answer);
	/* Answers to what was asked with an id of the caller (or a MSG_UNBANNED of a slot). */
	void (*on_answer)(void *ctx, const struct msg *m);
	/* The kernel's table was made anew (RESYNC_MADE) or changed by others (RESYNC_REPAIRED).
	 */
	void (*on_repair)(void *ctx, uint32_t why);
	/* What enforce_refused says may have changed. */
	void (*on_refused)(void *ctx);
	/* MSG_OWN_BEGIN, MSG_OWN, MSG_OWN_END. */
	void (*on_own)(void *ctx, const struct msg *m);
};

int enforce_new(struct enforce **out, struct event_base *base, struct bans *bans,
    const struct rules *rules, const struct enforce_ops *ops, void *ctx);
void enforce_free(struct enforce *e);
DEFINE_FREEP(struct enforce, enforce_free)

/* A channel to a new keeper, or to the keeper for this new judge; fd is taken. Everything is sent.
 */
int enforce_connect(struct enforce *e, int fd);
bool enforce_is_connected(const struct enforce *e);
/* The book was lost: elements of unknown age may be in the kernel, until the table is made anew. */
void enforce_forgot(struct enforce *e);

/* A new ban: sent now. Dry ones and over ones are not. */
void enforce_ban(struct enforce *e, uint32_t slot, usec_t now);
/* One that holds longer than it was sent. */
void enforce_extend(struct enforce *e, uint32_t slot, usec_t now);
/* A ban that was ended: taken out unless another one holds the same. True: the keeper was asked
 * (id: slot). */
bool enforce_unban(struct enforce *e, uint32_t slot, usec_t now);
/* Takes p out of all scopes in which no ban of the table wants it, and looks it up behind that: for
 * the kernel a wider network is there, too. Answers come in pairs with id, which must have
 * ENFORCE_ASKED set. How many there will be; -ENOTCONN, or what kept one from being sent.
 */
int enforce_clear(struct enforce *e, const struct prefix *p, uint32_t id, usec_t now);
/* Asks for the state of a ban; the answer comes with id, which must have ENFORCE_ASKED set. */
#define ENFORCE_ASKED 0x80000000u
int enforce_look_up(struct enforce *e, uint32_t slot, uint32_t id);
/* Goes over the table for what is not as it should be: after the rules changed. */
void enforce_sweep(struct enforce *e);
/* Sends what is queued now. */
void enforce_flush(struct enforce *e);
int enforce_drain(struct enforce *e, int timeout_ms);

/* The kernel has it, as it has the present table. */
bool enforce_holds(const struct enforce *e, const struct ban *x);
/* NULL: in force (or dry); else why it is not. */
const char *enforce_trouble(const struct enforce *e, const struct ban *x);
bool enforce_is_synced(const struct enforce *e);
/* Bans that the kernel refused and has not got yet. */
uint32_t enforce_refused(const struct enforce *e);
/* Nothing is being sent: enforce_refused counts all. */
bool enforce_is_calm(const struct enforce *e);
/* How often the kernel's table was made anew, or changed by others, so far. */
uint64_t enforce_repairs(const struct enforce *e);
