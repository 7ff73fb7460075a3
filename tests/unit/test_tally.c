/* links: judge */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "judge/tally.h"

#include "judge_world.h"

#define RULES   3
#define SOURCES 24
#define LIVES   4096

static const struct {
	uint32_t points;
	usec_t within;
	bool distinct;
} rule_of[RULES] = {{5, 10 * MIN, false}, {3, 2 * MIN, true}, {150, HOUR, false}};

/* --- the naive model: every offence since the last ban or success, summed anew each time --- */

struct model_tally {
	struct tally_event events[LIVES];
	uint32_t n;
};
static struct model_tally model[RULES][SOURCES];

/* Points of the window that ends with offence number end. */
static uint64_t
model_window(const struct model_tally *m, uint32_t rule, uint32_t end)
{
	uint64_t points = 0;

	for (uint32_t i = 0; i <= end; i++)
		if (m->events[i].time >= m->events[end].time - rule_of[rule].within)
			points += m->events[i].points;
	return points;
}

/* In the order of time, behind those of the same time. */
static uint32_t
model_insert(struct model_tally *m, const struct tally_event *e)
{
	uint32_t at = 0;

	assert_true(m->n < LIVES);
	while (at < m->n && m->events[at].time <= e->time)
		at++;
	memmove(m->events + at + 1, m->events + at, (m->n++ - at) * sizeof(*e));
	m->events[at] = *e;
	return at;
}

/* distinct: the latest offence of a user stands for all of them. False: there is a later one. */
static bool
model_replaces(struct model_tally *m, const struct tally_event *e)
{
	for (uint32_t i = 0; i < m->n; i++) {
		if (m->events[i].user != e->user)
			continue;
		if (m->events[i].time >= e->time)
			return false;
		memmove(m->events + i, m->events + i + 1, (--m->n - i) * sizeof(*e));
	}
	return true;
}

static struct tally_sum
model_add(uint32_t rule, uint32_t source, const struct tally_event *e)
{
	struct model_tally *m = &model[rule][source];
	struct tally_sum s = {0};

	if (rule_of[rule].distinct && !model_replaces(m, e))
		return s;
	for (uint32_t i = model_insert(m, e); i < m->n; i++) {
		if (m->events[i].time > e->time + rule_of[rule].within ||
		    model_window(m, rule, i) < rule_of[rule].points)
			continue;
		s = (struct tally_sum){
		    .reached = true, .at = m->events[i].time, .after = m->n - 1 - i};
		m->n = 0;
	}
	return s;
}

static bool
model_forgive(uint32_t rule, uint32_t source, usec_t time)
{
	struct model_tally *m = &model[rule][source];
	uint32_t kept = 0, before = m->n;

	for (uint32_t i = 0; i < m->n; i++)
		if (m->events[i].time > time)
			m->events[kept++] = m->events[i];
	m->n = kept;
	return before != kept;
}

static struct tallies *
make(uint32_t max)
{
	struct tallies *t;

	assert_int_equal(tallies_new(&t, max), 0);
	for (uint16_t i = 0; i < RULES; i++)
		assert_int_equal(
		    tallies_rule(t, i, rule_of[i].points, rule_of[i].within, rule_of[i].distinct),
		    0);
	return t;
}

static struct prefix
source_of(uint32_t i)
{
	struct addr a = numbered(i);

	return a.family == 4 ? prefix_host(&a) : prefix_of(&a, 64);
}

