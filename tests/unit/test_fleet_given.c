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

#include "herald/fleet_given.h"
#include "herald/fleet_hosts.h"

#define T0 (1700000000 * USEC_PER_SEC)

struct world {
	char dir[32];
	struct event_base *base;
	struct store *store;
	struct given *given;
};

static void
begin_life(struct world *w, usec_t now)
{
	w->base = event_base_new();
	assert_int_equal(store_new(&w->store, w->base, w->dir), 0);
	assert_int_equal(given_new(&w->given, w->store, now), 0);
}

static void
end_life(struct world *w)
{
	given_free(w->given);
	store_free(w->store);
	event_base_free(w->base);
}

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	strcpy(w->dir, "/tmp/guardd-unit-XXXXXX");
	if (!mkdtemp(w->dir))
		return -1;
	begin_life(w, T0);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	static const char *const files[] = {"", "-wal", "-shm"};
	struct world *w = *state;
	char path[80];

	end_life(w);
	for (size_t i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/" STORE_FILE "%s", w->dir, files[i]);
		unlink(path);
	}
	rmdir(w->dir);
	free(w);
	return 0;
}

static struct msg_fleet
ban_of(const char *prefix, const char *rule, usec_t until)
{
	struct msg_fleet b = {
	    .reason = FLEET_POINTS, .number = 10, .level = 1, .since = T0, .until = until};

	assert_int_equal(prefix_parse(&b.prefix, prefix, strlen(prefix)), 0);
	strcpy(b.rule, rule);
	return b;
}

static void
give(struct world *w, const char *prefix, usec_t now)
{
	const struct msg_fleet b = ban_of(prefix, "ssh", T0 + 3600 * USEC_PER_SEC);

	given_ban(w->given, &b, now);
}

static void
lift(struct world *w, const char *prefix, const char *rule, usec_t now)
{
	const struct msg_fleet b = ban_of(prefix, rule, T0 + 3600 * USEC_PER_SEC);

	given_lift(w->given, &b, now);
}

/* What waits, as "+prefix" and "-prefix", in order; told, too. */
static const char *
tell(struct world *w, bool done)
{
	static char out[1024];
	struct given_row rows[16];
	uint64_t after = 0;
	unsigned n;
	size_t at = 0;

	out[0] = '\0';
	while ((n = given_next(w->given, after, rows, 3)) > 0) {
		for (unsigned i = 0; i < n; i++) {
			char text[ADDR_TEXT_MAX];

			assert_true(rows[i].serial > after);
			after = rows[i].serial;
			at +=
			    (size_t)snprintf(out + at, sizeof(out) - at, "%s%c%s%s", at ? " " : "",
				rows[i].lift ? '-' : '+', prefix_format(&rows[i].ban.prefix, text),
				strcmp(rows[i].ban.rule, "ssh") == 0 ? "" : rows[i].ban.rule);
			if (done)
				given_done(w->given, after, rows[i].lift);
		}
	}
	return out;
}

static void
test_given_once(void **state)
{
	struct world *w = *state;

	give(w, "203.0.113.1", T0);
	give(w, "2001:db8::/64", T0);
	give(w, "203.0.113.1", T0 + 1);
	assert_int_equal(given_waiting(w->given), 2);
	assert_string_equal(tell(w, true), "+203.0.113.1 +2001:db8::/64");
	assert_string_equal(tell(w, true), "");
	give(w, "203.0.113.1", T0 + 2);
	assert_string_equal(tell(w, true), "");
	lift(w, "203.0.113.1", "ssh", T0 + 3);
	lift(w, "203.0.113.1", "ssh", T0 + 3);
	assert_string_equal(tell(w, true), "-203.0.113.1");
	lift(w, "203.0.113.1", "ssh", T0 + 4);
	assert_string_equal(tell(w, true), "");
}

