/* links: reader */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/stamp.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

/* Europe/Paris around 2026: to summer time on 29 March, back on 25 October, 01:00 UTC each. */
static const struct image_transition paris_items[] = {
    {1743296400, 7200, 0}, /* 2025-03-30 */
    {1761440400, 3600, 0}, /* 2025-10-26 */
    {1774746000, 7200, 0}, /* 2026-03-29 */
    {1792890000, 3600, 0}, /* 2026-10-25 */
};
static const struct stamp_zone paris = {paris_items, 4}, utc = {NULL, 0};

/* "YYYY-mm-dd HH:MM:SS" in UTC, by libc. */
static usec_t
at(const char *text)
{
	struct tm tm = {0};

	assert_non_null(strptime(text, "%Y-%m-%d %H:%M:%S", &tm));
	return timegm(&tm) * USEC_PER_SEC;
}

static int
get(usec_t *out, const char *text, const struct stamp_zone *zone, usec_t now)
{
	struct stamp s;
	int r = stamp_read(&s, text, strlen(text));

	*out = -1;
	return r < 0 ? r : stamp_time(out, &s, zone, now, NULL);
}

static void
every_format_is_read(void **unused)
{
	static const struct {
		const char *text, *utc;
		int usec, len;
	} cases[] = {
	    {"Nov  2 10:00:00 host", "2026-11-02 10:00:00", 0, 15},
	    {"Nov 12 10:00:00", "2026-11-12 10:00:00", 0, 15},
	    {"Nov 02 10:00:00.250", "2026-11-02 10:00:00", 250000, 19},
	    {"Nov  2 10:00:00 2025", "2025-11-02 10:00:00", 0, 20},
	    {"Nov  2 2025 10:00:00", "2025-11-02 10:00:00", 0, 20},
	    {"2026-11-02T10:00:00.123456+01:00", "2026-11-02 09:00:00", 123456, 32},
	    {"2026-11-02T10:00:00Z", "2026-11-02 10:00:00", 0, 20},
	    {"2026-11-02 10:00:00,123", "2026-11-02 10:00:00", 123000, 23},
	    {"2026-11-02 10:00:00 UTC", "2026-11-02 10:00:00", 0, 23},
	    {"2026-11-02 10:00:00 GMT [7]", "2026-11-02 10:00:00", 0, 23},
	    {"2026-11-02 10:00:00.5 CET", "2026-11-02 10:00:00", 500000, 21},
	    {"2026-11-02 10:00:00.123 -05:30", "2026-11-02 15:30:00", 123000, 30},
	    {"2026-11-02T10:00:00.123456789-0530", "2026-11-02 15:30:00", 123456, 34},
	    {"2026-11-02 10:00:00+01", "2026-11-02 09:00:00", 0, 22},
	    {"2026/11/02 10:00:00 [error]", "2026-11-02 10:00:00", 0, 19},
	    {"02/Nov/2026:10:00:00 +0100]", "2026-11-02 09:00:00", 0, 26},
	    {"02/Nov/2026:10:00:00.789", "2026-11-02 10:00:00", 789000, 24},
	    {"Mon Nov 02 10:00:00.123456 2026", "2026-11-02 10:00:00", 123456, 31},
	    {"Mon Nov  2 10:00:00 2026 [pid 7]", "2026-11-02 10:00:00", 0, 24},
	    {"02-Nov-2026 10:00:00", "2026-11-02 10:00:00", 0, 20},
	    {"02-Nov-2026 10:00:00.111 -0200", "2026-11-02 12:00:00", 111000, 30},
	    {"Mon, 02 Nov 2026 10:00:00 +0000", "2026-11-02 10:00:00", 0, 31},
	    {"Mon, 2 Nov 2026 10:00:00 GMT", "2026-11-02 10:00:00", 0, 28},
	    {"1793613600", "2026-11-02 10:00:00", 0, 10},
	    {"1793613600.9876543", "2026-11-02 10:00:00", 987654, 18},
	    {"1793613600123", "2026-11-02 10:00:00", 123000, 13},
	    {"1793613600:24287", "2026-11-02 10:00:00", 0, 10},
	    {"2024-02-29 00:00:00", "2024-02-29 00:00:00", 0, 19},
	    {"2026-12-31T23:59:60Z", "2027-01-01 00:00:00", 0, 20},
	    {"1970-01-01T00:00:00Z", "1970-01-01 00:00:00", 0, 20},
	    {"2199-12-31T23:59:59Z", "2199-12-31 23:59:59", 0, 20},
	};
	usec_t now = at("2026-11-21 12:00:00"), t;

	(void)unused;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct stamp s;

		assert_int_equal(get(&t, cases[i].text, &utc, now), 0);
		assert_int_equal(t, at(cases[i].utc) + cases[i].usec);
		assert_int_equal(stamp_read(&s, cases[i].text, strlen(cases[i].text)), 0);
		assert_int_equal(s.len, cases[i].len);
	}
}

