/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "herald/alert_watch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SCHEMA                                                                                     \
	"CREATE TABLE IF NOT EXISTS alert_marks (what TEXT NOT NULL, key INTEGER NOT NULL, "       \
	"epoch INTEGER, value INTEGER, PRIMARY KEY (what, key)) WITHOUT ROWID"
#define MARKS_MAX 2048

/* How far a counter was seen. epoch: of whoever began it at 0. */
struct mark {
	const char *what;
	uint64_t key, value;
	int64_t epoch;
};

struct seen_source {
	uint64_t key;
	usec_t gone; /* was read, and is not there since; 0: it is, or never was */
	bool live;
};

struct alert_watch {
	struct store *store;
	struct alert_states *states;
	uint32_t storm;
	struct mark marks[MARKS_MAX];
	unsigned n_marks;
	/* bans_made at the last looks, of one life of the judge */
	uint64_t bans[WATCH_MINUTE + 1];
	uint64_t rule_bans[FIGURES_RULES];
	unsigned looks;
	usec_t judge_started, calm; /* calm: since when there is no storm any more */
	struct seen_source sources[STATS_SOURCES];
};

/* Names of counters whose marks are kept. */
static const char *const counters[] = {"restarts", "lost", "unexamined", "hits"};

static const char *
counter_name(const char *text)
{
	for (size_t i = 0; i < sizeof(counters) / sizeof(*counters); i++)
		if (text && strcmp(counters[i], text) == 0)
			return counters[i];
	return NULL;
}

static int
load(struct alert_watch *w)
{
	sqlite3_stmt *q =
	    store_statement(w->store, "SELECT what, key, epoch, value FROM alert_marks");

	if (!q)
		return -ENOMEM;
	while (w->n_marks < MARKS_MAX && sqlite3_step(q) == SQLITE_ROW) {
		const char *what = counter_name((const char *)sqlite3_column_text(q, 0));

		if (what)
			w->marks[w->n_marks++] = (struct mark){.what = what,
			    .key = (uint64_t)sqlite3_column_int64(q, 1),
			    .epoch = sqlite3_column_int64(q, 2),
			    .value = (uint64_t)sqlite3_column_int64(q, 3)};
	}
	sqlite3_reset(q);
	return 0;
}

int
alert_watch_new(
    struct alert_watch **out, struct store *store, struct alert_states *states, uint32_t storm)
{
	_cleanup_(alert_watch_freep) struct alert_watch *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	w->store = store;
	w->states = states;
	w->storm = storm;
	r = store_schema(store, SCHEMA);
	if (r == 0)
		r = load(w);
	if (r < 0)
		return r;
	*out = w;
	w = NULL;
	return 0;
}

void
alert_watch_free(struct alert_watch *w)
{
	free(w);
}

/* --- counters that grow --- */

static struct mark *
find_mark(struct alert_watch *w, const char *what, uint64_t key)
{
	for (unsigned i = 0; i < w->n_marks; i++)
		if (w->marks[i].what == what && w->marks[i].key == key)
			return &w->marks[i];
	return NULL;
}

static void
save_mark(struct alert_watch *w, const struct mark *m)
{
	sqlite3_stmt *q = store_statement(w->store,
	    "INSERT OR REPLACE INTO alert_marks (what, key, epoch, value) VALUES (?,?,?,?)");

	if (!q)
		return;
	store_begin(w->store);
	sqlite3_bind_text(q, 1, m->what, -1, SQLITE_STATIC);
	sqlite3_bind_int64(q, 2, (int64_t)m->key);
	sqlite3_bind_int64(q, 3, m->epoch);
	sqlite3_bind_int64(q, 4, (int64_t)m->value);
	store_run(w->store, q);
}

/* How much more there is than was seen before, by this herald or one before it. What was counted
 * before the very first look is no news. */
static uint64_t
growth(struct alert_watch *w, const char *what, uint64_t key, int64_t epoch, uint64_t value)
{
	struct mark *m = find_mark(w, what, key);
	uint64_t before;

	if (!m) {
		if (w->n_marks == MARKS_MAX)
			w->n_marks = 0; /* sources long gone: all begin anew */
		m = &w->marks[w->n_marks++];
		*m = (struct mark){what, key, value, epoch};
		save_mark(w, m);
		return 0;
	}
	before = m->epoch == epoch && m->value <= value ? m->value : 0;
	if (m->epoch != epoch || m->value != value) {
		m->epoch = epoch;
		m->value = value;
		save_mark(w, m);
	}
	return value - before;
}

static void moment(struct alert_watch *w, enum alert_kind kind, enum alert_severity severity,
    const char *subject, usec_t now, const char *fmt, ...) __attribute__((format(printf, 6, 7)));

