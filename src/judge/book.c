/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "judge/book_private.h"

#define CLEAN_EVERY    (86400 * USEC_PER_SEC)
#define POSITIONS_KEEP (90 * CLEAN_EVERY) /* a source that is quiet for so long is no more */

int
blob_of_addr(const struct addr *a, unsigned char blob[static BLOB_MAX])
{
	blob[0] = a->family;
	memcpy(blob + 1, a->bytes, addr_size(a));
	return (int)addr_size(a) + 1;
}

int
blob_of_prefix(const struct prefix *p, unsigned char blob[static BLOB_MAX])
{
	int n = blob_of_addr(&p->addr, blob);

	blob[n] = p->len;
	return n + 1;
}

bool
addr_of_blob(struct addr *a, const unsigned char *blob, int n)
{
	memset(a, 0, sizeof(*a));
	if (n != 5 && n != 17)
		return false;
	a->family = blob[0];
	memcpy(a->bytes, blob + 1, (size_t)n - 1);
	return a->family == (n == 5 ? 4 : 6);
}

bool
prefix_of_blob(struct prefix *p, const unsigned char *blob, int n)
{
	struct addr a;

	if (n < 1 || !addr_of_blob(&a, blob, n - 1) || blob[n - 1] > addr_bits(&a))
		return false;
	*p = prefix_of(&a, blob[n - 1]);
	return true;
}

static const struct {
	int code, error;
} codes[] = {
    {SQLITE_OK, 0}, {SQLITE_ROW, 0}, {SQLITE_DONE, 0}, {SQLITE_FULL, -ENOSPC},
    {SQLITE_NOMEM, -ENOMEM}, {SQLITE_BUSY, -EBUSY}, {SQLITE_LOCKED, -EBUSY},
    {SQLITE_READONLY, -EROFS}, {SQLITE_PERM, -EACCES}, {SQLITE_CANTOPEN, -ENOENT},
    {SQLITE_CORRUPT, -EBADMSG}, {SQLITE_NOTADB, -EBADMSG}, {SQLITE_MISMATCH, -EBADMSG},
    {SQLITE_ERROR, -EBADMSG}, /* tables that are not ours */
};

int
book_fail(struct book *b, int code)
{
	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
		if (codes[i].code == (code & 0xff) && codes[i].error == 0)
			return 0;
	snprintf(
	    b->error, sizeof(b->error), "%s", b->db ? sqlite3_errmsg(b->db) : sqlite3_errstr(code));
	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
		if (codes[i].code == (code & 0xff))
			return codes[i].error;
	return -EIO;
}

const char *
book_error(const struct book *b)
{
	return b->error;
}

int
book_exec(struct book *b, const char *sql)
{
	return book_fail(b, sqlite3_exec(b->db, sql, NULL, NULL, NULL));
}

int
book_new(struct book **out, const char *dir, const struct book_parts *parts)
{
	struct book *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	b->parts = *parts;
	b->dir = strdup(dir);
	if (!b->dir || asprintf(&b->path, "%s/%s", dir, BOOK_FILE) < 0) {
		b->path = NULL;
		book_free(b);
		return -ENOMEM;
	}
	*out = b;
	return 0;
}

void
book_free(struct book *b)
{
	if (!b)
		return;
	book_close(b);
	formers_fini(&b->formers);
	free(b->dir);
	free(b->path);
	free(b);
}

bool
book_is_open(const struct book *b)
{
	return b->db != NULL;
}

bool
book_is_behind(const struct book *b)
{
	return b->parts.positions->changed ||
	       tallies_changed_first(b->parts.tallies) != TALLY_NONE ||
	       bans_changed_first(b->parts.bans) != BANS_NONE ||
	       (b->parts.gaps && gaps_changed(b->parts.gaps));
}

/* The statement, made at its first use and without values of the former one. */
sqlite3_stmt *
book_statement(struct book *b, enum book_sql which)
{
	if (!b->statements[which] &&
	    sqlite3_prepare_v3(b->db, book_statements[which], -1, SQLITE_PREPARE_PERSISTENT,
		&b->statements[which], NULL) != SQLITE_OK)
		return NULL;
	return b->statements[which];
}

/* Runs a statement that gives no rows. */
int
book_run(struct book *b, sqlite3_stmt *s)
{
	int code = s ? sqlite3_step(s) : sqlite3_errcode(b->db);

	if (s)
		sqlite3_reset(s);
	return book_fail(b, code == SQLITE_OK ? SQLITE_ERROR : code);
}

