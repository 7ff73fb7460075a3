/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The supervisor's command line.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

struct options {
	const char *main_file, *share, *etc, *runtime, *state, *user;
	bool clean, quiet;
};

/* 0: go on, 1: all was said (help, version), negative: usage error, already told. */
int options_parse(struct options *o, int argc, char **argv);
