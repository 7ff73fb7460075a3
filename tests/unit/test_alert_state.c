/* links: herald */
/* What people are told, and how often; time is an argument. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "alert_world.h"

static const struct world_channel none[] = {{0}};

static struct alert_world *
world(void)
{
	return world_new(none, 6 * HOUR);
}

static void
told(struct alert_world *w, unsigned i, enum alert_telling telling, const char *subject)
{
	assert_true(i < w->told->n);
	assert_int_equal(w->told->list[i].telling, telling);
	assert_string_equal(w->told->list[i].subject, subject);
}

static void
test_told_once_repeated_and_ended(void **state)
{
	struct alert_world *w = world();

	(void)state;
	world_raise(w, ALERT_GAP, SEVERITY_CRITICAL, "ldap tcp/389 IPv6", "open", T0);
	world_raise(w, ALERT_GAP, SEVERITY_CRITICAL, "ldap tcp/389 IPv6", "open", T0 + MINUTE);
	assert_int_equal(w->told->n, 1);
	told(w, 0, TELL_RAISED, "ldap tcp/389 IPv6");
	assert_int_equal(alert_states_turn(w->states, T0 + HOUR), T0 + 6 * HOUR);
	assert_int_equal(w->told->n, 1);
	assert_int_equal(alert_states_turn(w->states, T0 + 6 * HOUR), T0 + 12 * HOUR);
	told(w, 1, TELL_STANDING, "ldap tcp/389 IPv6");
	alert_states_end(w->states, ALERT_GAP, "ldap tcp/389 IPv6", "closed", T0 + 7 * HOUR);
	told(w, 2, TELL_ENDED, "ldap tcp/389 IPv6");
	assert_string_equal(w->told->list[2].words, "closed");
	assert_string_equal(w->told->list[2].episode, w->told->list[0].episode);
	assert_int_equal(w->told->list[2].serial, 3);
	assert_int_equal(w->told->list[2].since, T0);
	alert_states_end(w->states, ALERT_GAP, "ldap tcp/389 IPv6", "closed", T0 + 8 * HOUR);
	assert_int_equal(w->told->n, 3);
	assert_int_equal(alert_states_turn(w->states, T0 + 24 * HOUR), USEC_NEVER);
	world_free(w);
}

static void
test_both_families_are_two_subjects(void **state)
{
	struct alert_world *w = world();

	(void)state;
	world_raise(w, ALERT_GAP, SEVERITY_CRITICAL, "ldap tcp/389 IPv4", "open", T0);
	world_raise(w, ALERT_GAP, SEVERITY_CRITICAL, "ldap tcp/389 IPv6", "open", T0);
	alert_states_end(w->states, ALERT_GAP, "ldap tcp/389 IPv4", NULL, T0 + 1);
	assert_int_equal(w->told->n, 3);
	assert_false(alert_states_stands(w->states, ALERT_GAP, "ldap tcp/389 IPv4"));
	assert_true(alert_states_stands(w->states, ALERT_GAP, "ldap tcp/389 IPv6"));
	assert_string_not_equal(w->told->list[0].episode, w->told->list[1].episode);
	world_free(w);
}

static void
test_all_of_a_kind_end_when_nobody_can_say_so(void **state)
{
	struct alert_world *w = world();

	(void)state;
	world_raise(w, ALERT_FLEET, SEVERITY_WARNING, "telling the fleet", "away", T0);
	world_raise(w, ALERT_FLEET, SEVERITY_WARNING, "bans of the fleet", "away", T0);
	world_raise(w, ALERT_GAP, SEVERITY_CRITICAL, "x", "open", T0);
	world_restart(w, T0 + HOUR);
	alert_states_end_kind(w->states, ALERT_FLEET, T0 + HOUR);
	assert_int_equal(w->told->n, 2);
	assert_int_equal(w->told->list[0].telling, TELL_ENDED);
	assert_int_equal(w->told->list[1].telling, TELL_ENDED);
	assert_false(alert_states_stands(w->states, ALERT_FLEET, "telling the fleet"));
	assert_true(alert_states_stands(w->states, ALERT_GAP, "x"));
	world_free(w);
}

static void
test_severity_at_once_words_after_a_while(void **state)
{
	struct alert_world *w = world();

	(void)state;
	world_raise(w, ALERT_GAP, SEVERITY_WARNING, "x", "1 address", T0);
	world_raise(w, ALERT_GAP, SEVERITY_WARNING, "x", "2 addresses", T0 + MINUTE);
	world_raise(w, ALERT_GAP, SEVERITY_WARNING, "x", "3 addresses", T0 + 2 * MINUTE);
	assert_int_equal(w->told->n, 1);
	assert_int_equal(alert_states_turn(w->states, T0 + 2 * MINUTE), T0 + ALERT_CHANGE);
	alert_states_turn(w->states, T0 + ALERT_CHANGE);
	told(w, 1, TELL_CHANGED, "x");
	assert_string_equal(w->told->list[1].words, "3 addresses");
	world_raise(w, ALERT_GAP, SEVERITY_CRITICAL, "x", "all", T0 + ALERT_CHANGE + 1);
	told(w, 2, TELL_CHANGED, "x");
	assert_int_equal(w->told->list[2].before, SEVERITY_WARNING);
	world_raise(w, ALERT_GAP, SEVERITY_WARNING, "x", "3 addresses", T0 + ALERT_CHANGE + 2);
	alert_states_end(w->states, ALERT_GAP, "x", NULL, T0 + HOUR);
	assert_int_equal(w->told->list[4].worst, SEVERITY_CRITICAL);
	world_free(w);
}

static void
test_standing_is_not_told_again_by_the_next_herald(void **state)
{
	struct alert_world *w = world();

	(void)state;
	world_raise(w, ALERT_GAP, SEVERITY_CRITICAL, "x", "open", T0);
	world_raise(w, ALERT_ROLE, SEVERITY_CRITICAL, "y", "own", T0);
	for (int i = 1; i <= 3; i++) {
		world_restart(w, T0 + i * HOUR);
		alert_states_begin(w->states);
		world_raise(w, ALERT_GAP, SEVERITY_CRITICAL, "x", "open", T0 + i * HOUR);
		alert_states_said_all(w->states, T0 + i * HOUR);
		alert_states_turn(w->states, T0 + i * HOUR);
		assert_int_equal(w->told->n, 0);
	}
	/* The time of its repetition goes on, too. */
	assert_int_equal(alert_states_turn(w->states, T0 + 5 * HOUR), T0 + 6 * HOUR);
	alert_states_turn(w->states, T0 + 6 * HOUR);
	assert_int_equal(w->told->n, 2);
	world_free(w);
}

