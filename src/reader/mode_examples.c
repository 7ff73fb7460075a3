/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "reader/mode.h"
#include "reader/nearest.h"

/* What the last line of an example gave. */
struct result {
	struct msg_offence offence, forgiven;
	bool has_offence, has_forgiven;
	char user[256];
	bool has_user;
};

static void
on_hit(void *ctx, const struct hit *h)
{
	struct result *r = ctx;

	if (h->kind == PATTERN_FORGIVE) {
		r->has_forgiven = true;
		r->forgiven = h->offence;
	} else {
		r->has_offence = true;
		r->offence = h->offence;
	}
	r->has_user = h->user != NULL;
	snprintf(r->user, sizeof r->user, "%.*s", (int)h->user_len, h->user ? h->user : "");
}

static void
feed(struct lane *l, const struct image *img, const struct image_example *x, const char *line,
    usec_t now, const struct lane_sink *sink)
{
	char program[128];
	struct lane_message m = {
	    .text = line, .len = strlen(line), .program = program, .time = USEC_NEVER};

	if (x->whole) {
		lane_block(l, line, m.len, now, sink);
		return;
	}
	mode_program(img, x->filter, program, sizeof program);
	m.program_len = strlen(program);
	lane_message(l, &m, now, sink);
}

static int
run(const struct mode *m, const struct image_example *x, struct result *result)
{
	const struct lane_filter filter = {x->filter, UINT32_MAX};
	_cleanup_(lane_freep) struct lane *l = NULL;
	struct lane_counts counts = {0};
	struct lane_sink sink = {on_hit, result, &counts, NULL};
	/* The example's own time must not lie ahead, and a date without a year must mean it. */
	usec_t now = x->has_time ? x->time + 60 * USEC_PER_SEC : m->now;
	int r = lane_new(&l, m->e, &filter, 1);

	if (r < 0)
		return r;
	lane_utc(l);
	for (uint32_t i = 0; i < x->lines.n; i++) {
		memset(result, 0, sizeof *result);
		feed(l, m->img, x, image_list(m->img, x->lines, i), now, &sink);
	}
	return 0;
}

static void
say_hit(struct strbuf *b, const char *verb, bool has, const struct msg_offence *o)
{
	char text[ADDR_TEXT_MAX];

	strbuf_printf(b, "%s %s", verb, has ? addr_format(&o->addr, text) : "none");
}

/* An example that says whole seconds leaves the fraction open. */
static bool
is_time(const struct image_example *x, const struct msg_offence *o)
{
	usec_t unit = x->time % USEC_PER_SEC ? 1 : USEC_PER_SEC;

	return !(o->flags & OFFENCE_UNDATED) && o->time / unit == x->time / unit;
}

/* What does not hold, as text; empty when all does. */
static void
compare(const struct image *img, const struct image_example *x, const struct result *r,
    struct strbuf *b)
{
	const struct msg_offence *o = x->forgives ? &r->forgiven : &r->offence;
	bool has = x->forgives ? r->has_forgiven : r->has_offence;
	bool wants = x->gives || x->forgives;
	const struct msg_offence expected = {.addr = x->addr};
	char came[40], should[40];

	if (has != wants || (wants && !addr_equal(&o->addr, &x->addr))) {
		say_hit(b, x->forgives ? "expected that it forgives" : "expected that it gives",
		    wants, &expected);
		say_hit(b, ", but it gives", r->has_offence, &r->offence);
		if (r->has_forgiven)
			say_hit(b, " and forgives", true, &r->forgiven);
	} else if (x->has_points && o->points != x->points) {
		strbuf_printf(b, "expected %u points, but it gives %u", x->points, o->points);
	} else if (x->has_user && (!r->has_user || strcmp(r->user, image_str(img, x->user)))) {
		strbuf_printf(
		    b, "expected user '%s', but it gives '%s'", image_str(img, x->user), r->user);
	} else if (x->has_time && !is_time(x, o)) {
		strbuf_printf(b, "expected time %s, but it gives %s",
		    clock_format(x->time, x->time % USEC_PER_SEC != 0, should),
		    o->flags & OFFENCE_UNDATED
			? "none"
			: clock_format(o->time, o->time % USEC_PER_SEC != 0, came));
	}
}

/* Whose fault it may be: the pattern that gave it, or the one that nearly did. */
static void
say_pattern(const struct image *img, const struct image_example *x, const struct result *r)
{
	const char *line = image_list(img, x->lines, x->lines.n - 1);
	struct nearest near;

	if (r->has_offence || r->has_forgiven) {
		const struct image_pattern *p =
		    &img->patterns[r->has_offence ? r->offence.pattern : r->forgiven.pattern];

		fprintf(stderr, "  by the pattern of line %u: %s\n", p->line,
		    image_str(img, p->written));
		return;
	}
	if (x->whole || img->filters[x->filter].lines ||
	    !nearest_find(&near, img, x->filter, line, strlen(line)))
		return;
	fprintf(stderr, "  the pattern of line %u came furthest, up to: %s\n",
	    img->patterns[near.pattern].line, line + near.at);
}

static void
say(const struct image *img, const struct image_example *x, const struct result *r,
    const char *what)
{
	const char *source = image_str(img, x->source_line);

	fprintf(stderr, "%s:%u:%u: error: example of filter '%s': %s\n", image_str(img, x->file),
	    x->line, x->column, image_str(img, img->filters[x->filter].name), what);
	if (*source) {
		fprintf(stderr, "%s\n", source);
		/* Tabs stay tabs, so that the caret stands below its byte. */
		for (uint32_t i = 1; i < x->column && *source; i++, source++)
			fputc(*source == '\t' ? '\t' : ' ', stderr);
		fputs("^\n", stderr);
	}
	if (r)
		say_pattern(img, x, r);
}

/* False when the example does not hold, which was said. */
static bool
holds(const struct mode *m, const struct image_example *x)
{
	_cleanup_(strbuf_fini) struct strbuf what = {0};
	struct result result = {0};
	int r = x->lines.n ? run(m, x, &result) : -EINVAL;

	if (r < 0) {
		say(m->img, x, NULL, strerror(-r));
		return false;
	}
	compare(m->img, x, &result, &what);
	if (what.len)
		say(m->img, x, &result, what.text);
	return what.len == 0;
}

static bool
is_wanted(const struct mode *m, uint32_t filter)
{
	for (size_t i = 0; i < m->n_filters; i++)
		if (m->filters[i] == filter)
			return true;
	return m->n_filters == 0;
}

int
mode_examples(const struct mode *m)
{
	_cleanup_(strbuf_fini) struct strbuf out = {0};
	uint32_t examples = 0, failed = 0, filters = 0;
	struct json j;

	for (uint32_t f = 0; f < image_count(m->img, IMAGE_FILTERS); f++) {
		struct span all = m->img->filters[f].examples;

		if (!is_wanted(m, f))
			continue;
		filters++;
		examples += all.n;
		for (uint32_t i = all.first; i < all.first + all.n; i++)
			failed += !holds(m, &m->img->examples[i]);
	}
	if (m->verbose) {
		json_begin(&j, &out);
		json_int(&j, "filters", filters);
		json_int(&j, "examples", examples);
		json_int(&j, "failed", failed);
		json_end(&j);
		mode_write(&out);
	}
	return failed ? MODE_FAILED : MODE_DONE;
}
