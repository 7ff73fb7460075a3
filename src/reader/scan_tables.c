/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/scan_tables.h"

#include <errno.h>
#include <string.h>

#define BUCKETS_MAX (8 * SCAN_SETS)
#define FEW         12   /* windows for which one set is enough */
#define ROUNDS      3    /* each window may move so often */
#define MANY        1000 /* windows that are placed once */
#define PLACES      4

/* How many windows of the bucket have which nibble where. */
struct bucket {
	uint16_t low[PLACES][16], high[PLACES][16];
	struct scan_shape shape; /* where these are not 0 */
	size_t n;
	double price; /* part of the places in text that pass for it */
};

struct build {
	const struct scan_shape *shapes;
	uint32_t rows[16][2]
		     [256]; /* by high nibble: counts of bytes by set of low ones, in halves */
	double all;         /* sum of counts */
	struct bucket buckets[BUCKETS_MAX];
	unsigned n_buckets;
	uint8_t *in; /* by window */
};

static uint16_t
nibbles(const uint16_t *counts)
{
	uint16_t set = 0;

	for (int i = 0; i < 16; i++)
		set |= (counts[i] > 0) << i;
	return set;
}

static void
sum_rows(struct build *b, const uint32_t *bytes)
{
	for (unsigned high = 0; high < 16; high++)
		for (unsigned half = 0; half < 2; half++)
			for (unsigned low = 1; low < 256; low++)
				b->rows[high][half][low] =
				    b->rows[high][half][low & (low - 1)] +
				    bytes[high << 4 | half << 3 | __builtin_ctz(low)];
	for (unsigned high = 0; high < 16; high++)
		b->all += b->rows[high][0][255] + b->rows[high][1][255];
}

/* Part of the bytes in text that have one of these nibbles low and one of those high. */
static double
part(const struct build *b, uint16_t low, uint16_t high)
{
	uint64_t sum = 0;

	for (unsigned h = high; h; h &= h - 1) {
		const uint32_t(*row)[256] = b->rows[__builtin_ctz(h)];

		sum += row[0][low & 255] + row[1][low >> 8];
	}
	return sum / b->all;
}

/* Of the bucket with one more window, or without (NULL). */
static double
price(const struct build *b, const struct bucket *k, const struct scan_shape *more)
{
	double p = 1;

	if (!k->n && !more)
		return 0;
	for (int i = 0; i < PLACES; i++)
		p *= part(b, k->shape.low[i] | (more ? more->low[i] : 0),
		    k->shape.high[i] | (more ? more->high[i] : 0));
	return p;
}

static void
count(uint16_t *counts, uint16_t set, int by)
{
	for (unsigned s = set; s; s &= s - 1)
		counts[__builtin_ctz(s)] += by;
}

static void
change(struct build *b, size_t bucket, const struct scan_shape *s, int by)
{
	struct bucket *k = &b->buckets[bucket];

	for (int i = 0; i < PLACES; i++) {
		count(k->low[i], s->low[i], by);
		count(k->high[i], s->high[i], by);
		k->shape.low[i] = nibbles(k->low[i]);
		k->shape.high[i] = nibbles(k->high[i]);
	}
	k->n += by;
	k->price = price(b, k, NULL);
}

/* Into the bucket that it makes dearer by the least. */
static void
place(struct build *b, size_t window)
{
	const struct scan_shape *s = &b->shapes[window];
	unsigned best = 0;
	double least = 2;

	for (unsigned i = 0; i < b->n_buckets; i++) {
		double more = price(b, &b->buckets[i], s) - b->buckets[i].price;

		if (more < least) {
			least = more;
			best = i;
		}
	}
	b->in[window] = best;
	change(b, best, s, 1);
}

static void
write_tables(const struct build *b, struct scan_tables *out)
{
	for (unsigned i = 0; i < b->n_buckets; i++)
		for (int at = 0; at < PLACES; at++)
			for (int n = 0; n < 16; n++) {
				const struct bucket *k = &b->buckets[i];

				out->sets[i / 8].low[at][n] |= (k->low[at][n] > 0) << i % 8;
				out->sets[i / 8].high[at][n] |= (k->high[at][n] > 0) << i % 8;
			}
}

int
scan_tables_fill(struct scan_tables *out, const struct scan_shape *shapes, size_t n,
    const uint32_t *bytes, uint32_t *passes)
{
	_cleanup_(freep) struct build *b = calloc(1, sizeof *b);
	_cleanup_(freep) uint8_t *in = calloc(n + 1, 1);
	double sum = 0;

	if (!b || !in)
		return -ENOMEM;
	memset(out, 0, sizeof *out);
	out->n_sets = n > FEW ? SCAN_SETS : 1;
	b->shapes = shapes;
	sum_rows(b, bytes);
	b->n_buckets = 8 * out->n_sets;
	b->in = in;
	for (size_t i = 0; i < n; i++)
		place(b, i);
	for (int round = 1; round < ROUNDS && n < MANY; round++)
		for (size_t i = 0; i < n; i++) {
			change(b, in[i], &shapes[i], -1);
			place(b, i);
		}
	write_tables(b, out);
	for (unsigned i = 0; i < b->n_buckets; i++)
		sum += b->buckets[i].price;
	*passes = 1e6 * (sum < 1 ? sum : 1);
	return 0;
}
