/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "herald/alert_queue.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "herald/alert_rows.h"

#define TROUBLE_MAX 400

struct channel {
	const struct image_channel *image;
	const char *name;
	bool busy;
	unsigned failures; /* tries in a row */
	usec_t hold;       /* nothing before */
	usec_t failing;    /* since when; 0: it is not */
	usec_t summed;     /* when the last summary went */
	usec_t full;       /* since when the hour is full; 0: it is not */
	uint64_t delivered, failed, lost, lost_now;
	usec_t last;
	char trouble[TROUBLE_MAX];
};

struct alert_queue {
	struct alert_queue_config c;
	struct alert_rows rows;
	struct channel *channels;
	uint32_t n;
	uint64_t told;
};

void
alert_parcel_free(struct alert_parcel *p)
{
	if (!p)
		return;
	free(p->events);
	free(p);
}

/* --- making --- */

static void
on_channel_row(void *ctx, const struct alert_rows_channel *row)
{
	struct alert_queue *q = ctx;

	for (uint32_t i = 0; i < q->n; i++) {
		struct channel *c = &q->channels[i];

		if (strcmp(c->name, row->name) != 0)
			continue;
		c->delivered = row->delivered;
		c->failed = row->failed;
		c->lost = row->lost;
		c->lost_now = row->lost_now;
		c->last = row->last;
		c->failing = row->failing;
		snprintf(c->trouble, sizeof(c->trouble), "%s", row->trouble);
	}
}

static void
save_channel(struct alert_queue *q, const struct channel *c)
{
	const struct alert_rows_channel row = {.name = c->name,
	    .trouble = c->trouble,
	    .delivered = c->delivered,
	    .failed = c->failed,
	    .lost = c->lost,
	    .lost_now = c->lost_now,
	    .last = c->last,
	    .failing = c->failing};

	alert_rows_save_channel(&q->rows, &row);
}

int
alert_queue_new(struct alert_queue **out, const struct alert_queue_config *conf, usec_t now)
{
	_cleanup_(alert_queue_freep) struct alert_queue *q = calloc(1, sizeof(*q));
	const char **names;
	int r;

	if (!q)
		return -ENOMEM;
	q->c = *conf;
	q->n = image_count(conf->image, IMAGE_CHANNELS);
	q->channels = calloc(q->n + 1, sizeof(*q->channels));
	names = calloc(q->n + 1, sizeof(*names));
	if (!q->channels || !names) {
		free(names);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < q->n; i++) {
		q->channels[i].image = &conf->image->channels[i];
		q->channels[i].name = names[i] =
		    image_str(conf->image, conf->image->channels[i].name);
	}
	r = alert_rows_open(&q->rows, conf->store, names, q->n, now);
	free(names);
	if (r < 0)
		return r;
	alert_rows_channels(&q->rows, on_channel_row, q);
	*out = q;
	q = NULL;
	return 0;
}

void
alert_queue_free(struct alert_queue *q)
{
	if (!q)
		return;
	free(q->channels);
	free(q);
}

/* --- into the queue --- */

static uint8_t
max_of(uint8_t a, uint8_t b)
{
	return a > b ? a : b;
}

/* What decides whether a channel hears of it. */
static uint8_t
severity_of(const struct alert_event *e)
{
	if (e->telling == TELL_ENDED)
		return e->worst;
	return e->telling == TELL_CHANGED ? max_of(e->severity, e->before) : e->severity;
}

static bool
wants(const struct channel *c, const struct alert_event *e)
{
	/* That a channel does not work is told to the others; that something was lost on its way is
	 * told to itself, too, once it works again. */
	if (e->kind == ALERT_CHANNEL && strcmp(e->subject, c->name) == 0)
		return e->telling == TELL_ENDED && c->lost_now > 0;
	return severity_of(e) >= c->image->severity;
}

/* How what comes now is told where w has not been: one message of both. False: w says it all. */
static bool
merge(const struct channel *c, struct alert_event *e, const struct alert_event *w)
{
	if (e->telling == TELL_ENDED) {
		e->untold =
		    w->telling == TELL_RAISED || w->untold || w->before < c->image->severity;
		return true;
	}
	if (e->telling == TELL_STANDING)
		return false;
	if (e->telling == TELL_HAPPENED)
		e->times += w->times;
	if (w->telling == TELL_RAISED)
		e->telling = TELL_RAISED;
	e->before = w->before;
	e->untold = w->untold;
	return true;
}

