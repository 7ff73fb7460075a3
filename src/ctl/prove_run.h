/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The prover by hand: guardd-watcher collects the kernel's state and becomes guardd-prover, which
 * has no privilege left. Comes in: the prover's arguments, the configuration image where it needs
 * one. Goes out: its JSON lines to a callback, or its output as it is. Bounded by ASK_LINE_MAX a
 * line.
 */
#pragma once

#include "ctl/ask.h"

#define PROVE_ARGS 264 /* ARGS_MAX words, and what is said before them */

struct prove_run {
	const char *args[PROVE_ARGS]; /* of guardd-prover; NULL-terminated */
	size_t n;
	bool alone;     /* it asks the network, not this kernel: no collector before it */
	int in, image;  /* -1: inherited, or none */
	ask_line_fn fn; /* NULL: the output is this process's own */
	void *ctx;
};

void prove_run_add(struct prove_run *p, const char *arg);
/* The prover's exit status; EXIT_CANNOT when it or its output is broken. */
int prove_run(const struct prove_run *p);
/* May this process collect the kernel's state? It takes CAP_NET_ADMIN. */
bool prove_may(void);
