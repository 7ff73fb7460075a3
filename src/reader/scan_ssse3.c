/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/scan_masks.h"

#ifdef __x86_64__
#include <immintrin.h>

#define TARGET __attribute__((target("ssse3")))

struct set {
	__m128i low[4], high[4];
};

static inline TARGET __m128i
table(const uint8_t *t)
{
	return _mm_loadu_si128((const __m128i *)t);
}

/* The buckets that may have a window at each of 16 bytes. */
static inline TARGET __m128i
buckets(const struct set *s, const __m128i *low, const __m128i *high)
{
	__m128i all = _mm_set1_epi8(-1);

#pragma GCC unroll 4
	for (int i = 0; i < 4; i++)
		all = _mm_and_si128(all, _mm_and_si128(_mm_shuffle_epi8(s->low[i], low[i]),
					     _mm_shuffle_epi8(s->high[i], high[i])));
	return all;
}

static inline TARGET uint64_t
quarter(const struct set *sets, unsigned n, const char *text)
{
	const __m128i nibble = _mm_set1_epi8(15);
	__m128i low[4], high[4], found;

#pragma GCC unroll 4
	for (int i = 0; i < 4; i++) {
		__m128i v = _mm_loadu_si128((const __m128i *)(text + i));

		low[i] = _mm_and_si128(v, nibble);
		high[i] = _mm_and_si128(_mm_srli_epi16(v, 4), nibble);
	}
	found = buckets(&sets[0], low, high);
	if (n > 1)
		found = _mm_or_si128(found, buckets(&sets[1], low, high));
	found = _mm_cmpeq_epi8(found, _mm_setzero_si128());
	return (uint16_t)~_mm_movemask_epi8(found);
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
		masks[b] = quarter(sets, n, text) | quarter(sets, n, text + 16) << 16 |
			   quarter(sets, n, text + 32) << 32 | quarter(sets, n, text + 48) << 48;
}

TARGET void
scan_masks_ssse3(const struct scan_tables *t, const char *text, size_t blocks, uint64_t *masks)
{
	if (t->n_sets > 1)
		run(t, text, blocks, masks, 2);
	else
		run(t, text, blocks, masks, 1);
}
#endif
