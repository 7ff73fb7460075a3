/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Wording that benign lines of common programs share, so that a literal is not chosen for being
 * long alone. Comes in: a text out of a pattern. Goes out: how much of its beginning stands in such
 * lines. It decides speed, never what is found. Bounded by the sample, which is constant; the first
 * call makes its index.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SAMPLE_LEAST 3

/* The longest beginning of n bytes at p (as in struct pattern_text) that stands in the sample: its
 * length, 0 when it is shorter than SAMPLE_LEAST. */
size_t literal_sample_length(const uint16_t *p, size_t n);
