/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The runner's command line.
 */
#pragma once

#include <stdbool.h>

struct runner_options {
	const char *runtime, *state, *guardd, *user;
	bool quiet;
};

/* 0: go on, 1: all was said (help, version), negative: usage error, already told. */
int runner_options_parse(struct runner_options *o, int argc, char **argv);
