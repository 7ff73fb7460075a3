/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The command line of a unit's first process, by a table. Comes in: argc and argv. Goes out:
 * members of the caller's struct. -V and -h are of themselves.
 */
#pragma once

#include <stddef.h>

enum option_kind {
	OPTION_TEXT, /* const char * */
	OPTION_PATH, /* const char *, made absolute */
	OPTION_FLAG, /* bool */
};

struct option_row {
	char name;
	const char *longname, *argument, *help; /* argument NULL: a flag */
	enum option_kind kind;
	size_t offset; /* of the member */
};

struct option_page {
	const char *program, *about, *see;
};

/* rows ends with longname NULL. 0: go on, 1: all was said (help, version), -EINVAL: usage error,
 * already told. */
int options_read(void *into, const struct option_row *rows, const struct option_page *page,
    int argc, char **argv);