static int
run_simple(struct book *b, enum book_sql which)
{
	return book_run(b, book_statement(b, which));
}

static int
run_int(struct book *b, enum book_sql which, int64_t value)
{
	sqlite3_stmt *s = book_statement(b, which);

	if (s)
		sqlite3_bind_int64(s, 1, value);
	return book_run(b, s);
}

/* --- writing --- */

static int
rule_id(struct book *b, uint16_t slot, int64_t *id)
{
	struct rule *r = &b->parts.rules->slots[slot];
	sqlite3_stmt *add = book_statement(b, SQL_RULE_ADD), *get = book_statement(b, SQL_RULE_ID);
	int e;

	if (r->book_id == 0) {
		if (!add || !get)
			return book_run(b, NULL);
		sqlite3_bind_text(add, 1, r->name, -1, SQLITE_STATIC);
		e = book_run(b, add);
		if (e < 0)
			return e;
		sqlite3_bind_text(get, 1, r->name, -1, SQLITE_STATIC);
		if (sqlite3_step(get) == SQLITE_ROW)
			r->book_id = sqlite3_column_int64(get, 0);
		e = book_run(b, get);
		if (e < 0)
			return e;
	}
	*id = r->book_id;
	return 0;
}

static void
bind_position(sqlite3_stmt *s, const struct position *p)
{
	const struct msg_position *at = &p->at;

	sqlite3_clear_bindings(s);
	sqlite3_bind_int64(s, 1, (int64_t)at->key);
	sqlite3_bind_int(s, 2, at->kind);
	sqlite3_bind_int64(s, 3, p->moved);
	if (at->kind == SOURCE_JOURNAL) {
		sqlite3_bind_blob(s, 9, at->journal.seqnum_id, 16, SQLITE_STATIC);
		sqlite3_bind_blob(s, 10, at->journal.boot_id, 16, SQLITE_STATIC);
		sqlite3_bind_int64(s, 11, (int64_t)at->journal.seqnum);
		sqlite3_bind_int64(s, 12, (int64_t)at->journal.mono);
		sqlite3_bind_int64(s, 13, (int64_t)at->journal.real);
		sqlite3_bind_int64(s, 14, (int64_t)at->journal.xor_hash);
	} else {
		sqlite3_bind_int64(s, 4, (int64_t)at->file.dev);
		sqlite3_bind_int64(s, 5, (int64_t)at->file.ino);
		sqlite3_bind_int64(s, 6, (int64_t)at->file.offset);
		sqlite3_bind_int64(s, 7, (int64_t)at->file.head_hash);
		sqlite3_bind_int64(s, 8, at->file.head_len);
	}
}

static int
save_positions(struct book *b)
{
	const struct positions *p = b->parts.positions;
	sqlite3_stmt *s = book_statement(b, SQL_POSITION);
	int r = 0;

	if (!s)
		return book_run(b, NULL);
	for (size_t i = 0; r == 0 && p->changed && i < p->n; i++) {
		if (!p->items[i].changed)
			continue;
		bind_position(s, &p->items[i]);
		r = book_run(b, s);
	}
	return r;
}

static int
save_tally(struct book *b, sqlite3_stmt *s, uint32_t slot)
{
	unsigned char blob[BLOB_MAX];
	struct tally_view v;
	int64_t rule;
	int r;

	tallies_view(b->parts.tallies, slot, &v);
	if (v.n == 0)
		return run_int(b, SQL_TALLY_GONE, slot);
	r = rule_id(b, v.rule, &rule);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, slot);
	sqlite3_bind_int64(s, 2, rule);
	sqlite3_bind_blob(s, 3, blob, blob_of_prefix(&v.source, blob), SQLITE_STATIC);
	sqlite3_bind_blob(s, 4, v.events, (int)(v.n * sizeof(*v.events)), SQLITE_STATIC);
	return book_run(b, s);
}

static int
save_tallies(struct book *b)
{
	struct tallies *t = b->parts.tallies;
	sqlite3_stmt *s = book_statement(b, SQL_TALLY);
	int r = 0;

	if (!s)
		return book_run(b, NULL);
	for (uint32_t slot = tallies_changed_first(t); r == 0 && slot != TALLY_NONE;
	     slot = tallies_changed_next(t, slot))
		r = save_tally(b, s, slot);
	return r;
}

