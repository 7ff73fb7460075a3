/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf/fail2ban_regex_parts.h"

#define UNICODE_MAX 0x10ffff

struct ascii_class {
	char letter;
	const char *set;
};

static const struct ascii_class ascii_classes[] = {
    {'d', "0-9"},
    {'D', "\\x{0}-/:-\\x{10ffff}"},
    {'w', "0-9A-Za-z_"},
    {'W', "\\x{0}-/:-@\\[-\\^`{-\\x{10ffff}"},
    {'s', "\\t-\\r "},
    {'S', "\\x{0}-\\x{8}\\x{e}-\\x{1f}!-\\x{10ffff}"},
};

const char *
regex_ascii_class(char letter)
{
	for (size_t i = 0; i < sizeof(ascii_classes) / sizeof(*ascii_classes); i++) {
		if (ascii_classes[i].letter == letter)
			return ascii_classes[i].set;
	}
	return NULL;
}

uint32_t
regex_char(struct regex_run *t)
{
	const unsigned char *s = (const unsigned char *)t->text + t->at;
	unsigned more = *s < 0x80 ? 0 : *s >= 0xf0 ? 3 : *s >= 0xe0 ? 2 : *s >= 0xc2 ? 1 : 4;
	uint32_t c = more == 0 ? *s : *s & (0x3fu >> more);

	if (more == 4 || t->n - t->at <= more)
		return UINT32_MAX;
	for (unsigned i = 1; i <= more; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return UINT32_MAX;
		c = c << 6 | (s[i] & 0x3fu);
	}
	if (c > UNICODE_MAX || (c >= 0xd800 && c < 0xe000))
		return UINT32_MAX;
	t->at += more + 1;
	return c;
}

static void
put_utf8(struct strbuf *out, uint32_t c)
{
	char text[4] = {(char)(0xf0 | c >> 18), (char)(0x80 | (c >> 12 & 0x3f)),
	    (char)(0x80 | (c >> 6 & 0x3f)), (char)(0x80 | (c & 0x3f))};
	size_t skip = c >= 0x10000 ? 0 : c >= 0x800 ? 1 : 2;

	if (skip == 1)
		text[1] = (char)(0xe0 | c >> 12);
	else if (skip == 2)
		text[2] = (char)(0xc0 | c >> 6);
	strbuf_add(out, text + skip, sizeof(text) - skip);
}

/* Characters that YAML's single quotes, or people's eyes, do not keep. */
static bool
is_odd(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c <= 0xa0) || c == 0x2028 || c == 0x2029 || c == 0xfeff ||
	       (c & 0xfffe) == 0xfffe;
}

void
regex_put_char(struct regex_run *t, uint32_t c, bool in_set)
{
	const char *special = in_set ? "\\]^-[" : "\\^$.[|()?*+{";
	const char escaped[2] = {'\\', (char)c};
	size_t plain = c >= 0x80 || !strchr(special, (int)c);

	if (c == '\n')
		strbuf_puts(&t->out, "\\n");
	else if (c == '\t')
		strbuf_puts(&t->out, "\\t");
	else if (is_odd(c))
		strbuf_printf(&t->out, "\\x{%x}", c);
	else if (c >= 0x80)
		put_utf8(&t->out, c);
	else if (t->as.date && c == '%')
		strbuf_puts(&t->out, "%%");
	else
		strbuf_add(&t->out, escaped + plain, 2 - plain);
}

static int
put_hex(struct regex_run *t, unsigned digits, uint32_t *c)
{
	char number[9] = "";

	for (unsigned i = 0; i < digits; i++) {
		char x = t->at + 1 + i < t->n ? t->text[t->at + 1 + i] : '\0';

		if (!isxdigit((unsigned char)x))
			return regex_fail(t, t->at - 1, "\\%c without %u hexadecimal digits",
			    t->text[t->at], digits);
		number[i] = x;
	}
	*c = (uint32_t)strtoul(number, NULL, 16);
	t->at += 1 + digits;
	if (*c > UNICODE_MAX || (*c >= 0xd800 && *c < 0xe000))
		return regex_fail(t, t->at - digits - 2, "a character that is none: U+%X", *c);
	return 0;
}

