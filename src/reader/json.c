/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/json.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

struct parser {
	const char *p, *end;
	char *room;
	struct json_name path[JSON_DEPTH_MAX];
	unsigned depth;
	json_leaf_fn fn;
	void *ctx;
};

static int read_value(struct parser *ps);

static int
hex4(const char *p, uint32_t *out)
{
	uint32_t v = 0;

	for (int i = 0; i < 4; i++) {
		unsigned char c = (unsigned char)p[i];

		if (c >= '0' && c <= '9')
			v = v << 4 | (c - '0');
		else if ((c | 32) >= 'a' && (c | 32) <= 'f')
			v = v << 4 | ((c | 32) - 'a' + 10);
		else
			return -EINVAL;
	}
	*out = v;
	return 0;
}

static size_t
put_utf8(char *out, uint32_t c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* p is behind "\u". Returns the bytes taken, and the character. */
static int
read_u(const char *p, const char *end, uint32_t *c)
{
	uint32_t low;

	if (end - p < 4 || hex4(p, c) < 0)
		return -EINVAL;
	if (*c < 0xd800 || *c > 0xdfff)
		return 4;
	if (*c < 0xdc00 && end - p >= 10 && p[4] == '\\' && p[5] == 'u' && hex4(p + 6, &low) == 0 &&
	    low >= 0xdc00 && low <= 0xdfff) {
		*c = 0x10000 + ((*c - 0xd800) << 10 | (low - 0xdc00));
		return 10;
	}
	*c = 0xfffd;
	return 4;
}

/* p is behind the backslash. Returns the bytes taken there; what they mean is put at *out. */
static int
unescape_one(const char *p, const char *end, char **out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *hit;
	uint32_t c;
	int used;

	if (p == end)
		return -EINVAL;
	if (*p == 'u') {
		used = read_u(p + 1, end, &c);
		if (used < 0)
			return used;
		*out += put_utf8(*out, c);
		return 1 + used;
	}
	hit = *p ? strchr(from, *p) : NULL;
	if (!hit)
		return -EINVAL;
	*(*out)++ = to[hit - from];
	return 1;
}

ssize_t
json_unescape(const char *text, size_t n, char *out)
{
	const char *p = text, *end = text + n;
	char *o = out;

	while (p < end) {
		const char *slash = memchr(p, '\\', (size_t)(end - p));
		size_t plain = (size_t)((slash ? slash : end) - p);
		int used;

		memmove(o, p, plain);
		o += plain;
		if (!slash)
			break;
		used = unescape_one(slash + 1, end, &o);
		if (used < 0)
			return used;
		p = slash + 1 + used;
	}
	return o - out;
}

static void
skip_blanks(struct parser *ps)
{
	while (ps->p < ps->end &&
	       (*ps->p == ' ' || *ps->p == '\t' || *ps->p == '\n' || *ps->p == '\r'))
		ps->p++;
}

/* ps->p is at the opening quote. */
static int
read_string(struct parser *ps, struct json_name *out)
{
	const char *start = ++ps->p;
	ssize_t len;

	for (;; ps->p++) {
		if (ps->p == ps->end || (unsigned char)*ps->p < 0x20)
			return -EINVAL;
		if (*ps->p == '"')
			break;
		if (*ps->p == '\\' && ++ps->p == ps->end)
			return -EINVAL;
	}
	len = json_unescape(start, (size_t)(ps->p - start), ps->room);
	if (len < 0)
		return (int)len;
	ps->p++;
	*out = (struct json_name){ps->room, (size_t)len};
	ps->room += len;
	return 0;
}

static size_t
digits(struct parser *ps)
{
	const char *start = ps->p;

	while (ps->p < ps->end && *ps->p >= '0' && *ps->p <= '9')
		ps->p++;
	return (size_t)(ps->p - start);
}

static bool
take(struct parser *ps, const char *any)
{
	if (ps->p == ps->end || !*ps->p || !strchr(any, *ps->p))
		return false;
	ps->p++;
	return true;
}

static int
read_number(struct parser *ps, struct json_name *out)
{
	const char *start = ps->p;

	take(ps, "-");
	if (!take(ps, "0") && digits(ps) == 0)
		return -EINVAL;
	if (take(ps, ".") && digits(ps) == 0)
		return -EINVAL;
	if (take(ps, "eE")) {
		take(ps, "+-");
		if (digits(ps) == 0)
			return -EINVAL;
	}
	*out = (struct json_name){start, (size_t)(ps->p - start)};
	return 0;
}

static int
read_word(struct parser *ps, struct json_name *out, enum json_kind *kind)
{
	static const struct {
		const char *text;
		size_t len;
		enum json_kind kind;
	} words[] = {{"true", 4, JSON_TRUE}, {"false", 5, JSON_FALSE}, {"null", 4, JSON_NULL}};

	for (size_t i = 0; i < 3; i++) {
		if ((size_t)(ps->end - ps->p) < words[i].len ||
		    memcmp(ps->p, words[i].text, words[i].len))
			continue;
		*out = (struct json_name){ps->p, words[i].len};
		*kind = words[i].kind;
		ps->p += words[i].len;
		return 0;
	}
	return -EINVAL;
}

static int
read_scalar(struct parser *ps)
{
	char *room = ps->room;
	enum json_kind kind = JSON_NUMBER;
	struct json_name v;
	int r;

	if (*ps->p == '"') {
		kind = JSON_STRING;
		r = read_string(ps, &v);
	} else if (*ps->p == '-' || (*ps->p >= '0' && *ps->p <= '9')) {
		r = read_number(ps, &v);
	} else {
		r = read_word(ps, &v, &kind);
	}
	if (r < 0)
		return r;
	ps->fn(ps->ctx, &(struct json_leaf){ps->path, ps->depth, kind, v.text, v.len});
	ps->room = room;
	return 0;
}

/* The name of a member and its colon; nothing for a list. */
static int
read_name(struct parser *ps, bool object, struct json_name *name)
{
	int r;

	*name = (struct json_name){NULL, 0};
	if (!object)
		return 0;
	skip_blanks(ps);
	if (ps->p == ps->end || *ps->p != '"')
		return -EINVAL;
	r = read_string(ps, name);
	if (r < 0)
		return r;
	skip_blanks(ps);
	return take(ps, ":") ? 0 : -EINVAL;
}

/* ps->p is behind the opening bracket. */
static int
read_members(struct parser *ps, bool object)
{
	const char *close = object ? "}" : "]";
	int r;

	if (ps->depth == JSON_DEPTH_MAX)
		return -E2BIG;
	skip_blanks(ps);
	if (take(ps, close))
		return 0;
	ps->depth++;
	do {
		char *room = ps->room;

		r = read_name(ps, object, &ps->path[ps->depth - 1]);
		if (r < 0)
			return r;
		r = read_value(ps);
		if (r < 0)
			return r;
		ps->room = room;
		skip_blanks(ps);
	} while (take(ps, ","));
	ps->depth--;
	return take(ps, close) ? 0 : -EINVAL;
}

static int
read_value(struct parser *ps)
{
	skip_blanks(ps);
	if (ps->p == ps->end)
		return -EINVAL;
	if (take(ps, "{"))
		return read_members(ps, true);
	if (take(ps, "["))
		return read_members(ps, false);
	return read_scalar(ps);
}

int
json_read(const char *text, size_t n, char *room, json_leaf_fn fn, void *ctx)
{
	struct parser ps = {.p = text, .end = text + n, .room = room, .fn = fn, .ctx = ctx};
	int r = read_value(&ps);

	if (r < 0)
		return r;
	skip_blanks(&ps);
	return ps.p == ps.end ? 0 : -EINVAL;
}

bool
json_at(const struct json_leaf *leaf, const char *const *names, unsigned n)
{
	if (leaf->depth != n)
		return false;
	for (unsigned i = 0; i < n; i++) {
		size_t len = strlen(names[i]);

		if (!leaf->path[i].text || leaf->path[i].len != len ||
		    memcmp(leaf->path[i].text, names[i], len) != 0)
			return false;
	}
	return true;
}
