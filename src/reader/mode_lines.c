/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "reader/mode.h"
#include "reader/pattern.h"
#include "reader/steps.h"

/* What one line gave. */
struct answer {
	bool match;
	struct strbuf id, user;
	bool has_user, has_addr;
	struct addr addr;
	usec_t time;
	bool dated;
	uint32_t pattern;
};

struct lines {
	const struct mode *m;
	struct lane *lane;
	struct lane_counts counts;
	struct strbuf out;
	uint64_t n;
	struct answer answer;
};

static void
set_user(struct answer *a, const char *user, size_t n)
{
	a->has_user = user != NULL;
	strbuf_reset(&a->user);
	strbuf_add(&a->user, user ? user : "", n);
}

/* Filters that are not stepwise: what is counted is the address. */
static void
on_hit(void *ctx, const struct hit *h)
{
	struct lines *x = ctx;
	struct answer *a = &x->answer;
	char text[ADDR_TEXT_MAX];

	if (a->match || h->kind != PATTERN_OFFENCE)
		return;
	a->match = a->has_addr = true;
	a->addr = h->offence.addr;
	strbuf_puts(&a->id, addr_format(&a->addr, text));
	set_user(a, h->user, h->user_len);
	a->time = h->offence.time;
	a->dated = !(h->offence.flags & OFFENCE_UNDATED);
	a->pattern = h->offence.pattern;
}

static void
on_step(void *ctx, const struct lane_step *s)
{
	struct lines *x = ctx;
	struct answer *a = &x->answer;

	if (s->kind != STEP_COUNTED)
		return;
	a->match = true;
	strbuf_add(&a->id, s->count->id, s->count->id_len);
	a->has_addr = s->count->addr != NULL;
	if (a->has_addr)
		a->addr = *s->count->addr;
	set_user(a, s->count->user, s->count->user_len);
	a->time = s->count->time;
	a->dated = s->count->dated;
	a->pattern = s->pattern;
}

static void
say(struct lines *x, bool unexamined)
{
	const struct answer *a = &x->answer;
	char text[ADDR_TEXT_MAX], time[40];
	struct json j;

	json_begin(&j, &x->out);
	json_text(&j, "type", "line");
	json_int(&j, "n", x->n);
	json_bool(&j, "match", a->match);
	if (unexamined)
		json_bool(&j, "unexamined", true);
	if (a->match) {
		json_bytes(&j, "id", a->id.text ? a->id.text : "", a->id.len);
		json_text(&j, "addr", a->has_addr ? addr_format(&a->addr, text) : NULL);
		if (a->has_user)
			json_bytes(&j, "user", a->user.text ? a->user.text : "", a->user.len);
		else
			json_text(&j, "user", NULL);
		json_text(&j, "time", clock_format(a->time, a->time % USEC_PER_SEC != 0, time));
		json_int(&j, "epoch", a->time / USEC_PER_SEC);
		json_bool(&j, "dated", a->dated);
		mode_json_pattern(&j, x->m->img, a->pattern);
	}
	json_end(&j);
	if (mode_full(&x->out))
		mode_write(&x->out);
}

/* newline: it was one of the file's, not the end of the last line. */
static void
one_line(struct lines *x, const char *line, size_t n, bool newline)
{
	struct lane_sink sink = {on_hit, x, &x->counts, NULL};
	uint64_t unexamined = x->counts.unexamined;

	x->n++;
	x->answer.match = false;
	strbuf_reset(&x->answer.id);
	if (x->m->journal)
		lane_message(x->lane,
		    &(struct lane_message){
			.text = line,
			.len = n,
			.time = x->m->now,
			.journal = true,
			.monotonic = USEC_NEVER,
		    },
		    x->m->now, &sink);
	else
		lane_block(x->lane, line, n + newline, x->m->now, &sink);
	say(x, x->counts.unexamined > unexamined);
}

static void
on_block(void *ctx, const char *block, size_t n)
{
	const char *end = block + n;

	while (block < end) {
		const char *newline = memchr(block, '\n', end - block);

		one_line(ctx, block, (newline ? newline : end) - block, newline != NULL);
		block = newline ? newline + 1 : end;
	}
}

static int
read_file(struct lines *x, const struct mode_file *f)
{
	uint32_t filter = x->m->filters[0];
	const struct lane_filter as = {filter, mode_source(x->m->img, filter, f->name)};
	int r = lane_new(&x->lane, x->m->e, &as, 1);

	if (r == 0) {
		if (x->m->img->filters[filter].lines)
			lane_trace(x->lane, on_step, x);
		r = mode_read(f->fd, on_block, x, &x->counts);
	}
	lane_free(x->lane);
	x->lane = NULL;
	if (r < 0)
		fprintf(stderr, "guardd-reader: %s: %s\n", f->name, strerror(-r));
	return r < 0 ? MODE_FAILED : MODE_DONE;
}

int
mode_lines(const struct mode *m)
{
	struct lines x = {.m = m};
	int status = MODE_DONE;

	for (size_t i = 0; i < m->n_files; i++)
		if (read_file(&x, &m->files[i]) != MODE_DONE)
			status = MODE_FAILED;
	mode_write(&x.out);
	strbuf_fini(&x.out);
	strbuf_fini(&x.answer.id);
	strbuf_fini(&x.answer.user);
	return status;
}