static void
test_snapshot(void **state)
{
	struct world *w = *state;

	given_begin(w->given);
	for (int i = 0; i < 3; i++) {
		static const char *const prefixes[] = {
		    "203.0.113.1", "2001:db8::/64", "203.0.113.3"};

		give(w, prefixes[i], T0);
	}
	given_end(w->given, false, T0);
	assert_string_equal(tell(w, true), "+203.0.113.1 +2001:db8::/64 +203.0.113.3");
	given_begin(w->given);
	give(w, "2001:db8::/64", T0 + 1);
	give(w, "203.0.113.4", T0 + 1);
	given_end(w->given, false, T0 + 1);
	assert_string_equal(tell(w, true), "+203.0.113.4 -203.0.113.1 -203.0.113.3");
	/* A snapshot that has no end says nothing of what it did not name. */
	given_begin(w->given);
	given_begin(w->given);
	give(w, "2001:db8::/64", T0 + 2);
	give(w, "203.0.113.4", T0 + 2);
	given_end(w->given, false, T0 + 2);
	assert_string_equal(tell(w, true), "");
	given_begin(w->given);
	given_end(w->given, false, T0 + 3);
	assert_string_equal(tell(w, true), "-2001:db8::/64 -203.0.113.4");
}

/* The judge lost its book: what it does not say may still be in its kernel. */
static void
test_what_a_lost_book_does_not_say_is_forgotten(void **state)
{
	struct world *w = *state;

	give(w, "203.0.113.1", T0);
	give(w, "2001:db8::/64", T0);
	give(w, "203.0.113.3", T0);
	give(w, "2001:db8:4::/64", T0);
	tell(w, true);
	give(w, "203.0.113.5", T0); /* waits */
	lift(w, "203.0.113.3", "ssh", T0 + 1);
	lift(w, "203.0.113.0/24", "*", T0 + 1);
	given_begin(w->given);
	give(w, "2001:db8:4::/64", T0 + 2);
	give(w, "203.0.113.6", T0 + 2);
	given_end(w->given, true, T0 + 2);
	assert_string_equal(tell(w, true), "-203.0.113.3 -203.0.113.0/24* +203.0.113.6");
	/* Nor later; what was said is lifted as ever. */
	given_begin(w->given);
	given_end(w->given, false, T0 + 3);
	assert_string_equal(tell(w, true), "-2001:db8:4::/64 -203.0.113.6");
	lift(w, "203.0.113.1", "ssh", T0 + 4);
	assert_string_equal(tell(w, true), "");
	/* Given anew when it is banned anew. */
	give(w, "2001:db8::/64", T0 + 5);
	assert_string_equal(tell(w, true), "+2001:db8::/64");
	assert_int_equal(given_waiting(w->given), 0);
}

static void
test_restart(void **state)
{
	struct world *w = *state;
	struct given_row row;
	uint64_t serial;

	give(w, "203.0.113.1", T0);
	tell(w, true);
	give(w, "2001:db8::/64", T0);
	assert_int_equal(given_next(w->given, 0, &row, 1), 1);
	serial = row.serial;
	end_life(w);
	/* The clock went back meanwhile. */
	begin_life(w, T0 - 1000 * USEC_PER_SEC);
	assert_int_equal(given_waiting(w->given), 1);
	assert_int_equal(given_next(w->given, 0, &row, 1), 1);
	assert_int_equal(row.serial, serial);
	assert_true(given_serial(w->given, T0 - 1000 * USEC_PER_SEC) > serial);
	give(w, "203.0.113.1", T0);
	assert_string_equal(tell(w, true), "+2001:db8::/64");
	/* It may have been on its way: it is lifted, too. */
	give(w, "203.0.113.9", T0);
	end_life(w);
	begin_life(w, T0);
	lift(w, "203.0.113.9", "ssh", T0);
	assert_string_equal(tell(w, true), "-203.0.113.9");
}

static void
test_never_told_is_never_lifted(void **state)
{
	struct world *w = *state;

	give(w, "203.0.113.1", T0);
	lift(w, "203.0.113.1", "ssh", T0 + 1);
	assert_int_equal(given_waiting(w->given), 0);
	assert_string_equal(tell(w, true), "");
}

