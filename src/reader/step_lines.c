/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/step_lines.h"

#include <errno.h>
#include <string.h>

struct text {
	char *bytes;
	size_t n;
};

struct step_lines {
	uint16_t max;
	size_t room;
	struct text waiting;  /* whole lines */
	struct text original; /* those of the running line, before anything replaced them */
	struct text taken;
};

int
step_lines_new(struct step_lines **out, uint16_t lines, size_t bytes)
{
	_cleanup_(step_lines_freep) struct step_lines *s = calloc(1, sizeof *s);

	if (!s)
		return -ENOMEM;
	s->max = lines;
	s->room = bytes;
	s->waiting.bytes = malloc(bytes);
	s->original.bytes = malloc(bytes);
	s->taken.bytes = malloc(bytes);
	if (!s->waiting.bytes || !s->original.bytes || !s->taken.bytes)
		return -ENOMEM;
	*out = s;
	s = NULL;
	return 0;
}

void
step_lines_free(struct step_lines *s)
{
	if (!s)
		return;
	free(s->waiting.bytes);
	free(s->original.bytes);
	free(s->taken.bytes);
	free(s);
}

static size_t
count_lines(const char *text, size_t n)
{
	size_t count = 0;

	for (const char *p = text; (p = memchr(p, '\n', text + n - p)); p++)
		count++;
	return count;
}

/* Where line k begins (from 0), or the end. */
static size_t
line_start(const struct text *t, size_t k)
{
	size_t at = 0;

	for (; k && at < t->n; k--) {
		const char *end = memchr(t->bytes + at, '\n', t->n - at);

		at = end ? (size_t)(end + 1 - t->bytes) : t->n;
	}
	return at;
}

static void
set(struct text *t, const char *bytes, size_t n)
{
	memmove(t->bytes, bytes, n);
	t->n = n;
}

static void
append(struct text *t, const char *bytes, size_t n, size_t room)
{
	n = n < room - t->n ? n : room - t->n;
	memcpy(t->bytes + t->n, bytes, n);
	t->n += n;
}

const char *
step_lines_add(struct step_lines *s, const char *line, size_t n, size_t *len)
{
	struct text *w = &s->waiting;
	size_t lines = count_lines(w->bytes, w->n), drop;

	drop = lines + 1 > s->max ? line_start(w, lines + 1 - s->max) : 0;
	while (drop < w->n && w->n - drop + n > s->room) {
		const char *end = memchr(w->bytes + drop, '\n', w->n - drop);

		drop = end ? (size_t)(end + 1 - w->bytes) : w->n;
	}
	set(w, w->bytes + drop, w->n - drop);
	append(w, line, n, s->room);
	set(&s->original, w->bytes, w->n);
	*len = s->original.n;
	return s->original.bytes;
}

void
step_lines_replace(struct step_lines *s, const char *text, size_t n)
{
	s->waiting.n = 0;
	append(&s->waiting, text, n, s->room);
}

/* Takes out the first of the lines from *from on that is this one; they are those of the match. */
static void
give_back(struct step_lines *s, size_t *from, const char *line, size_t n)
{
	struct text *t = &s->taken;

	for (size_t at = *from; at < t->n;) {
		const char *end = memchr(t->bytes + at, '\n', t->n - at);
		size_t len = (end ? (size_t)(end - t->bytes) : t->n) - at;

		if (len == n && !memcmp(t->bytes + at, line, n)) {
			size_t whole = len + (end != NULL);

			append(&s->waiting, t->bytes + at, whole, s->room);
			memmove(t->bytes + at, t->bytes + at + whole, t->n - at - whole);
			t->n -= whole;
			*from = at;
			return;
		}
		at += len + (end != NULL);
	}
}

/* Each line that a group of passed-over lines holds. */
static void
give_back_all(struct step_lines *s, const struct step_match *m)
{
	size_t from = 0;

	for (size_t i = 0; i < m->n_skips; i++) {
		const char *p = m->skips[i].text, *end = p + m->skips[i].len;

		while (p && p < end) {
			const char *newline = memchr(p, '\n', end - p);

			give_back(s, &from, p, (newline ? newline : end) - p);
			p = newline ? newline + 1 : end;
		}
	}
}

void
step_lines_take(struct step_lines *s, const char *text, const struct step_match *m)
{
	size_t start = m->start, end = m->end, first, behind;
	struct text *o = &s->original;

	/* From the start of the line that the match begins in to the end of the one it ends in. A
	 * match that begins with a newline begins in the line behind it. */
	first = count_lines(text, text[start] == '\n' ? start + 1 : start);
	behind = end ? count_lines(text, end - 1) + 1 : SIZE_MAX;
	if (count_lines(o->bytes, o->n) <= 1) {
		set(&s->taken, o->bytes, o->n);
		s->waiting.n = 0;
		return;
	}
	set(&s->taken, o->bytes + line_start(o, first),
	    behind > first ? line_start(o, behind) - line_start(o, first) : 0);
	set(&s->waiting, o->bytes, line_start(o, first));
	give_back_all(s, m);
	append(
	    &s->waiting, o->bytes + line_start(o, behind), o->n - line_start(o, behind), s->room);
}

const char *
step_lines_taken(const struct step_lines *s, size_t *n)
{
	*n = s->taken.n;
	return s->taken.bytes;
}
