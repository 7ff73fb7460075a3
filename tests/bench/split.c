/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The least that reading a log can cost: the file is read with read(2) into the block that guardd's
 * reader has too, and cut into lines with memchr(3). Comes in: a file, by name. Goes out: how many
 * lines there are. Bounded: one block.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BLOCK (256 << 10)

int
main(int argc, char **argv)
{
	static char block[BLOCK];
	int fd = argc == 2 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;
	size_t held = 0, lines = 0;
	ssize_t n;

	if (fd < 0) {
		fputs("usage: split FILE\n", stderr);
		return 2;
	}
	while ((n = read(fd, block + held, BLOCK - held)) > 0) {
		const char *at = block, *end = block + held + (size_t)n, *newline;

		for (; (newline = memchr(at, '\n', (size_t)(end - at))); at = newline + 1)
			lines++;
		held = (size_t)(end - at);
		if (held == BLOCK)
			held = 0;
		memmove(block, at, held);
	}
	printf("%zu\n", lines);
	return n < 0;
}
