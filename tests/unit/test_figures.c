/* links: judge */
/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the judge counts without looking at all of it: the same as counting one by one, after any
 * order of events; the time from a line to the kernel.
 */
#include "judge_world.h"

#include "judge/figures.h"

#define RULES  5
#define ROUNDS 20000

/* --- bans --- */

struct counted {
	struct bans_counts rules[RULES];
	uint32_t inside;
};

/* One by one. now: as of the last bans_pass. */
static struct counted
count_bans(const struct bans *b, usec_t now, uint8_t epoch)
{
	struct counted n = {0};

	for (uint32_t i = 0; i < bans_high(b); i++) {
		const struct ban *x = bans_get(b, i);

		if (!x || (x->flags & (BANS_GONE | BANS_BUILTIN)) || ban_end(x) <= now)
			continue;
		if (x->flags & BANS_DRY) {
			n.rules[x->rule].dry++;
			continue;
		}
		n.rules[x->rule].held++;
		n.inside += x->kernel == KERNEL_IN && x->epoch == epoch;
	}
	return n;
}

static void
check_bans(const struct bans *b, usec_t now, uint8_t epoch)
{
	const struct counted n = count_bans(b, now, epoch);
	uint32_t held = 0;

	for (uint16_t r = 0; r < RULES; r++) {
		assert_int_equal(bans_of_rule(b, r).held, n.rules[r].held);
		assert_int_equal(bans_of_rule(b, r).dry, n.rules[r].dry);
		held += n.rules[r].held;
	}
	assert_int_equal(bans_held(b), held);
	assert_int_equal(bans_in_kernel(b), n.inside);
}

static uint32_t
some_slot(const struct bans *b, uint64_t *seed)
{
	for (int i = 0; i < 20 && bans_high(b) > 0; i++) {
		uint32_t slot = random_below(seed, bans_high(b));
		const struct ban *x = bans_get(b, slot);

		if (x && !(x->flags & BANS_GONE))
			return slot;
	}
	return BANS_NONE;
}

static void
add_some(struct bans *b, uint64_t *seed, usec_t now)
{
	struct ban x = {.addr = numbered(random_below(seed, 500)),
	    .rule = (uint16_t)random_below(seed, RULES),
	    .since = now,
	    .until =
		random_below(seed, 20) ? now + random_below(seed, 300) * SEC + SEC : USEC_NEVER,
	    .keep = 60};
	uint32_t slot;

	x.len = addr_bits(&x.addr);
	x.flags = (uint8_t)((random_below(seed, 3) ? 0 : BANS_DRY) |
			    (random_below(seed, 30) ? 0 : BANS_BUILTIN));
	assert_int_not_equal(bans_add(b, &x, &slot), -ENOMEM);
}

static void
counts_of_bans_are_those_of_counting(void **state)
{
	static const enum ban_kernel states[] = {KERNEL_OUT, KERNEL_ASKED, KERNEL_IN, KERNEL_IN,
	    KERNEL_REFUSED, KERNEL_NEVER, KERNEL_LEAVING, KERNEL_UNASKED};
	uint64_t seed = 77;
	usec_t now = T0;
	uint8_t epoch = 0;
	struct bans *b;

	(void)state;
	assert_int_equal(bans_new(&b, 700), 0);
	for (int i = 0; i < ROUNDS; i++) {
		uint32_t slot = some_slot(b, &seed), what = random_below(&seed, 100);
		struct ban *x = slot == BANS_NONE ? NULL : bans_get(b, slot);

		if (what < 45) {
			add_some(b, &seed, now);
		} else if (what < 75 && x && !(x->flags & (BANS_DRY | BANS_BUILTIN))) {
			bans_kernel(b, x, KERNEL_OUT);
			x->epoch = epoch;
			bans_kernel(b, x, states[random_below(&seed, 8)]);
		} else if (what < 85 && x) {
			bans_end(b, slot, now);
		} else if (what < 86 && x) {
			bans_remove(b, slot);
		} else if (what < 88) {
			bans_give_way(b);
		} else if (what < 90) {
			bans_saved(b);
		} else if (what < 91) {
			bans_epoch(b, ++epoch);
		} else {
			now += random_below(&seed, 5) * SEC;
		}
		bans_over(b, now, UINT32_MAX);
		check_bans(b, now, epoch);
	}
	bans_free(b);
}

