/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The running roles: started, joined by channels, asked whether they live, started again with
 * back-off when one dies. Comes in: the end of children, packets of the roles. Goes out: channels
 * and images to them, and the callbacks below.
 */
#pragma once

#include <event2/event.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <sys/types.h>

#include "wire/msg.h"

/* What the keeper needs; and the watcher, who reads the rules and iptables-legacy's table names. */
#define ROLES_POWER (1ULL << CAP_NET_ADMIN | 1ULL << CAP_DAC_READ_SEARCH)

struct roles;

struct roles_ops {
	void (*on_all_ready)(void *ctx);           /* each time the last one becomes ready */
	void (*on_reload)(void *ctx, uint32_t id); /* the judge asks */
	void (*on_lost)(
	    void *ctx, const char *why); /* guarding cannot go on: keeper or watcher ended */
	void (*on_stopped)(void *ctx);   /* after roles_stop: all have ended */
	/* MSG_DUMP, MSG_PROVE, MSG_SHADOW; fd is the callee's. */
	void (*on_exposure)(void *ctx, const struct msg *m, int fd);
};

/* Descriptors for the roles that need them; they stay the caller's. */
struct roles_fds {
	int control, herald, state, selfcheck;
	int stats, stats_read;     /* a memfd of a struct stats, and the same read only */
	int figures, figures_read; /* the same of a struct figures */
};

int roles_new(struct roles **out, struct event_base *base, const struct roles_fds *fds,
    const struct roles_ops *ops, void *ctx);
void roles_free(struct roles *r);
/* First start, or a new image: keeper and judge switch to it, the reader is started afresh. Takes
 * image. */
int roles_use_image(struct roles *r, int image);
/* Sends one record, with fd (taken) unless it is -1. False: the role is not there, or its queue is
 * full. */
bool roles_send(struct roles *r, enum role role, const struct msg *m, int fd);
/* The image in force; stays the roles'. -1: none yet. */
int roles_image(const struct roles *r);
/* Answers the judge's request id; takes errors. */
void roles_answer_reload(struct roles *r, uint32_t id, int status, int errors);
/* True when pid is a role; status is of waitpid(2). */
bool roles_reap(struct roles *r, pid_t pid, int status);
/* Ends reader, judge, watcher, keeper in this order, so that what was read still reaches book and
 * kernel. */
void roles_stop(struct roles *r);
/* Asks all; returns whether all answered the last question. A role that missed two is killed. */
bool roles_ping(struct roles *r);
