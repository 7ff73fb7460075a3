/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf/fail2ban_regex.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "conf/fail2ban_date.h"
#include "conf/fail2ban_regex_group.h"

#define REPEAT_MAX 65535 /* of PCRE2 */

/* What the thing in front of a * is. */
enum before {
	BEFORE_NOTHING,
	BEFORE_ANCHOR,
	BEFORE_REPEAT,
	BEFORE_ITEM,
};

struct flag_letter {
	char letter;
	enum regex_flag flag;
};

static const struct flag_letter flag_letters[] = {
    {'i', FLAG_CASELESS},
    {'m', FLAG_MULTILINE},
    {'s', FLAG_DOTALL},
    {'x', FLAG_VERBOSE},
    {'a', FLAG_ASCII},
    {'u', FLAG_NOTHING},
    {'L', FLAG_NOTHING},
};

#define KEPT_FLAGS 3 /* of the table: those that PCRE2 is told */

static int alternatives(struct regex_run *t, unsigned most);

int
regex_fail(struct regex_run *t, size_t at, const char *fmt, ...)
{
	_cleanup_(strbuf_fini) struct strbuf text = {0};
	va_list ap;

	if (t->result->why)
		return -EINVAL;
	va_start(ap, fmt);
	strbuf_vprintf(&text, fmt, ap);
	va_end(ap);
	t->result->why = arena_dup(t->arena, text.text, text.len);
	t->result->at = at;
	return -EINVAL;
}

static bool
is_at(const struct regex_run *t, const char *text)
{
	size_t n = strlen(text);

	return t->n - t->at >= n && memcmp(t->text + t->at, text, n) == 0;
}

static bool
take(struct regex_run *t, const char *text)
{
	if (!is_at(t, text))
		return false;
	t->at += strlen(text);
	return true;
}

/* --- flags --- */

static int
read_flags(struct regex_run *t, unsigned *flags)
{
	size_t start = t->at;

	*flags = 0;
	while (t->at < t->n && isalpha((unsigned char)t->text[t->at])) {
		size_t i = 0, n = sizeof(flag_letters) / sizeof(*flag_letters);

		while (i < n && flag_letters[i].letter != t->text[t->at])
			i++;
		if (i == n)
			return regex_fail(t, start - 2, "(?%c", t->text[t->at]);
		*flags |= flag_letters[i].flag;
		t->at++;
	}
	return 0;
}

static const char *
flag_text(struct arena *a, unsigned flags)
{
	char text[KEPT_FLAGS + 1] = "";
	size_t n = 0;

	for (size_t i = 0; i < KEPT_FLAGS; i++) {
		if (flags & flag_letters[i].flag)
			text[n++] = flag_letters[i].letter;
	}
	return arena_dup(a, text, n);
}

/* (?i): of the whole, wherever it stands. Those that change how the text is read begin it anew. */
static int
whole_flags(struct regex_run *t, size_t at, unsigned flags)
{
	unsigned added = flags & ~t->global;

	t->global |= flags;
	if (at > 0 && t->out.len)
		t->result->late_flags = true;
	return added & (FLAG_VERBOSE | FLAG_ASCII) ? -EAGAIN : 0;
}

/* (?i-s:...): t->at is behind "(?". */
static int
flag_group(struct regex_run *t, size_t at, enum before *before)
{
	unsigned on, off = 0, outside = t->flags;
	int r = read_flags(t, &on);

	if (r < 0)
		return r;
	if (take(t, ")") && on)
		return whole_flags(t, at, on);
	if (take(t, "-"))
		r = read_flags(t, &off);
	if (r < 0)
		return r;
	if (!take(t, ":"))
		return regex_fail(t, at, "(?%c", t->at < t->n ? t->text[t->at] : ' ');
	strbuf_printf(&t->out, "(?%s", flag_text(t->arena, on));
	if (*flag_text(t->arena, off))
		strbuf_printf(&t->out, "-%s", flag_text(t->arena, off));
	strbuf_puts(&t->out, ":");
	t->flags = (t->flags | on) & ~off;
	/* u is the opposite of a. */
	if (on & FLAG_NOTHING)
		t->flags &= ~(unsigned)FLAG_ASCII;
	r = alternatives(t, 0);
	t->flags = outside;
	if (r == 0 && !take(t, ")"))
		return regex_fail(t, at, "a ( without its )");
	strbuf_puts(&t->out, ")");
	*before = BEFORE_ITEM;
	return r;
}

/* --- groups --- */

/* What is in a group, and its end. */
static int
inside(struct regex_run *t, size_t at, unsigned most)
{
	unsigned outside = t->flags;
	int r = alternatives(t, most);

	t->flags = outside;
	if (r == 0 && !take(t, ")"))
		r = regex_fail(t, at, "a ( without its )");
	return r;
}

static int
capture(struct regex_run *t, size_t at, const char *name)
{
	int index = regex_group_open(t, at, name);
	int r = index < 0 ? index : inside(t, at, 0);

	if (r == 0)
		regex_group_close(t, index);
	return r;
}

