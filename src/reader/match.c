/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/match.h"

#include <string.h>

#include "reader/lane.h"

static void
trace(const struct lane *l, const struct lane_step *s)
{
	if (__builtin_expect(l->on_step != NULL, 0))
		l->on_step(l->step_ctx, s);
}

static uint64_t
session_key(const struct lane *l, uint32_t filter, const struct captures *c)
{
	const struct hash_key *key = &l->e->img->settings->user_key;

	/* Each filter has sessions of its own. */
	return hash_bytes(key, c->text[CAPTURE_SESSION], c->len[CAPTURE_SESSION]) +
	       filter * 0x9e3779b97f4a7c15u;
}

/* False when the line names no address, and its session is not known either. */
static bool
find_address(const struct lane *l, uint32_t filter, const struct captures *c, struct addr *out,
    size_t *refused)
{
	*refused = 0;
	if (c->text[CAPTURE_ADDR]) {
		*refused = c->len[CAPTURE_ADDR];
		return addr_parse(out, c->text[CAPTURE_ADDR], c->len[CAPTURE_ADDR]) == 0;
	}
	return c->text[CAPTURE_SESSION] && l->memory &&
	       remember_get(l->memory, session_key(l, filter, c), out);
}

/* A message's own time is told by the journal or docker with its zone; only without it text counts.
 */
static bool
find_time(struct lane *l, const struct plan_filter *f, const struct captures *c, usec_t *out)
{
	struct stamp_zone zone = l->utc ? (struct stamp_zone){NULL, 0} : f->zone;
	struct stamp stamp;

	if (l->message && l->message->time != USEC_NEVER) {
		*out = l->message->time;
		return true;
	}
	if (c->text[CAPTURE_TIME] &&
	    stamp_read(&stamp, c->text[CAPTURE_TIME], c->len[CAPTURE_TIME]) == 0 &&
	    stamp_time(out, &stamp, &zone, l->now, &l->stamps) == 0)
		return true;
	return f->header && !l->message && l->line.header.stamp.len &&
	       stamp_time(out, &l->line.header.stamp, &zone, l->now, &l->stamps) == 0;
}

static void
set_time(
    struct lane *l, const struct plan_filter *f, const struct captures *c, struct msg_offence *o)
{
	struct lane_counts *counts = l->sink->counts;

	if (!find_time(l, f, c, &o->time)) {
		o->time = l->now;
		o->flags |= OFFENCE_UNDATED;
		counts->undated++;
	} else if (o->time > l->now + FUTURE_SLACK) {
		o->time = l->now;
		o->flags |= OFFENCE_FUTURE;
		counts->future++;
	}
}

static uint16_t
points_of(const struct lane *l, const struct plan_filter *f, const struct image_pattern *p)
{
	uint32_t repeat = f->header && !l->message ? l->line.header.repeat : 1;
	uint64_t points = (uint64_t)p->points * repeat;

	return points > UINT16_MAX ? UINT16_MAX : points;
}

static void
report(struct lane *l, const struct plan_filter *f, uint32_t pattern, const struct captures *c)
{
	const struct image_pattern *p = &l->e->img->patterns[pattern];
	struct hit h = {
	    .kind = p->kind,
	    .offence.points = points_of(l, f, p),
	    .offence.filter = f->as.filter,
	    .offence.pattern = pattern,
	    .line_start = l->line.start,
	    .line_end = l->line.end,
	    .user = c->text[CAPTURE_USER],
	    .user_len = c->len[CAPTURE_USER],
	};
	size_t refused;

	if (!find_address(l, f->as.filter, c, &h.offence.addr, &refused)) {
		trace(l, &(struct lane_step){.kind = STEP_ADDRESS,
			     .filter = f->as.filter,
			     .pattern = pattern,
			     .text = c->text[CAPTURE_ADDR],
			     .len = refused});
		return;
	}
	if (h.user) {
		h.offence.flags |= OFFENCE_HAS_USER;
		h.offence.user_hash =
		    hash_bytes(&l->e->img->settings->user_key, h.user, h.user_len);
	}
	set_time(l, f, c, &h.offence);
	l->line.matched = true;
	if (l->sink->filter_counts)
		l->sink->filter_counts[f->as.filter].matched++;
	if (l->sink->on_hit)
		l->sink->on_hit(l->sink->ctx, &h);
}

