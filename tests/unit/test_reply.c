/* links: herald */
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
#include <malloc.h>

#include "base/strbuf.h"
#include "herald/fleet_private.h"

#define BYTES (1u << 20)

/* What is said of a reply that comes a few bytes at a time: 0 and a value, 1: no end yet, or an
 * error. */
static int
feed(const char *bytes, size_t n, size_t step, struct value **out, char *last_id)
{
	struct reply *r;
	int e = 0;

	*out = NULL;
	assert_int_equal(reply_new(&r, BYTES), 0);
	for (size_t at = 0; at < n && e == 0; at += step) {
		e = reply_feed(r, bytes + at, step < n - at ? step : n - at);
		if (e == 0)
			e = reply_next(r, out);
	}
	if (last_id)
		strcpy(last_id, reply_last_id(r));
	reply_free(r);
	return e == 1 ? 0 : e == 0 ? 1 : e;
}

static int
feed_text(const char *text, struct value **out)
{
	return feed(text, strlen(text), 1 + (size_t)rand() % 7, out, NULL);
}

static void
test_values(void **state)
{
	struct value *v;

	(void)state;
	assert_int_equal(feed_text("+OK\r\n", &v), 0);
	assert_int_equal(v->type, VALUE_STATUS);
	value_free(v);
	assert_int_equal(feed_text("-ERR no\r\n", &v), 0);
	assert_int_equal(v->type, VALUE_ERROR);
	assert_string_equal(v->text, "ERR no");
	value_free(v);
	assert_int_equal(feed_text("*3\r\n$2\r\nab\r\n:-5\r\n*-1\r\n", &v), 0);
	assert_int_equal(v->n, 3);
	assert_true(value_is(v->items[0], "ab"));
	assert_int_equal(v->items[1]->number, -5);
	assert_int_equal(v->items[2]->type, VALUE_NIL);
	value_free(v);
	assert_int_equal(feed_text("*0\r\n", &v), 0);
	assert_int_equal(v->n, 0);
	value_free(v);
}

static void
test_headers_allocate_nothing(void **state)
{
	static const char *const large[] = {"*1000000000\r\n", "*65536\r\n", "*2147483647\r\n",
	    "*2\r\n*65000\r\n", "*-7\r\n", "*4294967297\r\n*4294967297\r\n*1000000\r\n"};
	struct value *v;

	(void)state;
	for (size_t i = 0; i < sizeof(large) / sizeof(*large); i++) {
		struct mallinfo2 before = mallinfo2();
		int e = feed_text(large[i], &v);

		if (e == 0)
			fail_msg("taken: %s", large[i]);
		assert_null(v);
		assert_true(mallinfo2().arena - before.arena < (2u << 20));
	}
	assert_int_equal(feed_text(large[0], &v), -EMSGSIZE);
	/* A string is waited for, and refused when more than the bound came. */
	assert_int_equal(feed_text("$1000000000\r\nabc", &v), 1);
}

static void
test_bound_of_bytes(void **state)
{
	_cleanup_(strbuf_fini) struct strbuf b = {0};
	struct value *v;

	(void)state;
	strbuf_printf(&b, "$%u\r\n", BYTES - 64);
	while (b.len < BYTES - 40)
		strbuf_puts(&b, "x");
	b.text[strlen("$1048512\r\n") + BYTES - 64] = '\0';
	b.len = strlen(b.text);
	strbuf_puts(&b, "\r\n");
	assert_int_equal(feed(b.text, b.len, 4096, &v, NULL), 0);
	assert_int_equal(v->n, BYTES - 64);
	value_free(v);
	strbuf_reset(&b);
	strbuf_puts(&b, "+");
	while (b.len < BYTES + 10)
		strbuf_puts(&b, "x");
	/* A line that does not end is given up long before. */
	assert_int_equal(feed(b.text, b.len, 4096, &v, NULL), -EPROTO);
	assert_int_equal(feed(b.text, REPLY_LINE, 4096, &v, NULL), 1);
	b.text[0] = '$';
	assert_int_equal(feed(b.text, REPLY_LINE + 4096, 4096, &v, NULL), -EPROTO);
}

static void
test_nonsense(void **state)
{
	static const char *const wrong[] = {"HTTP/1.1 200 OK\r\n", "\x15\x03\x01\r\n", "x", "\r\n",
	    "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n"};
	struct value *v;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		int e = feed_text(wrong[i], &v);

		if (e != -EPROTO)
			fail_msg("%d: %s", e, wrong[i]);
	}
}

