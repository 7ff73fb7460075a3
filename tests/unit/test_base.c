/* links: base */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/json_write.h"
#include "base/prefixset.h"
#include "base/rotated.h"

static struct prefix
P(const char *text) {
	struct prefix p;

	assert_int_equal(prefix_parse(&p, text, strlen(text)), 0);
	return p;
}

static struct addr
A(const char *text) {
	struct addr a;

	assert_int_equal(addr_parse(&a, text, strlen(text)), 0);
	return a;
}

static void
addresses_parse_and_print_canonically(void **state)
{
	static const char *const pairs[][2] = {
	    {"192.0.2.7", "192.0.2.7"},
	    {"0.0.0.0", "0.0.0.0"},
	    {"255.255.255.255", "255.255.255.255"},
	    {"::ffff:192.0.2.7", "192.0.2.7"},
	    {"::FFFF:c000:0207", "192.0.2.7"},
	    {"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
	    {"fe80::1%eth0", "fe80::1"},
	    {"::", "::"},
	};
	char buf[ADDR_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		struct addr a = A(pairs[i][0]);

		assert_string_equal(addr_format(&a, buf), pairs[i][1]);
	}
}

/* To the kernel's rules a packet with a mapped address is an IPv6 one. */
static void
addresses_of_packets_are_not_folded(void **state)
{
	static const char *const same[] = {
	    "192.0.2.7", "::ffff:192.0.2.7", "2001:db8::1", "::ffff:10.0.0.0/104", "10.0.0.0/8"};
	char buf[ADDR_TEXT_MAX];
	struct prefix p;
	struct addr a;

	(void)state;
	for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++) {
		bool six = strchr(same[i], ':');

		assert_int_equal(prefix_parse_unfolded(&p, same[i], strlen(same[i])), 0);
		assert_int_equal(p.addr.family, six ? 6 : 4);
		assert_string_equal(prefix_format(&p, buf), same[i]);
		if (strchr(same[i], '/'))
			continue;
		assert_int_equal(addr_parse_unfolded(&a, same[i], strlen(same[i])), 0);
		assert_string_equal(addr_format(&a, buf), same[i]);
	}
	assert_int_equal(prefix_parse_unfolded(&p, "::ffff:10.0.0.1/104", 19), -ERANGE);
	assert_int_equal(prefix_parse(&p, "::ffff:10.0.0.0/90", 18), -EINVAL);
	assert_int_equal(prefix_parse(&p, "::ffff:10.0.0.1/104", 19), -ERANGE);
	assert_string_equal(prefix_format(&p, buf), "10.0.0.0/8");
}

static void
bad_addresses_are_refused(void **state)
{
	static const char *const bad[] = {"", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4",
	    "1.2.3.4 ", " 1.2.3.4", "1.2.3.4%eth0", ":", ":::", "1::2::3", "2001:db8::g",
	    "1.2.3.4/8", "12345::", "%eth0", "::1.2.3", "::1.2.3.4.5"};
	struct addr a;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (addr_parse(&a, bad[i], strlen(bad[i])) == 0)
			fail_msg("'%s' was taken as an address", bad[i]);
	assert_true(addr_parse(&a, "1.2.3.4\0x", 9) < 0);
}

