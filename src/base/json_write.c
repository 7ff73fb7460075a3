/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/json_write.h"

#include <inttypes.h>
#include <string.h>

/* Length of the UTF-8 sequence at p (RFC 3629: shortest form, no surrogates), 0 when it is none. */
static size_t
utf8_len(const unsigned char *p, size_t n)
{
	static const struct {
		unsigned char mask, lead, len;
		uint32_t min;
	} forms[] = {{0xe0, 0xc0, 2, 0x80}, {0xf0, 0xe0, 3, 0x800}, {0xf8, 0xf0, 4, 0x10000}};

	for (size_t f = 0; f < sizeof(forms) / sizeof(*forms); f++) {
		uint32_t v = p[0] & (unsigned char)~forms[f].mask;

		if ((p[0] & forms[f].mask) != forms[f].lead || n < forms[f].len)
			continue;
		for (size_t i = 1; i < forms[f].len; i++) {
			if ((p[i] & 0xc0) != 0x80)
				return 0;
			v = v << 6 | (p[i] & 0x3f);
		}
		if (v < forms[f].min || v > 0x10ffff || (v >= 0xd800 && v < 0xe000))
			return 0;
		return forms[f].len;
	}
	return 0;
}

static size_t
put_char(struct strbuf *out, const unsigned char *p, size_t n)
{
	size_t len;

	if (*p == '"' || *p == '\\') {
		strbuf_printf(out, "\\%c", *p);
	} else if (*p < 0x20 || *p == 0x7f) {
		strbuf_printf(out, "\\u%04x", *p);
	} else if (*p < 0x80) {
		strbuf_add(out, (const char *)p, 1);
	} else if ((len = utf8_len(p, n)) > 0) {
		strbuf_add(out, (const char *)p, len);
		return len;
	} else {
		strbuf_puts(out, "\xef\xbf\xbd");
	}
	return 1;
}

static void
put_string(struct strbuf *out, const char *bytes, size_t n)
{
	const unsigned char *p = (const unsigned char *)bytes;

	strbuf_puts(out, "\"");
	for (size_t i = 0; i < n;)
		i += put_char(out, p + i, n - i);
	strbuf_puts(out, "\"");
}

static void
put_key(struct json *j, const char *key)
{
	if (j->comma)
		strbuf_puts(j->out, ",");
	j->comma = true;
	if (key) {
		put_string(j->out, key, strlen(key));
		strbuf_puts(j->out, ":");
	}
}

static void
open_with(struct json *j, const char *bracket)
{
	strbuf_puts(j->out, bracket);
	j->depth++;
	j->comma = false;
}

static void
close_with(struct json *j, const char *bracket)
{
	strbuf_puts(j->out, bracket);
	j->depth--;
	j->comma = true;
}

void
json_begin(struct json *j, struct strbuf *out)
{
	*j = (struct json){.out = out};
	open_with(j, "{");
}

void
json_end(struct json *j)
{
	close_with(j, "}");
	strbuf_puts(j->out, "\n");
	j->comma = false;
}

void
json_bytes(struct json *j, const char *key, const char *bytes, size_t n)
{
	put_key(j, key);
	put_string(j->out, bytes, n);
}

void
json_text(struct json *j, const char *key, const char *text)
{
	if (text) {
		json_bytes(j, key, text, strlen(text));
		return;
	}
	put_key(j, key);
	strbuf_puts(j->out, "null");
}

void
json_int(struct json *j, const char *key, int64_t v)
{
	put_key(j, key);
	strbuf_printf(j->out, "%" PRId64, v);
}

void
json_bool(struct json *j, const char *key, bool v)
{
	put_key(j, key);
	strbuf_puts(j->out, v ? "true" : "false");
}

void
json_object_begin(struct json *j, const char *key)
{
	put_key(j, key);
	open_with(j, "{");
}

void
json_object_end(struct json *j)
{
	close_with(j, "}");
}

void
json_list_begin(struct json *j, const char *key)
{
	put_key(j, key);
	open_with(j, "[");
}

void
json_list_end(struct json *j)
{
	close_with(j, "]");
}
