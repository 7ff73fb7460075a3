/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "herald/fleet_hosts.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

struct hosts {
	struct store *store;
	struct host **items; /* in order of names */
	uint32_t n, room;
	uint64_t bytes; /* of reports kept */
};

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS fleet_hosts (name TEXT PRIMARY KEY, last INTEGER, "
    "reported INTEGER, serial_bans INTEGER, serial_hosts INTEGER, given INTEGER, taken INTEGER, "
    "seen INTEGER, version TEXT, exposure TEXT) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS fleet_reports (name TEXT PRIMARY KEY, json TEXT);";

/* The place of name, or where it belongs. */
static uint32_t
place(const struct hosts *t, const char *name, bool *there)
{
	uint32_t low = 0, high = t->n;

	while (low < high) {
		uint32_t mid = (low + high) / 2;
		int c = strcmp(t->items[mid]->name, name);

		if (c == 0) {
			*there = true;
			return mid;
		}
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	*there = false;
	return low;
}

struct host *
hosts_find(const struct hosts *t, const char *name)
{
	bool there;
	uint32_t i = place(t, name, &there);

	return there ? t->items[i] : NULL;
}

struct host *
hosts_next(const struct hosts *t, const char *name)
{
	bool there;
	uint32_t i = place(t, name, &there) + there;

	return i < t->n ? t->items[i] : NULL;
}

struct host *
hosts_get(struct hosts *t, const char *name)
{
	bool there;
	uint32_t i = place(t, name, &there);
	struct host *x;

	if (there)
		return t->items[i];
	if (t->n == FLEET_HOSTS)
		return NULL;
	if (t->n == t->room) {
		uint32_t room = t->room ? 2 * t->room : 64;
		struct host **grown = realloc(t->items, room * sizeof(*grown));

		if (!grown)
			return NULL;
		t->items = grown;
		t->room = room;
	}
	x = calloc(1, sizeof(*x));
	if (!x)
		return NULL;
	snprintf(x->name, sizeof(x->name), "%s", name);
	x->changed = true;
	memmove(t->items + i + 1, t->items + i, (t->n - i) * sizeof(*t->items));
	t->items[i] = x;
	t->n++;
	return x;
}

static void
copy_text(char *out, size_t room, const unsigned char *text)
{
	snprintf(out, room, "%s", text ? (const char *)text : "");
}

static int
load(struct hosts *t)
{
	sqlite3_stmt *s = store_statement(t->store,
	    "SELECT h.name, last, reported, serial_bans, serial_hosts, given, taken, seen, "
	    "version, "
	    "exposure, ifnull(length(CAST(json AS BLOB)), 0) FROM fleet_hosts h LEFT JOIN "
	    "fleet_reports r "
	    "ON h.name = r.name");

	if (!s)
		return -ENOMEM;
	while (sqlite3_step(s) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(s, 0);
		struct host *x = name && strlen(name) < FLEET_HOST_MAX ? hosts_get(t, name) : NULL;

		if (!x)
			continue;
		x->last = sqlite3_column_int64(s, 1);
		x->reported = sqlite3_column_int64(s, 2);
		x->serial[HOSTS_BANS] = (uint64_t)sqlite3_column_int64(s, 3);
		x->serial[HOSTS_HOSTS] = (uint64_t)sqlite3_column_int64(s, 4);
		x->given = (uint64_t)sqlite3_column_int64(s, 5);
		x->taken = (uint64_t)sqlite3_column_int64(s, 6);
		x->seen = (uint64_t)sqlite3_column_int64(s, 7);
		copy_text(x->version, sizeof(x->version), sqlite3_column_text(s, 8));
		copy_text(x->exposure, sizeof(x->exposure), sqlite3_column_text(s, 9));
		x->report_len = (uint32_t)sqlite3_column_int(s, 10);
		t->bytes += x->report_len;
		x->changed = false;
	}
	sqlite3_reset(s);
	return 0;
}

int
hosts_new(struct hosts **out, struct store *store)
{
	struct hosts *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return -ENOMEM;
	t->store = store;
	r = store_schema(store, schema);
	if (r == 0)
		r = load(t);
	if (r < 0) {
		hosts_free(t);
		return r;
	}
	*out = t;
	return 0;
}

static void
forget_all(struct hosts *t)
{
	for (uint32_t i = 0; i < t->n; i++)
		free(t->items[i]);
	t->n = 0;
	t->bytes = 0;
}

void
hosts_free(struct hosts *t)
{
	if (!t)
		return;
	forget_all(t);
	free(t->items);
	free(t);
}

void
hosts_clear(struct hosts *t)
{
	sqlite3_stmt *s;

	forget_all(t);
	store_begin(t->store);
	s = store_statement(t->store, "DELETE FROM fleet_hosts");
	if (s)
		(void)store_run(t->store, s);
	s = store_statement(t->store, "DELETE FROM fleet_reports");
	if (s)
		(void)store_run(t->store, s);
}

uint32_t
hosts_count(const struct hosts *t)
{
	return t->n;
}

static void
run_named(struct hosts *t, const char *sql, const char *name)
{
	sqlite3_stmt *s = store_statement(t->store, sql);

	if (!s)
		return;
	sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
	(void)store_run(t->store, s);
}

static void
keep_report(struct hosts *t, struct host *x, const char *json, size_t n)
{
	sqlite3_stmt *s;

	store_begin(t->store);
	if (t->bytes - x->report_len + n > HOSTS_REPORTS) {
		run_named(t, "DELETE FROM fleet_reports WHERE name = ?", x->name);
		n = 0;
	} else {
		s = store_statement(
		    t->store, "INSERT OR REPLACE INTO fleet_reports (name, json) VALUES (?, ?)");
		if (!s)
			return;
		sqlite3_bind_text(s, 1, x->name, -1, SQLITE_STATIC);
		sqlite3_bind_text(s, 2, json, (int)n, SQLITE_STATIC);
		if (store_run(t->store, s) < 0)
			return;
	}
	t->bytes += n;
	t->bytes -= x->report_len;
	x->report_len = (uint32_t)n;
}

static uint64_t
read_count(json_t *report, const char *key)
{
	json_int_t v = json_integer_value(json_object_get(report, key));

	return v > 0 ? (uint64_t)v : 0;
}

/* Short words of ASCII alone: they are shown in tables. */
static void
read_word(json_t *report, const char *key, char *out, size_t room)
{
	const char *text = json_string_value(json_object_get(report, key));
	size_t n = 0;

	for (; text && text[n] && n + 1 < room; n++)
		out[n] = text[n] >= ' ' && text[n] <= '~' ? text[n] : '?';
	out[n] = '\0';
}

int
hosts_report(struct hosts *t, struct host *x, const char *json, size_t n, usec_t at)
{
	json_t *report = json_loadb(json, n, JSON_REJECT_DUPLICATES, NULL);

	if (!json_is_object(report)) {
		json_decref(report);
		return -EINVAL;
	}
	x->reported = at;
	x->given = read_count(report, "given");
	x->taken = read_count(report, "taken");
	read_word(report, "version", x->version, sizeof(x->version));
	read_word(report, "exposure", x->exposure, sizeof(x->exposure));
	x->changed = true;
	json_decref(report);
	keep_report(t, x, json, n);
	return 0;
}

bool
hosts_read_report(const struct hosts *t, const struct host *x, struct strbuf *out)
{
	sqlite3_stmt *s;
	bool there = false;

	strbuf_reset(out);
	if (x->report_len == 0)
		return false;
	s = store_statement(t->store, "SELECT json FROM fleet_reports WHERE name = ?");
	if (!s)
		return false;
	sqlite3_bind_text(s, 1, x->name, -1, SQLITE_STATIC);
	if (sqlite3_step(s) == SQLITE_ROW && sqlite3_column_type(s, 0) == SQLITE_TEXT) {
		strbuf_add(out, (const char *)sqlite3_column_text(s, 0),
		    (size_t)sqlite3_column_bytes(s, 0));
		there = true;
	}
	sqlite3_reset(s);
	return there;
}

static void
write_host(struct hosts *t, struct host *x)
{
	sqlite3_stmt *s = store_statement(
	    t->store, "INSERT OR REPLACE INTO fleet_hosts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
	const int64_t numbers[] = {x->last, x->reported, (int64_t)x->serial[HOSTS_BANS],
	    (int64_t)x->serial[HOSTS_HOSTS], (int64_t)x->given, (int64_t)x->taken,
	    (int64_t)x->seen};

	if (!s)
		return;
	sqlite3_bind_text(s, 1, x->name, -1, SQLITE_STATIC);
	for (int i = 0; i < 7; i++)
		sqlite3_bind_int64(s, i + 2, numbers[i]);
	sqlite3_bind_text(s, 9, x->version, -1, SQLITE_STATIC);
	sqlite3_bind_text(s, 10, x->exposure, -1, SQLITE_STATIC);
	if (store_run(t->store, s) == 0)
		x->changed = false;
}

void
hosts_keep(struct hosts *t, usec_t silent_since, const struct keyring *keys)
{
	uint32_t kept = 0;

	store_begin(t->store);
	for (uint32_t i = 0; i < t->n; i++) {
		struct host *x = t->items[i];

		if (x->last < silent_since && !(keys && keyring_knows(keys, x->name))) {
			run_named(t, "DELETE FROM fleet_hosts WHERE name = ?", x->name);
			run_named(t, "DELETE FROM fleet_reports WHERE name = ?", x->name);
			t->bytes -= x->report_len;
			free(x);
			continue;
		}
		if (x->changed)
			write_host(t, x);
		t->items[kept++] = x;
	}
	t->n = kept;
}
