/* links: reader */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/mode.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "image_build.h"
#include "reader/header.h"
#include "reader/nearest.h"

struct taken {
	struct strbuf text;
	size_t blocks;
};

static void
on_block(void *ctx, const char *block, size_t n)
{
	struct taken *t = ctx;

	assert_true(n > 0);
	strbuf_add(&t->text, block, n);
	t->blocks++;
}

/* Line lengths without their newline, ended by 0; the last line has none when open is set. */
static void
check_read(const size_t *lengths, bool open)
{
	_cleanup_(strbuf_fini) struct strbuf all = {0}, expected = {0};
	struct taken taken = {0};
	struct lane_counts counts = {0};
	int fd = memfd_create("lines", MFD_CLOEXEC);
	size_t too_long = 0;

	for (size_t i = 0; lengths[i]; i++) {
		char *line = malloc(lengths[i] + 1);
		size_t n = lengths[i] + (!open || lengths[i + 1]);

		memset(line, 'a' + (int)(i % 26), lengths[i]);
		line[lengths[i]] = '\n';
		strbuf_add(&all, line, n);
		/* A room full of one line may be the beginning of a longer one. */
		if (lengths[i] >= READ_ROOM)
			too_long++;
		else
			strbuf_add(&expected, line, n);
		free(line);
	}
	assert_int_equal(write(fd, all.text, all.len), all.len);
	lseek(fd, 0, SEEK_SET);
	assert_int_equal(mode_read(fd, on_block, &taken, &counts), 0);
	assert_int_equal(counts.unexamined, too_long);
	assert_int_equal(counts.lines, too_long);
	assert_int_equal(taken.text.len, expected.len);
	if (expected.len)
		assert_memory_equal(taken.text.text, expected.text, expected.len);
	strbuf_fini(&taken.text);
	close(fd);
}

static void
files_are_cut_into_whole_lines(void **unused)
{
	static const size_t cases[][8] = {
	    {1},
	    {5, 6, 7},
	    {READ_ROOM - 1},
	    {READ_ROOM},
	    {READ_ROOM + 1},
	    {3 * READ_ROOM},
	    {10, READ_ROOM - 1, 10},
	    {10, READ_ROOM, 10},
	    {10, 4 * READ_ROOM, 20, 30},
	    {READ_ROOM - 3, 5, 4 * READ_ROOM, 4 * READ_ROOM, 7},
	    {200000, 100000, 200000, 9},
	};

	(void)unused;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		check_read(cases[i], false);
		check_read(cases[i], true);
	}
}

static void
what_cannot_be_read_is_an_error(void **unused)
{
	struct lane_counts counts = {0};
	struct taken taken = {0};

	(void)unused;
	assert_int_equal(mode_read(-1, on_block, &taken, &counts), -EBADF);
	assert_int_equal(taken.blocks, 0);
}

static const struct build_filter filters[] = {
    {
	.name = "smtp",
	.programs = {"postfix*/smt?d"},
	.sources = {{.kind = BUILD_JOURNAL}, {.kind = BUILD_FILE, .path = "/var/log/mail.log"},
	    {.kind = BUILD_FILE, .path = "/srv/*/log/mail"}},
	.patterns =
	    {
		{.kind = PATTERN_OFFENCE,
		    .regex = "^warning: <addr> failed$",
		    .literals = {"failed"}},
		{.kind = PATTERN_OFFENCE,
		    .regex = "^lost <user> from <addr>$",
		    .literals = {"lost "}},
	    },
    },
};

static void
a_file_finds_its_source(void **unused)
{
	struct image_build *b = image_build_new();
	char program[64];
	struct image img;

	(void)unused;
	image_build_filter(b, &filters[0]);
	image_build_open(b, &img);
	assert_int_equal(mode_source(&img, 0, "/var/log/mail.log"), 1);
	assert_int_equal(mode_source(&img, 0, "/var/log/mail.log.1"), 1);
	assert_int_equal(mode_source(&img, 0, "/srv/x/log/mail"), 2);
	assert_int_equal(mode_source(&img, 0, "/srv/x/y/log/mail"), UINT32_MAX);
	assert_int_equal(mode_source(&img, 0, "mail.log"), UINT32_MAX);
	mode_program(&img, 0, program, sizeof program);
	assert_true(header_program_fits("postfix*/smt?d", program, strlen(program)));
	image_close(&img);
	image_build_free(b);
}

static void
the_nearest_pattern_is_named_with_its_place(void **unused)
{
	static const char text[] = "lost anna from nowhere";
	struct image_build *b = image_build_new();
	struct nearest near;
	struct image img;

	(void)unused;
	image_build_filter(b, &filters[0]);
	image_build_open(b, &img);
	assert_true(nearest_find(&near, &img, 0, text, strlen(text)));
	assert_int_equal(near.pattern, 1);
	assert_true(near.at >= strlen("lost anna from "));
	assert_false(nearest_find(&near, &img, 0, "else", 4));
	image_close(&img);
	image_build_free(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(files_are_cut_into_whole_lines),
	    cmocka_unit_test(what_cannot_be_read_is_an_error),
	    cmocka_unit_test(a_file_finds_its_source),
	    cmocka_unit_test(the_nearest_pattern_is_named_with_its_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
