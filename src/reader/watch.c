/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STRANGE_MAX (sizeof(((struct watches *)0)->strange) / sizeof(int32_t))

void
watches_init(struct watches *w)
{
	memset(w, 0, sizeof(*w));
}

void
watches_fini(struct watches *w)
{
	free(w->items);
	watches_init(w);
}

/* The first item whose wd is not below. */
static size_t
lower(const struct watches *w, int32_t wd)
{
	size_t low = 0, high = w->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (w->items[mid].wd < wd)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* Where wd stands in the list of strangers; n_strange when it does not. */
static size_t
strange_at(const struct watches *w, int32_t wd)
{
	size_t i = 0;

	while (i < w->n_strange && w->strange[i] != wd)
		i++;
	return i;
}

/* When the list ran over, any descriptor may have been on it. */
static bool
was_strange(const struct watches *w, int32_t wd)
{
	return w->strange_overrun || strange_at(w, wd) < w->n_strange;
}

static void
note_strange(struct watches *w, int32_t wd)
{
	if (was_strange(w, wd))
		return;
	if (w->n_strange == STRANGE_MAX)
		w->strange_overrun = true;
	else
		w->strange[w->n_strange++] = wd;
}

void
watches_calm(struct watches *w)
{
	w->n_strange = 0;
	w->strange_overrun = false;
}

static int
grow(struct watches *w)
{
	size_t room = w->room ? w->room * 2 : 64;
	struct watch *grown;

	if (w->n == WATCHES_MAX)
		return -ENOBUFS;
	grown = realloc(w->items, room * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	w->items = grown;
	w->room = room;
	return 0;
}

int
watches_add(struct watches *w, const struct watch *item)
{
	size_t at = lower(w, item->wd), i;
	int r;

	for (i = at; i < w->n && w->items[i].wd == item->wd; i++)
		if (w->items[i].instance == item->instance && w->items[i].source == item->source)
			return 0;
	if (w->n == w->room) {
		r = grow(w);
		if (r < 0)
			return r;
	}
	memmove(w->items + i + 1, w->items + i, (w->n - i) * sizeof(*item));
	w->items[i] = *item;
	w->n++;
	return i == at && was_strange(w, item->wd);
}

const struct watch *
watches_find(struct watches *w, int32_t wd, size_t *n)
{
	size_t at = lower(w, wd), i;

	for (i = at; i < w->n && w->items[i].wd == wd; i++)
		;
	*n = i - at;
	if (*n == 0)
		note_strange(w, wd);
	return w->items + at;
}

static void
keep(struct watches *w, bool (*gone)(const struct watch *, const void *), const void *arg)
{
	size_t kept = 0;

	for (size_t i = 0; i < w->n; i++)
		if (!gone(&w->items[i], arg))
			w->items[kept++] = w->items[i];
	w->n = kept;
}

static bool
is_wd(const struct watch *item, const void *arg)
{
	return item->wd == *(const int32_t *)arg;
}

static bool
is_instance(const struct watch *item, const void *arg)
{
	return item->instance == arg;
}

void
watches_drop_wd(struct watches *w, int32_t wd)
{
	keep(w, is_wd, &wd);
}

void
watches_drop_instance(struct watches *w, const void *instance)
{
	keep(w, is_instance, instance);
}
