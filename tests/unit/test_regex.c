/* links: conf */
/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The pattern's tree against PCRE2 itself: which bytes each class and escape takes, and what is
 * refused.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "conf/regex.h"

#include <pcre2.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conf/pattern.h"

static pcre2_code *
compile(const char *text, size_t n, bool caseless)
{
	int error;
	PCRE2_SIZE at;

	return pcre2_compile((PCRE2_SPTR)text, n,
	    PATTERN_COMPILE_OPTIONS | (caseless ? PCRE2_CASELESS : 0), &error, &at, NULL);
}

static const struct regex *
only_set(const struct regex *r)
{
	while (r->kind == REGEX_SEQ && r->n == 1)
		r = r->items[0];
	return r->kind == REGEX_SET ? r : NULL;
}

/* Compares all 256 bytes; false when PCRE2 or the tree refuses the text, or it is no single set. */
static bool
compare_bytes(const char *text, size_t n, bool caseless)
{
	_cleanup_(arena_fini) struct arena a = {0};
	pcre2_code *code = compile(text, n, caseless);
	struct regex_error error;
	struct regex *tree;
	const struct regex *set;
	pcre2_match_data *data;

	if (!code)
		return false;
	if (regex_parse(&tree, &a, text, n, caseless, &error) < 0 || !(set = only_set(tree))) {
		pcre2_code_free(code);
		return false;
	}
	data = pcre2_match_data_create(8, NULL);
	for (int c = 0; c < 256; c++) {
		unsigned char byte = (unsigned char)c;
		int r =
		    pcre2_match(code, &byte, 1, 0, PCRE2_ANCHORED | PCRE2_ENDANCHORED, data, NULL);

		if ((r > 0) != regex_set_has(set->set, byte))
			fail_msg("%.*s%s: byte 0x%02x: PCRE2 %d", (int)n, text,
			    caseless ? " (i)" : "", c, r);
	}
	pcre2_match_data_free(data);
	pcre2_code_free(code);
	return true;
}

static void
test_bytes_are_those_of_pcre2(void **state)
{
	static const char *const texts[] = {".", "a", "Z", "\\.", "\\d", "\\D", "\\w", "\\W", "\\s",
	    "\\S", "\\h", "\\H", "\\v", "\\V", "\\N", "\\n", "\\t", "\\r", "\\f", "\\e", "\\a",
	    "\\0", "\\012", "\\x41", "\\x", "\\x{e4}", "\\o{101}", "\\cA", "\\c[", "\\-", "\\<",
	    "\\_", "\\\xe4", "[abc]", "[^abc]", "[]a]", "[^]a]", "[a-f]", "[a\\-f]", "[-a]", "[a-]",
	    "[\\d.]", "[\\w-]", "[^\\s\"]", "[^\\]]", "[\\x00-\\x1f]", "[\\n-\\r]", "[\\b]",
	    "[\\1]", "[\\101]", "[\\8]", "[[:alpha:]]", "[[:^digit:]]", "[[:upper:]x]",
	    "[[:lower:]]", "[^[:space:][:punct:]]", "[[:xdigit:]_]", "[[:word:]]", "[[:print:]]",
	    "[[:graph:]]", "[[:cntrl:]]", "[[:blank:]]", "[[:ascii:]]", "[[:alnum:]]", "[[a]",
	    "[[:a]", "[a:]", "[.]", "[\\.]", "[^\\W]", "[\\D\\d]", "[A-z]", "[\\h\\v]", "[+--]",
	    "[!-/]", "[\\s-]", "[\\cA-\\cC]", "[é]", "[^\\x{80}-\\x{ff}]"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		bool plain = compare_bytes(texts[i], strlen(texts[i]), false);
		bool caseless = compare_bytes(texts[i], strlen(texts[i]), true);

		if (!plain || !caseless)
			fail_msg("%s was not compared", texts[i]);
	}
}

