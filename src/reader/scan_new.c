/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/scan.h"

#include <errno.h>

#include "reader/scan_index.h"
#include "reader/scan_pick.h"
#include "reader/scan_tables.h"

#define STRIDE_MAX 4
#define NO_SHAPE   UINT32_MAX
#define PASSES_MAX 150000 /* of a million places: with more the portable scan is as fast */

static const struct scan_masks *forced;

static void
mark(struct scan *s, uint32_t value)
{
	uint32_t hash = scan_slot(value);

	s->bitmap[hash >> 5] |= 1u << (hash & 31);
}

static void
add_window(struct scan *s, uint32_t literal, unsigned at, uint32_t value)
{
	const struct scan_literal *l = &s->literals[literal];

	mark(s, value);
	s->windows[s->n_windows++] = (struct scan_window){
	    .value = value,
	    .last = l->len < SCAN_WINDOW ? 0 : scan_load(l->text + l->len - SCAN_WINDOW),
	    .literal = literal,
	    .at = at,
	    .len = l->len,
	};
}

/* Three bytes and any fourth, as text may go on: each hashes elsewhere, so each is a window. */
static void
add_short(struct scan *s, uint32_t literal)
{
	char bytes[SCAN_WINDOW];

	memcpy(bytes, s->literals[literal].text, SCAN_LEAST);
	for (int c = 0; c < 256; c++) {
		if (!(c & 0x20))
			continue;
		bytes[3] = c;
		add_window(s, literal, 0, scan_load(bytes));
	}
	s->tail = true;
}

static void
add_literal(struct scan *s, uint32_t literal, unsigned first)
{
	const struct scan_literal *l = &s->literals[literal];

	if (l->len < SCAN_WINDOW) {
		add_short(s, literal);
		return;
	}
	for (unsigned i = 0; i < s->stride; i++)
		add_window(s, literal, first + i, scan_load(l->text + first + i));
}

/* By counting: qsort(3) asks the kernel for the size of memory, which a sealed process may not. */
static int
index_windows(struct scan *s)
{
	struct scan_window *sorted = calloc(s->n_windows + 1, sizeof *sorted);

	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < s->n_windows; i++)
		s->buckets[scan_bucket(scan_slot(s->windows[i].value)) + 1]++;
	for (size_t b = 0; b < 1u << SCAN_BUCKET_BITS; b++)
		s->buckets[b + 1] += s->buckets[b];
	/* Each bucket's beginning moves to its end, and is put back below. */
	for (size_t i = 0; i < s->n_windows; i++)
		sorted[s->buckets[scan_bucket(scan_slot(s->windows[i].value))]++] = s->windows[i];
	memmove(s->buckets + 1, s->buckets, sizeof s->buckets - sizeof s->buckets[0]);
	s->buckets[0] = 0;
	free(s->windows);
	s->windows = sorted;
	return 0;
}

static void
add_nibbles(struct scan_shape *shape, unsigned place, uint8_t c)
{
	shape->low[place] |= 1u << (c & 15);
	shape->high[place] |= 1u << (c >> 4);
}

static void
add_shape(struct scan_shape *shape, const struct scan_literal *l, unsigned at)
{
	for (unsigned i = 0; i < SCAN_WINDOW; i++) {
		if (at + i == l->len) {
			shape->low[i] = shape->high[i] = UINT16_MAX;
			return;
		}
		uint8_t c = l->text[at + i];

		add_nibbles(shape, i, c);
		if (l->caseless && c >= 'a' && c <= 'z')
			add_nibbles(shape, i, c - 32);
	}
}

/* The index of the first window with this one's value. */
static size_t
first_like(const struct scan *s, size_t window)
{
	size_t i = s->buckets[scan_bucket(scan_slot(s->windows[window].value))];

	while (s->windows[i].value != s->windows[window].value)
		i++;
	return i;
}

/* A literal of three bytes has windows that differ in what follows it: one of them tells all. */
static bool
is_repetition(const struct scan_window *w)
{
	char bytes[SCAN_WINDOW];

	memcpy(bytes, &w->value, sizeof bytes);
	return w->len < SCAN_WINDOW && bytes[SCAN_LEAST] != ' ';
}

