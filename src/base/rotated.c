/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/rotated.h"

#include <fnmatch.h>
#include <stddef.h>
#include <string.h>

bool
rotated_is(const char *name, const char *base)
{
	const char *ext = strrchr(base, '.');
	size_t n = strlen(name), stem = ext ? (size_t)(ext - base) : 0;

	if (fnmatch("*.@(gz|xz|zst|bz2)", name, FNM_EXTMATCH) == 0)
		return false;
	if (strncmp(name, base, strlen(base)) == 0)
		return true;
	return stem > 0 && strncmp(name, base, stem) == 0 && n > stem + strlen(ext) &&
	       strcmp(name + n - strlen(ext), ext) == 0;
}
