/* links: ctl */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/args.h"
#include "ctl/ask.h"
#include "ctl/out_text.h"

#define USAGE "PREFIX [FILE]... [--for SPAN] [--quiet]"

static int
parse(struct args *a, const char *usage, const char *line)
{
	static char copy[256];
	char *argv[32], *save = NULL;
	int argc = 0, r;

	snprintf(copy, sizeof(copy), "%s", line);
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	fflush(stderr);
	r = args_parse(a, "x", usage, argc, argv);
	return r;
}

static void
words_flags_and_options_are_told_apart(void **state)
{
	struct args a;

	(void)state;
	assert_int_equal(parse(&a, USAGE, "192.0.2.1 --for 1h f1 --quiet f2 -- --odd"), 0);
	assert_int_equal(a.n, 4);
	assert_string_equal(a.words[0], "192.0.2.1");
	assert_string_equal(a.words[3], "--odd");
	assert_string_equal(args_option(&a, "for"), "1h");
	assert_true(args_flag(&a, "quiet"));
	assert_int_equal(parse(&a, USAGE, "2001:db8::1 --for=2h"), 0);
	assert_string_equal(args_option(&a, "for"), "2h");
	assert_false(args_flag(&a, "quiet"));
	assert_int_equal(parse(&a, USAGE, "x --help"), 0);
	assert_true(a.help);
}

static void
what_stands_in_brackets_together_may_be_left_out(void **state)
{
	static const char usage[] = "[channels|test CHANNEL]";
	struct args a;

	(void)state;
	assert_int_equal(parse(&a, usage, ""), 0);
	assert_int_equal(parse(&a, usage, "channels"), 0);
	assert_int_equal(parse(&a, usage, "test pager"), 0);
	assert_int_equal(a.n, 2);
	assert_true(parse(&a, usage, "test pager more") < 0);
	assert_true(parse(&a, "[a b] FILE", "") < 0);
}

static void
wrong_command_lines_are_refused(void **state)
{
	static const char *const bad[] = {"", "a --for", "a --quiet=1", "a --unknown", "--quiet"};
	struct args a;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (parse(&a, USAGE, bad[i]) == 0)
			fail_msg("'%s' was taken", bad[i]);
	assert_true(parse(&a, "PREFIX", "a b") < 0);
	assert_true(parse(&a, "", "a") < 0);
	assert_int_equal(parse(&a, "", ""), 0);
}

static void
request_words_are_quoted_where_needed(void **state)
{
	struct strbuf b = {0};

	(void)state;
	ask_word(&b, "ban");
	ask_word(&b, "2001:db8::1");
	ask_word(&b, "say \"no\" \\ here\nunban ::/0");
	ask_word(&b, "");
	assert_string_equal(b.text, "ban 2001:db8::1 \"say \\\"no\\\" \\\\ here unban ::/0\" \"\"");
	strbuf_fini(&b);
}

static void
numbers_are_shown_for_people(void **state)
{
	char buf[32];

	(void)state;
	assert_string_equal(out_count(1234567, buf), "1,234,567");
	assert_string_equal(out_count(999, buf), "999");
	assert_string_equal(out_count(-1000, buf), "-1,000");
	assert_string_equal(out_bytes(999, buf), "999 B");
	assert_string_equal(out_bytes(12345678, buf), "12.3 MB");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(words_flags_and_options_are_told_apart),
	    cmocka_unit_test(what_stands_in_brackets_together_may_be_left_out),
	    cmocka_unit_test(wrong_command_lines_are_refused),
	    cmocka_unit_test(request_words_are_quoted_where_needed),
	    cmocka_unit_test(numbers_are_shown_for_people),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
