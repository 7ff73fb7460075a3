/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "judge/tell.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

struct item {
	uint64_t key; /* of kind and subject */
	enum alert_kind kind;
	enum alert_severity severity;
	enum alert_phase phase;
	bool unsaid;
	usec_t since;
	char *subject, *words;
};

struct tell {
	void (*wake)(void *ctx);
	void *ctx;
	struct item *standing, *moments; /* moments: a ring of TELL_MOMENTS */
	uint32_t n, room, cursor;        /* cursor: nothing below is unsaid */
	uint32_t first, n_moments;
	struct item *given; /* by the last tell_next of either kind */
	bool listens, awake;
};

int
tell_new(struct tell **out, void (*wake)(void *ctx), void *ctx)
{
	struct tell *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	*t = (struct tell){.wake = wake, .ctx = ctx};
	t->moments = calloc(TELL_MOMENTS, sizeof(*t->moments));
	if (!t->moments) {
		free(t);
		return -ENOMEM;
	}
	*out = t;
	return 0;
}

static void
item_fini(struct item *i)
{
	free(i->subject);
	free(i->words);
	*i = (struct item){0};
}

void
tell_free(struct tell *t)
{
	if (!t)
		return;
	for (uint32_t i = 0; i < t->n; i++)
		item_fini(&t->standing[i]);
	for (uint32_t i = 0; i < TELL_MOMENTS; i++)
		item_fini(&t->moments[i]);
	free(t->standing);
	free(t->moments);
	free(t);
}

/* At most size - 1 bytes of text, whole characters. NULL is "". */
static char *
copy_text(const char *text, size_t size)
{
	size_t n = text ? strnlen(text, size) : 0;

	if (n == size)
		for (n--; n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80; n--)
			continue;
	return strndup(text ? text : "", n);
}

static bool
set_words(struct item *i, const char *words)
{
	char *copy = copy_text(words, ALERT_WORDS_MAX);

	if (!copy)
		return false;
	free(i->words);
	i->words = copy;
	return true;
}

static bool
item_init(struct item *i, const struct tell_note *n, enum alert_phase phase)
{
	*i = (struct item){.kind = n->kind,
	    .severity = n->severity,
	    .phase = phase,
	    .unsaid = true,
	    .since = n->since,
	    .subject = copy_text(n->subject, ALERT_SUBJECT_MAX)};
	if (i->subject && set_words(i, n->words))
		return true;
	item_fini(i);
	return false;
}

static void
wake(struct tell *t)
{
	if (t->listens && !t->awake) {
		t->awake = true;
		t->wake(t->ctx);
	}
}

/* --- what stands --- */

static uint64_t
key_of(enum alert_kind kind, const char *subject)
{
	const struct hash_key key = {(uint64_t)kind, 0};

	return hash_bytes(&key, subject, strnlen(subject, ALERT_SUBJECT_MAX - 1));
}

static struct item *
find(struct tell *t, enum alert_kind kind, const char *subject)
{
	uint64_t key = key_of(kind, subject);

	for (uint32_t i = 0; i < t->n; i++)
		if (t->standing[i].key == key && t->standing[i].kind == kind)
			return &t->standing[i];
	return NULL;
}

static void
unsaid(struct tell *t, struct item *i)
{
	i->unsaid = true;
	if (i < t->standing + t->cursor)
		t->cursor = (uint32_t)(i - t->standing);
	wake(t);
}

/* The last one takes its place. */
static void
drop(struct tell *t, struct item *i)
{
	item_fini(i);
	*i = t->standing[--t->n];
	t->given = NULL;
	if (i < t->standing + t->cursor)
		t->cursor = (uint32_t)(i - t->standing);
}

static bool
make_room(struct tell *t)
{
	uint32_t room = t->room ? 2 * t->room : 16;
	struct item *items;

	if (t->n >= TELL_STANDING)
		return false;
	if (t->n < t->room)
		return true;
	items = reallocarray(t->standing, room, sizeof(*items));
	if (!items)
		return false;
	t->given = NULL;
	t->standing = items;
	t->room = room;
	return true;
}

/* As they were kept: cut. */
static bool
is_same(const struct item *i, const char *words)
{
	size_t n = strlen(i->words);

	words = words ? words : "";
	return strncmp(i->words, words, n) == 0 && (!words[n] || n > ALERT_WORDS_MAX - 5);
}

