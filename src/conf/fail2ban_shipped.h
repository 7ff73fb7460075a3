/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * guardd's own ban rules beside imported ones: which count what an imported jail counts, so that a
 * source is not banned twice. Comes in: the filters of imported jails. Goes out: for each rule
 * whether all, some or none of its filters are among them. Bounded by the table.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define SHIPPED_FILTERS 8 /* of a rule, with the NULL behind */

struct shipped_rule {
	const char *rule;
	const char *filters[SHIPPED_FILTERS];
};

/* Ends with a rule NULL. */
extern const struct shipped_rule shipped_rules[];

/* True when a jail with that filter counts what guardd's filter counts. */
bool shipped_covers(const char *jail_filter, const char *filter);
