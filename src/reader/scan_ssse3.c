/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/scan_masks.h"

#ifdef __x86_64__
#include <immintrin.h>

#define TARGET __attribute__((target("ssse3")))

typedef __m128i vec;

#define vec_and     _mm_and_si128
#define vec_shuffle _mm_shuffle_epi8
#define vec_ones()  _mm_set1_epi8(-1)
#define SCAN_KERNEL scan_masks_ssse3

static inline TARGET __m128i
table(const uint8_t *t)
{
	return _mm_loadu_si128((const vec *)t);
}

#include "reader/scan_frame.inc"

static inline TARGET uint64_t
quarter(const struct set *sets, unsigned n, const char *text)
{
	const vec nibble = _mm_set1_epi8(15);
	vec low[4], high[4], found;

#pragma GCC unroll 4
	for (int i = 0; i < 4; i++) {
		vec v = _mm_loadu_si128((const vec *)(text + i));

		low[i] = _mm_and_si128(v, nibble);
		high[i] = _mm_and_si128(_mm_srli_epi16(v, 4), nibble);
	}
	found = buckets(&sets[0], low, high);
	if (n > 1)
		found = _mm_or_si128(found, buckets(&sets[1], low, high));
	found = _mm_cmpeq_epi8(found, _mm_setzero_si128());
	return (uint16_t)~_mm_movemask_epi8(found);
}

static inline TARGET uint64_t
block_mask(const struct set *sets, unsigned n, const char *text)
{
	return quarter(sets, n, text) | quarter(sets, n, text + 16) << 16 |
	       quarter(sets, n, text + 32) << 32 | quarter(sets, n, text + 48) << 48;
}
#endif
