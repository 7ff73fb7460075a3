/* links: judge */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "judge/bans.h"

#include "judge_world.h"

static struct bans *
make(uint32_t max)
{
	struct bans *b;

	assert_int_equal(bans_new(&b, max), 0);
	return b;
}

static uint32_t
put(struct bans *b, const char *text, uint16_t rule, usec_t since, usec_t until, uint8_t group)
{
	struct prefix p = prefix(text);
	struct ban x = {.addr = p.addr,
	    .len = p.len,
	    .rule = rule,
	    .since = since,
	    .until = until,
	    .keep = 60,
	    .level = 1,
	    .group_len = group};
	uint32_t slot;

	assert_int_equal(bans_add(b, &x, &slot), 0);
	return slot;
}

static uint32_t
count(struct bans *b, const char *text)
{
	struct prefix p = prefix(text);
	uint32_t n = 0;

	for (uint32_t s = bans_first(b, &p); s != BANS_NONE; s = bans_next(b, &p, s))
		n++;
	return n;
}

static void
bans_are_found_by_their_exact_prefix(void **unused)
{
	struct bans *b = make(10);

	(void)unused;
	put(b, "192.0.2.1", 1, T0, T0 + HOUR, 0);
	put(b, "192.0.2.1", 2, T0, T0 + HOUR, 0);
	put(b, "192.0.2.0/24", 1, T0, T0 + HOUR, 0);
	put(b, "2001:db8::/64", 1, T0, T0 + HOUR, 0);
	assert_int_equal(count(b, "192.0.2.1"), 2);
	assert_int_equal(count(b, "192.0.2.0/24"), 1);
	assert_int_equal(count(b, "2001:db8::/64"), 1);
	assert_int_equal(count(b, "2001:db8::/48"), 0);
	bans_free(b);
}

static void
a_ban_holds_from_its_start_until_its_end(void **unused)
{
	struct bans *b = make(10);
	uint32_t s = put(b, "2001:db8::1", 1, T0, T0 + HOUR, 0);
	uint32_t future = put(b, "192.0.2.1", 1, T0 + HOUR, T0 + 2 * HOUR, 0);
	const struct ban *x = bans_get(b, s);

	(void)unused;
	assert_false(ban_holds(x, T0 - 1));
	assert_true(ban_holds(x, T0));
	assert_true(ban_holds(x, T0 + HOUR - 1));
	assert_false(ban_holds(x, T0 + HOUR));
	bans_end(b, s, T0 + MIN);
	assert_true(ban_holds(x, T0 + MIN - 1));
	assert_false(ban_holds(x, T0 + MIN));
	assert_int_equal(x->until, T0 + HOUR);
	bans_end(b, s, T0 + MIN); /* what is over stays as it was */
	assert_int_equal(x->ended, T0 + MIN);
	bans_end(b, future, T0);
	assert_false(ban_holds(bans_get(b, future), T0 + HOUR));
	bans_free(b);
}

static void
hosts_of_a_prefix_are_counted_by_rule_and_time(void **unused)
{
	static const char *const hosts[] = {"192.0.2.1", "192.0.2.2", "192.0.2.200"};
	struct bans *b = make(100);
	struct prefix p = prefix("192.0.2.0/24"), p6 = prefix("2001:db8:1::/48");

	(void)unused;
	for (int i = 0; i < 3; i++)
		put(b, hosts[i], 1, T0 + i * MIN, T0 + HOUR, 24);
	put(b, "192.0.2.9", 2, T0, T0 + HOUR, 24);
	put(b, "192.0.3.1", 1, T0, T0 + HOUR, 24);
	put(b, "192.0.2.77", 1, T0, T0 + HOUR, 0);
	put(b, "2001:db8:1:2::/64", 1, T0, T0 + HOUR, 48);
	put(b, "2001:db8:1:3::/64", 1, T0, T0 + HOUR, 48);
	put(b, "2001:db8:2:3::/64", 1, T0, T0 + HOUR, 48);
	assert_int_equal(bans_hosts(b, 1, &p, T0 + MIN, 100), 2);
	assert_int_equal(bans_hosts(b, 1, &p, T0 + 2 * MIN, 100), 3);
	assert_int_equal(bans_hosts(b, 1, &p, T0 + 2 * MIN, 2), 2);
	assert_int_equal(bans_hosts(b, 1, &p, T0 + HOUR, 100), 0);
	assert_int_equal(bans_hosts(b, 1, &p6, T0, 100), 2);
	bans_free(b);
}

