/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A pattern as a tree, for what PCRE2 does not tell: which text every match must hold, and what
 * could stand in front of the address. Comes in: the text of a regex that PCRE2 has compiled. Goes
 * out: a tree whose language holds all that PCRE2 matches (it may hold more: lookarounds take no
 * text, and backreferences are not followed). Bounded by the text's length and REGEX_DEPTH_MAX.
 * Constructs that would change the meaning of others (verbs, recursion, conditions, \Q, \K, the
 * options m and x) are refused.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

#define REGEX_DEPTH_MAX 32
#define REGEX_UNBOUNDED UINT32_MAX

enum regex_kind {
	REGEX_SET,    /* one byte out of a set */
	REGEX_SEQ,    /* the items, one behind the other; none: the empty text */
	REGEX_ALT,    /* one of the items */
	REGEX_REPEAT, /* items[0], min to max times */
	REGEX_GROUP,  /* items[0]; name when it has one */
	REGEX_LOOK,   /* takes no text: a lookaround, whose content is items[0] */
	REGEX_START,  /* ^ or \A */
	REGEX_END,    /* $ or \z */
	REGEX_WIDTH0, /* \b and the like */
	REGEX_ANY,    /* any text at all: a backreference */
};

enum regex_look {
	LOOK_NOT, /* what must not stand here */
	LOOK_AHEAD,
	LOOK_BEHIND,
};

struct regex {
	enum regex_kind kind;
	uint32_t min, max;    /* REGEX_REPEAT */
	size_t offset;        /* in the text */
	const char *name;     /* REGEX_GROUP; NULL: none */
	enum regex_look look; /* REGEX_LOOK */
	struct regex **items;
	size_t n;
	uint64_t set[4]; /* REGEX_SET: a bit for each byte */
};

struct regex_error {
	const char *what;
	size_t offset;
};

/* The tree of n bytes of text, in the arena. 0, or -EINVAL with *error filled. */
int regex_parse(struct regex **out, struct arena *a, const char *text, size_t n, bool caseless,
    struct regex_error *error);

static inline bool
regex_set_has(const uint64_t set[4], unsigned char c)
{
	return set[c / 64] >> (c % 64) & 1;
}
