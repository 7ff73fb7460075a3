/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/out_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *
clean_copy(const char *text)
{
	char *copy = strdup(text ? text : "");

	if (!copy)
		abort();
	for (char *p = copy; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	return copy;
}

static void
grow(struct out_table *t)
{
	if ((t->rows + 1) * t->columns <= t->room)
		return;
	t->room = t->room ? t->room * 2 : 64 * t->columns;
	t->cells = reallocarray(t->cells, t->room, sizeof(*t->cells));
	t->colours = reallocarray(t->colours, t->room, 1);
	if (!t->cells || !t->colours)
		abort();
}

void
out_table_init(struct out_table *t, unsigned right, const char *const *heads)
{
	memset(t, 0, sizeof(*t));
	t->right = right;
	while (heads[t->columns] && t->columns < OUT_COLUMNS)
		t->columns++;
	grow(t);
	for (size_t i = 0; i < t->columns; i++)
		t->cells[i] = clean_copy(heads[i]);
	memset(t->colours, 0, t->columns);
	t->rows = 1;
}

void
out_table_fini(struct out_table *t)
{
	for (size_t i = 0; i < t->rows * t->columns; i++)
		free(t->cells[i]);
	free(t->cells);
	free(t->colours);
	memset(t, 0, sizeof(*t));
}

void
out_table_row(struct out_table *t, ...)
{
	va_list ap;

	grow(t);
	va_start(ap, t);
	for (size_t i = 0; i < t->columns; i++)
		t->cells[t->rows * t->columns + i] = clean_copy(va_arg(ap, const char *));
	va_end(ap);
	memset(t->colours + t->rows * t->columns, 0, t->columns);
	t->rows++;
}

void
out_table_colour(struct out_table *t, size_t column, char kind)
{
	t->colours[(t->rows - 1) * t->columns + column] = kind;
}

/* Characters of a UTF-8 text: continuation bytes take no column. */
static int
width_of(const char *text)
{
	int w = 0;

	for (; *text; text++)
		w += ((unsigned char)*text & 0xc0) != 0x80;
	return w;
}

static void
print_row(const struct out_table *t, size_t row, const int *width)
{
	char *const *cells = t->cells + row * t->columns;

	for (size_t c = 0; c < t->columns; c++) {
		int pad = width[c] - width_of(cells[c]);
		char colour = t->colours[row * t->columns + c];
		const char *on = colour ? out_style(colour) : "",
			   *off = colour ? out_style('-') : "";
		bool last = c + 1 == t->columns;

		if (t->right >> c & 1)
			printf("%*s%s%s%s", pad, "", on, cells[c], off);
		else
			printf("%s%s%s%*s", on, cells[c], off, last ? 0 : pad, "");
		fputs(last ? "" : "  ", stdout);
	}
}

void
out_table_print(const struct out_table *t)
{
	int width[OUT_COLUMNS] = {0};

	for (size_t i = 0; i < t->rows * t->columns; i++) {
		int w = width_of(t->cells[i]);

		if (w > width[i % t->columns])
			width[i % t->columns] = w;
	}
	for (size_t r = 0; r < t->rows; r++) {
		fputs(r == 0 ? out_style('b') : "", stdout);
		print_row(t, r, width);
		fputs(r == 0 ? out_style('-') : "", stdout);
		fputs("\n", stdout);
	}
}

const char *
out_style(char kind)
{
	if (!isatty(STDOUT_FILENO) || getenv("NO_COLOR"))
		return "";
	switch (kind) {
	case 'b':
		return "\033[1m";
	case 'r':
		return "\033[31m";
	case 'y':
		return "\033[33m";
	case 'g':
		return "\033[32m";
	default:
		return "\033[0m";
	}
}

const char *
out_str(json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

int64_t
out_int(json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

const char *
out_count(int64_t n, char buf[static 32])
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%lld", (long long)n), at = 0;

	for (int i = 0; i < len; i++) {
		buf[at++] = digits[i];
		if ((len - i - 1) % 3 == 0 && i + 1 < len && digits[i] != '-')
			buf[at++] = ',';
	}
	buf[at] = '\0';
	return buf;
}

const char *
out_bytes(int64_t n, char buf[static 32])
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
	double v = (double)n;
	size_t u = 0;

	while (v >= 1000 && u + 1 < sizeof(units) / sizeof(*units)) {
		v /= 1000;
		u++;
	}
	snprintf(buf, 32, u ? "%.1f %s" : "%.0f %s", v, units[u]);
	return buf;
}
