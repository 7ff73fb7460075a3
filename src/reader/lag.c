/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/lag.h"

#include <stdio.h>
#include <string.h>

void
lag_reset(struct lag *l)
{
	memset(l, 0, sizeof(*l));
}

/* At its pace, what is left takes longer than the bound. */
static bool
will_be_late(const struct lag *l)
{
	if (l->span < LAG_FIRST)
		return false;
	return (double)l->left > (double)l->read / (double)l->span * (double)LAG_BOUND;
}

enum lag_news
lag_note(struct lag *l, bool behind, uint64_t left, uint64_t read, usec_t now)
{
	bool told = l->told;

	if (!behind) {
		if (l->since)
			l->span = now - l->since;
		l->left = left;
		l->since = 0;
		l->told = false;
		return told ? LAG_CAUGHT_UP : LAG_NOTHING;
	}
	/* A clock that was set back begins anew. */
	if (l->since == 0 || l->since > now)
		*l = (struct lag){.since = now, .first = read, .told = told};
	l->span = now - l->since;
	l->left = left;
	l->read = read - l->first;
	if (left > l->peak)
		l->peak = left;
	if (told || (l->span < LAG_BOUND && !will_be_late(l)))
		return LAG_NOTHING;
	l->told = true;
	return LAG_BEHIND;
}

void
lag_describe(const struct lag *l, enum lag_news news, usec_t age, char out[static LAG_TEXT])
{
	bool over = news == LAG_CAUGHT_UP;
	uint64_t bytes = over ? l->peak : l->left;
	char span[40], text[40], most[48] = "", old[64] = "";

	if (bytes > 0)
		snprintf(most, sizeof(most), over ? ", by up to %.1f MB" : ", by %.1f MB",
		    (double)bytes / 1e6);
	if (!over && age > 0)
		snprintf(old, sizeof(old), ", now at lines %s old", clock_format_span(age, text));
	clock_format_span(l->span, span);
	snprintf(out, LAG_TEXT, over ? "after %s%s%s" : "for %s%s%s", span, most, old);
}