static void
remember(struct lane *l, uint32_t filter, const struct captures *c)
{
	struct addr addr;

	if (c->text[CAPTURE_SESSION] && c->text[CAPTURE_ADDR] &&
	    addr_parse(&addr, c->text[CAPTURE_ADDR], c->len[CAPTURE_ADDR]) == 0)
		remember_put(l->memory, session_key(l, filter, c), &addr);
}

static enum pattern_answer
try_pattern(struct lane *l, uint32_t filter, uint32_t pattern, const char *text, size_t n,
    struct captures *captures)
{
	enum pattern_answer answer =
	    pattern_match(l->e->patterns[pattern], l->e->room, text, n, captures);

	trace(l, &(struct lane_step){.kind = STEP_PATTERN,
		     .filter = filter,
		     .pattern = pattern,
		     .text = text,
		     .len = n,
		     .answer = answer,
		     .captures = answer == PATTERN_MATCHED ? captures : NULL});
	return answer;
}

/* True when the filter is done with the line. */
static bool
act(struct lane *l, const struct plan_filter *f, uint32_t pattern, const struct captures *c)
{
	switch (l->e->img->patterns[pattern].kind) {
	case PATTERN_REMEMBER:
		remember(l, f->as.filter, c);
		return false;
	case PATTERN_IGNORE:
		return true;
	default:
		report(l, f, pattern, c);
		return true;
	}
}

/* The first set bit from there on, n when there is none below n. */
static size_t
next_bit(const uint64_t *bits, size_t from, size_t n)
{
	for (size_t w = from / 64; w * 64 < n; w++) {
		uint64_t b = w == from / 64 ? bits[w] >> from % 64 << from % 64 : bits[w];

		if (b) {
			from = w * 64 + __builtin_ctzll(b);
			return from < n ? from : n;
		}
	}
	return n;
}

static void
set_bit(uint64_t *bits, size_t i)
{
	bits[i / 64] |= 1ull << i % 64;
}

static enum pattern_kind
kind_of(const struct lane *l, size_t i)
{
	return l->e->img->patterns[l->plan->patterns[i].pattern].kind;
}

/* Tries the patterns whose literals are in the line, until one settles it. */
static void
apply(struct lane *l, const struct plan_filter *f, const char *text, size_t n)
{
	const struct plan *plan = l->plan;
	struct captures captures;
	size_t end = f->first + f->n;
	bool unexamined = false;

	for (size_t i = f->first; f->ignores && i < end; i++)
		if (plan->patterns[i].blind && kind_of(l, i) == PATTERN_IGNORE)
			set_bit(l->hits, i);
	for (size_t i = next_bit(l->hits, f->first, end); i < end;
	     i = next_bit(l->hits, i + 1, end)) {
		uint32_t pattern = plan->patterns[i].pattern;
		enum pattern_answer answer;

		answer = try_pattern(l, f->as.filter, pattern, text, n, &captures);
		if (answer == PATTERN_MATCHED && act(l, f, pattern, &captures))
			break;
		if (answer != PATTERN_UNEXAMINED)
			continue;
		unexamined = true;
		/* It may be a line to ignore, and nobody is banned on a maybe. */
		if (kind_of(l, i) == PATTERN_IGNORE)
			break;
	}
	l->line.candidate = true;
	l->line.unexamined |= unexamined;
	if (l->sink->filter_counts) {
		l->sink->filter_counts[f->as.filter].candidates++;
		l->sink->filter_counts[f->as.filter].unexamined += unexamined;
	}
}

static bool
program_fits(const struct lane *l, const struct plan_filter *f, const char *program, size_t n)
{
	for (uint32_t i = 0; i < f->programs.n; i++)
		if (header_program_fits(image_list(l->e->img, f->programs, i), program, n))
			return true;
	return f->programs.n == 0;
}