static void
prefixes_parse_mask_and_compare(void **state)
{
	struct prefix p, q;
	struct addr a;
	char buf[ADDR_TEXT_MAX];

	(void)state;
	assert_int_equal(prefix_parse(&p, "192.0.2.7/24", 12), -ERANGE);
	assert_string_equal(prefix_format(&p, buf), "192.0.2.0/24");
	assert_int_equal(prefix_parse(&p, "192.0.2.0/33", 12), -EINVAL);
	assert_int_equal(prefix_parse(&p, "2001:db8::/129", 14), -EINVAL);
	assert_int_equal(prefix_parse(&p, "2001:db8::/", 11), -EINVAL);
	p = P("::ffff:192.0.2.0/120");
	assert_string_equal(prefix_format(&p, buf), "192.0.2.0/24");
	p = P("2001:db8::/47");
	a = A("2001:db8:1:ffff::1");
	assert_true(prefix_has(&p, &a));
	a = A("2001:db8:2::");
	assert_false(prefix_has(&p, &a));
	a = prefix_last(&p);
	assert_string_equal(addr_format(&a, buf), "2001:db8:1:ffff:ffff:ffff:ffff:ffff");
	p = P("192.0.2.128/25");
	a = prefix_last(&p);
	assert_string_equal(addr_format(&a, buf), "192.0.2.255");
	q = P("192.0.2.0/24");
	assert_true(prefix_covers(&q, &p));
	assert_false(prefix_covers(&p, &q));
	assert_true(prefix_overlaps(&p, &q));
	p = P("0.0.0.0/0");
	a = A("::1");
	assert_false(prefix_has(&p, &a));
}

static void
prefixset_answers_like_a_list(void **state)
{
	struct prefix all[64];
	struct prefixset s;
	uint64_t seed = 42;

	(void)state;
	for (int round = 0; round < 200; round++) {
		size_t n = 0;

		prefixset_init(&s);
		for (; n < 40; n++) {
			struct addr a = {.family = n % 2 ? 4 : 6};

			seed = hash_bytes(&hash_stable, &seed, sizeof(seed));
			memcpy(a.bytes, &seed, n % 2 ? 2 : 3); /* few bits: many overlaps */
			all[n] = prefix_of(&a, (unsigned)(seed >> 40) % (addr_bits(&a) + 1));
			assert_int_equal(prefixset_add(&s, &all[n]), 0);
		}
		prefixset_seal(&s);
		for (int q = 0; q < 200; q++) {
			struct addr a = {.family = q % 2 ? 4 : 6};
			struct prefix p;
			bool has = false, touches = false;

			seed = hash_bytes(&hash_stable, &seed, sizeof(seed));
			memcpy(a.bytes, &seed, q % 2 ? 2 : 3);
			p = prefix_of(&a, (unsigned)(seed >> 40) % (addr_bits(&a) + 1));
			for (size_t i = 0; i < n; i++) {
				has |= prefix_has(&all[i], &a);
				touches |= prefix_overlaps(&all[i], &p);
			}
			assert_int_equal(prefixset_has(&s, &a), has);
			assert_int_equal(prefixset_touches(&s, &p), touches);
		}
		prefixset_fini(&s);
	}
}

static void
spans_parse_and_print(void **state)
{
	usec_t t;
	char buf[40];

	(void)state;
	assert_int_equal(clock_parse_span("1h30m", &t), 0);
	assert_int_equal(t, 5400 * USEC_PER_SEC);
	assert_string_equal(clock_format_span(t, buf), "1h30m");
	assert_int_equal(clock_parse_span("90", &t), 0);
	assert_string_equal(clock_format_span(t, buf), "1m30s");
	assert_int_equal(clock_parse_span("4w", &t), 0);
	assert_string_equal(clock_format_span(t, buf), "4w");
	assert_int_equal(clock_parse_span("", &t), -EINVAL);
	assert_int_equal(clock_parse_span("1x", &t), -EINVAL);
	assert_int_equal(clock_parse_span("h", &t), -EINVAL);
	assert_int_equal(clock_parse_span("-1h", &t), -EINVAL);
	assert_int_equal(clock_parse_span("99999999999999999999w", &t), -ERANGE);
	assert_string_equal(
	    clock_format(1700000000 * USEC_PER_SEC + 5, 1, buf), "2023-11-14T22:13:20.000005Z");
	assert_string_equal(clock_format(USEC_NEVER, 0, buf), "never");
	assert_string_equal(clock_format_span(100 * USEC_PER_MSEC, buf), "100ms");
}

