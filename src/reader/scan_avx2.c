/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/scan_masks.h"

#ifdef __x86_64__
#include <immintrin.h>

#define TARGET __attribute__((target("avx2")))

typedef __m256i vec;

#define vec_and     _mm256_and_si256
#define vec_shuffle _mm256_shuffle_epi8
#define vec_ones()  _mm256_set1_epi8(-1)
#define SCAN_KERNEL scan_masks_avx2

static inline TARGET __m256i
table(const uint8_t *t)
{
	return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)t));
}

#include "reader/scan_frame.inc"

static inline TARGET uint32_t
half(const struct set *sets, unsigned n, const char *text)
{
	const vec nibble = _mm256_set1_epi8(15);
	vec low[4], high[4], found;

#pragma GCC unroll 4
	for (int i = 0; i < 4; i++) {
		vec v = _mm256_loadu_si256((const vec *)(text + i));

		low[i] = _mm256_and_si256(v, nibble);
		high[i] = _mm256_and_si256(_mm256_srli_epi16(v, 4), nibble);
	}
	found = buckets(&sets[0], low, high);
	if (n > 1)
		found = _mm256_or_si256(found, buckets(&sets[1], low, high));
	found = _mm256_cmpeq_epi8(found, _mm256_setzero_si256());
	return ~(uint32_t)_mm256_movemask_epi8(found);
}

static inline TARGET uint64_t
block_mask(const struct set *sets, unsigned n, const char *text)
{
	return half(sets, n, text) | (uint64_t)half(sets, n, text + 32) << 32;
}
#endif
