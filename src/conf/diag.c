/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf/diag.h"

#include <stdarg.h>
#include <string.h>

#define SHOWN_WIDTH  110 /* characters of a line around the caret */
#define GUESS_LENGTH 40  /* longer words get no guess */

/* Errors of one file stand together, from its beginning to its end, whenever they were found. */
static size_t
find_room(const struct diag *d, const struct place *at)
{
	size_t i = d->n_shown;

	for (size_t j = 0; j < d->n_shown; j++) {
		const struct place *p = &d->shown[j].place;

		if (strcmp(p->file, at->file))
			continue;
		if (p->line > at->line || (p->line == at->line && p->column > at->column))
			return j;
		i = j + 1;
	}
	return i;
}

static void
diag_add(struct diag *d, struct place at, bool warning, const char *fmt, va_list ap)
{
	_cleanup_(freep) char *text = NULL;
	size_t room;
	int n;

	if (warning)
		d->warnings++;
	else
		d->errors++;
	if (d->n_shown == DIAG_SHOWN)
		return;
	n = vasprintf(&text, fmt, ap);
	if (n < 0)
		abort();
	room = find_room(d, &at);
	memmove(&d->shown[room + 1], &d->shown[room], (d->n_shown - room) * sizeof(d->shown[0]));
	d->n_shown++;
	d->shown[room] = (struct diag_entry){at, warning, arena_dup(d->arena, text, (size_t)n)};
}

void
diag_error(struct diag *d, struct place at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	diag_add(d, at, false, fmt, ap);
	va_end(ap);
}

void
diag_warn(struct diag *d, struct place at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	diag_add(d, at, true, fmt, ap);
	va_end(ap);
}

static bool
is_continuation(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* Byte index of the given character (from 0) of a line, at most its length. */
static size_t
char_offset(const char *text, size_t len, size_t index)
{
	size_t i = 0;

	while (i < len && index > 0) {
		i++;
		while (i < len && is_continuation(text[i]))
			i++;
		index--;
	}
	return i;
}

/* A terminal must not be driven by what a file holds. */
static void
put_clean(FILE *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '\t')
			fputc(' ', out);
		else
			fputc(c < 0x20 || c == 0x7f ? '?' : c, out);
	}
}

static void
print_caret(FILE *out, const struct place *at)
{
	size_t column = at->column - 1, from = 0, start, end;

	if (column > SHOWN_WIDTH * 2 / 3)
		from = column - SHOWN_WIDTH * 2 / 3;
	start = char_offset(at->text, at->len, from);
	end = char_offset(at->text, at->len, from + SHOWN_WIDTH);
	fprintf(out, "  %s", from ? "..." : "");
	put_clean(out, at->text + start, end - start);
	fprintf(out, "%s\n  %*s^\n", end < at->len ? "..." : "",
	    (int)(column - from + (from ? 3 : 0)), "");
}

static void
print_entry(FILE *out, const struct diag_entry *e)
{
	const char *kind = e->warning ? "warning" : "error";

	put_clean(out, e->place.file, strlen(e->place.file));
	if (e->place.line)
		fprintf(out, ":%u:%u", e->place.line, e->place.column);
	fprintf(out, ": %s: ", kind);
	put_clean(out, e->message, strlen(e->message));
	fputc('\n', out);
	if (e->place.line && e->place.text)
		print_caret(out, &e->place);
}

void
diag_print(const struct diag *d, FILE *out)
{
	size_t all = d->errors + d->warnings;

	for (size_t i = 0; i < d->n_shown; i++)
		print_entry(out, &d->shown[i]);
	if (all > d->n_shown)
		fprintf(out, "and %zu more\n", all - d->n_shown);
}

static unsigned
least(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* Edits (insert, delete, replace, swap of neighbours) from a to b, both at most GUESS_LENGTH bytes.
 */
static unsigned
edit_distance(const char *a, const char *b)
{
	unsigned rows[3][GUESS_LENGTH + 1];
	size_t na = strlen(a), nb = strlen(b);

	for (size_t j = 0; j <= nb; j++)
		rows[0][j] = (unsigned)j;
	for (size_t i = 1; i <= na; i++) {
		unsigned *row = rows[i % 3], *up = rows[(i + 2) % 3], *upup = rows[(i + 1) % 3];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= nb; j++) {
			unsigned differ = lower(a[i - 1]) != lower(b[j - 1]);

			row[j] = least(up[j] + 1, row[j - 1] + 1, up[j - 1] + differ);
			if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
			    lower(a[i - 2]) == lower(b[j - 1]))
				row[j] = least(row[j], row[j], upup[j - 2] + 1);
		}
	}
	return rows[na % 3][nb];
}

void
guess_try(struct guess *g, const char *candidate)
{
	size_t n = strlen(g->word), m = strlen(candidate);
	unsigned distance, limit;

	if (!n || !m || n > GUESS_LENGTH || m > GUESS_LENGTH)
		return;
	distance = edit_distance(g->word, candidate);
	limit = (unsigned)(n < 3 ? 1 : n < 6 ? 2 : n / 3);
	if (distance > limit || distance >= m || (g->best && distance >= g->distance))
		return;
	g->best = candidate;
	g->distance = distance;
}

const char *
guess_text(const struct guess *g, struct arena *a)
{
	return g->best ? arena_printf(a, "; did you mean '%s'?", g->best) : "";
}
