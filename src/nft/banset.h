/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Which set a ban belongs to, and the cover of overlapping prefix bans: an interval set holds no
 * two entries that overlap, so the kernel is shown the widest, and what these hide when they end.
 * Comes in: prefix bans of all scopes. Goes out: elements to add and delete, by callback. Bounded:
 * BANSET_MAX prefix bans; hosts and /64 are not kept here.
 */
#pragma once

#include <stdbool.h>

#include "base/addr.h"
#include "base/clock.h"

#define BANSET_MAX 32768

enum set_kind { SET_HOST4, SET_HOST6, SET_NET6, SET_PREFIX4, SET_PREFIX6, SET_KINDS };

enum set_kind set_kind(const struct prefix *p);

struct banned_prefix {
	struct prefix prefix;
	bool shown; /* to the kernel; else a wider one stands for it */
	uint32_t scope;
	usec_t until; /* USEC_NEVER: for good */
};

struct banset {
	struct banned_prefix
	    *items; /* by scope and prefix: a wider one before all that it covers */
	uint32_t n, room;
};

/* One change of a prefix set, in the order in which the kernel must see them. */
typedef void (*banset_emit_fn)(void *ctx, bool add, const struct banned_prefix *p);

/* NULL: not banned. Valid until the next change. */
struct banned_prefix *banset_find(const struct banset *b, uint32_t scope, const struct prefix *p);
/* The shown one that holds p (or is p). */
struct banned_prefix *banset_cover(const struct banset *b, uint32_t scope, const struct prefix *p);
/* Bans, or makes a ban longer; never shorter. -ENOSPC, -ENOMEM. */
int banset_ban(
    struct banset *b, const struct banned_prefix *p, usec_t now, banset_emit_fn emit, void *ctx);
void banset_unban(
    struct banset *b, struct banned_prefix *p, usec_t now, banset_emit_fn emit, void *ctx);
/* When banset_expire is due: a shown one ends before one that it hides. USEC_NEVER: not foreseen.
 */
usec_t banset_next(const struct banset *b);
void banset_expire(struct banset *b, usec_t now, banset_emit_fn emit, void *ctx);
/* Scope s becomes map[s]; UINT32_MAX: its bans are gone. */
void banset_renumber(struct banset *b, const uint32_t *map, uint32_t scopes);
