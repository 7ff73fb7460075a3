/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "judge/book_private.h"

static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};

void
book_close(struct book *b)
{
	for (size_t i = 0; i < SQL_STATEMENTS; i++) {
		sqlite3_finalize(b->statements[i]);
		b->statements[i] = NULL;
	}
	sqlite3_close(b->db);
	b->db = NULL;
}

static int
read_int(struct book *b, const char *sql, int64_t *out)
{
	sqlite3_stmt *s = NULL;
	int code = sqlite3_prepare_v2(b->db, sql, -1, &s, NULL), r;

	if (code == SQLITE_OK)
		code = sqlite3_step(s);
	if (code == SQLITE_ROW)
		*out = sqlite3_column_int64(s, 0);
	r = book_fail(b, code);
	sqlite3_finalize(s);
	return r;
}

/* PRAGMA quick_check answers with one row "ok", or with what is wrong. */
static int
check_whole(struct book *b)
{
	sqlite3_stmt *s = NULL;
	int code = sqlite3_prepare_v2(b->db, "PRAGMA quick_check(1)", -1, &s, NULL), r;
	const char *text;

	if (code == SQLITE_OK)
		code = sqlite3_step(s);
	r = book_fail(b, code);
	if (r == 0) {
		text = (const char *)sqlite3_column_text(s, 0);
		if (!text || strcmp(text, "ok") != 0) {
			snprintf(b->error, sizeof(b->error), "%s", text ? text : "no answer");
			r = -EBADMSG;
		}
	}
	sqlite3_finalize(s);
	return r;
}

static int
migrate(struct book *b, int64_t version)
{
	for (; version < BOOK_SCHEMA; version++) {
		char sql[64];
		int r = book_exec(b, "BEGIN IMMEDIATE");

		if (r == 0)
			r = book_exec(b, book_migrations[version]);
		snprintf(sql, sizeof(sql), "PRAGMA user_version=%d", (int)version + 1);
		if (r == 0)
			r = book_exec(b, sql);
		if (r == 0)
			r = book_exec(b, "COMMIT");
		if (r < 0)
			return r;
	}
	return 0;
}

/* 0, -EBADMSG (damaged), -EPROTO (of a newer guardd), or what kept it from being used. */
static int
open_file(struct book *b)
{
	int64_t version = 0;
	int r = book_fail(b, sqlite3_open_v2(b->path, &b->db,
				 SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
				     SQLITE_OPEN_NOFOLLOW,
				 NULL));

	if (r == 0)
		r = book_exec(b, BOOK_PRAGMAS);
	if (r == 0)
		r = read_int(b, "PRAGMA user_version", &version);
	if (r < 0)
		return r;
	if (version > BOOK_SCHEMA) {
		snprintf(b->error, sizeof(b->error),
		    "its schema is version %lld, this guardd knows %d", (long long)version,
		    BOOK_SCHEMA);
		return -EPROTO;
	}
	if (version < 0)
		return -EBADMSG;
	r = check_whole(b);
	return r < 0 ? r : migrate(b, version);
}

/* Out of the way, never away: somebody may want to look, or go back to a newer guardd. */
static int
set_aside(struct book *b, const char *kind, usec_t now, struct book_opened *told)
{
	char when[40];

	book_close(b);
	snprintf(told->why, sizeof(told->why), "%s", b->error);
	snprintf(told->aside, sizeof(told->aside), "%s.%s-%s", BOOK_FILE, kind,
	    clock_format(now, 1, when));
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(*suffixes); i++) {
		char from[4096], to[4096];

		snprintf(from, sizeof(from), "%s%s", b->path, suffixes[i]);
		snprintf(to, sizeof(to), "%s/%s%s", b->dir, told->aside, suffixes[i]);
		if (rename(from, to) < 0 && errno != ENOENT)
			return -errno;
	}
	told->set_aside = true;
	b->lost |= !b->loaded;
	return 0;
}

/* Everything in memory is to be written into what is a new file now. */
static void
start_over(struct book *b)
{
	positions_change_all(b->parts.positions);
	tallies_change_all(b->parts.tallies);
	bans_change_all(b->parts.bans);
	if (b->parts.gaps)
		gaps_change_all(b->parts.gaps);
	for (uint16_t i = 0; i < b->parts.rules->n; i++)
		b->parts.rules->slots[i].book_id = 0;
	formers_start(&b->formers, 0);
}

static int
open_or_set_aside(struct book *b, usec_t now, struct book_opened *told)
{
	int r = open_file(b);

	if (r == -EBADMSG || r == -EPROTO) {
		r = set_aside(b, r == -EPROTO ? "newer" : "damaged", now, told);
		if (r == 0)
			r = open_file(b);
		if (r == 0)
			start_over(b);
	}
	return r;
}

int
book_open(struct book *b, usec_t now, struct book_opened *told)
{
	int r;

	memset(told, 0, sizeof(*told));
	told->lost = b->lost;
	if (b->db)
		return 0;
	r = open_or_set_aside(b, now, told);
	if (r == 0 && !b->loaded) {
		r = book_load(b, now, &told->unread);
		if (r == -EBADMSG) {
			r = set_aside(b, "damaged", now, told);
			if (r == 0)
				r = open_file(b);
			if (r == 0)
				start_over(b);
		}
	}
	if (r < 0)
		book_close(b);
	else
		b->loaded = true;
	told->lost = b->lost || !b->loaded;
	return r;
}
