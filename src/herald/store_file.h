/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Opening, checking and copying the herald's database. Comes in: a path. Goes out: a connection
 * with its settings made. A damaged file is renamed, never deleted.
 */
#pragma once

#include <sqlite3.h>

struct store_aside {
	char name[4096]; /* what the damaged file is called now; "": there was none */
	char why[128];
};

/* Negative errno: -EROFS, -ENOSPC, -EIO: not now; -ENOMEM. */
int store_file_open(sqlite3 **out, const char *path, struct store_aside *aside);
int store_file_memory(sqlite3 **out);
/* All of from replaces all of to. */
int store_file_copy(sqlite3 *to, sqlite3 *from);
int store_file_errno(int code); /* of SQLite's result code; 0: fine */
