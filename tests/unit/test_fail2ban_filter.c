/* links: conf */
/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A filter's definition as a stepwise filter: the YAML of each option, date patterns in all their
 * forms, and what is left out with its place.
 */
#include "conf/fail2ban.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "conf/fail2ban_date.h"

static const struct f2b_filter_as as = {
    .name = "f2b-x", .about = "it's one", .sources = "sources:\n  - file: [/var/log/x]\n"};

#define HEAD "filter: f2b-x\nabout: 'it''s one'\nsources:\n  - file: [/var/log/x]\nsteps:\n"

struct option {
	const char *name, *text;
};

/* The YAML of options up to a NULL name; what was said is in the report. */
static int
make(struct arena *a, const struct option *options, struct strbuf *out, struct f2b_report *report)
{
	struct f2b_section definition = {.name = "Definition"};

	*report = (struct f2b_report){.arena = a};
	for (; options->name; options++)
		f2b_set(a, &definition, options->name,
		    &(struct f2b_value){options->text, "filter.d/x.conf", 7});
	return f2b_filter_yaml(a, &definition, &as, out, report);
}

static void
expect(const struct option *options, int result, const char *yaml)
{
	_cleanup_(arena_fini) struct arena a = {0};
	_cleanup_(strbuf_fini) struct strbuf out = {0};
	struct f2b_report report;

	assert_int_equal(make(&a, options, &out, &report), result);
	assert_string_equal(out.text, yaml);
}

static void
expect_note(const struct option *options, int result, enum f2b_kind kind, const char *text)
{
	_cleanup_(arena_fini) struct arena a = {0};
	_cleanup_(strbuf_fini) struct strbuf out = {0};
	struct f2b_report report;
	const struct f2b_note *notes;

	assert_int_equal(make(&a, options, &out, &report), result);
	notes = report.notes.items;
	for (size_t i = 0; i < report.notes.n; i++) {
		if (notes[i].kind == kind && strstr(notes[i].text, text)) {
			assert_string_equal(notes[i].file, "filter.d/x.conf");
			assert_int_equal(notes[i].line, 7);
			return;
		}
	}
	fail_msg("'%s' was not said; first: %s", text, report.notes.n ? notes[0].text : "nothing");
}

static void
test_whole(void **state)
{
	static const struct option all[] = {
	    {"failregex", "^a's <F-ID>\\d+</F-ID>$\n\n^b <F-MLFID>\\d+</F-MLFID>"},
	    {"ignoreregex", "\n^a.*c"},
	    {"prefregex", "^x<F-CONTENT>.+</F-CONTENT>$"},
	    {"maxlines", "3"},
	    {"datepattern", "{^LN-BEG}\n%Y it's"},
	    {0},
	};
	static const struct option least[] = {
	    {"failregex", "<F-ID/>"}, {"ignoreregex", ""}, {"prefregex", ""}, {0}};

	(void)state;
	expect(all, 0,
	    HEAD "  date: ['default-start', '%Y it''s']\n"
		 "  prefix: '^x(?<content>.+)$'\n"
		 "  lines: 3\n"
		 "ignore:\n"
		 "  - '^a.*c'\n"
		 "offences:\n"
		 "  - match: '^a''s (?<id>\\d+)$'\n"
		 "  - match: '^b (?<session>\\d+)'\n");
	expect(least, 0,
	    HEAD "  date: ['default']\n"
		 "offences:\n"
		 "  - match: '(?<id>\\S+)'\n");
}

