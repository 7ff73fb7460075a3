/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The herald's questions about bans of other hosts, each with one answer. Comes in: MSG_TAKE and
 * MSG_DROP with a host's name, what the kernel says. Goes out: statuses, once the kernel has said
 * yes or no, after ASKED_PATIENCE in any case: what is in the table then gets there later. Bounded:
 * ASKED_WAITING questions wait, others are answered without the kernel.
 */
#pragma once

#include "judge/court.h"
#include "judge/foreign.h"

#define ASKED_WAITING  512
#define ASKED_PATIENCE 5 /* seconds */

struct asked;

typedef void (*asked_answer)(void *ctx, uint32_t id, enum taken_status s);

/* -ENOMEM. */
int asked_new(struct asked **out, struct court *c, asked_answer answer, void *ctx);
void asked_free(struct asked *a);
struct foreign *asked_foreign(struct asked *a);

void asked_question(struct asked *a, const struct msg *m, const char *host);
/* Nobody waits for answers any more. */
void asked_forget(struct asked *a);
/* The keeper's answers about the ban of another host, and others. */
void asked_on_banned(struct asked *a, uint32_t slot);
void asked_on_answer(struct asked *a, const struct msg *m);
