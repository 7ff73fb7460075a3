/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Which pattern of a filter came furthest on a line that none matched, for people who write
 * patterns. Comes in: the image and what the patterns saw. Goes out: the pattern and the places
 * where it stopped, in the line and in itself. Slow (every pattern is compiled again, with
 * callouts); bounded by MATCH_LIMIT per pattern.
 */
#pragma once

#include "wire/image.h"

struct nearest {
	uint32_t pattern; /* IMAGE_PATTERNS */
	size_t at;        /* in the text */
	size_t regex_at,
	    regex_len; /* in the regex, placeholders expanded: the item that did not fit */
};

/* False when the filter has no pattern that got beyond its first item. */
bool nearest_find(
    struct nearest *out, const struct image *img, uint32_t filter, const char *text, size_t n);
