/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/scan_masks.h"

#ifdef __aarch64__
#include <arm_neon.h>

struct set {
	uint8x16_t low[4], high[4];
};

/* The buckets that may have a window at each of 16 bytes. */
static inline uint8x16_t
buckets(const struct set *s, const uint8x16_t *low, const uint8x16_t *high)
{
	uint8x16_t all = vdupq_n_u8(0xff);

#pragma GCC unroll 4
	for (int i = 0; i < 4; i++)
		all = vandq_u8(
		    all, vandq_u8(vqtbl1q_u8(s->low[i], low[i]), vqtbl1q_u8(s->high[i], high[i])));
	return all;
}

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

/* n is a constant in each caller. */
static inline __attribute__((always_inline)) void
run(const struct scan_tables *t, const char *text, size_t blocks, uint64_t *masks, unsigned n)
{
	struct set sets[SCAN_SETS];

#pragma GCC unroll 2
	for (unsigned s = 0; s < n; s++)
#pragma GCC unroll 4
		for (int i = 0; i < 4; i++) {
			sets[s].low[i] = vld1q_u8(t->sets[s].low[i]);
			sets[s].high[i] = vld1q_u8(t->sets[s].high[i]);
		}
	for (size_t b = 0; b < blocks; b++, text += SCAN_BLOCK)
		masks[b] = bits(quarter(sets, n, text), quarter(sets, n, text + 16),
		    quarter(sets, n, text + 32), quarter(sets, n, text + 48));
}

void
scan_masks_neon(const struct scan_tables *t, const char *text, size_t blocks, uint64_t *masks)
{
	if (t->n_sets > 1)
		run(t, text, blocks, masks, 2);
	else
		run(t, text, blocks, masks, 1);
}
#endif