static void
moment(struct alert_watch *w, enum alert_kind kind, enum alert_severity severity,
    const char *subject, usec_t now, const char *fmt, ...)
{
	char words[ALERT_WORDS_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	alert_states_moment(w->states,
	    &(struct alert_note){
		.kind = kind, .severity = severity, .subject = subject, .words = words},
	    now);
}

static void
look_at_roles(struct alert_watch *w, const struct figures *f, int64_t epoch, usec_t now)
{
	for (unsigned r = ROLE_NONE + 1; r < ROLE_MAX; r++) {
		uint32_t restarts = f->roles[r].restarts;
		uint64_t n = growth(w, "restarts", r, epoch, restarts);

		if (n > 0)
			moment(w, ALERT_ROLE, SEVERITY_WARNING, role_name(r), now,
			    "%s ended by itself and was started again (%" PRIu64 " time%s, %" PRIu32
			    " since guardd started); guardd's log says why",
			    role_name(r), n, n == 1 ? "" : "s", restarts);
	}
}

/* --- storms --- */

/* The rule with the most bans since the look a minute ago began to be counted. */
static const struct figures_rule *
busiest(const struct alert_watch *w, const struct figures *f, uint64_t *n)
{
	const struct figures_rule *best = NULL;
	uint32_t rules = f->n_rules < FIGURES_RULES ? f->n_rules : FIGURES_RULES;

	*n = 0;
	for (uint32_t i = 0; i < rules; i++) {
		uint64_t bans = f->rules[i].bans;

		if (bans >= w->rule_bans[i] && bans - w->rule_bans[i] > *n) {
			*n = bans - w->rule_bans[i];
			best = &f->rules[i];
		}
	}
	return best;
}

static void
storm_begins(struct alert_watch *w, const struct figures *f, uint64_t minute, usec_t now)
{
	char words[ALERT_WORDS_MAX];
	uint64_t n;
	const struct figures_rule *rule = busiest(w, f, &n);

	/* Said once: the number of the minute in which it began. */
	if (alert_states_stands(w->states, ALERT_STORM, "bans"))
		return;
	snprintf(words, sizeof(words),
	    "%" PRIu64 " bans in a minute, more than the %" PRIu32 " of alerts.storm%s%.*s", minute,
	    w->storm, rule ? "; most of rule " : "", rule ? (int)sizeof(rule->name) : 0,
	    rule ? rule->name : "");
	alert_states_raise(w->states,
	    &(struct alert_note){.kind = ALERT_STORM,
		.severity = SEVERITY_WARNING,
		.subject = "bans",
		.words = words},
	    now);
}

static void
look_for_storm(struct alert_watch *w, const struct figures *f, usec_t now)
{
	uint64_t minute;

	if (w->storm == 0)
		return;
	if (w->judge_started != f->started) {
		w->judge_started = f->started;
		w->looks = 0;
	}
	memmove(w->bans, w->bans + 1, sizeof(w->bans) - sizeof(w->bans[0]));
	w->bans[WATCH_MINUTE] = f->bans_made;
	if (w->looks++ == 0)
		for (unsigned i = 0; i < WATCH_MINUTE; i++)
			w->bans[i] = f->bans_made;
	minute = f->bans_made - w->bans[0];
	if (minute > w->storm)
		storm_begins(w, f, minute, now);
	/* It ends after two calm minutes: half as many bans, so that it does not come and go. */
	if (minute > w->storm / 2)
		w->calm = 0;
	else if (w->calm == 0)
		w->calm = now;
	if (w->calm > 0 && now - w->calm >= 120 * USEC_PER_SEC)
		alert_states_end(w->states, ALERT_STORM, "bans", NULL, now);
	if (w->looks % WATCH_MINUTE == 1)
		for (unsigned i = 0; i < FIGURES_RULES; i++)
			w->rule_bans[i] = f->rules[i].bans;
}

/* --- sources --- */

static struct seen_source *
seen(struct alert_watch *w, uint64_t key)
{
	for (unsigned i = 0; i < STATS_SOURCES; i++)
		if (w->sources[i].key == key)
			return &w->sources[i];
	for (unsigned i = 0; i < STATS_SOURCES; i++)
		if (w->sources[i].key == 0) {
			w->sources[i].key = key;
			return &w->sources[i];
		}
	return NULL;
}

static void
raise_lost(struct alert_watch *w, const char *name, usec_t since, usec_t now, const char *why)
{
	char words[ALERT_WORDS_MAX];

	snprintf(words, sizeof(words), "%s: what is written there bans nobody", why);
	alert_states_raise(w->states,
	    &(struct alert_note){.kind = ALERT_LOST,
		.severity = SEVERITY_WARNING,
		.subject = name,
		.words = words,
		.since = since},
	    now);
}

/* Cannot be read; or was read, and is gone. Containers come and go. */
static void
look_at_state(struct alert_watch *w, const struct stats_source *s, const char *name, usec_t now)
{
	struct seen_source *x = seen(w, s->key);
	bool live = s->state == STATS_LIVE || s->state == STATS_POLLED;

	if (s->state == STATS_FAILED)
		return raise_lost(w, name, 0, now, strerror(s->error));
	if (live || s->state == STATS_STANDBY) {
		alert_states_end(w->states, ALERT_LOST, name, NULL, now);
		if (x) {
			x->live = live;
			x->gone = 0;
		}
		return;
	}
	if (!x || !x->live || s->kind == SOURCE_DOCKER)
		return;
	if (x->gone == 0)
		x->gone = now;
	if (now - x->gone >= WATCH_GONE)
		raise_lost(w, name, x->gone, now, "it was read, and is not there any more");
}

static void
look_at_lag(struct alert_watch *w, const struct stats_source *s, const char *name, usec_t now)
{
	char span[40], words[ALERT_WORDS_MAX];

	if (s->behind == 0 || s->behind > now) {
		alert_states_end(w->states, ALERT_BEHIND, name, NULL, now);
		return;
	}
	if (now - s->behind < WATCH_BEHIND || alert_states_stands(w->states, ALERT_BEHIND, name))
		return;
	snprintf(words, sizeof(words),
	    "more is written than is read, for %s now (%" PRIu64
	    " bytes are left); bans by it come late",
	    clock_format_span(now - s->behind, span), s->lag_bytes);
	alert_states_raise(w->states,
	    &(struct alert_note){.kind = ALERT_BEHIND,
		.severity = SEVERITY_WARNING,
		.subject = name,
		.words = words,
		.since = s->behind},
	    now);
}

static void
look_at_source(struct alert_watch *w, const struct stats_source *s, int64_t epoch, usec_t now)
{
	char name[sizeof(s->name) + 1], part[sizeof(name) + 32];
	uint64_t n;

	snprintf(name, sizeof(name), "%.*s", (int)sizeof(s->name), s->name);
	look_at_state(w, s, name, now);
	look_at_lag(w, s, name, now);
	snprintf(part, sizeof(part), "lines of %s", name);
	n = growth(w, "lost", s->key, epoch, s->lost);
	if (n > 0)
		moment(w, ALERT_LOST, SEVERITY_WARNING, part, now,
		    "lines went before they were read (rotated away, or cut off), %" PRIu64
		    " time%s",
		    n, n == 1 ? "" : "s");
	n = growth(w, "unexamined", s->key, epoch, s->unexamined);
	if (n > 0)
		moment(w, ALERT_LIMIT, SEVERITY_WARNING, name, now,
		    "%" PRIu64 " lines were not examined: longer than 64 KiB, or a pattern's "
		    "limit was reached",
		    n);
}

/* What stands for a source that is not read by any rule any more has ended. */
struct looking {
	struct alert_watch *w;
	const struct stats *stats;
	enum alert_kind kind;
	usec_t now;
};

static void
end_if_unknown(void *ctx, const char *subject)
{
	const struct looking *l = ctx;
	char clean[ALERT_SUBJECT_MAX];

	for (unsigned i = 0; i < STATS_SOURCES; i++) {
		alert_text_copy(clean, sizeof(clean), l->stats->sources[i].name);
		if (l->stats->sources[i].key != 0 && strcmp(clean, subject) == 0)
			return;
	}
	alert_states_end(l->w->states, l->kind, subject, "it is not read any more", l->now);
}

static void
look_at_sources(struct alert_watch *w, const struct stats *s, int64_t epoch, usec_t now)
{
	struct looking l = {.w = w, .stats = s, .now = now};
	uint64_t n = growth(w, "hits", 0, epoch, s->hits_lost);

	for (unsigned i = 0; i < STATS_SOURCES; i++)
		if (s->sources[i].key != 0 && s->sources[i].state != STATS_FREE)
			look_at_source(w, &s->sources[i], epoch, now);
	if (n > 0)
		moment(w, ALERT_LOST, SEVERITY_WARNING, "reader", now,
		    "%" PRIu64 " offences were lost: the judge was too slow for them", n);
	l.kind = ALERT_LOST;
	alert_states_each(w->states, ALERT_LOST, end_if_unknown, &l);
	l.kind = ALERT_BEHIND;
	alert_states_each(w->states, ALERT_BEHIND, end_if_unknown, &l);
}

void
alert_watch_look(struct alert_watch *w, const struct stats *stats, const struct figures *figures,
    bool here, usec_t now)
{
	int64_t epoch;

	if (!figures || !here)
		return;
	/* A supervisor that began anew counts from 0 again. */
	epoch = figures->roles[ROLE_GUARDD].started;
	look_at_roles(w, figures, epoch, now);
	look_for_storm(w, figures, now);
	if (stats && stats->version == STATS_VERSION)
		look_at_sources(w, stats, epoch, now);
}