/* Cuts the header once for all filters; false when there is none. */
static bool
cut_header(struct lane *l)
{
	struct pending *line = &l->line;

	if (line->header_cut == 0) {
		line->header_cut = header_cut(&line->header, line->text, line->len) ? 1 : -1;
		if (line->header_cut > 0)
			trace(l, &(struct lane_step){.kind = STEP_HEADER,
				     .text = line->text,
				     .len = line->len,
				     .header = &line->header});
	}
	return line->header_cut > 0;
}

static void
apply_to_line(struct lane *l, const struct plan_filter *f)
{
	const struct header *h = &l->line.header;

	if (f->stepwise) {
		steps_apply(l, f);
		return;
	}
	if (!f->header) {
		apply(l, f, l->line.text, l->line.len);
		return;
	}
	if (!cut_header(l))
		trace(l, &(struct lane_step){.kind = STEP_NO_HEADER, .filter = f->as.filter});
	else if (!program_fits(l, f, h->program, h->program_len))
		trace(l, &(struct lane_step){.kind = STEP_PROGRAM,
			     .filter = f->as.filter,
			     .text = h->program,
			     .len = h->program_len,
			     .header = h});
	else
		apply(l, f, h->message, h->message_len);
}

static void
apply_to_message(struct lane *l, const struct plan_filter *f)
{
	const struct lane_message *m = l->message;

	if (m->filters && !m->filters[f - l->plan->filters])
		return;
	if (f->stepwise) {
		steps_apply(l, f);
		return;
	}
	if (f->header && f->programs.n &&
	    (!m->program || !program_fits(l, f, m->program, m->program_len)))
		trace(l, &(struct lane_step){.kind = STEP_PROGRAM,
			     .filter = f->as.filter,
			     .text = m->program,
			     .len = m->program_len});
	else
		apply(l, f, l->line.text, l->line.len);
}

static void
count_line(struct lane *l)
{
	struct lane_counts *counts = l->sink->counts;

	counts->candidates += l->line.candidate;
	counts->matched += l->line.matched;
	counts->unexamined += l->line.unexamined;
}

/* The first pattern from there on that was hit and is reason enough to look at the line. */
static size_t
next_waker(const struct lane *l, size_t from)
{
	const struct plan *plan = l->plan;
	size_t i = next_bit(l->hits, from, plan->n_patterns);

	while (i < plan->n_patterns && !(plan->wakers[i / 64] >> i % 64 & 1))
		i = next_bit(l->hits, i + 1, plan->n_patterns);
	return i;
}

/* The line's literals are all known: now the filters whose patterns they belong to. */
static void
examine(struct lane *l)
{
	const struct plan *plan = l->plan;
	struct pending *line = &l->line;
	size_t n = plan->n_patterns;

	for (size_t i = next_waker(l, 0); i < n;) {
		const struct plan_filter *f = &plan->filters[plan->patterns[i].filter];

		if (l->message)
			apply_to_message(l, f);
		else
			apply_to_line(l, f);
		i = next_waker(l, f->first + f->n);
	}
	memset(l->hits, 0, plan_words(plan) * sizeof *l->hits);
	count_line(l);
	trace(l, &(struct lane_step){.kind = STEP_LINE,
		     .text = line->text,
		     .len = line->len,
		     .candidate = line->candidate});
	line->open = false;
}

static void
open_line(struct lane *l, size_t start, size_t end, size_t text_end)
{
	struct pending *line = &l->line;

	line->open = true;
	line->matched = line->candidate = line->unexamined = false;
	line->header_cut = 0;
	line->start = start;
	line->end = end;
	line->text = l->block + start;
	line->len = text_end - start;
	if (line->len && line->text[line->len - 1] == '\r')
		line->len--;
}

/* The line around a place in the block. */
static void
cut_line(struct lane *l, size_t at)
{
	const char *before = memrchr(l->block + l->from, '\n', at - l->from);
	const char *after = memchr(l->block + at, '\n', l->to - at);
	size_t start = before ? (size_t)(before + 1 - l->block) : l->from;
	size_t text_end = after ? (size_t)(after - l->block) : l->to;

	open_line(l, start, after ? text_end + 1 : text_end, text_end);
}

