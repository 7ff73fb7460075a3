/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#include "conf/fail2ban_load.h"

#define NESTED_MAX 20 /* parentheses in each other */

static bool
is_one_of(const char *text, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcasecmp(text, words[i]) == 0)
			return true;
	return false;
}

bool
f2b_is_true(const char *text)
{
	static const char *const words[] = {"1", "on", "true", "yes"};

	return is_one_of(text, words, 4);
}

bool
f2b_is_false(const char *text)
{
	static const char *const words[] = {"", "0", "off", "false", "no"};

	return is_one_of(text, words, 5);
}

static void
split(struct arena *a, const char *text, const char *between, struct list *out)
{
	for (const char *p = text; *p;) {
		size_t n = strcspn(p, between), from = 0, to = n;

		while (from < to && ini_is_space(p[from]))
			from++;
		while (to > from && ini_is_space(p[to - 1]))
			to--;
		if (to > from)
			*(const char **)list_add(a, out, sizeof(p)) =
			    arena_dup(a, p + from, to - from);
		p += n;
		p += *p != '\0';
	}
}

void
f2b_words(struct arena *a, const char *text, struct list *words)
{
	split(a, text, " ,\n", words);
}

void
f2b_lines(struct arena *a, const char *text, struct list *lines)
{
	split(a, text, "\n", lines);
}

/* --- times --- */

/* One unit by its letters, which may be cut short. */
static double
unit_seconds(const char *word, size_t n)
{
	static const struct {
		const char *words; /* each between blanks */
		double seconds;
	} units[] = {
	    {" d da dd day days ", 86400},
	    {" w ww we wee week weeks ", 7 * 86400},
	    {" mo mon month months ", (365 * 3 + 366) * 86400 / 4.0 / 12},
	    {" y yy ye yea year years ", (365 * 3 + 366) * 86400 / 4.0},
	    {" s ss se sec second seconds ", 1},
	    {" m mm mi min minute minutes ", 60},
	    {" h hh ho hou hour hours ", 3600},
	};
	char padded[16];

	if (n + 3 > sizeof(padded))
		return 0;
	padded[0] = ' ';
	for (size_t i = 0; i < n; i++)
		padded[i + 1] = (char)(word[i] | 0x20);
	memcpy(padded + n + 1, " ", 2);
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (strstr(units[i].words, padded))
			return units[i].seconds;
	return 0;
}

struct sum {
	const char *p;
	unsigned depth;
	bool wrong;
};

static void
skip(struct sum *s)
{
	while (ini_is_space(*s->p))
		s->p++;
}

