/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/strbuf.h"

#include <stdio.h>
#include <string.h>

void
strbuf_fini(struct strbuf *b)
{
	free(b->text);
	memset(b, 0, sizeof(*b));
}

void
strbuf_reset(struct strbuf *b)
{
	b->len = 0;
	if (b->text)
		b->text[0] = '\0';
}

static void
reserve(struct strbuf *b, size_t more)
{
	size_t need = b->len + more + 1, room = b->room ? b->room : 64;
	char *text;

	if (need <= b->room)
		return;
	while (room < need)
		room *= 2;
	text = realloc(b->text, room);
	if (!text)
		abort();
	b->text = text;
	b->room = room;
}

void
strbuf_add(struct strbuf *b, const char *bytes, size_t n)
{
	reserve(b, n);
	memcpy(b->text + b->len, bytes, n);
	b->len += n;
	b->text[b->len] = '\0';
}

void
strbuf_puts(struct strbuf *b, const char *text)
{
	strbuf_add(b, text, strlen(text));
}

void
strbuf_vprintf(struct strbuf *b, const char *fmt, va_list ap)
{
	va_list again;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0)
		abort();
	reserve(b, (size_t)n);
	vsnprintf(b->text + b->len, (size_t)n + 1, fmt, ap);
	b->len += (size_t)n;
}

void
strbuf_printf(struct strbuf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	strbuf_vprintf(b, fmt, ap);
	va_end(ap);
}
