/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "judge/book_private.h"

#define BOOK_BANS_MAX 11000000 /* the highest bans_max, and some that are over */

/* What one table's load needs. */
struct load {
	struct book *b;
	usec_t now;
	uint32_t unread;
	const uint16_t *slots; /* rule slots by their ids in the book */
	int64_t n_slots;
	int64_t *stale; /* rows to be deleted */
	size_t n_stale, room;
};

typedef int (*row_fn)(struct load *l, sqlite3_stmt *s);

static int
each_row(struct load *l, const char *sql, row_fn fn)
{
	struct book *b = l->b;
	sqlite3_stmt *s = NULL;
	int code = sqlite3_prepare_v2(b->db, sql, -1, &s, NULL), r = 0;

	while (code == SQLITE_OK || code == SQLITE_ROW) {
		code = sqlite3_step(s);
		if (code != SQLITE_ROW)
			break;
		r = fn(l, s);
		if (r < 0)
			break;
	}
	if (r == 0)
		r = book_fail(b, code);
	sqlite3_finalize(s);
	return r;
}

/* Notes a row that is not kept in memory, so that it does not lie in the file for ever. */
static int
leave_out(struct load *l, int64_t row)
{
	if (l->n_stale == l->room) {
		size_t room = l->room ? l->room * 2 : 64;
		int64_t *stale = reallocarray(l->stale, room, sizeof(*stale));

		if (!stale)
			return -ENOMEM;
		l->stale = stale;
		l->room = room;
	}
	l->stale[l->n_stale++] = row;
	return 0;
}

static int
delete_left_out(struct load *l, const char *sql)
{
	sqlite3_stmt *s = NULL;
	int code = SQLITE_OK, r = 0;

	if (l->n_stale > 0) {
		r = book_exec(l->b, "BEGIN");
		code = sqlite3_prepare_v2(l->b->db, sql, -1, &s, NULL);
	}
	for (size_t i = 0; r == 0 && code == SQLITE_OK && i < l->n_stale; i++) {
		sqlite3_bind_int64(s, 1, l->stale[i]);
		sqlite3_step(s);
		code = sqlite3_reset(s);
	}
	sqlite3_finalize(s);
	if (r == 0)
		r = book_fail(l->b, code);
	if (l->n_stale > 0 && !sqlite3_get_autocommit(l->b->db))
		book_exec(l->b, r == 0 ? "COMMIT" : "ROLLBACK");
	l->n_stale = 0;
	/* A full disk is no reason to do without the book: they are left out again next time. */
	return r == -EBADMSG ? r : 0;
}

static uint16_t
slot_of(const struct load *l, int64_t id)
{
	return id > 0 && id < l->n_slots ? l->slots[id] : RULE_NONE;
}

static int
load_position(struct load *l, sqlite3_stmt *s)
{
	struct msg_position at = {
	    .key = (uint64_t)sqlite3_column_int64(s, 0), .kind = (uint8_t)sqlite3_column_int(s, 1)};
	int r;

	if (at.kind == SOURCE_JOURNAL) {
		if (sqlite3_column_bytes(s, 8) != 16 || sqlite3_column_bytes(s, 9) != 16) {
			l->unread++;
			return 0;
		}
		memcpy(at.journal.seqnum_id, sqlite3_column_blob(s, 8), 16);
		memcpy(at.journal.boot_id, sqlite3_column_blob(s, 9), 16);
		at.journal.seqnum = (uint64_t)sqlite3_column_int64(s, 10);
		at.journal.mono = (uint64_t)sqlite3_column_int64(s, 11);
		at.journal.real = (uint64_t)sqlite3_column_int64(s, 12);
		at.journal.xor_hash = (uint64_t)sqlite3_column_int64(s, 13);
	} else {
		at.file.dev = (uint64_t)sqlite3_column_int64(s, 3);
		at.file.ino = (uint64_t)sqlite3_column_int64(s, 4);
		at.file.offset = (uint64_t)sqlite3_column_int64(s, 5);
		at.file.head_hash = (uint64_t)sqlite3_column_int64(s, 6);
		at.file.head_len = (uint32_t)sqlite3_column_int64(s, 7);
	}
	r = positions_restore(l->b->parts.positions, &at, sqlite3_column_int64(s, 2));
	if (r == -EINVAL)
		l->unread++;
	return r == -ENOMEM ? r : 0;
}

