/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "herald/store_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

/* Exclusive: nobody else may use it, and no shared memory is needed. A commit takes 20 us so; with
 * synchronous=FULL, or without WAL, it waits a millisecond or more for the disk. What a power
 * failure takes with it then, the last seconds at most, guardd says again when it stands. */
#define PRAGMAS                                                                                    \
	"PRAGMA locking_mode=EXCLUSIVE;"                                                           \
	"PRAGMA journal_mode=WAL;"                                                                 \
	"PRAGMA synchronous=NORMAL;"                                                               \
	"PRAGMA journal_size_limit=1048576;"                                                       \
	"PRAGMA wal_autocheckpoint=256;"                                                           \
	"PRAGMA cache_size=-512;"                                                                  \
	"PRAGMA mmap_size=0;"                                                                      \
	"PRAGMA temp_store=MEMORY;"                                                                \
	"PRAGMA trusted_schema=OFF;"                                                               \
	"PRAGMA cell_size_check=ON;"

static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};

int
store_file_errno(int code)
{
	static const struct {
		int code, error;
	} known[] = {{SQLITE_OK, 0}, {SQLITE_DONE, 0}, {SQLITE_ROW, 0}, {SQLITE_NOMEM, -ENOMEM},
	    {SQLITE_FULL, -ENOSPC}, {SQLITE_READONLY, -EROFS}, {SQLITE_CORRUPT, -EBADMSG},
	    {SQLITE_NOTADB, -EBADMSG}, {SQLITE_CONSTRAINT, -EEXIST}, {SQLITE_IOERR, -EIO},
	    {SQLITE_CANTOPEN, -EIO}, {SQLITE_PERM, -EACCES}, {SQLITE_BUSY, -EBUSY}};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (known[i].code == (code & 0xff))
			return known[i].error;
	return -EINVAL;
}

/* PRAGMA quick_check answers with one row "ok", or with what is wrong. */
static int
check_whole(sqlite3 *db, char *why, size_t room)
{
	sqlite3_stmt *s = NULL;
	int code = sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &s, NULL), r;
	const char *text;

	if (code == SQLITE_OK)
		code = sqlite3_step(s);
	r = store_file_errno(code);
	if (r == 0) {
		text = (const char *)sqlite3_column_text(s, 0);
		if (!text || strcmp(text, "ok") != 0) {
			snprintf(why, room, "%s", text ? text : "no answer");
			r = -EBADMSG;
		}
	} else {
		snprintf(why, room, "%s", sqlite3_errmsg(db));
	}
	sqlite3_finalize(s);
	return r;
}

static int
open_once(sqlite3 **out, const char *path, char *why, size_t room)
{
	int r = store_file_errno(sqlite3_open_v2(path, out,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW,
	    NULL));

	if (r == 0)
		r = store_file_errno(sqlite3_exec(*out, PRAGMAS, NULL, NULL, NULL));
	/* A file, or a directory, that cannot be written is found out here. */
	if (r == 0)
		r = store_file_errno(sqlite3_exec(
		    *out, "BEGIN IMMEDIATE; PRAGMA user_version=1; COMMIT", NULL, NULL, NULL));
	if (r < 0)
		snprintf(why, room, "%s", *out ? sqlite3_errmsg(*out) : strerror(-r));
	else
		r = check_whole(*out, why, room);
	if (r < 0) {
		sqlite3_close(*out);
		*out = NULL;
	}
	return r;
}

static int
set_aside(const char *path, struct store_aside *aside)
{
	char when[40];

	snprintf(aside->name, sizeof(aside->name), "%s.damaged-%s", path,
	    clock_format(clock_real(), 1, when));
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(*suffixes); i++) {
		char from[4200], to[4200];

		snprintf(from, sizeof(from), "%s%s", path, suffixes[i]);
		snprintf(to, sizeof(to), "%s%s", aside->name, suffixes[i]);
		if (rename(from, to) < 0 && errno != ENOENT)
			return -errno;
	}
	return 0;
}

int
store_file_open(sqlite3 **out, const char *path, struct store_aside *aside)
{
	int r = open_once(out, path, aside->why, sizeof(aside->why));

	if (r != -EBADMSG)
		return r;
	r = set_aside(path, aside);
	return r < 0 ? r : open_once(out, path, aside->why + sizeof(aside->why) - 1, 1);
}

int
store_file_memory(sqlite3 **out)
{
	int r = store_file_errno(sqlite3_open_v2(":memory:", out,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL));

	if (r < 0) {
		sqlite3_close(*out);
		*out = NULL;
	}
	return r;
}

int
store_file_copy(sqlite3 *to, sqlite3 *from)
{
	sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");
	int code;

	if (!b)
		return -EIO;
	code = sqlite3_backup_step(b, -1);
	sqlite3_backup_finish(b);
	return store_file_errno(code);
}
