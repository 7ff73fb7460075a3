/* links: reader */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/remember.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static struct addr
addr(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(&a, text, strlen(text)), 0);
	return a;
}

static struct addr
numbered(uint32_t i)
{
	struct addr a = {.family = i % 2 ? 6 : 4};

	memcpy(a.bytes, &i, sizeof i);
	return a;
}

static void
a_session_keeps_its_last_address(void **unused)
{
	struct addr v4 = addr("192.0.2.1"), v6 = addr("2001:db8::1"), got;
	struct remember *r;

	(void)unused;
	assert_int_equal(remember_new(&r, 4), 0);
	assert_false(remember_get(r, 7, &got));
	remember_put(r, 7, &v4);
	assert_true(remember_get(r, 7, &got));
	assert_true(addr_equal(&got, &v4));
	remember_put(r, 7, &v6);
	assert_true(remember_get(r, 7, &got));
	assert_true(addr_equal(&got, &v6));
	assert_false(remember_get(r, 8, &got));
	assert_int_equal(remember_evicted(r), 0);
	remember_free(r);
}

static void
the_oldest_gives_way_and_is_counted(void **unused)
{
	struct addr a = addr("192.0.2.1"), got;
	struct remember *r;

	(void)unused;
	assert_int_equal(remember_new(&r, 3), 0);
	for (uint64_t s = 1; s <= 3; s++)
		remember_put(r, s, &a);
	remember_put(r, 1, &a); /* now 2 is the oldest */
	remember_put(r, 4, &a);
	assert_int_equal(remember_evicted(r), 1);
	assert_false(remember_get(r, 2, &got));
	assert_true(remember_get(r, 1, &got));
	assert_true(remember_get(r, 3, &got));
	assert_true(remember_get(r, 4, &got));
	remember_free(r);
}

/* Against a plain list, newest last. */
static void
behaves_like_a_plain_list(void **unused)
{
	enum { MAX = 37, KEYS = 100 };
	struct {
		uint64_t session;
		struct addr addr;
	} list[MAX];
	size_t n = 0;
	uint64_t evicted = 0, state = 1;
	struct remember *r;

	(void)unused;
	assert_int_equal(remember_new(&r, MAX), 0);
	for (uint32_t step = 0; step < 20000; step++) {
		struct addr a = numbered(step), got;
		uint64_t key;
		size_t i = 0;

		state = state * 6364136223846793005u + 1442695040888963407u;
		/* All in few buckets. */
		key = (state >> 40) % KEYS * 64;
		while (i < n && list[i].session != key)
			i++;
		assert_int_equal(remember_get(r, key, &got), i < n);
		if (i < n)
			assert_true(addr_equal(&got, &list[i].addr));
		if (i == n && n == MAX) {
			i = 0;
			evicted++;
		}
		if (i < n) {
			memmove(&list[i], &list[i + 1], (n - i - 1) * sizeof *list);
			n--;
		}
		list[n].session = key;
		list[n++].addr = a;
		remember_put(r, key, &a);
		assert_int_equal(remember_evicted(r), evicted);
	}
	remember_free(r);
}

static void
sizes_out_of_range_are_refused(void **unused)
{
	struct remember *r = NULL;
	struct addr a = addr("192.0.2.1"), got;

	(void)unused;
	assert_int_equal(remember_new(&r, 0), -EINVAL);
	assert_int_equal(remember_new(&r, 32769), -EINVAL);
	assert_int_equal(remember_new(&r, 1), 0);
	remember_put(r, 1, &a);
	remember_put(r, 2, &a);
	assert_false(remember_get(r, 1, &got));
	assert_true(remember_get(r, 2, &got));
	remember_free(r);
	remember_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_session_keeps_its_last_address),
	    cmocka_unit_test(the_oldest_gives_way_and_is_counted),
	    cmocka_unit_test(behaves_like_a_plain_list),
	    cmocka_unit_test(sizes_out_of_range_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