static void
test_random_classes_are_those_of_pcre2(void **state)
{
	static const char *const parts[] = {"a", "Z", "0", "-", "^", "]", "[", "\\]", "\\\\", "\\d",
	    "\\W", "\\s", "\\x41", "\\n", "a-z", "A-F", "!-~", "[:alpha:]", "[:^space:]", ":", ".",
	    "\\b", "\\0", "\\7", "_", "\"", "\\h", "\\-", "=", "#", "\xe4"};
	unsigned compared = 0;

	(void)state;
	srand(7);
	for (int i = 0; i < 3000; i++) {
		char text[128] = "[";

		if (rand() % 3 == 0)
			strcat(text, "^");
		for (int n = rand() % 6 + 1; n > 0; n--)
			strcat(text, parts[(size_t)rand() % (sizeof(parts) / sizeof(*parts))]);
		strcat(text, "]");
		compared += compare_bytes(text, strlen(text), rand() % 2);
	}
	assert_true(compared > 1500);
}

static void
assert_refused(const char *text, const char *why)
{
	_cleanup_(arena_fini) struct arena a = {0};
	struct regex_error error = {0};
	struct regex *tree;

	if (regex_parse(&tree, &a, text, strlen(text), false, &error) == 0)
		fail_msg("%s was taken", text);
	if (!strstr(error.what, why))
		fail_msg("%s: '%s' does not say '%s'", text, error.what, why);
	assert_true(error.offset <= strlen(text));
}

static void
test_what_changes_the_meaning_of_others_is_refused(void **state)
{
	(void)state;
	assert_refused("^a(*ACCEPT)b", "verbs");
	assert_refused("(*UTF)a", "verbs");
	assert_refused("a(?R)?", "recursion");
	assert_refused("(a)(?1)", "recursion");
	assert_refused("(a)(?-1)", "recursion");
	assert_refused("(?P>x)", "recursion");
	assert_refused("(?&x)", "recursion");
	assert_refused("\\g<1>", "recursion");
	assert_refused("a(?C1)", "callouts");
	assert_refused("(a)?(?(1)b|c)", "conditions");
	assert_refused("\\Qa.b\\E", "\\Q");
	assert_refused("(?x)a b", "option x");
	assert_refused("(?im)^a", "option m");
	assert_refused("(?-x:a)", "option x");
	assert_refused("a(?#text)*", "comments");
	assert_refused("a\\Kb", "escape");
	assert_refused("\\R", "escape");
	assert_refused("a{,3}", "elsewhere");
	assert_refused("a{ 1 }", "elsewhere");
}

static void
test_groups_deeper_than_the_limit_are_refused(void **state)
{
	char text[2 * REGEX_DEPTH_MAX + 8] = "";

	(void)state;
	for (int i = 0; i <= REGEX_DEPTH_MAX; i++)
		strcat(text, "(");
	assert_refused(text, "deeply");
}

static void
test_named_groups_and_repeats_have_their_place(void **state)
{
	_cleanup_(arena_fini) struct arena a = {0};
	static const char text[] = "^ab(?<x>c{2,5}?)|d{3}{}{a";
	struct regex_error error;
	struct regex *tree;
	const struct regex *left, *group;

	(void)state;
	assert_int_equal(regex_parse(&tree, &a, text, strlen(text), false, &error), 0);
	assert_int_equal(tree->kind, REGEX_ALT);
	assert_int_equal(tree->n, 2);
	left = tree->items[0];
	assert_int_equal(left->n, 4);
	assert_int_equal(left->items[0]->kind, REGEX_START);
	group = left->items[3];
	assert_string_equal(group->name, "x");
	assert_int_equal(group->offset, 3);
	assert_int_equal(group->items[0]->items[0]->kind, REGEX_REPEAT);
	assert_int_equal(group->items[0]->items[0]->min, 2);
	assert_int_equal(group->items[0]->items[0]->max, 5);
	assert_int_equal(tree->items[1]->n, 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bytes_are_those_of_pcre2),
	    cmocka_unit_test(test_random_classes_are_those_of_pcre2),
	    cmocka_unit_test(test_what_changes_the_meaning_of_others_is_refused),
	    cmocka_unit_test(test_groups_deeper_than_the_limit_are_refused),
	    cmocka_unit_test(test_named_groups_and_repeats_have_their_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
