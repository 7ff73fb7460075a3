/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What people are to be told by the herald: what stands, and what happened. Comes in: notes of the
 * judge's parts. Goes out: packets of MSG_ALERT with its texts, what changed alone, after
 * tell_begin all that stands. Bounded: TELL_STANDING subjects (others are counted), and
 * TELL_MOMENTS that wait for a herald, of which the oldest gives way.
 */
#pragma once

#include "base/cleanup.h"
#include "wire/alert.h"
#include "wire/chan.h"

#define TELL_STANDING 4200 /* all gaps, and what else there is */
#define TELL_MOMENTS  64
#define TELL_KEEP     (3600 * USEC_PER_SEC) /* a moment that waited longer is no news */

struct tell;

struct tell_note {
	enum alert_kind kind;
	enum alert_severity severity;
	const char *subject, *words; /* cut to ALERT_SUBJECT_MAX and ALERT_WORDS_MAX */
	usec_t since;                /* real time */
};

/* wake: there is something to take; called once until it was taken. -ENOMEM. */
int tell_new(struct tell **out, void (*wake)(void *ctx), void *ctx);
void tell_free(struct tell *t);
DEFINE_FREEP(struct tell, tell_free)

/* It stands. The same words and severity again are no news. */
void tell_raise(struct tell *t, const struct tell_note *n);
/* It does not any more; words may be NULL. Nothing happens when it did not. */
void tell_end(struct tell *t, enum alert_kind kind, const char *subject, const char *words);
/* It happened. */
void tell_moment(struct tell *t, const struct tell_note *n);
uint32_t tell_standing(const struct tell *t);

/* --- for who sends it --- */

/* Somebody listens from now on: all that stands is to be said; or nobody does any more. */
void tell_begin(struct tell *t);
void tell_stop(struct tell *t);
/* The next packet about what stands or ended, of n records; false: all was said. tell_said: the
 * packet that was given last is on its way. */
bool tell_next(struct tell *t, struct msg m[static CHAN_BATCH], size_t *n);
bool tell_next_moment(struct tell *t, struct msg m[static CHAN_BATCH], size_t *n, usec_t now);
void tell_said(struct tell *t);
