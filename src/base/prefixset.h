/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A set of prefixes of both families, asked "is this address in it" and "does this prefix touch it"
 * by binary search. Built once, then read. Owns its array; bounded by what the caller adds.
 */
#pragma once

#include "base/addr.h"
#include "base/cleanup.h"

struct prefixset {
	struct prefix *items; /* after prefixset_seal: sorted, none covers another */
	size_t n, room;
};

void prefixset_init(struct prefixset *s);
void prefixset_fini(struct prefixset *s);
/* -ENOMEM. */
int prefixset_add(struct prefixset *s, const struct prefix *p);
/* Sorts and drops what another entry covers; needed before the questions below. */
void prefixset_seal(struct prefixset *s);
bool prefixset_has(const struct prefixset *s, const struct addr *a);
/* True when an entry covers p or lies inside it. */
bool prefixset_touches(const struct prefixset *s, const struct prefix *p);
void prefixset_clear(struct prefixset *s);
