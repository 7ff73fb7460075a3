/* links: herald */
/* What is brought to which channel, and when it is tried again; time is an argument. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "alert_world.h"

static const struct world_channel two[] = {
    {"all", CHANNEL_PROGRAM, SEVERITY_INFO, 1000, 0},
    {"bad", CHANNEL_PROGRAM, SEVERITY_CRITICAL, 1000, 0},
    {0},
};
static const struct world_channel narrow[] = {
    {"all", CHANNEL_PROGRAM, SEVERITY_INFO, 4, 0},
    {0},
};
static const struct world_channel one_only[] = {
    {"all", CHANNEL_PROGRAM, SEVERITY_INFO, 1, 0},
    {0},
};

static struct alert_world *
world(const struct world_channel *channels)
{
	struct alert_world *w = world_new(channels, 6 * HOUR);

	w->into_queue = true;
	return w;
}

static void
finish(struct alert_world *w, uint32_t channel, struct alert_parcel *p, enum courier_status status,
    usec_t now)
{
	const struct alert_result r = {.status = status, .words = "words"};

	assert_non_null(p);
	alert_queue_done(w->queue, channel, p, &r, now);
}

/* What comes next is this event, and it is delivered. */
static void
delivers(struct alert_world *w, uint32_t channel, enum alert_telling telling, const char *subject,
    usec_t now)
{
	struct alert_parcel *p = alert_queue_next(w->queue, channel, now);

	assert_non_null(p);
	assert_false(p->bundle.summary);
	assert_int_equal(p->bundle.events[0].telling, telling);
	assert_string_equal(p->bundle.events[0].subject, subject);
	finish(w, channel, p, COURIER_DONE, now);
}

static void
quiet(struct alert_world *w, uint32_t channel, usec_t now)
{
	assert_null(alert_queue_next(w->queue, channel, now));
}

static void
test_each_channel_by_its_severity(void **state)
{
	struct alert_world *w = world(two);

	(void)state;
	world_raise(w, ALERT_GAP, SEVERITY_WARNING, "a", "open", T0);
	world_raise(w, ALERT_GAP, SEVERITY_CRITICAL, "b", "open", T0);
	delivers(w, 0, TELL_RAISED, "a", T0);
	delivers(w, 0, TELL_RAISED, "b", T0);
	quiet(w, 0, T0);
	delivers(w, 1, TELL_RAISED, "b", T0);
	quiet(w, 1, T0);
	/* That it is less bad now, and its end, are told where its beginning was. */
	world_raise(w, ALERT_GAP, SEVERITY_WARNING, "b", "less", T0 + 1);
	delivers(w, 1, TELL_CHANGED, "b", T0 + 1);
	alert_states_end(w->states, ALERT_GAP, "b", NULL, T0 + 2);
	alert_states_end(w->states, ALERT_GAP, "a", NULL, T0 + 2);
	delivers(w, 1, TELL_ENDED, "b", T0 + 2);
	quiet(w, 1, T0 + 2);
	assert_int_equal(alert_queue_length(w->queue), 2);
	world_free(w);
}

static void
test_one_at_a_time_with_one_id(void **state)
{
	struct alert_world *w = world(two);
	struct alert_parcel *p;
	char id[ALERT_ID_MAX];

	(void)state;
	world_raise(w, ALERT_GAP, SEVERITY_WARNING, "a", "open", T0);
	world_raise(w, ALERT_GAP, SEVERITY_WARNING, "b", "open", T0);
	p = alert_queue_next(w->queue, 0, T0);
	quiet(w, 0, T0);
	strcpy(id, p->bundle.id);
	finish(w, 0, p, COURIER_LATER, T0);
	p = alert_queue_next(w->queue, 0, T0 + HOUR);
	assert_string_equal(p->bundle.id, id);
	/* The herald dies while it is under way: the next one tries again, as the same message. */
	store_commit(w->store);
	alert_parcel_free(p);
	world_restart(w, T0 + HOUR);
	p = alert_queue_next(w->queue, 0, T0 + HOUR);
	assert_string_equal(p->bundle.id, id);
	finish(w, 0, p, COURIER_DONE, T0 + HOUR);
	delivers(w, 0, TELL_RAISED, "b", T0 + HOUR);
	world_restart(w, T0 + HOUR);
	quiet(w, 0, T0 + HOUR);
	world_free(w);
}

