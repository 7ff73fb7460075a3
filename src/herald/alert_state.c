/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "herald/alert_state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"

#define SCHEMA                                                                                     \
	"CREATE TABLE IF NOT EXISTS alert_states ("                                                \
	"kind INTEGER NOT NULL, subject TEXT NOT NULL, episode TEXT NOT NULL, standing INTEGER,"   \
	"severity INTEGER, before INTEGER, worst INTEGER, serial INTEGER, times INTEGER,"          \
	"changed INTEGER, since INTEGER, told INTEGER, words TEXT NOT NULL,"                       \
	"PRIMARY KEY (kind, subject)) WITHOUT ROWID"
#define COLUMNS                                                                                    \
	"kind, subject, episode, standing, severity, before, worst, serial, times, changed, "      \
	"since, told, words"
#define ROOM_OF_OWN   16 /* beyond ALERTS_STANDING, for what tells that there is no room */
#define LAST_OF_JUDGE ALERT_REFUSED /* kinds up to this one are the judge's to end */

struct alert_state {
	uint64_t hash; /* of kind and subject */
	char episode[ALERT_EPISODE_MAX];
	uint8_t kind, severity, before, worst;
	bool standing; /* else a moment */
	bool changed;  /* words, since it was told */
	bool said;     /* by the judge, since it began to say all */
	uint32_t serial;
	uint32_t times; /* standing: how often told; a moment: how often since it was told */
	usec_t since, told;
	char *subject, *words;
};

struct alert_states {
	struct alert_states_config c;
	struct alert_state **list; /* in order of their beginning */
	unsigned n;
	bool judge_here;
	uint64_t lost;
};

static void
state_free(struct alert_state *x)
{
	if (!x)
		return;
	free(x->subject);
	free(x->words);
	free(x);
}
DEFINE_FREEP(struct alert_state, state_free)

static uint64_t
key_of(unsigned kind, const char *subject)
{
	return hash_text(subject) ^ (uint64_t)kind << 56;
}

/* Each of so few, compared by one number. */
static struct alert_state *
find(const struct alert_states *s, unsigned kind, const char *subject)
{
	uint64_t hash = key_of(kind, subject);

	for (unsigned i = 0; i < s->n; i++) {
		struct alert_state *x = s->list[i];

		if (x->hash == hash && x->kind == kind && strcmp(x->subject, subject) == 0)
			return x;
	}
	return NULL;
}

/* --- the store --- */

static void
save(struct alert_states *s, const struct alert_state *x)
{
	sqlite3_stmt *q =
	    store_statement(s->c.store, "INSERT OR REPLACE INTO alert_states (" COLUMNS ") VALUES "
					"(?,?,?,?,?,?,?,?,?,?,?,?,?)");
	const int64_t numbers[] = {x->standing, x->severity, x->before, x->worst, x->serial,
	    x->times, x->changed, x->since, x->told};

	if (!q)
		return;
	store_begin(s->c.store);
	sqlite3_bind_int(q, 1, x->kind);
	sqlite3_bind_text(q, 2, x->subject, -1, SQLITE_STATIC);
	sqlite3_bind_text(q, 3, x->episode, -1, SQLITE_STATIC);
	for (int i = 0; i < 9; i++)
		sqlite3_bind_int64(q, 4 + i, numbers[i]);
	sqlite3_bind_text(q, 13, x->words, -1, SQLITE_STATIC);
	store_run(s->c.store, q);
}

static void
unsave(struct alert_states *s, const struct alert_state *x)
{
	sqlite3_stmt *q =
	    store_statement(s->c.store, "DELETE FROM alert_states WHERE kind = ? AND subject = ?");

	if (!q)
		return;
	store_begin(s->c.store);
	sqlite3_bind_int(q, 1, x->kind);
	sqlite3_bind_text(q, 2, x->subject, -1, SQLITE_STATIC);
	store_run(s->c.store, q);
}

static struct alert_state *
state_make(unsigned kind, const char *subject, const char *words)
{
	_cleanup_(state_freep) struct alert_state *x = calloc(1, sizeof(*x));
	struct alert_state *made;

	if (!x || !(x->subject = strdup(subject)) || !(x->words = strdup(words)))
		return NULL;
	x->kind = (uint8_t)kind;
	x->hash = key_of(kind, subject);
	made = x;
	x = NULL;
	return made;
}

