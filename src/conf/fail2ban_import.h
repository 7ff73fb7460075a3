/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The whole import of fail2ban's configuration. Comes in: its directory, read before the sandbox.
 * Goes out: JSON lines: each file of guardd's with its text, each line of the report, each jail
 * with its rule; nothing is written to a disk. Bounded by the files read, and F2B_RULES.
 */
#pragma once

#include "conf/fail2ban.h"

#define F2B_RULES 200 /* guardd has room for some of its own */

struct f2b_import {
	struct arena arena;
	struct f2b_report report;
	struct f2b *files; /* NULL: there is no such directory */
	const char *dir;
};

/* Reads all files. Negative errno: there is nothing to read. */
int f2b_import_load(struct f2b_import *im, const char *dir);
void f2b_import_fini(struct f2b_import *im);
/* Translates. 0; 1: not everything could be taken. */
int f2b_import_run(struct f2b_import *im, struct strbuf *out);