static int
load_tally(struct load *l, sqlite3_stmt *s)
{
	const size_t size = sizeof(struct tally_event);
	int64_t row = sqlite3_column_int64(s, 0);
	int n = sqlite3_column_bytes(s, 3), r = -EINVAL;
	struct tally_view v = {.rule = slot_of(l, sqlite3_column_int64(s, 1)),
	    .events = sqlite3_column_blob(s, 3),
	    .n = (uint32_t)((size_t)n / size)};

	if (v.events && (size_t)n % size == 0 && row >= 0 && row < UINT32_MAX &&
	    prefix_of_blob(&v.source, sqlite3_column_blob(s, 2), sqlite3_column_bytes(s, 2)))
		r = tallies_restore(l->b->parts.tallies, (uint32_t)row, &v, l->now);
	else
		l->unread++;
	if (r == -ENOMEM)
		return r;
	return r < 0 ? leave_out(l, row) : 0;
}

static void
fill_from_rule(struct ban *x, const struct rule *r)
{
	uint8_t len = rule_prefix_len(r, &x->addr);

	x->keep = bans_keep(r->within);
	if (r->prefix_hosts > 0 && x->len > len && !(x->flags & BANS_PREFIX))
		x->group_len = len;
}

static bool
read_ban(const struct load *l, sqlite3_stmt *s, struct ban *x)
{
	int len = sqlite3_column_int(s, 3);

	*x = (struct ban){.rule = slot_of(l, sqlite3_column_int64(s, 1)),
	    .len = (uint8_t)len,
	    .since = sqlite3_column_int64(s, 4),
	    .until = sqlite3_column_int64(s, 5),
	    .ended = sqlite3_column_int64(s, 6),
	    .level = (uint16_t)sqlite3_column_int(s, 7),
	    .points = (uint32_t)sqlite3_column_int64(s, 8),
	    .count = (uint32_t)sqlite3_column_int64(s, 9),
	    .packets = (uint64_t)sqlite3_column_int64(s, 10),
	    .bytes = (uint64_t)sqlite3_column_int64(s, 11),
	    .flags = sqlite3_column_int(s, 12) & (BANS_DRY | BANS_PREFIX | BANS_READ | BANS_SHARED),
	    .kernel = KERNEL_ASKED}; /* the former judge did */
	if (x->rule == RULE_NONE || x->since < 0 || x->until < x->since ||
	    !addr_of_blob(&x->addr, sqlite3_column_blob(s, 2), sqlite3_column_bytes(s, 2)) ||
	    len < 0 || (unsigned)len > addr_bits(&x->addr))
		return false;
	fill_from_rule(x, &l->b->parts.rules->slots[x->rule]);
	return true;
}

static int
load_ban(struct load *l, sqlite3_stmt *s)
{
	int64_t row = sqlite3_column_int64(s, 0);
	const char *note = (const char *)sqlite3_column_text(s, 13);
	struct ban x;
	int r = -EINVAL;

	if (row >= 0 && row < UINT32_MAX && read_ban(l, s, &x)) {
		x.note = note ? strdup(note) : NULL;
		if (note && !x.note)
			return -ENOMEM;
		x.flags |= BANS_TOLD;
		r = bans_restore(l->b->parts.bans, (uint32_t)row, &x);
		if (r < 0)
			free(x.note);
	}
	if (r == -ENOMEM)
		return r;
	l->unread += r < 0;
	return r < 0 ? leave_out(l, row) : 0;
}

static int
load_former(struct load *l, sqlite3_stmt *s)
{
	struct prefix p;

	if (prefix_of_blob(&p, sqlite3_column_blob(s, 0), sqlite3_column_bytes(s, 0)))
		formers_add(&l->b->formers, &p);
	return 0;
}