static const char *
column_text(sqlite3_stmt *q, int i)
{
	const char *text = (const char *)sqlite3_column_text(q, i);

	return text ? text : "";
}

/* A row that this guardd would not have written is left out. */
static struct alert_state *
state_of_row(sqlite3_stmt *q, usec_t now)
{
	char subject[ALERT_SUBJECT_MAX], words[ALERT_WORDS_MAX];
	int kind = sqlite3_column_int(q, 0);
	struct alert_state *x;

	alert_text_copy(subject, sizeof(subject), column_text(q, 1));
	alert_text_copy(words, sizeof(words), column_text(q, 12));
	if (kind <= ALERT_NONE || kind >= ALERT_KINDS)
		return NULL;
	x = state_make((unsigned)kind, subject, words);
	if (!x)
		return NULL;
	alert_text_copy(x->episode, sizeof(x->episode), column_text(q, 2));
	x->standing = sqlite3_column_int(q, 3) != 0;
	x->severity = (uint8_t)(sqlite3_column_int(q, 4) % SEVERITIES);
	x->before = (uint8_t)(sqlite3_column_int(q, 5) % SEVERITIES);
	x->worst = (uint8_t)(sqlite3_column_int(q, 6) % SEVERITIES);
	x->serial = (uint32_t)sqlite3_column_int64(q, 7);
	x->times = (uint32_t)sqlite3_column_int64(q, 8);
	x->changed = sqlite3_column_int(q, 9) != 0;
	x->since = sqlite3_column_int64(q, 10);
	x->told = sqlite3_column_int64(q, 11);
	/* A clock that was set back must not make it silent. */
	if (x->told > now)
		x->told = now;
	return x;
}

static int
load(struct alert_states *s, usec_t now)
{
	sqlite3_stmt *q = store_statement(
	    s->c.store, "SELECT " COLUMNS " FROM alert_states ORDER BY since, kind, subject");

	while (q && s->n < ALERTS_STANDING + ROOM_OF_OWN && sqlite3_step(q) == SQLITE_ROW) {
		struct alert_state *x = state_of_row(q, now);

		if (x)
			s->list[s->n++] = x;
	}
	if (q)
		sqlite3_reset(q);
	return q ? 0 : -ENOMEM;
}

int
alert_states_new(struct alert_states **out, const struct alert_states_config *c, usec_t now)
{
	_cleanup_(alert_states_freep) struct alert_states *s = calloc(1, sizeof(*s));
	int r;

	if (!s || !(s->list = calloc(ALERTS_STANDING + ROOM_OF_OWN, sizeof(*s->list))))
		return -ENOMEM;
	s->c = *c;
	s->judge_here = true;
	r = store_schema(c->store, SCHEMA);
	if (r == 0)
		r = load(s, now);
	if (r < 0)
		return r;
	*out = s;
	s = NULL;
	return 0;
}

void
alert_states_free(struct alert_states *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < s->n; i++)
		state_free(s->list[i]);
	free(s->list);
	free(s);
}

/* --- telling --- */

static void
tell(struct alert_states *s, struct alert_state *x, enum alert_telling telling, usec_t now)
{
	struct alert_event e = {.kind = x->kind,
	    .severity = x->severity,
	    .before = x->before,
	    .worst = x->worst,
	    .telling = (uint8_t)telling,
	    .since = x->since,
	    .at = now};

	x->serial++;
	x->told = now;
	x->changed = false;
	x->before = x->severity;
	if (x->standing)
		x->times++;
	e.serial = x->serial;
	e.times = x->times;
	snprintf(e.episode, sizeof(e.episode), "%s", x->episode);
	snprintf(e.subject, sizeof(e.subject), "%s", x->subject);
	snprintf(e.words, sizeof(e.words), "%s", x->words);
	s->c.tell(s->c.ctx, &e);
	if (!x->standing)
		x->times = 0;
	if (telling != TELL_ENDED)
		save(s, x);
}

static void
drop(struct alert_states *s, struct alert_state *x)
{
	unsigned i = 0;

	while (s->list[i] != x)
		i++;
	memmove(s->list + i, s->list + i + 1, (s->n - i - 1) * sizeof(*s->list));
	s->n--;
	unsave(s, x);
	state_free(x);
}

