/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * How rare a text is in logs, and its best piece. Comes in: texts out of a pattern, whose letters
 * may stand for both cases. Goes out: a number of bits (a text of n bits is taken to stand in one
 * of 2^n lines), and the piece of LITERAL_MIN to LITERAL_MAX bytes to look for. Pure but for the
 * arena.
 */
#pragma once

#include "conf/literal.h"

#define TEXT_FOLD 0x100 /* with the lower-case letter: either case */

/* Bytes of a pattern, each with or without TEXT_FOLD. */
struct pattern_text {
	uint16_t *at;
	size_t n;
};

/* Of the any-of set as a whole; 0 when one of its texts has no piece to look for. */
int literal_bits(const struct pattern_text *texts, size_t n);
/* The rarest piece of a text; only for texts that literal_bits did not refuse. */
void literal_cut(struct arena *a, const struct pattern_text *t, struct literal *out);
