/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Bans in words, for the log and for people who ask. Comes in: bans and rules. Goes out: short
 * texts in the caller's buffers.
 */
#pragma once

#include "judge/bans.h"
#include "judge/rules.h"

#define WHY_MAX 256

/* What a reason is made of, of a ban or of an entry of the history. */
struct why {
	const char *rule, *note; /* note NULL: none */
	usec_t within;           /* 0: not known any more */
	uint32_t points;
	uint16_t level;
	uint8_t flags;        /* BANS_PREFIX */
	bool manual, foreign; /* foreign: the note has it all */
};

struct why why_of(const struct rules *r, const struct ban *x);
/* "5 points in 10m, 1st time", "8 hosts banned, 2nd time", "by hand: NOTE", "from web1: 10
 * points". Returns buf. */
const char *why_text(const struct why *w, char buf[static WHY_MAX]);
/* RFC 3339, or NULL for USEC_NEVER. */
const char *until_text(usec_t t, char buf[static 40]);
/* "banned 203.0.113.7 (ssh: 5 points in 10m, 1st time) until 2026-11-21T22:00:00Z, 1h": to the log.
 */
void text_log_ban(const struct rules *r, const struct ban *x);
