/* links: judge */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "judge/formers.h"

#include "judge_world.h"

static struct prefix
one(uint32_t i)
{
	struct addr a = numbered(i);

	return prefix_of(&a, i % 2 ? 64 : 32);
}

static void
before_the_history_is_read_all_may_be_in_it(void **unused)
{
	struct formers f = {0};
	struct prefix p = one(1);

	(void)unused;
	assert_true(formers_may(&f, &p));
	formers_add(&f, &p);
	assert_true(formers_may(&f, &p));
	formers_start(&f, 10);
	assert_false(formers_may(&f, &p));
	formers_fini(&f);
	assert_true(formers_may(&f, &p));
}

/* Growing from the smallest, and made large at once. */
static void
what_was_added_is_never_denied(void **unused)
{
	const uint32_t expected[] = {0, 300000};

	(void)unused;
	for (size_t k = 0; k < 2; k++) {
		struct formers f = {0};

		formers_start(&f, expected[k]);
		for (uint32_t i = 0; i < 300000; i++) {
			struct prefix p = one(i);

			formers_add(&f, &p);
		}
		for (uint32_t i = 0; i < 300000; i++) {
			struct prefix p = one(i);

			assert_true(formers_may(&f, &p));
		}
		assert_true(f.bits >= 300000 && f.bits <= FORMERS_BITS_MAX);
		formers_fini(&f);
	}
}

/* 8 to 16 bits for each: about one in ten. */
static void
most_of_what_was_not_added_is_denied(void **unused)
{
	struct formers f = {0};
	uint32_t wrong = 0;

	(void)unused;
	formers_start(&f, 20000);
	for (uint32_t i = 0; i < 20000; i++) {
		struct prefix p = one(i);

		formers_add(&f, &p);
	}
	for (uint32_t i = 100000; i < 120000; i++) {
		struct prefix p = one(i);

		wrong += formers_may(&f, &p);
	}
	assert_true(wrong > 0 && wrong < 5000);
	formers_fini(&f);
}

static void
it_never_takes_more_than_its_most(void **unused)
{
	struct formers f = {0};

	(void)unused;
	formers_start(&f, UINT32_MAX);
	assert_int_equal(f.bits, FORMERS_BITS_MAX);
	f.n = UINT32_MAX / 2;
	formers_add(&f, &(struct prefix){.addr.family = 4, .len = 32});
	assert_int_equal(f.bits, FORMERS_BITS_MAX);
	formers_fini(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(before_the_history_is_read_all_may_be_in_it),
	    cmocka_unit_test(what_was_added_is_never_denied),
	    cmocka_unit_test(most_of_what_was_not_added_is_denied),
	    cmocka_unit_test(it_never_takes_more_than_its_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
