/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/prefixset.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void
prefixset_init(struct prefixset *s)
{
	memset(s, 0, sizeof(*s));
}

void
prefixset_fini(struct prefixset *s)
{
	free(s->items);
	prefixset_init(s);
}

void
prefixset_clear(struct prefixset *s)
{
	s->n = 0;
}

int
prefixset_add(struct prefixset *s, const struct prefix *p)
{
	if (s->n == s->room) {
		size_t room = s->room ? s->room * 2 : 16;
		struct prefix *items = reallocarray(s->items, room, sizeof(*items));

		if (!items)
			return -ENOMEM;
		s->items = items;
		s->room = room;
	}
	s->items[s->n++] = *p;
	return 0;
}

static int
compare(const void *a, const void *b)
{
	return prefix_cmp(a, b);
}

void
prefixset_seal(struct prefixset *s)
{
	size_t kept = 0;

	if (s->n == 0)
		return;
	qsort(s->items, s->n, sizeof(*s->items), compare);
	/* In this order a covering prefix stands before all it covers. */
	for (size_t i = 1; i < s->n; i++)
		if (!prefix_covers(&s->items[kept], &s->items[i]))
			s->items[++kept] = s->items[i];
	s->n = kept + 1;
}

/* Index of the first entry whose first address is above a. */
static size_t
upper_bound(const struct prefixset *s, const struct addr *a)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (addr_cmp(&s->items[mid].addr, a) <= 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

bool
prefixset_has(const struct prefixset *s, const struct addr *a)
{
	size_t at = upper_bound(s, a);

	return at > 0 && prefix_has(&s->items[at - 1], a);
}

bool
prefixset_touches(const struct prefixset *s, const struct prefix *p)
{
	size_t at = upper_bound(s, &p->addr);

	if (at > 0 && prefix_overlaps(&s->items[at - 1], p))
		return true;
	return at < s->n && prefix_covers(p, &s->items[at]);
}