static void
test_changed_on_its_way(void **state)
{
	struct world *w = *state;
	struct msg_fleet longer = ban_of("203.0.113.1", "ssh", T0 + 7200 * USEC_PER_SEC);
	struct given_row row;

	give(w, "203.0.113.1", T0);
	assert_int_equal(given_next(w->given, 0, &row, 1), 1);
	given_ban(w->given, &longer, T0 + 1);
	given_done(w->given, row.serial, false);
	assert_string_equal(tell(w, false), "+203.0.113.1");
	assert_int_equal(given_next(w->given, 0, &row, 1), 1);
	assert_int_equal(row.ban.until, longer.until);
	lift(w, "203.0.113.1", "ssh", T0 + 2);
	given_done(w->given, row.serial, false);
	assert_string_equal(tell(w, true), "-203.0.113.1");
}

static void
test_lift_by_hand(void **state)
{
	struct world *w = *state;

	give(w, "203.0.113.1", T0);
	tell(w, true);
	lift(w, "203.0.113.0/24", "*", T0 + 1);
	lift(w, "203.0.113.1", "ssh", T0 + 1);
	give(w, "203.0.113.1", T0 + 2);
	assert_string_equal(tell(w, false), "-203.0.113.0/24* +203.0.113.1");
	/* It stands until it is told, whatever the judge says of what holds. */
	given_begin(w->given);
	give(w, "203.0.113.1", T0 + 3);
	given_end(w->given, false, T0 + 3);
	assert_string_equal(tell(w, true), "-203.0.113.0/24* +203.0.113.1");
	assert_int_equal(given_waiting(w->given), 0);
}

static void
test_emptied(void **state)
{
	struct world *w = *state;

	for (int i = 1; i < 8; i++) {
		char text[24];

		snprintf(text, sizeof(text), "203.0.113.%d", i);
		give(w, text, T0);
	}
	tell(w, true);
	lift(w, "203.0.113.2", "ssh", T0 + 1);
	given_forgotten(w->given);
	assert_string_equal(tell(w, true), "-203.0.113.2");
	assert_int_equal(given_again(w->given, 4, T0 + 2), 4);
	assert_string_equal(tell(w, true), "+203.0.113.1 +203.0.113.3 +203.0.113.4 +203.0.113.5");
	/* Still true, so no news; the rest comes in its turn. */
	give(w, "203.0.113.6", T0 + 3);
	assert_int_equal(given_again(w->given, 4, T0 + 3), 2);
	assert_string_equal(tell(w, true), "+203.0.113.6 +203.0.113.7");
	assert_int_equal(given_again(w->given, 4, T0 + 4), 0);
}

static void
test_ended_is_forgotten(void **state)
{
	struct world *w = *state;

	give(w, "203.0.113.1", T0);
	give(w, "2001:db8::/64", T0 + 7200 * USEC_PER_SEC);
	assert_int_equal(given_waiting(w->given), 1);
	given_sweep(w->given, T0 + 3599 * USEC_PER_SEC);
	assert_int_equal(given_waiting(w->given), 1);
	given_sweep(w->given, T0 + 3600 * USEC_PER_SEC);
	assert_int_equal(given_waiting(w->given), 0);
	/* An end that came by itself is no lift. */
	given_begin(w->given);
	given_end(w->given, false, T0 + 3600 * USEC_PER_SEC);
	assert_string_equal(tell(w, true), "");
}

