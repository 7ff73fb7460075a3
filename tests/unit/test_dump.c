/* links: base */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "dump/dump.h"

static int
seal(struct dump_writer *w)
{
	struct dump_header h = {
	    .flags = DUMP_CHANGING, .changer_pid = 7, .changer = "nft", .changed = 99};
	int fd;

	assert_int_equal(dump_writer_seal(w, &h, &fd), 0);
	return fd;
}

static void
what_was_put_is_read_back(void **state)
{
	_cleanup_(dump_writer_freep) struct dump_writer *w = NULL;
	_cleanup_(closep) int fd = -1;
	_cleanup_(freep) uint8_t *big = malloc(200000);
	const struct dump_failed failed = {.kind = DUMP_BPF, .error = -EPERM};
	const struct dump_record *r;
	struct dump d;

	(void)state;
	for (size_t i = 0; i < 200000; i++)
		big[i] = (uint8_t)(i * 31 >> 3);
	assert_int_equal(dump_writer_new(&w), 0);
	assert_int_equal(dump_put(w, DUMP_FAILED, 3, &failed, sizeof(failed), "no", 2), 0);
	assert_int_equal(dump_begin(w, DUMP_LINKS, 5), 0);
	for (size_t i = 0; i < 200000; i += 1000)
		assert_int_equal(dump_more(w, big + i, 1000), 0);
	assert_int_equal(dump_more(w, "x", 1), 0);
	assert_int_equal(dump_begin(w, DUMP_ADDRS, 0), 0);
	assert_int_equal(dump_put(w, DUMP_LINKS, 6, NULL, 0, big, 200000), 0);
	fd = seal(w);
	assert_int_equal(dump_put(w, DUMP_LINKS, 6, NULL, 0, "x", 1), -EBADF);
	assert_int_equal(dump_open(&d, fd), 0);
	assert_int_equal(d.head->changer_pid, 7);
	assert_string_equal(d.head->changer, "nft");
	assert_int_equal(d.head->changed, 99);
	assert_int_equal(d.head->flags, DUMP_CHANGING);
	r = dump_next(&d, NULL, DUMP_NONE);
	assert_int_equal(r->kind, DUMP_FAILED);
	assert_int_equal(r->len, sizeof(failed) + 2);
	assert_memory_equal(dump_data(r), &failed, sizeof(failed));
	r = dump_next(&d, NULL, DUMP_LINKS);
	assert_int_equal(r->arg, 5);
	assert_int_equal(r->len, 200001);
	assert_memory_equal(dump_data(r), big, 200000);
	r = dump_next(&d, r, DUMP_LINKS);
	assert_int_equal(r->arg, 6);
	assert_int_equal(r->len, 200000);
	assert_null(dump_next(&d, r, DUMP_NONE));
	r = dump_next(&d, NULL, DUMP_ADDRS);
	assert_int_equal(r->len, 0);
	dump_close(&d);
}

/* In the buffer, in the file, and in the middle of a record. */
static void
what_is_behind_a_mark_is_dropped(void **state)
{
	static const size_t sizes[] = {10, 100000};

	(void)state;
	for (size_t k = 0; k < 2; k++) {
		_cleanup_(dump_writer_freep) struct dump_writer *w = NULL;
		_cleanup_(freep) uint8_t *bytes = calloc(1, sizes[k]);
		_cleanup_(closep) int fd = -1;
		const struct dump_record *r;
		struct dump d;
		size_t mark;

		assert_int_equal(dump_writer_new(&w), 0);
		assert_int_equal(dump_begin(w, DUMP_LINKS, 1), 0);
		assert_int_equal(dump_more(w, "abc", 3), 0);
		mark = dump_mark(w);
		assert_int_equal(dump_put(w, DUMP_ADDRS, 2, NULL, 0, bytes, sizes[k]), 0);
		assert_int_equal(dump_begin(w, DUMP_ADDRS, 3), 0);
		assert_int_equal(dump_more(w, bytes, sizes[k]), 0);
		dump_back_to(w, mark);
		assert_int_equal(dump_more(w, bytes, 1), -EINVAL);
		assert_int_equal(dump_put(w, DUMP_ROUTES, 4, NULL, 0, "z", 1), 0);
		fd = seal(w);
		assert_int_equal(dump_open(&d, fd), 0);
		r = dump_next(&d, NULL, DUMP_NONE);
		assert_int_equal(r->kind, DUMP_LINKS);
		assert_int_equal(r->len, 3);
		r = dump_next(&d, r, DUMP_NONE);
		assert_int_equal(r->kind, DUMP_ROUTES);
		assert_null(dump_next(&d, r, DUMP_NONE));
		dump_close(&d);
	}
}