/* \0, \12 in a class, \123: three octal digits at most. */
static int
octal(struct regex_run *t, uint32_t *c)
{
	size_t start = t->at;

	*c = 0;
	while (t->at < t->n && t->at < start + 3 && t->text[t->at] >= '0' && t->text[t->at] <= '7')
		*c = *c * 8 + (uint32_t)(t->text[t->at++] - '0');
	if (*c > 0377)
		return regex_fail(t, start - 1, "an octal escape above \\377");
	return 0;
}

static bool
is_octal(const struct regex_run *t, bool in_set)
{
	const char *s = t->text + t->at;

	if (*s == '0' || (in_set && *s >= '0' && *s <= '7'))
		return true;
	return t->n - t->at >= 3 && *s >= '0' && *s <= '3' && s[1] >= '0' && s[1] <= '7' &&
	       s[2] >= '0' && s[2] <= '7';
}

int
regex_char_escape(struct regex_run *t, bool in_set, uint32_t *c)
{
	static const char letters[] = "abfnrtv", meant[] = "\a\b\f\n\r\t\v";
	char x = t->at < t->n ? t->text[t->at] : '\0';
	const char *found = x ? strchr(letters, x) : NULL;

	if (t->at >= t->n)
		return regex_fail(t, t->at - 1, "a backslash at the end");
	if (x == 'x' || x == 'u' || x == 'U')
		return put_hex(t, x == 'x' ? 2 : x == 'u' ? 4 : 8, c);
	if (found && (x != 'b' || in_set)) {
		*c = (unsigned char)meant[found - letters];
		t->at++;
		return 0;
	}
	if (isdigit((unsigned char)x) && is_octal(t, in_set))
		return octal(t, c);
	if (isalnum((unsigned char)x))
		return 1;
	*c = regex_char(t);
	return *c == UINT32_MAX ? regex_fail(t, t->at, "a text that is not UTF-8") : 0;
}

/* One character or class of a set. *kind: '\0' for a character, else the letter of the class. */
static int
set_item(struct regex_run *t, uint32_t *c, char *kind)
{
	size_t start = t->at;
	int r;

	*kind = '\0';
	if (t->as.date && t->text[t->at] == '%') {
		if (t->n - t->at < 2 || t->text[t->at + 1] != '%')
			return regex_fail(t, start, "a %%-field of a date in a class");
		t->at++;
	}
	if (t->text[t->at] != '\\') {
		*c = regex_char(t);
		return *c == UINT32_MAX ? regex_fail(t, start, "a text that is not UTF-8") : 0;
	}
	t->at++;
	r = regex_char_escape(t, true, c);
	if (r <= 0)
		return r;
	*kind = t->text[t->at++];
	if (regex_ascii_class(*kind))
		return 0;
	return *kind == 'N' ? regex_fail(t, start, "\\N{...}, a character by its name")
			    : regex_fail(t, start, "\\%c in a class", *kind);
}

static void
put_item(struct regex_run *t, uint32_t c, char kind)
{
	if (!kind)
		regex_put_char(t, c, true);
	else if (t->flags & FLAG_ASCII)
		strbuf_puts(&t->out, regex_ascii_class(kind));
	else
		strbuf_printf(&t->out, "\\%c", kind);
}

/* True when a range's dash stands at t->at. */
static bool
at_dash(const struct regex_run *t)
{
	return t->n - t->at >= 2 && t->text[t->at] == '-' && t->text[t->at + 1] != ']';
}

int
regex_class(struct regex_run *t)
{
	size_t start = t->at - 1;
	bool first = true;

	strbuf_puts(&t->out, "[");
	if (t->at < t->n && t->text[t->at] == '^') {
		strbuf_puts(&t->out, "^");
		t->at++;
	}
	for (; t->at < t->n && (first || t->text[t->at] != ']'); first = false) {
		size_t item = t->at;
		uint32_t low, high;
		char kind, kind_high;
		int r = set_item(t, &low, &kind);

		if (r < 0)
			return r;
		put_item(t, low, kind);
		if (!at_dash(t))
			continue;
		t->at++;
		r = set_item(t, &high, &kind_high);
		if (r < 0)
			return r;
		if (kind || kind_high || low > high)
			return regex_fail(t, item, "a bad range in a class");
		strbuf_puts(&t->out, "-");
		put_item(t, high, '\0');
	}
	if (t->at >= t->n)
		return regex_fail(t, start, "a class without its ]");
	t->at++;
	strbuf_puts(&t->out, "]");
	return 0;
}
