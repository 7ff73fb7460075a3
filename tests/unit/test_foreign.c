/* links: judge */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "judge/foreign.h"

#include "fleet_build.h"

struct abroad {
	struct world w;
	struct foreign f;
	uint32_t lifted, unbanned;
	usec_t now;
};

static const struct build_trust trusts[] = {
    {{"slow"}, {"ssh"}, HOUR, 1, 0, 0},
    {{"web*", "db1"}, {"ssh", "ftp"}, 2 * HOUR, 60, 0, 0},
    {{"admin"}, {"manual"}, DAY, 600, 16, 40},
    {{"any*"}, {NULL}, DAY, 60000, 0, 0},
    {{NULL}, {NULL}, 0, 0, 0, 0},
};

static void
lift(void *ctx, uint32_t slot)
{
	struct abroad *a = ctx;

	bans_end(a->w.v.bans, slot, a->now);
	a->lifted++;
}

static uint32_t
lift_inside(void *ctx, const struct prefix *p, const char *host)
{
	struct abroad *a = ctx;

	(void)p;
	(void)host;
	a->unbanned++;
	return 1;
}

static const struct foreign_ops ops = {.lift = lift, .lift_inside = lift_inside};

static void
start(struct abroad *a, uint32_t bans_max, uint32_t all_max)
{
	struct image_build *b = image_build_new();
	uint32_t i;

	memset(a, 0, sizeof(*a));
	a->w.build = b;
	a->now = T0;
	i = image_build_rule(b, &(struct build_rule){.name = "manual"});
	((struct image_rule *)image_build_at(b, IMAGE_RULES, i))->builtin = 1;
	image_build_rule(b, &(struct build_rule){.name = "ssh"});
	fleet_rule(b, "fleet/manual", false);
	fleet_rule(b, "fleet/ssh", false);
	fleet_rule(b, "fleet/dry", true);
	i = image_build_count(b, IMAGE_RULES) - 2;
	((struct image_rule *)image_build_at(b, IMAGE_RULES, i))->never =
	    (struct span){image_build_prefix(b, "2001:db8:64::/48"), 1};
	fleet_build(b, bans_max, NULL, trusts);
	image_build_settings(b)->never = (struct span){image_build_prefix(b, "198.51.100.1"), 1};
	image_build_settings(b)->bans_max = all_max;
	world_open(&a->w);
	foreign_init(&a->f, &a->w.v, &a->w.image, &ops, a);
}

static void
stop(struct abroad *a)
{
	foreign_fini(&a->f);
	world_close(&a->w);
}

static enum taken_status
take_at(struct abroad *a, const char *host, const char *rule, const char *text, usec_t until)
{
	struct msg_fleet b = foreign_ban(text, rule, T0 - MIN, until);
	uint32_t slot;

	return foreign_take(&a->f, &b, host, a->now, a->now, &slot);
}

static enum taken_status
take(struct abroad *a, const char *host, const char *rule, const char *text)
{
	return take_at(a, host, rule, text, T0 + HOUR);
}

static enum taken_status
drop(struct abroad *a, const char *host, const char *rule, const char *text)
{
	struct msg_fleet b = foreign_ban(text, rule, 0, 0);
	uint32_t slot;

	return foreign_drop(&a->f, &b, host, a->now, a->now, &slot);
}

static void
test_a_trusted_host_bans_as_the_rule_for_such(void **unused)
{
	struct abroad a;
	const struct ban *x;

	(void)unused;
	start(&a, 100, 1000);
	assert_int_equal(take(&a, "web1", "ssh", "203.0.113.9"), TAKEN_DONE);
	assert_int_equal(take(&a, "db1", "ssh", "2001:db8:9::/64"), TAKEN_DONE);
	assert_int_equal(a.w.n_made, 2);
	x = made(&a.w, 0);
	assert_prefix(x, "203.0.113.9");
	assert_string_equal(a.w.rules.slots[x->rule].name, "fleet/ssh");
	assert_string_equal(x->note, "web1: 10 points");
	assert_int_equal(x->since, T0 - MIN);
	assert_int_equal(x->until, T0 + HOUR);
	assert_int_equal(x->level, 2);
	assert_int_equal(x->group_len, 0);
	assert_prefix(made(&a.w, 1), "2001:db8:9::/64");
	assert_int_equal(foreign_held(&a.f), 2);
	stop(&a);
}