static void
what_is_no_date_is_refused(void **unused)
{
	static const char *const texts[] = {"", "N", "Nov", "Nov  2", "Nov  2 10:00",
	    "Nov  2 10:00:0", "nov  2 10:00:00", "Nov 32 10:00:00", "Nov  0 10:00:00",
	    "Nov 31 10:00:00", "Feb 30 10:00:00", "Nov  2 24:00:00", "Nov  2 10:60:00",
	    "Nov  2 10:00:61", "Nov  2 10:00:00x", "2026-02-29 10:00:00", "2100-02-29 10:00:00",
	    "2026-13-01 10:00:00", "2026-00-01 10:00:00", "2026-11-00 10:00:00",
	    "1969-12-31 23:59:59", "2200-01-01 00:00:00", "2026-11-02", "2026-11-02_10:00:00",
	    "20261102T100000", "2/Nov/2026:10:00:00", "Mon Nov 02 2026",
	    "Foo, 02 Nov 2026 10:00:00 +0000", "12345", "0793613600", "17936136001",
	    "179361360012345", "1793613600x", "host sshd[1]: x", "\xff\xfe"};
	usec_t t;

	(void)unused;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (get(&t, texts[i], &utc, at("2026-11-21 12:00:00")) == 0)
			fail_msg("taken as a date: %s", texts[i]);
}

static void
any_prefix_of_a_date_is_read_within_bounds(void **unused)
{
	static const char text[] = "Mon, 02 Nov 2026 10:00:00.123456 +0000";

	(void)unused;
	for (size_t n = 0; n < sizeof text; n++) {
		char *copy = malloc(n ? n : 1);
		struct stamp s;
		int r;

		memcpy(copy, text, n);
		r = stamp_read(&s, copy, n);
		assert_true(r == 0 ? s.len <= n : s.len == 0);
		free(copy);
	}
}

static void
a_date_without_a_year_means_the_nearest_past(void **unused)
{
	static const struct {
		const char *now, *text, *utc;
	} cases[] = {
	    {"2026-11-21 12:00:00", "Nov 21 12:00:00", "2026-11-21 12:00:00"},
	    {"2026-11-21 12:00:00", "Nov 22 11:59:59",
		"2026-11-22 11:59:59"}, /* up to a day ahead */
	    {"2026-11-21 12:00:00", "Nov 22 12:00:01", "2025-11-22 12:00:01"},
	    {"2026-01-01 00:00:05", "Dec 31 23:59:59", "2025-12-31 23:59:59"},
	    {"2025-12-31 23:59:58", "Jan  1 00:00:01", "2026-01-01 00:00:01"},
	    {"2026-12-31 23:59:58", "Dec 31 23:59:58", "2026-12-31 23:59:58"},
	    {"2026-11-21 12:00:00", "Feb 29 10:00:00", "2024-02-29 10:00:00"},
	    {"2028-02-29 12:00:00", "Feb 29 10:00:00", "2028-02-29 10:00:00"},
	    {"2028-02-28 12:00:00", "Feb 29 10:00:00", "2028-02-29 10:00:00"},
	    {"2103-06-01 00:00:00", "Feb 29 10:00:00", "2096-02-29 10:00:00"},
	};
	usec_t t;

	(void)unused;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_int_equal(get(&t, cases[i].text, &utc, at(cases[i].now)), 0);
		assert_int_equal(t, at(cases[i].utc));
	}
}

static void
zones_decide_where_the_date_has_none(void **unused)
{
	usec_t now = at("2026-11-21 12:00:00"), t;

	(void)unused;
	assert_int_equal(get(&t, "2026-07-01 12:00:00", &paris, now), 0);
	assert_int_equal(t, at("2026-07-01 10:00:00"));
	assert_int_equal(get(&t, "2026-11-02 12:00:00", &paris, now), 0);
	assert_int_equal(t, at("2026-11-02 11:00:00"));
	assert_int_equal(get(&t, "Nov  2 12:00:00", &paris, now), 0);
	assert_int_equal(t, at("2026-11-02 11:00:00"));
	/* Before the first transition its own offset holds. */
	assert_int_equal(get(&t, "2020-01-01 12:00:00", &paris, now), 0);
	assert_int_equal(t, at("2020-01-01 10:00:00"));
	assert_int_equal(get(&t, "2026-07-01 12:00:00Z", &paris, now), 0);
	assert_int_equal(t, at("2026-07-01 12:00:00"));
}