/* since .. note, the columns that bans and history share, from index on. */
static void
bind_ban(sqlite3_stmt *s, int index, const struct ban *x, usec_t ended)
{
	sqlite3_bind_int64(s, index, x->since);
	sqlite3_bind_int64(s, index + 1, x->until);
	sqlite3_bind_int64(s, index + 2, ended);
	sqlite3_bind_int64(s, index + 3, x->level);
	sqlite3_bind_int64(s, index + 4, x->points);
	sqlite3_bind_int64(s, index + 5, x->count);
	sqlite3_bind_int64(s, index + 6, (int64_t)x->packets);
	sqlite3_bind_int64(s, index + 7, (int64_t)x->bytes);
	sqlite3_bind_int64(
	    s, index + 8, x->flags & (BANS_DRY | BANS_PREFIX | BANS_READ | BANS_SHARED));
	sqlite3_bind_text(s, index + 9, x->note, -1, SQLITE_STATIC); /* NULL text is NULL */
}

static int
save_gone(struct book *b, uint32_t slot, const struct ban *x)
{
	sqlite3_stmt *s = book_statement(b, SQL_HISTORY);
	unsigned char blob[BLOB_MAX];
	struct prefix p = ban_prefix(x);
	int64_t rule;
	int r = s ? rule_id(b, x->rule, &rule) : book_run(b, NULL);

	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, rule);
	sqlite3_bind_blob(s, 2, blob, blob_of_prefix(&p, blob), SQLITE_STATIC);
	bind_ban(s, 3, x, ban_end(x));
	formers_add(&b->formers, &p);
	r = book_run(b, s);
	return r < 0 ? r : run_int(b, SQL_BAN_GONE, slot);
}

static int
save_ban(struct book *b, sqlite3_stmt *s, uint32_t slot, const struct ban *x)
{
	unsigned char blob[BLOB_MAX];
	int64_t rule;
	int r;

	if (x->flags & BANS_BUILTIN)
		return 0;
	if (x->flags & BANS_GONE)
		return save_gone(b, slot, x);
	r = rule_id(b, x->rule, &rule);
	if (r < 0)
		return r;
	sqlite3_bind_int64(s, 1, slot);
	sqlite3_bind_int64(s, 2, rule);
	sqlite3_bind_blob(s, 3, blob, blob_of_addr(&x->addr, blob), SQLITE_STATIC);
	sqlite3_bind_int64(s, 4, x->len);
	bind_ban(s, 5, x, x->ended);
	return book_run(b, s);
}

static int
save_bans(struct book *b)
{
	struct bans *bans = b->parts.bans;
	sqlite3_stmt *s = book_statement(b, SQL_BAN);
	int r = 0;

	if (!s)
		return book_run(b, NULL);
	for (uint32_t slot = bans_changed_first(bans); r == 0 && slot != BANS_NONE;
	     slot = bans_changed_next(bans, slot))
		r = save_ban(b, s, slot, bans_get(bans, slot));
	return r;
}

/* In pieces, each in a transaction that is made anyway. */
static int
clean(struct book *b, usec_t now, usec_t keep_from)
{
	int r;

	if (now < b->next_clean)
		return 0;
	r = run_int(b, SQL_FORGET, keep_from);
	if (r == 0 && sqlite3_changes(b->db) == 0)
		r = run_int(b, SQL_FORGET_GAPS, keep_from);
	if (r < 0 || sqlite3_changes(b->db) > 0)
		return r;
	b->next_clean = now + CLEAN_EVERY;
	positions_forget(b->parts.positions, now - POSITIONS_KEEP);
	return run_int(b, SQL_FORGET_POSITIONS, now - POSITIONS_KEEP);
}

static int
write_all(struct book *b, usec_t now, usec_t keep_from)
{
	int r = run_simple(b, SQL_BEGIN);

	if (r == 0)
		r = save_positions(b);
	if (r == 0)
		r = save_tallies(b);
	if (r == 0)
		r = save_bans(b);
	if (r == 0)
		r = book_save_gaps(b);
	if (r == 0)
		r = clean(b, now, keep_from);
	return r < 0 ? r : run_simple(b, SQL_COMMIT);
}

/* Rows of rules that the transaction had made are gone with it. */
static void
undo(struct book *b)
{
	char error[sizeof(b->error)];

	memcpy(error, b->error, sizeof(error));
	if (!sqlite3_get_autocommit(b->db))
		run_simple(b, SQL_ROLLBACK);
	memcpy(b->error, error, sizeof(error));
	for (uint16_t i = 0; i < b->parts.rules->n; i++)
		b->parts.rules->slots[i].book_id = 0;
}

