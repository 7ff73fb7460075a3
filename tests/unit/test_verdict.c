/* links: judge */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "judge/verdict.h"

#include "judge_world.h"

enum {
	F_SSH,  /* rules ssh and slow */
	F_MAIL, /* rule mail: by distinct user, forgiven by success, prefix bans of 3 hosts */
	F_DRY,  /* rule dry */
	F_MANY, /* rule many: prefix bans, not forgiven */
};

static struct world
make(void)
{
	struct world w = {.build = image_build_new()};
	static const char *const names[] = {"ssh", "mail", "dry", "many"};

	for (uint32_t i = 0; i < 4; i++)
		image_build_filter(w.build, &(struct build_filter){.name = names[i]});
	image_build_rule(w.build, &(struct build_rule){.name = "ssh",
				      .filters = {F_SSH},
				      .n_filters = 1,
				      .points = 3,
				      .within = 10 * MIN,
				      .duration = HOUR,
				      .factor_milli = 2000,
				      .duration_max = 5 * HOUR,
				      .forget = DAY});
	image_build_rule(w.build, &(struct build_rule){.name = "slow",
				      .filters = {F_SSH},
				      .n_filters = 1,
				      .points = 100,
				      .within = DAY,
				      .duration = HOUR});
	image_build_rule(w.build, &(struct build_rule){.name = "mail",
				      .filters = {F_MAIL},
				      .n_filters = 1,
				      .points = 3,
				      .distinct_user = true,
				      .forgive = true});
	image_build_rule(w.build,
	    &(struct build_rule){
		.name = "dry", .filters = {F_DRY}, .n_filters = 1, .points = 1, .dry_run = true});
	image_build_rule(w.build, &(struct build_rule){.name = "many",
				      .filters = {F_MANY},
				      .n_filters = 1,
				      .points = 1,
				      .prefix_hosts = 3});
	image_build_settings(w.build)->never =
	    (struct span){image_build_prefix(w.build, "198.51.100.0/24"), 2};
	image_build_prefix(w.build, "2001:db8:77::1");
	return w;
}

static void
three_offences_ban_from_the_last_line_on(void **unused)
{
	static const char *const sources[] = {"203.0.113.7", "2001:db8::7"};
	struct world w = make();

	(void)unused;
	world_open(&w);
	for (uint32_t i = 0; i < 2; i++) {
		line(&w, F_SSH, sources[i], T0);
		line(&w, F_SSH, sources[i], T0 + 5 * SEC);
		assert_int_equal(w.n_made, i);
		line(&w, F_SSH, sources[i], T0 + 9 * SEC);
		assert_int_equal(w.n_made, i + 1);
		assert_prefix(made(&w, i), i ? "2001:db8::/64" : "203.0.113.7");
		assert_int_equal(made(&w, i)->since, T0 + 9 * SEC);
		assert_int_equal(made(&w, i)->until, T0 + 9 * SEC + HOUR);
		assert_int_equal(made(&w, i)->points, 3);
		assert_int_equal(made(&w, i)->level, 1);
		assert_true(addr_equal(&made(&w, i)->addr, &(struct addr){0}) == false);
	}
	world_close(&w);
}

static void
a_site_is_one_source_unless_it_holds_a_friend(void **unused)
{
	struct world w = make();

	(void)unused;
	world_open(&w);
	line(&w, F_SSH, "2001:db8:5::1", T0);
	line(&w, F_SSH, "2001:db8:5::2", T0);
	line(&w, F_SSH, "2001:db8:5:0:ffff::3", T0);
	assert_int_equal(w.n_made, 1);
	assert_prefix(made(&w, 0), "2001:db8:5::/64");
	for (int i = 0; i < 3; i++) {
		line(&w, F_SSH, "2001:db8:77::2", T0);
		line(&w, F_SSH, "2001:db8:77::3", T0);
		line(&w, F_SSH, "2001:db8:77::1", T0);
	}
	assert_int_equal(w.n_made, 3);
	assert_prefix(made(&w, 1), "2001:db8:77::2");
	assert_prefix(made(&w, 2), "2001:db8:77::3");
	assert_int_equal(w.v.counts.spared, 3);
	world_close(&w);
}

