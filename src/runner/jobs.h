/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Programs that the herald asked for: the courier, a channel's program, a probe. Comes in: MSG_RUN
 * with the standard input; which program that is comes from the judge's image alone. Goes out:
 * MSG_RAN with the exit status and what was written. Bounded: JOBS_MAX at a time, one probe,
 * JOBS_OUTPUT bytes of output, a time after which the process group is killed.
 */
#pragma once

#include <event2/event.h>
#include <sys/types.h>

#include "wire/image.h"
#include "wire/msg.h"

#define JOBS_MAX    8
#define JOBS_INPUT  (4u << 20) /* bytes of standard input */
#define JOBS_OUTPUT (1u << 20)

struct jobs;

/* How a job ended: MSG_RAN of id; output is a memfd for the callee, or -1. */
typedef void (*jobs_done)(void *ctx, uint32_t id, int status, int output);

/* -ENOMEM. */
int jobs_new(struct jobs **out, struct event_base *base, jobs_done done, void *ctx);
void jobs_free(struct jobs *j);
/* The configuration in force: takes fd, a memfd that is not valid as an image is refused (-EINVAL,
 * the former one stays). */
int jobs_use_image(struct jobs *j, int fd);
/* Starts what m (MSG_RUN) asks for; input is taken. done is called now or later. */
void jobs_run(struct jobs *j, const struct msg *m, int input);
/* True when pid was a job; status is of waitpid(2). */
bool jobs_reap(struct jobs *j, pid_t pid, int status);
unsigned jobs_running(const struct jobs *j);
/* Kills all of them; done is not called. */
void jobs_abandon(struct jobs *j);
