/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Bans in the log: each one on a line, but in a storm only the first of each second, and then how
 * many more there were; `guardctl list` has them all. Comes in: bans that are in force, or dry.
 * Goes out: log lines. Bounded: BAN_LOG_BURST and one more line a second; a timer runs only while
 * bans are left unsaid.
 */
#pragma once

#include <event2/event.h>

#include "judge/bans.h"
#include "judge/rules.h"

#define BAN_LOG_BURST 100

struct ban_log {
	const struct rules *rules;
	/* A storm of other hosts' bans must not hide this host's own. */
	struct ban_log_share {
		const char *whose; /* behind "more were banned" */
		struct event *rest;
		unsigned said, unsaid; /* since the second began */
		usec_t second;         /* monotonic */
	} own, foreign;
};

/* rules must outlive it. -ENOMEM. */
int ban_log_init(struct ban_log *l, struct event_base *base, const struct rules *rules);
/* Tells of what is left. */
void ban_log_fini(struct ban_log *l);
void ban_log_add(struct ban_log *l, const struct ban *x);