static void
an_hour_left_out_is_taken_as_before(void **unused)
{
	usec_t t;

	(void)unused;
	assert_int_equal(get(&t, "2026-03-29 01:59:59", &paris, at("2026-03-29 02:00:00")), 0);
	assert_int_equal(t, at("2026-03-29 00:59:59"));
	assert_int_equal(get(&t, "2026-03-29 02:30:00", &paris, at("2026-03-29 02:00:00")), 0);
	assert_int_equal(t, at("2026-03-29 01:30:00"));
	assert_int_equal(get(&t, "2026-03-29 03:00:00", &paris, at("2026-03-29 02:00:00")), 0);
	assert_int_equal(t, at("2026-03-29 01:00:00"));
}

static void
an_hour_that_comes_twice_is_the_one_that_has_come(void **unused)
{
	usec_t t;

	(void)unused;
	/* 02:30 is 00:30 UTC at first, and 01:30 UTC an hour later. */
	assert_int_equal(get(&t, "2026-10-25 02:30:00", &paris, at("2026-10-25 00:30:00")), 0);
	assert_int_equal(t, at("2026-10-25 00:30:00"));
	assert_int_equal(get(&t, "2026-10-25 02:30:00", &paris, at("2026-10-25 01:30:00")), 0);
	assert_int_equal(t, at("2026-10-25 01:30:00"));
	assert_int_equal(get(&t, "2026-10-25 03:00:00", &paris, at("2026-10-25 02:00:00")), 0);
	assert_int_equal(t, at("2026-10-25 02:00:00"));
	assert_int_equal(get(&t, "2026-10-25 01:59:59", &paris, at("2026-10-25 02:00:00")), 0);
	assert_int_equal(t, at("2026-10-24 23:59:59"));
}

/* libc is the judge over all days of two centuries. */
static void
every_day_agrees_with_libc(void **unused)
{
	usec_t now = at("2199-12-31 00:00:00");

	(void)unused;
	for (time_t day = 0; day < 83950; day++) {
		time_t sec = day * 86400 + day % 86400;
		struct tm tm;
		char text[40];
		usec_t t;

		gmtime_r(&sec, &tm);
		strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm);
		assert_int_equal(get(&t, text, &utc, now), 0);
		assert_int_equal(t, sec * USEC_PER_SEC);
	}
}

static void
the_cache_changes_nothing(void **unused)
{
	static const char *const texts[] = {"Nov  2 10:00:00", "Nov  2 10:00:00.5",
	    "Nov  2 10:00:01", "2026-11-02 10:00:00", "2026-11-02 10:00:00Z",
	    "2026-11-02 10:00:00+02:00", "2025-11-02 10:00:00", "1793613600", "1793613601",
	    "Feb 30 10:00:00"};
	const size_t n = sizeof texts / sizeof *texts;
	struct stamp_cache cache = {0};
	uint64_t state = 7;

	(void)unused;
	for (int i = 0; i < 20000; i++) {
		const struct stamp_zone *zone;
		struct stamp s;
		usec_t now, with = 0, without = 0;
		const char *text;
		int r;

		state = state * 6364136223846793005u + 1442695040888963407u;
		text = texts[(state >> 33) % n];
		zone = (state >> 50) & 1 ? &paris : &utc;
		now = at("2026-11-21 12:00:00") +
		      (usec_t)((state >> 40) % 400) * 86400 * USEC_PER_SEC;
		if (i % 4)
			now = at("2026-11-21 12:00:00") + i;
		assert_int_equal(stamp_read(&s, text, strlen(text)), 0);
		r = stamp_time(&without, &s, zone, now, NULL);
		assert_int_equal(stamp_time(&with, &s, zone, now, &cache), r);
		if (r == 0)
			assert_int_equal(with, without);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_format_is_read),
	    cmocka_unit_test(what_is_no_date_is_refused),
	    cmocka_unit_test(any_prefix_of_a_date_is_read_within_bounds),
	    cmocka_unit_test(a_date_without_a_year_means_the_nearest_past),
	    cmocka_unit_test(zones_decide_where_the_date_has_none),
	    cmocka_unit_test(an_hour_left_out_is_taken_as_before),
	    cmocka_unit_test(an_hour_that_comes_twice_is_the_one_that_has_come),
	    cmocka_unit_test(every_day_agrees_with_libc),
	    cmocka_unit_test(the_cache_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
