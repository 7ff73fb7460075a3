/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/scan_masks.h"

#ifdef __x86_64__
#include <immintrin.h>

#define TARGET __attribute__((target("avx512f,avx512bw")))

struct set {
	__m512i low[4], high[4];
};

static inline TARGET __m512i
table(const uint8_t *t)
{
	return _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)t));
}

/* The buckets that may have a window at each of 64 bytes. */
static inline TARGET __m512i
buckets(const struct set *s, const __m512i *low, const __m512i *high)
{
	__m512i all = _mm512_set1_epi8(-1);

#pragma GCC unroll 4
	for (int i = 0; i < 4; i++)
		all = _mm512_and_si512(all, _mm512_and_si512(_mm512_shuffle_epi8(s->low[i], low[i]),
						_mm512_shuffle_epi8(s->high[i], high[i])));
	return all;
}

static inline TARGET uint64_t
block(const struct set *sets, unsigned n, const char *text)
{
	const __m512i nibble = _mm512_set1_epi8(15);
	__m512i v = _mm512_loadu_si512(text), next = _mm512_loadu_si512(text + 16);
	/* A load at each place would nearly always cross a cache line. */
	const __m512i from[4] = {v, _mm512_alignr_epi8(next, v, 1), _mm512_alignr_epi8(next, v, 2),
	    _mm512_alignr_epi8(next, v, 3)};
	__m512i low[4], high[4], found;

#pragma GCC unroll 4
	for (int i = 0; i < 4; i++) {
		low[i] = _mm512_and_si512(from[i], nibble);
		high[i] = _mm512_and_si512(_mm512_srli_epi16(from[i], 4), nibble);
	}
	found = buckets(&sets[0], low, high);
	if (n > 1)
		found = _mm512_or_si512(found, buckets(&sets[1], low, high));
	return _mm512_test_epi8_mask(found, found);
}

/* n is a constant in each caller. */
static inline __attribute__((always_inline)) TARGET void
run(const struct scan_tables *t, const char *text, size_t blocks, uint64_t *masks, unsigned n)
{
	struct set sets[SCAN_SETS];

#pragma GCC unroll 2
	for (unsigned s = 0; s < n; s++)
#pragma GCC unroll 4
		for (int i = 0; i < 4; i++) {
			sets[s].low[i] = table(t->sets[s].low[i]);
			sets[s].high[i] = table(t->sets[s].high[i]);
		}
	for (size_t b = 0; b < blocks; b++, text += SCAN_BLOCK)
		masks[b] = block(sets, n, text);
}

TARGET void
scan_masks_avx512(const struct scan_tables *t, const char *text, size_t blocks, uint64_t *masks)
{
	if (t->n_sets > 1)
		run(t, text, blocks, masks, 2);
	else
		run(t, text, blocks, masks, 1);
}
#endif