static void
the_first_end_is_of_dry_ones_too(void **state)
{
	const struct ban dry = {
	    .addr = numbered(1), .len = 128, .since = T0, .until = T0 + MIN, .flags = BANS_DRY};
	const struct ban live = {.addr = numbered(2), .len = 32, .since = T0, .until = T0 + HOUR};
	struct bans *b;
	uint32_t slot;

	(void)state;
	assert_int_equal(bans_new(&b, 10), 0);
	assert_int_equal(bans_add(b, &live, &slot), 0);
	assert_int_equal(bans_add(b, &dry, &slot), 0);
	assert_int_equal(bans_next_end(b), T0 + MIN);
	/* Nothing of it is in the kernel to be read. */
	assert_int_equal(bans_take_ending(b, T0 + MIN), BANS_NONE);
	bans_pass(b, T0 + MIN, 10);
	assert_int_equal(bans_of_rule(b, 0).dry, 0);
	assert_int_equal(bans_next_end(b), T0 + HOUR);
	bans_free(b);
}

static void
drops_are_summed_by_rule(void **state)
{
	struct ban x = {.addr = numbered(1), .len = 128, .since = T0, .until = T0 + MIN, .rule = 3};
	struct bans *b;
	uint32_t slot;

	(void)state;
	assert_int_equal(bans_new(&b, 10), 0);
	assert_int_equal(bans_add(b, &x, &slot), 0);
	bans_saved(b);
	bans_dropped(b, slot, 3, 180);
	bans_dropped(b, slot, 1, 60);
	assert_int_equal(bans_get(b, slot)->packets, 4);
	assert_int_equal(bans_get(b, slot)->bytes, 240);
	assert_int_equal(bans_changed_first(b), slot);
	/* The sum stays when the ban is gone. */
	bans_over(b, T0 + DAY, 10);
	bans_saved(b);
	assert_null(bans_get(b, slot));
	assert_int_equal(bans_of_rule(b, 3).packets, 4);
	assert_int_equal(bans_of_rule(b, 3).bytes, 240);
	assert_int_equal(bans_of_rule(b, 2).packets, 0);
	assert_int_equal(bans_of_rule(b, UINT16_MAX).packets, 0);
	bans_free(b);
}

/* --- tallies --- */

static uint32_t
count_tallies(struct tallies *t, uint16_t rule)
{
	struct tally_view v;
	uint32_t n = 0;

	tallies_change_all(t);
	for (uint32_t s = tallies_changed_first(t); s != TALLY_NONE;
	     s = tallies_changed_next(t, s)) {
		tallies_view(t, s, &v);
		n += v.rule == rule && v.n > 0;
	}
	return n;
}

static void
counts_of_tallies_are_those_of_counting(void **state)
{
	uint64_t seed = 99;
	usec_t now = T0;
	struct tallies *t;

	(void)state;
	assert_int_equal(tallies_new(&t, 300), 0);
	for (uint16_t r = 0; r < RULES; r++)
		assert_int_equal(tallies_rule(t, r, 5 + r, 10 * MIN, r == 2), 0);
	for (int i = 0; i < ROUNDS; i++) {
		const struct addr a = numbered(random_below(&seed, 600));
		const struct prefix p = prefix_host(&a);
		const uint16_t rule = (uint16_t)random_below(&seed, RULES);
		const struct tally_event e = {.time = now,
		    .user = random_below(&seed, 5),
		    .points = (uint16_t)(1 + random_below(&seed, 3))};
		uint32_t what = random_below(&seed, 1000);
		struct tally_sum sum;

		now += random_below(&seed, 2) * SEC;
		if (what < 900)
			tally_add(t, rule, &p, &e, now, &sum);
		else if (what < 980)
			tally_forgive(t, rule, &p, now - random_below(&seed, 2) * MIN);
		else if (what < 990)
			tallies_saved(t);
		else if (what < 998)
			assert_int_equal(
			    tallies_rule(t, rule, 3 + random_below(&seed, 9), 10 * MIN, false), 0);
		else
			tallies_drop_rule(t, rule);
		if (i % 16 == 0)
			for (uint16_t r = 0; r < RULES; r++)
				assert_int_equal(tallies_of_rule(t, r), count_tallies(t, r));
	}
	assert_true(tallies_evicted(t) > 0);
	assert_int_equal(tallies_of_rule(t, RULES), 0);
	tallies_free(t);
}

/* --- from a line to the kernel --- */

