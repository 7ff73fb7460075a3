/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/scan_masks.h"

#ifdef __x86_64__
#include <immintrin.h>

#define TARGET __attribute__((target("avx512f,avx512bw")))

typedef __m512i vec;

#define vec_and     _mm512_and_si512
#define vec_shuffle _mm512_shuffle_epi8
#define vec_ones()  _mm512_set1_epi8(-1)
#define SCAN_KERNEL scan_masks_avx512

static inline TARGET __m512i
table(const uint8_t *t)
{
	return _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)t));
}

#include "reader/scan_frame.inc"

static inline TARGET uint64_t
block_mask(const struct set *sets, unsigned n, const char *text)
{
	const vec nibble = _mm512_set1_epi8(15);
	vec v = _mm512_loadu_si512(text), next = _mm512_loadu_si512(text + 16);
	/* A load at each place would nearly always cross a cache line. */
	const vec from[4] = {v, _mm512_alignr_epi8(next, v, 1), _mm512_alignr_epi8(next, v, 2),
	    _mm512_alignr_epi8(next, v, 3)};
	vec low[4], high[4], found;

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
#endif