static void
mark(struct lane *l, uint32_t id, size_t at)
{
	const struct plan_pattern *p = &l->plan->patterns[id];

	if (l->hits[id / 64] >> id % 64 & 1)
		return;
	set_bit(l->hits, id);
	trace(l, &(struct lane_step){.kind = STEP_LITERAL,
		     .filter = l->plan->filters[p->filter].as.filter,
		     .pattern = p->pattern,
		     .text = l->block + at});
}

/* scan_hit_fn over many lines. */
static void
on_literal(void *ctx, uint32_t id, size_t at)
{
	struct lane *l = ctx;

	at += l->from;
	if (l->line.open && at >= l->line.end)
		examine(l);
	if (!l->line.open)
		cut_line(l, at);
	mark(l, id, at);
}

/* scan_hit_fn within one line. */
static void
on_literal_of_line(void *ctx, uint32_t id, size_t at)
{
	struct lane *l = ctx;

	mark(l, id, at + (l->line.text - l->block));
}

static void
one_line(struct lane *l, size_t start, size_t end, size_t text_end)
{
	open_line(l, start, end, text_end);
	memcpy(l->hits, l->plan->wake[l->message ? WAKE_MESSAGE : WAKE_LINE],
	    plan_words(l->plan) * sizeof *l->hits);
	scan_run(l->plan->scan, l->line.text, l->line.len, on_literal_of_line, l);
	examine(l);
}

static void
every_line(struct lane *l)
{
	for (size_t at = l->from; at < l->to;) {
		const char *newline = memchr(l->block + at, '\n', l->to - at);
		size_t text_end = newline ? (size_t)(newline - l->block) : l->to;
		size_t end = newline ? text_end + 1 : text_end;

		one_line(l, at, end, text_end);
		at = end;
	}
}

/* Lines of bounded length, from..to. */
static void
run_lines(struct lane *l, size_t from, size_t to)
{
	l->from = from;
	l->to = to;
	l->sink->counts->lines += scan_newlines(l->block + from, to - from);
	if (l->block[to - 1] != '\n')
		l->sink->counts->lines++;
	if (l->plan->every_line) {
		every_line(l);
		return;
	}
	scan_run(l->plan->scan, l->block + from, to - from, on_literal, l);
	if (l->line.open)
		examine(l);
}

/* Where the lines end that are not too long, from a line's start on: at itself when the first one
 * is. */
static size_t
short_lines(const char *block, size_t at, size_t n)
{
	while (n - at > LINE_MAX_BYTES + 1) {
		const char *newline = memrchr(block + at, '\n', LINE_MAX_BYTES + 1);

		if (!newline)
			return at;
		at = newline + 1 - block;
	}
	return n;
}

static size_t
skip_line(struct lane *l, size_t at, size_t n)
{
	const char *newline = memchr(l->block + at, '\n', n - at);

	l->sink->counts->lines++;
	l->sink->counts->unexamined++;
	return newline ? (size_t)(newline + 1 - l->block) : n;
}

static void
begin(struct lane *l, const char *block, usec_t now, const struct lane_sink *sink)
{
	l->block = block;
	l->now = now;
	l->sink = sink;
	l->message = NULL;
	l->line.open = false;
}

void
lane_block(struct lane *l, const char *block, size_t n, usec_t now, const struct lane_sink *sink)
{
	size_t at = 0;

	begin(l, block, now, sink);
	while (at < n) {
		size_t end = short_lines(block, at, n);

		if (end == at) {
			at = skip_line(l, at, n);
			continue;
		}
		run_lines(l, at, end);
		at = end;
	}
}

void
lane_message(struct lane *l, const struct lane_message *m, usec_t now, const struct lane_sink *sink)
{
	begin(l, m->text ? m->text : "", now, sink);
	sink->counts->lines++;
	if (m->len > LINE_MAX_BYTES) {
		sink->counts->unexamined++;
		return;
	}
	l->message = m;
	one_line(l, 0, m->len, m->len);
}
