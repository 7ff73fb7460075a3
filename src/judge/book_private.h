/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the parts of the book share: book.c writes, book_file.c opens and sets aside, book_load.c
 * reads. Nobody else includes this.
 */
#pragma once

#include <sqlite3.h>

#include "judge/book.h"
#include "judge/book_sql.h"
#include "judge/formers.h"

#define BLOB_MAX 18 /* family, bytes, length */

struct book {
	struct book_parts parts;
	char *dir, *path;
	sqlite3 *db; /* NULL: not open */
	sqlite3_stmt *statements[SQL_STATEMENTS];
	struct formers formers; /* unknown until all of the history was read */
	bool loaded;
	bool lost; /* set aside before it was loaded */
	usec_t next_clean;
	char error[256];
};

/* The statement, made at its first use; NULL: the database says why. */
sqlite3_stmt *book_statement(struct book *b, enum book_sql which);
/* Runs a statement that gives no rows, and makes it ready for the next time; NULL is the last
 * error.
 */
int book_run(struct book *b, sqlite3_stmt *s);
/* All gaps that changed (judge/book_gaps.c), and those that stand, at the start. */
int book_save_gaps(struct book *b);
int book_load_gaps(struct book *b);
/* SQLite's result codes as negative errno; keeps the text for book_error. SQLITE_OK, ROW and DONE
 * are 0. */
int book_fail(struct book *b, int code);
void book_close(struct book *b);
int book_exec(struct book *b, const char *sql);
/* Loads all tables into the parts; *unread counts rows left out. */
int book_load(struct book *b, usec_t now, uint32_t *unread);

/* Blobs; return their size. */
int blob_of_addr(const struct addr *a, unsigned char blob[static BLOB_MAX]);
int blob_of_prefix(const struct prefix *p, unsigned char blob[static BLOB_MAX]);
/* False when it is none. */
bool addr_of_blob(struct addr *a, const unsigned char *blob, int n);
bool prefix_of_blob(struct prefix *p, const unsigned char *blob, int n);
