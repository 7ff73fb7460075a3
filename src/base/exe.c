/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/exe.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The first of the places, relative to this executable's folder, where name exists; else the last
 * resort. */
static void
find(const char *const *places, const char *name, const char *otherwise, char *buf, size_t room)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	for (size_t i = 0; n > 0 && places[i]; i++) {
		self[n] = '\0';
		snprintf(buf, room, "%.*s/%s%s", (int)(strrchr(self, '/') - self), self, places[i],
		    name);
		if (access(buf, X_OK) == 0)
			return;
	}
	snprintf(buf, room, "%s/%s", otherwise, name);
}

void
exe_find(const char *name, char *buf, size_t room)
{
	static const char *const places[] = {"", "../libexec/guardd/", NULL};

	find(places, name, LIBEXECDIR, buf, room);
}

void
exe_share(char *buf, size_t room)
{
	static const char *const places[] = {"../share/guardd/", "../", NULL};
	char *end;

	find(places, "filters", DATADIR, buf, room);
	end = strrchr(buf, '/');
	if (end)
		*end = '\0';
}
