/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "herald/store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "herald/store_file.h"

#define STATEMENTS_MAX 128
#define SCHEMAS_MAX    16
#define REDO_MAX       (8u << 20) /* bytes of a transaction that can be done again in memory */
#define AGAIN          60         /* seconds until a disk that failed is tried again */

struct prepared {
	char *sql;
	sqlite3_stmt *stmt;
};

struct store {
	char path[4096];
	sqlite3 *db;
	bool on_disk, begun;
	char trouble[512]; /* "": none */
	struct event *turn, *again;
	struct prepared prepared[STATEMENTS_MAX];
	size_t n_prepared;
	char *schemas[SCHEMAS_MAX];
	size_t n_schemas;
	/* The statements of this transaction, with their values: what a failed disk refuses is done
	 * again in memory. */
	struct strbuf redo;
};

/* The file cannot be used any more, or not now. */
static bool
is_disk(int r)
{
	return r == -ENOSPC || r == -EROFS || r == -EBADMSG || r == -EIO;
}

static void
drop_statements(struct store *s)
{
	for (size_t i = 0; i < s->n_prepared; i++) {
		sqlite3_finalize(s->prepared[i].stmt);
		s->prepared[i].stmt = NULL;
	}
}

static int
exec(struct store *s, const char *sql)
{
	return store_file_errno(sqlite3_exec(s->db, sql, NULL, NULL, NULL));
}

/* Uses db from now on: statements are prepared anew when they are asked for. */
static void
adopt(struct store *s, sqlite3 *db, bool on_disk)
{
	drop_statements(s);
	if (s->db)
		sqlite3_close(s->db);
	s->db = db;
	s->on_disk = on_disk;
	for (size_t i = 0; i < s->n_schemas; i++)
		exec(s, s->schemas[i]);
}

static void
wait_for_disk(struct store *s)
{
	const struct timeval tv = {.tv_sec = AGAIN};

	event_add(s->again, &tv);
}

/* Goes on in memory, with what the file holds as far as it can be read. */
static int
leave_disk(struct store *s, int why)
{
	sqlite3 *memory = NULL;
	int r = store_file_memory(&memory);

	if (r < 0)
		return r;
	snprintf(s->trouble, sizeof(s->trouble),
	    "%.128s cannot be written (%s): what is kept is lost "
	    "when guardd-herald ends",
	    s->path, strerror(-why));
	if (why != -EBADMSG && s->db && store_file_copy(memory, s->db) < 0) {
		sqlite3_close(memory);
		r = store_file_memory(&memory);
		if (r < 0)
			return r;
	}
	adopt(s, memory, false);
	wait_for_disk(s);
	return 0;
}

int
store_try_disk(struct store *s)
{
	struct store_aside aside = {0};
	sqlite3 *disk = NULL;
	int r;

	if (s->on_disk)
		return 0;
	store_commit(s);
	r = store_file_open(&disk, s->path, &aside);
	if (r == 0)
		r = store_file_copy(disk, s->db);
	if (r < 0) {
		if (disk)
			sqlite3_close(disk);
		return r;
	}
	s->trouble[0] = '\0';
	adopt(s, disk, true);
	return 0;
}

static void
on_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	if (store_try_disk(arg) < 0)
		wait_for_disk(arg);
}

/* --- transactions --- */

void
store_begin(struct store *s)
{
	if (s->begun)
		return;
	s->begun = exec(s, "BEGIN") == 0;
	strbuf_reset(&s->redo);
	if (s->begun)
		event_active(s->turn, 0, 0);
}

/* What the file refused, in memory. */
static int
redo(struct store *s, int why)
{
	int r;

	if (!sqlite3_get_autocommit(s->db))
		exec(s, "ROLLBACK");
	s->begun = false;
	r = leave_disk(s, why);
	if (r == 0 && s->redo.len > 0)
		r = exec(s, s->redo.text);
	strbuf_reset(&s->redo);
	return r;
}

