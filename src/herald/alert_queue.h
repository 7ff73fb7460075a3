/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What is to be told to which channel, in the store until it was delivered. Comes in: events, the
 * results of deliveries, the time as an argument. Goes out: for a channel the next thing to
 * deliver, one event or a summary of many. Bounded: ALERTS_QUEUE rows, of which the least urgent
 * gives way; one delivery of a channel at a time; per_hour of it; QUEUE_AGE, then it is given up
 * and counted. Of one alert at most one row of a channel waits: what comes later takes it in.
 */
#pragma once

#include "herald/alert_event.h"
#include "herald/alerts.h"
#include "herald/store.h"
#include "wire/image.h"
#include "wire/order.h"

#define QUEUE_AGE       (3 * 86400 * USEC_PER_SEC)
#define QUEUE_FIRST     (10 * USEC_PER_SEC) /* before the second try; doubled at each */
#define QUEUE_LAST      (3600 * USEC_PER_SEC)
#define QUEUE_HOUR      (3600 * USEC_PER_SEC)
#define QUEUE_TOGETHER  10                    /* so many that wait become one summary */
#define QUEUE_SUM_EVERY (1200 * USEC_PER_SEC) /* between summaries while the hour is full */
#define QUEUE_SUM_WAIT  (60 * USEC_PER_SEC)   /* before the first of them */
#define QUEUE_SHOWN     50                    /* events of a summary that are shown */

struct alert_queue;

/* One delivery under way. */
struct alert_parcel {
	int64_t row;   /* of one event */
	int64_t batch; /* of a summary; 0: one event */
	struct alert_bundle bundle;
	struct alert_event *events; /* owned; bundle.events */
};

void alert_parcel_free(struct alert_parcel *p);
DEFINE_FREEP(struct alert_parcel, alert_parcel_free)

struct alert_result {
	enum courier_status status;
	const char *words;    /* what the other side said; lent */
	unsigned retry_after; /* seconds; 0: not said */
};

struct alert_queue_config {
	struct store *store;
	const struct image *image;
	const char *host;
};

/* Rows of channels that are not configured any more go; the others are tried at once. */
int alert_queue_new(struct alert_queue **out, const struct alert_queue_config *c, usec_t now);
void alert_queue_free(struct alert_queue *q);
DEFINE_FREEP(struct alert_queue, alert_queue_free)

/* A row for each channel that wants it. */
void alert_queue_add(struct alert_queue *q, const struct alert_event *e, usec_t now);
/* What is next for a channel now; *out is the caller's until alert_queue_done. NULL: nothing is
 * due, or one is under way. */
struct alert_parcel *alert_queue_next(struct alert_queue *q, uint32_t channel, usec_t now);
/* Frees p. */
void alert_queue_done(struct alert_queue *q, uint32_t channel, struct alert_parcel *p,
    const struct alert_result *r, usec_t now);
/* It was not begun after all (no hand is free): as if it had not been asked for. */
void alert_queue_put_back(struct alert_queue *q, uint32_t channel, struct alert_parcel *p);
/* Gives up what is too old; returns when something is due next on any channel that is not busy. */
usec_t alert_queue_turn(struct alert_queue *q, usec_t now);

struct alert_queue_channel {
	struct alerts_channel_counts counts;
	uint64_t lost;      /* given up, or gave way */
	uint64_t lost_now;  /* of these, until alert_queue_settled */
	usec_t failing;     /* since when it does not deliver; 0: it does */
	usec_t next;        /* not before; 0: at once */
	uint32_t this_hour; /* messages delivered in the last hour */
};
void alert_queue_ask(
    const struct alert_queue *q, uint32_t channel, usec_t now, struct alert_queue_channel *out);
/* It was said that the channel delivers again, and what was lost. */
void alert_queue_settled(struct alert_queue *q, uint32_t channel);
/* A test was delivered, or not: it counts for trouble alone. */
void alert_queue_note_test(
    struct alert_queue *q, uint32_t channel, const struct alert_result *r, usec_t now);
uint32_t alert_queue_length(const struct alert_queue *q);
uint64_t alert_queue_told(const struct alert_queue *q);
uint64_t alert_queue_lost(const struct alert_queue *q);