static void
random_events_in_any_order_agree_with_a_naive_model(void **unused)
{
	struct tallies *t = make(1000);
	uint64_t seed = 88172645463325252u;
	uint32_t reached[RULES] = {0}, forgiven = 0;
	usec_t now = T0;

	(void)unused;
	memset(model, 0, sizeof(model));
	for (int i = 0; i < 200000; i++) {
		uint16_t rule = (uint16_t)random_below(&seed, RULES);
		uint32_t source = random_below(&seed, SOURCES);
		struct prefix p = source_of(source);
		usec_t late = random_below(&seed, 3) ? 0 : random_below(&seed, 101);
		struct tally_event e = {.time = now - rule_of[rule].within / 100 * late,
		    .user = random_below(&seed, 4),
		    .points = (uint16_t)(1 + random_below(&seed, 2))};
		struct tally_sum got, want;

		now += random_below(&seed, 20) * SEC / 40;
		if (random_below(&seed, 50) == 0) {
			bool was = tally_points(t, rule, &p) > 0;
			bool cleared = tally_forgive(t, rule, &p, e.time);

			/* What is older than two windows may be gone here and still be in the
			 * model. */
			if (model_forgive(rule, source, e.time))
				forgiven += cleared;
			else
				assert_false(cleared);
			assert_true(was || !cleared);
			continue;
		}
		e.time = e.time < now - rule_of[rule].within ? now - rule_of[rule].within : e.time;
		assert_int_equal(tally_add(t, rule, &p, &e, now, &got), 0);
		want = model_add(rule, source, &e);
		assert_int_equal(got.reached, want.reached);
		if (!want.reached)
			continue;
		assert_int_equal(got.at, want.at);
		assert_int_equal(got.after, want.after);
		assert_true(got.points >= rule_of[rule].points);
		assert_int_equal(tally_points(t, rule, &p), 0);
		reached[rule]++;
	}
	for (uint32_t i = 0; i < RULES; i++)
		assert_true(reached[i] > 50);
	assert_true(forgiven > 50);
	tallies_free(t);
}

/* --- eviction --- */

#define EVICT_MAX     50
#define EVICT_SOURCES 400

struct held {
	uint32_t points, touched;
	usec_t last;
};
static struct held held[2][EVICT_SOURCES];

static const struct {
	uint32_t points;
	usec_t within;
} evict_rule[2] = {{5, 10 * MIN}, {8, 10 * MIN}};

/* Which one must go: over ones count as nothing, then the smallest share, the lower rule, the
 * longest untouched. */
static bool
goes_before(uint16_t ra, const struct held *a, uint16_t rb, const struct held *b, usec_t now)
{
	bool oa = a->last + 2 * evict_rule[ra].within < now;
	bool ob = b->last + 2 * evict_rule[rb].within < now;
	uint32_t x = a->points * evict_rule[rb].points, y = b->points * evict_rule[ra].points;

	if (oa != ob)
		return oa;
	if (x != y)
		return x < y;
	return ra != rb ? ra < rb : a->touched < b->touched;
}

static void
model_make_room(usec_t now)
{
	struct held *worst = NULL;
	uint16_t worst_rule = 0;
	uint32_t n = 0;

	for (uint16_t r = 0; r < 2; r++) {
		for (uint32_t i = 0; i < EVICT_SOURCES; i++) {
			struct held *h = &held[r][i];

			if (h->points == 0)
				continue;
			n++;
			if (!worst || goes_before(r, h, worst_rule, worst, now)) {
				worst = h;
				worst_rule = r;
			}
		}
	}
	if (n >= EVICT_MAX)
		worst->points = 0;
}

static void
assert_same_tallies(struct tallies *t, usec_t now)
{
	for (uint16_t r = 0; r < 2; r++) {
		for (uint32_t i = 0; i < EVICT_SOURCES; i++) {
			struct prefix p = source_of(i);

			if (held[r][i].last + 2 * evict_rule[r].within >= now)
				assert_int_equal(tally_points(t, r, &p), held[r][i].points);
		}
	}
}

