/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Python's regular expressions as PCRE2's. Comes in: a regex in the language of Python's re, for
 * texts, its tags (fail2ban_tags.h) put in already. Goes out: what matches the same under
 * PCRE2_UTF|PCRE2_UCP|PCRE2_DUPNAMES, in one line of printable text, with guardd's names for the
 * groups, in the arena; or the construct that has no counterpart. Bounded by the text's length and
 * F2B_REGEX_DEPTH.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

#define F2B_REGEX_DEPTH 100

/* Meanings of groups that are in a regex. */
enum f2b_has {
	F2B_HAS_ADDR = 1 << 0,
	F2B_HAS_NAME = 1 << 1,
	F2B_HAS_ID = 1 << 2,
	F2B_HAS_SESSION = 1 << 3,
};

struct f2b_regex {
	const char *text;
	const char *flags; /* those of the whole, letters of "ims"; not in text */
	unsigned has;
	bool late_flags; /* flags of the whole stood in the middle: taken for the whole */
	/* Why there is no text: what, at which byte of the regex. */
	const char *why;
	size_t at;
};

struct f2b_regex_as {
	bool date;  /* a template of dates: its %-fields and {words} stay */
	bool cut_1; /* in such a one: what the first group matches is what is cut out */
};

/* 0, or -EINVAL with out->why. */
int f2b_regex(
    struct arena *a, const char *python, const struct f2b_regex_as *as, struct f2b_regex *out);
