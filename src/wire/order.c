/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/order.h"

#include <errno.h>
#include <string.h>

#define FIRST_LINE "guardd-order 1\n"

static const struct order_row {
	const char *name;
	size_t max; /* bytes */
	bool bytes; /* not one line of text */
} rows[ORDER_KEYS] = {
    [ORDER_URL] = {"url", 4096, false},
    [ORDER_HIDE] = {"hide", 1, false},
    [ORDER_HEADER] = {"header", 1024, false},
    [ORDER_BODY] = {"body", ORDER_MAX, true},
    [ORDER_FROM] = {"from", 320, false},
    [ORDER_RCPT] = {"rcpt", 320, false},
    [ORDER_STARTTLS] = {"starttls", 1, false},
    [ORDER_USER] = {"user", 256, false},
    [ORDER_PASSWORD] = {"password", 4096, false},
    [ORDER_TOKEN] = {"token", 4096, false},
    [ORDER_CA] = {"ca", 4096, false},
    [ORDER_TIMEOUT] = {"timeout", 4, false},
};

void
order_begin(struct strbuf *out)
{
	strbuf_reset(out);
	strbuf_puts(out, FIRST_LINE);
}

void
order_put(struct strbuf *out, enum order_key key, const char *value, size_t n)
{
	strbuf_printf(out, "%s %zu\n", rows[key].name, n);
	strbuf_add(out, value, n);
	strbuf_puts(out, "\n");
}

void
order_put_text(struct strbuf *out, enum order_key key, const char *text)
{
	order_put(out, key, text, strlen(text));
}

/* "NAME LENGTH\n" at *at, which is behind it then. NULL: it is none. */
static const struct order_row *
read_head(const char *text, size_t n, size_t *at, size_t *len)
{
	const char *end = memchr(text + *at, '\n', n - *at), *p = text + *at;
	const char *space = end ? memchr(p, ' ', (size_t)(end - p)) : NULL;

	*len = 0;
	if (!space || space + 1 == end || end - space > 8)
		return NULL;
	for (const char *d = space + 1; d < end; d++) {
		if (*d < '0' || *d > '9')
			return NULL;
		*len = *len * 10 + (size_t)(*d - '0');
	}
	*at = (size_t)(end - text) + 1;
	for (size_t i = 0; i < ORDER_KEYS; i++)
		if (strlen(rows[i].name) == (size_t)(space - p) &&
		    memcmp(rows[i].name, p, (size_t)(space - p)) == 0)
			return &rows[i];
	return NULL;
}

static bool
is_clean(const char *value, size_t n, bool bytes)
{
	if (bytes)
		return memchr(value, '\0', n) == NULL;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)value[i] < 0x20 || value[i] == 0x7f)
			return false;
	return true;
}

/* False: one too many. */
static bool
keep(struct order *o, enum order_key key, const char *value, size_t n)
{
	if (key == ORDER_HEADER && o->n_headers < ORDER_HEADERS) {
		o->headers[o->n_headers++] = value;
		return true;
	}
	if (key == ORDER_RCPT && o->n_to < ORDER_TO) {
		o->to[o->n_to++] = value;
		return true;
	}
	if (key == ORDER_HEADER || key == ORDER_RCPT || o->value[key])
		return false;
	o->value[key] = value;
	if (key == ORDER_BODY)
		o->body_len = n;
	return true;
}

static int
read_timeout(struct order *o)
{
	const char *p = o->value[ORDER_TIMEOUT];

	for (o->timeout_s = 0; p && *p; p++) {
		if (*p < '0' || *p > '9')
			return -EINVAL;
		o->timeout_s = o->timeout_s * 10 + (unsigned)(*p - '0');
	}
	return o->timeout_s > 0 ? 0 : -EINVAL;
}

int
order_read(struct order *o, char *text, size_t n, const char **why)
{
	size_t at = strlen(FIRST_LINE), len;

	*o = (struct order){0};
	*why = "the first line";
	if (n < at || n > ORDER_MAX || memcmp(text, FIRST_LINE, at) != 0)
		return -EINVAL;
	while (at < n) {
		const struct order_row *row = read_head(text, n, &at, &len);

		*why = row ? row->name : "a record's name or length";
		if (!row || len > row->max || len >= n - at || text[at + len] != '\n' ||
		    !is_clean(text + at, len, row->bytes) ||
		    !keep(o, (enum order_key)(row - rows), text + at, len))
			return -EINVAL;
		text[at + len] = '\0';
		at += len + 1;
	}
	*why = rows[ORDER_TIMEOUT].name;
	if (read_timeout(o) < 0)
		return -EINVAL;
	*why = rows[ORDER_URL].name;
	return o->value[ORDER_URL] && o->value[ORDER_BODY] ? 0 : -EINVAL;
}
