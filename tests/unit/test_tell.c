/* links: judge */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "judge/tell.h"

#include "judge_world.h"

static unsigned woken;

static void
on_wake(void *ctx)
{
	(void)ctx;
	woken++;
}

static struct tell *
start(void)
{
	struct tell *t;

	woken = 0;
	assert_int_equal(tell_new(&t, on_wake, NULL), 0);
	return t;
}

static void
stand(struct tell *t, const char *subject, const char *words, usec_t since)
{
	tell_raise(t, &(struct tell_note){ALERT_GAP, SEVERITY_CRITICAL, subject, words, since});
}

static void
happen(struct tell *t, const char *subject, usec_t at)
{
	tell_moment(t, &(struct tell_note){ALERT_TABLE, SEVERITY_WARNING, subject, "words", at});
}

struct heard {
	struct msg_alert alert;
	char subject[ALERT_SUBJECT_MAX], words[ALERT_WORDS_MAX];
};

/* Puts a packet together again, as its receiver does. */
static void
read_packet(const struct msg *m, size_t n, struct heard *h)
{
	memset(h, 0, sizeof(*h));
	assert_int_equal(m[0].type, MSG_ALERT);
	assert_true(n <= CHAN_BATCH);
	h->alert = m[0].u.alert;
	for (size_t i = 1; i < n; i++) {
		char *to = m[i].u.text.what == TEXT_SUBJECT ? h->subject : h->words;

		assert_int_equal(m[i].type, MSG_TEXT);
		assert_in_range(m[i].u.text.len, 1, TEXT_PART);
		strncat(to, m[i].u.text.text, m[i].u.text.len);
	}
}

static bool
hear(struct tell *t, struct heard *h)
{
	struct msg m[CHAN_BATCH];
	size_t n;

	if (!tell_next(t, m, &n))
		return false;
	read_packet(m, n, h);
	tell_said(t);
	return true;
}

static bool
hear_moment(struct tell *t, struct heard *h, usec_t now)
{
	struct msg m[CHAN_BATCH];
	size_t n;

	if (!tell_next_moment(t, m, &n, now))
		return false;
	read_packet(m, n, h);
	tell_said(t);
	return true;
}

static void
assert_heard(struct tell *t, enum alert_phase phase, const char *subject, const char *words)
{
	struct heard h;

	assert_true(hear(t, &h));
	assert_int_equal(h.alert.phase, phase);
	assert_string_equal(h.subject, subject);
	assert_string_equal(h.words, words);
}

static void
test_what_stands_is_said_once_and_its_end_too(void **unused)
{
	_cleanup_(tell_freep) struct tell *t = start();
	struct heard h;

	(void)unused;
	tell_begin(t);
	stand(t, "ldap tcp/389 IPv6", "is open", T0);
	assert_heard(t, ALERT_RAISED, "ldap tcp/389 IPv6", "is open");
	stand(t, "ldap tcp/389 IPv6", "is open", T0 + SEC);
	assert_false(hear(t, &h));
	stand(t, "ldap tcp/389 IPv6", "is open, worse", T0 + SEC);
	assert_heard(t, ALERT_RAISED, "ldap tcp/389 IPv6", "is open, worse");
	assert_int_equal(tell_standing(t), 1);
	tell_end(t, ALERT_SHUT_OUT, "ldap tcp/389 IPv6", NULL);
	tell_end(t, ALERT_GAP, "ldap tcp/389 IPv4", NULL);
	assert_false(hear(t, &h));
	tell_end(t, ALERT_GAP, "ldap tcp/389 IPv6", "after 1s");
	assert_heard(t, ALERT_ENDED, "ldap tcp/389 IPv6", "after 1s");
	tell_end(t, ALERT_GAP, "ldap tcp/389 IPv6", NULL);
	assert_false(hear(t, &h));
	assert_int_equal(tell_standing(t), 0);
}

static void
test_since_is_of_the_beginning_and_anew_after_an_end(void **unused)
{
	_cleanup_(tell_freep) struct tell *t = start();
	struct heard h;

	(void)unused;
	tell_begin(t);
	stand(t, "a", "one", T0);
	stand(t, "a", "two", T0 + HOUR);
	assert_true(hear(t, &h));
	assert_int_equal(h.alert.since, T0);
	tell_end(t, ALERT_GAP, "a", NULL);
	stand(t, "a", "three", T0 + DAY);
	assert_true(hear(t, &h));
	assert_int_equal(h.alert.phase, ALERT_RAISED);
	assert_int_equal(h.alert.since, T0 + DAY);
	assert_false(hear(t, &h));
}

