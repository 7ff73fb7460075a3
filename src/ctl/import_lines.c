/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/import_lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "ctl/digest.h"
#include "ctl/tool.h"

#define LINE_MAX_BYTES (1u << 20) /* a first line longer than that is none */

/* True when the file's first line, with its end, has that sum. */
static bool
begins_as(int fd, const char *head)
{
	_cleanup_(freep) char *line = malloc(LINE_MAX_BYTES);
	ssize_t n = line ? pread(fd, line, LINE_MAX_BYTES, 0) : -1;
	const char *end = n > 0 ? memchr(line, '\n', (size_t)n) : NULL;

	return end && digest_is(line, (size_t)(end - line) + 1, head);
}

/* Where to read from; -1: there is nothing to read. */
static long long
start_of(const char *path, const char *head, long long offset)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		if (errno != ENOENT)
			fprintf(stderr, "guardctl: %s: %s\n", path, strerror(errno));
		return -1;
	}
	if (!S_ISREG(st.st_mode) || st.st_size == 0)
		return -1;
	if (st.st_size < offset || !begins_as(fd, head))
		return 0;
	return st.st_size > offset ? offset : -1;
}

int
import_lines(int image, const char *filter, const char *path, const char *head, long long offset,
    ask_line_fn fn, void *ctx)
{
	char from[32];
	struct tool reader = {.name = "guardd-reader",
	    .args = {"--replay", "--from", from, "--filter", filter, path},
	    .in = -1,
	    .image = image};

	offset = start_of(path, head, offset);
	if (offset < 0)
		return EXIT_DONE;
	snprintf(from, sizeof(from), "%lld", offset);
	return tool_replay(&reader, fn, ctx);
}

int
import_journal(int image, const char *filter, long long since, ask_line_fn fn, void *ctx)
{
	char from[32];
	struct tool reader = {.name = "guardd-reader",
	    .args = {"--replay-journal", from, filter},
	    .in = -1,
	    .image = image};

	snprintf(from, sizeof(from), "%lld", since);
	return tool_replay(&reader, fn, ctx);
}
