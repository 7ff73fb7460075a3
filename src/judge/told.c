/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "judge/told.h"

bool
told_now(struct told *t, uint64_t key, usec_t now)
{
	unsigned best = 0;

	for (unsigned i = 0; i < TOLD_MAX; i++) {
		if (t->items[i].at && t->items[i].key == key) {
			if (now - t->items[i].at < TOLD_EVERY)
				return false;
			best = i;
			break;
		}
		if (t->items[i].at < t->items[best].at)
			best = i;
	}
	t->items[best].key = key;
	t->items[best].at = now;
	return true;
}
