/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Making a configuration image: guardd-conf reads, then a throw-away reader runs every example on
 * it; both in the background. Goes out: the sealed image, or the text that says what is wrong.
 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <sys/types.h>

#include "guardd/options.h"

struct config;

struct config_result {
	int image;  /* descriptor of the sealed image, -1 when refused; the callee's */
	int errors; /* memfd with the text, empty when all is well; the callee's */
};

typedef void (*config_done_fn)(void *ctx, const struct config_result *r);

/* -ENOMEM. o is kept by reference. */
int config_new(struct config **out, const struct options *o, config_done_fn done, void *ctx);
void config_free(struct config *c);
/* Starts a run; -EBUSY while one is on. */
int config_start(struct config *c);
/* True when pid was this run's child; its wait status is taken. */
bool config_reap(struct config *c, pid_t pid, int status);
/* Copies the text of an errors memfd to standard error. */
void config_show_errors(int fd);
