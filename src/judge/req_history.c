/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "judge/requests.h"
#include "judge/text.h"

#define PAGE     256  /* entries read at once */
#define COVERING 1000 /* entries of one prefix around the one asked for */

struct asking {
	struct prefix only;
	uint32_t cursor; /* next slot of the table */
	int64_t before;  /* next id of the history; 0: all seen */
	struct strbuf out;
	usec_t now;
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
	    .manual = strcmp(e->rule, "manual") == 0};
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

/* One that the table still holds: in force, or over for a short while. */
static void
add_ban(struct asking *a, const struct court *c, const struct ban *x)
{
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
	json_int(&j, "packets", (int64_t)x->packets);
	json_int(&j, "bytes", (int64_t)x->bytes);
	json_bool(&j, "dry_run", x->flags & BANS_DRY);
	json_end(&j);
}

static void
add_held(struct request *q, struct asking *a)
{
	const struct court *c = request_context(q);

	for (; a->cursor < bans_high(c->bans) && request_has_room(q); a->cursor++) {
		const struct ban *x = bans_get(c->bans, a->cursor);
		struct prefix p;

		if (!x || (x->flags & BANS_BUILTIN))
			continue;
		p = ban_prefix(x);
		if (!prefix_overlaps(&a->only, &p))
			continue;
		add_ban(a, c, x);
		request_write(q, &a->out);
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

	add_held(q, a);
	if (a->cursor < bans_high(c->bans))
		return;
	while (r == 0 && a->before > 0 && request_has_room(q)) {
		r = book_history_inside(c->book, &a->only, &a->before, PAGE, add_entry, a);
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
free_asking(void *state)
{
	struct asking *a = state;

	strbuf_fini(&a->out);
	free(a);
}

void
request_history(struct request *q, char *const *words, unsigned n)
{
	static const struct request_ops ops = {.on_room = go_on};
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