static void
this_machines_own_addresses_are_spared_when_they_are_told(void **unused)
{
	struct world w = make();
	const struct prefix own = prefix("203.0.113.5"), net = prefix("2001:db8:9::5");

	(void)unused;
	world_open(&w);
	own_begin(&w.own);
	assert_int_equal(own_add(&w.own, &own, OWN_ADDRESS), 0);
	assert_int_equal(own_add(&w.own, &net, OWN_RESOLVER), 0);
	assert_false(own_hides_source(&w.own, &own.addr));
	assert_int_equal(own_end(&w.own, &w.image), 0);
	for (int i = 0; i < 9; i++) {
		line(&w, F_SSH, "203.0.113.5", T0);
		line(&w, F_SSH, "2001:db8:9::5", T0);
		line(&w, F_SSH, "198.51.100.77", T0);
	}
	assert_int_equal(w.n_made, 0);
	assert_int_equal(w.v.counts.spared, 27);
	assert_true(own_hides_source(&w.own, &own.addr));
	assert_false(
	    own_hides_source(&w.own, &net.addr)); /* a resolver does not stand for others */
	assert_true(own_tell(&w.own, &own.addr, T0));
	assert_false(own_tell(&w.own, &own.addr, T0 + HOUR - 1));
	assert_true(own_tell(&w.own, &own.addr, T0 + HOUR));
	world_close(&w);
}

static void
what_comes_during_a_ban_is_counted_on_it(void **unused)
{
	struct world w = make();

	(void)unused;
	world_open(&w);
	for (int i = 0; i < 3; i++)
		line(&w, F_SSH, "203.0.113.7", T0);
	for (int i = 1; i <= 10; i++)
		line(&w, F_SSH, "203.0.113.7", T0 + i * MIN);
	assert_int_equal(made(&w, 0)->count, 10);
	assert_int_equal(w.n_made, 1);
	line(&w, F_SSH, "203.0.113.7", T0 + HOUR); /* over: a new tally */
	assert_int_equal(made(&w, 0)->count, 10);
	assert_int_equal(tally_points(w.v.tallies, rules_find(&w.rules, "ssh"),
			     &(struct prefix){addr("203.0.113.7"), 32}),
	    1);
	/* A line from before the end that is read after it belongs to the ban still. */
	verdict_offence(&w.v, &w.map,
	    &(struct msg_offence){.addr = addr("203.0.113.7"), .points = 1, .time = T0 + HOUR - 1},
	    T0 + HOUR + MIN);
	assert_int_equal(made(&w, 0)->count, 11);
	world_close(&w);
}

static void
lines_out_of_order_give_the_same_counts(void **unused)
{
	static const int order[4][5] = {
	    {0, 1, 2, 3, 4}, {4, 3, 2, 1, 0}, {2, 0, 4, 1, 3}, {1, 4, 0, 3, 2}};

	(void)unused;
	for (int o = 0; o < 4; o++) {
		struct world w = make();

		world_open(&w);
		for (int i = 0; i < 5; i++) {
			struct msg_offence x =
			    offence(F_SSH, "203.0.113.7", T0 + order[o][i] * SEC);

			verdict_offence(&w.v, &w.map, &x, T0 + 10 * SEC);
		}
		assert_int_equal(w.n_made, 1);
		assert_int_equal(made(&w, 0)->points + made(&w, 0)->count, 5);
		world_close(&w);
	}
}

static void
old_lines_are_discarded_and_future_ones_are_now(void **unused)
{
	struct world w = make();
	struct msg_offence o = offence(F_SSH, "203.0.113.7", T0);

	(void)unused;
	world_open(&w);
	for (int i = 0; i < 5; i++)
		verdict_offence(&w.v, &w.map, &o, T0 + 10 * MIN + 1);
	assert_int_equal(w.n_made, 0);
	assert_int_equal(w.v.counts.discarded_old, 5); /* by ssh; slow's window holds them */
	o.time = T0 + DAY;
	for (int i = 0; i < 3; i++)
		verdict_offence(&w.v, &w.map, &o, T0);
	assert_int_equal(w.n_made, 1);
	assert_int_equal(made(&w, 0)->since, T0);
	assert_int_equal(w.v.counts.future, 3);
	world_close(&w);
}

