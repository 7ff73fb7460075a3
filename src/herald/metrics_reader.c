/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "herald/metrics_text.h"
#include "wire/msg.h"

/* What the reader may write is not checked by anybody: only the numbers below are used. */

/* A counter, or a gauge, that is a member of a table's row. */
struct member {
	struct metric metric;
	size_t offset;
};

#define SOURCE(member, name, unit, help)                                                           \
	{                                                                                          \
		{"guardd_source_" name, METRIC_COUNTER, unit, help},                               \
		    offsetof(struct stats_source, member)                                          \
	}
static const struct member source_counters[] = {
    SOURCE(bytes, "read_bytes", "bytes", "Bytes read from it."),
    SOURCE(lines, "lines", NULL, "Lines read from it."),
    SOURCE(candidates, "candidates", NULL, "Lines that a pattern was tried on."),
    SOURCE(matched, "matches", NULL, "Lines that told of an offence or a success."),
    SOURCE(unexamined, "unexamined", NULL,
	"Lines not examined: a match limit was reached, or the line was over 64 KiB."),
    SOURCE(undated, "undated", NULL, "Matching lines without a date, counted as of now."),
    SOURCE(future, "future", NULL, "Matching lines dated ahead of now, counted as of now."),
    SOURCE(nobody, "nobody", NULL, "Offences by a name or number that is no address."),
    SOURCE(forgotten, "forgotten", NULL,
	"Connections of stepwise filters that gave way to newer ones."),
    SOURCE(lost, "lost", NULL, "Times that something went before it was read."),
};

static const struct metric source_state = {"guardd_source_state", METRIC_STATE, NULL,
    "What is known of it: absent (not there), standby (another one is read instead), live, polled "
    "(live, without notifications), failed."};
static const struct metric source_lag_bytes = {
    "guardd_source_lag_bytes", METRIC_GAUGE, "bytes", "Bytes not read yet; 0 for a journal."};
static const struct metric source_lag = {"guardd_source_lag_seconds", METRIC_GAUGE, "seconds",
    "How long it has not been read to its end; 0: it is."};
static const struct metric source_last = {"guardd_source_last_line_time_seconds", METRIC_GAUGE,
    "seconds", "When the last line came, seconds of the epoch; none without a line."};
static const struct metric source_entry = {"guardd_source_entry_time_seconds", METRIC_GAUGE,
    "seconds", "What the last entry of a journal or container says as its own time."};
static const struct metric hits_lost = {"guardd_hits_lost", METRIC_COUNTER, NULL,
    "Offences and successes lost as the judge was too slow for them."};

static const char *const states[] = {
    [STATS_ABSENT - 1] = "absent",
    [STATS_STANDBY - 1] = "standby",
    [STATS_LIVE - 1] = "live",
    [STATS_POLLED - 1] = "polled",
    [STATS_FAILED - 1] = "failed",
};
#define N_STATES (sizeof(states) / sizeof(*states))

static const char *const kinds[] = {
    [0] = "unknown",
    [SOURCE_FILE] = "file",
    [SOURCE_JOURNAL] = "journal",
    [SOURCE_DOCKER] = "docker",
};

/* The sources in use, with their labels. Those that were read come first. */
struct shown {
	const struct stats_source *sources[STATS_SOURCES];
	struct strbuf labels[STATS_SOURCES];
	unsigned n, n_read;
};

static void
shown_fini(struct shown *s)
{
	for (unsigned i = 0; i < s->n; i++)
		strbuf_fini(&s->labels[i]);
}

/* Long names are cut: two that are the same then are told apart by their keys. */
static void
write_label(struct shown *s, const struct stats_source *from)
{
	struct strbuf *l = &s->labels[s->n];
	size_t n = strnlen(from->name, sizeof(from->name));

	metrics_label(l, "source", from->name, n);
	metrics_label_text(l, "kind", kinds[from->kind <= SOURCE_DOCKER ? from->kind : 0]);
	for (unsigned i = 0; i < s->n; i++) {
		char more[24];

		if (strcmp(s->labels[i].text, l->text) != 0)
			continue;
		snprintf(more, sizeof(more), "%016" PRIx64, from->key);
		metrics_label_text(l, "key", more);
		break;
	}
}

/* The log of the self check is no source of anybody's. */
static bool
is_own(const struct image *img, const struct stats_source *s)
{
	const size_t max = sizeof(s->name) - 1;

	for (uint32_t i = 0; i < image_count(img, IMAGE_SOURCES); i++) {
		const char *path = image_str(img, img->sources[i].path);
		size_t n = strlen(path);

		if (img->filters[img->sources[i].filter].builtin &&
		    strncmp(s->name, n > max ? path + n - max : path, max) == 0)
			return true;
	}
	return false;
}

