/* links: herald */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "herald/fleet_entry.h"

static void
test_good_lines_come_back(void **state)
{
	static const char *const lines[] = {
	    "1 ban web1 1 203.0.113.9 ssh points:10 1700000000 1700003600 1",
	    "1 ban web1.example.net 9223372036854775807 2001:db8::/64 web-login prefix:8 0 never "
	    "65535",
	    "1 ban a 5 0.0.0.0/1 manual hand 1 2 0",
	    "1 ban a 5 ::/1 manual other 1 2 0",
	    "1 lift web1 7 203.0.113.0/24 ssh",
	    "1 lift web1 7 2001:db8::1 *",
	    "1 report web1 8 {\"version\":\"0.1.0\"}",
	    "1 probe web1 9 web2 {\"rows\":[]}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		_cleanup_(strbuf_fini) struct strbuf again = {0};
		struct entry e;

		assert_int_equal(entry_parse(&e, lines[i], strlen(lines[i])), ENTRY_GOOD);
		entry_write(&e, &again);
		assert_string_equal(again.text, lines[i]);
	}
}

static void
test_values(void **state)
{
	static const char line[] =
	    "1 ban web1 42 2001:db8:1::/64 ssh points:10 1700000000 1700003600 3";
	struct entry e;
	char text[ADDR_TEXT_MAX];

	(void)state;
	assert_int_equal(entry_parse(&e, line, sizeof(line) - 1), ENTRY_GOOD);
	assert_int_equal(e.kind, ENTRY_BAN);
	assert_string_equal(e.host, "web1");
	assert_int_equal(e.serial, 42);
	assert_string_equal(prefix_format(&e.ban.prefix, text), "2001:db8:1::/64");
	assert_string_equal(e.ban.rule, "ssh");
	assert_int_equal(e.ban.reason, FLEET_POINTS);
	assert_int_equal(e.ban.number, 10);
	assert_int_equal(e.ban.since, 1700000000 * USEC_PER_SEC);
	assert_int_equal(e.ban.until, 1700003600 * USEC_PER_SEC);
	assert_int_equal(e.ban.level, 3);
}

static void
test_shortest_ban_has_a_length(void **state)
{
	struct entry e = {.kind = ENTRY_BAN, .host = "web1", .serial = 1}, again;
	_cleanup_(strbuf_fini) struct strbuf line = {0};

	(void)state;
	assert_int_equal(prefix_parse(&e.ban.prefix, "203.0.113.9", 11), 0);
	memcpy(e.ban.rule, "ssh", 4);
	e.ban.reason = FLEET_HAND;
	e.ban.since = 1700000000 * USEC_PER_SEC + 1;
	e.ban.until = e.ban.since + 1;
	entry_write(&e, &line);
	assert_int_equal(entry_parse(&again, line.text, line.len), ENTRY_GOOD);
	assert_true(again.ban.until >= e.ban.until);
}