static void
lose(struct alert_queue *q, struct channel *c, uint32_t n)
{
	c->lost += n;
	c->lost_now += n;
	save_channel(q, c);
}

static struct channel *
channel_of(struct alert_queue *q, const char *name)
{
	for (uint32_t i = 0; i < q->n; i++)
		if (strcmp(q->channels[i].name, name) == 0)
			return &q->channels[i];
	return NULL;
}

/* False: there is no room for something this unimportant. */
static bool
make_room(struct alert_queue *q, uint8_t severity)
{
	char name[64];

	if (alert_rows_have_room(&q->rows, ALERTS_QUEUE))
		return true;
	if (!alert_rows_drop_least(&q->rows, severity, name, sizeof(name)))
		return false;
	if (channel_of(q, name))
		lose(q, channel_of(q, name), 1);
	return true;
}

static void
add_for(struct alert_queue *q, struct channel *c, const struct alert_event *e, usec_t now)
{
	struct alert_event mine = *e, waiting;
	int64_t row = alert_rows_waiting(&q->rows, c->name, e->episode, &waiting);

	if (row > 0) {
		if (!merge(c, &mine, &waiting))
			return;
		alert_rows_delete(&q->rows, row);
	}
	if (make_room(q, severity_of(&mine)))
		alert_rows_add(&q->rows, c->name, &mine, severity_of(&mine), now);
	else
		lose(q, c, 1);
}

void
alert_queue_add(struct alert_queue *q, const struct alert_event *e, usec_t now)
{
	q->told++;
	for (uint32_t i = 0; i < q->n; i++)
		if (wants(&q->channels[i], e))
			add_for(q, &q->channels[i], e, now);
}

/* --- out of it --- */

/* Of per_hour, what is kept for summaries. */
static uint32_t
kept_back(uint32_t per_hour)
{
	return per_hour >= 8 ? 3 : per_hour >= 4 ? 2 : per_hour >= 2 ? 1 : 0;
}

enum turn_what {
	TURN_NOTHING,
	TURN_ONE,
	TURN_SUMMARY,
};

/* When the next summary may go: some wait for others to join, and for the hour to have room. */
static usec_t
when_full(const struct channel *c, usec_t oldest, bool room)
{
	usec_t again = oldest + QUEUE_HOUR, at = c->full + QUEUE_SUM_WAIT;

	if (!room)
		return again;
	if (c->summed > 0 && c->summed <= c->full + QUEUE_SUM_EVERY &&
	    c->summed + QUEUE_SUM_EVERY > at)
		at = c->summed + QUEUE_SUM_EVERY;
	return at < again ? at : again;
}

/* What a channel may say now, and when to ask again if that is nothing. */
static enum turn_what
decide(const struct alert_queue *q, struct channel *c, usec_t now, usec_t *again)
{
	uint32_t limit = c->image->per_hour, sent, waiting;
	usec_t oldest = 0, room;

	*again = USEC_NEVER;
	if (c->hold > now && c->hold <= now + QUEUE_LAST * 2) {
		*again = c->hold;
		return TURN_NOTHING;
	}
	waiting = alert_rows_due(&q->rows, c->name, now, again);
	if (waiting == 0)
		return TURN_NOTHING;
	sent = alert_rows_sent(&q->rows, c->name, now - QUEUE_HOUR, &oldest);
	if (limit == 0 || sent < limit - kept_back(limit))
		return waiting >= QUEUE_TOGETHER || (c->full > 0 && waiting > 1) ? TURN_SUMMARY
										 : TURN_ONE;
	if (c->full == 0)
		c->full = now;
	room = when_full(c, oldest, sent < limit);
	if (room <= now)
		return waiting > 1 ? TURN_SUMMARY : TURN_ONE;
	*again = room;
	return TURN_NOTHING;
}

static struct alert_parcel *
parcel_make(const struct alert_queue *q, usec_t now, unsigned room)
{
	_cleanup_(alert_parcel_freep) struct alert_parcel *p = calloc(1, sizeof(*p));
	struct alert_parcel *made;

	if (!p || !(p->events = calloc(room, sizeof(*p->events))))
		return NULL;
	p->bundle.host = q->c.host;
	p->bundle.events = p->events;
	p->bundle.made = now;
	p->bundle.lasts = q->c.image->settings->alerts_repeat;
	made = p;
	p = NULL;
	return made;
}