static uint64_t
samples(const struct figures *f)
{
	uint64_t n = 0;

	for (size_t i = 0; i <= FIGURES_LATENCY; i++)
		n += f->latency[i];
	assert_int_equal(n, f->latency_n);
	return n;
}

static void
live_lines_are_timed_to_the_kernels_answer(void **state)
{
	_cleanup_(figures_freep) struct figures_writer *f = NULL;
	const struct figures *at;
	usec_t now = clock_mono();

	(void)state;
	assert_int_equal(figures_new(&f), 0);
	at = figures_shown(f);
	figures_on_ban(f, 7, now - 5 * SEC);
	figures_on_ban(f, 8, 0); /* caught up with, or by hand */
	figures_on_ban(f, 9, now - HOUR / 2);
	figures_on_ban(f, 10, now);
	figures_on_banned(f, 6, true); /* of a sweep */
	figures_on_banned(f, 8, true);
	assert_int_equal(samples(at), 0);
	figures_on_banned(f, 7, true);
	assert_int_equal(samples(at), 1);
	assert_true(at->latency_us >= 5 * SEC && at->latency_us < 30 * SEC);
	figures_on_banned(f, 7, true); /* once */
	assert_int_equal(samples(at), 1);
	figures_on_banned(f, 10, false); /* refused: it is not there */
	figures_on_banned(f, 10, true);
	assert_int_equal(samples(at), 1);
	figures_on_banned(f, 9, true);
	assert_int_equal(at->latency[FIGURES_LATENCY], 1); /* above all bounds */
}

static void
bounds_are_inclusive(void **state)
{
	_cleanup_(figures_freep) struct figures_writer *f = NULL;
	const struct figures *at;

	(void)state;
	assert_int_equal(figures_new(&f), 0);
	at = figures_shown(f);
	/* Up to 2^25 us, 33 s, is the last bound. */
	figures_on_ban(f, 1, clock_mono() - 20 * SEC);
	figures_on_banned(f, 1, true);
	assert_int_equal(at->latency[FIGURES_LATENCY - 1], 1);
	figures_on_ban(f, 1, clock_mono() - 34 * SEC);
	figures_on_banned(f, 1, true);
	assert_int_equal(at->latency[FIGURES_LATENCY], 1);
}

/* More than there is room for: some go untimed, none is taken for another. */
static void
a_storm_loses_samples_and_mixes_none_up(void **state)
{
	_cleanup_(figures_freep) struct figures_writer *f = NULL;

	(void)state;
	assert_int_equal(figures_new(&f), 0);
	for (uint32_t i = 0; i < 3 * FIGURES_OPEN; i++)
		figures_on_ban(f, i, clock_mono());
	for (uint32_t i = 0; i < 3 * FIGURES_OPEN; i++)
		figures_on_banned(f, i, true);
	assert_int_equal(samples(figures_shown(f)), FIGURES_OPEN);
	assert_int_equal(figures_shown(f)->latency[FIGURES_LATENCY], 0);
}

static void
a_new_judge_begins_anew_and_leaves_the_roles(void **state)
{
	_cleanup_(figures_freep) struct figures_writer *f = NULL;
	struct figures *shared = calloc(1, sizeof(*shared));

	(void)state;
	shared->roles[ROLE_JUDGE].restarts = 3;
	shared->offences = 5;
	shared->latency[2] = 5;
	strcpy(shared->rules[4].name, "old");
	assert_int_equal(figures_new(&f), 0);
	figures_show(f, shared);
	assert_ptr_equal(figures_shown(f), shared);
	assert_int_equal(shared->roles[ROLE_JUDGE].restarts, 3);
	assert_int_equal(shared->offences, 0);
	assert_int_equal(shared->latency[2], 0);
	assert_string_equal(shared->rules[4].name, "");
	free(shared);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(counts_of_bans_are_those_of_counting),
	    cmocka_unit_test(the_first_end_is_of_dry_ones_too),
	    cmocka_unit_test(drops_are_summed_by_rule),
	    cmocka_unit_test(counts_of_tallies_are_those_of_counting),
	    cmocka_unit_test(live_lines_are_timed_to_the_kernels_answer),
	    cmocka_unit_test(bounds_are_inclusive),
	    cmocka_unit_test(a_storm_loses_samples_and_mixes_none_up),
	    cmocka_unit_test(a_new_judge_begins_anew_and_leaves_the_roles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
