/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One delivery, as the herald asks guardd-courier for it: records "NAME LENGTH\nVALUE\n" behind a
 * first line, on its standard input. Comes in: the bytes, whole. Goes out: a struct order that
 * points into them. Bounded: ORDER_MAX bytes in all, a length per record, ORDER_TO recipients.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/strbuf.h"

#define ORDER_MAX     (512u << 10)
#define ORDER_TO      64
#define ORDER_HEADERS 8

enum order_key {
	ORDER_URL,    /* http, https: where to; smtp, smtps: the relay, its path is our own name */
	ORDER_HIDE,   /* "1": the URL's path is a secret */
	ORDER_HEADER, /* HTTP: one line "Name: value" */
	ORDER_BODY,
	ORDER_FROM, /* mail: envelope */
	ORDER_RCPT,
	ORDER_STARTTLS, /* "1": not without */
	ORDER_USER,
	ORDER_PASSWORD,
	ORDER_TOKEN,   /* HTTP: a bearer token */
	ORDER_CA,      /* a file, trusted instead of the system's */
	ORDER_TIMEOUT, /* seconds */
	ORDER_KEYS,
};

/* All texts are NUL-terminated and hold no control bytes; body has any bytes but NUL. NULL: not
 * there. */
struct order {
	const char *value[ORDER_KEYS]; /* but those below */
	const char *headers[ORDER_HEADERS + 1], *to[ORDER_TO + 1];
	unsigned n_headers, n_to, timeout_s;
	size_t body_len;
};

/* How the courier ends. All but the first are tried again; they differ in what else to try. Its
 * output is a line for people, and "retry-after SECONDS" behind it when the server said so. */
enum courier_status {
	COURIER_DONE,
	COURIER_LATER,   /* not reached, or it asks for time */
	COURIER_REFUSED, /* this message is not wanted */
	COURIER_CANNOT, /* certificate, password, address: somebody has to mend the configuration */
	COURIER_STATUSES,
};

void order_begin(struct strbuf *out);
void order_put(struct strbuf *out, enum order_key key, const char *value, size_t n);
void order_put_text(struct strbuf *out, enum order_key key, const char *text);
/* Cuts text (n bytes, a NUL behind them) in place. -EINVAL: *why names the record. */
int order_read(struct order *o, char *text, size_t n, const char **why);
