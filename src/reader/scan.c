/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/scan.h"

#include <errno.h>
#include <string.h>

#include "reader/scan_sample.h"

#define FOLD                                                                                       \
	0x20202020u /* ASCII letters to lower case; other bytes fall together, which compare sorts \
		       out */
#define WINDOW      4
#define BITMAP_BITS 16
#define BUCKET_BITS 10
#define STRIDE_MAX  4

/*
 * With a stride of s, text is looked at in every s-th place only, and each literal has s windows in
 * a row in the table, one of which must fall on such a place. A literal of three bytes is in the
 * table with every fourth byte there is.
 */
struct window {
	uint32_t value; /* of the folded bytes, as loaded */
	uint32_t literal;
	uint16_t at; /* where in the literal */
	uint16_t bucket;
};

struct scan {
	uint32_t bitmap[1u << (BITMAP_BITS - 5)];
	uint32_t buckets[(1u << BUCKET_BITS) + 1]; /* where each begins in windows */
	struct window *windows;                    /* sorted by bucket */
	struct scan_literal *literals;
	size_t n_windows, n_literals;
	unsigned stride;
	bool tail; /* a literal of three bytes may stand at the very end */
};

static inline uint32_t
load(const char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof v);
	return v | FOLD;
}

static inline uint32_t
slot(uint32_t v)
{
	return (v * 0x9e3779b1u) >> (32 - BITMAP_BITS);
}

static inline uint32_t
bucket_of(uint32_t hash)
{
	return hash >> (BITMAP_BITS - BUCKET_BITS);
}

static inline bool
marked(const struct scan *s, uint32_t hash)
{
	return s->bitmap[hash >> 5] >> (hash & 31) & 1;
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? c | 32 : c;
}

static bool
stands_at(const struct scan_literal *l, const char *p)
{
	if (!l->caseless)
		return !memcmp(p, l->text, l->len);
	for (size_t i = 0; i < l->len; i++)
		if (lower(p[i]) != l->text[i])
			return false;
	return true;
}

/* All literals that have a window of this value here. */
static void
compare(const struct scan *s, const char *text, size_t n, size_t at, uint32_t value,
    scan_hit_fn hit, void *ctx)
{
	uint32_t bucket = bucket_of(slot(value));

	for (uint32_t i = s->buckets[bucket]; i < s->buckets[bucket + 1]; i++) {
		const struct window *w = &s->windows[i];
		const struct scan_literal *l = &s->literals[w->literal];

		if (value != w->value || w->at > at || at - w->at + l->len > n)
			continue;
		if (stands_at(l, text + at - w->at))
			hit(ctx, l->id, at - w->at);
	}
}

/* stride is a constant in each caller, so that the inner loop unrolls. */
static inline __attribute__((always_inline)) void
run(const struct scan *s, const char *text, size_t n, scan_hit_fn hit, void *ctx, unsigned stride)
{
	enum { STEP = 8 };
	size_t at = 0;

	for (; at + (STEP - 1) * stride + WINDOW <= n; at += STEP * stride) {
		uint32_t any = 0;

#pragma GCC unroll 8
		for (unsigned i = 0; i < STEP; i++)
			any |= (uint32_t)marked(s, slot(load(text + at + i * stride))) << i;
		for (; any; any &= any - 1) {
			size_t place = at + __builtin_ctz(any) * stride;

			compare(s, text, n, place, load(text + place), hit, ctx);
		}
	}
	for (; at + WINDOW <= n; at += stride)
		if (marked(s, slot(load(text + at))))
			compare(s, text, n, at, load(text + at), hit, ctx);
}

static void
run_tail(const struct scan *s, const char *text, size_t n, scan_hit_fn hit, void *ctx)
{
	char last[WINDOW] = {0};

	memcpy(last, text + n - SCAN_LEAST, SCAN_LEAST);
	if (marked(s, slot(load(last))))
		compare(s, text, n, n - SCAN_LEAST, load(last), hit, ctx);
}

void
scan_run(const struct scan *s, const char *text, size_t n, scan_hit_fn hit, void *ctx)
{
	if (!s->n_windows)
		return;
	switch (s->stride) {
	case 4:
		run(s, text, n, hit, ctx, 4);
		break;
	case 3:
		run(s, text, n, hit, ctx, 3);
		break;
	case 2:
		run(s, text, n, hit, ctx, 2);
		break;
	default:
		run(s, text, n, hit, ctx, 1);
	}
	if (s->tail && n >= SCAN_LEAST)
		run_tail(s, text, n, hit, ctx);
}

typedef unsigned char vec __attribute__((vector_size(16)));

/* Sum of the 16 counters. */
static size_t
add_up(vec v)
{
	size_t n = 0;

	for (int i = 0; i < 16; i++)
		n += v[i];
	return n;
}

size_t
scan_newlines(const char *text, size_t n)
{
	const vec newline = {10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10};
	size_t lines = 0, at = 0;

	while (n - at >= sizeof(vec)) {
		vec counters = {0};

		/* A match is -1 in its byte; a byte counts to 255. */
		for (int i = 0; i < 255 && n - at >= sizeof(vec); i++, at += sizeof(vec)) {
			vec v;

			memcpy(&v, text + at, sizeof v);
			counters -= (vec)(v == newline);
		}
		lines += add_up(counters);
	}
	for (; at < n; at++)
		lines += text[at] == '\n';
	return lines;
}

/* How common a byte sequence is in benign lines: counts of its 4-, 3- and 2-grams, by hash. */
struct weights {
	uint16_t counts[1u << 16];
};

