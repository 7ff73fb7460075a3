/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * OpenMetrics: all counters as text, over HTTP on a unix socket and a loopback port, and as a file
 * for node_exporter. Comes in: the shared counters, the proof, counts of the herald's parts. Goes
 * out: text. Bounded: METRICS_CLIENTS connections, one text of them all at a time.
 */
#pragma once

#include "base/strbuf.h"
#include "herald/herald.h"

#define METRICS_CLIENTS 16

struct metrics;
struct request;

/* fd: the listening unix socket, taken; -1: none. -ENOMEM; a port that is in use is told and tried
 * again. */
int metrics_new(struct metrics **out, struct herald *h, int fd);
void metrics_free(struct metrics *m);
/* The whole text, "# EOF" at its end. */
void metrics_text(const struct herald *h, struct strbuf *out);
/* What is wrong with port or file; NULL: nothing. */
const char *metrics_trouble(const struct metrics *m);
/* metrics: the text, an object {"text": LINE} a line. */
void metrics_request(struct request *q, char *const *words, unsigned n);
