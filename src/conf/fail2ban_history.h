/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fail2ban's database: whom it bans, and how often it did. Comes in: the file, read whole before
 * the sandbox, under SQLite's own lock for readers. Goes out: JSON lines, a ban each with its jail,
 * and a position of each log. The SQL engine sees a copy in memory, from inside the sandbox: a file
 * made by somebody else can waste HISTORY_STEPS of it and no more. Bounded: HISTORY_SIZE bytes,
 * HISTORY_ROWS.
 */
#pragma once

#include <stddef.h>

#include "base/clock.h"
#include "base/strbuf.h"

#define HISTORY_SIZE  (256u << 20)
#define HISTORY_ROWS  2000000
#define HISTORY_STEPS (1u << 31) /* instructions of the engine's machine */

struct f2b_history {
	const char *path;
	unsigned char *bytes;
	size_t n;
};

/* Needs the file. 0; negative errno, with *why in words. */
int f2b_history_load(struct f2b_history *h, const char *path, const char **why);
void f2b_history_fini(struct f2b_history *h);
/* Takes bytes over. 0; 1: it is no such database, or damaged: what could be read is there, and a
 * line of type error. */
int f2b_history_run(struct f2b_history *h, usec_t now, struct strbuf *out);
