/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Starting another executable with a fixed set of descriptors and nothing else: guardd's own, or a
 * program that the configuration names. Comes in: path, arguments, environment. Goes out: a child
 * without capabilities (but power) that ends with this process. Bounded: SPAWN_ARGS.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "wire/fds.h"

#define SPAWN_FDS  FD_MAX
#define SPAWN_ARGS 64

struct spawn {
	const char *name;        /* "guardd-reader": beside this executable, or in LIBEXECDIR */
	const char *path;        /* absolute, in the place of name; NULL: none */
	const char *const *args; /* after argv[0], ends with NULL; may be NULL */
	const char *const *env;  /* ends with NULL; NULL: this process's */
	int fds[SPAWN_FDS];      /* descriptor to give as number i; -1: none (0..2: inherited) */
	uint64_t power;          /* capabilities it gets, of those this process has */
	/* In a session and a process group of its own, whose number is its pid; in "/"; SIGPIPE
	 * ends it as usual. */
	bool alone;
};

/* A struct spawn without descriptors. */
struct spawn spawn_new(const char *name);
/* The child's pid, or negative errno. The descriptors stay the caller's. */
pid_t spawn_start(const struct spawn *s);
