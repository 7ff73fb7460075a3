/* links: reader */
/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The engine alone over a log, for counting instructions: what starts and ends is outside
 * read_lines(), so that callgrind's
 * --toggle-collect=read_lines sees the lines' part only. Comes in: an image at descriptor 4, a log,
 * and as which file the daemon would read it ("": all filters are on it). Goes out: lines,
 * candidates and hits. Bounded: the log is in memory.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "reader/mode.h"
#include "reader/scan.h"
#include "wire/fds.h"

#define BLOCK (256 << 10)

static size_t hits;

static void
on_hit(void *ctx, const struct hit *h)
{
	(void)ctx;
	(void)h;
	hits++;
}

/* In blocks of whole lines, as the reader has them. */
__attribute__((noinline)) static void
read_lines(struct lane *l, const char *text, size_t n, usec_t now, struct lane_counts *counts)
{
	const struct lane_sink sink = {on_hit, NULL, counts, NULL};

	while (n > 0) {
		const char *end = memrchr(text, '\n', n < BLOCK ? n : BLOCK);

		if (!end)
			return;
		lane_block(l, text, (size_t)(end + 1 - text), now, &sink);
		n -= (size_t)(end + 1 - text);
		text = end + 1;
	}
}

static size_t
choose(const struct image *img, const char *as, struct lane_filter *out)
{
	size_t n = 0;

	for (uint32_t i = 0; i < image_count(img, IMAGE_FILTERS); i++) {
		uint32_t source = *as ? mode_source(img, i, as) : UINT32_MAX;

		if (!img->filters[i].builtin && (source != UINT32_MAX || !*as))
			out[n++] = (struct lane_filter){i, source};
	}
	return n;
}

static char *
whole(const char *path, size_t *n)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	off_t size = fd >= 0 ? lseek(fd, 0, SEEK_END) : -1;
	char *text = size > 0 ? malloc((size_t)size) : NULL;

	if (!text || pread(fd, text, (size_t)size, 0) != size)
		return NULL;
	*n = (size_t)size;
	return text;
}

int
main(int argc, char **argv)
{
	static struct lane_filter filters[256];
	struct lane_counts counts = {0};
	struct image img;
	struct engine *e;
	struct lane *l;
	char *error = NULL, *text = NULL;
	size_t n = 0;

	if (argc == 5)
		text = whole(argv[3], &n);
	if (!text || (*argv[1] && scan_force(argv[1]) < 0)) {
		fputs("usage: lane_count VARIANT|'' AS|'' FILE NOW\n", stderr);
		return 2;
	}
	if (image_open(&img, FD_IMAGE) == 0 && engine_new(&e, &img, &error) == 0)
		engine_spare(e);
	if (!e || lane_new(&l, e, filters, choose(&img, argv[2], filters)) < 0) {
		fprintf(stderr, "lane_count: %s\n", error ? error : "no lane");
		return 1;
	}
	read_lines(l, text, n, (usec_t)strtoull(argv[4], NULL, 10) * USEC_PER_SEC, &counts);
	printf("%llu %llu %zu\n", (unsigned long long)counts.lines,
	    (unsigned long long)counts.candidates, hits);
	lane_free(l);
	engine_free(e);
	free(text);
	return 0;
}
