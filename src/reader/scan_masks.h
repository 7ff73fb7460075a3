/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The vector part of the scan: for each byte of a block, whether a window may begin there. Comes
 * in: tables made of all windows; text. Goes out: one bit per byte, never missing a window, seldom
 * set for nothing. Bounded: tables of fixed size; no state. One file per instruction set.
 *
 * A bucket is a bit. A byte is looked up by its low and by its high nibble: what both tables say is
 * the set of buckets that have a window with such a byte in that place. Four bytes in a row must
 * agree on a bucket. There are 8 buckets in a set, and one or two sets.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCAN_BLOCK 64
#define SCAN_AHEAD 16 /* bytes read behind the last block */
#define SCAN_SETS  2

struct scan_tables {
	struct {
		uint8_t low[4][16], high[4][16]; /* by place in the window, then by nibble */
	} sets[SCAN_SETS];
	unsigned n_sets;
};

/* masks[b], bit i: a window may begin at text[64 * b + i]. */
typedef void (*scan_masks_fn)(
    const struct scan_tables *t, const char *text, size_t blocks, uint64_t *masks);

struct scan_masks {
	const char *name;
	bool (*usable)(void); /* this CPU has it */
	scan_masks_fn run;    /* NULL: the portable scan, which has no masks */
};

/* All of this architecture, best first, the portable one last. */
const struct scan_masks *scan_masks_list(size_t *n);
const struct scan_masks *scan_masks_best(void);

void scan_masks_avx512(
    const struct scan_tables *t, const char *text, size_t blocks, uint64_t *masks);
void scan_masks_avx2(const struct scan_tables *t, const char *text, size_t blocks, uint64_t *masks);
void scan_masks_ssse3(
    const struct scan_tables *t, const char *text, size_t blocks, uint64_t *masks);
void scan_masks_neon(const struct scan_tables *t, const char *text, size_t blocks, uint64_t *masks);
