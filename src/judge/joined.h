/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The herald and its runner, of the unit beside this one, at the socket RUNTIME/herald. Comes in:
 * connections of root, this uid and herald_uid, each greeting with its role; MSG_TAKE and MSG_DROP.
 * Goes out: image, shared counters and proof, what stands, this host's bans, answers. Bounded: one
 * herald, one runner, JOINED_QUEUE records for each; who does not take them is closed. Nothing is
 * done for a herald that is not there.
 */
#pragma once

#include "judge/court.h"
#include "judge/foreign.h"
#include "judge/share.h"
#include "judge/tell.h"

#define JOINED_QUEUE 2048

/* fd of court_fds.herald, stats and figures stay the caller's. -ENOMEM. */
int joined_new(struct joined **out, struct court *c, const struct court_fds *fds);
void joined_free(struct joined *j);
/* One that was accepted; fd is taken. -EACCES: of a user who may not. */
int joined_adopt(struct joined *j, int fd);
bool joined_has_herald(const struct joined *j);

/* The court has another image, whose descriptor fd is: it is copied. */
int joined_follow_image(struct joined *j, int fd);
/* There is a new proof, or none could be made. */
void joined_on_proof(struct joined *j);
/* The keeper's answers: about a ban (first: it is in force for the first time), and others. */
void joined_on_banned(struct joined *j, uint32_t slot, bool first);
void joined_on_answer(struct joined *j, const struct msg *m);
/* The book was opened, or could not be; lost: what a former process knew is not here. */
void joined_on_book(struct joined *j, bool lost);
/* A ban was lifted before its end; one that is there is for the fleet from now on. */
void joined_on_lift(struct joined *j, uint32_t slot);
void joined_on_shared(struct joined *j, uint32_t slot);
/* Unbanned by hand, for all hosts. False: nobody can be told. */
bool joined_unban_all(struct joined *j, const struct prefix *p, usec_t now);

struct tell *joined_tell(struct joined *j);
struct foreign *joined_foreign(struct joined *j);
