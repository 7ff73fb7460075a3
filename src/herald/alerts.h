/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Alerts: one state per kind and subject, told when it begins, when it changes, every alerts.repeat
 * while it stands, and when it ends. Comes in: the judge's alerts, those of the herald's parts, the
 * shared counters. Goes out: messages into a queue on disk, a row per channel that wants them,
 * delivered with back-off. Bounded: ALERTS_STANDING subjects, ALERTS_QUEUE messages, per_hour of
 * each channel; what does not fit is summed up in a message of its own.
 */
#pragma once

#include "base/json_write.h"
#include "herald/herald.h"
#include "wire/alert.h"

#define ALERTS_STANDING 4096
#define ALERTS_QUEUE    10000

struct alerts;
struct request;

struct alert_note {
	enum alert_kind kind;
	enum alert_severity severity;
	const char *subject, *words; /* UTF-8; cut to ALERT_SUBJECT_MAX, ALERT_WORDS_MAX */
	usec_t since;                /* real time; 0: now */
};

int alerts_new(struct alerts **out, struct herald *h);
void alerts_free(struct alerts *a);

/* It stands. The same words and severity again are no news. */
void alerts_raise(struct alerts *a, const struct alert_note *n);
/* It does not stand any more; nothing happens when it did not. words may be NULL. */
void alerts_end(struct alerts *a, enum alert_kind kind, const char *subject, const char *words);
/* It happened. Told at most once an hour per subject, then with how often. */
void alerts_moment(struct alerts *a, const struct alert_note *n);

/* The judge begins to say all that stands; and has said all: what it did not say has ended. */
void alerts_judge_begins(struct alerts *a);
void alerts_judge_said_all(struct alerts *a);
/* The judge is gone, or back: after a while that is an alert of its own. */
void alerts_judge_gone(struct alerts *a, usec_t since);

struct alerts_counts {
	uint32_t standing[SEVERITIES];
	uint32_t queued;
	uint64_t told,
	    lost; /* messages made; given up as the queue was full or they were too old */
};
struct alerts_channel_counts {
	uint64_t delivered, failed; /* failed: tries */
	uint32_t queued;
	const char *trouble; /* of the last try; NULL: it was delivered, or there was none */
	usec_t last;         /* when one was delivered; 0: none */
};
void alerts_count(const struct alerts *a, struct alerts_counts *out);
/* channel: index into IMAGE_CHANNELS. */
void alerts_count_channel(
    const struct alerts *a, uint32_t channel, struct alerts_channel_counts *out);

/* Requests of the herald's control socket (docs/protocol.md): what stands; channels; a test. */
void alerts_request_list(struct request *q, char *const *words, unsigned n);
void alerts_request_channels(struct request *q, char *const *words, unsigned n);
void alerts_request_test(struct request *q, char *const *words, unsigned n);
