/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Dates as log lines have them, from a table of formats, without locale and libc's calendar. Comes
 * in: text of a line, hostile; the zone's transitions from the image. Goes out: usec of the epoch.
 * A date that does not exist is refused. Years run from 1970 to 2199. Nothing is allocated; what is
 * looked at is bounded by the format, at most 40 bytes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "wire/image.h"

/* What stands in the text; not yet a time. */
struct stamp {
	int16_t year;                             /* 0: the date has none */
	uint8_t month, day, hour, minute, second; /* month from 1 */
	uint8_t kind;                             /* enum stamp_kind */
	int32_t offset;                           /* seconds east of UTC, with STAMP_ZONED */
	int64_t epoch;                            /* seconds, with STAMP_EPOCH */
	int32_t usec;
	uint32_t len; /* bytes of text that the date takes; 0: there is none */
};

enum stamp_kind {
	STAMP_LOCAL, /* the source's zone decides */
	STAMP_ZONED,
	STAMP_EPOCH,
};

/* Ascending transitions; n 0 is UTC. */
struct stamp_zone {
	const struct image_transition *items;
	uint32_t n;
};

/* The last answer, so that lines of one second are worked out once. Zeroed at first. */
struct stamp_cache {
	struct stamp stamp;
	const struct image_transition *zone;
	usec_t now;
	int64_t seconds;
};

/* Reads the date at the beginning of text; what follows it must be no letter or digit. -EINVAL. */
int stamp_read(struct stamp *out, const char *text, size_t n);

/* The day that now is in the zone, and its time of day. */
void stamp_today(struct stamp *out, const struct stamp_zone *zone, usec_t now);

/*
 * The time that s means. Without a year: the year that puts it nearest to now, never more than a
 * day ahead. Where the clock was set back, the later of the two that is not ahead of now; an hour
 * that was left out is taken as if the clock had not yet been set. cache may be NULL. -EINVAL: no
 * such day or hour.
 */
int stamp_time(usec_t *out, const struct stamp *s, const struct stamp_zone *zone, usec_t now,
    struct stamp_cache *cache);
