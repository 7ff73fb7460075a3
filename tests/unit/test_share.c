/* links: judge */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "judge/share.h"

#include "fleet_build.h"

static const char *const only_ssh[] = {"ssh", NULL};
static unsigned woken;

static void
on_wake(void *ctx)
{
	(void)ctx;
	woken++;
}

struct giving {
	struct world w;
	struct share share;
	uint16_t ssh, ftp, dry, foreign;
};

static void
start(struct giving *g, const char *const *shared)
{
	memset(g, 0, sizeof(*g));
	g->w.build = image_build_new();
	image_build_rule(g->w.build, &(struct build_rule){.name = "ssh"});
	image_build_rule(g->w.build, &(struct build_rule){.name = "ftp"});
	image_build_rule(g->w.build, &(struct build_rule){.name = "dry", .dry_run = true});
	fleet_rule(g->w.build, "fleet/ssh", false);
	fleet_build(g->w.build, 1000, shared, NULL);
	image_build_settings(g->w.build)->bans_max = 100000;
	world_open(&g->w);
	g->ssh = rules_find(&g->w.rules, "ssh");
	g->ftp = rules_find(&g->w.rules, "ftp");
	g->dry = rules_find(&g->w.rules, "dry");
	g->foreign = rules_find(&g->w.rules, "fleet/ssh");
	share_init(&g->share, g->w.v.bans, &g->w.rules, on_wake, NULL);
	share_follow_image(&g->w.rules, &g->w.image);
}

static void
stop(struct giving *g)
{
	share_fini(&g->share);
	world_close(&g->w);
}

static uint32_t
add(struct giving *g, uint16_t rule, const char *text, uint8_t flags)
{
	struct prefix p = prefix(text);
	struct ban x = {.addr = p.addr,
	    .len = p.len,
	    .rule = rule,
	    .since = T0,
	    .until = T0 + HOUR,
	    .points = 7,
	    .level = 3,
	    .flags = flags,
	    .kernel = KERNEL_IN};
	uint32_t slot;

	assert_int_equal(bans_add(g->w.v.bans, &x, &slot), 0);
	return slot;
}

static void
assert_next(struct giving *g, enum msg_type type, const char *rule, const char *text)
{
	struct prefix p;
	struct msg m;

	assert_int_equal(share_next(&g->share, &m, T0 + MIN), SHARE_RECORD);
	assert_int_equal(m.type, type);
	if (!text)
		return;
	p = prefix(text);
	assert_string_equal(m.u.fleet.rule, rule);
	assert_int_equal(prefix_cmp(&m.u.fleet.prefix, &p), 0);
}

static void
assert_nothing(struct giving *g)
{
	struct msg m;

	assert_int_equal(share_next(&g->share, &m, T0 + MIN), SHARE_NOTHING);
}

