/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "herald/alert_rows.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SCHEMA                                                                                     \
	"CREATE TABLE IF NOT EXISTS alert_queue ("                                                 \
	"id INTEGER PRIMARY KEY AUTOINCREMENT, channel TEXT NOT NULL, episode TEXT NOT NULL,"      \
	"serial INTEGER, kind INTEGER, severity INTEGER, before INTEGER, worst INTEGER,"           \
	"telling INTEGER, untold INTEGER, times INTEGER, since INTEGER, at INTEGER,"               \
	"subject TEXT NOT NULL, words TEXT NOT NULL,"                                              \
	"weight INTEGER, queued INTEGER, next INTEGER, flying INTEGER, batch INTEGER);"            \
	"CREATE INDEX IF NOT EXISTS alert_queue_episode ON alert_queue (channel, episode);"        \
	"CREATE INDEX IF NOT EXISTS alert_queue_batch ON alert_queue (channel, batch, next);"      \
	"CREATE INDEX IF NOT EXISTS alert_queue_weight ON alert_queue (weight, id);"               \
	"CREATE TABLE IF NOT EXISTS alert_sent (channel TEXT NOT NULL, at INTEGER NOT NULL);"      \
	"CREATE INDEX IF NOT EXISTS alert_sent_at ON alert_sent (channel, at);"                    \
	"CREATE TABLE IF NOT EXISTS alert_batches (id INTEGER PRIMARY KEY AUTOINCREMENT);"         \
	"CREATE TABLE IF NOT EXISTS alert_channels (name TEXT PRIMARY KEY, trouble TEXT NOT NULL," \
	"delivered INTEGER, failed INTEGER, lost INTEGER, lost_now INTEGER, last INTEGER,"         \
	"failing INTEGER) WITHOUT ROWID"
#define EVENT                                                                                      \
	"episode, serial, kind, severity, before, worst, telling, untold, times, since, at, "      \
	"subject, words"
#define GOES_ALONE (-1) /* was in a batch that was not wanted */

/* A statement with its values: 't' text, 'i' int64_t. NULL: it cannot be had. */
static sqlite3_stmt *
bound(const struct alert_rows *r, const char *sql, const char *types, ...)
{
	sqlite3_stmt *q = store_statement(r->store, sql);
	va_list ap;

	va_start(ap, types);
	for (int i = 1; q && types[i - 1]; i++) {
		if (types[i - 1] == 't')
			sqlite3_bind_text(q, i, va_arg(ap, const char *), -1, SQLITE_TRANSIENT);
		else
			sqlite3_bind_int64(q, i, va_arg(ap, int64_t));
	}
	va_end(ap);
	return q;
}

static void
change(const struct alert_rows *r, sqlite3_stmt *q)
{
	if (!q)
		return;
	store_begin(r->store);
	store_run(r->store, q);
}

/* Two numbers of the first row; 0 where there is none. */
static int64_t
ask(sqlite3_stmt *q, int64_t *second)
{
	int64_t first = 0;

	if (second)
		*second = 0;
	if (q && sqlite3_step(q) == SQLITE_ROW) {
		first = sqlite3_column_int64(q, 0);
		if (second)
			*second = sqlite3_column_int64(q, 1);
	}
	if (q)
		sqlite3_reset(q);
	return first;
}

/* EVENT begins in column at. */
static void
read_event(sqlite3_stmt *q, int at, struct alert_event *e)
{
	*e = (struct alert_event){.serial = (uint32_t)sqlite3_column_int64(q, at + 1),
	    .kind = (uint8_t)(sqlite3_column_int(q, at + 2) % ALERT_KINDS),
	    .severity = (uint8_t)(sqlite3_column_int(q, at + 3) % SEVERITIES),
	    .before = (uint8_t)(sqlite3_column_int(q, at + 4) % SEVERITIES),
	    .worst = (uint8_t)(sqlite3_column_int(q, at + 5) % SEVERITIES),
	    .telling = (uint8_t)(sqlite3_column_int(q, at + 6) % TELLINGS),
	    .untold = sqlite3_column_int(q, at + 7) != 0,
	    .times = (uint32_t)sqlite3_column_int64(q, at + 8),
	    .since = sqlite3_column_int64(q, at + 9),
	    .at = sqlite3_column_int64(q, at + 10)};
	alert_text_copy(e->episode, sizeof(e->episode), (const char *)sqlite3_column_text(q, at));
	alert_text_copy(
	    e->subject, sizeof(e->subject), (const char *)sqlite3_column_text(q, at + 11));
	alert_text_copy(e->words, sizeof(e->words), (const char *)sqlite3_column_text(q, at + 12));
}

