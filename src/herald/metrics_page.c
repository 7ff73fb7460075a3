/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "herald/metrics_page.h"

#include <inttypes.h>
#include <string.h>

#include "base/utf8.h"

#define REPLACEMENT "\xef\xbf\xbd"

/* --- labels --- */

/* The length of the character at s, of n bytes; 0: none that may stand in a label. */
static size_t
character(const char *s, size_t n)
{
	const unsigned char c = (unsigned char)*s;
	size_t len = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

	return len <= n && utf8_is_text(s, len) ? len : 0;
}

static void
add_value(struct strbuf *out, const char *value, size_t n)
{
	for (size_t i = 0; i < n;) {
		size_t len = character(value + i, n - i);

		if (value[i] == '\n')
			strbuf_puts(out, "\\n");
		else if (value[i] == '"' || value[i] == '\\')
			strbuf_add(out, (const char[]){'\\', value[i]}, 2);
		else if (len > 0)
			strbuf_add(out, value + i, len);
		else
			strbuf_puts(out, REPLACEMENT);
		i += len > 0 ? len : 1;
	}
}

void
metrics_label(struct strbuf *labels, const char *name, const char *value, size_t n)
{
	if (labels->len > 0)
		strbuf_puts(labels, ",");
	strbuf_puts(labels, name);
	strbuf_puts(labels, "=\"");
	add_value(labels, value, n);
	strbuf_puts(labels, "\"");
}

void
metrics_label_text(struct strbuf *labels, const char *name, const char *value)
{
	metrics_label(labels, name, value, strlen(value));
}

/* --- families and samples --- */

static const struct {
	const char *open, *plain; /* what the type is called */
	const char *suffix;       /* of the samples */
} types[] = {
    [METRIC_COUNTER] = {"counter", "counter", "_total"},
    [METRIC_GAUGE] = {"gauge", "gauge", ""},
    [METRIC_HISTOGRAM] = {"histogram", "histogram", ""},
    [METRIC_INFO] = {"info", "gauge", "_info"},
    [METRIC_STATE] = {"stateset", "gauge", ""},
};

/* In plain text a family is called as its samples are. */
void
metrics_family(struct metrics_page *p, const struct metric *m)
{
	const bool open = p->format == METRICS_OPEN;
	const char *suffix = open ? "" : types[m->type].suffix;

	p->family = m;
	strbuf_printf(p->out, "# TYPE %s%s %s\n", m->name, suffix,
	    open ? types[m->type].open : types[m->type].plain);
	if (open && m->unit)
		strbuf_printf(p->out, "# UNIT %s %s\n", m->name, m->unit);
	strbuf_printf(p->out, "# HELP %s%s %s\n", m->name, suffix, m->help);
}

static void
begin_sample(struct metrics_page *p, const char *suffix, const char *labels)
{
	strbuf_puts(p->out, p->family->name);
	strbuf_puts(p->out, suffix);
	if (labels && *labels) {
		strbuf_puts(p->out, "{");
		strbuf_puts(p->out, labels);
		strbuf_puts(p->out, "}");
	}
}

static void
add_seconds(struct strbuf *out, uint64_t usec)
{
	strbuf_printf(
	    out, " %" PRIu64 ".%06" PRIu64 "\n", usec / USEC_PER_SEC, usec % USEC_PER_SEC);
}

void
metrics_count(struct metrics_page *p, const char *labels, uint64_t value)
{
	begin_sample(p, types[p->family->type].suffix, labels);
	strbuf_printf(p->out, " %" PRIu64 "\n", value);
}

void
metrics_seconds(struct metrics_page *p, const char *labels, usec_t value)
{
	begin_sample(p, types[p->family->type].suffix, labels);
	add_seconds(p->out, value > 0 ? (uint64_t)value : 0);
}

void
metrics_one(struct metrics_page *p, const struct metric *m, uint64_t value)
{
	metrics_family(p, m);
	metrics_count(p, NULL, value);
}

void
metrics_state(struct metrics_page *p, const char *labels, const char *const *words, unsigned n,
    unsigned state)
{
	for (unsigned i = 0; i < n; i++) {
		_cleanup_(strbuf_fini) struct strbuf all = {0};

		strbuf_puts(&all, labels);
		metrics_label_text(&all, p->family->name, words[i]);
		metrics_count(p, all.text, i == state);
	}
}

void
metrics_histogram(struct metrics_page *p, const struct metric *m, const uint64_t *counts,
    unsigned n_bounds, usec_t first, uint64_t sum)
{
	uint64_t all = 0;
	char le[40];

	metrics_family(p, m);
	for (unsigned i = 0; i < n_bounds; i++) {
		all += counts[i];
		snprintf(le, sizeof(le), "le=\"%.10g\"",
		    (double)((uint64_t)first << i) / (double)USEC_PER_SEC);
		begin_sample(p, "_bucket", le);
		strbuf_printf(p->out, " %" PRIu64 "\n", all);
	}
	all += counts[n_bounds];
	begin_sample(p, "_bucket", "le=\"+Inf\"");
	strbuf_printf(p->out, " %" PRIu64 "\n", all);
	begin_sample(p, "_count", NULL);
	strbuf_printf(p->out, " %" PRIu64 "\n", all);
	begin_sample(p, "_sum", NULL);
	add_seconds(p->out, sum);
}

void
metrics_end(struct metrics_page *p)
{
	if (p->format == METRICS_OPEN)
		strbuf_puts(p->out, "# EOF\n");
}