static void
too_much_is_refused_and_may_be_dropped_again(void **state)
{
	_cleanup_(dump_writer_freep) struct dump_writer *w = NULL;
	_cleanup_(freep) uint8_t *bytes = calloc(1, 100u << 20);
	struct dump_header h = {0};
	size_t mark;
	int fd;

	(void)state;
	assert_int_equal(dump_writer_new(&w), 0);
	mark = dump_mark(w);
	assert_int_equal(dump_put(w, DUMP_LINKS, 0, NULL, 0, bytes, 100u << 20), 0);
	assert_int_equal(dump_put(w, DUMP_LINKS, 0, NULL, 0, bytes, 100u << 20), 0);
	assert_int_equal(dump_put(w, DUMP_LINKS, 0, NULL, 0, bytes, 100u << 20), -EFBIG);
	assert_int_equal(dump_writer_seal(w, &h, &fd), -EFBIG);
	dump_back_to(w, mark);
	fd = seal(w);
	close(fd);
}

static void
what_is_no_dump_is_refused(void **state)
{
	struct {
		struct dump_header h;
		struct dump_record r;
		uint8_t data[16];
	} b = {.h = {.magic = DUMP_MAGIC, .version = 1, .size = sizeof(b)},
	    .r = {.kind = DUMP_BPF, .len = 16}},
	  c;
	_cleanup_(closep) int fd = memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct dump d;

	(void)state;
	assert_int_equal(dump_from_bytes(&d, &b, sizeof(b)), 0);
	assert_int_equal(write(fd, &b, sizeof(b)), sizeof(b));
	assert_int_equal(dump_open(&d, fd), -EINVAL); /* not sealed */
	assert_int_equal(
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE), 0);
	assert_int_equal(dump_open(&d, fd), 0);
	dump_close(&d);
	for (size_t n = 0; n < sizeof(b); n++)
		assert_int_equal(dump_from_bytes(&d, &b, n), -EINVAL);
	c = b, c.r.len = 17;
	assert_int_equal(dump_from_bytes(&d, &c, sizeof(c)), -EINVAL);
	c = b, c.r.len = UINT32_MAX;
	assert_int_equal(dump_from_bytes(&d, &c, sizeof(c)), -EINVAL);
	c = b, c.r.len = 4; /* a record behind it that does not fit */
	assert_int_equal(dump_from_bytes(&d, &c, sizeof(c)), -EINVAL);
	c = b, c.r.kind = DUMP_NETNS_FILE, c.r.len = 0; /* then one of kind 0 */
	assert_int_equal(dump_from_bytes(&d, &c, sizeof(c)), -EINVAL);
	c = b, c.r.kind = DUMP_LEGACY; /* shorter than its struct */
	assert_int_equal(dump_from_bytes(&d, &c, sizeof(c)), -EINVAL);
	c = b, c.r.kind = DUMP_KINDS;
	assert_int_equal(dump_from_bytes(&d, &c, sizeof(c)), -EINVAL);
	c = b, c.h.version++;
	assert_int_equal(dump_from_bytes(&d, &c, sizeof(c)), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_was_put_is_read_back),
	    cmocka_unit_test(what_is_behind_a_mark_is_dropped),
	    cmocka_unit_test(too_much_is_refused_and_may_be_dropped_again),
	    cmocka_unit_test(what_is_no_dump_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