/* One more than the highest slot, about how many rows there are; 0 when it is not known. */
static uint32_t
rows_expected(struct book *b, const char *sql)
{
	sqlite3_stmt *s = NULL;
	int64_t last = -1;

	if (sqlite3_prepare_v2(b->db, sql, -1, &s, NULL) == SQLITE_OK &&
	    sqlite3_step(s) == SQLITE_ROW && sqlite3_column_type(s, 0) == SQLITE_INTEGER)
		last = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return last < 0 ? 0 : last < UINT32_MAX ? (uint32_t)last + 1 : UINT32_MAX;
}

/* bans_max may be lower than it was: what holds is not lost for that. */
static int
make_room(struct book *b, uint32_t expected)
{
	sqlite3_stmt *s = NULL;
	int64_t rows = 0;
	uint32_t max = bans_max(b->parts.bans);

	if (expected <= max)
		return 0;
	if (sqlite3_prepare_v2(b->db, SQL_COUNT_BANS, -1, &s, NULL) == SQLITE_OK &&
	    sqlite3_step(s) == SQLITE_ROW)
		rows = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return rows > max && rows <= BOOK_BANS_MAX ? bans_limit(b->parts.bans, (uint32_t)rows) : 0;
}

/* Ids of rules are small: SQLite counts them up from 1. */
struct ids {
	uint16_t *slots;
	int64_t n;
};

static void
ids_fini(struct ids *i)
{
	free(i->slots);
}

static int
load_rules(struct book *b, struct ids *ids, uint32_t *unread)
{
	sqlite3_stmt *s = NULL;
	int code = sqlite3_prepare_v2(b->db, SQL_LOAD_RULES, -1, &s, NULL), r;

	ids->n = 2 * RULES_MAX;
	ids->slots = malloc((size_t)ids->n * sizeof(*ids->slots));
	if (!ids->slots) {
		sqlite3_finalize(s);
		return -ENOMEM;
	}
	memset(ids->slots, 0xff, (size_t)ids->n * sizeof(*ids->slots));
	while (code == SQLITE_OK || code == SQLITE_ROW) {
		const char *name;
		int64_t id;
		uint16_t slot;

		code = sqlite3_step(s);
		if (code != SQLITE_ROW)
			break;
		id = sqlite3_column_int64(s, 0);
		name = (const char *)sqlite3_column_text(s, 1);
		if (!name || id <= 0 || id >= ids->n ||
		    rules_slot(b->parts.rules, name, &slot) < 0) {
			++*unread;
			continue;
		}
		ids->slots[id] = slot;
		b->parts.rules->slots[slot].book_id = id;
	}
	r = book_fail(b, code);
	sqlite3_finalize(s);
	return r;
}

static int
load_formers(struct load *l)
{
	int r;

	formers_start(&l->b->formers, rows_expected(l->b, SQL_COUNT_HISTORY));
	r = each_row(l, SQL_LOAD_FORMERS, load_former);
	if (r < 0)
		formers_fini(&l->b->formers);
	return r;
}

int
book_load(struct book *b, usec_t now, uint32_t *unread)
{
	_cleanup_(ids_fini) struct ids ids = {0};
	struct load l = {.b = b, .now = now};
	int r = load_rules(b, &ids, &l.unread);

	l.slots = ids.slots;
	l.n_slots = ids.n;
	tallies_expect(b->parts.tallies, rows_expected(b, SQL_LAST_TALLY));
	if (r == 0)
		r = make_room(b, rows_expected(b, SQL_LAST_BAN));
	bans_expect(b->parts.bans, rows_expected(b, SQL_LAST_BAN));
	if (r == 0)
		r = each_row(&l, SQL_LOAD_POSITIONS, load_position);
	if (r == 0)
		r = each_row(&l, SQL_LOAD_TALLIES, load_tally);
	if (r == 0)
		r = delete_left_out(&l, "DELETE FROM tallies WHERE slot=?1");
	if (r == 0)
		tallies_restored(b->parts.tallies);
	if (r == 0)
		r = each_row(&l, SQL_LOAD_BANS, load_ban);
	if (r == 0)
		r = delete_left_out(&l, "DELETE FROM bans WHERE slot=?1");
	if (r == 0)
		r = book_load_gaps(b);
	if (r == 0)
		r = load_formers(&l);
	free(l.stale);
	*unread = l.unread;
	return r;
}