/* The first row: its id, and the event behind it. */
static int64_t
ask_event(sqlite3_stmt *q, struct alert_event *out)
{
	int64_t row = 0;

	if (q && sqlite3_step(q) == SQLITE_ROW) {
		row = sqlite3_column_int64(q, 0);
		read_event(q, 1, out);
	}
	if (q)
		sqlite3_reset(q);
	return row;
}

/* --- beginning --- */

static bool
is_in(const char *name, const char *const *names, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

/* One at a time: rows must not change under a statement that runs. */
static void
forget_others(struct alert_rows *r, const char *const *channels, uint32_t n)
{
	char name[256] = "";

	for (;;) {
		sqlite3_stmt *q = bound(r,
		    "SELECT channel FROM alert_queue WHERE channel > ? ORDER BY channel LIMIT 1",
		    "t", name);
		bool got = q && sqlite3_step(q) == SQLITE_ROW;

		if (got)
			snprintf(name, sizeof(name), "%s", (const char *)sqlite3_column_text(q, 0));
		if (q)
			sqlite3_reset(q);
		if (!got)
			return;
		if (!is_in(name, channels, n))
			change(r, bound(r, "DELETE FROM alert_queue WHERE channel = ?", "t", name));
	}
}

int
alert_rows_open(
    struct alert_rows *r, struct store *store, const char *const *channels, uint32_t n, usec_t now)
{
	int status;

	r->store = store;
	r->n = -1;
	status = store_schema(store, SCHEMA);
	if (status < 0)
		return status;
	change(r, bound(r, "UPDATE alert_queue SET flying = 0, next = 0", ""));
	change(r, bound(r, "UPDATE alert_queue SET queued = ? WHERE queued > ?", "ii", now, now));
	change(r, bound(r, "DELETE FROM alert_sent WHERE at > ?", "i", now));
	forget_others(r, channels, n);
	return 0;
}

void
alert_rows_channels(const struct alert_rows *r,
    void (*fn)(void *ctx, const struct alert_rows_channel *c), void *ctx)
{
	sqlite3_stmt *q = bound(r,
	    "SELECT name, trouble, delivered, failed, lost, lost_now, last, failing "
	    "FROM alert_channels",
	    "");

	while (q && sqlite3_step(q) == SQLITE_ROW) {
		const struct alert_rows_channel c = {
		    .name = (const char *)sqlite3_column_text(q, 0),
		    .trouble = (const char *)sqlite3_column_text(q, 1),
		    .delivered = (uint64_t)sqlite3_column_int64(q, 2),
		    .failed = (uint64_t)sqlite3_column_int64(q, 3),
		    .lost = (uint64_t)sqlite3_column_int64(q, 4),
		    .lost_now = (uint64_t)sqlite3_column_int64(q, 5),
		    .last = sqlite3_column_int64(q, 6),
		    .failing = sqlite3_column_int64(q, 7)};

		if (c.name && c.trouble)
			fn(ctx, &c);
	}
	if (q)
		sqlite3_reset(q);
}

void
alert_rows_save_channel(struct alert_rows *r, const struct alert_rows_channel *c)
{
	change(r, bound(r,
		      "INSERT OR REPLACE INTO alert_channels (name, trouble, delivered, failed, "
		      "lost, lost_now, last, failing) VALUES (?,?,?,?,?,?,?,?)",
		      "ttiiiiii", c->name, c->trouble, (int64_t)c->delivered, (int64_t)c->failed,
		      (int64_t)c->lost, (int64_t)c->lost_now, c->last, c->failing));
}

/* --- rows --- */

void
alert_rows_add(struct alert_rows *r, const char *channel, const struct alert_event *e,
    uint8_t weight, usec_t now)
{
	change(r, bound(r,
		      "INSERT INTO alert_queue (channel, " EVENT
		      ", weight, queued, next, flying, batch) VALUES "
		      "(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,0,0,0)",
		      "ttiiiiiiiiiittii", channel, e->episode, (int64_t)e->serial, (int64_t)e->kind,
		      (int64_t)e->severity, (int64_t)e->before, (int64_t)e->worst,
		      (int64_t)e->telling, (int64_t)e->untold, (int64_t)e->times, e->since, e->at,
		      e->subject, e->words, (int64_t)weight, now));
	if (r->n >= 0)
		r->n++;
}

void
alert_rows_delete(struct alert_rows *r, int64_t row)
{
	change(r, bound(r, "DELETE FROM alert_queue WHERE id = ?", "i", row));
	if (r->n > 0)
		r->n--;
}

int64_t
alert_rows_waiting(
    const struct alert_rows *r, const char *channel, const char *episode, struct alert_event *out)
{
	return ask_event(
	    bound(r,
		/* "+": by the index of episodes, of which each has one row or two. */
		"SELECT id, " EVENT " FROM alert_queue WHERE channel = ? AND episode = ? AND "
		"flying = 0 AND +batch <= 0 ORDER BY +id LIMIT 1",
		"tt", channel, episode),
	    out);
}

bool
alert_rows_drop_least(struct alert_rows *r, uint8_t weight, char *channel, size_t room)
{
	sqlite3_stmt *q = bound(r,
	    "SELECT id, channel FROM alert_queue WHERE weight <= ? AND flying = 0 AND batch <= 0 "
	    "ORDER BY weight, id LIMIT 1",
	    "i", (int64_t)weight);
	int64_t row = 0;

	if (q && sqlite3_step(q) == SQLITE_ROW) {
		row = sqlite3_column_int64(q, 0);
		snprintf(channel, room, "%s", (const char *)sqlite3_column_text(q, 1));
	}
	if (q)
		sqlite3_reset(q);
	if (row > 0)
		alert_rows_delete(r, row);
	return row > 0;
}

uint32_t
alert_rows_give_up(struct alert_rows *r, const char *channel, usec_t before)
{
	sqlite3_stmt *q = bound(r,
	    "SELECT count(*) FROM alert_queue WHERE channel = ? AND queued <= ? AND flying = 0",
	    "ti", channel, before);

	uint32_t n = (uint32_t)ask(q, NULL);

	r->n = n > 0 ? -1 : r->n;
	if (n > 0)
		change(r, bound(r,
			      "DELETE FROM alert_queue WHERE channel = ? AND queued <= ? AND "
			      "flying = 0",
			      "ti", channel, before));
	return n;
}

/* Counted once, then kept: in a flood it is asked for each row. */
bool
alert_rows_have_room(struct alert_rows *r, uint32_t max)
{
	if (r->n < 0)
		r->n = alert_rows_length(r);
	return r->n < max;
}

uint32_t
alert_rows_length(const struct alert_rows *r)
{
	return (uint32_t)ask(bound(r, "SELECT count(*) FROM alert_queue", ""), NULL);
}

uint32_t
alert_rows_of_channel(const struct alert_rows *r, const char *channel)
{
	return (uint32_t)ask(
	    bound(r, "SELECT count(*) FROM alert_queue WHERE channel = ?", "t", channel), NULL);
}

uint32_t
alert_rows_due(const struct alert_rows *r, const char *channel, usec_t now, usec_t *next)
{
	int64_t first, n;

	n = ask(bound(r, "SELECT count(*) FROM alert_queue WHERE channel = ? AND next <= ?", "ti",
		    channel, now),
	    NULL);
	first = ask(bound(r, "SELECT min(next) FROM alert_queue WHERE channel = ? AND next > ?",
			"ti", channel, now),
	    NULL);
	if (first > 0 && first < *next)
		*next = first;
	return (uint32_t)n;
}

int64_t
alert_rows_next(
    const struct alert_rows *r, const char *channel, usec_t now, struct alert_event *out)
{
	return ask_event(
	    bound(r,
		"SELECT id, " EVENT " FROM alert_queue WHERE channel = ? AND next <= ? AND "
		"flying = 0 AND batch <= 0 ORDER BY id LIMIT 1",
		"ti", channel, now),
	    out);
}

void
alert_rows_fly(struct alert_rows *r, int64_t row)
{
	change(r, bound(r, "UPDATE alert_queue SET flying = 1 WHERE id = ?", "i", row));
}

void
alert_rows_land(struct alert_rows *r, int64_t row, usec_t next)
{
	change(r,
	    bound(r, "UPDATE alert_queue SET flying = 0, next = ? WHERE id = ?", "ii", next, row));
}

/* --- batches --- */

int64_t
alert_rows_open_batch(const struct alert_rows *r, const char *channel)
{
	return ask(bound(r, "SELECT min(batch) FROM alert_queue WHERE channel = ? AND batch > 0",
		       "t", channel),
	    NULL);
}

int64_t
alert_rows_make_batch(struct alert_rows *r, const char *channel, usec_t now, unsigned max)
{
	int64_t batch;

	change(r, bound(r, "DELETE FROM alert_batches", ""));
	change(r, bound(r, "INSERT INTO alert_batches DEFAULT VALUES", ""));
	batch = ask(bound(r, "SELECT max(id) FROM alert_batches", ""), NULL);
	change(r, bound(r,
		      "UPDATE alert_queue SET batch = ? WHERE id IN (SELECT id FROM alert_queue "
		      "WHERE channel = ? AND batch = 0 AND flying = 0 AND next <= ? "
		      "ORDER BY weight DESC, id LIMIT ?)",
		      "itii", batch, channel, now, (int64_t)max));
	return alert_rows_open_batch(r, channel);
}

unsigned
alert_rows_batch(const struct alert_rows *r, int64_t batch, struct alert_event *out, unsigned room,
    struct alert_bundle *b)
{
	sqlite3_stmt *q =
	    bound(r, "SELECT " EVENT " FROM alert_queue WHERE batch = ? ORDER BY weight DESC, id",
		"i", batch);
	unsigned n = 0;

	b->total = 0;
	while (q && sqlite3_step(q) == SQLITE_ROW) {
		unsigned kind = (unsigned)sqlite3_column_int(q, 2) % ALERT_KINDS;
		uint8_t severity = (uint8_t)(sqlite3_column_int(q, 3) % SEVERITIES);

		if (n < room)
			read_event(q, 0, &out[n++]);
		b->total++;
		b->by_kind[kind]++;
		if (severity > b->severity)
			b->severity = severity;
	}
	if (q)
		sqlite3_reset(q);
	return n;
}

void
alert_rows_delete_batch(struct alert_rows *r, int64_t batch)
{
	change(r, bound(r, "DELETE FROM alert_queue WHERE batch = ?", "i", batch));
	r->n = -1;
}

void
alert_rows_break_batch(struct alert_rows *r, int64_t batch)
{
	change(r, bound(r, "UPDATE alert_queue SET batch = ? WHERE batch = ?", "ii",
		      (int64_t)GOES_ALONE, batch));
}

/* --- what went --- */

void
alert_rows_note_sent(struct alert_rows *r, const char *channel, usec_t now)
{
	change(
	    r, bound(r, "INSERT INTO alert_sent (channel, at) VALUES (?,?)", "ti", channel, now));
	change(r, bound(r, "DELETE FROM alert_sent WHERE at < ?", "i", now - 7200 * USEC_PER_SEC));
}

uint32_t
alert_rows_sent(const struct alert_rows *r, const char *channel, usec_t since, usec_t *oldest)
{
	return (uint32_t)ask(
	    bound(r, "SELECT count(*), min(at) FROM alert_sent WHERE channel = ? AND at > ?", "ti",
		channel, since),
	    oldest);
}
