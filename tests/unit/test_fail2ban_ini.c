/* links: conf */
/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fail2ban's files: syntax, order, includes, references, <tags>, times, options of calls; and what
 * is said of files that are wrong, with the place.
 */
#include "fail2ban_world.h"

static const char *
value(struct tree *t, const char *base, const char *section, const char *option)
{
	struct ini *ini = f2b_merged(t->f, base);
	struct f2b_scope scope = {.ini = ini, .section = section};
	struct f2b_value v;

	assert_non_null(ini);
	return f2b_value_get(t->f, &scope, option, &v) == 0 ? v.text : NULL;
}

static void
test_syntax(void **state)
{
	struct tree t;
	const struct f2b_value *v;

	(void)state;
	tree_open(&t);
	put(&t, "jail.conf",
	    "# comment\n"
	    "[one] behind\n"
	    "Plain = a = b ; comment\n"
	    "colon : x;y\n"
	    "joined = first\n"
	    "    ; a comment\n"
	    "   second ;end\n"
	    "\n"
	    "\tthird\n"
	    "\n"
	    "empty =\r\n"
	    "[two]\n"
	    "  indented = 1\n"
	    "  beside = 2\n"
	    "last=3");
	tree_load(&t);
	assert_string_equal(value(&t, "jail", "one", "plain"), "a = b");
	assert_string_equal(value(&t, "jail", "one", "colon"), "x;y");
	assert_string_equal(value(&t, "jail", "one", "joined"), "first\nsecond\n\nthird");
	assert_string_equal(value(&t, "jail", "one", "empty"), "");
	assert_string_equal(value(&t, "jail", "two", "indented"), "1");
	assert_string_equal(value(&t, "jail", "two", "beside"), "2");
	assert_string_equal(value(&t, "jail", "two", "last"), "3");
	v = f2b_get(ini_section(f2b_merged(t.f, "jail"), "one"), "joined");
	assert_int_equal(v->line, 5);
	assert_non_null(strstr(v->file, "/jail.conf"));
	assert_int_equal(t.report.notes.n, 0);
	tree_close(&t);
}

static void
test_wrong_syntax(void **state)
{
	static const char text[] =
	    "outside = 1\n[a]\nno value here\nx = 1\nnul = a\0b\ny = 2\nx = 3\n[a]\nz "
	    "= 4\n= 5\n";
	struct tree t;

	(void)state;
	tree_open(&t);
	put_bytes(&t, "jail.conf", text, sizeof(text) - 1);
	put(&t, "jail.local", "[a]\nw = \xff\n");
	tree_load(&t);
	assert_true(has_note(&t, F2B_ERROR, "/jail.conf", 1, "outside of any section"));
	assert_true(has_note(&t, F2B_ERROR, "/jail.conf", 3, "neither a section nor an option"));
	assert_true(has_note(&t, F2B_ERROR, "/jail.conf", 5, "NUL"));
	assert_true(has_note(&t, F2B_ERROR, "/jail.conf", 7, "stands twice"));
	assert_true(has_note(&t, F2B_ERROR, "/jail.conf", 8, "stands twice"));
	assert_true(has_note(&t, F2B_ERROR, "/jail.conf", 10, "neither"));
	assert_true(has_note(&t, F2B_ERROR, "/jail.local", 2, "no UTF-8"));
	assert_string_equal(value(&t, "jail", "a", "x"), "3");
	assert_string_equal(value(&t, "jail", "a", "y"), "2");
	assert_string_equal(value(&t, "jail", "a", "z"), "4");
	assert_null(value(&t, "jail", "a", "w"));
	tree_close(&t);
}

