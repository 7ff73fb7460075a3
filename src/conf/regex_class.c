/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf/regex_class.h"

#include <errno.h>
#include <string.h>

static bool
is_lower(int c)
{
	return c >= 'a' && c <= 'z';
}

static bool
is_upper(int c)
{
	return c >= 'A' && c <= 'Z';
}

static bool
is_alpha(int c)
{
	return is_lower(c) || is_upper(c);
}

static bool
is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static bool
is_alnum(int c)
{
	return is_alpha(c) || is_digit(c);
}

static bool
is_word(int c)
{
	return is_alnum(c) || c == '_';
}

static bool
is_space(int c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool
is_blank(int c)
{
	return c == ' ' || c == '\t';
}

static bool
is_horizontal(int c)
{
	return is_blank(c) || c == 0xa0;
}

static bool
is_vertical(int c)
{
	return (c >= '\n' && c <= '\r') || c == 0x85;
}

static bool
is_newline(int c)
{
	return c == '\n';
}

static bool
is_ascii(int c)
{
	return c < 0x80;
}

static bool
is_cntrl(int c)
{
	return c < 0x20 || c == 0x7f;
}

static bool
is_graph(int c)
{
	return c > 0x20 && c < 0x7f;
}

static bool
is_print(int c)
{
	return c >= 0x20 && c < 0x7f;
}

static bool
is_punct(int c)
{
	return is_graph(c) && !is_alnum(c);
}

static bool
is_xdigit(int c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static void
add(uint64_t set[4], int c)
{
	set[c / 64] |= UINT64_C(1) << (c % 64);
}

static void
add_type(uint64_t set[4], bool (*is)(int c), bool want)
{
	for (int c = 0; c < 256; c++) {
		if (is(c) == want)
			add(set, c);
	}
}

void
class_byte(uint64_t set[4], unsigned char c, bool caseless)
{
	add(set, c);
	if (caseless && is_alpha(c))
		add(set, c ^ 0x20);
}

void
class_dot(uint64_t set[4], bool dot_all)
{
	if (dot_all)
		memset(set, 0xff, 32);
	else
		add_type(set, is_newline, false);
}

static const struct {
	char c;
	bool (*is)(int c);
	bool want;
} types[] = {
    {'d', is_digit, true},
    {'D', is_digit, false},
    {'w', is_word, true},
    {'W', is_word, false},
    {'s', is_space, true},
    {'S', is_space, false},
    {'h', is_horizontal, true},
    {'H', is_horizontal, false},
    {'v', is_vertical, true},
    {'V', is_vertical, false},
    {'N', is_newline, false},
};

static const struct {
	char c;
	int byte;
} characters[] = {{'n', '\n'}, {'t', '\t'}, {'r', '\r'}, {'f', '\f'}, {'e', 0x1b}, {'a', 7}};

static int
digit_value(int c)
{
	if (is_digit(c))
		return c - '0';
	return is_xdigit(c) ? (c | 0x20) - 'a' + 10 : 99;
}

/* Up to max digits of a base; with a brace in front as many as it holds. -EINVAL. */
static int
read_code(const char *s, size_t n, size_t *i, int base, int max, bool braces, int *byte)
{
	bool braced = braces && *i < n && s[*i] == '{';
	int v = 0, digits = 0;

	*i += braced;
	while (*i < n && digit_value(s[*i]) < base && (braced || digits < max)) {
		v = v * base + digit_value(s[(*i)++]);
		digits++;
		if (v > 255)
			return -EINVAL;
	}
	if (braced && (*i >= n || s[(*i)++] != '}' || !digits))
		return -EINVAL;
	*byte = v;
	return 0;
}

/* The escapes that name a byte by its number. 1: it is none of them. */
static int
escape_code(const char *s, size_t n, size_t *i, bool in_class, int *byte)
{
	char c = s[*i];

	if (c == 'x') {
		(*i)++;
		return read_code(s, n, i, 16, 2, true, byte);
	}
	if (c == 'o') {
		(*i)++;
		return *i < n && s[*i] == '{' ? read_code(s, n, i, 8, 0, true, byte) : -EINVAL;
	}
	if (c == '0' || (in_class && c >= '1' && c <= '7'))
		return read_code(s, n, i, 8, 3, false, byte);
	if (c != 'c')
		return 1;
	if (*i + 1 >= n || s[*i + 1] < 0x20 || s[*i + 1] > 0x7e)
		return -EINVAL;
	*byte = (is_lower(s[*i + 1]) ? s[*i + 1] - 32 : s[*i + 1]) ^ 0x40;
	*i += 2;
	return 0;
}

int
class_escape(const char *s, size_t n, size_t *i, bool in_class, uint64_t set[4], int *byte)
{
	int c, r;

	*byte = -1;
	if (++*i >= n)
		return -EINVAL;
	r = escape_code(s, n, i, in_class, byte);
	if (r <= 0)
		return r;
	c = (unsigned char)s[(*i)++];
	for (size_t t = 0; t < sizeof(types) / sizeof(*types); t++) {
		if (types[t].c == c && !(in_class && c == 'N')) {
			add_type(set, types[t].is, types[t].want);
			return 0;
		}
	}
	for (size_t t = 0; t < sizeof(characters) / sizeof(*characters); t++) {
		if (characters[t].c == c)
			*byte = characters[t].byte;
	}
	if (in_class && c == 'b')
		*byte = '\b';
	else if (*byte < 0 && (!is_alnum(c) || (in_class && is_digit(c))))
		*byte = c;
	return *byte < 0 ? -EINVAL : 0;
}

static const struct {
	const char *name;
	bool (*is)(int c);
} posix[] = {
    {"alpha", is_alpha},
    {"lower", is_lower},
    {"upper", is_upper},
    {"alnum", is_alnum},
    {"ascii", is_ascii},
    {"blank", is_blank},
    {"cntrl", is_cntrl},
    {"digit", is_digit},
    {"graph", is_graph},
    {"print", is_print},
    {"punct", is_punct},
    {"space", is_space},
    {"word", is_word},
    {"xdigit", is_xdigit},
};

/* [:name:] at s[*i]. 1: it is none; -EINVAL: none that is known. */
static int
read_posix(const char *s, size_t n, size_t *i, bool caseless, uint64_t set[4])
{
	size_t start = *i + 2, end = start;
	bool want = true;

	if (n - *i < 4 || s[*i] != '[' || s[*i + 1] != ':')
		return 1;
	while (end < n && (is_lower(s[end]) || s[end] == '^' || s[end] == '<' || s[end] == '>'))
		end++;
	if (n - end < 2 || s[end] != ':' || s[end + 1] != ']')
		return 1;
	*i = end + 2;
	if (s[start] == '^') {
		want = false;
		start++;
	}
	for (size_t p = 0; p < sizeof(posix) / sizeof(*posix); p++) {
		bool (*is)(int c) = posix[p].is;

		if (strlen(posix[p].name) != end - start ||
		    memcmp(posix[p].name, s + start, end - start))
			continue;
		if (caseless && (is == is_lower || is == is_upper))
			is = is_alpha;
		add_type(set, is, want);
		return 0;
	}
	return -EINVAL;
}

/* One member of a class: a byte, or -1 when it was a type and was added. */
static int
read_member(const char *s, size_t n, size_t *i, bool caseless, uint64_t set[4], int *byte)
{
	int r = read_posix(s, n, i, caseless, set);

	*byte = -1;
	if (r <= 0)
		return r;
	if (s[*i] == '\\')
		return class_escape(s, n, i, true, set, byte);
	*byte = (unsigned char)s[(*i)++];
	return 0;
}

static int
read_range(const char *s, size_t n, size_t *i, bool caseless, uint64_t set[4])
{
	int low, high, r = read_member(s, n, i, caseless, set, &low);

	if (r < 0 || low < 0)
		return r;
	class_byte(set, (unsigned char)low, caseless);
	if (n - *i < 2 || s[*i] != '-' || s[*i + 1] == ']')
		return 0;
	(*i)++;
	r = read_member(s, n, i, caseless, set, &high);
	if (r < 0)
		return r;
	if (high < 0)
		add(set, '-');
	for (int c = low; c <= high; c++)
		class_byte(set, (unsigned char)c, caseless);
	return 0;
}

int
class_parse(const char *s, size_t n, size_t *i, bool caseless, uint64_t set[4])
{
	uint64_t bits[4] = {0};
	bool negated, first = true;

	(*i)++;
	negated = *i < n && s[*i] == '^';
	*i += negated;
	for (; *i < n && (first || s[*i] != ']'); first = false) {
		int r = read_range(s, n, i, caseless, bits);

		if (r < 0)
			return r;
	}
	if (*i >= n)
		return -EINVAL;
	(*i)++;
	for (int w = 0; w < 4; w++)
		set[w] |= negated ? ~bits[w] : bits[w];
	return 0;
}