static void
test_left_out(void **state)
{
	static const struct option one[] = {{"failregex", "^(<F-ID/>\n^<F-ID/>"}, {0}};
	static const struct option none[] = {{"failregex", "^(<F-ID/>"}, {0}};
	static const struct option nobody[] = {{"failregex", "^x$\n<F-ID/>"}, {0}};
	static const struct option blank[] = {{"failregex", "   \n<F-ID/>"}, {0}};
	static const struct option wide[] = {{"failregex", "(?<=a|b*)<F-ID/>\n<F-ID/>"}, {0}};
	static const struct option prefix[] = {
	    {"failregex", "<F-ID/>"}, {"prefregex", "\\N{X}"}, {0}};
	static const struct option ignore[] = {
	    {"failregex", "<F-ID/>"}, {"ignoreregex", "a**"}, {0}};
	static const struct option lines[] = {{"failregex", "<F-ID/>"}, {"maxlines", "0"}, {0}};
	static const struct option date[] = {{"failregex", "<F-ID/>"}, {"datepattern", "%Q"}, {0}};
	static const struct option empty[] = {{0}};

	(void)state;
	expect(one, 1, HEAD "  date: ['default']\noffences:\n  - match: '^(?<id>\\S+)'\n");
	expect_note(one, 1, F2B_ERROR, "a ( without its )");
	expect(none, -EINVAL, "");
	expect_note(none, -EINVAL, F2B_ERROR, "no failregex is left");
	expect(empty, -EINVAL, "");
	expect_note(nobody, 1, F2B_ERROR, "not whose failure");
	expect_note(blank, 1, F2B_ERROR, "an empty pattern");
	expect_note(wide, 1, F2B_ERROR, "lookbehind (?<= or (?<! of variable width");
	expect_note(prefix, -EINVAL, F2B_ERROR, "\\N{...}");
	expect_note(ignore, 1, F2B_ERROR, "ignoreregex: a repeat repeated, at character 3");
	expect_note(lines, -EINVAL, F2B_ERROR, "maxlines = '0'");
	expect_note(date, 1, F2B_ERROR, "'%Q' cannot be taken");
}

/* A filter of guardd's has room for 256 offences, 64 patterns to ignore, 64 KiB each. */
static void
test_limits(void **state)
{
	_cleanup_(strbuf_fini) struct strbuf many = {0}, ignores = {0}, wide = {0};
	struct option options[4] = {{"failregex", NULL}, {"ignoreregex", NULL}};

	(void)state;
	for (int i = 0; i < 257; i++) {
		strbuf_printf(&many, "^%d <F-ID/>\n", i);
		strbuf_printf(&ignores, "%s%d", i ? "\n" : "", i);
	}
	for (int i = 0; i < 66000; i++)
		strbuf_puts(&wide, "a");
	options[0].text = many.text;
	options[1].text = "x";
	expect_note(options, 1, F2B_ERROR, "at character 1 of '^256 <F-ID/>'");
	options[0].text = "<F-ID/>";
	options[1].text = ignores.text;
	expect_note(options, 1, F2B_ERROR, "more patterns than");
	options[1].text = wide.text;
	expect_note(options, 1, F2B_ERROR, "longer than");
}

static void
test_differs(void **state)
{
	static const struct option late[] = {{"failregex", "a<F-ID/>(?i)"}, {0}};
	static const struct option names[] = {{"failregex", "a <DNS>"}, {0}};
	static const struct option lines[] = {{"failregex", "<F-ID/>"}, {"maxlines", "5000"}, {0}};

	(void)state;
	expect_note(late, 0, F2B_DIFFERS, "hold for the whole");
	expect_note(names, 0, F2B_DIFFERS, "not looked up");
	expect_note(lines, 0, F2B_DIFFERS, "200 are kept");
}

static void
test_prefix_names_it(void **state)
{
	static const struct option prefix[] = {{"failregex", "^x$"},
	    {"prefregex", "^<F-ID/> <F-CONTENT>.*</F-CONTENT>$"}, {"usedns", "no"}, {0}};
	static const struct option flags[] = {{"failregex", "(?i)^x <F-ID/>"}, {0}};

	(void)state;
	expect(prefix, 0,
	    HEAD "  date: ['default']\n"
		 "  prefix: '^(?<id>\\S+) (?<content>.*)$'\n"
		 "offences:\n"
		 "  - match: '^x$'\n");
	expect(flags, 0, HEAD "  date: ['default']\noffences:\n  - match: '(?i)^x (?<id>\\S+)'\n");
}

