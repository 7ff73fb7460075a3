/* links: conf */
/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Patterns as a filter has them: placeholders, what PCRE2 says and where, and which ones a client
 * could use to name an address of his choice.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "conf/pattern.h"

#include <pcre2.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "reader/match.h"

struct made {
	struct arena arena;
	struct diag diag;
	struct pattern pattern;
};

/* A pattern out of a YAML file of one line, in single quotes. */
static void
make(struct made *m, enum pattern_kind kind, const char *text, bool sessions)
{
	struct yaml_file *file;
	struct strbuf yaml = {0};

	*m = (struct made){.diag = {.arena = NULL}};
	m->diag.arena = &m->arena;
	strbuf_puts(&yaml, "m: '");
	for (const char *p = text; *p; p++)
		strbuf_printf(&yaml, "%s%c", *p == '\'' ? "'" : "", *p);
	strbuf_puts(&yaml, "'\n");
	text = arena_dup(&m->arena, yaml.text, yaml.len);
	assert_int_equal(yaml_load_text(&file, &m->arena, &m->diag, "f", text, yaml.len), 0);
	strbuf_fini(&yaml);
	m->pattern.kind = kind;
	m->pattern.written = (struct text){file->root->items[0]->text, file->root->items[0]};
	pattern_make(&m->pattern, &m->arena, &m->diag, sessions);
}

static void
assert_fine(enum pattern_kind kind, const char *text)
{
	struct made m;

	make(&m, kind, text, true);
	if (m.diag.errors || !m.pattern.regex)
		fail_msg("%s: %s", text, m.diag.shown[0].message);
	arena_fini(&m.arena);
}

static void
assert_error(enum pattern_kind kind, const char *text, const char *why, unsigned column)
{
	struct made m;

	make(&m, kind, text, true);
	if (!m.diag.errors || m.pattern.regex)
		fail_msg("%s was taken", text);
	if (!strstr(m.diag.shown[0].message, why))
		fail_msg("%s: '%s' does not say '%s'", text, m.diag.shown[0].message, why);
	/* Columns count from 1, and "m: '" stands before the pattern. */
	if (m.diag.shown[0].place.column != column + 5)
		fail_msg("%s: column %u, not %u", text, m.diag.shown[0].place.column - 5, column);
	arena_fini(&m.arena);
}

#define FORGED "can put another address"

static void
test_forgeable_patterns_are_refused(void **state)
{
	static const char *const bad[] = {
	    "^Failed .* from <addr>",
	    "^Failed .+ from <addr> port \\d+",
	    "^Failed <user> from <addr>",
	    "^Failed password for <user> from <addr> port \\d+",
	    "^Failed (?:password|key) for (?:invalid user )?<user> from <addr>",
	    "^Failed .*?from <addr>",
	    "^user [^\"]* from <addr>",
	    "^a (?:\\S+ )*from <addr>",
	    "^a (?:\\S|\\s)+ from <addr>",
	    "^host \\S+\\[<addr>\\]",
	    "^host=[^ ]+<addr>",
	    "^helo [\\w.:-]+<addr>",
	    "^x <host> ?<addr>",
	    "^x <word><addr>",
	    "^x \"<quoted><addr>",
	    /* The end is there, but what comes before it swallows the real address. */
	    "^Failed for <user> from <addr>.*$",
	    "^Failed for <user> from <addr> port \\d+(?:: .*)?$",
	    "^Failed for <user> from <addr>(?: \\S+)* end$",
	    "^Failed for .* from <addr> (?:x|.*)$",
	    /* Only one of the ways has it. */
	    "^Failed for <user> from <addr>(?:$| port)",
	    "^(?:a <user>|b) from <addr> x",
	    "^a(?: user <user>)? from <addr>",
	    "^a <user> from (?:<addr>|\\[<addr>\\])",
	    "^(a|b)* from .{0,40} <addr>",
	    "^user \"<user>\": from <addr>, server",
	    "^x <user> at <addr>(?:, y)?",
	    "^x [^,]* at <addr>(?:, y)?",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct made m;

		make(&m, PATTERN_OFFENCE, bad[i], false);
		if (m.diag.errors != 1 || !strstr(m.diag.shown[0].message, FORGED))
			fail_msg(
			    "%s: %s", bad[i], m.diag.errors ? m.diag.shown[0].message : "taken");
		arena_fini(&m.arena);
	}
}

