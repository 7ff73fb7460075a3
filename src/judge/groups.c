/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "judge/groups.h"

#include <grp.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

gid_t
group_find(const char *name)
{
	_cleanup_(fclosep) FILE *f = fopen(GROUPS_FILE, "re");
	const struct group *g;

	while (f && (g = fgetgrent(f)))
		if (strcmp(g->gr_name, name) == 0)
			return g->gr_gid;
	return (gid_t)-1;
}
