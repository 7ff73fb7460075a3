/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One state per kind and subject, kept in the store: what stands, and moments of the last hour.
 * Comes in: raise, end and moment, with the time as an argument. Goes out: a call of tell for each
 * thing that people are to be told. Bounded: ALERTS_STANDING states; ALERT_CHANGE between changes
 * of words, ALERT_AGAIN between moments, of one state.
 */
#pragma once

#include "herald/alert_event.h"
#include "herald/alerts.h"
#include "herald/store.h"

#define ALERT_CHANGE (600 * USEC_PER_SEC)
#define ALERT_AGAIN  (3600 * USEC_PER_SEC)

struct alert_states;

typedef void (*alert_tell)(void *ctx, const struct alert_event *e);

struct alert_states_config {
	struct store *store;
	const char *host; /* lent */
	usec_t repeat;    /* 0: never */
	alert_tell tell;
	void *ctx;
};

/* Takes up what the store has. -ENOMEM, or what the store says. */
int alert_states_new(struct alert_states **out, const struct alert_states_config *c, usec_t now);
void alert_states_free(struct alert_states *s);
DEFINE_FREEP(struct alert_states, alert_states_free)

void alert_states_raise(struct alert_states *s, const struct alert_note *n, usec_t now);
void alert_states_end(struct alert_states *s, enum alert_kind kind, const char *subject,
    const char *words, usec_t now);
void alert_states_moment(struct alert_states *s, const struct alert_note *n, usec_t now);

/* The judge says all that stands, of the kinds that are its own; what it did not say has ended. */
void alert_states_begin(struct alert_states *s);
void alert_states_said_all(struct alert_states *s, usec_t now);
/* While it is away, its alerts are not told again. */
void alert_states_away(struct alert_states *s);

/* Tells what is due by now; returns when to call again, USEC_NEVER: nothing waits. */
usec_t alert_states_turn(struct alert_states *s, usec_t now);

/* What stands, in order of its beginning: index 0 and on. False: no more. */
bool alert_states_get(const struct alert_states *s, unsigned i, struct alert_event *out);
bool alert_states_stands(const struct alert_states *s, enum alert_kind kind, const char *subject);
unsigned alert_states_count(const struct alert_states *s, uint32_t standing[SEVERITIES]);
/* Ends all of a kind: nobody is there to say that they ended. */
void alert_states_end_kind(struct alert_states *s, enum alert_kind kind, usec_t now);
/* Subjects of a kind that stand, one call each; s may be changed by it only behind the last. */
void alert_states_each(const struct alert_states *s, enum alert_kind kind,
    void (*fn)(void *ctx, const char *subject), void *ctx);
/* So many alerts were not taken in, as ALERTS_STANDING states were there. */
uint64_t alert_states_lost(const struct alert_states *s);