/* Logs and other hosts can make up subjects: half of the room is the judge's alone. */
static bool
has_room(const struct alert_states *s, unsigned kind)
{
	unsigned others = 0;

	if (kind == ALERT_CHANNEL)
		return s->n < ALERTS_STANDING + ROOM_OF_OWN;
	if (s->n >= ALERTS_STANDING || kind <= LAST_OF_JUDGE)
		return s->n < ALERTS_STANDING;
	for (unsigned i = 0; i < s->n; i++)
		others += s->list[i]->kind > LAST_OF_JUDGE;
	return others < ALERTS_STANDING / 2;
}

static struct alert_state *
add(struct alert_states *s, const struct alert_event *e, bool standing, usec_t since)
{
	struct alert_state *x;

	if (!has_room(s, e->kind) || !(x = state_make(e->kind, e->subject, e->words))) {
		s->lost++;
		return NULL;
	}
	x->standing = standing;
	x->severity = x->before = x->worst = e->severity;
	x->since = since;
	alert_episode(x->episode, s->c.host, x->kind, x->subject, since);
	s->list[s->n++] = x;
	return x;
}

/* The texts of a note, clean and cut. */
static void
clean(struct alert_event *e, const struct alert_note *n)
{
	e->kind = (uint8_t)n->kind;
	e->severity = n->severity < SEVERITIES ? (uint8_t)n->severity : SEVERITY_WARNING;
	alert_text_copy(e->subject, sizeof(e->subject), n->subject);
	alert_text_copy(e->words, sizeof(e->words), n->words);
}

static void
set_words(struct alert_state *x, const char *words)
{
	char *copy = strdup(words);

	if (!copy)
		return;
	free(x->words);
	x->words = copy;
}

/* The same alert with other words: told, but not each time that a number in it moves. */
static void
change(struct alert_states *s, struct alert_state *x, const struct alert_event *e, usec_t now)
{
	bool worse_or_better = x->severity != e->severity;

	if (!worse_or_better && strcmp(x->words, e->words) == 0)
		return;
	set_words(x, e->words);
	x->severity = e->severity;
	if (e->severity > x->worst)
		x->worst = e->severity;
	x->changed = true;
	if (worse_or_better || now - x->told >= ALERT_CHANGE)
		tell(s, x, TELL_CHANGED, now);
	else
		save(s, x);
}

void
alert_states_raise(struct alert_states *s, const struct alert_note *n, usec_t now)
{
	struct alert_event e = {0};
	struct alert_state *x;

	clean(&e, n);
	x = find(s, e.kind, e.subject);
	if (x && !x->standing) {
		drop(s, x);
		x = NULL;
	}
	if (x) {
		change(s, x, &e, now);
	} else if ((x = add(s, &e, true, n->since > 0 && n->since < now ? n->since : now))) {
		tell(s, x, TELL_RAISED, now);
	}
	if (x)
		x->said = true;
}

static void
end(struct alert_states *s, struct alert_state *x, const char *words, usec_t now)
{
	char text[ALERT_WORDS_MAX];

	if (words) {
		alert_text_copy(text, sizeof(text), words);
		set_words(x, text);
	}
	tell(s, x, TELL_ENDED, now);
	drop(s, x);
}

void
alert_states_end(struct alert_states *s, enum alert_kind kind, const char *subject,
    const char *words, usec_t now)
{
	char text[ALERT_SUBJECT_MAX];
	struct alert_state *x;

	alert_text_copy(text, sizeof(text), subject);
	x = find(s, kind, text);
	if (x && x->standing)
		end(s, x, words, now);
}

void
alert_states_moment(struct alert_states *s, const struct alert_note *n, usec_t now)
{
	struct alert_event e = {0};
	struct alert_state *x;

	clean(&e, n);
	x = find(s, e.kind, e.subject);
	if (x && x->standing)
		return; /* what stands says it already */
	if (!x) {
		x = add(s, &e, false, n->since > 0 && n->since < now ? n->since : now);
		if (!x)
			return;
		x->times = 1;
		tell(s, x, TELL_HAPPENED, now);
		return;
	}
	set_words(x, e.words);
	if (x->times < UINT32_MAX)
		x->times++;
	if (e.severity > x->severity || x->times == 1)
		x->severity = e.severity;
	if (x->severity > x->worst)
		x->worst = x->severity;
	save(s, x);
}

