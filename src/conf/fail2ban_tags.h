/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The tags of fail2ban's patterns: <HOST>, <F-USER>...</F-USER> and the like become named groups of
 * Python's regex language. Comes in: a pattern of a filter. Goes out: a plain regex, in the arena,
 * and what its groups are called here. Bounded by the pattern's length: each tag has one text.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

#define F2B_NAME_MAX 32 /* bytes of a name of a group in PCRE2 */

/* Puts the tags in. names: <HOST> may be a host name as well as an address. */
const char *f2b_tags_expand(struct arena *a, const char *pattern, bool names);

/*
 * What a group is called in guardd's patterns; number: its own, for a name that cannot be kept.
 * In the arena, or constant.
 */
const char *f2b_group_name(struct arena *a, const char *name, size_t len, unsigned number);