static void
over_ones_leave_when_no_line_can_reach_them(void **unused)
{
	struct bans *b = make(10);
	uint32_t s = put(b, "192.0.2.1", 1, T0, T0 + HOUR, 0);
	uint32_t longer = put(b, "192.0.2.2", 1, T0, T0 + 2 * HOUR, 0);

	(void)unused;
	bans_saved(b);
	assert_int_equal(bans_over(b, T0 + HOUR + MIN - 1, 10), 0);
	assert_int_equal(bans_over(b, T0 + HOUR + MIN, 10), 1);
	assert_true(bans_get(b, s)->flags & BANS_GONE);
	assert_int_equal(count(b, "192.0.2.1"), 1); /* until the book has it in its history */
	assert_int_equal(bans_changed_first(b), s);
	bans_saved(b);
	assert_null(bans_get(b, s));
	assert_int_equal(count(b, "192.0.2.1"), 0);
	bans_end(b, longer, T0 + 61 * MIN);
	assert_int_equal(bans_over(b, T0 + 62 * MIN, 10), 1);
	bans_free(b);
}

static void
what_holds_never_gives_way_in_a_full_table(void **unused)
{
	struct bans *b = make(4);
	struct ban x = {.addr = addr("192.0.2.9"), .len = 32, .since = T0, .until = T0 + HOUR};
	struct ban dry = x;
	uint32_t slot, soon, over;

	(void)unused;
	dry.flags = BANS_DRY;
	put(b, "192.0.2.1", 1, T0, USEC_NEVER, 0);
	soon = put(b, "192.0.2.2", 1, T0, T0 + MIN, 0);
	over = put(b, "2001:db8::/64", 1, T0, T0 + HOUR, 0);
	assert_int_equal(bans_add(b, &dry, &slot), 0);
	assert_int_equal(bans_held(b), 3);
	assert_int_equal(bans_add(b, &x, &slot), -ENOSPC);
	bans_end(b, over, T0);
	bans_pass(b, T0, 10);
	assert_int_equal(bans_held(b), 2);
	assert_int_equal(bans_late(b), 2);
	assert_int_equal(bans_give_way(b), over);
	assert_int_equal(bans_add(b, &x, &slot), -ENOSPC); /* the book does not have it yet */
	bans_saved(b);
	assert_int_equal(bans_add(b, &x, &slot), 0);
	assert_int_not_equal(bans_give_way(b), BANS_NONE); /* the dry one */
	assert_int_equal(bans_give_way(b), BANS_NONE);
	assert_false(bans_get(b, soon)->flags & BANS_GONE);
	bans_free(b);
}

static void
those_that_end_soon_are_taken_in_their_order(void **unused)
{
	struct bans *b = make(10);
	uint32_t third = put(b, "192.0.2.1", 1, T0, T0 + 3 * SEC, 0);
	uint32_t first = put(b, "2001:db8::/64", 1, T0, T0 + SEC, 0);
	uint32_t second = put(b, "192.0.2.3", 1, T0, T0 + 2 * SEC, 0);

	(void)unused;
	put(b, "192.0.2.4", 1, T0, USEC_NEVER, 0);
	assert_int_equal(bans_next_end(b), T0 + SEC);
	assert_int_equal(bans_take_ending(b, T0 + SEC - 1), BANS_NONE);
	assert_int_equal(bans_take_ending(b, T0 + 2 * SEC), first);
	assert_int_equal(bans_take_ending(b, T0 + 2 * SEC), second);
	assert_int_equal(bans_take_ending(b, T0 + 2 * SEC), BANS_NONE);
	assert_true(ban_holds(bans_get(b, second), T0));
	assert_int_equal(bans_next_end(b), T0 + 3 * SEC);
	assert_int_equal(bans_take_ending(b, T0 + HOUR), third);
	assert_int_equal(bans_next_end(b), USEC_NEVER);
	bans_free(b);
}

