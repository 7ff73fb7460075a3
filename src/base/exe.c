/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/exe.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void
exe_find(const char *name, char *buf, size_t room)
{
	static const char *const between[] = {"", "../libexec/guardd/"};
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	for (size_t i = 0; n > 0 && i < sizeof(between) / sizeof(*between); i++) {
		self[n] = '\0';
		snprintf(buf, room, "%.*s/%s%s", (int)(strrchr(self, '/') - self), self, between[i],
		    name);
		if (access(buf, X_OK) == 0)
			return;
	}
	snprintf(buf, room, LIBEXECDIR "/%s", name);
}