/* Most filters name logs that a machine does not have: of these there is nothing to count. */
static bool
was_read(const struct stats_source *s)
{
	return s->lines > 0 || s->bytes > 0 || s->lost > 0 || s->unexamined > 0 ||
	       s->state == STATS_LIVE || s->state == STATS_POLLED;
}

static void
find_sources(struct shown *s, const struct stats *stats, const struct image *img, bool read)
{
	for (unsigned i = 0; i < STATS_SOURCES && s->n < STATS_SOURCES; i++) {
		const struct stats_source *from = &stats->sources[i];

		/* The last slot is for all that found none; it has no key. */
		if ((from->key == 0 && from->lines == 0) || was_read(from) != read ||
		    is_own(img, from))
			continue;
		write_label(s, from);
		s->sources[s->n++] = from;
	}
}

static uint64_t
value_at(const void *row, size_t offset)
{
	uint64_t v;

	memcpy(&v, (const char *)row + offset, sizeof(v));
	return v;
}

static bool
is_behind(const struct stats_source *s)
{
	return s->behind > 0 && (s->state == STATS_LIVE || s->state == STATS_POLLED);
}

static void
write_times(struct metrics_page *p, const struct shown *s, usec_t now)
{
	metrics_family(p, &source_lag);
	for (unsigned i = 0; i < s->n_read; i++) {
		const struct stats_source *from = s->sources[i];
		usec_t behind = from->behind;

		metrics_seconds(
		    p, s->labels[i].text, is_behind(from) && behind < now ? now - behind : 0);
	}
	metrics_family(p, &source_last);
	for (unsigned i = 0; i < s->n_read; i++)
		if (s->sources[i]->last_line > 0)
			metrics_seconds(p, s->labels[i].text, s->sources[i]->last_line);
	metrics_family(p, &source_entry);
	for (unsigned i = 0; i < s->n_read; i++)
		if (s->sources[i]->entry > 0)
			metrics_seconds(p, s->labels[i].text, s->sources[i]->entry);
}

void
metrics_sources(
    struct metrics_page *p, const struct stats *stats, const struct image *img, usec_t now)
{
	_cleanup_(shown_fini) struct shown s = {.n = 0};

	find_sources(&s, stats, img, true);
	s.n_read = s.n;
	find_sources(&s, stats, img, false);
	metrics_family(p, &source_state);
	for (unsigned i = 0; i < s.n; i++)
		metrics_state(
		    p, s.labels[i].text, states, N_STATES, s.sources[i]->state - STATS_ABSENT);
	for (size_t k = 0; k < sizeof(source_counters) / sizeof(*source_counters); k++) {
		metrics_family(p, &source_counters[k].metric);
		for (unsigned i = 0; i < s.n_read; i++)
			metrics_count(
			    p, s.labels[i].text, value_at(s.sources[i], source_counters[k].offset));
	}
	metrics_family(p, &source_lag_bytes);
	for (unsigned i = 0; i < s.n_read; i++)
		metrics_count(p, s.labels[i].text, s.sources[i]->lag_bytes);
	write_times(p, &s, now);
	metrics_one(p, &hits_lost, stats->hits_lost);
}

#define FILTER(member, name, help)                                                                 \
	{                                                                                          \
		{"guardd_filter_" name, METRIC_COUNTER, NULL, help},                               \
		    offsetof(struct stats_filter, member)                                          \
	}
static const struct member filter_counters[] = {
    FILTER(candidates, "candidates", "Lines that a pattern of it was tried on."),
    FILTER(matched, "matches", "Lines that told it of an offence or a success."),
    FILTER(unexamined, "unexamined", "Lines that it could not examine: a match limit."),
};

void
metrics_filters(struct metrics_page *p, const struct stats *s, const struct image *img)
{
	uint32_t n = image_count(img, IMAGE_FILTERS);

	n = n < STATS_FILTERS ? n : STATS_FILTERS;
	for (size_t k = 0; k < sizeof(filter_counters) / sizeof(*filter_counters); k++) {
		metrics_family(p, &filter_counters[k].metric);
		for (uint32_t i = 0; i < n; i++) {
			_cleanup_(strbuf_fini) struct strbuf label = {0};

			if (img->filters[i].builtin)
				continue;
			metrics_label_text(&label, "filter", image_str(img, img->filters[i].name));
			metrics_count(
			    p, label.text, value_at(&s->filters[i], filter_counters[k].offset));
		}
	}
}
