/* links: judge */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "judge/rates.h"

#include "judge_world.h"

static const struct rate_limit a_second = {SEC, MIN};

static void
test_one_bucket_gives_its_room_and_then_its_rate(void **unused)
{
	usec_t full = 0, now = T0;

	(void)unused;
	for (int i = 0; i < 60; i++)
		assert_true(rate_take(&full, &a_second, now));
	assert_false(rate_take(&full, &a_second, now));
	assert_false(rate_take(&full, &a_second, now + SEC - 1));
	assert_true(rate_take(&full, &a_second, now + SEC));
	assert_false(rate_take(&full, &a_second, now + SEC));
	/* A long rest fills it, and not more. */
	for (int i = 0; i < 60; i++)
		assert_true(rate_take(&full, &a_second, now + DAY));
	assert_false(rate_take(&full, &a_second, now + DAY));
}

static void
test_keys_do_not_take_from_each_other(void **unused)
{
	struct rates r = {0};

	(void)unused;
	for (uint64_t key = 1; key <= 1000; key++)
		for (int i = 0; i < 60; i++)
			assert_true(rates_take(&r, key, &a_second, T0));
	for (uint64_t key = 1; key <= 1000; key++)
		assert_false(rates_take(&r, key, &a_second, T0));
	rates_fini(&r);
}

static void
test_more_keys_than_there_may_be_are_refused_until_others_are_full_again(void **unused)
{
	struct rates r = {0};

	(void)unused;
	for (uint64_t key = 0; key < RATES_MAX; key++)
		assert_true(rates_take(&r, key * 0x9e3779b97f4a7c15u, &a_second, T0));
	assert_false(rates_take(&r, 1, &a_second, T0));
	assert_true(rates_take(&r, 0x9e3779b97f4a7c15u, &a_second, T0));
	assert_true(r.size <= 8 * RATES_MAX);
	/* All but the one that was used twice are full after a second: what is new takes a place.
	 */
	assert_true(rates_take(&r, 1, &a_second, T0 + SEC));
	assert_true(r.n <= 2);
	rates_fini(&r);
}

static void
test_names_that_never_come_again_do_not_add_up(void **unused)
{
	struct rates r = {0};
	usec_t now = T0;

	(void)unused;
	for (uint64_t key = 1; key < 1000000; key += 3, now += 10 * USEC_PER_MSEC)
		assert_true(rates_take(&r, key * 0x9e3779b97f4a7c15u, &a_second, now));
	assert_true(r.size <= 1024);
	rates_fini(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_one_bucket_gives_its_room_and_then_its_rate),
	    cmocka_unit_test(test_keys_do_not_take_from_each_other),
	    cmocka_unit_test(
		test_more_keys_than_there_may_be_are_refused_until_others_are_full_again),
	    cmocka_unit_test(test_names_that_never_come_again_do_not_add_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