static void
test_many_replies(void **state)
{
	struct reply *r;
	struct value *v;

	(void)state;
	assert_int_equal(reply_new(&r, 64), 0);
	/* The bound is of one reply, not of all. */
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(reply_feed(r, "*2\r\n:1\r\n$3\r\nabc\r\n", 17), 0);
		assert_int_equal(reply_next(r, &v), 1);
		value_free(v);
		assert_int_equal(reply_next(r, &v), 0);
	}
	reply_free(r);
}

#define STREAM "*1\r\n*2\r\n$1\r\ns\r\n"

static void
test_entries(void **state)
{
	struct value *v;
	const struct value *fields;
	struct entry_id id;
	bool wrong = false;

	(void)state;
	assert_int_equal(feed_text(STREAM "*2\r\n*2\r\n$3\r\n5-1\r\n*2\r\n$1\r\ne\r\n$1\r\nx\r\n"
					  "*2\r\n$3\r\n5-2\r\n*0\r\n",
			     &v),
	    0);
	assert_true(fleet_entry_at(v, 0, &id, &fields, &wrong));
	assert_int_equal(id.seq, 1);
	assert_int_equal(fields->n, 2);
	assert_true(fleet_entry_at(v, 1, &id, &fields, &wrong));
	assert_false(fleet_entry_at(v, 2, &id, &fields, &wrong));
	assert_false(wrong);
	value_free(v);
}

static void
test_answers_of_another_form(void **state)
{
	static const char *const forms[] = {":1\r\n", "+OK\r\n", "*0\r\n", "*1\r\n:1\r\n",
	    "*1\r\n*1\r\n$1\r\ns\r\n", STREAM ":1\r\n", STREAM "*1\r\n:1\r\n",
	    STREAM "*1\r\n*1\r\n$3\r\n5-1\r\n", STREAM "*1\r\n*2\r\n$2\r\n51\r\n*0\r\n",
	    STREAM "*1\r\n*2\r\n:51\r\n*0\r\n",
	    "*2\r\n*2\r\n$1\r\ns\r\n*0\r\n*2\r\n$1\r\nt\r\n*0\r\n"};
	const struct value *fields;
	struct value *v;
	struct entry_id id;

	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		bool wrong = false;

		assert_int_equal(feed_text(forms[i], &v), 0);
		if (fleet_entry_at(v, 0, &id, &fields, &wrong) || !wrong)
			fail_msg("taken: %s", forms[i]);
		value_free(v);
	}
}

/* A reply that is too large names the entry it was at, so that it can be passed. */
static void
test_last_id(void **state)
{
	_cleanup_(strbuf_fini) struct strbuf b = {0};
	char id[REPLY_ID_MAX];
	struct value *v;

	(void)state;
	strbuf_puts(&b, STREAM
	    "*2\r\n*2\r\n$3\r\n5-1\r\n*2\r\n$1\r\ne\r\n$3\r\n9-9\r\n*2\r\n$3\r\n7-2\r\n*2\r\n"
	    "$1\r\ne\r\n$9000000\r\n");
	while (b.len < BYTES + 10)
		strbuf_puts(&b, "x");
	assert_int_equal(feed(b.text, b.len, 4096, &v, id), -EMSGSIZE);
	assert_string_equal(id, "7-2");
	assert_int_equal(feed("$9000000\r\n", 10, 10, &v, id), 1);
	assert_string_equal(id, "");
}

static void
test_fields(void **state)
{
	static const struct {
		const char *bytes;
		bool good;
	} cases[] = {
	    {"*2\r\n$1\r\ne\r\n$1\r\nx\r\n", true},
	    {"*4\r\n$1\r\nz\r\n$1\r\nx\r\n$1\r\ne\r\n$1\r\nx\r\n", true},
	    {"*0\r\n", false},
	    {"*1\r\n$1\r\ne\r\n", false},
	    {"*2\r\n$1\r\ng\r\n$1\r\nx\r\n", false},
	    {"*2\r\n$1\r\ne\r\n:1\r\n", false},
	    {"*2\r\n:1\r\n$1\r\nx\r\n", false},
	    {"$1\r\ne\r\n", false},
	};
	struct entry_text text;
	struct value *v;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(feed_text(cases[i].bytes, &v), 0);
		assert_int_equal(entry_fields(v, &text), cases[i].good);
		value_free(v);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_values),
	    cmocka_unit_test(test_headers_allocate_nothing),
	    cmocka_unit_test(test_bound_of_bytes),
	    cmocka_unit_test(test_nonsense),
	    cmocka_unit_test(test_many_replies),
	    cmocka_unit_test(test_entries),
	    cmocka_unit_test(test_answers_of_another_form),
	    cmocka_unit_test(test_last_id),
	    cmocka_unit_test(test_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
