/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "prover/mode.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

int
mode_cannot(const char *fmt, ...)
{
	va_list ap;

	fputs("guardd-prover: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return MODE_CANNOT;
}

void
mode_write(struct strbuf *b)
{
	for (size_t at = 0; at < b->len;) {
		ssize_t n = write(STDOUT_FILENO, b->text + at, b->len - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			_exit(MODE_CANNOT);
		at += (size_t)n;
	}
	strbuf_reset(b);
}