static void
test_order(void **state)
{
	struct tree t;

	(void)state;
	tree_open(&t);
	put(&t, "jail.conf",
	    "[INCLUDES]\nbefore = early.conf\nafter = late.conf\n[a]\nby = conf\n1 = conf\n2 "
	    "= conf\n3 = conf\n4 = conf\n0 = conf\n");
	put(&t, "early.conf", "[a]\n0 = early\nearly = yes\n");
	put(&t, "early.local", "[a]\nearly = local\n");
	put(&t, "late.conf", "[a]\n1 = late\n2 = late\n3 = late\n4 = late\n");
	put(&t, "jail.d/b.conf", "[a]\n2 = b\n3 = b\n4 = b\n");
	put(&t, "jail.d/a.conf", "[a]\n2 = a\n3 = a\n4 = a\n");
	put(&t, "jail.d/.hidden.conf", "[a]\n2 = hidden\n");
	put(&t, "jail.local", "[a]\n3 = local\n4 = local\n");
	put(&t, "jail.d/a.local", "[a]\n4 = d.local\n[cond?family=inet6]\nx = 1\n");
	tree_load(&t);
	assert_string_equal(value(&t, "jail", "a", "0"), "conf");
	assert_string_equal(value(&t, "jail", "a", "early"), "local");
	assert_string_equal(value(&t, "jail", "a", "1"), "late");
	assert_string_equal(value(&t, "jail", "a", "2"), "b");
	assert_string_equal(value(&t, "jail", "a", "3"), "local");
	assert_string_equal(value(&t, "jail", "a", "4"), "d.local");
	assert_string_equal(value(&t, "jail", "cond", "x?family=inet6"), "1");
	tree_close(&t);
}

static void
test_includes_gone_wrong(void **state)
{
	struct tree t;

	(void)state;
	tree_open(&t);
	put(&t, "jail.conf",
	    "[INCLUDES]\nbefore = loop.conf\n   none.conf\n   none.local\n[a]\nx = 1\n");
	put(&t, "loop.conf", "[INCLUDES]\nbefore = again.conf\n[a]\nloop = 1\n");
	put(&t, "again.conf", "[INCLUDES]\nafter = ./loop.conf\n[a]\nagain = 1\n");
	tree_load(&t);
	assert_string_equal(value(&t, "jail", "a", "x"), "1");
	assert_string_equal(value(&t, "jail", "a", "loop"), "1");
	assert_string_equal(value(&t, "jail", "a", "again"), "1");
	assert_true(has_note(&t, F2B_ERROR, "/jail.conf", 2, "none.conf, which is not there"));
	assert_true(has_note(&t, F2B_ERROR, "/again.conf", 2, "include each other"));
	assert_int_equal(t.report.count[F2B_ERROR], 2);
	tree_close(&t);
}

static void
test_references(void **state)
{
	struct tree t;

	(void)state;
	tree_open(&t);
	put(&t, "jail.conf",
	    "[DEFAULT]\nbase = def\nchain = %(base)s/%(own)s\n"
	    "[a]\nown = A\nbase = over\nby = %(__name__)s 100%%\nfar = %(b/only)s %(b/base)s "
	    "%(default/base)s\n"
	    "more = old\nless = old\n"
	    "[b]\nonly = B%(own)s\nown = other\n");
	put(&t, "jail.local",
	    "[a]\nmore = %(known/more)s new\nless = new\ncap = %(B/only)s\nunknown = %(nowhere)s\n"
	    "syntax = 5% of\nround = %(round)s\nround1 = %(round2)s\nround2 = %(round1)s\n");
	tree_load(&t);
	assert_string_equal(value(&t, "jail", "a", "chain"), "over/A");
	assert_string_equal(value(&t, "jail", "a", "by"), "a 100%");
	assert_string_equal(value(&t, "jail", "a", "far"), "BA def def");
	assert_string_equal(value(&t, "jail", "a", "more"), "old new");
	assert_string_equal(value(&t, "jail", "a", "less"), "new");
	assert_null(value(&t, "jail", "a", "cap"));
	assert_null(value(&t, "jail", "a", "unknown"));
	assert_null(value(&t, "jail", "a", "syntax"));
	assert_null(value(&t, "jail", "a", "round"));
	assert_null(value(&t, "jail", "a", "round1"));
	assert_true(has_note(&t, F2B_ERROR, "/jail.local", 5, "unknown option: nowhere"));
	assert_true(has_note(&t, F2B_ERROR, "/jail.local", 6, "must be followed"));
	assert_true(has_note(&t, F2B_ERROR, "/jail.local", 7, "never end"));
	assert_true(has_note(&t, F2B_ERROR, "/jail.local", 8, "never end"));
	tree_close(&t);
}

