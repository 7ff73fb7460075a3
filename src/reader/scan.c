/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/scan.h"

#include "reader/scan_index.h"

#define MASKS 64 /* blocks between two looks at what was found */
#define FEW   3

struct scan_text {
	const char *text;
	size_t n;
	scan_hit_fn hit;
	void *ctx;
};

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
	uint32_t bucket = scan_bucket(scan_slot(value));

	for (uint32_t i = s->buckets[bucket]; i < s->buckets[bucket + 1]; i++) {
		const struct scan_window *w = &s->windows[i];
		size_t begin = at - w->at;

		if (value != w->value || w->at > at || begin + w->len > n)
			continue;
		if (w->len > SCAN_WINDOW &&
		    scan_load(text + begin + w->len - SCAN_WINDOW) != w->last)
			continue;
		if (stands_at(&s->literals[w->literal], text + begin))
			hit(ctx, s->literals[w->literal].id, begin);
	}
}

/* stride is a constant in each caller, so that the inner loop unrolls. */
static inline __attribute__((always_inline)) void
run(const struct scan *s, const char *text, size_t n, scan_hit_fn hit, void *ctx, unsigned stride)
{
	enum { STEP = 8 };
	size_t at = 0;

	for (; at + (STEP - 1) * stride + SCAN_WINDOW <= n; at += STEP * stride) {
		uint32_t any = 0;

#pragma GCC unroll 8
		for (unsigned i = 0; i < STEP; i++)
			any |=
			    (uint32_t)scan_marked(s, scan_slot(scan_load(text + at + i * stride)))
			    << i;
		for (; any; any &= any - 1) {
			size_t place = at + __builtin_ctz(any) * stride;

			compare(s, text, n, place, scan_load(text + place), hit, ctx);
		}
	}
	for (; at + SCAN_WINDOW <= n; at += stride)
		if (scan_marked(s, scan_slot(scan_load(text + at))))
			compare(s, text, n, at, scan_load(text + at), hit, ctx);
}

static void
run_tail(const struct scan *s, const char *text, size_t n, scan_hit_fn hit, void *ctx)
{
	char last[SCAN_WINDOW] = {0};

	memcpy(last, text + n - SCAN_LEAST, SCAN_LEAST);
	if (scan_marked(s, scan_slot(scan_load(last))))
		compare(s, text, n, n - SCAN_LEAST, scan_load(last), hit, ctx);
}

static void
run_portable(const struct scan *s, const char *text, size_t n, scan_hit_fn hit, void *ctx)
{
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

/* What the masks say of text that stands at a place in all of it: kept when it is a window indeed,
 * without a branch, then compared. */
static inline void
look(const struct scan *s, const uint64_t *masks, size_t blocks, const char *p, size_t at,
    const struct scan_text *t)
{
	uint16_t places[MASKS * SCAN_BLOCK + FEW];
	size_t n = 0;

	for (size_t b = 0; b < blocks; b++) {
		/* Most blocks have few: always so many turns are cheaper than guessing how many. A
		 * turn that has none left looks at the block's last place and does not keep it. */
		uint64_t m = masks[b];

		if (!m)
			continue;
#pragma GCC unroll 3
		for (int i = 0; i < FEW; i++) {
			bool left = m != 0;

			places[n] = b * SCAN_BLOCK + __builtin_ctzll(m | 1ull << 63);
			n += left & scan_marked(s, scan_slot(scan_load(p + places[n])));
			m &= m - 1;
		}
		for (; __builtin_expect(m != 0, 0); m &= m - 1) {
			places[n] = b * SCAN_BLOCK + __builtin_ctzll(m);
			n += scan_marked(s, scan_slot(scan_load(p + places[n])));
		}
	}
	for (size_t i = 0; i < n; i++)
		compare(s, t->text, t->n, at + places[i], scan_load(p + places[i]), t->hit, t->ctx);
}

static void
run_masks(const struct scan *s, const char *text, size_t n, scan_hit_fn hit, void *ctx)
{
	const struct scan_text t = {text, n, hit, ctx};
	size_t blocks = n > SCAN_AHEAD ? (n - SCAN_AHEAD) / SCAN_BLOCK : 0;
	char rest[2 * SCAN_BLOCK + SCAN_AHEAD] = {0};
	uint64_t masks[MASKS];
	size_t at = 0;

	while (blocks) {
		size_t now = blocks < MASKS ? blocks : MASKS;

		s->masks(&s->tables, text + at, now, masks);
		look(s, masks, now, text + at, at, &t);
		at += now * SCAN_BLOCK;
		blocks -= now;
	}
	/* With zeroes behind it, so that nothing behind the text is read. */
	memcpy(rest, text + at, n - at);
	s->masks(&s->tables, rest, 2, masks);
	look(s, masks, 2, rest, at, &t);
}

void
scan_run(const struct scan *s, const char *text, size_t n, scan_hit_fn hit, void *ctx)
{
	if (!s->n_windows || n < SCAN_LEAST)
		return;
	if (s->masks)
		run_masks(s, text, n, hit, ctx);
	else
		run_portable(s, text, n, hit, ctx);
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

static vec
newlines(const char *text)
{
	const vec newline = {10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10};
	vec v;

	/* A match is -1 in its byte. */
	memcpy(&v, text, sizeof v);
	return -(vec)(v == newline);
}

size_t
scan_newlines(const char *text, size_t n)
{
	enum { STEP = 4 * sizeof(vec), MOST = 255 / 4 }; /* a byte counts to 255 */
	size_t lines = 0, at = 0;

	while (n - at >= STEP) {
		vec counters = {0};

		for (int i = 0; i < MOST && n - at >= STEP; i++, at += STEP)
			counters += newlines(text + at) + newlines(text + at + 16) +
				    newlines(text + at + 32) + newlines(text + at + 48);
		lines += add_up(counters);
	}
	for (; at < n; at++)
		lines += text[at] == '\n';
	return lines;
}