static void
test_all_own_bans_that_hold_are_given(void **unused)
{
	struct giving g;
	uint32_t over;
	struct msg m;

	(void)unused;
	start(&g, NULL);
	add(&g, g.ssh, "203.0.113.1", BANS_TOLD);
	add(&g, g.ftp, "2001:db8:1::/64", BANS_TOLD | BANS_PREFIX);
	add(&g, g.dry, "203.0.113.2", BANS_TOLD | BANS_DRY);
	add(&g, g.foreign, "203.0.113.3", BANS_TOLD);
	add(&g, RULE_MANUAL, "203.0.113.4", BANS_TOLD);
	add(&g, RULE_MANUAL, "2001:db8:4::4", BANS_TOLD | BANS_SHARED);
	add(&g, g.ssh, "203.0.113.5", 0); /* the kernel has not said yes yet */
	bans_get(g.w.v.bans, add(&g, g.ssh, "203.0.113.6", BANS_TOLD))->kernel = KERNEL_NEVER;
	over = add(&g, g.ssh, "203.0.113.7", BANS_TOLD);
	bans_end(g.w.v.bans, over, T0 + SEC);
	share_begin(&g.share);
	assert_int_equal(share_next(&g.share, &m, T0 + MIN), SHARE_RECORD);
	assert_int_equal(m.type, MSG_GIVE);
	assert_int_equal(m.u.fleet.reason, FLEET_POINTS);
	assert_int_equal(m.u.fleet.number, 7);
	assert_int_equal(m.u.fleet.level, 3);
	assert_int_equal(m.u.fleet.since, T0);
	assert_int_equal(m.u.fleet.until, T0 + HOUR);
	assert_int_equal(share_next(&g.share, &m, T0 + MIN), SHARE_RECORD);
	assert_string_equal(m.u.fleet.rule, "ftp");
	assert_int_equal(m.u.fleet.reason, FLEET_PREFIX);
	assert_int_equal(share_next(&g.share, &m, T0 + MIN), SHARE_RECORD);
	assert_string_equal(m.u.fleet.rule, "manual");
	assert_int_equal(m.u.fleet.reason, FLEET_HAND);
	assert_next(&g, MSG_GIVEN, NULL, NULL);
	assert_nothing(&g);
	stop(&g);
}

static void
test_that_the_book_was_lost_is_said(void **unused)
{
	struct giving g;
	struct msg m;

	(void)unused;
	start(&g, NULL);
	for (uint32_t lost = 0; lost < 2; lost++) {
		g.share.lost = lost;
		share_begin(&g.share);
		assert_int_equal(share_next(&g.share, &m, T0 + MIN), SHARE_RECORD);
		assert_int_equal(m.type, MSG_GIVEN);
		assert_int_equal(m.u.given.lost, lost);
	}
	stop(&g);
}

static void
test_rules_that_are_not_shared_are_kept_here(void **unused)
{
	struct giving g;

	(void)unused;
	start(&g, only_ssh);
	add(&g, g.ftp, "203.0.113.1", BANS_TOLD);
	add(&g, g.ssh, "203.0.113.2", BANS_TOLD);
	share_begin(&g.share);
	share_on_banned(&g.share, add(&g, g.ftp, "203.0.113.3", BANS_TOLD));
	assert_next(&g, MSG_GIVE, "ssh", "203.0.113.2");
	assert_next(&g, MSG_GIVEN, NULL, NULL);
	assert_nothing(&g);
	stop(&g);
}

static void
test_what_comes_and_goes_is_told_in_order(void **unused)
{
	struct giving g;
	uint32_t a, b;

	(void)unused;
	start(&g, NULL);
	share_on_banned(&g.share, add(&g, g.ssh, "203.0.113.1", BANS_TOLD)); /* nobody listens */
	share_begin(&g.share);
	assert_next(&g, MSG_GIVE, "ssh", "203.0.113.1");
	assert_next(&g, MSG_GIVEN, NULL, NULL);
	woken = 0;
	a = add(&g, g.ssh, "203.0.113.2", BANS_TOLD);
	share_on_banned(&g.share, a);
	b = add(&g, g.ssh, "2001:db8:2::/64", BANS_TOLD);
	share_on_banned(&g.share, b);
	assert_int_equal(woken, 2);
	assert_next(&g, MSG_GIVE, "ssh", "203.0.113.2");
	bans_end(g.w.v.bans, a, T0 + SEC);
	share_on_lift(&g.share, a);
	assert_next(&g, MSG_GIVE, "ssh", "2001:db8:2::/64");
	assert_next(&g, MSG_LIFT, "ssh", "203.0.113.2");
	/* Lifted before it was said: there is nothing to say but that. */
	a = add(&g, g.ssh, "203.0.113.3", BANS_TOLD);
	share_on_banned(&g.share, a);
	bans_end(g.w.v.bans, a, T0 + SEC);
	share_on_lift(&g.share, a);
	assert_next(&g, MSG_LIFT, "ssh", "203.0.113.3");
	assert_nothing(&g);
	stop(&g);
}