static void
durations_grow_to_the_ceiling_and_are_forgotten(void **unused)
{
	static const usec_t want[] = {HOUR, 2 * HOUR, 4 * HOUR, 5 * HOUR, 5 * HOUR};
	struct world w = make();
	usec_t t = T0;

	(void)unused;
	world_open(&w);
	for (uint32_t i = 0; i < 5; i++) {
		for (int k = 0; k < 3; k++)
			line(&w, F_SSH, "203.0.113.7", t);
		assert_int_equal(w.n_made, i + 1);
		assert_int_equal(made(&w, i)->level, i + 1);
		assert_int_equal(made(&w, i)->until - t, want[i]);
		t = made(&w, i)->until + (i == 3 ? DAY - 1 : SEC);
	}
	t = made(&w, 4)->until + DAY;
	for (int k = 0; k < 3; k++)
		line(&w, F_SSH, "203.0.113.7", t);
	assert_int_equal(made(&w, 5)->level, 1);
	world_close(&w);
}

static bool
seventh(uint16_t rule, const struct prefix *p, bool dry, struct verdict_former *out)
{
	(void)rule;
	*out = (struct verdict_former){T0 - HOUR, 7};
	return !dry && p->addr.family == 6;
}

static void
former_bans_of_the_history_count(void **unused)
{
	struct world w = make();

	(void)unused;
	w.former = seventh;
	world_open(&w);
	for (int i = 0; i < 3; i++) {
		line(&w, F_SSH, "203.0.113.7", T0);
		line(&w, F_SSH, "2001:db8::7", T0);
	}
	assert_int_equal(made(&w, 0)->level, 1);
	assert_int_equal(made(&w, 1)->level, 8);
	world_close(&w);
}

static void
huge_levels_do_not_overflow(void **unused)
{
	const struct rule free_of_bounds = {.duration = HOUR, .factor_milli = 10000};
	const struct rule bounded = {
	    .duration = HOUR, .factor_milli = 1500, .duration_max = 2 * HOUR};
	const struct rule below = {.duration = HOUR, .factor_milli = 2000, .duration_max = MIN};
	usec_t longest = verdict_duration(&free_of_bounds, 65535);

	(void)unused;
	assert_true(longest > 3000 * DAY && longest < USEC_NEVER / 2);
	assert_int_equal(verdict_duration(&bounded, 2), HOUR + HOUR / 2);
	assert_int_equal(verdict_duration(&bounded, 65535), 2 * HOUR);
	assert_int_equal(verdict_duration(&below, 1), HOUR);
	assert_int_equal(verdict_duration(&below, 9), HOUR);
}

static void
distinct_users_count_once_each(void **unused)
{
	struct world w = make();
	struct msg_offence o = offence(F_MAIL, "203.0.113.7", T0);

	(void)unused;
	world_open(&w);
	o.flags = OFFENCE_HAS_USER;
	for (uint64_t i = 0; i < 20; i++) {
		o.user_hash = i % 2;
		verdict_offence(&w.v, &w.map, &o, T0);
	}
	assert_int_equal(w.n_made, 0);
	o.user_hash = 99;
	verdict_offence(&w.v, &w.map, &o, T0);
	assert_int_equal(w.n_made, 1);
	assert_int_equal(made(&w, 0)->points, 3);
	world_close(&w);
}

static void
a_success_clears_only_where_the_rule_says_so(void **unused)
{
	struct world w = make();
	struct msg_offence mail = offence(F_MAIL, "2001:db8::7", T0);
	struct msg_offence ssh = offence(F_SSH, "2001:db8::7", T0);

	(void)unused;
	world_open(&w);
	for (int i = 0; i < 2; i++) {
		mail.flags = OFFENCE_HAS_USER;
		mail.user_hash = (uint64_t)i + 1;
		verdict_offence(&w.v, &w.map, &mail, T0);
		verdict_offence(&w.v, &w.map, &ssh, T0);
	}
	mail.addr = addr("2001:db8::1:7"); /* the same site */
	verdict_forgive(&w.v, &w.map, &mail, T0 + 1);
	verdict_forgive(&w.v, &w.map, &ssh, T0 + 1);
	assert_int_equal(w.v.counts.forgiven, 1);
	mail.user_hash = 3;
	verdict_offence(&w.v, &w.map, &mail, T0 + 2);
	assert_int_equal(w.n_made, 0);
	verdict_offence(&w.v, &w.map, &ssh, T0 + 2);
	assert_int_equal(w.n_made, 1);
	world_close(&w);
}

