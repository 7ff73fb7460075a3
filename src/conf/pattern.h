/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One pattern of a filter: placeholders filled in, compiled as the reader will, checked, its
 * literals found. Comes in: a text of a YAML file. Goes out: the regex for the image and what the
 * scanner looks for; what is wrong goes to the diag, at the column in the file. Bounded:
 * PATTERN_WRITTEN_MAX bytes.
 */
#pragma once

#include "conf/literal.h"
#include "conf/schema.h"
#include "wire/image.h"

#define PATTERN_WRITTEN_MAX 4096
/* The same as the reader's: dollar means the end alone, bytes and not characters. */
#define PATTERN_COMPILE_OPTIONS                                                                    \
	(PCRE2_DOLLAR_ENDONLY | PCRE2_DUPNAMES | PCRE2_NEVER_UTF | PCRE2_NEVER_UCP)

struct pattern {
	enum pattern_kind kind;
	struct text written;
	bool caseless;
	uint16_t points;
	const char *regex; /* NULL until it was made and is fine */
	struct literal *literals;
	size_t n_literals;
};

/* Makes p->regex and the literals from kind, written and caseless. sessions: the filter remembers
 * some. */
void pattern_make(struct pattern *p, struct arena *a, struct diag *d, bool sessions);
