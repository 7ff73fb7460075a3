/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the files of the translation of regexes share: the run, and the characters and classes of
 * both languages. Only for fail2ban_regex*.c. Comes in: the text at a place. Goes out: its
 * counterpart, onto the run's text. Bounded by the text.
 */
#pragma once

#include <stdint.h>

#include "base/strbuf.h"
#include "conf/fail2ban_regex.h"

enum regex_flag {
	FLAG_CASELESS = 1 << 0,
	FLAG_MULTILINE = 1 << 1,
	FLAG_DOTALL = 1 << 2,
	FLAG_VERBOSE = 1 << 3,
	FLAG_ASCII = 1 << 4,
	FLAG_NOTHING = 1 << 5, /* u and L, of which nothing is left */
};

struct regex_run {
	struct arena *arena;
	const char *text;
	size_t n, at;
	struct f2b_regex_as as;
	unsigned global; /* of the whole */
	unsigned flags;  /* here */
	unsigned depth;
	struct list groups; /* of struct regex_group, in the order they open */
	struct strbuf out;
	struct f2b_regex *result;
};

/* Always -EINVAL. at: of the construct. */
int regex_fail(struct regex_run *t, size_t at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The character at t->at, past which it goes; UINT32_MAX: no UTF-8. Not at the end. */
uint32_t regex_char(struct regex_run *t);
/* A character that stands for itself; in_set: between [ and ]. */
void regex_put_char(struct regex_run *t, uint32_t c, bool in_set);
/*
 * \n, \x41, \u0041, \101 and what else stands for one character; the backslash is behind t->at.
 * 0; 1: it is something else, t->at is unchanged; -EINVAL.
 */
int regex_char_escape(struct regex_run *t, bool in_set, uint32_t *c);
/* A class behind its [. 0 or -EINVAL. */
int regex_class(struct regex_run *t);
/* What \d, \w, \s and their opposites are when only ASCII counts; NULL: no such letter. */
const char *regex_ascii_class(char letter);