static void
test_only_what_a_trust_has_is_taken(void **unused)
{
	static const struct {
		const char *host, *rule, *prefix;
		enum taken_status status;
	} cases[] = {
	    {"mail1", "ssh", "203.0.113.1", TAKEN_TRUST},
	    {"here", "ssh", "203.0.113.1", TAKEN_TRUST},
	    {"slow", "ftp", "203.0.113.1", TAKEN_TRUST},
	    {"web1", "manual", "203.0.113.1", TAKEN_TRUST},
	    {"any1", "manual", "203.0.113.1", TAKEN_TRUST},
	    {"web1", "ftp", "203.0.113.1", TAKEN_RULE},
	    {"any1", "imap", "203.0.113.1", TAKEN_RULE},
	    {"web1", "ssh", "203.0.112.0/23", TAKEN_WIDE},
	    {"web1", "ssh", "0.0.0.0/0", TAKEN_WIDE},
	    {"web1", "ssh", "::/0", TAKEN_WIDE},
	    {"web1", "ssh", "2001:db8::/47", TAKEN_WIDE},
	    {"admin", "manual", "10.0.0.0/15", TAKEN_WIDE},
	    {"web1", "ssh", "198.51.100.1", TAKEN_NEVER},
	    {"web1", "ssh", "198.51.100.0/24", TAKEN_NEVER},
	    {"web1", "ssh", "2001:db8:64:1::/64", TAKEN_NEVER},
	    {"web1", "ssh", "2001:db8:64::/48", TAKEN_NEVER},
	    {"web1", "*", "203.0.113.1", TAKEN_NONSENSE},
	    {"web1", "", "203.0.113.1", TAKEN_NONSENSE},
	    {"", "ssh", "203.0.113.1", TAKEN_NONSENSE},
	    {"WEB1", "ssh", "203.0.113.1", TAKEN_NONSENSE},
	    {"web1\n", "ssh", "203.0.113.1", TAKEN_NONSENSE},
	    {"web1: 5 points", "ssh", "203.0.113.1", TAKEN_NONSENSE},
	    {"web\xc3\xa4", "ssh", "203.0.113.1", TAKEN_NONSENSE},
	    {"web1", "ssh", "203.0.113.0/24", TAKEN_DONE},
	    {"web1", "ssh", "2001:db8:1::/48", TAKEN_DONE},
	    {"admin", "manual", "10.0.0.0/16", TAKEN_DONE},
	    {"any1", "ssh", "203.0.113.2", TAKEN_DONE},
	};
	struct abroad a;

	(void)unused;
	start(&a, 100, 1000);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		enum taken_status s = take(&a, cases[i].host, cases[i].rule, cases[i].prefix);

		if (s != cases[i].status)
			fail_msg("%s %s %s: %d, not %d", cases[i].host, cases[i].rule,
			    cases[i].prefix, s, cases[i].status);
	}
	assert_int_equal(a.w.n_made, 4);
	stop(&a);
}

