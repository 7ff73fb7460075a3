/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The required literals of a pattern: texts of which every matching line holds at least one, so
 * that a scan for them finds all candidates. Comes in: a pattern's tree. Goes out: a set of texts,
 * chosen to be rare in logs. Bounded: LITERAL_STRINGS_MAX texts of LITERAL_MIN to LITERAL_MAX
 * bytes, without NUL and newline.
 */
#pragma once

#include "conf/regex.h"

#define LITERAL_MIN         3
#define LITERAL_MAX         64
#define LITERAL_STRINGS_MAX 256

struct literal {
	const char *text; /* in lower case when caseless */
	size_t len;
	bool caseless;
};

/* Sets *out to *n texts in the arena; n 0: nothing is known to be in every match. */
void literal_choose(struct arena *a, const struct regex *tree, struct literal **out, size_t *n);
