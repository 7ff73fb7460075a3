/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "watcher/burst.h"

#define QUIET  (10 * USEC_PER_MSEC)
#define LATEST (50 * USEC_PER_MSEC)
#define SPACE  USEC_PER_SEC
#define SHARE  5 /* a dump of 1 s is followed by the next after 5 s */

void
burst_change(struct burst *b, usec_t now)
{
	if (!b->changes)
		b->first = now;
	b->last = now;
	if (b->changes < UINT32_MAX)
		b->changes++;
}

usec_t
burst_due(const struct burst *b)
{
	usec_t due = b->last + QUIET;

	if (!b->changes)
		return USEC_NEVER;
	if (due > b->first + LATEST)
		due = b->first + LATEST;
	return due > b->next ? due : b->next;
}

void
burst_done(struct burst *b, usec_t began, usec_t now)
{
	usec_t space = (now - began) * SHARE;

	b->next = began + (space > SPACE ? space : SPACE);
	b->changes = 0;
}
