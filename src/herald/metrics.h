/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Metrics: all counters as text, over HTTP on a unix socket and a loopback port, and as a file for
 * node_exporter. Comes in: the shared counters, the proof, counts of the herald's parts, scrapes.
 * Goes out: text (herald/metrics_text.h). Bounded: METRICS_CLIENTS connections, one text a second
 * and format for all of them.
 */
#pragma once

#include "base/strbuf.h"
#include "herald/herald.h"
#include "herald/metrics_page.h"

struct metrics;
struct request;

/* fd: the listening unix socket, taken; -1: none. -ENOMEM; a port that is in use, or a file that
 * cannot be written, is told and tried again. */
int metrics_new(struct metrics **out, struct herald *h, int fd);
void metrics_free(struct metrics *m);
/* The whole text as of now. */
void metrics_text(const struct metrics *m, enum metrics_format format, struct strbuf *out);
/* What is wrong with port or file; NULL: nothing. */
const char *metrics_trouble(const struct metrics *m);
/* metrics: the text, an object {"text": LINE} a line. */
void metrics_request(struct request *q, char *const *words, unsigned n);