static void
the_farthest_from_its_threshold_goes_first_then_the_oldest(void **unused)
{
	struct tallies *t;
	uint64_t seed = 4101842887655102017u;
	usec_t now = T0;

	(void)unused;
	memset(held, 0, sizeof(held));
	assert_int_equal(tallies_new(&t, EVICT_MAX), 0);
	for (uint16_t r = 0; r < 2; r++)
		assert_int_equal(
		    tallies_rule(t, r, evict_rule[r].points, evict_rule[r].within, false), 0);
	for (uint32_t i = 1; i < 20000; i++) {
		uint16_t r = (uint16_t)random_below(&seed, 2);
		uint32_t s = random_below(&seed, random_below(&seed, 2) ? 30 : EVICT_SOURCES);
		struct held *h = &held[r][s];
		struct prefix p = source_of(s);
		struct tally_event e = {.time = now, .points = 1};
		struct tally_sum sum;

		/* Rarely a pause in which all windows pass, else so short that none does. */
		now += random_below(&seed, 2000) == 0 ? HOUR : SEC / 1000;
		e.time = now;
		if (h->points > 0 && h->last < now - evict_rule[r].within)
			h->points = 0;
		if (h->points == 0)
			model_make_room(now);
		assert_int_equal(tally_add(t, r, &p, &e, now, &sum), 0);
		*h = (struct held){h->points + 1, i, now};
		assert_int_equal(sum.reached, h->points == evict_rule[r].points);
		if (sum.reached)
			h->points = 0;
		if (i % 100 == 0)
			assert_same_tallies(t, now);
		if (i % 500 == 0)
			tallies_saved(t);
		assert_true(tallies_count(t) <= EVICT_MAX);
	}
	assert_true(tallies_evicted(t) > 1000);
	tallies_free(t);
}

static void
the_number_of_offences_is_bounded_too(void **unused)
{
	struct tallies *t;
	struct tally_sum sum;

	(void)unused;
	assert_int_equal(tallies_new(&t, 10), 0);
	assert_int_equal(tallies_rule(t, 0, 1000, HOUR, false), 0);
	for (uint32_t i = 0; i < 600; i++) {
		struct prefix p = source_of(i % 6);
		struct tally_event e = {.time = T0 + i, .points = 1};

		assert_int_equal(tally_add(t, 0, &p, &e, T0 + i, &sum), 0);
	}
	assert_true(tallies_events(t) <= 10 * EVENTS_PER_TALLY);
	assert_true(tallies_evicted(t) > 0);
	tallies_free(t);
}

static void
the_window_holds_both_its_ends(void **unused)
{
	struct tallies *t = make(10);
	struct prefix p = prefix("192.0.2.1");
	struct tally_event e = {.points = 1};
	struct tally_sum sum;

	(void)unused;
	for (int i = 0; i < 4; i++) {
		e.time = T0;
		tally_add(t, 0, &p, &e, T0, &sum);
	}
	e.time = T0 + 10 * MIN + 1;
	tally_add(t, 0, &p, &e, e.time, &sum);
	assert_false(sum.reached);
	assert_int_equal(sum.points, 1);
	e.time = T0 + 10 * MIN;
	tally_add(t, 0, &p, &e, e.time + 1, &sum);
	assert_true(sum.reached);
	assert_int_equal(sum.at, T0 + 10 * MIN);
	assert_int_equal(sum.after, 1);
	tallies_free(t);
}

static void
a_removed_rule_takes_its_tallies_along(void **unused)
{
	struct tallies *t = make(10);
	struct prefix a = prefix("192.0.2.1"), b = prefix("2001:db8::/64");
	struct tally_event e = {.time = T0, .points = 1};
	struct tally_sum sum;

	(void)unused;
	tally_add(t, 0, &a, &e, T0, &sum);
	tally_add(t, 2, &b, &e, T0, &sum);
	tallies_drop_rule(t, 0);
	assert_int_equal(tally_points(t, 0, &a), 0);
	assert_int_equal(tally_points(t, 2, &b), 1);
	assert_int_equal(tallies_count(t), 1);
	tallies_free(t);
}