static void
dry_runs_are_marked_and_have_levels_of_their_own(void **unused)
{
	struct world w = make();

	(void)unused;
	world_open(&w);
	line(&w, F_DRY, "203.0.113.7", T0);
	assert_true(made(&w, 0)->flags & BANS_DRY);
	line(&w, F_DRY, "203.0.113.7", T0 + MIN);
	assert_int_equal(w.n_made, 1);
	assert_int_equal(made(&w, 0)->count, 1);
	world_close(&w);
}

static void
many_hosts_of_one_prefix_ban_the_prefix(void **unused)
{
	static const char *const hosts[2][4] = {
	    {"203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.113.4"},
	    {"2001:db8:1:1::1", "2001:db8:1:2::1", "2001:db8:1:3::1", "2001:db8:1:4::1"}};
	static const char *const want[] = {"203.0.113.0/24", "2001:db8:1::/48"};
	struct world w = make();

	(void)unused;
	world_open(&w);
	for (uint32_t f = 0; f < 2; f++) {
		uint32_t before = w.n_made;

		for (int i = 0; i < 3; i++)
			line(&w, F_MANY, hosts[f][i], T0 + i * SEC);
		assert_int_equal(w.n_made, before + 4);
		assert_prefix(made(&w, before + 3), want[f]);
		assert_true(made(&w, before + 3)->flags & BANS_PREFIX);
		assert_int_equal(made(&w, before + 3)->points, 3);
		line(&w, F_MANY, hosts[f][3], T0 + MIN); /* counted on the prefix */
		assert_int_equal(w.n_made, before + 4);
		assert_int_equal(made(&w, before + 3)->count, 1);
	}
	world_close(&w);
}

static void
prefix_bans_need_hosts_in_force_and_no_friend_inside(void **unused)
{
	struct world w = make();

	(void)unused;
	world_open(&w);
	line(&w, F_MANY, "203.0.113.1", T0);
	line(&w, F_MANY, "203.0.113.2", T0);
	line(&w, F_MANY, "203.0.113.3", T0 + HOUR); /* the others are over */
	assert_int_equal(w.n_made, 3);
	line(&w, F_MANY, "2001:db8:77:1::1", T0);
	line(&w, F_MANY, "2001:db8:77:2::1", T0);
	line(&w, F_MANY, "2001:db8:77:3::1", T0);
	assert_int_equal(w.n_made, 6);
	for (uint32_t i = 0; i < 6; i++)
		assert_false(made(&w, i)->flags & BANS_PREFIX);
	world_close(&w);
}

static void
bans_by_hand_respect_friends_and_replace_each_other(void **unused)
{
	struct world w = make();
	struct prefix p = prefix("203.0.113.0/24"), friends = prefix("198.51.0.0/16"), never;
	uint32_t a, b;

	(void)unused;
	world_open(&w);
	assert_int_equal(verdict_manual(&w.v, &p, T0, T0 + HOUR, "a note", &never, &a), 0);
	assert_string_equal(bans_get(w.v.bans, a)->note, "a note");
	assert_int_equal(verdict_manual(&w.v, &p, T0 + MIN, USEC_NEVER, NULL, &never, &b), 0);
	assert_int_equal(bans_get(w.v.bans, a)->ended, T0 + MIN);
	assert_int_equal(bans_get(w.v.bans, b)->level, 2);
	assert_true(ban_holds(bans_get(w.v.bans, b), T0 + 1000 * DAY));
	assert_int_equal(verdict_manual(&w.v, &friends, T0, USEC_NEVER, NULL, &never, &b), -EPERM);
	p = prefix("198.51.100.0/24");
	assert_int_equal(prefix_cmp(&never, &p), 0);
	world_close(&w);
}