static struct alert_parcel *
one_event(struct alert_queue *q, struct channel *c, usec_t now)
{
	_cleanup_(alert_parcel_freep) struct alert_parcel *p = parcel_make(q, now, 1);
	struct alert_parcel *made;

	if (!p)
		return NULL;
	p->row = alert_rows_next(&q->rows, c->name, now, &p->events[0]);
	if (p->row <= 0)
		return NULL;
	p->bundle.n = p->bundle.total = 1;
	p->bundle.severity = p->events[0].severity;
	snprintf(p->bundle.id, sizeof(p->bundle.id), "%s-%" PRIu32, p->events[0].episode,
	    p->events[0].serial);
	made = p;
	p = NULL;
	return made;
}

/* All that waits, under one number; it stays together however often it is tried. */
static struct alert_parcel *
summary(struct alert_queue *q, struct channel *c, int64_t batch, usec_t now)
{
	_cleanup_(alert_parcel_freep) struct alert_parcel *p = parcel_make(q, now, QUEUE_SHOWN);
	char number[40], episode[ALERT_EPISODE_MAX];
	struct alert_parcel *made;

	if (!p)
		return NULL;
	p->batch = batch;
	p->bundle.summary = true;
	p->bundle.n = alert_rows_batch(&q->rows, batch, p->events, QUEUE_SHOWN, &p->bundle);
	if (p->bundle.n == 0)
		return NULL;
	snprintf(number, sizeof(number), "%s %" PRId64, c->name, batch);
	alert_episode(episode, q->c.host, ALERT_NONE, number, p->events[0].at);
	snprintf(p->bundle.id, sizeof(p->bundle.id), "%s-0", episode);
	made = p;
	p = NULL;
	return made;
}

/* What Alertmanager and the journal get as a summary is a list of alerts, of which none may be
 * missing. */
static unsigned
batch_size(const struct channel *c)
{
	bool list =
	    c->image->kind == CHANNEL_JOURNAL ||
	    (c->image->kind == CHANNEL_WEBHOOK && c->image->template == TEMPLATE_ALERTMANAGER);

	return list ? QUEUE_SHOWN : ALERTS_QUEUE;
}

struct alert_parcel *
alert_queue_next(struct alert_queue *q, uint32_t channel, usec_t now)
{
	struct channel *c = &q->channels[channel];
	struct alert_parcel *p = NULL;
	usec_t again;
	int64_t batch;

	if (c->busy)
		return NULL;
	batch = alert_rows_open_batch(&q->rows, c->name);
	switch (decide(q, c, now, &again)) {
	case TURN_ONE:
		p = batch > 0 ? summary(q, c, batch, now) : one_event(q, c, now);
		break;
	case TURN_SUMMARY:
		if (batch == 0)
			batch = alert_rows_make_batch(&q->rows, c->name, now, batch_size(c));
		p = batch > 0 ? summary(q, c, batch, now) : one_event(q, c, now);
		break;
	case TURN_NOTHING:
		break;
	}
	if (p) {
		c->busy = true;
		if (!p->batch)
			alert_rows_fly(&q->rows, p->row);
	}
	return p;
}

/* --- what came of it --- */

/* Doubled each time, up to an hour; a quarter of it by chance, so that a thousand hosts do not come
 * back together. */
static usec_t
back_off(const struct alert_queue *q, const struct channel *c, unsigned tries)
{
	usec_t wait = QUEUE_FIRST;
	char text[400];

	for (unsigned i = 1; i < tries && wait < QUEUE_LAST; i++)
		wait *= 2;
	snprintf(text, sizeof(text), "%.200s %.80s %u", q->c.host, c->name, tries);
	wait += wait / 4 * (usec_t)(hash_text(text) % 256) / 256;
	return wait < QUEUE_LAST ? wait : QUEUE_LAST;
}

static void
delivered(struct alert_queue *q, struct channel *c, const struct alert_parcel *p, usec_t now)
{
	if (p->batch) {
		alert_rows_delete_batch(&q->rows, p->batch);
		c->summed = now;
	} else {
		alert_rows_delete(&q->rows, p->row);
	}
	alert_rows_note_sent(&q->rows, c->name, now);
	c->delivered++;
	c->failures = 0;
	c->hold = c->failing = c->full = 0;
	c->last = now;
	c->trouble[0] = '\0';
}

