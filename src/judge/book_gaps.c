/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "judge/book_private.h"

static int
save_gap(struct book *b, sqlite3_stmt *s, const struct gap *g)
{
	const int64_t numbers[] = {(int64_t)g->key, g->since, g->until, (int64_t)g->print, g->told,
	    g->times, g->kind, g->state, g->family, g->proto, g->port, g->port_high, g->confirmed};
	int n = sizeof(numbers) / sizeof(*numbers);

	for (int i = 0; i < n; i++)
		sqlite3_bind_int64(s, i + 1, numbers[i]);
	sqlite3_bind_text(s, n + 1, g->rule, -1, SQLITE_STATIC);
	sqlite3_bind_text(s, n + 2, g->text, -1, SQLITE_STATIC);
	sqlite3_bind_text(s, n + 3, g->changer, -1, SQLITE_STATIC);
	return book_run(b, s);
}

int
book_save_gaps(struct book *b)
{
	const struct gaps *gaps = b->parts.gaps;
	sqlite3_stmt *s;
	int r = 0;

	if (!gaps || !gaps_changed(gaps))
		return 0;
	s = book_statement(b, SQL_GAP);
	if (!s)
		return book_run(b, NULL);
	for (uint32_t i = 0; r == 0 && i < gaps->n; i++)
		if (gaps->items[i]->changed)
			r = save_gap(b, s, gaps->items[i]);
	return r;
}

/* False: the row makes no sense. */
static bool
read_gap(sqlite3_stmt *s, struct gap *g)
{
	*g = (struct gap){.key = (uint64_t)sqlite3_column_int64(s, 0),
	    .since = sqlite3_column_int64(s, 1),
	    .until = sqlite3_column_int64(s, 2),
	    .print = (uint64_t)sqlite3_column_int64(s, 3),
	    .told = sqlite3_column_int64(s, 4),
	    .times = (uint32_t)sqlite3_column_int64(s, 5),
	    .kind = (uint8_t)sqlite3_column_int(s, 6),
	    .state = (uint8_t)sqlite3_column_int(s, 7),
	    .family = (uint8_t)sqlite3_column_int(s, 8),
	    .proto = (uint8_t)sqlite3_column_int(s, 9),
	    .port = (uint16_t)sqlite3_column_int(s, 10),
	    .port_high = (uint16_t)sqlite3_column_int(s, 11),
	    .confirmed = (uint8_t)sqlite3_column_int(s, 12),
	    .rule = (char *)(uintptr_t)sqlite3_column_text(s, 13),
	    .text = (char *)(uintptr_t)sqlite3_column_text(s, 14),
	    .changer = (char *)(uintptr_t)sqlite3_column_text(s, 15)};
	return g->rule && g->text && g->changer && g->kind >= PROOF_PORT &&
	       g->kind <= PROOF_ABSENT && g->state < PROOF_STATES &&
	       g->confirmed <= CONFIRM_DIFFERENT;
}

int
book_gaps(
    struct book *b, bool all, unsigned limit, void (*fn)(void *ctx, const struct gap *g), void *ctx)
{
	sqlite3_stmt *s = NULL;
	struct gap g;
	int code, r;

	if (!b->db)
		return -ENOTCONN;
	r = book_fail(
	    b, sqlite3_prepare_v2(b->db, all ? SQL_GAPS_ALL : SQL_GAPS_STANDING, -1, &s, NULL));
	if (r == 0) {
		sqlite3_bind_int64(s, 1, limit);
		while ((code = sqlite3_step(s)) == SQLITE_ROW)
			if (read_gap(s, &g))
				fn(ctx, &g);
		r = book_fail(b, code);
	}
	sqlite3_finalize(s);
	return r;
}

struct loading {
	struct gaps *gaps;
	int r;
};

static void
load_gap(void *ctx, const struct gap *from)
{
	struct loading *l = ctx;
	struct gap g = *from;

	g.rule = strdup(from->rule);
	g.text = strdup(from->text);
	g.changer = strdup(from->changer);
	l->r = g.rule && g.text && g.changer ? gaps_load(l->gaps, &g) : -ENOMEM;
	if (l->r < 0) {
		free(g.rule);
		free(g.text);
		free(g.changer);
	}
}

int
book_load_gaps(struct book *b)
{
	struct loading l = {.gaps = b->parts.gaps};

	return l.gaps ? book_gaps(b, false, GAPS_MAX, load_gap, &l) : 0;
}