static const char *
filter_value(struct tree *t, const char *call, const char *backend, const char *option)
{
	struct f2b_value text = {call, NULL, 0};
	struct f2b_section out;
	struct list options = {0};
	const char *name, *why;
	const struct f2b_value *v;

	assert_int_equal(f2b_split_options(&t->arena, &text, &name, &options, &why), 0);
	if (f2b_filter_read(t->f, name, options.items, options.n, backend, NULL, &out) < 0)
		return NULL;
	v = f2b_get(&out, option);
	return v ? v->text : "";
}

static void
test_filter(void **state)
{
	struct tree t;

	(void)state;
	tree_open(&t);
	put(&t, "filter.d/common.conf",
	    "[DEFAULT]\n_daemon = \\S*\n__prefix = <lt_<logtype>/__prefix>\nlogtype = file\n"
	    "[lt_file]\n__prefix = file %(_daemon)s\n[lt_journal]\n__prefix = journal\n");
	put(&t, "filter.d/x.conf",
	    "[INCLUDES]\nbefore = common.conf\n[Definition]\n_daemon = xd\n"
	    "failregex = ^%(__prefix)s <cmd-<mode>> from <HOST>$\n"
	    "            ^other <F-USER>.</F-USER> <given>\n"
	    "ignoreregex = one\ncmd-normal = login\ncmd-hard = <cmd-normal>|try\n"
	    "[Init]\nmode = normal\ngiven = %(mode)s default\njournalmatch = _COMM=x\n");
	put(&t, "filter.d/x.local", "[Definition]\nignoreregex = %(known/ignoreregex)s two\n");
	put(&t, "filter.d/round.conf", "[Definition]\nfailregex = <a>\na = <b>\nb = <a>\n");
	tree_load(&t);
	assert_string_equal(filter_value(&t, "x", "auto", "failregex"),
	    "^file \\S* login from <HOST>$\n^other <F-USER>.</F-USER> normal default");
	assert_string_equal(
	    filter_value(&t, "x[mode=hard, given=\"a, b\"]", "systemd", "failregex"),
	    "^journal login|try from <HOST>$\n^other <F-USER>.</F-USER> a, b");
	assert_string_equal(filter_value(&t, "x", "", "journalmatch"), "_COMM=x");
	assert_string_equal(filter_value(&t, "x", "", "ignoreregex"), "one two");
	assert_null(filter_value(&t, "round", "", "failregex"));
	assert_true(has_note(&t, F2B_ERROR, "/round.conf", 2, "holds itself"));
	assert_null(filter_value(&t, "absent", "", "failregex"));
	tree_close(&t);
}

