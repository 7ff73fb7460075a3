/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A growing text (JSON into it: base/json_write.h). Growth that fails aborts: the texts are small
 * and bounded by their callers.
 */
#pragma once

#include <stdarg.h>
#include <stddef.h>

#include "base/cleanup.h"

struct strbuf {
	char *text; /* NUL-terminated once anything was added, else NULL */
	size_t len, room;
};

void strbuf_fini(struct strbuf *b);
void strbuf_reset(struct strbuf *b);
void strbuf_add(struct strbuf *b, const char *bytes, size_t n);
void strbuf_puts(struct strbuf *b, const char *text);
void strbuf_printf(struct strbuf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void strbuf_vprintf(struct strbuf *b, const char *fmt, va_list ap);
