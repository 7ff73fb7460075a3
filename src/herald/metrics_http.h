/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * As much HTTP as a scrape needs: GET and HEAD of /metrics, one request a connection. Comes in: any
 * bytes from any local process. Goes out: the text that a callback gives, shared by all that ask
 * within a second. Bounded: METRICS_CLIENTS connections, METRICS_REQUEST_MAX bytes and
 * METRICS_PATIENCE seconds each; of too many, who has been silent for longest gives way, else
 * who came first.
 */
#pragma once

#include <event2/event.h>

#include "base/strbuf.h"
#include "herald/metrics_page.h"

#define METRICS_CLIENTS     64
#define METRICS_REQUEST_MAX 8192
#define METRICS_PATIENCE    10 /* seconds */

struct metrics_http;

typedef void (*metrics_text_fn)(void *ctx, enum metrics_format format, struct strbuf *out);

/* -ENOMEM. */
int metrics_http_new(
    struct metrics_http **out, struct event_base *base, metrics_text_fn fn, void *ctx);
void metrics_http_free(struct metrics_http *s);
DEFINE_FREEP(struct metrics_http, metrics_http_free)
/* Serves a listening socket; fd is taken. -ENOMEM. */
int metrics_http_listen(struct metrics_http *s, int fd);
/* Listens on a loopback address, "127.0.0.1:9812" or "[::1]:9812". -EINVAL: any other, -EADDRINUSE,
 * other errno. */
int metrics_http_bind(struct metrics_http *s, const char *address);
/* Answers; connections closed without one. */
uint64_t metrics_http_served(const struct metrics_http *s);
uint64_t metrics_http_turned_away(const struct metrics_http *s);
