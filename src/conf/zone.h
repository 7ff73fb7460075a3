/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Time zones as tables of offsets, so that no other process needs the zone files. Comes in: a name
 * out of the zone database, or "" for the machine's own zone. Goes out: transitions from
 * ZONE_YEARS_BACK before now to ZONE_YEARS_AHEAD after it. Bounded by that span: one transition a
 * week at most.
 */
#pragma once

#include "base/clock.h"
#include "base/arena.h"
#include "wire/image.h"

#define ZONE_YEARS_BACK  30 /* old logs are looked at, too */
#define ZONE_YEARS_AHEAD 10

struct zone {
	const char *name;
	struct list transitions; /* of struct image_transition, ascending, at least one */
};

/* -ENOENT: there is no such zone. Changes TZ of the process and puts it back. */
int zone_load(struct zone *out, struct arena *a, const char *name, usec_t now);