/* Groups that take over what opens them. */
static int
plain(struct regex_run *t, size_t at, const char *open)
{
	int r;

	strbuf_puts(&t->out, open);
	r = inside(t, at, 0);
	strbuf_puts(&t->out, ")");
	return r;
}

static int
python_group(struct regex_run *t, size_t at)
{
	const char *name;

	if (take(t, "<")) {
		name = regex_group_read_name(t, '>');
		return name ? capture(t, at, name) : -EINVAL;
	}
	if (take(t, "=")) {
		name = regex_group_read_name(t, ')');
		return name ? regex_group_refer(t, at, name) : -EINVAL;
	}
	return regex_fail(t, at, "(?P%.*s", t->at < t->n, t->text + t->at);
}

static int
condition(struct regex_run *t, size_t at)
{
	int r = regex_group_condition(t);

	if (r < 0)
		return r;
	r = inside(t, at, 2);
	strbuf_puts(&t->out, ")");
	return r;
}

static int
comment(struct regex_run *t, size_t at)
{
	const char *end = memchr(t->text + t->at, ')', t->n - t->at);

	if (!end)
		return regex_fail(t, at, "a comment without its )");
	t->at = (size_t)(end - t->text) + 1;
	return 0;
}

static int
group(struct regex_run *t, enum before *before)
{
	static const char *const opens[] = {"(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>"};
	size_t at = t->at;

	for (size_t i = 0; i < sizeof(opens) / sizeof(*opens); i++) {
		if (take(t, opens[i])) {
			*before = BEFORE_ITEM;
			return plain(t, at, opens[i]);
		}
	}
	if (take(t, "(?#"))
		return comment(t, at);
	if (is_at(t, "(?") && !is_at(t, "(?P") && !is_at(t, "(?(")) {
		t->at += 2;
		return flag_group(t, at, before);
	}
	*before = BEFORE_ITEM;
	if (take(t, "(?P"))
		return python_group(t, at);
	if (take(t, "(?("))
		return condition(t, at);
	t->at++;
	return capture(t, at, NULL);
}

/* --- what stands alone --- */

/* \b where only ASCII counts. */
static const char *
ascii_boundary(char letter)
{
	return letter == 'b'
		   ? "(?:(?<=[0-9A-Za-z_])(?![0-9A-Za-z_])|(?<![0-9A-Za-z_])(?=[0-9A-Za-z_]))"
		   : "(?:(?<=[0-9A-Za-z_])(?=[0-9A-Za-z_])|(?<![0-9A-Za-z_])(?![0-9A-Za-z_]))";
}

static int
letter_escape(struct regex_run *t, size_t at, enum before *before)
{
	char x = t->text[t->at];

	if (isdigit((unsigned char)x))
		return regex_group_refer_number(t);
	t->at++;
	if (regex_ascii_class(x) && t->flags & FLAG_ASCII) {
		strbuf_printf(&t->out, "[%s]", regex_ascii_class(x));
		return 0;
	}
	if (regex_ascii_class(x)) {
		strbuf_printf(&t->out, "\\%c", x);
		return 0;
	}
	*before = BEFORE_ANCHOR;
	if ((x == 'b' || x == 'B') && t->flags & FLAG_ASCII)
		strbuf_puts(&t->out, ascii_boundary(x));
	else if (x == 'b' || x == 'B' || x == 'A')
		strbuf_printf(&t->out, "\\%c", x);
	else if (x == 'Z')
		strbuf_puts(&t->out, "\\z");
	else
		return regex_fail(
		    t, at, x == 'N' ? "\\%c{...}, a character by its name" : "\\%c", x);
	return 0;
}

static int
escape(struct regex_run *t, enum before *before)
{
	size_t at = t->at++;
	uint32_t c;
	int r = regex_char_escape(t, false, &c);

	if (r < 0)
		return r;
	if (r > 0)
		return letter_escape(t, at, before);
	regex_put_char(t, c, false);
	return 0;
}

static int
literal(struct regex_run *t)
{
	size_t at = t->at;
	uint32_t c = regex_char(t);

	if (c == UINT32_MAX)
		return regex_fail(t, at, "a text that is not UTF-8");
	regex_put_char(t, c, false);
	return 0;
}

/* A %-field or a {word} of a template of dates. 1: there is none. */
static int
date_field(struct regex_run *t)
{
	struct f2b_date_field field;
	size_t n = f2b_date_field(t->text + t->at, &field);
	bool cut = t->as.cut_1 && t->groups.n == 0 && n && field.n_groups;
	int r = 0;

	if (n == 0 && t->text[t->at] == '%')
		return regex_fail(t, t->at, "%.2s in a date pattern", t->text + t->at);
	if (n == 0)
		return 1;
	strbuf_printf(&t->out, "%s%s%s", cut ? "(" : "", field.text, cut ? ")" : "");
	for (size_t i = 0; i < field.n_groups && r == 0; i++)
		r = regex_group_add(t, t->at, arena_dup(t->arena, field.groups + i, 1));
	t->at += n;
	return r;
}

/* --- repeats --- */