static uint32_t
gram(const char *p, unsigned n)
{
	uint32_t v = n;

	for (unsigned i = 0; i < n; i++)
		v = (v ^ (uint8_t)(p[i] | 32)) * 0x01000193u + 0x9e37u;
	return (v * 0x9e3779b1u) >> 16;
}

static void
weigh_sample(struct weights *w)
{
	for (size_t line = 0; scan_sample[line]; line++)
		for (const char *p = scan_sample[line]; *p; p++)
			for (unsigned n = 2; n <= WINDOW && p[n - 1]; n++)
				w->counts[gram(p, n)]++;
}

/* Roughly how often the window will be found in vain. */
static uint32_t
weight(const struct weights *w, const char *p)
{
	return 64 * w->counts[gram(p, 4)] +
	       4 * (w->counts[gram(p, 3)] + w->counts[gram(p + 1, 3)]) + w->counts[gram(p, 2)] +
	       w->counts[gram(p + 1, 2)] + w->counts[gram(p + 2, 2)];
}

/* Where in the literal the stride's windows begin that are rarest together. */
static unsigned
choose(const struct weights *w, const struct scan_literal *l, unsigned stride)
{
	uint32_t least = UINT32_MAX;
	unsigned best = 0;

	for (unsigned at = 0; at + stride - 1 + WINDOW <= l->len; at++) {
		uint32_t sum = 0;

		for (unsigned i = 0; i < stride; i++)
			sum += weight(w, l->text + at + i);
		if (sum < least) {
			least = sum;
			best = at;
		}
	}
	return best;
}

static void
mark(struct scan *s, uint32_t value)
{
	uint32_t hash = slot(value);

	s->bitmap[hash >> 5] |= 1u << (hash & 31);
}

static void
add_window(struct scan *s, uint32_t literal, unsigned at, uint32_t value)
{
	mark(s, value);
	s->windows[s->n_windows++] = (struct window){
	    .value = value,
	    .literal = literal,
	    .at = at,
	    .bucket = bucket_of(slot(value)),
	};
}

/* Three bytes and any fourth, as text may go on: each hashes elsewhere, so each is a window. */
static void
add_short(struct scan *s, uint32_t literal)
{
	char bytes[WINDOW];

	memcpy(bytes, s->literals[literal].text, SCAN_LEAST);
	for (int c = 0; c < 256; c++) {
		if (!(c & 0x20))
			continue;
		bytes[3] = c;
		add_window(s, literal, 0, load(bytes));
	}
	s->tail = true;
}

static void
add_literal(struct scan *s, uint32_t literal, const struct weights *w)
{
	const struct scan_literal *l = &s->literals[literal];
	unsigned first;

	if (l->len < WINDOW) {
		add_short(s, literal);
		return;
	}
	first = choose(w, l, s->stride);
	for (unsigned i = 0; i < s->stride; i++)
		add_window(s, literal, first + i, load(l->text + first + i));
}

/* By counting: qsort(3) asks the kernel for the size of memory, which a sealed process may not. */
static int
index_windows(struct scan *s)
{
	struct window *sorted = calloc(s->n_windows + 1, sizeof *sorted);

	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < s->n_windows; i++)
		s->buckets[s->windows[i].bucket + 1]++;
	for (size_t b = 0; b < 1u << BUCKET_BITS; b++)
		s->buckets[b + 1] += s->buckets[b];
	/* Each bucket's beginning moves to its end, and is put back below. */
	for (size_t i = 0; i < s->n_windows; i++)
		sorted[s->buckets[s->windows[i].bucket]++] = s->windows[i];
	memmove(s->buckets + 1, s->buckets, sizeof s->buckets - sizeof s->buckets[0]);
	s->buckets[0] = 0;
	free(s->windows);
	s->windows = sorted;
	return 0;
}

/* How many windows there will be, and the widest stride that all literals allow. */
static int
measure(struct scan *s, const struct scan_literal *literals, size_t n, size_t *windows)
{
	size_t shorts = 0;

	s->stride = STRIDE_MAX;
	for (size_t i = 0; i < n; i++) {
		if (literals[i].len < SCAN_LEAST)
			return -EINVAL;
		if (literals[i].len < WINDOW)
			shorts++;
		while (s->stride > 1 && literals[i].len < WINDOW + s->stride - 1)
			s->stride--;
	}
	*windows = shorts * 128 + n * s->stride;
	return 0;
}

static int
fill(struct scan *s, const struct scan_literal *literals, size_t n)
{
	_cleanup_(freep) struct weights *w = calloc(1, sizeof *w);
	size_t windows = 0;
	int r = measure(s, literals, n, &windows);

	if (r < 0)
		return r;
	s->literals = calloc(n + 1, sizeof *s->literals);
	s->windows = calloc(windows + 1, sizeof *s->windows);
	if (!w || !s->literals || !s->windows)
		return -ENOMEM;
	if (n)
		memcpy(s->literals, literals, n * sizeof *literals);
	s->n_literals = n;
	weigh_sample(w);
	for (size_t i = 0; i < n; i++)
		add_literal(s, i, w);
	return index_windows(s);
}

int
scan_new(struct scan **out, const struct scan_literal *literals, size_t n)
{
	_cleanup_(scan_freep) struct scan *s = NULL;
	int r;

	if (n > SCAN_LITERALS)
		return -E2BIG;
	s = calloc(1, sizeof *s);
	if (!s)
		return -ENOMEM;
	r = fill(s, literals, n);
	if (r < 0)
		return r;
	*out = s;
	s = NULL;
	return 0;
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