/* --- the judge --- */

static bool
is_judges(const struct alert_state *x)
{
	return x->standing && x->kind <= LAST_OF_JUDGE;
}

void
alert_states_begin(struct alert_states *s)
{
	s->judge_here = true;
	for (unsigned i = 0; i < s->n; i++)
		s->list[i]->said = false;
}

void
alert_states_said_all(struct alert_states *s, usec_t now)
{
	for (unsigned i = s->n; i-- > 0;)
		if (is_judges(s->list[i]) && !s->list[i]->said)
			end(s, s->list[i], NULL, now);
}

void
alert_states_away(struct alert_states *s)
{
	s->judge_here = false;
}

/* --- time --- */

/* When x is to be looked at again. */
static usec_t
due(const struct alert_states *s, const struct alert_state *x)
{
	usec_t at = USEC_NEVER;

	if (!x->standing)
		return x->told + ALERT_AGAIN;
	if (s->c.repeat > 0 && (s->judge_here || !is_judges(x)))
		at = x->told + s->c.repeat;
	if (x->changed && x->told + ALERT_CHANGE < at)
		at = x->told + ALERT_CHANGE;
	return at;
}

/* False: it is gone. */
static bool
turn(struct alert_states *s, struct alert_state *x, usec_t now)
{
	if (x->told > now)
		x->told = now;
	if (due(s, x) > now)
		return true;
	if (!x->standing && x->times == 0) {
		drop(s, x);
		return false;
	}
	tell(s, x, !x->standing ? TELL_HAPPENED : x->changed ? TELL_CHANGED : TELL_STANDING, now);
	return true;
}

usec_t
alert_states_turn(struct alert_states *s, usec_t now)
{
	usec_t next = USEC_NEVER;

	for (unsigned i = s->n; i-- > 0;) {
		struct alert_state *x = s->list[i];

		if (turn(s, x, now) && due(s, x) < next)
			next = due(s, x);
	}
	return next;
}

/* --- asking --- */

bool
alert_states_get(const struct alert_states *s, unsigned i, struct alert_event *out)
{
	for (unsigned k = 0; k < s->n; k++) {
		const struct alert_state *x = s->list[k];

		if (!x->standing || i-- > 0)
			continue;
		*out = (struct alert_event){.kind = x->kind,
		    .severity = x->severity,
		    .before = x->before,
		    .worst = x->worst,
		    .serial = x->serial,
		    .times = x->times,
		    .since = x->since,
		    .at = x->told,
		    .telling = TELL_STANDING};
		snprintf(out->episode, sizeof(out->episode), "%s", x->episode);
		snprintf(out->subject, sizeof(out->subject), "%s", x->subject);
		snprintf(out->words, sizeof(out->words), "%s", x->words);
		return true;
	}
	return false;
}

bool
alert_states_stands(const struct alert_states *s, enum alert_kind kind, const char *subject)
{
	const struct alert_state *x = find(s, kind, subject);

	return x && x->standing;
}

unsigned
alert_states_count(const struct alert_states *s, uint32_t standing[SEVERITIES])
{
	unsigned n = 0;

	memset(standing, 0, SEVERITIES * sizeof(*standing));
	for (unsigned i = 0; i < s->n; i++) {
		if (!s->list[i]->standing)
			continue;
		standing[s->list[i]->severity]++;
		n++;
	}
	return n;
}

void
alert_states_end_kind(struct alert_states *s, enum alert_kind kind, usec_t now)
{
	for (unsigned i = s->n; i-- > 0;)
		if (s->list[i]->standing && s->list[i]->kind == kind)
			end(s, s->list[i], NULL, now);
}

void
alert_states_each(const struct alert_states *s, enum alert_kind kind,
    void (*fn)(void *ctx, const char *subject), void *ctx)
{
	for (unsigned i = s->n; i-- > 0;)
		if (s->list[i]->standing && s->list[i]->kind == kind)
			fn(ctx, s->list[i]->subject);
}

uint64_t
alert_states_lost(const struct alert_states *s)
{
	return s->lost;
}
