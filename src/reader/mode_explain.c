/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "reader/header.h"
#include "reader/mode.h"
#include "reader/nearest.h"
#include "reader/pattern.h"
#include "reader/steps.h"

#define REST_MAX 80 /* bytes of line and pattern shown where a pattern stopped */

struct explain {
	const struct mode *m;
	struct lane *lane;
	struct lane_counts counts;
	struct strbuf out;
	/* of the running line */
	const char *text; /* the line */
	size_t len;
	const char *seen; /* what patterns saw */
	size_t seen_len;
	bool hit, literal, fits;
};

static struct json
step(struct explain *x, const char *name)
{
	struct json j;

	json_begin(&j, &x->out);
	json_text(&j, "step", name);
	return j;
}

static void
json_time(struct json *j, const char *key, usec_t t)
{
	char buf[40];

	json_text(j, key, clock_format(t, t % USEC_PER_SEC != 0, buf));
}

/* A text of the line: what it is, and its offset in the line. Stepwise filters have a copy of it.
 */
static void
json_place(struct explain *x, struct json *j, const char *key, const char *text, size_t n)
{
	json_object_begin(j, key);
	json_bytes(j, "text", text, n);
	if (text >= x->text && text <= x->text + x->len)
		json_int(j, "at", text - x->text);
	json_object_end(j);
}

static void
say_header(struct explain *x, const struct header *h)
{
	const struct image *img = x->m->img;
	const struct image_zone *z = &img->zones[img->settings->zone];
	struct stamp_zone zone = {img->transitions + z->transitions.first, z->transitions.n};
	struct json j = step(x, "header");
	usec_t t;

	if (stamp_time(&t, &h->stamp, &zone, x->m->now, NULL) == 0)
		json_time(&j, "time", t);
	else
		json_text(&j, "time", NULL);
	json_bytes(&j, "program", h->program, h->program_len);
	json_place(x, &j, "message", h->message, h->message_len);
	json_int(&j, "repeat", h->repeat);
	json_end(&j);
}

/* Which of the pattern's literals it is that stands there. */
static void
say_literal(struct explain *x, const struct lane_step *s)
{
	const struct image *img = x->m->img;
	const struct image_pattern *p = &img->patterns[s->pattern];
	struct json j = step(x, "literal");

	for (uint32_t i = p->literals.first; i < p->literals.first + p->literals.n; i++) {
		const char *text = image_str(img, img->literals[i].text);

		if (img->literals[i].caseless ? strncasecmp(text, s->text, img->literals[i].len)
					      : strncmp(text, s->text, img->literals[i].len))
			continue;
		json_text(&j, "text", text);
		break;
	}
	json_int(&j, "at", s->text - x->text);
	mode_json_pattern(&j, img, s->pattern);
	json_end(&j);
	x->literal = true;
}

static void
say_captures(struct explain *x, struct json *j, const struct captures *c)
{
	json_object_begin(j, "captures");
	for (int i = 0; i < CAPTURES; i++)
		if (c->text[i])
			json_place(x, j, capture_name(i), c->text[i], c->len[i]);
	json_object_end(j);
}

static void
say_pattern(struct explain *x, const struct lane_step *s)
{
	static const char *const answers[] = {
	    [PATTERN_NOT] = "not",
	    [PATTERN_MATCHED] = "matched",
	    [PATTERN_UNEXAMINED] = "limit",
	};
	struct json j = step(x, "pattern");

	json_text(&j, "kind", mode_kind(x->m->img->patterns[s->pattern].kind));
	mode_json_pattern(&j, x->m->img, s->pattern);
	json_text(&j, "answer", answers[s->answer]);
	if (s->captures)
		say_captures(x, &j, s->captures);
	json_end(&j);
	x->seen = s->text;
	x->seen_len = s->len;
}

static void
say_address(struct explain *x, const struct lane_step *s)
{
	struct json j = step(x, "address");

	if (s->text)
		json_bytes(&j, "text", s->text, s->len);
	else
		json_text(&j, "text", NULL);
	mode_json_pattern(&j, x->m->img, s->pattern);
	json_end(&j);
}

static void
say_date(struct explain *x, const struct lane_step *s)
{
	static const char *const answers[] = {
	    [DATE_NONE] = "none",
	    [DATE_EMPTY] = "empty",
	    [DATE_INVALID] = "invalid",
	    [DATE_FOUND] = "found",
	};
	const struct image *img = x->m->img;
	struct json j = step(x, "date");

	json_text(&j, "answer", answers[s->answer]);
	if (s->answer != DATE_NONE) {
		json_bytes(&j, "text", s->text, s->len);
		json_text(&j, "form", image_str(img, img->dates[s->pattern].written));
	}
	json_time(&j, "time", s->time);
	json_end(&j);
}

static void
say_content(struct explain *x, const struct lane_step *s)
{
	struct json j = step(x, "content");

	json_bytes(&j, "text", s->text, s->len);
	json_end(&j);
}

static void
say_session(struct explain *x, const struct lane_step *s)
{
	struct json j = step(x, "session");

	json_bytes(&j, "text", s->text, s->len);
	json_bool(&j, "noted", s->answer);
	json_end(&j);
}

static void
say_counted(struct explain *x, const struct lane_step *s)
{
	struct json j = step(x, "counted");

	json_bytes(&j, "id", s->count->id, s->count->id_len);
	json_bool(&j, "banned", s->count->addr != NULL);
	mode_json_pattern(&j, x->m->img, s->pattern);
	json_end(&j);
	x->hit |= !s->count->addr;
}

