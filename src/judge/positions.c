/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "judge/positions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HEAD_MAX 1024 /* struct msg_position */

void
positions_init(struct positions *p)
{
	memset(p, 0, sizeof(*p));
}

void
positions_fini(struct positions *p)
{
	free(p->items);
	positions_init(p);
}

/* Index of the first item whose key is not below. */
static size_t
lower_bound(const struct positions *p, uint64_t key)
{
	size_t low = 0, high = p->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (p->items[mid].at.key < key)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void
remove_at(struct positions *p, size_t index)
{
	memmove(p->items + index, p->items + index + 1, (p->n - index - 1) * sizeof(*p->items));
	p->n--;
}

static void
make_way(struct positions *p)
{
	size_t oldest = 0;

	for (size_t i = 1; i < p->n; i++)
		if (p->items[i].moved < p->items[oldest].moved)
			oldest = i;
	remove_at(p, oldest);
}

static int
make_room(struct positions *p)
{
	size_t room = p->room ? p->room * 2 : 16;
	struct position *items;

	if (p->n == POSITIONS_MAX)
		make_way(p);
	if (p->n < p->room)
		return 0;
	items = reallocarray(p->items, room, sizeof(*items));
	if (!items)
		return -ENOMEM;
	p->items = items;
	p->room = room;
	return 0;
}

static bool
is_position(const struct msg_position *at)
{
	if (at->kind == SOURCE_FILE || at->kind == SOURCE_DOCKER)
		return at->file.head_len <= HEAD_MAX;
	return at->kind == SOURCE_JOURNAL;
}

/* The place of a key, made when it is not there; *made tells. */
static int
get_place(struct positions *p, uint64_t key, bool *made, size_t *index)
{
	int r;

	*index = lower_bound(p, key);
	*made = *index == p->n || p->items[*index].at.key != key;
	if (!*made)
		return 0;
	r = make_room(p);
	if (r < 0)
		return r;
	*index = lower_bound(p, key);
	memmove(p->items + *index + 1, p->items + *index, (p->n - *index) * sizeof(*p->items));
	p->n++;
	return 0;
}

int
positions_set(struct positions *p, const struct msg_position *at, usec_t now)
{
	bool made;
	size_t index;
	int r;

	if (!is_position(at))
		return -EINVAL;
	r = get_place(p, at->key, &made, &index);
	if (r < 0)
		return r;
	p->items[index] = (struct position){*at, now, true};
	p->changed = true;
	return made;
}

int
positions_restore(struct positions *p, const struct msg_position *at, usec_t moved)
{
	bool made;
	size_t index;
	int r;

	if (!is_position(at))
		return -EINVAL;
	r = get_place(p, at->key, &made, &index);
	if (r < 0 || !made)
		return r;
	p->items[index] = (struct position){*at, moved, false};
	return 0;
}

void
positions_saved(struct positions *p)
{
	for (size_t i = 0; i < p->n; i++)
		p->items[i].changed = false;
	p->changed = false;
}

void
positions_change_all(struct positions *p)
{
	for (size_t i = 0; i < p->n; i++)
		p->items[i].changed = true;
	p->changed = p->n > 0;
}

void
positions_forget(struct positions *p, usec_t before)
{
	for (size_t i = p->n; i > 0; i--)
		if (p->items[i - 1].moved < before)
			remove_at(p, i - 1);
}