static bool
is_letter(char c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static double sum_of(struct sum *s);

/* A number, with a unit or without, or something in parentheses. */
static double
atom(struct sum *s)
{
	double v = 0, unit;
	size_t n = 0;

	skip(s);
	if (*s->p == '(' && s->depth < NESTED_MAX) {
		s->p++;
		s->depth++;
		v = sum_of(s);
		s->depth--;
		skip(s);
		s->wrong |= *s->p != ')';
		s->p += *s->p == ')';
		return v;
	}
	if ((*s->p < '0' || *s->p > '9') && *s->p != '.') {
		s->wrong = true;
		return 0;
	}
	for (; *s->p >= '0' && *s->p <= '9'; s->p++)
		v = v * 10 + (*s->p - '0');
	if (*s->p == '.') {
		double part = 0.1;

		for (s->p++; *s->p >= '0' && *s->p <= '9'; s->p++, part /= 10)
			v += (*s->p - '0') * part;
	}
	for (const char *p = s->p; ini_is_space(*p) || is_letter(*p); p++)
		if (is_letter(*p)) {
			s->p = p;
			break;
		}
	while (is_letter(s->p[n]))
		n++;
	if (n == 0)
		return v;
	unit = unit_seconds(s->p, n);
	s->wrong |= unit <= 0;
	s->p += n;
	return v * unit;
}

static double
signed_atom(struct sum *s)
{
	bool minus = false;

	for (skip(s); *s->p == '-' || *s->p == '+'; s->p++, skip(s))
		minus ^= *s->p == '-';
	return minus ? -atom(s) : atom(s);
}

static double
product(struct sum *s)
{
	double v = signed_atom(s);

	for (skip(s); *s->p == '*' || *s->p == '/'; skip(s)) {
		bool divide = *s->p++ == '/';
		double w;

		if (*s->p == '*' || *s->p == '/') {
			s->wrong = true;
			return 0;
		}
		w = signed_atom(s);
		s->wrong |= divide && w == 0;
		v = !divide ? v * w : w != 0 ? v / w : 0;
	}
	return v;
}

/* What stands behind a number without an operator is added. */
static double
sum_of(struct sum *s)
{
	double v = product(s);

	for (skip(s); !s->wrong && *s->p && *s->p != ')'; skip(s)) {
		bool minus = *s->p == '-';

		if (*s->p == '-' || *s->p == '+')
			s->p++;
		v += minus ? -product(s) : product(s);
	}
	return v;
}

int
f2b_seconds(const char *text, double *out)
{
	struct sum s = {.p = text};
	double v = sum_of(&s);

	if (s.wrong || *s.p || !isfinite(v))
		return -EINVAL;
	*out = v;
	return 0;
}

/* --- NAME[option=value, ...] --- */

static bool
is_option_char(char c)
{
	return is_letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' ||
	       (unsigned char)c >= 0x80;
}

static const char *
skip_space(const char *p)
{
	while (ini_is_space(*p))
		p++;
	return p;
}

/* The value at p: its bounds, and where it ends. A quote that is not closed is a letter. */
static const char *
option_value(const char *p, const char **value, size_t *n)
{
	const char *close = *p == '"' || *p == '\'' ? strchr(p + 1, *p) : NULL;

	if (close) {
		*value = p + 1;
		*n = (size_t)(close - p) - 1;
		return close + 1;
	}
	*value = p;
	*n = strcspn(p, ",]");
	return p + *n;
}

/* Behind a value: a comma, another group, or the end. NULL: none of these. */
static const char *
option_end(const char *p)
{
	const char *q;

	if (*p == ',')
		return p + 1;
	if (*p == ']') {
		q = skip_space(p + 1);
		return *q == '[' ? q + 1 : NULL;
	}
	return *p ? NULL : p;
}

static int
take_options(struct arena *a, const char *text, const struct f2b_value *at, struct list *out,
    const char **why)
{
	const char *p = text;

	for (;;) {
		const char *name = skip_space(p), *value, *end;
		struct f2b_option *o;
		size_t n = 0, len;

		if (!*name || (*name == ',' && !*skip_space(name + 1)))
			return 0;
		while (is_option_char(name[n]))
			n++;
		if (n == 0 || name[n] != '=') {
			*why = arena_printf(a, "an option was expected at \"%.25s\"", name);
			return -EINVAL;
		}
		end = option_value(name + n + 1, &value, &len);
		p = option_end(end);
		if (!p) {
			*why = arena_printf(a, "behind option %.*s: \"%.25s\"", (int)n, name, end);
			return -EINVAL;
		}
		while (len > 0 && ini_is_space(*value)) {
			value++;
			len--;
		}
		while (len > 0 && ini_is_space(value[len - 1]))
			len--;
		o = list_add(a, out, sizeof(*o));
		o->name = arena_dup(a, name, n);
		o->value = (struct f2b_value){arena_dup(a, value, len), at->file, at->line};
	}
}

int
f2b_split_options(struct arena *a, const struct f2b_value *text, const char **name,
    struct list *options, const char **why)
{
	size_t n = strcspn(text->text, "["), end = strlen(text->text);

	*why = "";
	*name = "";
	while (end > n && ini_is_space(text->text[end - 1]))
		end--;
	if (n == 0) {
		*why = "it has no name";
		return -EINVAL;
	}
	*name = arena_dup(a, text->text, n);
	if (n == end)
		return 0;
	if (text->text[end - 1] != ']') {
		*why = "'[' is not closed";
		return -EINVAL;
	}
	return take_options(a, arena_dup(a, text->text + n + 1, end - n - 2), text, options, why);
}

/* The end of "[...]" with what may stand in quotes; the end of the text when it is not closed. */
static const char *
behind_brackets(const char *p)
{
	for (p++; *p && *p != ']'; p++) {
		const char *close;

		if ((*p == '"' || *p == '\'') && p[-1] == '=' &&
		    (close = strchr(p + 1, *p)) != NULL)
			p = close;
	}
	return *p ? p + 1 : p;
}

void
f2b_split_list(struct arena *a, const char *text, struct list *items)
{
	const char *p = skip_space(text);

	while (*p) {
		const char *start = p, *q;

		while (*p && !ini_is_space(*p) && *p != '[')
			p++;
		for (q = skip_space(p); *q == '['; q = skip_space(p))
			p = behind_brackets(q);
		if (p == start)
			break;
		*(const char **)list_add(a, items, sizeof(p)) =
		    arena_dup(a, start, (size_t)(p - start));
		p = skip_space(p);
	}
}
