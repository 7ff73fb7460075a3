/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The herald's life: started, asked whether it lives, started again with back-off when it dies, at
 * once when it ended by itself for a new configuration. Comes in: its end, its records. Goes out:
 * its descriptors, answers. Bounded: one herald.
 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <sys/types.h>

#include "wire/msg.h"

struct ward;

struct ward_ops {
	void (*on_ready)(void *ctx);                            /* sealed and serving */
	void (*on_run)(void *ctx, const struct msg *m, int fd); /* fd is the callee's */
	void (*on_gone)(void *ctx);    /* it ended, whatever it asked for is of no use any more */
	void (*on_stopped)(void *ctx); /* after ward_stop */
};

struct ward_files {
	int control, metrics, state; /* stay the caller's */
	const char *socket;          /* path of the judge's; lent */
};

int ward_new(struct ward **out, struct event_base *base, const struct ward_files *files,
    const struct ward_ops *ops, void *ctx);
void ward_free(struct ward *w);
/* Negative errno. */
int ward_start(struct ward *w);
pid_t ward_pid(const struct ward *w); /* 0: not running */
/* True when pid is the herald; status is of waitpid(2). */
bool ward_reap(struct ward *w, pid_t pid, int status);
/* Asks it; returns whether it answered the last question. One that missed two is killed. */
bool ward_ping(struct ward *w);
void ward_answer(struct ward *w, uint32_t id, int status, int output); /* MSG_RAN; takes output */
void ward_stop(struct ward *w);