static void
test_tried_again_ever_later(void **state)
{
	struct alert_world *w = world(two);
	usec_t now = T0, before = 0;
	unsigned tries = 0;

	(void)state;
	world_raise(w, ALERT_GAP, SEVERITY_WARNING, "a", "open", T0);
	while (now < T0 + QUEUE_AGE - HOUR) {
		struct alert_parcel *p = alert_queue_next(w->queue, 0, now);
		usec_t next;

		finish(w, 0, p, COURIER_LATER, now);
		next = alert_queue_turn(w->queue, now);
		assert_in_range(next - now, QUEUE_FIRST, QUEUE_LAST);
		assert_true(next - now >= before || next - now > QUEUE_LAST * 3 / 4);
		quiet(w, 0, next - 1);
		before = next - now;
		now = next;
		tries++;
	}
	assert_in_range(tries, 72, 90);
	world_free(w);
}

static void
test_given_up_after_three_days_and_counted(void **state)
{
	struct alert_world *w = world(two);
	struct alert_queue_channel c;

	(void)state;
	world_raise(w, ALERT_GAP, SEVERITY_WARNING, "a", "open", T0);
	finish(w, 0, alert_queue_next(w->queue, 0, T0), COURIER_CANNOT, T0);
	world_raise(w, ALERT_GAP, SEVERITY_WARNING, "b", "open", T0 + HOUR);
	alert_queue_turn(w->queue, T0 + QUEUE_AGE - 1);
	assert_int_equal(alert_queue_length(w->queue), 2);
	world_restart(w, T0 + QUEUE_AGE);
	alert_queue_turn(w->queue, T0 + QUEUE_AGE);
	assert_int_equal(alert_queue_length(w->queue), 1);
	alert_queue_ask(w->queue, 0, T0 + QUEUE_AGE, &c);
	assert_int_equal(c.lost, 1);
	assert_int_equal(c.lost_now, 1);
	assert_int_equal(c.failing, T0);
	assert_string_equal(c.counts.trouble, "words");
	delivers(w, 0, TELL_RAISED, "b", T0 + QUEUE_AGE);
	alert_queue_ask(w->queue, 0, T0 + QUEUE_AGE, &c);
	assert_null(c.counts.trouble);
	assert_int_equal(c.failing, 0);
	world_free(w);
}

/* A gap that came and went while nothing could be delivered is one message, not two. */
static void
test_an_end_takes_its_untold_beginning_in(void **state)
{
	struct alert_world *w = world(two);
	struct alert_parcel *p;

	(void)state;
	world_raise(w, ALERT_GAP, SEVERITY_WARNING, "a", "open", T0);
	finish(w, 0, alert_queue_next(w->queue, 0, T0), COURIER_LATER, T0);
	world_raise(w, ALERT_GAP, SEVERITY_CRITICAL, "a", "wide open", T0 + 1);
	assert_int_equal(alert_queue_length(w->queue), 2);
	alert_states_end(w->states, ALERT_GAP, "a", NULL, T0 + MINUTE);
	assert_int_equal(alert_queue_length(w->queue), 2);
	p = alert_queue_next(w->queue, 0, T0 + HOUR);
	assert_int_equal(p->bundle.events[0].telling, TELL_ENDED);
	assert_true(p->bundle.events[0].untold);
	assert_int_equal(p->bundle.events[0].since, T0);
	assert_int_equal(p->bundle.events[0].at, T0 + MINUTE);
	finish(w, 0, p, COURIER_DONE, T0 + HOUR);
	/* The other channel heard nothing of it before, either. */
	p = alert_queue_next(w->queue, 1, T0 + HOUR);
	assert_true(p->bundle.events[0].untold);
	finish(w, 1, p, COURIER_DONE, T0 + HOUR);
	quiet(w, 0, T0 + HOUR);
	quiet(w, 1, T0 + HOUR);
	world_free(w);
}