/* A message's time is the journal's. */
static void
test_journal(void **state)
{
	_cleanup_(arena_fini) struct arena a = {0};
	_cleanup_(strbuf_fini) struct strbuf out = {0};
	struct f2b_report report = {.arena = &a};
	struct f2b_section definition = {.name = "Definition"};
	struct f2b_filter_as journal = as;

	(void)state;
	journal.journal = true;
	f2b_set(&a, &definition, "failregex", &(struct f2b_value){"<F-ID/>", "x", 1});
	f2b_set(&a, &definition, "datepattern", &(struct f2b_value){"%Y", "x", 1});
	assert_int_equal(f2b_filter_yaml(&a, &definition, &journal, &out, &report), 0);
	assert_non_null(strstr(out.text, "  date: ['none']\n"));
}

static void
test_dates(void **state)
{
	static const struct option pairs[] = {
	    {"{^LN-BEG}", "default-start"},
	    {"{default}", "default"},
	    {"{NONE}", "none"},
	    {"Epoch", "epoch"},
	    {"{^LN-BEG}Epoch", "^epoch"},
	    {"^LEPOCH", "^long-epoch"},
	    {"TAI64N", "tai64n"},
	    {"{^LN-BEG}TAI64N", "^tai64n"},
	    {"%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M"},
	    {"^%Y$", "^%Y$"},
	    {"{^LN-BEG}%Y", "{start}%Y"},
	    {"{^LN-BEG}^%Y", "^%Y"},
	    {"{UNB}%Y", "**%Y**"},
	    {"**%Y**", "**%Y**"},
	    {"(**%Y)", "**(%Y)"},
	    {"^[^\\[]*\\[({DATE})", "^[^\\[]*\\[({date})"},
	    {"^<{date}", "^<{date}"},
	    {"t={EPOCH}", "t={epoch}"},
	    {"t={lepoch}", "t={long-epoch}"},
	    {"%d(?P<_s>[-/])%m(?P=_s)%y", "%d(?<_s>[\\-/])%m\\k<_s>%y"},
	    {"%d([-/])%m\\2%y", "(%d)(?<g_2>[\\-/])%m\\k<g_2>%y"},
	    {"(-)%m\\1", "(-)%m\\g{1}"},
	    {"(?P<Y>\\d{4})/%j", "(?<year>\\d{4})/%j"},
	    {"(?P<Y>\\d{4})(x)", "((?<year>\\d{4}))(?<g_2>x)"},
	    {"%%x%%[%%]", "%%x%%[%%]"},
	    {"%ExY%Exm%Exd %l %p %f%z", "%ExY%Exm%Exd %l %p %f%z"},
	    {"%x %X", "%m/%d/%y %H:%M:%S"},
	    {"a%Y(?i)", "(?i)a%Y"},
	    {"{^LN-BEG}(?i)a%Y", "{start}(?i)a%Y"},
	    {"^I\\(()**", "^I\\(()**"},
	    {"%Y\\s", "%Y\\s**"},
	    {"{%Y{2,}", "\\{%Y{2,}"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		_cleanup_(arena_fini) struct arena a = {0};
		struct f2b_report report = {.arena = &a};
		struct f2b_value value = {pairs[i].name, "x", 1};
		struct list out = {0};

		if (f2b_dates(&a, &value, &out, &report) != 0 || out.n != 1)
			fail_msg(
			    "%s: %s", pairs[i].name, ((struct f2b_note *)report.notes.items)->text);
		if (strcmp(*(const char **)out.items, pairs[i].text))
			fail_msg("%s: %s, not %s", pairs[i].name, *(const char **)out.items,
			    pairs[i].text);
	}
}

static void
test_dates_refused(void **state)
{
	static const char *const wrong[] = {"%", "100%", "%Q", "[%Y]", "%Y %Y", "%H %k", "(%Y",
	    "%Y**+", "(?<=%d|x)y", "{DATE} {DATE}"};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		_cleanup_(arena_fini) struct arena a = {0};
		struct f2b_report report = {.arena = &a};
		struct f2b_value value = {wrong[i], "x", 3};
		struct list out = {0};

		assert_int_equal(f2b_dates(&a, &value, &out, &report), 1);
		assert_int_equal(out.n, 0);
		assert_int_equal(report.count[F2B_ERROR], 1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_whole),
	    cmocka_unit_test(test_left_out),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_differs),
	    cmocka_unit_test(test_prefix_names_it),
	    cmocka_unit_test(test_journal),
	    cmocka_unit_test(test_dates),
	    cmocka_unit_test(test_dates_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