static void
bans_of_another_program_are_taken_over(void **unused)
{
	static const char *const sources[] = {"203.0.113.7", "2001:db8:9::7"};
	static const char *const banned[] = {"203.0.113.7", "2001:db8:9::/64"};
	struct world w = make();
	uint16_t ssh, dry;
	struct prefix never;
	uint32_t slot, again;

	(void)unused;
	world_open(&w);
	ssh = rules_find(&w.rules, "ssh");
	dry = rules_find(&w.rules, "dry");
	for (uint32_t i = 0; i < 2; i++) {
		const struct addr a = prefix(sources[i]).addr;
		const struct prefix p = prefix(banned[i]);
		const struct verdict_past holds = {T0 - MIN, T0 + HOUR, 2};
		const struct verdict_past longer = {T0 - MIN, T0 + 2 * HOUR, 3};

		assert_int_equal(verdict_adopt(&w.v, ssh, &a, &holds, T0, &never, &slot), 0);
		assert_prefix(bans_get(w.v.bans, slot), banned[i]);
		assert_int_equal(bans_get(w.v.bans, slot)->until, T0 + HOUR);
		assert_int_equal(bans_get(w.v.bans, slot)->level, 2);
		assert_int_equal(made(&w, w.n_made - 1)->rule, ssh);
		/* Said again it is the same one; a longer one comes beside it. */
		assert_int_equal(verdict_adopt(&w.v, ssh, &a, &holds, T0, &never, &again), 1);
		assert_int_equal(again, slot);
		assert_int_equal(verdict_adopt(&w.v, ssh, &a, &longer, T0, &never, &again), 0);
		/* Lines that come now count on the ban. */
		line(&w, F_SSH, sources[i], T0 + MIN);
		assert_int_equal(
		    bans_get(w.v.bans, slot)->count + bans_get(w.v.bans, again)->count, 1);
		assert_int_not_equal(bans_first(w.v.bans, &p), BANS_NONE);
	}
	assert_int_equal(
	    verdict_adopt(&w.v, dry, &(struct addr){.family = 4, .bytes = {192, 0, 2, 1}},
		&(struct verdict_past){T0 - MIN, T0 + HOUR, 1}, T0, &never, &slot),
	    0);
	assert_true(bans_get(w.v.bans, slot)->flags & BANS_DRY);
	world_close(&w);
}

/* Two bans of one host, of which the second lasts longer, are one host of its prefix. */
static void
a_host_that_is_taken_over_twice_counts_once_in_its_prefix(void **unused)
{
	static const char *const hosts[2][3] = {{"203.0.113.1", "203.0.113.2", "203.0.113.3"},
	    {"2001:db8:1:1::1", "2001:db8:1:2::1", "2001:db8:1:3::1"}};
	struct world w = make();
	struct prefix never;
	uint32_t slot;

	(void)unused;
	world_open(&w);
	for (uint32_t f = 0; f < 2; f++) {
		const struct addr a = prefix(hosts[f][0]).addr;
		uint16_t many = rules_find(&w.rules, "many");
		uint32_t before;

		for (int i = 1; i <= 2; i++) {
			const struct verdict_past past = {T0 - MIN, T0 + i * HOUR, 1};

			assert_int_equal(
			    verdict_adopt(&w.v, many, &a, &past, T0, &never, &slot), 0);
		}
		before = w.n_made;
		line(&w, F_MANY, hosts[f][1], T0);
		assert_int_equal(w.n_made, before + 1);
		line(&w, F_MANY, hosts[f][2], T0 + SEC);
		assert_int_equal(w.n_made, before + 3);
		assert_true(made(&w, before + 2)->flags & BANS_PREFIX);
	}
	world_close(&w);
}

static void
a_former_ban_taken_over_lengthens_the_next(void **unused)
{
	static const char *const sources[] = {"203.0.113.7", "2001:db8:9::7"};
	struct world w = make();
	struct prefix never;
	uint32_t slot;

	(void)unused;
	world_open(&w);
	for (uint32_t i = 0; i < 2; i++) {
		const struct addr a = prefix(sources[i]).addr;
		const struct verdict_past past = {T0 - 3 * HOUR, T0 - 2 * HOUR, 2};
		uint16_t ssh = rules_find(&w.rules, "ssh");

		assert_int_equal(verdict_adopt(&w.v, ssh, &a, &past, T0, &never, &slot), 0);
		assert_false(ban_holds(bans_get(w.v.bans, slot), T0));
		for (int k = 0; k < 3; k++)
			line(&w, F_SSH, sources[i], T0 + k * SEC);
		assert_int_equal(made(&w, w.n_made - 1)->level, 3);
		assert_int_equal(made(&w, w.n_made - 1)->until, T0 + 2 * SEC + 4 * HOUR);
	}
	world_close(&w);
}

