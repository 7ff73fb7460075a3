/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The bans that others give: a connection that waits for them, one batch at a time for the judge,
 * and the place in the stream up to which the judge has answered.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "herald/fleet_private.h"
#include "herald/link.h"

#define BLOCK_TEXT "60000" /* milliseconds */
#define BLOCK      (60 * USEC_PER_SEC)
#define PATIENCE   (10 * USEC_PER_SEC)
#define CHECK      (60 * USEC_PER_SEC) /* that the stream still has what was read last */
#define FIRST_WAIT USEC_PER_SEC
#define QUICK      (2 * USEC_PER_MSEC) /* reads that are answered sooner */
#define QUICKS     32                  /* in a row cost: then each has a rest */
#define REST       (5 * USEC_PER_MSEC)

enum tag {
	TAG_CHECK,
	TAG_READ,
};

enum asked {
	ASK_WAITS,
	ASK_ASKED,
	ASK_DONE,
};

struct question {
	enum asked state;
	enum msg_type type; /* MSG_TAKE, MSG_DROP */
	char host[FLEET_HOST_MAX];
	struct msg_fleet ban;
};

struct take {
	struct fleet *fleet;
	struct redis *redis;
	struct event *wake, *check, *rest;
	struct entry_id position; /* all before it were answered, and it too */
	struct entry_id end;      /* of the batch */
	unsigned count;           /* entries of a reply */
	usec_t asked;             /* monotonic: the last read */
	unsigned quicks;
	bool resting;
	bool check_due;
	bool unchecked; /* the entry at position is too large to be read once more */
	struct question batch[FLEET_BATCH];
	unsigned n, open;
	uint32_t number; /* of the batch; with the place in it the id of a question */
};

