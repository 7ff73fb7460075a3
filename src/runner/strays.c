/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/strays.h"

#include <signal.h>

#include "base/cleanup.h"

void
strays_end(pid_t spare)
{
	_cleanup_(fclosep) FILE *f = NULL;
	char path[64];
	long pid;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	f = fopen(path, "re");
	while (f && fscanf(f, "%ld", &pid) == 1)
		if (pid > 1 && pid != spare)
			kill((pid_t)pid, SIGKILL);
}
