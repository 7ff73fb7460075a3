/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a ban has dropped, read from the kernel just before the kernel ends it and its counters with
 * it. Comes in: the table of bans, by their ends. Goes out: look-ups to the keeper, its answers as
 * packets and bytes of the bans, for the book. A one-shot timer runs only while a ban holds
 * that ends, for the first end. Bounded: DROPS_MOST look-ups a second, DROPS_PAGE open at a time;
 * what has ended before its turn comes goes unread.
 */
#pragma once

#include <event2/event.h>

#include "base/cleanup.h"
#include "judge/bans.h"
#include "judge/enforce.h"

#define DROPS_LEAD (2 * USEC_PER_SEC) /* before the first end */
#define DROPS_SPAN (1 * USEC_PER_SEC) /* and of all that end so soon after it */
#define DROPS_MOST 1024
#define DROPS_PAGE 128

struct drops;

/* turn is made active when bans were counted as over. -ENOMEM. */
int drops_new(struct drops **out, struct event_base *base, struct bans *bans, struct enforce *e,
    struct event *turn);
void drops_free(struct drops *d);
DEFINE_FREEP(struct drops, drops_free)
/* Sets the timer for the first end in the table as it is now (real time). */
void drops_arm(struct drops *d, usec_t now);
/* Takes the answers to its own look-ups; others are left alone. */
void drops_on_answer(struct drops *d, const struct msg *m);