static void
set_timer(struct event *e, usec_t span)
{
	const struct timeval tv = {span / USEC_PER_SEC, span % USEC_PER_SEC};

	event_add(e, &tv);
}

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS fleet_position (one INTEGER PRIMARY KEY CHECK (one = 1), "
    "id TEXT NOT NULL);";

static void
load_position(struct take *t)
{
	sqlite3_stmt *s = store_statement(t->fleet->herald->store, "SELECT id FROM fleet_position");

	if (!s)
		return;
	if (sqlite3_step(s) == SQLITE_ROW) {
		const char *id = (const char *)sqlite3_column_text(s, 0);

		if (!id || entry_parse_id(&t->position, id, strlen(id)) < 0)
			t->position = (struct entry_id){0, 0};
	}
	sqlite3_reset(s);
}

static void
keep_position(struct take *t)
{
	struct store *store = t->fleet->herald->store;
	char id[REPLY_ID_MAX];
	sqlite3_stmt *s;

	store_begin(store);
	s = store_statement(store, "INSERT OR REPLACE INTO fleet_position (one, id) VALUES (1, ?)");
	if (!s)
		return;
	sqlite3_bind_text(s, 1, entry_format_id(&t->position, id), -1, SQLITE_STATIC);
	(void)store_run(store, s);
}

/* --- the judge --- */

static void
ask_judge(struct take *t)
{
	for (unsigned i = 0; i < t->n; i++) {
		struct question *q = &t->batch[i];

		if (q->state != ASK_WAITS)
			continue;
		if (link_take(
			t->fleet->herald->link, q->type, t->number << 8 | i, &q->ban, q->host) < 0)
			return; /* take_room or take_ask_again goes on */
		q->state = ASK_ASKED;
	}
}

static void
end_batch(struct take *t)
{
	t->position = t->end;
	t->unchecked = false;
	t->n = t->open = 0;
	t->number = (t->number + 1) & 0xffffff;
	keep_position(t);
	take_wake(t);
}

void
take_answer(struct take *t, uint32_t id, enum taken_status status)
{
	struct fleet *f = t->fleet;
	unsigned i = id & 0xff;
	struct question *q = &t->batch[i];
	struct host *host;

	if (id >> 8 != t->number || i >= t->n || q->state != ASK_ASKED)
		return;
	q->state = ASK_DONE;
	if (status >= TAKEN_STATUSES)
		status = TAKEN_FAILED;
	f->counts.taken[status]++;
	host = hosts_find(f->hosts, q->host);
	if (host) {
		host->seen++;
		host->changed = true;
	}
	if (status == TAKEN_NONSENSE)
		fleet_forged(f, q->host, "guardd finds nonsense in it");
	if (--t->open == 0)
		end_batch(t);
}

void
take_ask_again(struct take *t)
{
	for (unsigned i = 0; i < t->n; i++) {
		if (t->batch[i].state == ASK_ASKED)
			t->batch[i].state = ASK_WAITS;
	}
	take_room(t);
	take_wake(t);
}

void
take_room(struct take *t)
{
	if (t->n > 0)
		ask_judge(t);
}

/* --- the stream --- */

static bool
is_set(const struct entry_id *id)
{
	return id->ms != 0 || id->seq != 0;
}

static void
send_read(struct take *t, struct entry_id behind, unsigned count, bool block, enum tag tag)
{
	const char *key = t->fleet->bans_key;
	char id[REPLY_ID_MAX], number[16];
	struct redis_arg args[8] = {{"XREAD", 5}, {"COUNT", 5},
	    {number, (size_t)snprintf(number, sizeof(number), "%u", count)}};
	unsigned n = 3;

	if (block) {
		args[n++] = (struct redis_arg){"BLOCK", 5};
		args[n++] = (struct redis_arg){BLOCK_TEXT, sizeof(BLOCK_TEXT) - 1};
	}
	args[n++] = (struct redis_arg){"STREAMS", 7};
	args[n++] = (struct redis_arg){key, strlen(key)};
	args[n++] = (struct redis_arg){id, strlen(entry_format_id(&behind, id))};
	(void)redis_send(t->redis, args, n, tag, block ? BLOCK + PATIENCE : PATIENCE);
}

static void
on_wake(evutil_socket_t fd, short what, void *arg)
{
	struct take *t = arg;
	struct fleet *f = t->fleet;

	(void)fd;
	(void)what;
	if (!fleet_has_files(f))
		return;
	redis_want(t->redis, true, FIRST_WAIT / 4);
	if (!redis_is_up(t->redis) || redis_open(t->redis) > 0)
		return;
	if (t->check_due) {
		t->check_due = false;
		set_timer(t->check, CHECK);
		if (is_set(&t->position) && !t->unchecked) {
			send_read(t, entry_before(&t->position), 1, false, TAG_CHECK);
			return;
		}
	}
	/* Without a judge entries wait where they are. */
	if (t->n == 0 && !t->resting && link_is_up(f->herald->link)) {
		t->asked = clock_mono();
		send_read(t, t->position, t->count, true, TAG_READ);
	}
}

static void
on_rest(evutil_socket_t fd, short what, void *arg)
{
	struct take *t = arg;

	(void)fd;
	(void)what;
	t->resting = false;
	take_wake(t);
}

/* A server that does not wait, or gives entries one by one, does not keep this host busy. */
static void
rest_if_quick(struct take *t, uint32_t n)
{
	usec_t took = clock_mono() - t->asked;

	t->quicks = n < FLEET_BATCH && took < QUICK ? t->quicks + 1 : 0;
	if (n == 0 && took < FIRST_WAIT)
		set_timer(t->rest, FIRST_WAIT);
	else if (t->quicks > QUICKS)
		set_timer(t->rest, REST);
	else
		return;
	t->resting = true;
}

void
take_wake(struct take *t)
{
	event_active(t->wake, EV_TIMEOUT, 0);
}

static void
on_check(evutil_socket_t fd, short what, void *arg)
{
	struct take *t = arg;

	(void)fd;
	(void)what;
	t->check_due = true;
	take_wake(t);
}

static void
add_question(struct take *t, const struct entry *e)
{
	struct question *q = &t->batch[t->n++];

	*q = (struct question){.type = e->kind == ENTRY_BAN ? MSG_TAKE : MSG_DROP, .ban = e->ban};
	memcpy(q->host, e->host, sizeof(q->host));
	t->open++;
}

/* Is it worth the judge's time: it may have ended long ago, when this host was away. */
static bool
is_late(const struct fleet *f, const struct entry *e, const struct entry_id *id, usec_t now)
{
	return (e->kind == ENTRY_BAN && e->ban.until <= now) ||
	       fleet_time_of(id) < now - f->config->keep;
}

static void
take_entry(struct take *t, const struct entry_id *id, const struct value *fields, usec_t now)
{
	struct fleet *f = t->fleet;
	struct host *host;
	struct entry e;

	switch (fleet_believe(f, HOSTS_BANS, id, fields, &e, &host)) {
	case BELIEVED:
		if (is_late(f, &e, id, now))
			f->counts.taken[TAKEN_OVER]++;
		else
			add_question(t, &e);
		break;
	case BELIEVED_OWN:
	case BELIEVED_NOT:
		break;
	}
}

static void
take_batch(struct take *t, const struct value *v)
{
	const struct value *fields;
	struct entry_id id, last = t->position;
	bool wrong = false;
	usec_t now = clock_real();
	uint32_t i;

	for (i = 0; fleet_entry_at(v, i, &id, &fields, &wrong); i++) {
		if (i == FLEET_BATCH || entry_cmp_id(&id, &last) <= 0) {
			wrong = true;
			break;
		}
		last = id;
		take_entry(t, &id, fields, now);
	}
	if (wrong) {
		t->n = t->open = 0;
		redis_give_up(t->redis, "the server answers XREAD with what is no stream");
		return;
	}
	t->count = FLEET_BATCH;
	rest_if_quick(t, i);
	if (entry_cmp_id(&last, &t->position) == 0)
		return; /* nothing came */
	t->end = last;
	if (t->n == 0)
		end_batch(t);
	else
		ask_judge(t);
}

/* The answer to what is behind the id in front of the position: the position itself. */
static void
take_check(struct take *t, const struct value *v)
{
	const struct value *fields;
	struct entry_id id;
	bool wrong = false;

	if (fleet_entry_at(v, 0, &id, &fields, &wrong) && entry_cmp_id(&id, &t->position) == 0)
		return;
	if (wrong)
		redis_give_up(t->redis, "the server answers XREAD with what is no stream");
	else
		fleet_emptied(t->fleet, "it no longer has what was read last");
}

void
take_from_start(struct take *t)
{
	t->position = (struct entry_id){0, 0};
	/* What the judge still answers does not lead back to the old place. */
	t->end = (struct entry_id){0, 0};
	keep_position(t);
	/* A read from the old place that waits would lead there, too. */
	if (redis_is_up(t->redis) && redis_open(t->redis) > 0)
		redis_want(t->redis, false, 0);
	take_wake(t);
}

static void
on_up(void *ctx)
{
	struct take *t = ctx;

	t->check_due = true;
	/* Without a position to check, that it answers is not known before a ban comes: ask. */
	if (!is_set(&t->position))
		send_read(t, (struct entry_id){0, 0}, 1, false, TAG_CHECK);
	take_wake(t);
}

static void
on_reply(void *ctx, uint64_t tag, const struct value *v)
{
	struct take *t = ctx;

	fleet_wrong(t->fleet, WRONG_READING, NULL);
	if (tag == TAG_READ)
		take_batch(t, v);
	else if (is_set(&t->position))
		take_check(t, v);
	take_wake(t);
}

/* Smaller steps, to the entry that is too large alone, and past it. */
static void
pass_large(struct take *t, const struct entry_id *id)
{
	if (entry_cmp_id(id, &t->position) == 0) {
		t->unchecked = true; /* it is still there: that was the question */
		return;
	}
	if (t->count == 1) {
		t->position = *id;
		t->unchecked = true;
		keep_position(t);
		fleet_forged(t->fleet, "", "it is larger than any host writes");
	}
	t->count = 1;
}

static void
on_down(void *ctx, const char *why, const char *too_large)
{
	struct take *t = ctx;
	struct entry_id id;

	if (too_large && entry_parse_id(&id, too_large, strlen(too_large)) == 0 &&
	    entry_cmp_id(&id, &t->position) >= 0) {
		pass_large(t, &id);
		redis_want(t->redis, false, 0);
		redis_want(t->redis, true, USEC_PER_SEC);
		return;
	}
	fleet_wrong(t->fleet, WRONG_READING, why);
}

static const struct redis_ops ops = {on_up, on_reply, on_down};

int
take_new(struct take **out, struct fleet *f)
{
	struct take *t = calloc(1, sizeof(*t));
	struct event_base *base = f->herald->base;

	if (!t)
		return -ENOMEM;
	t->fleet = f;
	t->count = FLEET_BATCH;
	t->wake = evtimer_new(base, on_wake, t);
	t->check = evtimer_new(base, on_check, t);
	t->rest = evtimer_new(base, on_rest, t);
	if (!t->wake || !t->check || !t->rest ||
	    redis_new(&t->redis, base, &f->redis, &ops, t) < 0 ||
	    store_schema(f->herald->store, schema) < 0) {
		take_free(t);
		return -ENOMEM;
	}
	load_position(t);
	take_wake(t);
	*out = t;
	return 0;
}

void
take_free(struct take *t)
{
	if (!t)
		return;
	redis_free(t->redis);
	if (t->wake)
		event_free(t->wake);
	if (t->check)
		event_free(t->check);
	if (t->rest)
		event_free(t->rest);
	free(t);
}

bool
take_is_open(const struct take *t)
{
	return t->n > 0;
}

bool
take_is_up(const struct take *t)
{
	return redis_is_up(t->redis) && redis_heard(t->redis) != 0;
}

usec_t
take_heard(const struct take *t)
{
	return redis_heard(t->redis);
}
