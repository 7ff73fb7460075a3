/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "judge/requests.h"
#include "judge/text.h"

#define ENTRIES  256  /* read at once */
#define COVERING 1000 /* entries of one prefix around the one asked for */

struct asking {
	struct prefix only;
	uint32_t cursor; /* next slot of the table */
	int64_t before;  /* next id of the history; 0: all seen */
	struct strbuf out;
	usec_t now;
	struct page page;
};

static void
add_times(struct json *j, usec_t since, usec_t until, usec_t ended)
{
	char time[40];

	json_text(j, "since", clock_format(since, 0, time));
	json_text(j, "until", until_text(until, time));
	json_text(j, "ended", ended ? until_text(ended, time) : NULL);
}

/* An entry of the book. */
static void
add_entry(void *ctx, const struct book_entry *e)
{
	struct asking *a = ctx;
	const struct why w = {.rule = e->rule,
	    .note = e->note,
	    .points = e->points,
	    .level = e->level,
	    .flags = e->flags,
	    .manual = strcmp(e->rule, "manual") == 0,
	    .foreign = rule_is_foreign(e->rule)};
	char text[ADDR_TEXT_MAX], why[WHY_MAX];
	struct json j;

	json_begin(&j, &a->out);
	json_text(&j, "prefix", prefix_format(&e->prefix, text));
	json_text(&j, "rule", e->rule);
	add_times(&j, e->since, e->until, e->ended);
	json_text(&j, "why", why_text(&w, why));
	json_int(&j, "count", e->count);
	json_int(&j, "level", e->level);
	json_int(&j, "packets", (int64_t)e->packets);
	json_int(&j, "bytes", (int64_t)e->bytes);
	json_bool(&j, "dry_run", e->flags & BANS_DRY);
	json_end(&j);
}

static bool
is_asked(const struct asking *a, const struct ban *x)
{
	const struct prefix p = ban_prefix(x);

	return !(x->flags & BANS_BUILTIN) && prefix_overlaps(&a->only, &p);
}

/* One that the table still holds: in force, or over for a short while. */
static void
add_ban(struct asking *a, const struct court *c, const struct ban *x, const struct page_entry *e)
{
	bool read = x->flags & BANS_READ;
	const struct prefix p = ban_prefix(x);
	const struct why w = why_of(&c->rules, x);
	char text[ADDR_TEXT_MAX], why[WHY_MAX];
	struct json j;

	json_begin(&j, &a->out);
	json_text(&j, "prefix", prefix_format(&p, text));
	json_text(&j, "rule", w.rule);
	add_times(&j, x->since, x->until, ban_end(x) <= a->now ? ban_end(x) : 0);
	json_text(&j, "why", why_text(&w, why));
	json_int(&j, "count", x->count);
	json_int(&j, "level", x->level);
	json_int(&j, "packets", (int64_t)(x->packets + (read ? 0 : e->packets)));
	json_int(&j, "bytes", (int64_t)(x->bytes + (read ? 0 : e->bytes)));
	json_bool(&j, "dry_run", x->flags & BANS_DRY);
	json_end(&j);
}

static void
write_page(struct request *q)
{
	const struct court *c = request_context(q);
	struct asking *a = request_state(q);

	for (unsigned i = 0; i < a->page.n; i++) {
		const struct ban *x = bans_get(c->bans, a->page.entries[i].slot);

		/* One whose slot is free by now is in the book. */
		if (x && is_asked(a, x))
			add_ban(a, c, x, &a->page.entries[i]);
	}
	page_begin(&a->page);
	request_write(q, &a->out);
}

/* Those of the table, page by page. False: there are more, later. */
static bool
add_held(struct request *q, struct asking *a)
{
	const struct court *c = request_context(q);

	for (;;) {
		if (a->page.open > 0)
			return false;
		write_page(q);
		if (a->cursor == bans_high(c->bans))
			return true;
		if (!request_has_room(q))
			return false;
		for (; a->page.n < PAGE_MAX && a->cursor < bans_high(c->bans); a->cursor++) {
			const struct ban *x = bans_get(c->bans, a->cursor);

			if (x && is_asked(a, x))
				page_add(q, &a->page, a->cursor);
		}
		if (a->page.open > 0)
			request_wait(q, PAGE_PATIENCE);
	}
}

/* Prefixes that hold the one asked for. */
static int
add_covering(const struct court *c, struct asking *a)
{
	int r = 0;

	for (unsigned len = 0; r == 0 && len < a->only.len; len++) {
		struct prefix p = prefix_of(&a->only.addr, len);

		r = book_history_of(c->book, &p, COVERING, add_entry, a);
	}
	return r;
}

static void
go_on(struct request *q)
{
	const struct court *c = request_context(q);
	struct asking *a = request_state(q);
	int r = 0;

	if (!add_held(q, a))
		return;
	while (r == 0 && a->before > 0 && request_has_room(q)) {
		r = book_history_inside(c->book, &a->only, &a->before, ENTRIES, add_entry, a);
		request_write(q, &a->out);
	}
	if (r == 0 && a->before > 0)
		return;
	if (r == 0)
		r = add_covering(c, a);
	request_write(q, &a->out);
	if (r < 0)
		request_done(q, REQUEST_FAILED, "the book cannot be read: %s", book_error(c->book));
	else
		request_done(q, REQUEST_DONE, NULL);
}

static void
on_answer(struct request *q, const struct msg *m)
{
	struct asking *a = request_state(q);

	if (page_answer(q, &a->page, m))
		go_on(q);
}

static void
on_late(struct request *q)
{
	struct asking *a = request_state(q);

	a->page.open = 0;
	go_on(q);
}

static void
free_asking(void *state)
{
	struct asking *a = state;

	strbuf_fini(&a->out);
	free(a);
}

void
request_history(struct request *q, char *const *words, unsigned n)
{
	static const struct request_ops ops = {
	    .on_room = go_on, .on_answer = on_answer, .on_late = on_late};
	struct asking *a;
	struct prefix p;

	(void)n;
	if (!request_prefix(q, words[0], &p))
		return;
	a = calloc(1, sizeof(*a));
	if (!a) {
		request_done(q, REQUEST_FAILED, "no memory");
		return;
	}
	a->only = p;
	a->before = INT64_MAX;
	a->now = clock_real();
	request_keep(q, &ops, a, free_asking);
	go_on(q);
}
