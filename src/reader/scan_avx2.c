/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/scan_masks.h"

#ifdef __x86_64__
#include <immintrin.h>

#define TARGET __attribute__((target("avx2")))

struct set {
	__m256i low[4], high[4];
};

static inline TARGET __m256i
table(const uint8_t *t)
{
	return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)t));
}

/* The buckets that may have a window at each of 32 bytes. */
static inline TARGET __m256i
buckets(const struct set *s, const __m256i *low, const __m256i *high)
{
	__m256i all = _mm256_set1_epi8(-1);

#pragma GCC unroll 4
	for (int i = 0; i < 4; i++)
		all = _mm256_and_si256(all, _mm256_and_si256(_mm256_shuffle_epi8(s->low[i], low[i]),
						_mm256_shuffle_epi8(s->high[i], high[i])));
	return all;
}

static inline TARGET uint32_t
half(const struct set *sets, unsigned n, const char *text)
{
	const __m256i nibble = _mm256_set1_epi8(15);
	__m256i low[4], high[4], found;

#pragma GCC unroll 4
	for (int i = 0; i < 4; i++) {
		__m256i v = _mm256_loadu_si256((const __m256i *)(text + i));

		low[i] = _mm256_and_si256(v, nibble);
		high[i] = _mm256_and_si256(_mm256_srli_epi16(v, 4), nibble);
	}
	found = buckets(&sets[0], low, high);
	if (n > 1)
		found = _mm256_or_si256(found, buckets(&sets[1], low, high));
	found = _mm256_cmpeq_epi8(found, _mm256_setzero_si256());
	return ~(uint32_t)_mm256_movemask_epi8(found);
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
		masks[b] = half(sets, n, text) | (uint64_t)half(sets, n, text + 32) << 32;
}

TARGET void
scan_masks_avx2(const struct scan_tables *t, const char *text, size_t blocks, uint64_t *masks)
{
	if (t->n_sets > 1)
		run(t, text, blocks, masks, 2);
	else
		run(t, text, blocks, masks, 1);
}
#endif