void
tell_raise(struct tell *t, const struct tell_note *n)
{
	struct item *i = find(t, n->kind, n->subject);

	if (i && i->phase == ALERT_RAISED && i->severity == n->severity && is_same(i, n->words))
		return;
	if (i) {
		if (!set_words(i, n->words))
			return;
		if (i->phase == ALERT_ENDED)
			i->since = n->since;
		i->severity = n->severity;
		i->phase = ALERT_RAISED;
	} else {
		if (!make_room(t) || !item_init(&t->standing[t->n], n, ALERT_RAISED))
			return;
		i = &t->standing[t->n++];
		i->key = key_of(n->kind, n->subject);
	}
	unsaid(t, i);
}

void
tell_end(struct tell *t, enum alert_kind kind, const char *subject, const char *words)
{
	struct item *i = find(t, kind, subject);

	if (!i || i->phase == ALERT_ENDED)
		return;
	if (!t->listens) {
		drop(t, i);
		return;
	}
	i->phase = ALERT_ENDED;
	set_words(i, words);
	unsaid(t, i);
}

uint32_t
tell_standing(const struct tell *t)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < t->n; i++)
		n += t->standing[i].phase == ALERT_RAISED;
	return n;
}

/* --- what happened --- */

void
tell_moment(struct tell *t, const struct tell_note *n)
{
	struct item *i = &t->moments[(t->first + t->n_moments) % TELL_MOMENTS];

	if (t->n_moments == TELL_MOMENTS) {
		t->first = (t->first + 1) % TELL_MOMENTS;
		t->n_moments--;
		t->given = NULL;
	}
	item_fini(i);
	if (!item_init(i, n, ALERT_MOMENT))
		return;
	t->n_moments++;
	wake(t);
}

/* --- sending --- */

void
tell_begin(struct tell *t)
{
	for (uint32_t i = t->n; i-- > 0;) {
		t->standing[i].unsaid = true;
		if (t->standing[i].phase == ALERT_ENDED)
			drop(t, &t->standing[i]);
	}
	t->cursor = 0;
	t->given = NULL;
	t->listens = true;
	t->awake = false;
	wake(t);
}

void
tell_stop(struct tell *t)
{
	t->listens = false;
}

static size_t
put_text(struct msg m[static CHAN_BATCH], size_t n, enum text_what what, const char *text)
{
	for (size_t left = strlen(text); left > 0 && n < CHAN_BATCH; n++) {
		size_t len = left < TEXT_PART ? left : TEXT_PART;

		m[n] = (struct msg){.type = MSG_TEXT};
		m[n].u.text.what = (uint8_t)what;
		m[n].u.text.len = (uint8_t)len;
		memcpy(m[n].u.text.text, text, len);
		text += len;
		left -= len;
	}
	return n;
}

static void
give(struct tell *t, struct item *i, struct msg m[static CHAN_BATCH], size_t *n)
{
	m[0] = (struct msg){.type = MSG_ALERT};
	m[0].u.alert.kind = (uint8_t)i->kind;
	m[0].u.alert.severity = (uint8_t)i->severity;
	m[0].u.alert.phase = (uint8_t)i->phase;
	m[0].u.alert.since = i->since;
	*n = put_text(m, put_text(m, 1, TEXT_SUBJECT, i->subject), TEXT_WORDS, i->words);
	t->given = i;
}

bool
tell_next(struct tell *t, struct msg m[static CHAN_BATCH], size_t *n)
{
	t->awake = false;
	while (t->cursor < t->n && !t->standing[t->cursor].unsaid)
		t->cursor++;
	if (t->cursor == t->n)
		return false;
	give(t, &t->standing[t->cursor], m, n);
	return true;
}

static void
forget_moment(struct tell *t)
{
	item_fini(&t->moments[t->first]);
	t->first = (t->first + 1) % TELL_MOMENTS;
	t->n_moments--;
}

bool
tell_next_moment(struct tell *t, struct msg m[static CHAN_BATCH], size_t *n, usec_t now)
{
	while (t->n_moments > 0 && t->moments[t->first].since < now - TELL_KEEP)
		forget_moment(t);
	if (t->n_moments == 0)
		return false;
	give(t, &t->moments[t->first], m, n);
	return true;
}

void
tell_said(struct tell *t)
{
	struct item *i = t->given;

	t->given = NULL;
	if (!i)
		return;
	if (i->phase == ALERT_MOMENT)
		forget_moment(t);
	else if (i->phase == ALERT_ENDED)
		drop(t, i);
	else
		i->unsaid = false;
}
