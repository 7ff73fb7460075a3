/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/rotated.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

#define DATE_DIGITS 6 /* of the shortest date, YYMMDD */

/* What rotation adds to a name: ".1", "-20261101", "-2026-11-01_10:00", ".old". With less than
 * `least` digits it is the name of another log: access.log and access-2.log are two. */
static bool
is_mark(const char *text, size_t n, unsigned least)
{
	unsigned digits = 0;

	if (n == 4 && memcmp(text, ".old", 4) == 0)
		return true;
	if (n < 2 || (*text != '.' && *text != '-' && *text != '_'))
		return false;
	for (size_t i = 1; i < n; i++) {
		if (isdigit((unsigned char)text[i]))
			digits++;
		else if (!strchr(".-_:T", text[i]))
			return false;
	}
	return digits >= least;
}

bool
rotated_is(const char *name, const char *base)
{
	const char *ext = strrchr(base, '.');
	size_t n = strlen(name), b = strlen(base), stem = ext ? (size_t)(ext - base) : 0,
	       e = b - stem;

	if (strncmp(name, base, b) == 0)
		return n == b || is_mark(name + b, n - b, 1);
	return stem > 0 && n > b && strncmp(name, base, stem) == 0 &&
	       strcmp(name + n - e, ext) == 0 && is_mark(name + stem, n - b, DATE_DIGITS);
}
