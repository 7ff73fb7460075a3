/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The directories of filters and rules: SHARE/WHAT holds the shipped files, ETC/WHAT.d the local
 * ones, of which one with the same name replaces a shipped one as a whole. Comes in: the
 * directories. Goes out: each file's tree to the reader of its kind, in the order of their names.
 * Bounded: CONFIG_FILES_MAX in a directory.
 */
#pragma once

#include "conf/config.h"

/* name: the file's, without .yaml. */
typedef void (*file_reader)(struct config *c, const struct yaml_file *file, const char *name);

struct file_kind {
	const char *key; /* the key that makes a file one of this kind; NULL ends the table */
	file_reader read;
};

/* what: "filters" or "rules". Trouble goes to the diag; a directory that is absent is an empty one.
 */
void directory_read(struct config *c, const char *what, const struct file_kind *kinds);
/*
 * Is a name that of its file (NULL: guardd's own), and is it free? what: "filter" or "rule". Told
 * and false if not.
 */
bool directory_check_name(
    struct config *c, const char *what, const struct text *name, const char *file);