static void
dates_are_those_of_the_c_library(void **state)
{
	char got[40], want[40];

	(void)state;
	for (int64_t day = -200000; day < 200000; day += 13) {
		time_t t = (time_t)(day * 86400 + (day * 7919 % 86400));
		struct tm tm;

		gmtime_r(&t, &tm);
		if (tm.tm_year + 1900 < 1000)
			continue;
		strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%SZ", &tm);
		assert_string_equal(clock_format(t * USEC_PER_SEC, 0, got), want);
	}
}

/* The reference vector of the SipHash paper, appendix A. */
static void
siphash_gives_the_reference_value(void **state)
{
	const struct hash_key key = {0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL};
	uint8_t in[15];

	(void)state;
	for (uint8_t i = 0; i < 15; i++)
		in[i] = i;
	assert_true(hash_bytes(&key, in, 15) == 0xa129ca6149be45e5ULL);
}

static void
json_escapes_everything_hostile(void **state)
{
	struct strbuf b = {0};
	struct json j;

	(void)state;
	json_begin(&j, &b);
	json_bytes(&j, "a", "\"\\\n\0\x7f\xff\xc3\xa4\xed\xa0\x80\xc0\xaf", 13);
	json_text(&j, "n", NULL);
	json_int(&j, "i", INT64_MIN);
	json_list_begin(&j, "l");
	json_bool(&j, NULL, true);
	json_object_begin(&j, NULL);
	json_object_end(&j);
	json_list_end(&j);
	json_end(&j);
	assert_string_equal(b.text, "{\"a\":"
				    "\"\\\"\\\\\\u000a\\u0000\\u007f\xef\xbf\xbd\xc3\xa4\xef\xbf"
				    "\xbd\xef\xbf\xbd\xef\xbf\xbd"
				    "\xef\xbf\xbd\xef\xbf\xbd\",\"n\":null,\"i\":-"
				    "9223372036854775808,\"l\":[true,{}]}\n");
	strbuf_fini(&b);
}

static void
rotated_names_are_known(void **state)
{
	static const struct {
		const char *name, *base;
		bool is;
	} cases[] = {
	    {"auth.log", "auth.log", true},
	    {"auth.log.1", "auth.log", true},
	    {"auth.log-20261101", "auth.log", true},
	    {"auth-20261101.log", "auth.log", true},
	    {"auth.log.2.gz", "auth.log", false},
	    {"auth.log.1.zst", "auth.log", false},
	    {"author.txt", "auth.log", false},
	    {"kern.log", "auth.log", false},
	    {"log", "log", true},
	    {"log.1", "log", true},
	    {"auth.log.old", "auth.log", true},
	    {"auth.log-2026-11-01_10:00", "auth.log", true},
	    {"4c01-json.log.2", "4c01-json.log", true},
	    /* Logs of their own, written to at the same time. */
	    {"login.log", "log", false},
	    {"logs", "log", false},
	    {"access_ssl.log", "access.log", false},
	    {"access-2.log", "access.log", false},
	    {"access.log.vhost", "access.log", false},
	    {"access.logs.1", "access.log", false},
	    {"error.log", "err", false},
	    {"auth.log.", "auth.log", false},
	    {"auth.log.bak", "auth.log", false},
	    {"auth.log.1.swp", "auth.log", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if (rotated_is(cases[i].name, cases[i].base) != cases[i].is)
			fail_msg("%s of %s", cases[i].name, cases[i].base);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(addresses_parse_and_print_canonically),
	    cmocka_unit_test(addresses_of_packets_are_not_folded),
	    cmocka_unit_test(bad_addresses_are_refused),
	    cmocka_unit_test(prefixes_parse_mask_and_compare),
	    cmocka_unit_test(prefixset_answers_like_a_list),
	    cmocka_unit_test(spans_parse_and_print),
	    cmocka_unit_test(dates_are_those_of_the_c_library),
	    cmocka_unit_test(rotated_names_are_known),
	    cmocka_unit_test(siphash_gives_the_reference_value),
	    cmocka_unit_test(json_escapes_everything_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
