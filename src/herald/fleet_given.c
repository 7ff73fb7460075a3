/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "herald/fleet_given.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LIFT_KEEP                                                                                  \
	(7 * 86400 * USEC_PER_SEC) /* a lift by hand that cannot be told so long is dropped */
#define SCAN 512

enum state {
	STATE_NEW,   /* to be given */
	STATE_GIVEN, /* the server has it */
	STATE_LIFT,  /* to be lifted; then the row goes */
	STATE_AGAIN, /* the server lost it */
};

struct given {
	struct store *store;
	uint64_t serial; /* the last one used */
	uint64_t sent;   /* the highest that a server may have seen */
	uint32_t rows, waiting, again;
	uint64_t lost;
	bool in_snapshot;
	int64_t *seen; /* rows said in the snapshot */
	size_t n_seen, room_seen;
};

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS fleet_given (id INTEGER PRIMARY KEY, prefix BLOB NOT NULL, "
    "rule TEXT NOT NULL, since INTEGER NOT NULL, until INTEGER NOT NULL, level INTEGER NOT NULL, "
    "reason INTEGER NOT NULL, number INTEGER NOT NULL, serial INTEGER NOT NULL, "
    "state INTEGER NOT NULL, UNIQUE (prefix, rule));"
    "CREATE INDEX IF NOT EXISTS fleet_given_waits ON fleet_given (serial) WHERE state IN (0, 2);"
    "CREATE INDEX IF NOT EXISTS fleet_given_new ON fleet_given (serial) WHERE state = 0;"
    "CREATE INDEX IF NOT EXISTS fleet_given_again ON fleet_given (serial) WHERE state = 3;"
    "CREATE INDEX IF NOT EXISTS fleet_given_until ON fleet_given (until);"
    "CREATE TABLE IF NOT EXISTS fleet_serial (one INTEGER PRIMARY KEY CHECK (one = 1), "
    "last INTEGER NOT NULL);";

static uint64_t
ask_number(struct store *store, const char *sql)
{
	sqlite3_stmt *s = store_statement(store, sql);
	uint64_t v = 0;

	if (s && sqlite3_step(s) == SQLITE_ROW)
		v = (uint64_t)sqlite3_column_int64(s, 0);
	if (s)
		sqlite3_reset(s);
	return v;
}

static void
count_rows(struct given *g)
{
	g->rows = (uint32_t)ask_number(g->store, "SELECT count(*) FROM fleet_given");
	g->waiting = (uint32_t)ask_number(
	    g->store, "SELECT count(*) FROM fleet_given WHERE state IN (0, 2)");
	g->again =
	    (uint32_t)ask_number(g->store, "SELECT count(*) FROM fleet_given WHERE state = 3");
}

int
given_new(struct given **out, struct store *store, usec_t now)
{
	struct given *g = calloc(1, sizeof(*g));
	int r;

	if (!g)
		return -ENOMEM;
	g->store = store;
	r = store_schema(store, schema);
	if (r < 0) {
		free(g);
		return r;
	}
	g->serial = ask_number(store, "SELECT last FROM fleet_serial");
	if (g->serial < (uint64_t)now)
		g->serial = (uint64_t)now;
	/* What waited in a former life may have been on its way. */
	g->sent = g->serial;
	count_rows(g);
	*out = g;
	return 0;
}

void
given_free(struct given *g)
{
	if (!g)
		return;
	free(g->seen);
	free(g);
}

static void
keep_serial(struct given *g)
{
	sqlite3_stmt *s = store_statement(g->store,
	    "INSERT INTO fleet_serial VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET last = "
	    "excluded.last");

	if (!s)
		return;
	sqlite3_bind_int64(s, 1, (int64_t)g->serial);
	(void)store_run(g->store, s);
}

uint64_t
given_serial(struct given *g, usec_t now)
{
	g->serial = (uint64_t)now > g->serial ? (uint64_t)now : g->serial + 1;
	store_begin(g->store);
	keep_serial(g);
	return g->serial;
}

uint64_t
given_last_serial(const struct given *g)
{
	return g->serial;
}

void
given_raise_serial(struct given *g, uint64_t serial)
{
	if (serial <= g->serial)
		return;
	g->serial = serial;
	store_begin(g->store);
	keep_serial(g);
}

struct found {
	int64_t id; /* 0: none */
	uint64_t serial;
	usec_t until;
	int state;
};

static void
bind_key(sqlite3_stmt *s, const struct msg_fleet *b)
{
	sqlite3_bind_blob(s, 1, &b->prefix, sizeof(b->prefix), SQLITE_STATIC);
	sqlite3_bind_text(s, 2, b->rule, -1, SQLITE_STATIC);
}

static struct found
find(struct given *g, const struct msg_fleet *b)
{
	sqlite3_stmt *s = store_statement(g->store,
	    "SELECT id, serial, until, state FROM fleet_given WHERE prefix = ? AND rule = ?");
	struct found f = {0};

	if (!s)
		return f;
	bind_key(s, b);
	if (sqlite3_step(s) == SQLITE_ROW)
		f = (struct found){sqlite3_column_int64(s, 0), (uint64_t)sqlite3_column_int64(s, 1),
		    sqlite3_column_int64(s, 2), sqlite3_column_int(s, 3)};
	sqlite3_reset(s);
	return f;
}

static bool
waits(int state)
{
	return state == STATE_NEW || state == STATE_LIFT;
}

/* Keeps the sums for a row that goes from one state to another; -1: it is (was) not there. */
static void
count_change(struct given *g, int from, int to)
{
	g->rows += (uint32_t)(to >= 0) - (uint32_t)(from >= 0);
	g->waiting += (uint32_t)waits(to) - (uint32_t)waits(from);
	g->again += (uint32_t)(to == STATE_AGAIN) - (uint32_t)(from == STATE_AGAIN);
}

static void
drop_row(struct given *g, int64_t id, int state)
{
	sqlite3_stmt *s = store_statement(g->store, "DELETE FROM fleet_given WHERE id = ?");

	if (!s)
		return;
	sqlite3_bind_int64(s, 1, id);
	if (store_run(g->store, s) == 0)
		count_change(g, state, -1);
}

/* The newest bans are those that others need most. */
static void
make_room(struct given *g)
{
	sqlite3_stmt *s;
	int64_t id = 0;

	while (g->waiting >= FLEET_OUTBOX) {
		s = store_statement(
		    g->store, "SELECT id FROM fleet_given WHERE state = 0 ORDER BY serial LIMIT 1");
		id = s && sqlite3_step(s) == SQLITE_ROW ? sqlite3_column_int64(s, 0) : 0;
		if (s)
			sqlite3_reset(s);
		if (id == 0)
			return;
		drop_row(g, id, STATE_NEW);
		g->lost++;
	}
}

/* The row's id; 0: it could not be written. */
static int64_t
write_row(struct given *g, const struct msg_fleet *b, const struct found *f, int state, usec_t now)
{
	uint64_t serial = given_serial(g, now);
	sqlite3_stmt *s = store_statement(g->store,
	    "INSERT INTO fleet_given (prefix, rule, since, until, level, reason, number, serial, "
	    "state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (prefix, rule) DO UPDATE SET "
	    "since = excluded.since, until = excluded.until, level = excluded.level, "
	    "reason = excluded.reason, number = excluded.number, serial = excluded.serial, "
	    "state = excluded.state");

	if (!s)
		return 0;
	bind_key(s, b);
	sqlite3_bind_int64(s, 3, b->since);
	sqlite3_bind_int64(s, 4, b->until);
	sqlite3_bind_int(s, 5, b->level);
	sqlite3_bind_int(s, 6, b->reason);
	sqlite3_bind_int64(s, 7, b->number);
	sqlite3_bind_int64(s, 8, (int64_t)serial);
	sqlite3_bind_int(s, 9, state);
	if (store_run(g->store, s) < 0)
		return 0;
	count_change(g, f->id ? f->state : -1, state);
	return f->id ? f->id : find(g, b).id;
}

static void
note_seen(struct given *g, int64_t id)
{
	if (!g->in_snapshot || id == 0)
		return;
	if (g->n_seen == g->room_seen) {
		size_t room = g->room_seen ? 2 * g->room_seen : 1024;
		int64_t *grown = realloc(g->seen, room * sizeof(*grown));

		if (!grown) {
			/* Without the list nothing can be known to be lifted. */
			g->in_snapshot = false;
			return;
		}
		g->seen = grown;
		g->room_seen = room;
	}
	g->seen[g->n_seen++] = id;
}

void
given_begin(struct given *g)
{
	g->in_snapshot = true;
	g->n_seen = 0;
}

void
given_ban(struct given *g, const struct msg_fleet *b, usec_t now)
{
	struct found f;

	if (b->until <= now)
		return;
	f = find(g, b);
	if (f.id && f.state != STATE_LIFT && f.until == b->until) {
		note_seen(g, f.id);
		return;
	}
	store_begin(g->store);
	if (!f.id && g->rows >= FLEET_GIVEN)
		given_sweep(g, now);
	if (!f.id && g->rows >= FLEET_GIVEN) {
		g->lost++;
		return;
	}
	make_room(g);
	note_seen(g, write_row(g, b, &f, STATE_NEW, now));
}

void
given_lift(struct given *g, const struct msg_fleet *b, usec_t now)
{
	bool by_hand = strcmp(b->rule, "*") == 0;
	struct msg_fleet lift = *b;
	struct found f = find(g, b);

	if (!by_hand && (!f.id || f.state == STATE_LIFT))
		return;
	store_begin(g->store);
	if (!by_hand && f.state == STATE_NEW && f.serial > g->sent) {
		drop_row(g, f.id, f.state);
		return;
	}
	lift.until = by_hand ? now + LIFT_KEEP : f.until;
	write_row(g, &lift, &f, STATE_LIFT, now);
}

static int
number_order(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

struct scanned {
	int64_t id;
	int state;
	struct msg_fleet ban;
};

/* Rows behind id that stand for a ban, whatever was told of it. */
static unsigned
scan(struct given *g, int64_t id, struct scanned rows[static SCAN])
{
	sqlite3_stmt *s = store_statement(g->store,
	    "SELECT id, prefix, rule, state FROM fleet_given WHERE id > ? ORDER BY id "
	    "LIMIT ?");
	unsigned n = 0;

	if (!s)
		return 0;
	sqlite3_bind_int64(s, 1, id);
	sqlite3_bind_int(s, 2, SCAN);
	while (n < SCAN && sqlite3_step(s) == SQLITE_ROW) {
		struct scanned *r = &rows[n++];

		memset(r, 0, sizeof(*r));
		r->id = sqlite3_column_int64(s, 0);
		if (sqlite3_column_bytes(s, 1) == sizeof(r->ban.prefix))
			memcpy(&r->ban.prefix, sqlite3_column_blob(s, 1), sizeof(r->ban.prefix));
		snprintf(r->ban.rule, sizeof(r->ban.rule), "%s", sqlite3_column_text(s, 2));
		r->state = sqlite3_column_int(s, 3);
	}
	sqlite3_reset(s);
	return n;
}

/* A lift that waits was said when it was known. */
static void
forget(struct given *g, const struct scanned *row)
{
	if (row->state == STATE_LIFT)
		return;
	store_begin(g->store);
	drop_row(g, row->id, row->state);
}

static bool
was_seen(const struct given *g, int64_t id)
{
	return g->n_seen > 0 && bsearch(&id, g->seen, g->n_seen, sizeof(*g->seen), number_order);
}

void
given_end(struct given *g, bool lost, usec_t now)
{
	_cleanup_(freep) struct scanned *rows = calloc(SCAN, sizeof(*rows));
	int64_t id = 0;
	unsigned n;

	if (!g->in_snapshot || !rows)
		return;
	if (g->n_seen > 0)
		qsort(g->seen, g->n_seen, sizeof(*g->seen), number_order);
	given_sweep(g, now);
	while ((n = scan(g, id, rows)) > 0) {
		id = rows[n - 1].id;
		for (unsigned i = 0; i < n; i++) {
			if (strcmp(rows[i].ban.rule, "*") == 0 || was_seen(g, rows[i].id))
				continue;
			if (lost)
				forget(g, &rows[i]);
			else
				given_lift(g, &rows[i].ban, now);
		}
	}
	g->in_snapshot = false;
	free(g->seen);
	g->seen = NULL;
	g->n_seen = g->room_seen = 0;
}

void
given_forgotten(struct given *g)
{
	sqlite3_stmt *s =
	    store_statement(g->store, "UPDATE fleet_given SET state = 3 WHERE state = 1");

	if (!s)
		return;
	store_begin(g->store);
	s = store_statement(g->store, "UPDATE fleet_given SET state = 3 WHERE state = 1");
	if (s && store_run(g->store, s) == 0)
		count_rows(g);
}

unsigned
given_again(struct given *g, unsigned n, usec_t now)
{
	int64_t ids[SCAN];
	sqlite3_stmt *s;
	unsigned taken = 0;

	if (g->again == 0)
		return 0;
	s = store_statement(
	    g->store, "SELECT id FROM fleet_given WHERE state = 3 ORDER BY serial LIMIT ?");
	if (!s)
		return 0;
	sqlite3_bind_int64(s, 1, n < SCAN ? n : SCAN);
	while (taken < SCAN && sqlite3_step(s) == SQLITE_ROW)
		ids[taken++] = sqlite3_column_int64(s, 0);
	sqlite3_reset(s);
	store_begin(g->store);
	for (unsigned i = 0; i < taken; i++) {
		g->serial = (uint64_t)now > g->serial ? (uint64_t)now : g->serial + 1;
		s = store_statement(
		    g->store, "UPDATE fleet_given SET state = 0, serial = ? WHERE id = ?");
		if (!s)
			return i;
		sqlite3_bind_int64(s, 1, (int64_t)g->serial);
		sqlite3_bind_int64(s, 2, ids[i]);
		if (store_run(g->store, s) == 0)
			count_change(g, STATE_AGAIN, STATE_NEW);
	}
	keep_serial(g);
	return taken;
}

unsigned
given_next(struct given *g, uint64_t after, struct given_row *rows, unsigned n)
{
	sqlite3_stmt *s;
	unsigned got = 0;

	if (g->waiting == 0)
		return 0;
	/* By the serial alone: the two states take turns in one order. */
	s = store_statement(g->store,
	    "SELECT serial, state, prefix, rule, since, until, level, reason, number FROM "
	    "fleet_given "
	    "WHERE serial > ? AND state IN (0, 2) ORDER BY serial LIMIT ?");
	if (!s)
		return 0;
	sqlite3_bind_int64(s, 1, (int64_t)after);
	sqlite3_bind_int64(s, 2, n);
	while (got < n && sqlite3_step(s) == SQLITE_ROW) {
		struct given_row *r = &rows[got];

		memset(r, 0, sizeof(*r));
		r->serial = (uint64_t)sqlite3_column_int64(s, 0);
		r->lift = sqlite3_column_int(s, 1) == STATE_LIFT;
		if (sqlite3_column_bytes(s, 2) != sizeof(r->ban.prefix))
			continue;
		memcpy(&r->ban.prefix, sqlite3_column_blob(s, 2), sizeof(r->ban.prefix));
		snprintf(r->ban.rule, sizeof(r->ban.rule), "%s", sqlite3_column_text(s, 3));
		r->ban.since = sqlite3_column_int64(s, 4);
		r->ban.until = sqlite3_column_int64(s, 5);
		r->ban.level = (uint16_t)sqlite3_column_int(s, 6);
		r->ban.reason = (uint8_t)sqlite3_column_int(s, 7);
		r->ban.number = (uint32_t)sqlite3_column_int64(s, 8);
		if (r->serial > g->sent)
			g->sent = r->serial;
		got++;
	}
	sqlite3_reset(s);
	return got;
}

void
given_done(struct given *g, uint64_t serial, bool lift)
{
	/* A row that changed on the way has another serial, and waits on. */
	sqlite3_stmt *s = store_statement(
	    g->store, "SELECT id FROM fleet_given WHERE serial = ? AND state IN (0, 2)");
	int64_t id = 0;

	if (!s)
		return;
	sqlite3_bind_int64(s, 1, (int64_t)serial);
	if (sqlite3_step(s) == SQLITE_ROW)
		id = sqlite3_column_int64(s, 0);
	sqlite3_reset(s);
	if (id == 0)
		return;
	store_begin(g->store);
	if (lift) {
		drop_row(g, id, STATE_LIFT);
		return;
	}
	s = store_statement(g->store, "UPDATE fleet_given SET state = 1 WHERE id = ?");
	if (!s)
		return;
	sqlite3_bind_int64(s, 1, id);
	if (store_run(g->store, s) == 0)
		count_change(g, STATE_NEW, STATE_GIVEN);
}

void
given_sweep(struct given *g, usec_t now)
{
	sqlite3_stmt *s =
	    store_statement(g->store, "SELECT EXISTS (SELECT 1 FROM fleet_given WHERE until <= ?)");
	bool any = false;

	if (!s)
		return;
	sqlite3_bind_int64(s, 1, now);
	if (sqlite3_step(s) == SQLITE_ROW)
		any = sqlite3_column_int(s, 0) != 0;
	sqlite3_reset(s);
	if (!any)
		return;
	store_begin(g->store);
	s = store_statement(g->store, "DELETE FROM fleet_given WHERE until <= ?");
	if (!s)
		return;
	sqlite3_bind_int64(s, 1, now);
	if (store_run(g->store, s) == 0)
		count_rows(g);
}

uint32_t
given_waiting(const struct given *g)
{
	return g->waiting;
}

uint64_t
given_lost(const struct given *g)
{
	return g->lost;
}

bool
given_is_full(const struct given *g)
{
	return g->rows >= FLEET_GIVEN;
}
