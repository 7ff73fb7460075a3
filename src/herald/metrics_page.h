/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Writing the text formats of metrics: OpenMetrics 1.0 and the older plain text 0.0.4, which differ
 * in a few lines. Comes in: families from tables, labels of any bytes, numbers. Goes out: text that
 * is valid whatever the labels hold. Bounded by the caller. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/strbuf.h"

enum metrics_format {
	METRICS_OPEN,  /* OpenMetrics 1.0: ends with "# EOF" */
	METRICS_PLAIN, /* 0.0.4: what node_exporter reads from files */
};

enum metric_type {
	METRIC_COUNTER, /* its samples end in _total */
	METRIC_GAUGE,
	METRIC_HISTOGRAM,
	METRIC_INFO,  /* its one sample ends in _info */
	METRIC_STATE, /* one of several words: a stateset */
};

struct metric {
	const char *name; /* of the family, ends with _UNIT where there is one */
	enum metric_type type;
	const char *unit; /* "seconds", "bytes"; NULL: none */
	const char *help; /* one line of ASCII without backslashes */
};

struct metrics_page {
	struct strbuf *out;
	enum metrics_format format;
	const struct metric *family; /* whose samples are being written */
};

/* Adds name="value" to a label text, with what must be escaped, and bytes that are no UTF-8 or
 * control characters replaced by U+FFFD. */
void metrics_label(struct strbuf *labels, const char *name, const char *value, size_t n);
void metrics_label_text(struct strbuf *labels, const char *name, const char *value);

/* The head of a family: all its samples follow before the next one's. */
void metrics_family(struct metrics_page *p, const struct metric *m);
/* One sample; labels as metrics_label wrote them, NULL or "": none. */
void metrics_count(struct metrics_page *p, const char *labels, uint64_t value);
/* A time or span as seconds. */
void metrics_seconds(struct metrics_page *p, const char *labels, usec_t value);
/* A family with one sample. */
void metrics_one(struct metrics_page *p, const struct metric *m, uint64_t value);
/* Of a family that is a state: one sample for each of n words. */
void metrics_state(struct metrics_page *p, const char *labels, const char *const *words, unsigned n,
    unsigned state);
/* A whole histogram of seconds; counts are not cumulative, the last one is above all bounds; sum in
 * microseconds. Upper bounds are first << i microseconds. */
void metrics_histogram(struct metrics_page *p, const struct metric *m, const uint64_t *counts,
    unsigned n_bounds, usec_t first, uint64_t sum);
void metrics_end(struct metrics_page *p);