/* Thousands of random changes against a plain array, the heap's order and both indexes included. */
static void
random_changes_agree_with_an_array(void **unused)
{
	enum { N = 3000 };
	struct bans *b = make(N);
	static struct ban model[N];
	static uint32_t slots[N];
	uint64_t seed = 4242;
	uint32_t n = 0;
	usec_t now = T0;

	(void)unused;
	for (int i = 0; i < 60000; i++) {
		uint32_t what = random_below(&seed, 10);
		uint32_t pick = n ? random_below(&seed, n) : 0;

		now += random_below(&seed, 2) * SEC;
		if (what < 5 && n < N) {
			struct addr a = numbered(random_below(&seed, 500));
			struct ban x = {.addr = a,
			    .len = (uint8_t)(a.family == 4 ? 32 : 64),
			    .rule = (uint16_t)random_below(&seed, 3),
			    .since = now,
			    .until = now + 1 + random_below(&seed, 3000) * SEC,
			    .keep = random_below(&seed, 100),
			    .group_len = (uint8_t)(a.family == 4 ? 24 : 48)};

			assert_int_equal(bans_add(b, &x, &slots[n]), 0);
			model[n++] = x;
		} else if (what < 7 && n) {
			bans_end(b, slots[pick], now);
			if (model[pick].until > now && !model[pick].ended)
				model[pick].ended =
				    now > model[pick].since ? now : model[pick].since;
		} else if (what == 7 && n && model[pick].len == 64 && !model[pick].ended) {
			bans_narrow(b, slots[pick], 128);
			model[pick].len = 128;
		} else if (what == 8) {
			bans_over(b, now, UINT32_MAX);
			for (uint32_t k = n; k-- > 0;) {
				usec_t end = model[k].ended ? model[k].ended : model[k].until;
				bool gone = end + model[k].keep * SEC <= now;

				assert_int_equal(
				    !!(bans_get(b, slots[k])->flags & BANS_GONE), gone);
				if (gone) {
					model[k] = model[n - 1];
					slots[k] = slots[n - 1];
					n--;
				}
			}
			bans_saved(b);
			assert_int_equal(bans_count(b), n);
			assert_int_equal(bans_held(b) + bans_late(b), n);
		}
		if (i % 3000 == 0) {
			for (uint32_t k = 0; k < n; k++) {
				struct prefix p = prefix_of(&model[k].addr, model[k].len);
				struct prefix g = prefix_of(&model[k].addr, model[k].group_len);
				uint32_t same = 0, hosts = 0, got = 0;

				for (uint32_t j = 0; j < n; j++) {
					struct prefix q = prefix_of(&model[j].addr, model[j].len);
					usec_t end =
					    model[j].ended ? model[j].ended : model[j].until;

					same += prefix_cmp(&p, &q) == 0;
					hosts += model[j].rule == model[k].rule &&
						 model[j].since <= now && now < end &&
						 prefix_covers(&g, &q);
				}
				for (uint32_t s = bans_first(b, &p); s != BANS_NONE;
				     s = bans_next(b, &p, s))
					got += !(bans_get(b, s)->flags & BANS_GONE);
				assert_int_equal(got, same);
				assert_int_equal(
				    bans_hosts(b, model[k].rule, &g, now, UINT32_MAX), hosts);
			}
		}
	}
	bans_free(b);
}

static void
rows_of_the_book_come_back_to_their_slots(void **unused)
{
	struct bans *b = make(100);
	struct ban x = {.addr = addr("2001:db8::1"), .len = 64, .since = T0, .until = T0 + HOUR};
	uint32_t slot;

	(void)unused;
	assert_int_equal(bans_restore(b, 7, &x), 0);
	assert_non_null(bans_get(b, 7));
	assert_int_equal(bans_changed_first(b), BANS_NONE);
	assert_int_equal(bans_restore(b, 7, &x), 0); /* taken: elsewhere, and to be written there */
	assert_int_not_equal(bans_changed_first(b), BANS_NONE);
	assert_int_not_equal(bans_changed_first(b), 7);
	assert_int_equal(bans_restore(b, 4000000000u, &x), 0); /* no such slot: elsewhere */
	for (int i = 0; i < 97; i++)
		assert_int_equal(bans_add(b, &x, &slot), 0);
	assert_int_equal(bans_add(b, &x, &slot), -ENOSPC);
	bans_free(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(bans_are_found_by_their_exact_prefix),
	    cmocka_unit_test(a_ban_holds_from_its_start_until_its_end),
	    cmocka_unit_test(hosts_of_a_prefix_are_counted_by_rule_and_time),
	    cmocka_unit_test(over_ones_leave_when_no_line_can_reach_them),
	    cmocka_unit_test(what_holds_never_gives_way_in_a_full_table),
	    cmocka_unit_test(those_that_end_soon_are_taken_in_their_order),
	    cmocka_unit_test(random_changes_agree_with_an_array),
	    cmocka_unit_test(rows_of_the_book_come_back_to_their_slots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