int
book_commit(struct book *b, usec_t now, usec_t keep_from)
{
	int r;

	if (!b->db)
		return -ENOTCONN;
	r = write_all(b, now, keep_from);
	if (r < 0) {
		undo(b);
		if (r == -EBADMSG)
			book_close(b);
		return r;
	}
	positions_saved(b->parts.positions);
	tallies_saved(b->parts.tallies);
	bans_saved(b->parts.bans);
	if (b->parts.gaps)
		gaps_saved(b->parts.gaps);
	return 0;
}

/* --- asking --- */

bool
book_former(
    struct book *b, uint16_t rule, const struct prefix *p, bool dry, struct verdict_former *out)
{
	int64_t id = b->parts.rules->slots[rule].book_id;
	unsigned char blob[BLOB_MAX];
	sqlite3_stmt *s;
	bool found;

	/* A rule without a row has no history. */
	if (!b->db || id == 0 || !formers_may(&b->formers, p))
		return false;
	s = book_statement(b, SQL_FORMER);
	if (!s)
		return false;
	sqlite3_bind_blob(s, 1, blob, blob_of_prefix(p, blob), SQLITE_STATIC);
	sqlite3_bind_int64(s, 2, id);
	sqlite3_bind_int(s, 3, dry);
	found = sqlite3_step(s) == SQLITE_ROW;
	if (found) {
		out->level = (uint16_t)sqlite3_column_int(s, 0);
		out->end = sqlite3_column_int64(s, 1);
	}
	sqlite3_reset(s);
	return found;
}

static int
each_entry(struct book *b, sqlite3_stmt *s, int64_t *last, book_entry_fn fn, void *ctx)
{
	int code;

	*last = 0;
	while ((code = sqlite3_step(s)) == SQLITE_ROW) {
		struct book_entry e = {.rule = (const char *)sqlite3_column_text(s, 1),
		    .since = sqlite3_column_int64(s, 3),
		    .until = sqlite3_column_int64(s, 4),
		    .ended = sqlite3_column_int64(s, 5),
		    .level = (uint16_t)sqlite3_column_int(s, 6),
		    .points = (uint32_t)sqlite3_column_int64(s, 7),
		    .count = (uint32_t)sqlite3_column_int64(s, 8),
		    .packets = (uint64_t)sqlite3_column_int64(s, 9),
		    .bytes = (uint64_t)sqlite3_column_int64(s, 10),
		    .flags = (uint8_t)sqlite3_column_int(s, 11),
		    .note = (const char *)sqlite3_column_text(s, 12)};

		*last = sqlite3_column_int64(s, 0);
		if (e.rule && prefix_of_blob(
				  &e.prefix, sqlite3_column_blob(s, 2), sqlite3_column_bytes(s, 2)))
			fn(ctx, &e);
	}
	return book_fail(b, code);
}

int
book_history_inside(struct book *b, const struct prefix *p, int64_t *before, unsigned limit,
    book_entry_fn fn, void *ctx)
{
	struct prefix end = {prefix_last(p), (uint8_t)addr_bits(&p->addr)};
	unsigned char low[BLOB_MAX], high[BLOB_MAX];
	sqlite3_stmt *s = NULL;
	int r;

	if (!b->db)
		return -ENOTCONN;
	r = book_fail(b, sqlite3_prepare_v2(b->db, SQL_HISTORY_INSIDE, -1, &s, NULL));
	if (r == 0) {
		sqlite3_bind_blob(s, 1, low, blob_of_prefix(p, low), SQLITE_STATIC);
		sqlite3_bind_blob(s, 2, high, blob_of_prefix(&end, high), SQLITE_STATIC);
		sqlite3_bind_int64(s, 3, *before);
		sqlite3_bind_int64(s, 4, limit);
		r = each_entry(b, s, before, fn, ctx);
	}
	sqlite3_finalize(s);
	return r;
}

int
book_history_of(struct book *b, const struct prefix *p, unsigned limit, book_entry_fn fn, void *ctx)
{
	unsigned char blob[BLOB_MAX];
	sqlite3_stmt *s = NULL;
	int64_t last;
	int r;

	if (!b->db)
		return -ENOTCONN;
	r = book_fail(b, sqlite3_prepare_v2(b->db, SQL_HISTORY_OF, -1, &s, NULL));
	if (r == 0) {
		sqlite3_bind_blob(s, 1, blob, blob_of_prefix(p, blob), SQLITE_STATIC);
		sqlite3_bind_int64(s, 2, limit);
		r = each_entry(b, s, &last, fn, ctx);
	}
	sqlite3_finalize(s);
	return r;
}
