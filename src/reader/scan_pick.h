/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Which bytes of each literal the scan looks for. Comes in: the literals; a sample of benign lines
 * that is part of the program. Goes out: where in each literal its window begins (or its windows,
 * one behind the other): rare in benign lines, and shared by as many literals as possible. Bounded
 * by the literals: a few passes over their bytes, tables of fixed size.
 */
#pragma once

#include "reader/scan_index.h"

struct scan_pick;

int scan_pick_new(struct scan_pick **out);
void scan_pick_free(struct scan_pick *p);
DEFINE_FREEP(struct scan_pick, scan_pick_free)

/* at[i]: where the first of `stride` windows in a row begins in literal i, 0 where it is shorter.
 */
void scan_pick_all(struct scan_pick *p, const struct scan_literal *literals, size_t n,
    unsigned stride, uint16_t *at);

/* How often the byte stands in the sample, never 0. */
uint32_t scan_pick_byte(const struct scan_pick *p, uint8_t c);