/* {2,5} at t->at. False: those are characters. */
static bool
read_braces(struct regex_run *t, unsigned long *min, unsigned long *max, bool *none)
{
	const char *s = t->text + t->at + 1, *low = s, *high;
	char *end;

	*min = isdigit((unsigned char)*s) ? strtoul(s, &end, 10) : 0;
	*none = false;
	while (isdigit((unsigned char)*s))
		s++;
	if (*s == ',') {
		high = ++s;
		*max = isdigit((unsigned char)*s) ? strtoul(s, &end, 10) : 0;
		while (isdigit((unsigned char)*s))
			s++;
		*none = s == high;
	} else if (s == low) {
		return false;
	} else {
		*max = *min;
	}
	if (*s != '}')
		return false;
	t->at = (size_t)(s - t->text) + 1;
	return true;
}

/* 1: no repeat. */
static int
repeat(struct regex_run *t, enum before *before)
{
	static const char *const what[] = {[BEFORE_NOTHING] = "nothing",
	    [BEFORE_ANCHOR] = "an anchor",
	    [BEFORE_REPEAT] = "a repeat"};
	unsigned long min = 0, max = 0;
	bool none = false, braces = t->text[t->at] == '{';
	size_t at = t->at;

	if (!strchr("*+?{", t->text[at]) || (braces && !read_braces(t, &min, &max, &none)))
		return 1;
	if (*before != BEFORE_ITEM)
		return regex_fail(t, at, "%s repeated", what[*before]);
	if (min > REPEAT_MAX || max > REPEAT_MAX)
		return regex_fail(t, at, "a repeat of more than %d", REPEAT_MAX);
	if (!none && max < min)
		return regex_fail(t, at, "a repeat from more to less");
	if (!braces)
		strbuf_add(&t->out, t->text + t->at++, 1);
	else if (none)
		strbuf_printf(&t->out, "{%lu,}", min);
	else if (max == min)
		strbuf_printf(&t->out, "{%lu}", min);
	else
		strbuf_printf(&t->out, "{%lu,%lu}", min, max);
	if (is_at(t, "?") || is_at(t, "+"))
		strbuf_add(&t->out, t->text + t->at++, 1);
	*before = BEFORE_REPEAT;
	return 0;
}

/* --- the whole --- */

static int
item(struct regex_run *t, enum before *before)
{
	char c = t->text[t->at];
	int r = t->as.date && (c == '%' || c == '{') ? date_field(t) : 1;

	if (r == 1)
		r = repeat(t, before);
	else
		*before = BEFORE_ITEM;
	if (r != 1)
		return r;
	if (c == '(')
		return group(t, before);
	*before = BEFORE_ITEM;
	if (c == '\\')
		return escape(t, before);
	if (c == '^' || c == '$')
		*before = BEFORE_ANCHOR;
	else if (c == '[')
		return t->at++, regex_class(t);
	else if (c != '.')
		return literal(t);
	strbuf_add(&t->out, t->text + t->at++, 1);
	return 0;
}

/* (?x): blanks and comments mean nothing. */
static bool
skip_blank(struct regex_run *t)
{
	const char *end;

	if (!(t->flags & FLAG_VERBOSE))
		return false;
	if (isspace((unsigned char)t->text[t->at])) {
		t->at++;
		return true;
	}
	if (t->text[t->at] != '#')
		return false;
	end = memchr(t->text + t->at, '\n', t->n - t->at);
	t->at = end ? (size_t)(end - t->text) + 1 : t->n;
	return true;
}

static int
sequence(struct regex_run *t)
{
	enum before before = BEFORE_NOTHING;

	while (t->at < t->n && t->text[t->at] != '|' && t->text[t->at] != ')') {
		int r = skip_blank(t) ? 0 : item(t, &before);

		if (r < 0)
			return r;
	}
	return 0;
}

/* most: of alternatives; 0: any number. */
static int
alternatives(struct regex_run *t, unsigned most)
{
	unsigned n = 1;
	int r;

	if (t->depth == F2B_REGEX_DEPTH)
		return regex_fail(t, t->at, "more than %d groups in each other", F2B_REGEX_DEPTH);
	t->depth++;
	r = sequence(t);
	while (r == 0 && take(t, "|")) {
		if (++n > most && most)
			return regex_fail(t, t->at - 1, "a condition of more than two branches");
		strbuf_puts(&t->out, "|");
		r = sequence(t);
	}
	t->depth--;
	return r;
}

int
f2b_regex(struct arena *a, const char *python, const struct f2b_regex_as *as, struct f2b_regex *out)
{
	struct regex_run t = {
	    .arena = a, .text = python, .n = strlen(python), .as = *as, .result = out};
	int r;

	memset(out, 0, sizeof(*out));
	do {
		t.at = t.depth = 0;
		t.flags = t.global;
		t.groups.n = 0;
		out->has = 0;
		strbuf_reset(&t.out);
		r = alternatives(&t, 0);
	} while (r == -EAGAIN);
	if (r == 0 && t.at < t.n)
		r = regex_fail(&t, t.at, "a ) without its (");
	out->text = r == 0 ? arena_dup(a, t.out.text ? t.out.text : "", t.out.len) : NULL;
	out->flags = flag_text(a, t.global);
	strbuf_fini(&t.out);
	return r;
}
