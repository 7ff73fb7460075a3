/* links: reader */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reader/json.h"

/* What was read, as "a.b=text;". */
struct seen {
	char text[4096];
	size_t n;
};

static void
see(void *ctx, const struct json_leaf *leaf)
{
	struct seen *s = ctx;

	for (unsigned i = 0; i < leaf->depth; i++)
		s->n += (size_t)snprintf(s->text + s->n, sizeof(s->text) - s->n, "%s%.*s",
		    i ? "." : "", leaf->path[i].text ? (int)leaf->path[i].len : 1,
		    leaf->path[i].text ? leaf->path[i].text : "#");
	s->n += (size_t)snprintf(s->text + s->n, sizeof(s->text) - s->n, "%c%.*s;",
	    "\"0tfn"[leaf->kind], (int)leaf -> len, leaf -> text);
}

/* The text stands at the very end of its memory, so that reading past it is found. */
static int
read_text(const char *text, struct seen *s)
{
	size_t n = strlen(text);
	char *copy = malloc(n ? n : 1), *room = malloc(n ? n : 1);
	int r;

	memcpy(copy, text, n);
	memset(s, 0, sizeof(*s));
	r = json_read(copy, n, room, see, s);
	free(copy);
	free(room);
	return r;
}

static void
reads_what_is_json(void **state)
{
	static const struct {
		const char *text, *seen;
	} cases[] = {
	    {"{}", ""},
	    {" [ ] ", ""},
	    {"\"x\"", "\"x;"},
	    {"-0.5e+10", "0-0.5e+10;"},
	    {"{\"a\":1,\"b\":{\"c\":[true,false,null,\"\"]},\"d\":\"e\"}",
		"a01;b.c.#ttrue;b.c.#ffalse;b.c.#nnull;b.c.#\";d\"e;"},
	    {"{\"a\\u0062\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}", "ab\"\"\\/\b\f\n\r\t;"},
	    {"[\"\\u00e9\\u20ac\\ud83d\\ude00\"]", "#\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80;"},
	    {"[\"\\ud83d\",\"\\ude00x\",\"\\ud83d\\u0041\"]",
		"#\"\xef\xbf\xbd;#\"\xef\xbf\xbdx;#\"\xef\xbf\xbd"
		"A;"},
	    {"[\"\xff\"]", "#\"\xff;"},
	    {"{\"a\":{\"b\":1},\"a\":2}", "a.b01;a02;"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct seen s;

		assert_int_equal(read_text(cases[i].text, &s), 0);
		assert_string_equal(s.text, cases[i].seen);
	}
}

static void
refuses_what_is_not(void **state)
{
	static const char *const cases[] = {"", " ", "{", "}", "[", "{\"a\"}", "{\"a\":}",
	    "{\"a\":1,}", "[1,]", "[1 2]", "{a:1}", "{'a':1}", "01", "1.", ".5", "1e", "+1", "-",
	    "tru", "nul", "\"", "\"\\\"", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\n\"",
	    "\"\x01\"", "{} {}", "[]]", "1x", "{\"a\":1 \"b\":2}", "\"\\ud83d\\u\"", "nan", "[,1]",
	    "{,}"};
	struct seen s;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(read_text(cases[i], &s), -EINVAL);
}

static void
depth_is_bounded(void **state)
{
	char text[100000];
	struct seen s;

	(void)state;
	memset(text, '[', sizeof(text));
	text[sizeof(text) - 1] = 0;
	assert_int_equal(read_text(text, &s), -E2BIG);
	memset(text, '[', JSON_DEPTH_MAX);
	memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
	text[2 * JSON_DEPTH_MAX] = 0;
	assert_int_equal(read_text(text, &s), 0);
	memset(text, '[', JSON_DEPTH_MAX + 1);
	memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
	text[2 * JSON_DEPTH_MAX + 2] = 0;
	assert_int_equal(read_text(text, &s), -E2BIG);
}

static void
a_nul_may_stand_in_a_text(void **state)
{
	char out[16];

	(void)state;
	assert_int_equal(json_unescape("a\\u0000b", 8, out), 3);
	assert_memory_equal(out, "a\0b", 3);
	assert_int_equal(json_unescape("a\\", 2, out), -EINVAL);
	assert_int_equal(json_unescape("\\\0", 2, out), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_what_is_json),
	    cmocka_unit_test(refuses_what_is_not),
	    cmocka_unit_test(depth_is_bounded),
	    cmocka_unit_test(a_nul_may_stand_in_a_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
