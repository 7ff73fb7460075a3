/* links: judge */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "judge/gaps.h"

#include <netinet/in.h>
#include <stdio.h>
#include <sys/stat.h>

#include "judge/book.h"
#include "judge_world.h"

/* A proof in memory: cells of rule ldap, whose key is their port and family. */
struct made {
	struct proof_header head;
	struct proof_cell cells[8];
	struct proof proof;
};

static const char text[] = "\0ldap\0anybody reaches it\0somebody is refused";
enum { RULE = 1, OPEN_TEXT = 6, SHUT_TEXT = 25 };

static void
made_begin(struct made *m, usec_t at)
{
	*m = (struct made){.head = {.made = at, .changed = at - SEC, .changer_pid = 7}};
	strcpy(m->head.changer, "nft");
	m->proof = (struct proof){&m->head, m->cells, text};
}

static void
cell(struct made *m, uint8_t family, uint16_t port, enum proof_state state, uint64_t print)
{
	m->cells[m->head.n++] = (struct proof_cell){.kind = PROOF_PORT,
	    .state = (uint8_t)state,
	    .family = family,
	    .proto = IPPROTO_TCP,
	    .port = port,
	    .port_high = port,
	    .key = (uint64_t)family << 16 | port,
	    .print = print,
	    .rule = RULE,
	    .text = state == PROOF_SHUT_OUT ? SHUT_TEXT : OPEN_TEXT};
}

struct seen {
	enum gap_event events[16];
	uint64_t keys[16];
	unsigned n;
};

static void
on_event(void *ctx, struct gap *g, enum gap_event what)
{
	struct seen *s = ctx;

	if (s->n < 16) {
		s->keys[s->n] = g->key;
		s->events[s->n] = what;
	}
	s->n++;
}

static struct seen
take(struct gaps *g, struct made *m)
{
	static const struct gaps_ops ops = {.on_event = on_event};
	struct seen s = {0};

	assert_int_equal(gaps_take(g, &m->proof, &ops, &s), 0);
	return s;
}

static void
a_gap_opens_stands_changes_and_closes(void **unused)
{
	struct gaps g = {0};
	struct made m;
	struct seen s;
	char name[128];

	(void)unused;
	made_begin(&m, T0);
	cell(&m, 4, 389, PROOF_PROVEN, 0);
	cell(&m, 6, 389, PROOF_OPEN, 1);
	s = take(&g, &m);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.events[0], GAP_OPENED);
	assert_int_equal(g.standing[PROOF_PROVEN], 1);
	assert_int_equal(g.standing[PROOF_OPEN], 1);
	assert_string_equal(gap_name(g.items[0], name), "ldap tcp/389 IPv6");
	assert_string_equal(g.items[0]->changer, "nft (pid 7)");
	assert_true(g.items[0]->since == T0 - SEC);
	assert_string_equal(gaps_worst(&g)->text, "anybody reaches it");

	/* The same proof again says nothing. */
	assert_int_equal(take(&g, &m).n, 0);

	made_begin(&m, T0 + MIN);
	cell(&m, 4, 389, PROOF_SHUT_OUT, 5);
	cell(&m, 6, 389, PROOF_OPEN, 2);
	s = take(&g, &m);
	assert_int_equal(s.n, 2);
	assert_int_equal(s.events[0], GAP_OPENED);
	assert_int_equal(s.events[1], GAP_CHANGED);
	assert_string_equal(gaps_find(&g, 4u << 16 | 389)->text, "somebody is refused");
	assert_int_equal(gaps_worst(&g)->state, PROOF_OPEN);

	made_begin(&m, T0 + HOUR);
	cell(&m, 4, 389, PROOF_PROVEN, 0);
	cell(&m, 6, 389, PROOF_PROVEN, 0);
	s = take(&g, &m);
	assert_int_equal(s.n, 2);
	assert_int_equal(s.events[0], GAP_CLOSED);
	assert_int_equal(s.events[1], GAP_CLOSED);
	assert_null(gaps_worst(&g));
	assert_true(gaps_changed(&g));
	gaps_saved(&g);
	assert_int_equal(g.n, 0);
	gaps_fini(&g);
}

/* Since when it harms, and not since when it could. */
static void
one_that_was_latent_counts_from_when_it_is_worse(void **unused)
{
	static const enum proof_state worse[] = {PROOF_OPEN, PROOF_SHUT_OUT, PROOF_DEPENDS};

	(void)unused;
	for (int i = 0; i < 3; i++) {
		struct gaps g = {0};
		struct made m;
		struct gap *x;

		made_begin(&m, T0);
		cell(&m, 6, 389, PROOF_LATENT, 1);
		assert_int_equal(take(&g, &m).n, 1);
		x = gaps_find(&g, 6u << 16 | 389);
		assert_true(x->since == T0 - SEC);
		made_begin(&m, T0 + HOUR);
		strcpy(m.head.changer, "iptables");
		m.head.changed = i == 1 ? 0 : i == 2 ? T0 - SEC : T0 + HOUR - SEC;
		cell(&m, 6, 389, worse[i], 2);
		assert_int_equal(take(&g, &m).n, 1);
		assert_ptr_equal(gaps_find(&g, x->key), x);
		assert_true(x->since == (i == 0 ? T0 + HOUR - SEC : T0 + HOUR));
		assert_true(gaps_worst(&g)->since == x->since);
		assert_string_equal(x->changer, i == 1 ? "" : "iptables (pid 7)");
		/* How it was is a row of its own: the book's rows are known by this time. */
		assert_int_equal(g.n, 2);
		assert_int_equal(g.items[1]->state, PROOF_LATENT);
		assert_true(g.items[1]->since == T0 - SEC);
		assert_true(g.items[1]->until == x->since);
		assert_true(g.items[1]->changed);
		gaps_saved(&g);
		assert_int_equal(g.n, 1);
		/* From bad to worse is the same gap. */
		made_begin(&m, T0 + DAY);
		cell(&m, 6, 389, worse[(i + 1) % 3], 3);
		assert_int_equal(take(&g, &m).n, 1);
		assert_true(x->since < T0 + DAY - SEC);
		assert_int_equal(g.n, 1);
		gaps_fini(&g);
	}
}