static void
test_an_end_behind_a_beginning_under_way(void **state)
{
	struct alert_world *w = world(two);
	struct alert_parcel *p;

	(void)state;
	world_raise(w, ALERT_GAP, SEVERITY_WARNING, "a", "open", T0);
	p = alert_queue_next(w->queue, 0, T0);
	alert_states_end(w->states, ALERT_GAP, "a", NULL, T0 + 1);
	finish(w, 0, p, COURIER_DONE, T0 + 2);
	p = alert_queue_next(w->queue, 0, T0 + 2);
	assert_int_equal(p->bundle.events[0].telling, TELL_ENDED);
	assert_false(p->bundle.events[0].untold);
	finish(w, 0, p, COURIER_DONE, T0 + 2);
	world_free(w);
}

static void
test_a_change_of_what_waits_is_its_beginning(void **state)
{
	struct alert_world *w = world(two);
	struct alert_parcel *p;

	(void)state;
	world_raise(w, ALERT_GAP, SEVERITY_CRITICAL, "a", "open", T0);
	world_raise(w, ALERT_GAP, SEVERITY_WARNING, "a", "half open", T0 + 1);
	p = alert_queue_next(w->queue, 1, T0 + 2);
	assert_int_equal(p->bundle.events[0].telling, TELL_RAISED);
	assert_string_equal(p->bundle.events[0].words, "half open");
	finish(w, 1, p, COURIER_DONE, T0 + 2);
	quiet(w, 1, T0 + 2);
	/* Repetitions do not pile up. */
	for (int i = 1; i < 20; i++)
		alert_states_turn(w->states, T0 + i * 6 * HOUR + 2);
	assert_int_equal(alert_queue_length(w->queue), 1);
	world_free(w);
}

static void
test_many_at_once_are_one_summary(void **state)
{
	struct alert_world *w = world(two);
	struct alert_parcel *p;
	char subject[32], id[ALERT_ID_MAX];

	(void)state;
	for (int i = 0; i < 300; i++) {
		snprintf(subject, sizeof(subject), "port %d", i);
		world_raise(w, i % 3 ? ALERT_GAP : ALERT_LOST,
		    i == 250 ? SEVERITY_CRITICAL : SEVERITY_WARNING, subject, "open", T0);
	}
	p = alert_queue_next(w->queue, 0, T0);
	assert_true(p->bundle.summary);
	assert_int_equal(p->bundle.total, 300);
	assert_int_equal(p->bundle.n, QUEUE_SHOWN);
	assert_int_equal(p->bundle.by_kind[ALERT_GAP], 200);
	assert_int_equal(p->bundle.severity, SEVERITY_CRITICAL);
	assert_string_equal(p->bundle.events[0].subject, "port 250");
	strcpy(id, p->bundle.id);
	/* What comes meanwhile is not part of it, however often it is tried. */
	finish(w, 0, p, COURIER_LATER, T0);
	alert_states_end(w->states, ALERT_GAP, "port 1", NULL, T0 + 1);
	world_restart(w, T0 + 2);
	p = alert_queue_next(w->queue, 0, T0 + 2);
	assert_string_equal(p->bundle.id, id);
	assert_int_equal(p->bundle.total, 300);
	finish(w, 0, p, COURIER_DONE, T0 + 2);
	delivers(w, 0, TELL_ENDED, "port 1", T0 + 3);
	quiet(w, 0, T0 + 3);
	world_free(w);
}