int
store_commit(struct store *s)
{
	int r;

	if (!s->begun)
		return 0;
	r = exec(s, "COMMIT");
	if (is_disk(r) && s->on_disk)
		return redo(s, r);
	s->begun = false;
	strbuf_reset(&s->redo);
	return r;
}

static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	store_commit(arg);
}

static void
remember(struct store *s, sqlite3_stmt *statement)
{
	char *text;

	if (!s->on_disk || !s->begun || s->redo.len > REDO_MAX)
		return;
	text = sqlite3_expanded_sql(statement);
	if (text) {
		strbuf_puts(&s->redo, text);
		strbuf_puts(&s->redo, ";");
	}
	sqlite3_free(text);
}

int
store_run(struct store *s, sqlite3_stmt *statement)
{
	int code, r;

	if (!statement)
		return -ENOMEM;
	store_begin(s);
	remember(s, statement);
	code = sqlite3_step(statement);
	r = store_file_errno(code);
	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
	if (is_disk(r) && s->on_disk)
		r = redo(s, r);
	return r;
}

/* --- statements --- */

static struct prepared *
slot_of(struct store *s, const char *sql)
{
	for (size_t i = 0; i < s->n_prepared; i++)
		if (strcmp(s->prepared[i].sql, sql) == 0)
			return &s->prepared[i];
	if (s->n_prepared == STATEMENTS_MAX)
		return NULL;
	s->prepared[s->n_prepared].sql = strdup(sql);
	return s->prepared[s->n_prepared].sql ? &s->prepared[s->n_prepared++] : NULL;
}

sqlite3_stmt *
store_statement(struct store *s, const char *sql)
{
	struct prepared *p = slot_of(s, sql);

	if (!p)
		return NULL;
	if (!p->stmt)
		sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &p->stmt, NULL);
	if (p->stmt) {
		sqlite3_reset(p->stmt);
		sqlite3_clear_bindings(p->stmt);
	}
	return p->stmt;
}

int
store_schema(struct store *s, const char *sql)
{
	int r;

	if (s->n_schemas == SCHEMAS_MAX)
		return -ENOSPC;
	s->schemas[s->n_schemas] = strdup(sql);
	if (!s->schemas[s->n_schemas])
		return -ENOMEM;
	s->n_schemas++;
	store_commit(s);
	r = exec(s, sql);
	if (is_disk(r) && s->on_disk)
		r = leave_disk(s, r);
	return r;
}

/* --- the whole --- */

const char *
store_trouble(const struct store *s)
{
	return s->trouble[0] ? s->trouble : NULL;
}

int
store_new(struct store **out, struct event_base *base, const char *dir)
{
	struct store *s = calloc(1, sizeof(*s));
	struct store_aside aside = {0};
	sqlite3 *db = NULL;
	int r;

	if (!s)
		return -ENOMEM;
	snprintf(s->path, sizeof(s->path), "%s/" STORE_FILE, dir);
	s->turn = event_new(base, -1, 0, on_turn, s);
	s->again = evtimer_new(base, on_again, s);
	r = s->turn && s->again ? store_file_open(&db, s->path, &aside) : -ENOMEM;
	if (r == 0)
		adopt(s, db, true);
	else if (r != -ENOMEM)
		r = leave_disk(s, r);
	if (r < 0) {
		store_free(s);
		return r;
	}
	if (aside.name[0] && !s->trouble[0])
		snprintf(s->trouble, sizeof(s->trouble),
		    "%.128s was damaged (%s) and is now %.128s", s->path, aside.why, aside.name);
	*out = s;
	return 0;
}

void
store_free(struct store *s)
{
	if (!s)
		return;
	if (s->db) {
		store_commit(s);
		drop_statements(s);
		sqlite3_close(s->db);
	}
	for (size_t i = 0; i < s->n_prepared; i++)
		free(s->prepared[i].sql);
	for (size_t i = 0; i < s->n_schemas; i++)
		free(s->schemas[i]);
	if (s->turn)
		event_free(s->turn);
	if (s->again)
		event_free(s->again);
	strbuf_fini(&s->redo);
	free(s);
}