static void
never_banned_ones_are_not_taken_over(void **unused)
{
	static const char *const friends[] = {"198.51.100.9", "2001:db8:77::1"};
	struct world w = make();
	struct prefix never, p;
	uint32_t slot;

	(void)unused;
	world_open(&w);
	for (uint32_t i = 0; i < 2; i++) {
		const struct addr a = prefix(friends[i]).addr;
		const struct verdict_past holds = {T0 - MIN, USEC_NEVER, 1};

		assert_int_equal(
		    verdict_adopt(&w.v, rules_find(&w.rules, "ssh"), &a, &holds, T0, &never, &slot),
		    -EPERM);
		p = prefix(i ? "2001:db8:77::1" : "198.51.100.0/24");
		assert_int_equal(prefix_cmp(&never, &p), 0);
	}
	assert_int_equal(w.n_made, 0);
	world_close(&w);
}

static void
by_hand_the_longer_ban_stays(void **unused)
{
	static const char *const sources[] = {"203.0.113.7", "2001:db8:9::7"};
	struct world w = make();

	(void)unused;
	world_open(&w);
	for (int i = 0; i < 2; i++) {
		struct prefix p = prefix(sources[i]), never;
		uint32_t a, b;

		assert_int_equal(verdict_manual(&w.v, &p, T0, T0 + 2 * HOUR, "old", &never, &a), 0);
		assert_int_equal(
		    verdict_manual(&w.v, &p, T0 + MIN, T0 + 11 * MIN, NULL, &never, &b), 0);
		assert_int_equal(a, b);
		assert_int_equal(bans_get(w.v.bans, a)->until, T0 + 2 * HOUR);
		assert_string_equal(bans_get(w.v.bans, a)->note, "old");
		assert_int_equal(
		    verdict_manual(&w.v, &p, T0 + MIN, T0 + HOUR, "new", &never, &b), 0);
		assert_string_equal(bans_get(w.v.bans, a)->note, "new");
		assert_true(ban_holds(bans_get(w.v.bans, a), T0 + 2 * HOUR - 1));
		assert_int_equal(
		    verdict_manual(&w.v, &p, T0 + MIN, T0 + 3 * HOUR, NULL, &never, &b), 0);
		assert_int_not_equal(a, b);
		assert_false(ban_holds(bans_get(w.v.bans, a), T0 + MIN));
		assert_true(ban_holds(bans_get(w.v.bans, b), T0 + 3 * HOUR - 1));
	}
	world_close(&w);
}

static void
a_full_table_refuses_new_bans_and_keeps_what_holds(void **unused)
{
	struct world w = make();
	struct prefix p = prefix("2001:db8:5::1"), q = prefix("203.0.113.99"), never;
	uint32_t hand, slot;

	(void)unused;
	world_open(&w);
	w.v.bans_max = 3;
	assert_int_equal(verdict_manual(&w.v, &p, T0, T0 + HOUR, NULL, &never, &hand), 0);
	for (int i = 0; i < 3; i++) {
		line(&w, F_SSH, "203.0.113.1", T0);
		line(&w, F_SSH, "2001:db8:1::1", T0);
		line(&w, F_SSH, "203.0.113.2", T0);
	}
	assert_int_equal(w.n_made, 2);
	assert_int_equal(w.v.counts.refused, 1);
	assert_int_equal(verdict_manual(&w.v, &q, T0, T0 + HOUR, NULL, &never, &slot), -ENOSPC);
	/* A longer one takes its former's place, and a dry one none. */
	assert_int_equal(verdict_manual(&w.v, &p, T0, T0 + DAY, NULL, &never, &hand), 0);
	line(&w, F_DRY, "203.0.113.3", T0);
	assert_int_equal(w.n_made, 3);
	for (uint32_t i = 0; i < w.n_made; i++)
		assert_true(ban_holds(made(&w, i), T0 + MIN));
	/* When the first have ended there is room. */
	for (int i = 0; i < 3; i++)
		line(&w, F_SSH, "203.0.113.2", T0 + HOUR);
	assert_int_equal(w.n_made, 4);
	assert_int_equal(w.v.counts.refused, 2);
	world_close(&w);
}

