/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/scan_masks.h"

#ifdef __aarch64__
#include <arm_neon.h>

#define TARGET /* every CPU of this architecture has it */

typedef uint8x16_t vec;

#define vec_and     vandq_u8
#define vec_shuffle vqtbl1q_u8
#define vec_ones()  vdupq_n_u8(0xff)
#define table       vld1q_u8
#define SCAN_KERNEL scan_masks_neon

#include "reader/scan_frame.inc"

/* 0xff for each of 16 bytes where a window may begin. */
static inline uint8x16_t
quarter(const struct set *sets, unsigned n, const char *text)
{
	uint8x16_t low[4], high[4], found;

#pragma GCC unroll 4
	for (int i = 0; i < 4; i++) {
		uint8x16_t v = vld1q_u8((const uint8_t *)text + i);

		low[i] = vandq_u8(v, vdupq_n_u8(15));
		high[i] = vshrq_n_u8(v, 4);
	}
	found = buckets(&sets[0], low, high);
	if (n > 1)
		found = vorrq_u8(found, buckets(&sets[1], low, high));
	return vtstq_u8(found, found);
}

/* There is no movemask: each byte keeps the bit of its place, and neighbours are added up. */
static inline uint64_t
bits(uint8x16_t a, uint8x16_t b, uint8x16_t c, uint8x16_t d)
{
	const uint8x16_t bit = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
	uint8x16_t ab = vpaddq_u8(vandq_u8(a, bit), vandq_u8(b, bit));
	uint8x16_t cd = vpaddq_u8(vandq_u8(c, bit), vandq_u8(d, bit));
	uint8x16_t all = vpaddq_u8(ab, cd);

	return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(all, all)), 0);
}

static inline uint64_t
block_mask(const struct set *sets, unsigned n, const char *text)
{
	return bits(quarter(sets, n, text), quarter(sets, n, text + 16),
	    quarter(sets, n, text + 32), quarter(sets, n, text + 48));
}
#endif
