/* links: conf */
/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Python's regexes as PCRE2's: what each construct becomes, what matches the same afterwards, and
 * what is refused by its name.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "conf/fail2ban_regex.h"

#include <pcre2.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conf/fail2ban_tags.h"

struct pair {
	const char *python, *pcre2;
};

static const char *
translate(struct arena *a, const char *python, bool names, struct f2b_regex *out)
{
	const struct f2b_regex_as as = {0};

	f2b_regex(a, f2b_tags_expand(a, python, names), &as, out);
	if (!out->text)
		return NULL;
	return *out->flags ? arena_printf(a, "(?%s)%s", out->flags, out->text) : out->text;
}

static void
test_constructs(void **state)
{
	static const struct pair pairs[] = {
	    {"^a.b$", "^a.b$"},
	    {"a{,3}b{2}c{1,}d{,}e{0,1}?f{2}+", "a{0,3}b{2}c{1,}d{0,}e{0,1}?f{2}+"},
	    {"{a}{}{1,x}a{b", "\\{a}\\{}\\{1,x}a\\{b"},
	    {"end\\Z", "end\\z"},
	    {"[[:alpha:]]", "[\\[:alpha:]]"},
	    {"[]a-]", "[\\]a\\-]"},
	    {"[^]^]x", "[^\\]\\^]x"},
	    {"[\\w.-]+[\\b]", "[\\w.\\-]+[\\x{8}]"},
	    {"[a-z&&[b]", "[a-z&&\\[b]"},
	    {"\\u00e4\\x41\\101\\0\\07\\U0001F600", "\xc3\xa4"
						    "AA\\x{0}\\x{7}\xf0\x9f\x98\x80"},
	    {"\\a\\f\\v\\r\\n\\t", "\\x{7}\\x{c}\\x{b}\\x{d}\\n\\t"},
	    {"\\-\\_\\/\\\"\\%\\ ", "-_/\"% "},
	    {"(?P<one>a)(?P=one)\\1", "(?<one>a)\\g{1}\\g{1}"},
	    {"(a)(b)\\2(?(1)c|d)(?P<x>e)(?(x)f)", "(a)(b)\\g{2}(?(1)c|d)(?<x>e)(?(3)f)"},
	    {"(?iu)ab", "(?i)ab"},
	    {"(?L)ab", "ab"},
	    {"a(?i)b", "(?i)ab"},
	    {"(?i:a)(?-i:b)(?s-i:c)(?u:d)", "(?i:a)(?-i:b)(?s-i:c)(?:d)"},
	    {"((?i)a|b)(?:(?s).)", "(?i:a|b)(?s:.)"},
	    {"(?a)\\d[\\d\\s]\\w", "[0-9][0-9\\t-\\r ][0-9A-Za-z_]"},
	    {"(?a:\\d)\\d", "(?:[0-9])\\d"},
	    {"(?x) a b # c\n \\  [ #] {2} \\# ", "ab [ #]{2}#"},
	    {"a(?#no)+(?=b)(?!c)(?<=d)(?<!e)(?>f)", "a+(?=b)(?!c)(?<=d)(?<!e)(?>f)"},
	    {"a++b*+", "a++b*+"},
	    {"<host> <x", "<host> <x"},
	    {"a\nb\tc", "a\\nb\\tc"},
	    {"(?P<a_name_that_is_longer_than_pcre2_has_room_for>a)", "(?<group_1>a)"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		_cleanup_(arena_fini) struct arena a = {0};
		struct f2b_regex r;
		const char *text = translate(&a, pairs[i].python, true, &r);

		if (!text || strcmp(text, pairs[i].pcre2))
			fail_msg(
			    "%s: %s, not %s", pairs[i].python, text ? text : r.why, pairs[i].pcre2);
	}
}

static void
test_tags(void **state)
{
	static const struct pair pairs[] = {
	    {"<F-USER>\\S+</F-USER> x", "(?<user>\\S+) x"},
	    {"<F-ALT_USER1>a</F-ALT_USER1><F-ALT_ID_2>b</F-ALT_ID_2>",
		"(?<alt_user1>a)(?<alt_id_2>b)"},
	    {"<F-ID>a</F-ID><F-TUPLE_ID>b</F-TUPLE_ID>", "(?<id>a)(?<tuple_id>b)"},
	    {"<F-MLFID>a</F-MLFID><F-NOFAIL>b</F-NOFAIL>", "(?<session>a)(?<noted>b)"},
	    {"<F-MLFFORGET>a</F-MLFFORGET><F-MLFGAINED>b</F-MLFGAINED>", "(?<ends>a)(?<cleared>b)"},
	    {"<F-CONTENT>.+</F-CONTENT>$", "(?<content>.+)$"},
	    {"<F-ID/>:<F-PORT/>", "(?<id>\\S+):(?<port>\\w+)"},
	    {"<F-PORT>80</F-PORT><F-SOME_THING>x</F-SOME_THING>", "(?<port>80)(?<some_thing>x)"},
	    {"</F-USER> <F-user> <FOO>", "</F-USER> <F-user> <FOO>"},
	    {"a$<SKIPLINES>^b<SKIPLINES>c",
		"a$\\n(?<skiplines0>(?:(?:.*\\n)*?))^b\\n(?<skiplines1>(?:(?:.*\\n)*?))c"},
	    {"<CIDR>", "(?<cidr>\\d+)"},
	    {"(?P<addr>a)(?P<id>b)(?P<time>c)", "(?<f_addr>a)(?<f_id>b)(?<f_time>c)"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		_cleanup_(arena_fini) struct arena a = {0};
		struct f2b_regex r;
		const char *text = translate(&a, pairs[i].python, true, &r);

		if (!text || strcmp(text, pairs[i].pcre2))
			fail_msg(
			    "%s: %s, not %s", pairs[i].python, text ? text : r.why, pairs[i].pcre2);
	}
}

static void
test_refused(void **state)
{
	static const struct pair wrong[] = {
	    {"a**", "a repeat repeated"},
	    {"*a", "nothing repeated"},
	    {"^*", "an anchor repeated"},
	    {"a{3,2}", "from more to less"},
	    {"a{70000}", "more than 65535"},
	    {"(a", "without its )"},
	    {"a)", "without its ("},
	    {"[a", "without its ]"},
	    {"[z-a]", "bad range"},
	    {"[\\w-z]", "bad range"},
	    {"\\", "a backslash at the end"},
	    {"\\N{DASH}", "\\N{...}"},
	    {"[\\N{DASH}]", "\\N{...}"},
	    {"\\Qa\\E", "\\Q"},
	    {"\\pL", "\\p"},
	    {"[\\B]", "\\B in a class"},
	    {"\\x4", "\\x without 2"},
	    {"\\ud800", "a character that is none"},
	    {"(?P<a>b)(?P<a>c)", "'a' a second time"},
	    {"<ADDR> <ADDR>", "'ip4' a second time"},
	    {"(?P=a)", "'a', which is not there"},
	    {"\\2(a)", "group 2, which is not there"},
	    {"(a\\1)", "from within it"},
	    {"(?(a)b)", "'a', which is not there"},
	    {"(a)(?(1)b|c|d)", "more than two branches"},
	    {"(?<a>b)", "(?<"},
	    {"(?P>a)", "(?P>"},
	    {"(?R)", "(?R"},
	    {"(?#a", "a comment without"},
	    {"(?P<1a>b)", "a name of a group"},
	    {"(?P<a-b>b)", "'a-b' for the name"},
	    {"\xff", "not UTF-8"},
	    {"[\xc3]", "not UTF-8"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		_cleanup_(arena_fini) struct arena a = {0};
		struct f2b_regex r;
		const char *text = translate(&a, wrong[i].python, true, &r);

		if (text || !r.why || !strstr(r.why, wrong[i].pcre2))
			fail_msg("%s: %s, not '%s'", wrong[i].python, text ? text : r.why,
			    wrong[i].pcre2);
	}
}

static void
test_deep(void **state)
{
	_cleanup_(arena_fini) struct arena a = {0};
	const struct f2b_regex_as as = {0};
	struct f2b_regex r;
	char text[2001];

	(void)state;
	memset(text, '(', 1000);
	memset(text + 1000, ')', 1000);
	text[2000] = '\0';
	assert_true(f2b_regex(&a, text, &as, &r) < 0);
	assert_non_null(strstr(r.why, "in each other"));
}

/* What a group of the translated pattern takes of a line; NULL: no match, or not set. */
static const char *
taken(struct arena *a, const char *python, bool names, const char *line, const char *group)
{
	struct f2b_regex r;
	const char *text = translate(a, python, names, &r);
	pcre2_match_data *data;
	pcre2_code *code;
	int error, rc;
	PCRE2_SIZE at, *o;
	PCRE2_UCHAR *value;
	const char *out = NULL;

	assert_non_null(text);
	code = pcre2_compile((PCRE2_SPTR)text, strlen(text), PCRE2_UTF | PCRE2_UCP | PCRE2_DUPNAMES,
	    &error, &at, NULL);
	if (!code)
		fail_msg("%s: error %d at %zu", text, error, at);
	data = pcre2_match_data_create_from_pattern(code, NULL);
	rc = pcre2_match(code, (PCRE2_SPTR)line, strlen(line), 0, 0, data, NULL);
	o = pcre2_get_ovector_pointer(data);
	if (rc > 0 && !group) {
		out = arena_dup(a, line + o[0], o[1] - o[0]);
	} else if (rc > 0 &&
		   pcre2_substring_get_byname(data, (PCRE2_SPTR)group, &value, &at) == 0) {
		out = arena_dup(a, (const char *)value, at);
		pcre2_substring_free(value);
	}
	pcre2_match_data_free(data);
	pcre2_code_free(code);
	return out;
}

struct address {
	const char *pattern, *line, *group, *value; /* value NULL: nothing */
	bool no_names;
};

static void
test_addresses(void **state)
{
	static const struct address cases[] = {
	    {"from <HOST>", "x from 192.0.2.7", "addr", "192.0.2.7", false},
	    {"from <HOST>$", "from ::ffff:192.0.2.7\n", "addr", "192.0.2.7", false},
	    {"from <HOST> ", "from [2001:db8::1] on", "addr", "2001:db8::1", false},
	    {"from <HOST>", "from 2001:db8::1: bad", "addr", "2001:db8::1", false},
	    {"from <HOST>", "from 2001:db8:: x", "addr", "2001:db8::", false},
	    {"from <HOST>", "from 1:2:3:4:5:6:7:: x", "addr", "1:2:3:4:5:6:7::", false},
	    {"from <HOST>", "from 1:2:3:4:5:6:7:8:443", "addr", "1:2:3:4:5:6:7:8", false},
	    {"from <HOST>:\\d+", "from 2001:db8::1:443", "addr", "2001:db8::1", false},
	    {"from <HOST>", "from ::1", "addr", "::1", false},
	    {"from <HOST>", "from :: x", NULL, NULL, false},
	    {"from <HOST>", "from 10:20 x", "name", "10", false},
	    {"from <HOST>", "from mail.example.org.", "name", "mail.example.org", false},
	    {"from <HOST>", "from mail.example.org", NULL, NULL, true},
	    {"from <DNS>$", "from a_b-c.example", "name", "a_b-c.example", true},
	    {"<ADDR>/<CIDR>", "192.0.2.0/24", "cidr", "24", false},
	    {"^<SUBNET>$", "[2001:db8::/32]", "cidr", "32", false},
	    {"^<SUBNET>$", "2001:db8::", "addr", "2001:db8::", false},
	    {"<IP4>", "2001:db8::1", NULL, NULL, false},
	    {"^<IP6>$", "192.0.2.1", NULL, NULL, false},
	    {"<F-USER>\\w+</F-USER>", "\xc3\xa4\xc3\xb6-x", "user", "\xc3\xa4\xc3\xb6", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		_cleanup_(arena_fini) struct arena a = {0};
		const struct address *c = &cases[i];
		const char *got = taken(&a, c->pattern, !c->no_names, c->line, c->group);

		if (!got != !c->value || (got && strcmp(got, c->value)))
			fail_msg("%s on %s: %s", c->pattern, c->line, got ? got : "(nothing)");
	}
}

static void
test_same_answers(void **state)
{
	/* pattern, line, what matches: as Python 3.11 answers. */
	static const struct address cases[] = {
	    {"b{,2}$", "abbb", NULL, "bb", false},
	    {"a$", "a\n", NULL, "a", false},
	    {"a\\Z", "a\n", NULL, NULL, false},
	    {"[[:a]+", "a:[", NULL, "a:[", false},
	    {"(a)?(?(1)b|c)", "xc", NULL, "c", false},
	    {"(?P<q>['\"]).*?(?P=q)", "say \"it's\" x", NULL, "\"it's\"", false},
	    {"(?a)\\w+", "\xc3\xa4z", NULL, "z", false},
	    {"(?a)\\bz", "\xc3\xa4z", NULL, "z", false},
	    {"\\bz", "\xc3\xa4z", NULL, NULL, false},
	    {"(?a)[^\\W\\d]+", "1a_\xc3\xa4", NULL, "a_", false},
	    {"(?i)\xc3\x84", "\xc3\xa4", NULL, "\xc3\xa4", false},
	    {"x(?i)Y", "XY", NULL, "XY", false},
	    {"(?:(?i)x)Y", "Xy", NULL, NULL, false},
	    {"(?s)a.b", "a\nb", NULL, "a\nb", false},
	    {"a.b", "a\nb", NULL, NULL, false},
	    {"\\101[\\60-\\71]", "A5", NULL, "A5", false},
	    {"(?<=ab)c", "abc", NULL, "c", false},
	    {"(?x)a # b\n c", "ac", NULL, "ac", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		_cleanup_(arena_fini) struct arena a = {0};
		const char *got = taken(&a, cases[i].pattern, true, cases[i].line, NULL);

		if (!got != !cases[i].value || (got && strcmp(got, cases[i].value)))
			fail_msg("%s: %s", cases[i].pattern, got ? got : "(nothing)");
	}
}

static void
test_meanings(void **state)
{
	_cleanup_(arena_fini) struct arena a = {0};
	struct f2b_regex r;

	(void)state;
	translate(&a, "<HOST>", true, &r);
	assert_int_equal(r.has, F2B_HAS_ADDR | F2B_HAS_NAME);
	translate(&a, "<HOST>", false, &r);
	assert_int_equal(r.has, F2B_HAS_ADDR);
	translate(&a, "^<F-MLFID>x</F-MLFID><F-CONTENT>y</F-CONTENT>", true, &r);
	assert_int_equal(r.has, F2B_HAS_SESSION);
	translate(&a, "<F-ID>x</F-ID><SKIPLINES>", true, &r);
	assert_int_equal(r.has, F2B_HAS_ID);
	translate(&a, "x(?i)", true, &r);
	assert_true(r.late_flags);
	translate(&a, "(?i)x", true, &r);
	assert_false(r.late_flags);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_constructs),
	    cmocka_unit_test(test_tags),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_deep),
	    cmocka_unit_test(test_addresses),
	    cmocka_unit_test(test_same_answers),
	    cmocka_unit_test(test_meanings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