static void
the_self_check_is_no_offence(void **unused)
{
	struct world w = make();
	struct msg_offence o = offence(F_MANY, "192.0.0.8", T0);

	(void)unused;
	world_open(&w);
	w.rules.slots[rules_find(&w.rules, "many")].builtin = true;
	o.flags = OFFENCE_UNDATED;
	verdict_offence(&w.v, &w.map, &o, T0);
	assert_int_equal(w.n_made, 1);
	assert_int_equal(w.v.counts.offences + w.v.counts.undated + w.v.counts.bans, 0);
	line(&w, F_SSH, "203.0.113.7", T0);
	assert_int_equal(w.v.counts.offences, 1);
	world_close(&w);
}

static void
unknown_filters_and_rules_that_went_do_nothing(void **unused)
{
	struct world w = make();
	struct image_build *empty = image_build_new();
	struct image img;
	uint16_t ssh;

	(void)unused;
	world_open(&w);
	line(&w, 77, "203.0.113.7", T0);
	ssh = rules_find(&w.rules, "ssh");
	line(&w, F_SSH, "203.0.113.7", T0);
	image_build_open(empty, &img);
	assert_int_equal(rules_load(&w.rules, &img), 0);
	assert_int_equal(verdict_rules(&w.v), 0);
	assert_int_equal(tallies_count(w.v.tallies), 0);
	for (int i = 0; i < 5; i++)
		line(&w, F_SSH, "203.0.113.7", T0); /* of a reader that has the former image */
	assert_int_equal(w.n_made, 0);
	assert_int_equal(rules_load(&w.rules, &w.image), 0);
	assert_int_equal(verdict_rules(&w.v), 0);
	assert_int_equal(rules_find(&w.rules, "ssh"), ssh);
	for (int i = 0; i < 3; i++)
		line(&w, F_SSH, "203.0.113.7", T0);
	assert_int_equal(w.n_made, 1);
	image_close(&img);
	image_build_free(empty);
	world_close(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(three_offences_ban_from_the_last_line_on),
	    cmocka_unit_test(a_site_is_one_source_unless_it_holds_a_friend),
	    cmocka_unit_test(this_machines_own_addresses_are_spared_when_they_are_told),
	    cmocka_unit_test(what_comes_during_a_ban_is_counted_on_it),
	    cmocka_unit_test(lines_out_of_order_give_the_same_counts),
	    cmocka_unit_test(old_lines_are_discarded_and_future_ones_are_now),
	    cmocka_unit_test(durations_grow_to_the_ceiling_and_are_forgotten),
	    cmocka_unit_test(former_bans_of_the_history_count),
	    cmocka_unit_test(huge_levels_do_not_overflow),
	    cmocka_unit_test(distinct_users_count_once_each),
	    cmocka_unit_test(a_success_clears_only_where_the_rule_says_so),
	    cmocka_unit_test(dry_runs_are_marked_and_have_levels_of_their_own),
	    cmocka_unit_test(many_hosts_of_one_prefix_ban_the_prefix),
	    cmocka_unit_test(prefix_bans_need_hosts_in_force_and_no_friend_inside),
	    cmocka_unit_test(bans_by_hand_respect_friends_and_replace_each_other),
	    cmocka_unit_test(bans_of_another_program_are_taken_over),
	    cmocka_unit_test(a_host_that_is_taken_over_twice_counts_once_in_its_prefix),
	    cmocka_unit_test(a_former_ban_taken_over_lengthens_the_next),
	    cmocka_unit_test(never_banned_ones_are_not_taken_over),
	    cmocka_unit_test(by_hand_the_longer_ban_stays),
	    cmocka_unit_test(a_full_table_refuses_new_bans_and_keeps_what_holds),
	    cmocka_unit_test(the_self_check_is_no_offence),
	    cmocka_unit_test(unknown_filters_and_rules_that_went_do_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
