/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * When the last of many elements is in the kernel:
 *
 *	storm_count ELEMENTS SECONDS [FROM TO]
 *
 * says "ready", then counts new elements of table guardd. With FROM and TO it appends the file FROM
 *to TO as soon as a line comes on standard input. Prints "written NANOSECONDS" and "last
 *NANOSECONDS" (CLOCK_MONOTONIC), and fails when not all come within SECONDS of the one before.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "elements.h"

static void
on_element(void *ctx, const char *table, const uint8_t *key, size_t len)
{
	uint64_t *n = ctx;

	(void)key;
	(void)len;
	*n += strcmp(table, "guardd") == 0;
}

static void
append(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_APPEND | O_CLOEXEC);
	struct stat st;
	const char *bytes;

	if (in < 0 || out < 0 || fstat(in, &st) < 0)
		err(1, "%s, %s", from, to);
	bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, in, 0);
	if (bytes == MAP_FAILED)
		err(1, "%s", from);
	for (off_t at = 0; at < st.st_size;) {
		ssize_t n = write(out, bytes + at, (size_t)(st.st_size - at));

		if (n < 0)
			err(1, "%s", to);
		at += n;
	}
	printf("written %lu\n", now_ns());
}

int
main(int argc, char **argv)
{
	uint64_t wanted, n = 0;
	char line[16];
	int fd;

	if (argc != 3 && argc != 5)
		errx(2, "usage: storm_count ELEMENTS SECONDS [FROM TO]");
	wanted = (uint64_t)atol(argv[1]);
	fd = elements_open(NFNLGRP_NFTABLES);
	elements_patience(fd, atoi(argv[2]));
	puts("ready");
	fflush(stdout);
	if (argc == 5) {
		if (!fgets(line, sizeof(line), stdin))
			return 1;
		append(argv[3], argv[4]);
	}
	while (n < wanted)
		if (!elements_read(fd, on_element, &n))
			errx(1, "%lu of %lu elements came", n, wanted);
	printf("last %lu\n", now_ns());
	return 0;
}
