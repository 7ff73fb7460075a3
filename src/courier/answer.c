/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "courier/answer.h"

#include <stdarg.h>
#include <string.h>

#include "base/base64.h"
#include "base/utf8.h"

#define HEARD_MAX  (64u << 10) /* bytes that a server may say before it is cut off */
#define SECRET_MIN 4           /* bytes; shorter ones would be found in any text */
#define SECRET_MAX 8192 /* bytes; of what was cut, so many are not shown: it may end in one */

void
answer_fini(struct answer *a)
{
	strbuf_fini(&a->words);
}

bool
answer_hear(struct answer *a, const char *bytes, size_t n)
{
	size_t room = a->n_said < ANSWER_SAID ? ANSWER_SAID - a->n_said : 0;

	if (room > 0)
		memcpy(a->said + a->n_said, bytes, n < room ? n : room);
	a->n_said += n;
	a->said[a->n_said <= ANSWER_SAID ? a->n_said : ANSWER_SAID - SECRET_MAX] = '\0';
	a->enough = a->n_said > HEARD_MAX;
	return !a->enough;
}

void
answer_set(struct answer *a, enum courier_status status, const char *fmt, ...)
{
	va_list ap;

	a->status = status;
	strbuf_reset(&a->words);
	va_start(ap, fmt);
	strbuf_vprintf(&a->words, fmt, ap);
	va_end(ap);
}

static void
one_line(struct strbuf *b)
{
	size_t out = 0;

	for (size_t i = 0; i < b->len; i++) {
		unsigned char c = (unsigned char)b->text[i];

		if (c > 0x20 && c != 0x7f)
			b->text[out++] = (char)c;
		else if (out > 0 && b->text[out - 1] != ' ')
			b->text[out++] = ' ';
	}
	while (out > 0 && b->text[out - 1] == ' ')
		out--;
	if (out > ANSWER_WORDS)
		out = ANSWER_WORDS;
	b->len = utf8_clean(b->text, out);
	if (b->text)
		b->text[b->len] = '\0';
}

static void
hide(struct strbuf *b, const char *secret, size_t n)
{
	char *at;

	if (!secret || n < SECRET_MIN || !b->text)
		return;
	while ((at = memmem(b->text, b->len, secret, n))) {
		memcpy(at, "***", 3);
		memmove(at + 3, at + n, b->len - (size_t)(at + n - b->text) + 1);
		b->len -= n - 3;
	}
}

/* All of it, then its parts: a server may repeat only a segment of the path. */
static void
hide_path(struct strbuf *b, const char *url)
{
	const char *host = strstr(url, "://"), *path = host ? strchr(host + 3, '/') : NULL;

	if (!path)
		return;
	hide(b, path, strlen(path));
	while (*path) {
		size_t n = strcspn(path + 1, "/?&=#");

		if (n >= 8)
			hide(b, path + 1, n);
		path += 1 + n;
	}
}

/* As HTTP's basic authentication has them. */
static void
hide_login(struct strbuf *b, const char *user, const char *password)
{
	_cleanup_(strbuf_fini) struct strbuf both = {0}, coded = {0};

	strbuf_printf(&both, "%s:%s", user, password);
	base64_add(&coded, both.text, both.len);
	hide(b, coded.text, coded.len);
	hide(b, both.text, both.len);
	explicit_bzero(both.text, both.len);
	explicit_bzero(coded.text, coded.len);
}

void
answer_clean(struct answer *a, const struct order *o)
{
	static const enum order_key secrets[] = {ORDER_PASSWORD, ORDER_TOKEN};

	if (o->value[ORDER_USER] && o->value[ORDER_PASSWORD])
		hide_login(&a->words, o->value[ORDER_USER], o->value[ORDER_PASSWORD]);
	for (size_t i = 0; i < sizeof(secrets) / sizeof(*secrets); i++)
		if (o->value[secrets[i]])
			hide(&a->words, o->value[secrets[i]], strlen(o->value[secrets[i]]));
	if (o->value[ORDER_HIDE] && o->value[ORDER_URL])
		hide_path(&a->words, o->value[ORDER_URL]);
	one_line(&a->words);
}