static void
say_program(struct explain *x, const struct lane_step *s)
{
	struct json j = step(x, "program");

	json_bytes(&j, "program", s->text, s->len);
	json_bool(&j, "fits", false);
	json_end(&j);
	x->fits = false;
}

static void
on_step(void *ctx, const struct lane_step *s)
{
	struct explain *x = ctx;

	switch (s->kind) {
	case STEP_LITERAL:
		say_literal(x, s);
		break;
	case STEP_PATTERN:
		say_pattern(x, s);
		break;
	case STEP_ADDRESS:
		say_address(x, s);
		break;
	case STEP_PROGRAM:
		say_program(x, s);
		break;
	case STEP_DATE:
		say_date(x, s);
		break;
	case STEP_CONTENT:
		say_content(x, s);
		break;
	case STEP_SESSION:
		say_session(x, s);
		break;
	case STEP_COUNTED:
		say_counted(x, s);
		break;
	default: /* the header is said for every line, not only for candidates */
		break;
	}
}

static void
on_hit(void *ctx, const struct hit *h)
{
	struct explain *x = ctx;
	const struct msg_offence *o = &h->offence;
	struct json j = step(x, mode_kind(h->kind));
	char text[ADDR_TEXT_MAX];

	json_text(&j, "address", addr_format(&o->addr, text));
	if (h->user)
		json_bytes(&j, "user", h->user, h->user_len);
	else
		json_text(&j, "user", NULL);
	json_int(&j, "points", o->points);
	json_time(&j, "time", o->time);
	json_bool(&j, "dated", !(o->flags & OFFENCE_UNDATED));
	json_bool(&j, "future", o->flags & OFFENCE_FUTURE);
	json_text(&j, "filter", image_str(x->m->img, x->m->img->filters[o->filter].name));
	mode_json_pattern(&j, x->m->img, o->pattern);
	json_end(&j);
	x->hit = true;
}

static void
say_nearest(struct explain *x)
{
	const struct image *img = x->m->img;
	struct nearest near;
	const char *regex;
	struct json j;
	size_t rest;

	if (img->filters[x->m->filters[0]].lines ||
	    !nearest_find(&near, img, x->m->filters[0], x->seen, x->seen_len))
		return;
	regex = image_str(img, img->patterns[near.pattern].regex) + near.regex_at;
	rest = x->seen_len - near.at;
	j = step(x, "nearest");
	mode_json_pattern(&j, img, near.pattern);
	json_int(&j, "at", x->seen + near.at - x->text);
	json_bytes(&j, "rest", x->seen + near.at, rest < REST_MAX ? rest : REST_MAX);
	json_bytes(&j, "pattern_rest", regex, strnlen(regex, REST_MAX));
	json_end(&j);
}

static void
say_outcome(struct explain *x)
{
	struct json j;

	if (x->hit)
		return;
	if (!x->literal) {
		j = step(x, "no_literal");
		json_end(&j);
	}
	if (x->fits)
		say_nearest(x);
	j = step(x, "nothing");
	json_end(&j);
}

/* What is no log line as it stands in a file is taken as a message of one of the filter's programs.
 */
static void
run(struct explain *x, const char *line, size_t n)
{
	uint32_t filter = x->m->filters[0];
	bool wants_header = x->m->img->filters[filter].programs.n > 0;
	struct lane_sink sink = {on_hit, x, &x->counts, NULL};
	char program[128];
	struct lane_message m = {.text = line, .len = n, .program = program, .time = USEC_NEVER};
	struct header h;

	if (!wants_header) {
		lane_block(x->lane, line, n, x->m->now, &sink);
	} else if (header_cut(&h, line, n)) {
		say_header(x, &h);
		x->seen = h.message;
		x->seen_len = h.message_len;
		lane_block(x->lane, line, n, x->m->now, &sink);
	} else {
		struct json j = step(x, "no_header");

		json_end(&j);
		mode_program(x->m->img, filter, program, sizeof program);
		m.program_len = strlen(program);
		lane_message(x->lane, &m, x->m->now, &sink);
	}
}

static void
explain_line(struct explain *x, const char *line, size_t n)
{
	struct json j = step(x, "line");

	json_bytes(&j, "text", line, n);
	json_end(&j);
	x->text = x->seen = line;
	x->len = n;
	x->seen_len = n;
	x->hit = x->literal = false;
	x->fits = true;
	if (n > LINE_MAX_BYTES) {
		j = step(x, "too_long");
		json_end(&j);
	} else {
		run(x, line, n);
		say_outcome(x);
	}
	if (mode_full(&x->out))
		mode_write(&x->out);
}

static void
on_block(void *ctx, const char *block, size_t n)
{
	const char *end = block + n;

	while (block < end) {
		const char *newline = memchr(block, '\n', end - block);

		explain_line(ctx, block, (newline ? newline : end) - block);
		block = newline ? newline + 1 : end;
	}
}

int
mode_explain(const struct mode *m)
{
	const struct lane_filter filter = {m->filters[0], UINT32_MAX};
	struct explain x = {.m = m};
	int r = lane_new(&x.lane, m->e, &filter, 1);

	if (r == 0) {
		lane_trace(x.lane, on_step, &x);
		r = mode_read(STDIN_FILENO, on_block, &x, &x.counts);
	}
	mode_write(&x.out);
	lane_free(x.lane);
	strbuf_fini(&x.out);
	if (r < 0)
		fprintf(stderr, "guardd-reader: standard input: %s\n", strerror(-r));
	return r < 0 ? MODE_FAILED : MODE_DONE;
}