static void
test_who_begins_to_listen_hears_all_that_stands(void **unused)
{
	_cleanup_(tell_freep) struct tell *t = start();
	char name[32];
	struct heard h;
	int n;

	(void)unused;
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "port %d", i);
		stand(t, name, "is open", T0);
	}
	for (int i = 0; i < 100; i += 3) {
		snprintf(name, sizeof(name), "port %d", i);
		tell_end(t, ALERT_GAP, name, NULL);
	}
	assert_int_equal(woken, 0);
	for (int round = 0; round < 2; round++) {
		tell_begin(t);
		for (n = 0; hear(t, &h); n++)
			assert_int_equal(h.alert.phase, ALERT_RAISED);
		assert_int_equal(n, 66);
	}
	/* One that went while the packet was on its way is no end to who was told nothing of it. */
	tell_stop(t);
	stand(t, "late", "x", T0);
	tell_end(t, ALERT_GAP, "late", NULL);
	tell_begin(t);
	for (n = 0; hear(t, &h); n++)
		continue;
	assert_int_equal(n, 66);
}

static void
test_what_changes_between_two_packets_is_not_lost(void **unused)
{
	_cleanup_(tell_freep) struct tell *t = start();
	struct msg m[CHAN_BATCH];
	struct heard h;
	size_t n;

	(void)unused;
	tell_begin(t);
	stand(t, "a", "one", T0);
	stand(t, "b", "one", T0);
	assert_true(tell_next(t, m, &n)); /* no room for it: it is not said */
	stand(t, "a", "two", T0);
	assert_heard(t, ALERT_RAISED, "a", "two");
	tell_end(t, ALERT_GAP, "a", "gone");
	assert_heard(t, ALERT_ENDED, "a", "gone");
	assert_heard(t, ALERT_RAISED, "b", "one");
	assert_false(hear(t, &h));
}

static void
test_texts_are_cut_at_a_character(void **unused)
{
	_cleanup_(tell_freep) struct tell *t = start();
	char subject[2 * ALERT_SUBJECT_MAX], words[2 * ALERT_WORDS_MAX];
	struct heard h;

	(void)unused;
	subject[0] = 'x';
	for (size_t i = 1; i + 1 < sizeof(subject); i++)
		subject[i] = (char)(i % 2 ? 0xc3 : 0xa4); /* a umlaut */
	subject[sizeof(subject) - 1] = '\0';
	memset(words, 'w', sizeof(words) - 1);
	words[sizeof(words) - 1] = '\0';
	tell_begin(t);
	stand(t, subject, words, T0);
	assert_true(hear(t, &h));
	assert_int_equal(strlen(h.subject), 255); /* one and 127 pairs */
	assert_int_equal((unsigned char)h.subject[254], 0xa4);
	assert_int_equal(strlen(h.words), ALERT_WORDS_MAX - 1);
	/* The same again, as long, is no news. */
	stand(t, subject, words, T0);
	assert_false(hear(t, &h));
	tell_end(t, ALERT_GAP, subject, NULL);
	assert_true(hear(t, &h));
	assert_int_equal(h.alert.phase, ALERT_ENDED);
}

static void
test_moments_wait_for_a_listener_the_newest_of_them(void **unused)
{
	_cleanup_(tell_freep) struct tell *t = start();
	char name[32];
	struct heard h;

	(void)unused;
	happen(t, "long ago", T0 - HOUR - SEC);
	assert_false(hear_moment(t, &h, T0));
	for (int i = 0; i < TELL_MOMENTS + 5; i++) {
		snprintf(name, sizeof(name), "%d", i);
		happen(t, name, T0);
	}
	tell_begin(t);
	for (int i = 5; i < TELL_MOMENTS + 5; i++) {
		snprintf(name, sizeof(name), "%d", i);
		assert_true(hear_moment(t, &h, T0 + SEC));
		assert_string_equal(h.subject, name);
		assert_int_equal(h.alert.phase, ALERT_MOMENT);
	}
	assert_false(hear_moment(t, &h, T0 + SEC));
	assert_false(hear(t, &h));
}

static void
test_more_than_may_stand_are_left_out(void **unused)
{
	_cleanup_(tell_freep) struct tell *t = start();
	char name[32];

	(void)unused;
	for (int i = 0; i < TELL_STANDING + 100; i++) {
		snprintf(name, sizeof(name), "%d", i);
		stand(t, name, "x", T0);
	}
	assert_int_equal(tell_standing(t), TELL_STANDING);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_stands_is_said_once_and_its_end_too),
	    cmocka_unit_test(test_since_is_of_the_beginning_and_anew_after_an_end),
	    cmocka_unit_test(test_who_begins_to_listen_hears_all_that_stands),
	    cmocka_unit_test(test_what_changes_between_two_packets_is_not_lost),
	    cmocka_unit_test(test_texts_are_cut_at_a_character),
	    cmocka_unit_test(test_moments_wait_for_a_listener_the_newest_of_them),
	    cmocka_unit_test(test_more_than_may_stand_are_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