static void
test_records_that_make_no_sense_are_said_to_be_that(void **unused)
{
	struct abroad a;
	struct msg_fleet good = foreign_ban("203.0.113.1", "ssh", T0, T0 + HOUR), b;
	char host[FOREIGN_HOST_MAX + 1];
	uint32_t slot;

	(void)unused;
	start(&a, 100, 1000);
#define IS_NONSENSE(change)                                                                        \
	do {                                                                                       \
		b = good;                                                                          \
		change;                                                                            \
		assert_int_equal(foreign_take(&a.f, &b, "web1", T0, T0, &slot), TAKEN_NONSENSE);   \
		assert_int_equal(slot, BANS_NONE);                                                 \
	} while (0)
	IS_NONSENSE(b.prefix.addr.family = 0);
	IS_NONSENSE(b.prefix.addr.family = 5);
	IS_NONSENSE(b.prefix.len = 33);
	IS_NONSENSE(b.prefix.len = 24);          /* bits behind it */
	IS_NONSENSE(b.prefix.addr.bytes[9] = 1); /* behind an IPv4 address */
	IS_NONSENSE(b.prefix.addr.family = 6; b.prefix.len = 129);
	IS_NONSENSE(b.prefix.addr.family = 6; b.prefix.len = 128;
		    memcpy(b.prefix.addr.bytes, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xcb\0\x71\1", 16));
	IS_NONSENSE(b.since = -1);
	IS_NONSENSE(b.since = b.until + 1);
	IS_NONSENSE(b.until = INT64_MIN);
	IS_NONSENSE(memset(b.rule, 'x', sizeof(b.rule)));
#undef IS_NONSENSE
	memset(host, 'w', sizeof(host));
	host[FOREIGN_HOST_MAX] = '\0';
	assert_int_equal(foreign_take(&a.f, &good, host, T0, T0, &slot), TAKEN_NONSENSE);
	b = good;
	memset(b.rule, 'x', sizeof(b.rule));
	assert_int_equal(foreign_drop(&a.f, &b, "web1", T0, T0, &slot), TAKEN_NONSENSE);
	assert_int_equal(a.w.n_made, 0);
	stop(&a);
}

static void
test_times_are_bounded(void **unused)
{
	struct abroad a;
	struct msg_fleet b = foreign_ban("203.0.113.5", "ssh", T0 + DAY, USEC_NEVER);
	uint32_t slot;

	(void)unused;
	start(&a, 100, 1000);
	assert_int_equal(take_at(&a, "web1", "ssh", "203.0.113.1", T0), TAKEN_OVER);
	assert_int_equal(take_at(&a, "web1", "ssh", "203.0.113.1", USEC_NEVER), TAKEN_DONE);
	assert_int_equal(made(&a.w, 0)->until, T0 + 2 * HOUR);
	/* One that began tomorrow by its host's clock begins now. */
	assert_int_equal(foreign_take(&a.f, &b, "web1", T0, T0, &slot), TAKEN_DONE);
	assert_int_equal(made(&a.w, 1)->since, T0);
	/* Said again, a long one is not made longer each time. */
	a.now = T0 + 20 * MIN;
	assert_int_equal(take_at(&a, "web1", "ssh", "203.0.113.1", USEC_NEVER), TAKEN_BEFORE);
	a.now = T0 + 40 * MIN;
	assert_int_equal(take_at(&a, "web1", "ssh", "203.0.113.1", USEC_NEVER), TAKEN_DONE);
	assert_int_equal(a.w.n_made, 2);
	assert_int_equal(made(&a.w, 0)->until, T0 + 40 * MIN + 2 * HOUR);
	stop(&a);
}

static void
test_the_same_ban_is_made_longer_and_never_shorter(void **unused)
{
	struct abroad a;

	(void)unused;
	start(&a, 100, 1000);
	for (int i = 0; i < 2; i++) {
		const char *text = i ? "2001:db8:7::/64" : "203.0.113.7";

		assert_int_equal(take_at(&a, "web1", "ssh", text, T0 + HOUR), TAKEN_DONE);
		assert_int_equal(take_at(&a, "web2", "ssh", text, T0 + HOUR), TAKEN_BEFORE);
		assert_int_equal(take_at(&a, "web2", "ssh", text, T0 + HOUR + SEC), TAKEN_DONE);
		assert_string_equal(made(&a.w, (uint32_t)i)->note, "web2: 10 points");
		assert_int_equal(made(&a.w, (uint32_t)i)->until, T0 + HOUR + SEC);
		assert_int_equal(take_at(&a, "web1", "ssh", text, T0 + HOUR), TAKEN_BEFORE);
	}
	assert_int_equal(a.w.n_made, 2);
	assert_int_equal(foreign_held(&a.f), 2);
	stop(&a);
}

static void
test_each_host_has_its_rate(void **unused)
{
	struct abroad a;
	char text[32];

	(void)unused;
	start(&a, 4000, 100000);
	for (int i = 0; i < 3600; i++) {
		snprintf(text, sizeof(text), "10.1.%d.%d", i / 250, i % 250);
		assert_int_equal(take(&a, "web1", "ssh", text), TAKEN_DONE);
	}
	assert_int_equal(take(&a, "web1", "ssh", "10.2.0.1"), TAKEN_RATE);
	/* What is there already costs nothing. */
	assert_int_equal(take(&a, "web1", "ssh", "10.1.0.1"), TAKEN_BEFORE);
	assert_int_equal(take(&a, "web2", "ssh", "10.2.0.1"), TAKEN_DONE);
	a.now += SEC;
	assert_int_equal(take(&a, "web1", "ssh", "10.2.0.2"), TAKEN_DONE);
	assert_int_equal(take(&a, "web1", "ssh", "10.2.0.3"), TAKEN_RATE);
	for (int i = 0; i < 60; i++) {
		snprintf(text, sizeof(text), "2001:db8:%d::/64", i);
		assert_int_equal(take(&a, "slow", "ssh", text), i < 60 ? TAKEN_DONE : TAKEN_RATE);
	}
	assert_int_equal(take(&a, "slow", "ssh", "2001:db8:99::/64"), TAKEN_RATE);
	a.w.n_made = 0;
	stop(&a);
}

/* Whoever the herald says they are from. */
static void
test_many_names_of_hosts_are_no_way_around_the_bounds(void **unused)
{
	struct abroad a;
	char host[32], text[32];
	uint32_t done = 0, full = 0, rate = 0;

	(void)unused;
	start(&a, 100, 1000);
	for (int i = 0; i < 10000; i++) {
		snprintf(host, sizeof(host), "any%d", i);
		snprintf(text, sizeof(text), "10.%d.%d.%d", i % 200, i / 200, i % 250);
		switch (take(&a, host, "ssh", text)) {
		case TAKEN_DONE:
			done++;
			break;
		case TAKEN_FULL:
			full++;
			break;
		case TAKEN_RATE:
			rate++;
			break;
		default:
			fail();
		}
	}
	assert_int_equal(done, 100);
	assert_int_equal(full, 0);
	assert_int_equal(rate, 9900);
	/* And made to go and come again: an hour's worth of bans_max in an hour. */
	for (int i = 0; i < 7200; i++) {
		a.now += SEC / 2;
		snprintf(host, sizeof(host), "any%d", i);
		snprintf(text, sizeof(text), "10.%d.%d.%d", i % 200, i / 200, i % 250);
		drop(&a, host, "ssh", text);
		done += take_at(&a, host, "ssh", text, a.now + DAY) == TAKEN_DONE;
	}
	assert_in_range(done, 190, 201);
	stop(&a);
}

static void
test_own_bans_have_room_beside_them(void **unused)
{
	struct abroad a;
	char host[32], text[32];
	uint32_t done = 0;

	(void)unused;
	start(&a, 100000, 1000);
	for (int i = 0; i < 2000; i++) {
		snprintf(host, sizeof(host), "any%d", i % 10);
		snprintf(text, sizeof(text), "10.0.%d.%d", i / 250, i % 250);
		a.now += 10 * SEC; /* so that rate is not what stops it */
		done += take_at(&a, host, "ssh", text, T0 + 2 * DAY) == TAKEN_DONE;
	}
	assert_int_equal(done, 500);
	assert_int_equal(foreign_held(&a.f), 500);
	stop(&a);
}

/* The kernel's table has room for so many networks in all, our own among them. */
static void
test_own_networks_have_room_beside_them(void **unused)
{
	struct abroad a;
	char host[32], text[32];
	uint32_t done = 0;

	(void)unused;
	start(&a, 100000, 1000000);
	for (uint32_t i = 0; i < 33000; i++) {
		snprintf(host, sizeof(host), "any%u", i % 100);
		snprintf(text, sizeof(text), i % 2 ? "2001:db8:%x:%x00::/56" : "10.%u.%u.0/25",
		    i / 256, i % 256);
		done += take(&a, host, "ssh", text) == TAKEN_DONE;
		a.w.n_made = 0;
	}
	assert_int_equal(done, FOREIGN_NETWORKS);
	assert_int_equal(take(&a, "any1", "ssh", "11.0.0.0/25"), TAKEN_FULL);
	assert_int_equal(take(&a, "any1", "ssh", "11.0.0.1"), TAKEN_DONE);
	assert_int_equal(take(&a, "any1", "ssh", "2001:db8:ffff::/64"), TAKEN_DONE);
	a.now = T0 + HOUR + SEC;
	assert_int_equal(take_at(&a, "any1", "ssh", "11.0.0.0/25", T0 + 2 * HOUR), TAKEN_DONE);
	stop(&a);
}

static void
test_dry_rules_ban_nobody(void **unused)
{
	struct abroad a;

	(void)unused;
	start(&a, 100, 1000);
	assert_int_equal(take(&a, "any1", "dry", "203.0.113.1"), TAKEN_DONE);
	assert_true(made(&a.w, 0)->flags & BANS_DRY);
	assert_int_equal(foreign_held(&a.f), 0);
	stop(&a);
}

static void
test_a_host_lifts_what_it_made(void **unused)
{
	struct abroad a;

	(void)unused;
	start(&a, 100, 1000);
	take(&a, "web1", "ssh", "203.0.113.1");
	take(&a, "web1", "ssh", "2001:db8:1::/64");
	assert_int_equal(drop(&a, "web2", "ssh", "203.0.113.1"), TAKEN_BEFORE);
	assert_int_equal(drop(&a, "web", "ssh", "203.0.113.1"), TAKEN_BEFORE);
	assert_int_equal(drop(&a, "web1", "ftp", "203.0.113.1"), TAKEN_RULE);
	assert_int_equal(drop(&a, "web1", "ssh", "203.0.113.0/24"), TAKEN_BEFORE);
	assert_int_equal(drop(&a, "web1", "ssh", "203.0.113.1"), TAKEN_DONE);
	assert_int_equal(drop(&a, "web1", "ssh", "203.0.113.1"), TAKEN_BEFORE);
	assert_int_equal(drop(&a, "web1", "ssh", "2001:db8:1::/64"), TAKEN_DONE);
	assert_int_equal(a.lifted, 2);
	assert_int_equal(a.unbanned, 0);
	stop(&a);
}

static void
test_all_is_lifted_by_whom_bans_by_hand_are_taken_from(void **unused)
{
	struct abroad a;

	(void)unused;
	start(&a, 100, 1000);
	assert_int_equal(drop(&a, "web1", "*", "203.0.113.1"), TAKEN_TRUST);
	assert_int_equal(drop(&a, "any1", "*", "203.0.113.1"), TAKEN_TRUST);
	assert_int_equal(drop(&a, "here", "*", "203.0.113.1"), TAKEN_TRUST);
	assert_int_equal(drop(&a, "admin", "*", "0.0.0.0/0"), TAKEN_WIDE);
	assert_int_equal(drop(&a, "admin", "*", "::/0"), TAKEN_WIDE);
	assert_int_equal(a.unbanned, 0);
	assert_int_equal(drop(&a, "admin", "*", "203.0.113.1"), TAKEN_DONE);
	assert_int_equal(drop(&a, "admin", "*", "2001:db8::/40"), TAKEN_DONE);
	for (int i = 0; i < 29; i++)
		assert_int_equal(drop(&a, "admin", "*", "203.0.113.0/24"), TAKEN_DONE);
	assert_int_equal(drop(&a, "admin", "*", "203.0.113.0/24"), TAKEN_RATE);
	a.now += SEC;
	assert_int_equal(drop(&a, "admin", "*", "203.0.113.0/24"), TAKEN_DONE);
	stop(&a);
}

static void
test_a_trust_that_went_takes_its_bans_with_it(void **unused)
{
	struct abroad a;

	(void)unused;
	start(&a, 100, 1000);
	take(&a, "web1", "ssh", "203.0.113.1");
	take(&a, "any1", "ssh", "203.0.113.2");
	take(&a, "admin", "manual", "10.1.0.0/16");
	for (uint32_t i = 0; i < 3; i++)
		assert_true(foreign_is_trusted(&a.f, made(&a.w, i)));
	free(made(&a.w, 0)->note);
	made(&a.w, 0)->note = strdup("mail1: 10 points");
	assert_false(foreign_is_trusted(&a.f, made(&a.w, 0)));
	free(made(&a.w, 0)->note);
	made(&a.w, 0)->note = strdup("web3");
	assert_true(foreign_is_trusted(&a.f, made(&a.w, 0)));
	free(made(&a.w, 0)->note);
	made(&a.w, 0)->note = NULL;
	assert_false(foreign_is_trusted(&a.f, made(&a.w, 0)));
	made(&a.w, 2)->len = 15;
	assert_false(foreign_is_trusted(&a.f, made(&a.w, 2)));
	stop(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_trusted_host_bans_as_the_rule_for_such),
	    cmocka_unit_test(test_only_what_a_trust_has_is_taken),
	    cmocka_unit_test(test_records_that_make_no_sense_are_said_to_be_that),
	    cmocka_unit_test(test_times_are_bounded),
	    cmocka_unit_test(test_the_same_ban_is_made_longer_and_never_shorter),
	    cmocka_unit_test(test_each_host_has_its_rate),
	    cmocka_unit_test(test_many_names_of_hosts_are_no_way_around_the_bounds),
	    cmocka_unit_test(test_own_bans_have_room_beside_them),
	    cmocka_unit_test(test_own_networks_have_room_beside_them),
	    cmocka_unit_test(test_dry_rules_ban_nobody),
	    cmocka_unit_test(test_a_host_lifts_what_it_made),
	    cmocka_unit_test(test_all_is_lifted_by_whom_bans_by_hand_are_taken_from),
	    cmocka_unit_test(test_a_trust_that_went_takes_its_bans_with_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