static void
test_a_summary_nobody_wants_is_taken_apart(void **state)
{
	struct alert_world *w = world(two);
	struct alert_parcel *p;
	char subject[32];

	(void)state;
	for (int i = 0; i < 12; i++) {
		snprintf(subject, sizeof(subject), "port %d", i);
		world_raise(w, ALERT_GAP, SEVERITY_WARNING, subject, "open", T0);
	}
	p = alert_queue_next(w->queue, 0, T0);
	assert_true(p->bundle.summary);
	finish(w, 0, p, COURIER_REFUSED, T0);
	for (int i = 0; i < 12; i++) {
		snprintf(subject, sizeof(subject), "port %d", i);
		delivers(w, 0, TELL_RAISED, subject, T0 + 1 + i);
	}
	quiet(w, 0, T0 + HOUR);
	world_free(w);
}

static void
test_one_refused_message_does_not_hold_up_others(void **state)
{
	struct alert_world *w = world(two);

	(void)state;
	world_raise(w, ALERT_GAP, SEVERITY_WARNING, "poison", "open", T0);
	world_raise(w, ALERT_GAP, SEVERITY_WARNING, "b", "open", T0);
	finish(w, 0, alert_queue_next(w->queue, 0, T0), COURIER_REFUSED, T0);
	delivers(w, 0, TELL_RAISED, "b", T0);
	quiet(w, 0, T0);
	delivers(w, 0, TELL_RAISED, "poison", T0 + MINUTE);
	world_free(w);
}

/* Never more than per_hour in any hour; and all that was not told by itself is in a summary. */
static void
test_per_hour_holds_and_nothing_is_left_out(void **state)
{
	struct alert_world *w = world(narrow);
	usec_t sent[1000];
	unsigned n = 0, events = 0;
	char subject[32];

	(void)state;
	for (int i = 0; i < 2000; i++) {
		usec_t now = T0 + i * MINUTE;
		struct alert_parcel *p;

		if (i < 600) {
			snprintf(subject, sizeof(subject), "port %d", i);
			world_raise(w, ALERT_GAP, SEVERITY_WARNING, subject, "open", now);
		}
		while ((p = alert_queue_next(w->queue, 0, now))) {
			events += p->bundle.total;
			sent[n++] = now;
			finish(w, 0, p, COURIER_DONE, now);
		}
	}
	assert_true(n > 4);
	for (unsigned i = 4; i < n; i++)
		assert_true(sent[i] - sent[i - 4] >= QUEUE_HOUR);
	assert_int_equal(alert_queue_length(w->queue), 0);
	/* Those that ran into each other's repetition say it once more. */
	assert_true(events >= 600);
	world_free(w);
}

static void
test_one_an_hour(void **state)
{
	struct alert_world *w = world(one_only);
	struct alert_parcel *p;

	(void)state;
	world_raise(w, ALERT_GAP, SEVERITY_WARNING, "a", "open", T0);
	world_raise(w, ALERT_GAP, SEVERITY_WARNING, "b", "open", T0);
	world_raise(w, ALERT_GAP, SEVERITY_WARNING, "c", "open", T0);
	delivers(w, 0, TELL_RAISED, "a", T0);
	assert_int_equal(alert_queue_turn(w->queue, T0), T0 + QUEUE_HOUR);
	quiet(w, 0, T0 + QUEUE_HOUR - 1);
	p = alert_queue_next(w->queue, 0, T0 + QUEUE_HOUR);
	assert_int_equal(p->bundle.total, 2);
	finish(w, 0, p, COURIER_DONE, T0 + QUEUE_HOUR);
	world_free(w);
}

static void
test_a_server_that_asks_for_time_gets_it(void **state)
{
	struct alert_world *w = world(two);
	const struct alert_result r = {.status = COURIER_LATER, .words = "429", .retry_after = 900};

	(void)state;
	world_raise(w, ALERT_GAP, SEVERITY_WARNING, "a", "open", T0);
	alert_queue_done(w->queue, 0, alert_queue_next(w->queue, 0, T0), &r, T0);
	assert_int_equal(alert_queue_turn(w->queue, T0), T0 + 15 * MINUTE);
	world_free(w);
}

