/* links: judge */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "judge/ban_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/log.h"

struct bed {
	struct event_base *base;
	struct rules rules;
	struct rule rules_of[2]; /* this host's, another's */
	struct ban_log log;
	FILE *file;
	int stderr_before;
};

static void
bed_open(struct bed *b)
{
	memset(b, 0, sizeof(*b));
	b->base = event_base_new();
	b->rules_of[0] =
	    (struct rule){.name = (char *)"ssh", .alive = true, .within = USEC_PER_SEC};
	b->rules_of[1] = (struct rule){.name = (char *)"fleet/ssh", .alive = true, .foreign = true};
	b->rules = (struct rules){.slots = b->rules_of, .n = 2};
	assert_int_equal(ban_log_init(&b->log, b->base, &b->rules), 0);
	b->file = tmpfile();
	b->stderr_before = dup(STDERR_FILENO);
	dup2(fileno(b->file), STDERR_FILENO);
	log_init("test", LOG_NOTICE);
}

static void
bed_close(struct bed *b)
{
	ban_log_fini(&b->log);
	dup2(b->stderr_before, STDERR_FILENO);
	close(b->stderr_before);
	fclose(b->file);
	event_base_free(b->base);
}

/* Lines so far that hold the text. */
static unsigned
lines_with(struct bed *b, const char *text)
{
	char line[512];
	unsigned n = 0;

	rewind(b->file);
	while (fgets(line, sizeof(line), b->file))
		n += strstr(line, text) != NULL;
	return n;
}

static void
storm_by(struct bed *b, uint16_t rule, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct ban x = {
		    .len = i % 2 ? 64 : 32, .level = 1, .points = 5, .until = USEC_PER_SEC};

		x.rule = rule;
		x.addr.family = i % 2 ? 6 : 4;
		x.addr.bytes[0] = 11;
		x.addr.bytes[2] = (uint8_t)(i >> 8);
		x.addr.bytes[3] = (uint8_t)i;
		ban_log_add(&b->log, &x);
	}
}

static void
storm(struct bed *b, unsigned n)
{
	storm_by(b, 0, n);
}

static void
test_few_are_told_one_by_one(void **state)
{
	struct bed b;

	(void)state;
	bed_open(&b);
	storm(&b, BAN_LOG_BURST);
	assert_int_equal(lines_with(&b, "banned 11.0.0."), BAN_LOG_BURST / 2);
	assert_int_equal(lines_with(&b, "::/64 (ssh: by hand)"), BAN_LOG_BURST / 2);
	assert_int_equal(event_base_get_num_events(b.base, EVENT_BASE_COUNT_ADDED), 0);
	bed_close(&b);
}

static void
test_a_storm_is_counted(void **state)
{
	struct bed b;

	(void)state;
	bed_open(&b);
	storm(&b, BAN_LOG_BURST + 1234);
	assert_int_equal(lines_with(&b, "(ssh: by hand)"), BAN_LOG_BURST);
	assert_int_equal(lines_with(&b, "more"), 0);
	/* The timer is the only event: the loop ends behind it. */
	event_base_dispatch(b.base);
	assert_int_equal(lines_with(&b, "1234 more were banned"), 1);
	storm(&b, 1);
	assert_int_equal(lines_with(&b, "(ssh: by hand)"), BAN_LOG_BURST + 1);
	bed_close(&b);
}

static void
test_the_end_tells_what_is_left(void **state)
{
	struct bed b;

	(void)state;
	bed_open(&b);
	storm(&b, BAN_LOG_BURST + 7);
	ban_log_fini(&b.log);
	assert_int_equal(lines_with(&b, "7 more were banned"), 1);
	bed_close(&b);
}

static void
test_others_storms_hide_nothing_of_ours(void **state)
{
	struct bed b;

	(void)state;
	bed_open(&b);
	storm_by(&b, 1, BAN_LOG_BURST + 50);
	storm(&b, 2);
	assert_int_equal(lines_with(&b, "(ssh: "), 2);
	assert_int_equal(lines_with(&b, "(fleet/ssh: "), BAN_LOG_BURST);
	ban_log_fini(&b.log);
	assert_int_equal(lines_with(&b, "50 more were banned by word of other hosts"), 1);
	bed_close(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_few_are_told_one_by_one),
	    cmocka_unit_test(test_a_storm_is_counted),
	    cmocka_unit_test(test_the_end_tells_what_is_left),
	    cmocka_unit_test(test_others_storms_hide_nothing_of_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
