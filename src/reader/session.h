/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What lines of one connection said, for its other lines. Comes in: a session's hash and the parts
 * that a pattern found. Goes out: all that is known of it. Bounded: a fixed table made once, texts
 * of SESSION_TEXT_MAX bytes; a session lives SESSION_LIFE, and the oldest gives way to a new one,
 * which is counted.
 */
#pragma once

#include "base/clock.h"
#include "reader/step_regex.h"

#define SESSIONS_MAX     512
#define SESSION_TEXT_MAX 160 /* of a longer one its beginning */
#define SESSION_LIFE     (300 * USEC_PER_SEC)

/* What is kept: addresses of both families, as one line may name one and another the other. */
enum session_text {
	SESSION_ADDR4,
	SESSION_ADDR6,
	SESSION_NAME,
	SESSION_ID,
	SESSION_USER,
	SESSION_CIDR,
	SESSION_TEXTS,
};

/* Of a line, or of a session with a line's merged in. */
struct facts {
	struct step_value text[SESSION_TEXTS]; /* known is not used */
	bool noted, ends, cleared;
	bool pending; /* an offence came before anything to count it by */
};

struct sessions;

/* -ENOMEM. */
int sessions_new(struct sessions **out);
void sessions_free(struct sessions *s);
DEFINE_FREEP(struct sessions, sessions_free)

/*
 * The line's facts become those of its session, as the session then knows them; valid until the
 * next call. noted is left when what the line says is no offence now.
 */
void sessions_merge(struct sessions *s, uint64_t session, usec_t now, struct facts *line);
/* The session's line found nothing to count by: the next one that does counts in any case. */
void sessions_pending(struct sessions *s, uint64_t session, usec_t now);
/* Sessions that gave way so far. */
uint64_t sessions_evicted(const struct sessions *s);