static void
more_gaps_than_fit_are_counted(void **unused)
{
	struct gaps g = {0};
	struct made m;

	(void)unused;
	for (unsigned i = 0; i < GAPS_MAX; i++) {
		struct gap x = {.key = 1000000 + i, .kind = PROOF_PORT, .state = PROOF_OPEN};

		x.rule = strdup("ldap");
		x.text = strdup("");
		x.changer = strdup("");
		assert_int_equal(gaps_load(&g, &x), 0);
	}
	made_begin(&m, T0);
	cell(&m, 4, 389, PROOF_OPEN, 1);
	cell(&m, 6, 389, PROOF_OPEN, 1);
	/* No room for the two; the others are no more. */
	assert_int_equal(take(&g, &m).n, GAPS_MAX);
	assert_int_equal(g.left_out, 2);
	gaps_saved(&g);
	assert_int_equal(take(&g, &m).n, 2);
	assert_int_equal(g.left_out, 0);
	gaps_fini(&g);
}

/* --- in the book --- */

struct rows {
	unsigned n, standing;
	char last[64];
};

static void
count_row(void *ctx, const struct gap *x)
{
	struct rows *r = ctx;

	r->n++;
	r->standing += x->until == 0;
	snprintf(r->last, sizeof(r->last), "%s", x->text);
}

static struct book *
open_book(const char *dir, struct world *w, struct positions *p, struct gaps *g)
{
	struct book_parts parts = {&w->rules, p, w->v.tallies, w->v.bans, g};
	struct book_opened told;
	struct book *b;

	assert_int_equal(book_new(&b, dir, &parts), 0);
	assert_int_equal(book_open(b, T0, &told), 0);
	assert_false(told.set_aside);
	return b;
}

static void
what_stands_survives_a_restart_and_what_ended_is_history(void **unused)
{
	char dir[] = "/tmp/guardd-test-gaps-XXXXXX", file[64];
	struct gaps g = {0}, again = {0};
	struct positions positions;
	struct rows rows = {0};
	struct world w;
	struct made m;
	struct book *b;

	(void)unused;
	assert_non_null(mkdtemp(dir));
	w = (struct world){.build = image_build_new()};
	world_open(&w);
	positions_init(&positions);
	b = open_book(dir, &w, &positions, &g);
	made_begin(&m, T0);
	cell(&m, 4, 389, PROOF_OPEN, 1);
	cell(&m, 6, 389, PROOF_SHUT_OUT, 1);
	take(&g, &m);
	g.items[0]->times = 3;
	assert_true(book_is_behind(b));
	assert_int_equal(book_commit(b, T0, 0), 0);
	assert_false(book_is_behind(b));
	made_begin(&m, T0 + MIN);
	cell(&m, 4, 389, PROOF_OPEN, 1);
	take(&g, &m);
	assert_int_equal(book_commit(b, T0, 0), 0);
	assert_int_equal(g.n, 1);
	book_free(b);

	b = open_book(dir, &w, &positions, &again);
	assert_int_equal(again.n, 1);
	assert_int_equal(again.items[0]->family, 4);
	assert_int_equal(again.items[0]->times, 3);
	assert_string_equal(again.items[0]->rule, "ldap");
	/* The same finding after the restart is no new one. */
	assert_int_equal(take(&again, &m).n, 0);
	assert_int_equal(book_gaps(b, true, 100, count_row, &rows), 0);
	assert_int_equal(rows.n, 2);
	assert_int_equal(rows.standing, 1);
	rows = (struct rows){0};
	assert_int_equal(book_gaps(b, false, 100, count_row, &rows), 0);
	assert_int_equal(rows.n, 1);
	assert_string_equal(rows.last, "anybody reaches it");
	book_free(b);
	gaps_fini(&g);
	gaps_fini(&again);
	positions_fini(&positions);
	world_close(&w);
	snprintf(file, sizeof(file), "%s/%s", dir, BOOK_FILE);
	unlink(file);
	rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_gap_opens_stands_changes_and_closes),
	    cmocka_unit_test(one_that_was_latent_counts_from_when_it_is_worse),
	    cmocka_unit_test(more_gaps_than_fit_are_counted),
	    cmocka_unit_test(what_stands_survives_a_restart_and_what_ended_is_history),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