static void
test_tight_patterns_are_taken(void **state)
{
	static const char *const good[] = {
	    "^Failed password for (?:invalid user )?<user> from <addr> port \\d+(?: ssh2)?$",
	    "^Failed .* from <addr>$",
	    "^Failed .* from <addr>\\z",
	    "^<addr> \\S+ .* \"GET ",
	    "^Login attempt from <addr>:\\d+ for .*",
	    "^warning: <host>\\[<addr>\\]: SASL \\S+ authentication failed",
	    "^error \\d+#\\d+: \\*\\d+ client: <addr>, server",
	    "^user \\S+ from <addr> x",
	    "^<time> \\[error\\] <addr> denied",
	    "^user \"[^\"]*\" from \"<addr>\"",
	    "^\\{.*\"remote_ip\":\"<addr>\",.*\\}$",
	    "^\\{\"user\":\"<user>\",\"ip\":\"<addr>\"",
	    "^path=\"(?:[^\"\\\\]|\\\\.)*\" remote=<addr> x",
	    "^x user=<user>, rip=<addr>(?:,(?!.*rip=).*)?$",
	    "^x (?!.*rhost=.*rhost=).* rhost=<addr> abc",
	    "^(?:a|b) from (?:<addr>|\\[<addr>\\]): x",
	    "^(?i)failed from <addr>",
	    "^(?:Failed from <addr>|Denied <addr>)",
	    "^x <user> (?:from|at) <addr>(?: ssh2|)$",
	    "^x .{0,6} <addr> abc",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_fine(PATTERN_OFFENCE, good[i]);
	/* Nobody but who has logged in makes a success. */
	assert_fine(PATTERN_FORGIVE, "^Accepted \\S+ for <user> from <addr> port \\d+");
	assert_error(PATTERN_REMEMBER, "^conn=<session> .* from <addr> x", FORGED, 16);
}

static void
test_anchor_and_address_are_wanted(void **state)
{
	(void)state;
	assert_error(PATTERN_OFFENCE, "Failed from <addr>$", "begin with ^", 0);
	assert_error(PATTERN_OFFENCE, ".*Failed from <addr>$", "begin with ^", 0);
	assert_error(PATTERN_OFFENCE, "^a <addr>|b <addr>", "alternative", 10);
	assert_error(PATTERN_OFFENCE, "(?:^)?abcd <addr>", "begin with ^", 0);
	assert_error(PATTERN_IGNORE, "abcd", "begin with ^", 0);
	assert_error(PATTERN_OFFENCE, "^Failed password$", "needs <addr>", 0);
	assert_error(PATTERN_FORGIVE, "^Accepted$", "needs <addr>", 0);
	assert_error(PATTERN_OFFENCE, "^Failed(?: from <addr>)?$", "without <addr>", 7);
	assert_error(PATTERN_OFFENCE, "^(?:from <addr>|unknown)$", "without <addr>", 0);
	assert_error(PATTERN_OFFENCE, "^abc <addr> <addr>$", "more than once", 0);
	assert_error(PATTERN_OFFENCE, "^abc (?:<addr>,)+$", "more than once", 5);
	assert_error(PATTERN_OFFENCE, "^abcd(?=.*<addr>)", "lookaround", 5);
	assert_fine(PATTERN_IGNORE, "^abcd");
	assert_fine(PATTERN_OFFENCE, "(?i)^abc <addr>");
	assert_fine(PATTERN_OFFENCE, "\\Aabc <addr>");
	assert_fine(PATTERN_OFFENCE, "(?:^a|^b)cde <addr>");
}

static void
test_sessions_need_one_who_remembers(void **state)
{
	struct made m;

	(void)state;
	assert_fine(PATTERN_OFFENCE, "^conn=<session> failed");
	assert_fine(PATTERN_REMEMBER, "^conn=<session> from <addr>$");
	assert_error(PATTERN_REMEMBER, "^conn from <addr>$", "<session>", 0);
	assert_error(PATTERN_REMEMBER, "^conn=<session> open", "<addr>", 0);
	assert_error(PATTERN_FORGIVE, "^conn=<session> fine", "<addr>", 0);
	make(&m, PATTERN_OFFENCE, "^conn=<session> failed", false);
	assert_int_equal(m.diag.errors, 1);
	assert_non_null(strstr(m.diag.shown[0].message, "remember"));
	arena_fini(&m.arena);
}

static void
test_placeholders_that_are_none_are_told(void **state)
{
	(void)state;
	assert_error(PATTERN_OFFENCE, "^abc <adr>$", "did you mean <addr>?", 5);
	assert_error(PATTERN_OFFENCE, "^abc <HOST>$", "did you mean <addr>?", 5);
	assert_error(PATTERN_OFFENCE, "^abc <xyzzy> <addr>", "unknown placeholder <xyzzy> (", 5);
	assert_error(PATTERN_OFFENCE, "^a 'b' <usr> <addr>$", "did you mean <user>?", 9);
	assert_error(PATTERN_OFFENCE, "^abc (?<addr>\\S+)$", "write <addr>", 5);
	assert_error(PATTERN_OFFENCE, "^abc (?P<session>\\S+)$", "write <session>", 5);
	assert_fine(PATTERN_OFFENCE, "^abc \\<adr> <INFO> [<adr>] to=<a@b> (?<=<) from <addr>");
	assert_fine(PATTERN_OFFENCE, "^abc \"(?<user>[^\"]*)\" (?<tag>x)\\k<tag> from <addr>");
}

static void
test_what_pcre2_says_is_told_at_its_column(void **state)
{
	(void)state;
	assert_error(PATTERN_OFFENCE, "^abc(def <addr>", "missing closing parenthesis", 15);
	assert_error(PATTERN_OFFENCE, "^ab <addr> (?:*x)", "quantifier does not follow", 14);
	assert_error(PATTERN_OFFENCE, "^ab <addr> \\p{Foo}", "unknown property", 18);
	assert_error(PATTERN_OFFENCE, "^'ab' <addr> [z-a]", "range out of order", 18);
	assert_error(PATTERN_OFFENCE, "^abc <addr>(*ACCEPT)", "verbs", 11);
	assert_error(PATTERN_OFFENCE, "^abc <addr> <user>{,3}", "elsewhere", 18);
}

static void
test_options_are_those_of_the_reader(void **state)
{
	(void)state;
	assert_int_equal(PATTERN_COMPILE_OPTIONS, PATTERN_PCRE2_OPTIONS);
}

static void
test_address_of_either_family_fits_the_placeholder(void **state)
{
	static const char *const lines[] = {"from 192.0.2.1 x", "from 2001:db8::1 x", "from ::1 x",
	    "from ::ffff:192.0.2.1 x", "from fe80::1%eth0 x", "from 2001:DB8:0:0:0:0:0:1 x"};
	pcre2_match_data *data = pcre2_match_data_create(16, NULL);
	struct made m;
	PCRE2_SIZE at;
	pcre2_code *code;
	int e;

	(void)state;
	make(&m, PATTERN_OFFENCE, "^from <addr> x$", false);
	code = pcre2_compile((PCRE2_SPTR)m.pattern.regex, PCRE2_ZERO_TERMINATED,
	    PATTERN_COMPILE_OPTIONS, &e, &at, NULL);
	assert_non_null(code);
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		assert_true(pcre2_match(code, (PCRE2_SPTR)lines[i], strlen(lines[i]), 0, 0, data,
				NULL) > 0);
	assert_true(pcre2_match(code, (PCRE2_SPTR) "from host x", 11, 0, 0, data, NULL) < 0);
	pcre2_code_free(code);
	pcre2_match_data_free(data);
	arena_fini(&m.arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_forgeable_patterns_are_refused),
	    cmocka_unit_test(test_tight_patterns_are_taken),
	    cmocka_unit_test(test_anchor_and_address_are_wanted),
	    cmocka_unit_test(test_sessions_need_one_who_remembers),
	    cmocka_unit_test(test_placeholders_that_are_none_are_told),
	    cmocka_unit_test(test_what_pcre2_says_is_told_at_its_column),
	    cmocka_unit_test(test_options_are_those_of_the_reader),
	    cmocka_unit_test(test_address_of_either_family_fits_the_placeholder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