static void
test_what_the_judge_does_not_say_has_ended(void **state)
{
	struct alert_world *w = world();

	(void)state;
	world_raise(w, ALERT_GAP, SEVERITY_CRITICAL, "gone", "open", T0);
	world_raise(w, ALERT_GAP, SEVERITY_CRITICAL, "stays", "open", T0);
	world_raise(w, ALERT_BEHIND, SEVERITY_WARNING, "of the herald", "late", T0);
	world_restart(w, T0 + HOUR);
	alert_states_begin(w->states);
	world_raise(w, ALERT_GAP, SEVERITY_CRITICAL, "stays", "open", T0 + HOUR);
	assert_int_equal(w->told->n, 0);
	alert_states_said_all(w->states, T0 + HOUR);
	assert_int_equal(w->told->n, 1);
	told(w, 0, TELL_ENDED, "gone");
	assert_true(alert_states_stands(w->states, ALERT_BEHIND, "of the herald"));
	world_free(w);
}

static void
test_nothing_is_repeated_while_the_judge_is_away(void **state)
{
	struct alert_world *w = world();

	(void)state;
	world_raise(w, ALERT_GAP, SEVERITY_CRITICAL, "x", "open", T0);
	world_raise(w, ALERT_GUARDD, SEVERITY_CRITICAL, "guardd", "gone", T0);
	alert_states_away(w->states);
	alert_states_turn(w->states, T0 + 6 * HOUR);
	assert_int_equal(w->told->n, 3);
	told(w, 2, TELL_STANDING, "guardd");
	alert_states_begin(w->states);
	alert_states_turn(w->states, T0 + 6 * HOUR + 1);
	told(w, 3, TELL_STANDING, "x");
	world_free(w);
}

static void
test_moments_are_summed_up_for_an_hour(void **state)
{
	struct alert_world *w = world();

	(void)state;
	for (int i = 0; i < 100; i++)
		world_moment(w, ALERT_TABLE, "inet guardd", "repaired", T0 + i * MINUTE / 2);
	assert_int_equal(w->told->n, 1);
	told(w, 0, TELL_HAPPENED, "inet guardd");
	assert_int_equal(w->told->list[0].times, 1);
	assert_int_equal(alert_states_turn(w->states, T0 + 50 * MINUTE), T0 + HOUR);
	world_restart(w, T0 + 50 * MINUTE);
	world_moment(w, ALERT_TABLE, "inet guardd", "repaired", T0 + 51 * MINUTE);
	assert_int_equal(w->told->n, 0);
	alert_states_turn(w->states, T0 + HOUR);
	told(w, 0, TELL_HAPPENED, "inet guardd");
	assert_int_equal(w->told->list[0].times, 100);
	/* An hour without one: the next is news again, of another episode. */
	alert_states_turn(w->states, T0 + 2 * HOUR);
	world_moment(w, ALERT_TABLE, "inet guardd", "repaired", T0 + 3 * HOUR);
	assert_int_equal(w->told->n, 2);
	assert_string_not_equal(w->told->list[0].episode, w->told->list[1].episode);
	world_free(w);
}

