/* links: reader */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "scan_check.h"

static struct check check;

static void
every_variant_finds_what_a_naive_search_finds(void **unused)
{
	const char *wrong = scan_check(&check, 88172645463325252u, 250);

	(void)unused;
	if (wrong)
		fail_msg("%s", wrong);
}

/* One word over and over, from each place to each end: each edge of blocks and of the text. */
static void
every_variant_finds_a_word_at_every_edge(void **unused)
{
	static const char word[] = "Failed x";
	char text[400];

	(void)unused;
	for (const char *const *v = scan_variants(); *v; v++)
		for (uint16_t len = SCAN_LEAST; len < sizeof word; len++) {
			const struct scan_literal l = {word, len, false, 0};

			memset(&check, 0, sizeof check);
			check.n = 1;
			check.literals[0] = l;
			check.room = text;
			for (size_t n = 0; n < 200 && !check.wrong; n++) {
				for (size_t i = 0; i < n; i++)
					check.text[i] = word[(i + 7 * n) % len];
				check.len = n;
				check_expect(&check);
				check_run(&check, *v, text);
			}
			if (check.wrong)
				fail_msg("%s: %s, %zu bytes", *v, check.wrong, check.len);
		}
	scan_force(NULL);
}

static void
the_portable_scan_is_always_there_and_last(void **unused)
{
	const char *const *v = scan_variants();

	(void)unused;
	while (v[1])
		v++;
	assert_string_equal(*v, "portable");
	assert_int_equal(scan_force("none of them"), -ENOENT);
	for (v = scan_variants(); *v; v++)
		assert_int_equal(scan_force(*v), 0);
	assert_int_equal(scan_force(NULL), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_variant_finds_what_a_naive_search_finds),
	    cmocka_unit_test(every_variant_finds_a_word_at_every_edge),
	    cmocka_unit_test(the_portable_scan_is_always_there_and_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