static void
test_bounds(void **state)
{
	struct world *w = *state;
	struct given_row row;
	struct msg_fleet b = ban_of("10.0.0.1", "ssh", T0 + 3600 * USEC_PER_SEC);

	for (uint32_t i = 0; i < FLEET_OUTBOX + 10; i++) {
		b.prefix.addr.bytes[1] = (uint8_t)(i >> 16);
		b.prefix.addr.bytes[2] = (uint8_t)(i >> 8);
		b.prefix.addr.bytes[3] = (uint8_t)i;
		given_ban(w->given, &b, T0);
	}
	assert_int_equal(given_waiting(w->given), FLEET_OUTBOX);
	assert_int_equal(given_lost(w->given), 10);
	/* The oldest went. */
	assert_int_equal(given_next(w->given, 0, &row, 1), 1);
	assert_int_equal(row.ban.prefix.addr.bytes[3], 10);
	/* A lift has room in any case. */
	given_lift(w->given, &row.ban, T0 + 1);
	assert_int_equal(given_waiting(w->given), FLEET_OUTBOX);
	assert_false(given_is_full(w->given));
}

/* --- the hosts --- */

static void
test_hosts(void **state)
{
	static const char report[] = "{\"version\":\"0.1.0\",\"given\":7,\"taken\":3,\"exposure\":"
				     "\"shut out\",\"x\":\"\xc3\xa4\"}";
	_cleanup_(strbuf_fini) struct strbuf text = {0};
	struct world *w = *state;
	struct hosts *t;
	struct host *x;

	assert_int_equal(hosts_new(&t, w->store), 0);
	assert_null(hosts_next(t, ""));
	x = hosts_get(t, "web2");
	assert_ptr_equal(hosts_get(t, "web2"), x);
	x->last = T0;
	x->serial[HOSTS_BANS] = 5;
	assert_int_equal(hosts_report(t, x, report, sizeof(report) - 1, T0), 0);
	hosts_get(t, "web10")->last = T0;
	hosts_get(t, "a")->last = T0 - 1;
	assert_int_equal(hosts_report(t, x, "[]", 2, T0 + 1), -EINVAL);
	assert_int_equal(hosts_report(t, x, "{\"a\":", 5, T0 + 1), -EINVAL);
	assert_int_equal(hosts_report(t, x, "{\"a\":1,\"a\":2}", 13, T0 + 1), -EINVAL);
	assert_string_equal(hosts_next(t, "")->name, "a");
	assert_string_equal(hosts_next(t, "a")->name, "web10");
	assert_string_equal(hosts_next(t, "web1")->name, "web10");
	assert_null(hosts_next(t, "web2"));
	hosts_keep(t, T0, NULL);
	assert_null(hosts_find(t, "a"));
	hosts_free(t);

	assert_int_equal(hosts_new(&t, w->store), 0);
	assert_int_equal(hosts_count(t), 2);
	x = hosts_find(t, "web2");
	assert_int_equal(x->given, 7);
	assert_int_equal(x->taken, 3);
	assert_int_equal(x->serial[HOSTS_BANS], 5);
	assert_string_equal(x->exposure, "shut out");
	assert_int_equal(x->report_len, sizeof(report) - 1);
	assert_true(hosts_read_report(t, x, &text));
	assert_string_equal(text.text, report);
	assert_false(hosts_read_report(t, hosts_find(t, "web10"), &text));
	hosts_clear(t);
	assert_int_equal(hosts_count(t), 0);
	hosts_free(t);
}

static void
test_hosts_are_bounded(void **state)
{
	struct world *w = *state;
	struct hosts *t;
	char name[FLEET_HOST_MAX];

	assert_int_equal(hosts_new(&t, w->store), 0);
	for (unsigned i = 0; i < FLEET_HOSTS; i++) {
		snprintf(name, sizeof(name), "h%u", i);
		assert_non_null(hosts_get(t, name));
	}
	assert_null(hosts_get(t, "one-more"));
	assert_non_null(hosts_get(t, "h0"));
	hosts_free(t);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(test_given_once),
	    CASE(test_snapshot),
	    CASE(test_what_a_lost_book_does_not_say_is_forgotten),
	    CASE(test_restart),
	    CASE(test_never_told_is_never_lifted),
	    CASE(test_changed_on_its_way),
	    CASE(test_lift_by_hand),
	    CASE(test_emptied),
	    CASE(test_ended_is_forgotten),
	    CASE(test_bounds),
	    CASE(test_hosts),
	    CASE(test_hosts_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
