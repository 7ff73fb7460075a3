/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A command line taken apart by a usage line. Texts point into argv.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define ARGS_MAX     256 /* arguments of one command */
#define ARGS_OPTIONS 16

struct args {
	const char *words[ARGS_MAX];
	size_t n;
	struct {
		const char *name;  /* without the dashes; into the usage line's own copy */
		const char *value; /* NULL: not given; "" for a flag that is */
	} options[ARGS_OPTIONS];
	size_t n_options;
	char usage[256]; /* the usage line, cut into words */
	bool help;       /* --help was there */
};

/* 0, or -EINVAL after having said on standard error what is wrong (with the command's name in
 * front). */
int args_parse(struct args *a, const char *command, const char *usage, int argc, char **argv);
/* NULL when not given. */
const char *args_option(const struct args *a, const char *name);
static inline bool
args_flag(const struct args *a, const char *name)
{
	return args_option(a, name) != NULL;
}