static void
test_options(void **state)
{
	static const struct {
		const char *text;
		int result;
		const char *name, *options; /* "name=value|" each */
	} cases[] = {
	    {"sshd", 0, "sshd", ""},
	    {"sshd[mode=aggressive, x=\"a, b]\", y='\"']", 0, "sshd",
		"mode=aggressive|x=a, b]|y=\"|"},
	    {"a[x= 1 ][y=2]", 0, "a", "x=1|y=2|"},
	    {"a[]", 0, "a", ""},
	    {"a[x=1,]", 0, "a", "x=1|"},
	    {"a[x=\"1\n2\"]", 0, "a", "x=1\n2|"},
	    {"a[x=\"1\" y]", -EINVAL, "a", ""},
	    {"a[x]", -EINVAL, "a", ""},
	    {"a[x=1", -EINVAL, "a", ""},
	    {"[x=1]", -EINVAL, "", ""},
	};
	struct arena a = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct f2b_value v = {cases[i].text, NULL, 0};
		struct list options = {0};
		struct strbuf all = {0};
		const char *name, *why;

		assert_int_equal(f2b_split_options(&a, &v, &name, &options, &why), cases[i].result);
		assert_string_equal(name, cases[i].name);
		for (size_t k = 0; cases[i].result == 0 && k < options.n; k++) {
			const struct f2b_option *o = (struct f2b_option *)options.items + k;

			strbuf_printf(&all, "%s=%s|", o->name, o->value.text);
		}
		assert_string_equal(all.text ? all.text : "", cases[i].options);
		strbuf_fini(&all);
	}
	arena_fini(&a);
}

static void
test_times(void **state)
{
	static const struct {
		const char *text;
		int result;
		double seconds;
	} cases[] = {
	    {"600", 0, 600},
	    {"10m", 0, 600},
	    {"1d 12h", 0, 129600},
	    {"1d12h", 0, 129600},
	    {"1hour+30min", 0, 5400},
	    {"1year-6mo", 0, 15778800},
	    {"1w", 0, 604800},
	    {"6 months", 0, 15778800},
	    {"10*60", 0, 600},
	    {"(1 + 2) * 1h", 0, 10800},
	    {"60*60*24/2", 0, 43200},
	    {"-1", 0, -1},
	    {"1.5h", 0, 5400},
	    {"2.0 / 4", 0, 0.5},
	    {"0d 1h 30m", 0, 5400},
	    {"", -EINVAL, 0},
	    {"soon", -EINVAL, 0},
	    {"10 parsecs", -EINVAL, 0},
	    {"10/0", -EINVAL, 0},
	    {"(10", -EINVAL, 0},
	    {"10)", -EINVAL, 0},
	    {"2**31", -EINVAL, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		double seconds = 0;

		assert_int_equal(f2b_seconds(cases[i].text, &seconds), cases[i].result);
		if (cases[i].result == 0)
			assert_true(seconds == cases[i].seconds);
	}
}

static void
test_bounds(void **state)
{
	struct tree t;
	struct strbuf b = {0};

	(void)state;
	tree_open(&t);
	/* Ten options that each hold the next one ten times: 10^10 bytes. */
	strbuf_puts(&b, "[a]\nx9 = 0123456789\n");
	for (int i = 8; i >= 0; i--) {
		strbuf_printf(&b, "x%d = ", i);
		for (int k = 0; k < 10; k++)
			strbuf_printf(&b, "%%(x%d)s", i + 1);
		strbuf_puts(&b, "\n");
	}
	put(&t, "jail.conf", b.text);
	strbuf_reset(&b);
	strbuf_puts(&b, "[Definition]\nfailregex = <y0>\ny9 = 0123456789\n");
	for (int i = 8; i >= 0; i--) {
		strbuf_printf(&b, "y%d = ", i);
		for (int k = 0; k < 10; k++)
			strbuf_printf(&b, "<y%d>", i + 1);
		strbuf_puts(&b, "\n");
	}
	put(&t, "filter.d/big.conf", b.text);
	tree_load(&t);
	assert_null(value(&t, "jail", "a", "x0"));
	assert_true(has_note(&t, F2B_ERROR, "/jail.conf", 11, "too long"));
	assert_null(filter_value(&t, "big", "", "failregex"));
	strbuf_fini(&b);
	tree_close(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_syntax),
	    cmocka_unit_test(test_wrong_syntax),
	    cmocka_unit_test(test_order),
	    cmocka_unit_test(test_includes_gone_wrong),
	    cmocka_unit_test(test_references),
	    cmocka_unit_test(test_filter),
	    cmocka_unit_test(test_options),
	    cmocka_unit_test(test_times),
	    cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
