/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/session.h"

#include <errno.h>
#include <string.h>

#define NONE    UINT16_MAX
#define BUCKETS 512

struct session {
	uint64_t key;
	usec_t until;
	uint16_t chain; /* next in the bucket, or of the free ones */
	bool used;
	bool noted, cleared, pending;
	bool has_user, has_users;    /* one; more than one */
	char user[SESSION_TEXT_MAX]; /* the first */
	uint16_t user_len;
	bool set[SESSION_TEXTS];
	uint16_t len[SESSION_TEXTS];
	char text[SESSION_TEXTS][SESSION_TEXT_MAX];
};

/* Ages in a ring: sessions are made in order and live equally long. */
struct sessions {
	struct session items[SESSIONS_MAX];
	uint16_t buckets[BUCKETS];
	uint32_t next; /* the slot that was taken longest ago */
	uint64_t evicted;
	struct session loose; /* of a line that ends a session which is not known */
};

int
sessions_new(struct sessions **out)
{
	struct sessions *s = calloc(1, sizeof *s);

	if (!s)
		return -ENOMEM;
	for (size_t i = 0; i < BUCKETS; i++)
		s->buckets[i] = NONE;
	*out = s;
	return 0;
}

void
sessions_free(struct sessions *s)
{
	free(s);
}

static void
drop(struct sessions *s, struct session *x)
{
	uint16_t *link = &s->buckets[x->key % BUCKETS];

	while (*link != x - s->items)
		link = &s->items[*link].chain;
	*link = x->chain;
	x->used = false;
}

/* NULL: not known, or not any more. */
static struct session *
find(struct sessions *s, uint64_t key, usec_t now)
{
	uint16_t i = s->buckets[key % BUCKETS];

	while (i != NONE && s->items[i].key != key)
		i = s->items[i].chain;
	if (i == NONE)
		return NULL;
	if (s->items[i].until > now)
		return &s->items[i];
	drop(s, &s->items[i]);
	return NULL;
}

static void
clear(struct session *x)
{
	/* Texts count by their lengths. */
	memset(x, 0, offsetof(struct session, text));
}

static struct session *
make(struct sessions *s, uint64_t key, usec_t now)
{
	struct session *x = &s->items[s->next];

	if (x->used) {
		s->evicted += x->until > now;
		drop(s, x);
	}
	clear(x);
	x->used = true;
	x->key = key;
	x->until = now + SESSION_LIFE;
	x->chain = s->buckets[key % BUCKETS];
	s->buckets[key % BUCKETS] = s->next;
	s->next = (s->next + 1) % SESSIONS_MAX;
	return x;
}

static uint16_t
keep(char *room, const struct step_value *v)
{
	uint16_t n = v->len < SESSION_TEXT_MAX ? v->len : SESSION_TEXT_MAX;

	memcpy(room, v->text, n);
	return n;
}

static void
add_user(struct session *x, const struct step_value *v)
{
	uint16_t n = v->len < SESSION_TEXT_MAX ? v->len : SESSION_TEXT_MAX;

	if (!v->text || !v->len)
		return;
	if (!x->has_user) {
		x->has_user = true;
		x->user_len = keep(x->user, v);
	} else if (x->user_len != n || memcmp(x->user, v->text, n)) {
		x->has_users = true;
	}
}

/* What the line says replaces what was known; what it does not say stays. */
static void
take(struct session *x, const struct facts *line)
{
	for (int i = 0; i < SESSION_TEXTS; i++) {
		if (!line->text[i].text)
			continue;
		x->set[i] = true;
		x->len[i] = keep(x->text[i], &line->text[i]);
	}
	x->noted = line->noted;
	x->cleared = line->cleared;
}

static void
tell(const struct session *x, struct facts *line)
{
	for (int i = 0; i < SESSION_TEXTS; i++)
		line->text[i] = x->set[i] ? (struct step_value){x->text[i], x->len[i], true}
					  : (struct step_value){0};
	line->noted = x->noted;
	line->cleared = x->cleared;
}

void
sessions_merge(struct sessions *s, uint64_t key, usec_t now, struct facts *line)
{
	struct session *x = find(s, key, now);
	bool known = x != NULL, users;

	/* A success is noted, too. */
	line->noted |= line->cleared;
	if (!known && line->ends) {
		x = &s->loose;
		clear(x);
	} else if (!known) {
		x = make(s, key, now);
	}
	if (known && line->cleared)
		x->pending = false;
	/* The last line of a session that nobody knows is nobody's further try. */
	if (known || !line->ends)
		add_user(x, &line->text[SESSION_USER]);
	take(x, line);
	users = x->has_users;
	/* A success of one user does not take back what another one tried. */
	if (x->pending || users)
		x->noted = x->cleared = false;
	x->pending = false;
	tell(x, line);
	if (known && line->ends)
		drop(s, x);
}

void
sessions_pending(struct sessions *s, uint64_t key, usec_t now)
{
	struct session *x = find(s, key, now);

	if (x)
		x->pending = true;
}

uint64_t
sessions_evicted(const struct sessions *s)
{
	return s->evicted;
}
