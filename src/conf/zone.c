/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf/zone.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define DAY  86400
#define YEAR (366 * (time_t)DAY)
#define STEP (7 * (time_t)DAY) /* clocks are not set twice within a week */

static int
offset_at(time_t t)
{
	struct tm tm;

	return localtime_r(&t, &tm) ? (int)tm.tm_gmtoff : 0;
}

/* glibc takes an unknown name for UTC without a word: look for the zone's file (RFC 8536: "TZif").
 */
static bool
zone_exists(const char *name)
{
	const char *root = getenv("TZDIR");
	_cleanup_(freep) char *path = NULL;
	_cleanup_(closep) int fd = -1;
	char magic[4];

	if (!strcmp(name, "UTC"))
		return true;
	if (name[0] == '/' || name[0] == '.' || strstr(name, ".."))
		return false;
	if (asprintf(&path, "%s/%s", root ? root : "/usr/share/zoneinfo", name) < 0)
		abort();
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	return fd >= 0 && read(fd, magic, sizeof(magic)) == sizeof(magic) &&
	       !memcmp(magic, "TZif", 4);
}

static void
add_transition(struct arena *a, struct zone *z, time_t from, int offset)
{
	struct image_transition *t = list_add(a, &z->transitions, sizeof(*t));

	t->from = from;
	t->offset = offset;
}

/* The second in (low, high] at which the offset becomes that of high. */
static time_t
find_change(time_t low, time_t high)
{
	int offset = offset_at(high);

	while (high - low > 1) {
		time_t middle = low + (high - low) / 2;

		if (offset_at(middle) == offset)
			high = middle;
		else
			low = middle;
	}
	return high;
}

static void
walk(struct arena *a, struct zone *z, time_t from, time_t to)
{
	int offset = offset_at(from);

	add_transition(a, z, from, offset);
	for (time_t t = from; t < to; t += STEP) {
		int next = offset_at(t + STEP);

		if (next == offset)
			continue;
		add_transition(a, z, find_change(t, t + STEP), next);
		offset = next;
	}
}

int
zone_load(struct zone *out, struct arena *a, const char *name, usec_t now)
{
	const char *tz = getenv("TZ");
	_cleanup_(freep) char *before = tz ? strdup(tz) : NULL;
	time_t today = (time_t)(now / USEC_PER_SEC / DAY) * DAY;

	if (*name && !zone_exists(name))
		return -ENOENT;
	if (*name)
		setenv("TZ", name, 1);
	tzset();
	out->name = arena_dup(a, name, strlen(name));
	out->transitions = (struct list){0};
	walk(a, out, today - ZONE_YEARS_BACK * YEAR, today + ZONE_YEARS_AHEAD * YEAR);
	if (before)
		setenv("TZ", before, 1);
	else
		unsetenv("TZ");
	tzset();
	return 0;
}
