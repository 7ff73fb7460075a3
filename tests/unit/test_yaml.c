/* links: conf */
/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The tree of a YAML file: places of nodes, what is refused, and what bounds it.
 */
#include "conf/yaml.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/strbuf.h"

struct loaded {
	struct arena arena;
	struct diag diag;
	struct yaml_file *file;
	int result;
};

static void
load(struct loaded *l, const char *text, size_t n)
{
	*l = (struct loaded){0};
	l->diag.arena = &l->arena;
	text = arena_dup(&l->arena, text, n);
	l->result = yaml_load_text(&l->file, &l->arena, &l->diag, "t.yaml", text, n);
}

static void
assert_refused(const char *text, size_t n, const char *why, uint32_t line, uint32_t column)
{
	struct loaded l;

	load(&l, text, n);
	if (l.result != -EINVAL || l.diag.errors != 1)
		fail_msg("%.40s: %zu errors", text, l.diag.errors);
	if (!strstr(l.diag.shown[0].message, why))
		fail_msg("%.40s: '%s' does not say '%s'", text, l.diag.shown[0].message, why);
	assert_int_equal(l.diag.shown[0].place.line, line);
	assert_int_equal(l.diag.shown[0].place.column, column);
	arena_fini(&l.arena);
}

static void
test_what_is_not_for_configuration_is_refused(void **state)
{
	static const struct {
		const char *text, *why;
		uint32_t line, column;
	} cases[] = {
	    {"a: 1\na: 2\n", "twice", 2, 1},
	    {"a: &x 1\n", "anchors", 1, 4},
	    {"a: *x\n", "aliases", 1, 4},
	    {"a: !!str 1\n", "tags", 1, 4},
	    {"a: 1\n--- \nb: 1\n", "one document", 2, 1},
	    {"? [a]\n: 1\n", "plain word", 1, 3},
	    {"a: [1, 2\nb: 3\n", "", 2, 2},
	    {"a: 'x\n", "", 2, 1},
	    {"a: \"\\0\"\n", "NUL", 1, 4},
	    {"a:\n\t- 1\n", "token", 2, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_refused(cases[i].text, strlen(cases[i].text), cases[i].why, cases[i].line,
		    cases[i].column);
	assert_refused("a: 1\nb: \xff\n", 10, "UTF-8", 2, 1);
	assert_refused("a: 1\nb: \0\n", 10, "control", 2, 1);
}

static void
test_bounds_hold(void **state)
{
	struct strbuf deep = {0}, many = {0}, keys = {0};
	struct loaded l;

	(void)state;
	for (int i = 0; i < 2000; i++)
		strbuf_puts(&deep, "[");
	load(&l, deep.text, deep.len);
	assert_int_equal(l.result, -EINVAL);
	assert_non_null(strstr(l.diag.shown[0].message, "deeply"));
	arena_fini(&l.arena);
	for (int i = 0; i <= YAML_NODES_MAX; i++)
		strbuf_puts(&many, "- 1\n");
	load(&l, many.text, many.len);
	assert_int_equal(l.result, -EINVAL);
	assert_non_null(strstr(l.diag.shown[0].message, "too many"));
	arena_fini(&l.arena);
	for (int i = 0; i <= YAML_KEYS_MAX; i++)
		strbuf_printf(&keys, "k%d: 1\n", i);
	load(&l, keys.text, keys.len);
	assert_int_equal(l.result, -EINVAL);
	assert_non_null(strstr(l.diag.shown[0].message, "keys"));
	arena_fini(&l.arena);
	strbuf_fini(&deep);
	strbuf_fini(&many);
	strbuf_fini(&keys);
}

static void
assert_place(const struct node *n, size_t offset, uint32_t line, uint32_t column)
{
	struct place p = node_place_in(n, offset);

	assert_int_equal(p.line, line);
	assert_int_equal(p.column, column);
}

static void
test_places_inside_texts_count_characters_and_quotes(void **state)
{
	static const char text[] =
	    "k: 'ab''cd'\r\nü: 'xy'\n\"d\": \"a\\\\b\\x41c\"\np: plain text\nb: |\n  block\n";
	struct loaded l;
	struct node **items;

	(void)state;
	load(&l, text, strlen(text));
	assert_int_equal(l.result, 0);
	items = l.file->root->items;
	assert_place(items[0], 0, 1, 5);
	assert_place(items[0], 2, 1, 7);
	assert_place(items[0], 3, 1, 9);
	assert_place(items[0], 5, 1, 11);
	assert_place(items[1], 1, 2, 6);
	assert_place(items[2], 1, 3, 8);
	assert_place(items[2], 2, 3, 10);
	assert_place(items[2], 3, 3, 11);
	assert_place(items[2], 4, 3, 15);
	assert_place(items[3], 6, 4, 10);
	assert_place(items[4], 3, 5, 4);
	assert_string_equal(yaml_line(&l.arena, l.file, 1), "k: 'ab''cd'");
	assert_string_equal(yaml_line(&l.arena, l.file, 2), "ü: 'xy'");
	assert_string_equal(yaml_line(&l.arena, l.file, 99), "");
	arena_fini(&l.arena);
}

static void
test_nothing_but_comments_is_an_empty_file(void **state)
{
	static const char *const texts[] = {
	    "", "# a\n\n# b\n", "---\n", "~\n", "\xef\xbb\xbf# a\n"};
	struct loaded l;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		load(&l, texts[i], strlen(texts[i]));
		assert_int_equal(l.result, 0);
		assert_null(l.file->root);
		arena_fini(&l.arena);
	}
}

static void
test_files_that_are_none_are_told(void **state)
{
	static const struct {
		const char *path, *why;
	} cases[] = {
	    {"/nonexistent/x.yaml", "No such file"}, {"/", "directory"}, {"/dev/null", "device"}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct arena a = {0};
		struct diag d = {.arena = &a};
		struct yaml_file *f;

		assert_int_equal(yaml_load(&f, &a, &d, cases[i].path), -EINVAL);
		if (!strstr(d.shown[0].message, cases[i].why))
			fail_msg("%s: %s", cases[i].path, d.shown[0].message);
		assert_int_equal(d.shown[0].place.line, 0);
		arena_fini(&a);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_is_not_for_configuration_is_refused),
	    cmocka_unit_test(test_bounds_hold),
	    cmocka_unit_test(test_places_inside_texts_count_characters_and_quotes),
	    cmocka_unit_test(test_nothing_but_comments_is_an_empty_file),
	    cmocka_unit_test(test_files_that_are_none_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