static void
test_a_clock_set_back_makes_nothing_silent(void **state)
{
	struct alert_world *w = world();

	(void)state;
	world_raise(w, ALERT_GAP, SEVERITY_CRITICAL, "x", "open", T0);
	world_restart(w, T0 - 1000 * HOUR);
	assert_int_equal(
	    alert_states_turn(w->states, T0 - 1000 * HOUR), T0 - 1000 * HOUR + 6 * HOUR);
	world_free(w);
}

static void
test_room_is_bounded(void **state)
{
	struct alert_world *w = world();
	uint32_t standing[SEVERITIES];
	char subject[32];

	(void)state;
	for (int i = 0; i < ALERTS_STANDING + 500; i++) {
		snprintf(subject, sizeof(subject), "subject %d", i);
		world_raise(w, ALERT_GAP, SEVERITY_WARNING, subject, "open", T0);
	}
	assert_int_equal(alert_states_count(w->states, standing), ALERTS_STANDING);
	assert_int_equal(alert_states_lost(w->states), 500);
	world_moment(w, ALERT_CHANNEL, "alerts", "that there was no room is told all the same", T0);
	told(w, ALERTS_STANDING, TELL_HAPPENED, "alerts");
	world_free(w);
}

/* Subjects that other hosts make up leave room for what the judge says. */
static void
test_half_of_the_room_is_the_judges(void **state)
{
	struct alert_world *w = world();
	char subject[32];

	(void)state;
	for (int i = 0; i < ALERTS_STANDING; i++) {
		snprintf(subject, sizeof(subject), "host %d", i);
		world_raise(w, ALERT_DISAGREE, SEVERITY_CRITICAL, subject, "no", T0);
		world_moment(w, ALERT_LOST, subject, "no", T0);
	}
	assert_int_equal(w->told->n, ALERTS_STANDING / 2);
	world_raise(w, ALERT_GAP, SEVERITY_CRITICAL, "x", "open", T0);
	told(w, ALERTS_STANDING / 2, TELL_RAISED, "x");
	world_free(w);
}

static void
test_text_is_one_clean_line(void **state)
{
	struct alert_world *w = world();
	char longer[5000];

	(void)state;
	world_raise(w, ALERT_LOST, SEVERITY_WARNING, "a\r\nBcc: x\x1b[0m",
	    "\xff\xc0\x80\xe2\x80\xae"
	    "evil\xed\xa0\x80",
	    T0);
	assert_string_equal(w->told->list[0].subject, "a  Bcc: x [0m");
	assert_null(strstr(w->told->list[0].words, "\xe2\x80\xae"));
	assert_non_null(strstr(w->told->list[0].words, "evil"));
	memset(longer, 0, sizeof(longer));
	for (size_t i = 0; i + 2 < sizeof(longer) - 1; i += 2)
		memcpy(longer + i, "\xc3\xa4", 2);
	world_raise(w, ALERT_LOST, SEVERITY_WARNING, longer, longer, T0);
	assert_int_equal(strlen(w->told->list[1].subject), ALERT_SUBJECT_MAX - 2);
	assert_int_equal(strlen(w->told->list[1].words), ALERT_WORDS_MAX - 2);
	/* The same cut text is the same subject. */
	world_raise(w, ALERT_LOST, SEVERITY_WARNING, longer, longer, T0);
	assert_int_equal(w->told->n, 2);
	world_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_told_once_repeated_and_ended),
	    cmocka_unit_test(test_both_families_are_two_subjects),
	    cmocka_unit_test(test_all_of_a_kind_end_when_nobody_can_say_so),
	    cmocka_unit_test(test_severity_at_once_words_after_a_while),
	    cmocka_unit_test(test_standing_is_not_told_again_by_the_next_herald),
	    cmocka_unit_test(test_what_the_judge_does_not_say_has_ended),
	    cmocka_unit_test(test_nothing_is_repeated_while_the_judge_is_away),
	    cmocka_unit_test(test_moments_are_summed_up_for_an_hour),
	    cmocka_unit_test(test_a_clock_set_back_makes_nothing_silent),
	    cmocka_unit_test(test_room_is_bounded),
	    cmocka_unit_test(test_half_of_the_room_is_the_judges),
	    cmocka_unit_test(test_text_is_one_clean_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
