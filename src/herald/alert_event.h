/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One thing to tell, as it is queued and as the templates see it; and several of them together.
 * Text comes in from the judge, from log paths, from other hosts: alert_text_copy makes it valid
 * UTF-8 in one line before anything else sees it. Bounded: ALERT_SUBJECT_MAX, ALERT_WORDS_MAX.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"
#include "wire/alert.h"

#define ALERT_EPISODE_MAX 17 /* bytes with the NUL: 16 hex digits */
#define ALERT_ID_MAX      40

/* What is told of an alert. */
enum alert_telling {
	TELL_RAISED,
	TELL_CHANGED,  /* other words or severity */
	TELL_STANDING, /* again, after alerts.repeat */
	TELL_ENDED,
	TELL_HAPPENED, /* a moment: has no end */
	TELL_TEST,
	TELLINGS,
};

struct alert_event {
	char episode[ALERT_EPISODE_MAX]; /* the same from its beginning to its end, and nowhere else
					  */
	uint32_t serial;                 /* of what is told of it, from 1 */
	uint8_t kind;                    /* enum alert_kind */
	uint8_t severity, before;        /* before: as it was told last */
	uint8_t worst;                   /* that it had in this episode */
	uint8_t telling;                 /* enum alert_telling */
	bool untold;    /* its end, and its beginning could not be told to this channel */
	uint32_t times; /* a moment: so often since it was told last; else how often it was told */
	usec_t since, at; /* real time: when it began; when this was to be told */
	char subject[ALERT_SUBJECT_MAX], words[ALERT_WORDS_MAX];
};

/* What one delivery says: one event, or many as a summary. */
struct alert_bundle {
	char id[ALERT_ID_MAX]; /* the same at each try */
	const char *host;
	const struct alert_event *events; /* those that are shown, the worst first */
	unsigned n;
	bool summary;
	unsigned total;                /* of a summary: n, and those that are not shown */
	uint32_t by_kind[ALERT_KINDS]; /* of a summary: all */
	uint8_t severity;              /* the worst */
	usec_t made;                   /* when it was put together */
	usec_t lasts;                  /* what stands is told again within this; 0: it is not */
};

const char *alert_telling_name(unsigned telling); /* "raised", ..., "test" */
/* For people: "exposure gap", "host shut out", ...; and a name in one word: "GuarddExposureGap". */
const char *alert_kind_words(unsigned kind);
const char *alert_kind_label(unsigned kind);
/* Copies what fits of in: UTF-8, one line, no control characters, none that turn the direction of
 * text; what is no UTF-8 becomes U+FFFD. */
void alert_text_copy(char *out, size_t room, const char *in);
/* 16 hex digits of kind, subject, host and time. */
void alert_episode(char out[static ALERT_EPISODE_MAX], const char *host, unsigned kind,
    const char *subject, usec_t since);