static void
test_wrong_lines(void **state)
{
	static const char *const lines[] = {
	    "",
	    " ",
	    "1",
	    "1 ban",
	    "1 ban web1",
	    "1 ban web1 ",
	    "1  ban web1 1 203.0.113.9 ssh hand 1 2 0",
	    "1 ban WEB1 1 203.0.113.9 ssh hand 1 2 0",
	    "1 ban -a 1 203.0.113.9 ssh hand 1 2 0",
	    "1 ban .a 1 203.0.113.9 ssh hand 1 2 0",
	    "1 ban a/b 1 203.0.113.9 ssh hand 1 2 0",
	    "1 ban web1 0 203.0.113.9 ssh hand 1 2 0",
	    "1 ban web1 01 203.0.113.9 ssh hand 1 2 0",
	    "1 ban web1 -1 203.0.113.9 ssh hand 1 2 0",
	    "1 ban web1 9223372036854775808 203.0.113.9 ssh hand 1 2 0",
	    "1 ban web1 99999999999999999999999 203.0.113.9 ssh hand 1 2 0",
	    "1 ban web1 1 0.0.0.0/0 ssh hand 1 2 0",
	    "1 ban web1 1 ::/0 ssh hand 1 2 0",
	    "1 ban web1 1 203.0.113.9/24 ssh hand 1 2 0",
	    "1 ban web1 1 203.0.113.9/32 ssh hand 1 2 0",
	    "1 ban web1 1 203.0.113.09 ssh hand 1 2 0",
	    "1 ban web1 1 ::ffff:203.0.113.9 ssh hand 1 2 0",
	    "1 ban web1 1 2001:DB8::1 ssh hand 1 2 0",
	    "1 ban web1 1 fe80::1%eth0 ssh hand 1 2 0",
	    "1 ban web1 1 203.0.113.9 * hand 1 2 0",
	    "1 ban web1 1 203.0.113.9 0123456789012345678901234567890123456789 hand 1 2 0",
	    "1 ban web1 1 203.0.113.9 s\x7fh hand 1 2 0",
	    "1 ban web1 1 203.0.113.9 ssh hand:1 1 2 0",
	    "1 ban web1 1 203.0.113.9 ssh points 1 2 0",
	    "1 ban web1 1 203.0.113.9 ssh points: 1 2 0",
	    "1 ban web1 1 203.0.113.9 ssh points:4294967296 1 2 0",
	    "1 ban web1 1 203.0.113.9 ssh whim 1 2 0",
	    "1 ban web1 1 203.0.113.9 ssh hand never never 0",
	    "1 ban web1 1 203.0.113.9 ssh hand 2 2 0",
	    "1 ban web1 1 203.0.113.9 ssh hand 1 253402300800 0",
	    "1 ban web1 1 203.0.113.9 ssh hand 1 2 65536",
	    "1 ban web1 1 203.0.113.9 ssh hand 1 2 0 ",
	    "1 ban web1 1 203.0.113.9 ssh hand 1 2 0 more",
	    "1 lift web1 1 203.0.113.9",
	    "1 lift web1 1 203.0.113.9 ssh more",
	    "1 report web1 1",
	    "1 report web1 1 []",
	    "1 probe web1 1 {\"rows\":[]}",
	    "1 probe web1 1 web2",
	};
	struct entry e;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		if (entry_parse(&e, lines[i], strlen(lines[i])) != ENTRY_WRONG)
			fail_msg("taken: %s", lines[i]);
	}
	/* A NUL ends nothing early. */
	assert_int_equal(entry_parse(&e, "1 lift web1 1 203.0.113.9 ssh\0x", 31), ENTRY_WRONG);
	assert_int_equal(entry_parse(&e, "1 report web1 1 {}\0x", 20), ENTRY_WRONG);
}

static void
test_unknown(void **state)
{
	struct entry e;

	(void)state;
	assert_int_equal(entry_parse(&e, "2 ban web1 what ever", 20), ENTRY_UNKNOWN);
	assert_string_equal(e.host, "web1");
	assert_int_equal(entry_parse(&e, "1 song web1 7 x", 15), ENTRY_UNKNOWN);
}

static void
test_long_lines(void **state)
{
	_cleanup_(strbuf_fini) struct strbuf line = {0};
	struct entry e;

	(void)state;
	strbuf_puts(&line, "1 report web1 1 {");
	while (line.len < sizeof("1 report web1 1 ") - 1 + FLEET_REPORT_MAX)
		strbuf_puts(&line, "x");
	assert_int_equal(entry_parse(&e, line.text, line.len), ENTRY_GOOD);
	strbuf_puts(&line, "x");
	assert_int_equal(entry_parse(&e, line.text, line.len), ENTRY_WRONG);
}

static void
test_ids(void **state)
{
	static const char *const wrong[] = {"", "-", "1", "1-", "-1", "1-x", "01-1", "1-1-1",
	    "1 -1", "18446744073709551616-0", "1-18446744073709551616"};
	struct entry_id id, before;
	char text[REPLY_ID_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_int_equal(entry_parse_id(&id, wrong[i], strlen(wrong[i])), -EINVAL);
	assert_int_equal(entry_parse_id(&id, "18446744073709551615-0", 22), 0);
	before = entry_before(&id);
	assert_string_equal(
	    entry_format_id(&before, text), "18446744073709551614-18446744073709551615");
	assert_true(entry_cmp_id(&before, &id) < 0);
	id = (struct entry_id){5, 7};
	before = entry_before(&id);
	assert_string_equal(entry_format_id(&before, text), "5-6");
	id = (struct entry_id){0, 0};
	before = entry_before(&id);
	assert_string_equal(entry_format_id(&before, text), "0-0");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_good_lines_come_back),
	    cmocka_unit_test(test_values),
	    cmocka_unit_test(test_shortest_ban_has_a_length),
	    cmocka_unit_test(test_wrong_lines),
	    cmocka_unit_test(test_unknown),
	    cmocka_unit_test(test_long_lines),
	    cmocka_unit_test(test_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
