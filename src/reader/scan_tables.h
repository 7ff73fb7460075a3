/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Fills the tables of reader/scan_masks.h. Comes in: the distinct windows, as the nibbles that
 * their bytes have in each place; how common each byte is. Goes out: the tables, with windows in
 * one bucket that are alike, so that little else passes, and how much passes. Bounded by the number
 * of windows, each of which is placed a few times.
 */
#pragma once

#include "base/cleanup.h"
#include "reader/scan_masks.h"

/* Bit n: nibble n is one of this window's in that place. */
struct scan_shape {
	uint16_t low[4], high[4];
};

/* bytes: 256 counts, none 0. *passes: in how many of a million places of such text a window seems
 * to begin. -ENOMEM. */
int scan_tables_fill(struct scan_tables *out, const struct scan_shape *shapes, size_t n,
    const uint32_t *bytes, uint32_t *passes);
