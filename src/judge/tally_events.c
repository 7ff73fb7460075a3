/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "judge/tally_events.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST 4

static struct tally_event *
items(struct tally_events *v)
{
	return v->room ? v->many : &v->one;
}

void
events_clear(struct tally_events *v)
{
	if (v->room)
		free(v->many);
	memset(v, 0, sizeof(*v));
}

static int
make_room(struct tally_events *v)
{
	uint32_t room = v->room ? v->room * 2 : ROOM_FIRST;
	struct tally_event *many;

	if (v->n < v->room || (v->room == 0 && v->n == 0))
		return 0;
	many = reallocarray(v->room ? v->many : NULL, room, sizeof(*many));
	if (!many)
		return -ENOMEM;
	if (!v->room)
		many[0] = v->one;
	v->many = many;
	v->room = room;
	return 0;
}

static void
remove_at(struct tally_events *v, uint32_t index, uint32_t n)
{
	struct tally_event *e = items(v);

	memmove(e + index, e + index + n, (v->n - index - n) * sizeof(*e));
	v->n -= n;
}

/* Gives the array back when at most one is left. */
static void
shrink(struct tally_events *v)
{
	struct tally_event *many = v->many;

	if (v->n > 1 || !v->room)
		return;
	if (v->n == 1) {
		struct tally_event one = many[0];

		v->one = one;
	}
	v->room = 0;
	free(many);
}

void
events_forget(struct tally_events *v, usec_t before)
{
	const struct tally_event *e = events_first(v);
	uint32_t n = 0;

	while (n < v->n && e[n].time < before)
		n++;
	if (n == 0)
		return;
	remove_at(v, 0, n);
	shrink(v);
}

/* False: a later offence of the same user is there already, which stands for this one too. */
static bool
replace_user(struct tally_events *v, const struct tally_event *e)
{
	const struct tally_event *all = events_first(v);

	for (uint32_t i = 0; i < v->n; i++) {
		if (all[i].user != e->user)
			continue;
		if (all[i].time >= e->time)
			return false;
		remove_at(v, i, 1);
		break;
	}
	return true;
}

int
events_insert(struct tally_events *v, const struct tally_event *e, usec_t within, bool distinct,
    uint32_t *index)
{
	usec_t newest = v->n && events_last(v) > e->time ? events_last(v) : e->time;
	struct tally_event *all;
	uint32_t i;

	*index = UINT32_MAX;
	events_forget(v, newest - 2 * within);
	if (e->time < newest - 2 * within || (distinct && !replace_user(v, e)))
		return 0;
	if (make_room(v) < 0)
		return -ENOMEM;
	all = items(v);
	for (i = v->n; i > 0 && all[i - 1].time > e->time; i--)
		continue;
	memmove(all + i + 1, all + i, (v->n - i) * sizeof(*all));
	all[i] = *e;
	v->n++;
	*index = i;
	return 0;
}

void
events_sum(const struct tally_events *v, uint32_t index, uint32_t threshold, usec_t within,
    struct tally_sum *out)
{
	const struct tally_event *e = events_first(v);
	uint32_t first = index;
	uint64_t points = 0;

	*out = (struct tally_sum){0};
	if (index >= v->n)
		return;
	while (first > 0 && e[first - 1].time >= e[index].time - within)
		points += e[--first].points;
	for (uint32_t i = index; i < v->n && e[i].time <= e[index].time + within; i++) {
		points += e[i].points;
		while (e[first].time < e[i].time - within)
			points -= e[first++].points;
		if (points > out->points)
			out->points = points < UINT32_MAX ? (uint32_t)points : UINT32_MAX;
		if (points >= threshold) {
			out->reached = true;
			out->at = e[i].time;
			out->after = v->n - 1 - i;
			return;
		}
	}
}

uint32_t
events_points(const struct tally_events *v, usec_t within)
{
	const struct tally_event *e = events_first(v);
	uint64_t points = 0;

	for (uint32_t i = v->n; i > 0 && e[i - 1].time >= e[v->n - 1].time - within; i--)
		points += e[i - 1].points;
	return points < UINT32_MAX ? (uint32_t)points : UINT32_MAX;
}

static int
compare(const void *a, const void *b)
{
	const struct tally_event *x = a, *y = b;

	return (x->time > y->time) - (x->time < y->time);
}

int
events_copy(struct tally_events *v, const struct tally_event *from, uint32_t n)
{
	memset(v, 0, sizeof(*v));
	if (n == 1) {
		v->one = from[0];
	} else if (n > 1) {
		v->many = reallocarray(NULL, n, sizeof(*from));
		if (!v->many)
			return -ENOMEM;
		memcpy(v->many, from, n * sizeof(*from));
		qsort(v->many, n, sizeof(*from), compare);
		v->room = n;
	}
	v->n = n;
	return 0;
}
