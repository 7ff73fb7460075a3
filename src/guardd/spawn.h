/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Starting another executable of guardd with a fixed set of descriptors and nothing else.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "wire/fds.h"

#define SPAWN_FDS FD_MAX

struct spawn {
	const char *name;        /* "guardd-reader": beside this executable, or in LIBEXECDIR */
	const char *const *args; /* after argv[0], ends with NULL; may be NULL */
	int fds[SPAWN_FDS];      /* descriptor to give as number i; -1: none (0..2: inherited) */
	uint64_t power;          /* capabilities it gets, of those this process has */
};

/* A struct spawn without descriptors. */
struct spawn spawn_new(const char *name);
/* The child's pid, or negative errno. The descriptors stay the caller's. */
pid_t spawn_start(const struct spawn *s);