static void
test_full_queue_drops_the_least(void **state)
{
	static const struct world_channel many[] = {
	    {"a", CHANNEL_PROGRAM, SEVERITY_INFO, 1000, 0},
	    {"b", CHANNEL_PROGRAM, SEVERITY_INFO, 1000, 0},
	    {"c", CHANNEL_PROGRAM, SEVERITY_INFO, 1000, 0},
	    {0},
	};
	struct alert_world *w = world(many);
	struct alert_queue_channel c;
	char subject[32];
	uint64_t lost = 0;

	(void)state;
	for (int i = 0; i < 4000; i++) {
		snprintf(subject, sizeof(subject), "port %d", i);
		world_raise(w, ALERT_GAP, i < 3000 ? SEVERITY_CRITICAL : SEVERITY_INFO, subject,
		    "open", T0);
	}
	assert_int_equal(alert_queue_length(w->queue), ALERTS_QUEUE);
	assert_int_equal(alert_queue_lost(w->queue), 2000);
	for (uint32_t i = 0; i < 3; i++) {
		alert_queue_ask(w->queue, i, T0, &c);
		lost += c.lost_now;
	}
	assert_int_equal(lost, 2000);
	for (int i = 0; i < 1000; i++) {
		snprintf(subject, sizeof(subject), "worse %d", i);
		world_raise(w, ALERT_SHUT_OUT, SEVERITY_CRITICAL, subject, "open", T0);
	}
	assert_int_equal(alert_queue_length(w->queue), ALERTS_QUEUE);
	world_free(w);
}

static void
test_trouble_of_a_channel_is_told_to_others(void **state)
{
	struct alert_world *w = world(two);

	(void)state;
	world_raise(w, ALERT_CHANNEL, SEVERITY_CRITICAL, "bad", "no way", T0);
	delivers(w, 0, TELL_RAISED, "bad", T0);
	quiet(w, 1, T0);
	alert_states_end(w->states, ALERT_CHANNEL, "bad", "again", T0 + 1);
	delivers(w, 0, TELL_ENDED, "bad", T0 + 1);
	quiet(w, 1, T0 + 1);
	world_free(w);
}

static void
test_a_channel_that_is_gone_takes_its_rows_along(void **state)
{
	static const struct world_channel other[] = {
	    {"bad", CHANNEL_PROGRAM, SEVERITY_CRITICAL, 1000, 0}, {0}};
	struct alert_world *w = world(two);

	(void)state;
	world_raise(w, ALERT_GAP, SEVERITY_CRITICAL, "a", "open", T0);
	assert_int_equal(alert_queue_length(w->queue), 2);
	image_close(&w->image);
	world_image(w, other, 0);
	world_restart(w, T0);
	assert_int_equal(alert_queue_length(w->queue), 1);
	delivers(w, 0, TELL_RAISED, "a", T0);
	world_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_each_channel_by_its_severity),
	    cmocka_unit_test(test_one_at_a_time_with_one_id),
	    cmocka_unit_test(test_tried_again_ever_later),
	    cmocka_unit_test(test_given_up_after_three_days_and_counted),
	    cmocka_unit_test(test_an_end_takes_its_untold_beginning_in),
	    cmocka_unit_test(test_an_end_behind_a_beginning_under_way),
	    cmocka_unit_test(test_a_change_of_what_waits_is_its_beginning),
	    cmocka_unit_test(test_many_at_once_are_one_summary),
	    cmocka_unit_test(test_a_summary_nobody_wants_is_taken_apart),
	    cmocka_unit_test(test_one_refused_message_does_not_hold_up_others),
	    cmocka_unit_test(test_per_hour_holds_and_nothing_is_left_out),
	    cmocka_unit_test(test_one_an_hour),
	    cmocka_unit_test(test_a_server_that_asks_for_time_gets_it),
	    cmocka_unit_test(test_full_queue_drops_the_least),
	    cmocka_unit_test(test_trouble_of_a_channel_is_told_to_others),
	    cmocka_unit_test(test_a_channel_that_is_gone_takes_its_rows_along),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
