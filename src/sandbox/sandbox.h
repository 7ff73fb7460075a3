/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Giving power up, right after start and before the first byte from outside: no new privileges, not
 * dumpable, limits, Landlock, a seccomp allow list. What cannot be installed is an error, and the
 * role ends.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct sandbox_path {
	const char *path;
	bool write; /* read, write, create and remove below it; else read only */
};

/* A call that is allowed only with this value of one argument (32 bits of it). */
struct sandbox_call {
	int call; /* SCMP_SYS(x); the list ends with -1 */
	unsigned arg;
	uint32_t value;
};

/* A TCP port that may be connected to, or bound. Needs Linux 6.7; before, all may. */
struct sandbox_port {
	uint16_t port;
	bool bind;
};

struct sandbox {
	const char *role; /* for messages */
	const struct sandbox_path
	    *paths;       /* ends with path NULL; paths that are absent are skipped */
	const int *calls; /* system calls beside the common ones: SCMP_SYS(x), ends with -1 */
	const struct sandbox_call *narrow;  /* NULL: none */
	const struct sandbox_call *refused; /* answered with EACCES, where others end; NULL: none */
	uint64_t
	    capabilities;   /* bit mask of what stays (1 << CAP_NET_ADMIN); the rest is dropped */
	uint32_t files_max; /* RLIMIT_NOFILE */
	bool no_write_exec; /* PR_SET_MDWE where the kernel has it (6.3): after the JIT compile */
	bool paths_later;   /* paths are not known yet: sandbox_paths follows */
};

/* 0 or negative errno; *what names the step that failed. */
int sandbox_enter(const struct sandbox *s, const char **what);
/* Landlock alone, of paths and ports: from now on nothing else can be opened, connected to or
 * bound by TCP, no abstract socket connected to (ports ends with port 0; NULL: no limit of these).
 * Negative errno. */
int sandbox_paths(const struct sandbox_path *paths, const struct sandbox_port *ports);