static void
set_trouble(struct channel *c, const char *words)
{
	alert_text_copy(c->trouble, sizeof(c->trouble), words && *words ? words : "no answer");
}

/* A message that is not wanted waits alone, others of the channel are tried; all else holds up the
 * channel. */
static void
not_delivered(struct alert_queue *q, struct channel *c, const struct alert_parcel *p,
    const struct alert_result *r, usec_t now)
{
	usec_t asked = (usec_t)r->retry_after * USEC_PER_SEC, wait;

	c->failed++;
	c->failures++;
	if (c->failing == 0)
		c->failing = now;
	set_trouble(c, r->words);
	wait = back_off(q, c, c->failures);
	if (asked > wait)
		wait = asked < QUEUE_LAST ? asked : QUEUE_LAST;
	if (r->status != COURIER_REFUSED || c->failures >= 3)
		c->hold = now + wait;
	if (!p->batch)
		alert_rows_land(&q->rows, p->row, now + wait);
	else if (r->status == COURIER_REFUSED)
		alert_rows_break_batch(&q->rows, p->batch);
}

void
alert_queue_done(struct alert_queue *q, uint32_t channel, struct alert_parcel *p,
    const struct alert_result *r, usec_t now)
{
	_cleanup_(alert_parcel_freep) struct alert_parcel *mine = p;
	struct channel *c = &q->channels[channel];

	c->busy = false;
	if (r->status == COURIER_DONE)
		delivered(q, c, mine, now);
	else
		not_delivered(q, c, mine, r, now);
	save_channel(q, c);
}

void
alert_queue_put_back(struct alert_queue *q, uint32_t channel, struct alert_parcel *p)
{
	_cleanup_(alert_parcel_freep) struct alert_parcel *mine = p;

	q->channels[channel].busy = false;
	if (!mine->batch)
		alert_rows_land(&q->rows, mine->row, 0);
}

void
alert_queue_settled(struct alert_queue *q, uint32_t channel)
{
	q->channels[channel].lost_now = 0;
	save_channel(q, &q->channels[channel]);
}

usec_t
alert_queue_turn(struct alert_queue *q, usec_t now)
{
	usec_t next = USEC_NEVER;

	for (uint32_t i = 0; i < q->n; i++) {
		struct channel *c = &q->channels[i];
		uint32_t old = alert_rows_give_up(&q->rows, c->name, now - QUEUE_AGE);
		usec_t again;

		if (old > 0)
			lose(q, c, old);
		if (c->busy)
			continue;
		if (decide(q, c, now, &again) != TURN_NOTHING)
			again = now;
		if (again < next)
			next = again;
	}
	return next;
}

void
alert_queue_note_test(
    struct alert_queue *q, uint32_t channel, const struct alert_result *r, usec_t now)
{
	struct channel *c = &q->channels[channel];

	if (r->status == COURIER_DONE) {
		c->trouble[0] = '\0';
		c->hold = c->failing = 0;
		c->failures = 0;
		c->last = now;
	} else {
		set_trouble(c, r->words);
	}
	save_channel(q, c);
}

/* --- asking --- */

void
alert_queue_ask(
    const struct alert_queue *q, uint32_t channel, usec_t now, struct alert_queue_channel *out)
{
	const struct channel *c = &q->channels[channel];
	usec_t oldest;

	*out = (struct alert_queue_channel){.counts = {.delivered = c->delivered,
						.failed = c->failed,
						.queued = alert_rows_of_channel(&q->rows, c->name),
						.trouble = c->trouble[0] ? c->trouble : NULL,
						.last = c->last},
	    .lost = c->lost,
	    .lost_now = c->lost_now,
	    .failing = c->failing,
	    .next = c->hold,
	    .this_hour = alert_rows_sent(&q->rows, c->name, now - QUEUE_HOUR, &oldest)};
}

uint32_t
alert_queue_length(const struct alert_queue *q)
{
	return alert_rows_length(&q->rows);
}

uint64_t
alert_queue_told(const struct alert_queue *q)
{
	return q->told;
}

uint64_t
alert_queue_lost(const struct alert_queue *q)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < q->n; i++)
		n += q->channels[i].lost;
	return n;
}