static void
a_changed_threshold_keeps_what_was_counted(void **unused)
{
	struct tallies *t = make(10);
	struct prefix p = prefix("192.0.2.1");
	struct tally_event e = {.time = T0, .points = 3};
	struct tally_sum sum;

	(void)unused;
	tally_add(t, 0, &p, &e, T0, &sum);
	assert_false(sum.reached);
	assert_int_equal(tallies_rule(t, 0, 2, 10 * MIN, false), 0);
	assert_int_equal(tally_points(t, 0, &p), 3);
	e.points = 1;
	tally_add(t, 0, &p, &e, T0, &sum);
	assert_true(sum.reached);
	assert_int_equal(tallies_rule(t, 0, 1000, 10 * MIN, false), 0);
	tally_add(t, 0, &p, &e, T0, &sum);
	assert_false(sum.reached);
	tallies_free(t);
}

static void
what_the_book_gives_back_counts_as_before(void **unused)
{
	struct tallies *a = make(100), *b = make(100);
	struct tally_sum sum;
	struct tally_view v;

	(void)unused;
	for (uint32_t i = 0; i < 40; i++) {
		struct prefix p = source_of(i % 12);
		struct tally_event e = {.time = T0 + (usec_t)(i * 7 % 50) * SEC, .points = 1};

		tally_add(a, 0, &p, &e, T0 + 50 * SEC, &sum);
	}
	for (uint32_t s = tallies_changed_first(a); s != TALLY_NONE;
	     s = tallies_changed_next(a, s)) {
		tallies_view(a, s, &v);
		if (v.n > 0)
			assert_int_equal(tallies_restore(b, s, &v, T0 + MIN), 0);
	}
	assert_int_equal(tallies_restored(b), 0);
	assert_int_equal(tallies_count(b), tallies_count(a));
	assert_int_equal(tallies_events(b), tallies_events(a));
	for (uint32_t i = 0; i < 12; i++) {
		struct prefix p = source_of(i);

		assert_int_equal(tally_points(a, 0, &p), tally_points(b, 0, &p));
	}
	tallies_view(a, tallies_changed_first(a), &v);
	assert_true(v.n > 0);
	v.source = prefix("198.51.100.1");
	assert_int_equal(tallies_restore(b, 90, &v, T0 + DAY), -ESTALE);
	v.rule = 77;
	assert_int_equal(tallies_restore(b, 90, &v, T0), -EINVAL);
	tallies_free(a);
	tallies_free(b);
}

static void
changes_are_told_once_and_gone_ones_as_empty(void **unused)
{
	struct tallies *t = make(100);
	struct prefix p = prefix("2001:db8:1::/64");
	struct tally_event e = {.time = T0, .points = 1};
	struct tally_sum sum;
	struct tally_view v;
	uint32_t slot;

	(void)unused;
	tally_add(t, 0, &p, &e, T0, &sum);
	slot = tallies_changed_first(t);
	assert_int_not_equal(slot, TALLY_NONE);
	tallies_view(t, slot, &v);
	assert_int_equal(v.n, 1);
	tallies_saved(t);
	assert_int_equal(tallies_changed_first(t), TALLY_NONE);
	assert_true(tally_forgive(t, 0, &p, T0));
	assert_int_equal(tallies_changed_first(t), slot);
	tallies_view(t, slot, &v);
	assert_int_equal(v.n, 0);
	/* Counted again before the book knew: one row, not two. */
	tally_add(t, 0, &p, &e, T0, &sum);
	assert_int_equal(tallies_changed_first(t), slot);
	assert_int_equal(tallies_changed_next(t, slot), TALLY_NONE);
	tallies_free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(random_events_in_any_order_agree_with_a_naive_model),
	    cmocka_unit_test(the_farthest_from_its_threshold_goes_first_then_the_oldest),
	    cmocka_unit_test(the_number_of_offences_is_bounded_too),
	    cmocka_unit_test(the_window_holds_both_its_ends),
	    cmocka_unit_test(a_removed_rule_takes_its_tallies_along),
	    cmocka_unit_test(a_changed_threshold_keeps_what_was_counted),
	    cmocka_unit_test(what_the_book_gives_back_counts_as_before),
	    cmocka_unit_test(changes_are_told_once_and_gone_ones_as_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
