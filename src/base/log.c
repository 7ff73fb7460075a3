/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
	char role[32];
	int max;
	bool journal;
} self = {.role = "guardd", .max = LOG_INFO};

void
log_init(const char *role, int max)
{
	snprintf(self.role, sizeof(self.role), "%s", role);
	self.max = getenv("GUARDD_QUIET") && max > LOG_WARNING ? LOG_WARNING : max;
	self.journal = getenv("JOURNAL_STREAM") != NULL;
}

static void
log_v(int priority, const char *fmt, va_list ap)
{
	char line[1024];
	int n = 0, room = (int)sizeof(line) - 1;

	if (self.journal)
		n = snprintf(line, sizeof(line), "<%d>", priority);
	n += snprintf(line + n, sizeof(line) - (size_t)n, "%s: ", self.role);
	n += vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, ap);
	if (n > room)
		n = room;
	for (int i = 0; i < n; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	line[n++] = '\n';
	/* One write, so that lines of several roles do not mix; nobody to tell when it fails. */
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		return;
}

void
log_msg(int priority, const char *fmt, ...)
{
	va_list ap;

	if (priority > self.max)
		return;
	va_start(ap, fmt);
	log_v(priority, fmt, ap);
	va_end(ap);
}

void
fatal(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_v(LOG_CRIT, fmt, ap);
	va_end(ap);
	_exit(1);
}
