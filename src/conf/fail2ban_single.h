/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One filter of fail2ban's to be tried without an import. Comes in: its directory, read before the
 * sandbox, and "NAME[options]". Goes out: the filter as guardd's, in YAML; what is wrong or
 * differs, a line each, on a stream. Bounded by the files read.
 */
#pragma once

#include <stdio.h>

#include "conf/fail2ban.h"

#define F2B_SINGLE_NAME "fail2ban"

struct f2b_single {
	struct arena arena;
	struct f2b_report report;
	struct f2b *files;
	const char *dir, *call;
};

/* Reads all files. Negative errno: there is nothing to read. */
int f2b_single_load(struct f2b_single *s, const char *dir, const char *call);
void f2b_single_fini(struct f2b_single *s);
/* The filter, called F2B_SINGLE_NAME; NULL: nothing of it can be taken. It lives as long as s. */
const char *f2b_single_yaml(struct f2b_single *s);
void f2b_single_tell(const struct f2b_single *s, FILE *out);