/* One shape a value. */
static size_t
gather_shapes(const struct scan *s, struct scan_shape *shapes, uint32_t *of)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n_windows; i++) {
		const struct scan_window *w = &s->windows[i];
		size_t first = first_like(s, i);

		of[i] = NO_SHAPE;
		if (is_repetition(w))
			continue;
		of[i] = of[first] != NO_SHAPE ? of[first] : n++;
		add_shape(&shapes[of[i]], &s->literals[w->literal], w->at);
	}
	return n;
}

static int
make_tables(struct scan *s, const struct scan_pick *pick)
{
	_cleanup_(freep) struct scan_shape *shapes = calloc(s->n_windows + 1, sizeof *shapes);
	_cleanup_(freep) uint32_t *of = calloc(s->n_windows + 1, sizeof *of);
	uint32_t bytes[256];

	if (!shapes || !of)
		return -ENOMEM;
	for (int c = 0; c < 256; c++)
		bytes[c] = scan_pick_byte(pick, c);
	return scan_tables_fill(
	    &s->tables, shapes, gather_shapes(s, shapes, of), bytes, &s->passes);
}

/* How many windows there will be, and the widest stride that all literals allow. */
static int
measure(
    struct scan *s, const struct scan_literal *literals, size_t n, unsigned stride, size_t *windows)
{
	size_t shorts = 0;

	s->stride = stride;
	for (size_t i = 0; i < n; i++) {
		if (literals[i].len < SCAN_LEAST)
			return -EINVAL;
		if (literals[i].len < SCAN_WINDOW)
			shorts++;
		while (s->stride > 1 && literals[i].len < SCAN_WINDOW + s->stride - 1)
			s->stride--;
	}
	*windows = shorts * 128 + n * s->stride;
	return 0;
}

/* With masks every place is looked at, so that a literal has one window. */
static int
fill(struct scan *s, const struct scan_literal *literals, size_t n, scan_masks_fn masks)
{
	_cleanup_(scan_pick_freep) struct scan_pick *pick = NULL;
	_cleanup_(freep) uint16_t *at = calloc(n + 1, sizeof *at);
	size_t windows = 0;
	int r = measure(s, literals, n, masks ? 1 : STRIDE_MAX, &windows);

	if (r < 0)
		return r;
	s->literals = calloc(n + 1, sizeof *s->literals);
	s->windows = calloc(windows + 1, sizeof *s->windows);
	if (!at || !s->literals || !s->windows || scan_pick_new(&pick) < 0)
		return -ENOMEM;
	if (n)
		memcpy(s->literals, literals, n * sizeof *literals);
	scan_pick_all(pick, literals, n, s->stride, at);
	for (size_t i = 0; i < n; i++)
		add_literal(s, i, at[i]);
	s->masks = masks;
	r = index_windows(s);
	return r < 0 || !masks ? r : make_tables(s, pick);
}

static int
make(struct scan **out, const struct scan_literal *literals, size_t n, scan_masks_fn masks)
{
	_cleanup_(scan_freep) struct scan *s = calloc(1, sizeof *s);
	int r;

	if (!s)
		return -ENOMEM;
	r = fill(s, literals, n, masks);
	if (r < 0)
		return r;
	*out = s;
	s = NULL;
	return 0;
}

int
scan_new(struct scan **out, const struct scan_literal *literals, size_t n)
{
	const struct scan_masks *best = forced ? forced : scan_masks_best();
	int r;

	if (n > SCAN_LITERALS)
		return -E2BIG;
	r = make(out, literals, n, best->run);
	if (r < 0 || forced || (*out)->passes <= PASSES_MAX)
		return r;
	scan_free(*out);
	return make(out, literals, n, NULL);
}

const char *const *
scan_variants(void)
{
	static const char *names[8];
	const struct scan_masks *list;
	size_t n, usable = 0;

	list = scan_masks_list(&n);
	for (size_t i = 0; i < n; i++)
		if (list[i].usable())
			names[usable++] = list[i].name;
	return names;
}

int
scan_force(const char *name)
{
	const struct scan_masks *list;
	size_t n;

	forced = NULL;
	if (!name)
		return 0;
	list = scan_masks_list(&n);
	for (size_t i = 0; i < n; i++)
		if (list[i].usable() && !strcmp(list[i].name, name)) {
			forced = &list[i];
			return 0;
		}
	return -ENOENT;
}

void
scan_free(struct scan *s)
{
	if (!s)
		return;
	free(s->windows);
	free(s->literals);
	free(s);
}
