/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "herald/probe_index.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"

/* Where a cell begins, or is over. */
struct point {
	uint32_t key;
	uint16_t cell;
	bool ends;
};

/* The cells that have begun and are not over, in any order. */
struct begun {
	uint16_t *cells, *places; /* places: of each cell among them */
	uint32_t n;
	uint32_t states[VIEW_NO_STATE + 1];
};

static int
by_key(const void *a, const void *b)
{
	const struct point *x = a, *y = b;

	return (x->key > y->key) - (x->key < y->key);
}

static uint32_t
put_points(struct point *points, const struct view *v)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < v->n; i++) {
		const struct view_cell *c = &v->cells[i];

		if (c->port > c->port_high)
			continue;
		points[n++] =
		    (struct point){probe_key(c->proto, c->family, c->port), (uint16_t)i, false};
		points[n++] = (struct point){
		    probe_key(c->proto, c->family, c->port_high) + 1, (uint16_t)i, true};
	}
	qsort(points, n, sizeof(*points), by_key);
	return n;
}

static void
pass(struct begun *b, const struct view *v, const struct point *at)
{
	uint8_t state = v->cells[at->cell].state;
	uint16_t last;

	if (!at->ends) {
		b->states[state]++;
		b->places[at->cell] = (uint16_t)b->n;
		b->cells[b->n++] = at->cell;
		return;
	}
	b->states[state]--;
	last = b->cells[--b->n];
	b->cells[b->places[at->cell]] = last;
	b->places[last] = b->places[at->cell];
}

static void
add_part(struct probe_index *x, const struct begun *b, uint32_t key)
{
	const struct index_part *before = x->n ? &x->parts[x->n - 1] : NULL;
	struct index_part *part = &x->parts[x->n++];

	*part = (struct index_part){.key = key, .first = before ? before->first + before->n : 0};
	while (part->n < b->n && part->n < INDEX_SAME) {
		x->cells[part->first + part->n] = b->cells[part->n];
		part->n++;
	}
	for (unsigned i = 0; i <= VIEW_NO_STATE; i++)
		part->states |= (uint8_t)((b->states[i] > 0) << i);
}

int
index_new(struct probe_index *x, const struct view *v)
{
	_cleanup_(freep) struct point *points = calloc(2 * v->n + 1, sizeof(*points));
	_cleanup_(freep) uint16_t *room = calloc(2 * v->n + 1, sizeof(*room));
	struct begun b = {.cells = room, .places = room + v->n};
	uint32_t n;

	*x = (struct probe_index){
	    .parts = malloc((2 * v->n + 1) * sizeof(*x->parts)),
	    .cells = malloc((2 * v->n + 1) * INDEX_SAME * sizeof(*x->cells)),
	};
	if (!points || !room || !x->parts || !x->cells) {
		index_fini(x);
		return -ENOMEM;
	}
	n = put_points(points, v);
	/* At the same key cells may be over before all that begin have: none is among them twice.
	 */
	for (uint32_t i = 0; i < n; i++) {
		pass(&b, v, &points[i]);
		if (i + 1 == n || points[i + 1].key != points[i].key)
			add_part(x, &b, points[i].key);
	}
	return 0;
}

void
index_fini(struct probe_index *x)
{
	free(x->parts);
	free(x->cells);
	*x = (struct probe_index){0};
}

const struct index_part *
index_find(const struct probe_index *x, const struct probe_row *r)
{
	uint32_t key = probe_row_key(r), low = 0, high = x->n;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (x->parts[mid].key <= key)
			low = mid + 1;
		else
			high = mid;
	}
	return low > 0 && x->parts[low - 1].n > 0 ? &x->parts[low - 1] : NULL;
}