/* Those that hold are looked at slot by slot, while others come and go. */
static void
test_changes_meanwhile_are_in_what_is_given(void **unused)
{
	struct giving g;
	uint32_t early, late, n = 0;
	struct msg m;

	(void)unused;
	start(&g, NULL);
	early = add(&g, g.ssh, "203.0.113.1", BANS_TOLD);
	add(&g, g.ssh, "203.0.113.2", BANS_TOLD);
	late = add(&g, g.ssh, "203.0.113.3", BANS_TOLD);
	share_begin(&g.share);
	assert_next(&g, MSG_GIVE, "ssh", "203.0.113.1");
	bans_end(g.w.v.bans, early, T0 + SEC);
	share_on_lift(&g.share, early);
	bans_end(g.w.v.bans, late, T0 + SEC);
	share_on_lift(&g.share, late);
	share_on_banned(&g.share, add(&g, g.ssh, "203.0.113.4", BANS_TOLD));
	assert_next(&g, MSG_GIVE, "ssh", "203.0.113.2");
	assert_next(&g, MSG_GIVE, "ssh", "203.0.113.4");
	assert_next(&g, MSG_GIVEN, NULL, NULL);
	assert_next(&g, MSG_LIFT, "ssh", "203.0.113.1");
	while (share_next(&g.share, &m, T0 + MIN) == SHARE_RECORD)
		n++;
	assert_int_equal(n, 0);
	stop(&g);
}

static void
test_many_that_are_not_for_others_take_several_turns(void **unused)
{
	struct giving g;
	struct msg m;
	unsigned later = 0;

	(void)unused;
	start(&g, only_ssh);
	for (uint32_t i = 0; i < 20000; i++) {
		struct ban x = {.addr = numbered(i),
		    .len = 32,
		    .rule = g.ftp,
		    .since = T0,
		    .until = T0 + HOUR,
		    .flags = BANS_TOLD};
		uint32_t slot;

		assert_int_equal(bans_add(g.w.v.bans, &x, &slot), 0);
	}
	share_begin(&g.share);
	while (share_next(&g.share, &m, T0 + MIN) == SHARE_LATER)
		later++;
	assert_int_equal(m.type, MSG_GIVEN);
	assert_in_range(later, 2, 10);
	stop(&g);
}

static void
test_who_does_not_take_events_is_behind_and_begins_anew(void **unused)
{
	struct giving g;
	uint32_t slot;

	(void)unused;
	start(&g, NULL);
	slot = add(&g, g.ssh, "203.0.113.1", BANS_TOLD);
	share_begin(&g.share);
	assert_next(&g, MSG_GIVE, "ssh", "203.0.113.1");
	assert_next(&g, MSG_GIVEN, NULL, NULL);
	for (uint32_t i = 0; i < SHARE_WAIT; i++)
		share_on_banned(&g.share, slot);
	assert_false(g.share.behind);
	share_on_banned(&g.share, slot);
	assert_true(g.share.behind);
	share_stop(&g.share);
	share_on_banned(&g.share, slot);
	share_begin(&g.share);
	assert_false(g.share.behind);
	assert_next(&g, MSG_GIVE, "ssh", "203.0.113.1");
	assert_next(&g, MSG_GIVEN, NULL, NULL);
	assert_nothing(&g);
	stop(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_all_own_bans_that_hold_are_given),
	    cmocka_unit_test(test_that_the_book_was_lost_is_said),
	    cmocka_unit_test(test_rules_that_are_not_shared_are_kept_here),
	    cmocka_unit_test(test_what_comes_and_goes_is_told_in_order),
	    cmocka_unit_test(test_changes_meanwhile_are_in_what_is_given),
	    cmocka_unit_test(test_many_that_are_not_for_others_take_several_turns),
	    cmocka_unit_test(test_who_does_not_take_events_is_behind_and_begins_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
