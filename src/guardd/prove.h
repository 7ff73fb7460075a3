/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * From a dump of the kernel's state to a proof: runs guardd-prover on it, one at a time, and
 * guardd-shadow for the judge's second opinion. Comes in: the watcher's MSG_DUMP, the judge's
 * MSG_PROVE and MSG_SHADOW. Goes out: MSG_PROOF and MSG_SHADOWED to the judge. Bounded: one run of
 * each, PROVE_PATIENCE and SHADOW_PATIENCE long; of the dumps that arrive meanwhile the newest.
 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <sys/types.h>

#include "guardd/roles.h"

struct prove;

int prove_new(struct prove **out, struct event_base *base, const char *runtime);
void prove_free(struct prove *p);
/* Who is asked and told; before the first message. */
void prove_use(struct prove *p, struct roles *r);
/* MSG_DUMP, MSG_PROVE, MSG_SHADOW; takes fd. */
void prove_on_msg(struct prove *p, const struct msg *m, int fd);
/* A new image is in force: what was dumped last is proven again with it. */
void prove_again(struct prove *p);
/* True when pid was one of its runs; status is of waitpid(2). */
bool prove_reap(struct prove *p, pid_t pid, int status);
