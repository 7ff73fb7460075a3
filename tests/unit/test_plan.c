/* links: reader */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "image_build.h"

#define NOW (1793613600 * USEC_PER_SEC)

struct bed {
	struct image_build *build;
	struct image img;
	struct engine *engine;
	struct lane *lane;
	struct lane_counts counts;
	size_t hits;
};

static void
on_hit(void *ctx, const struct hit *h)
{
	struct bed *b = ctx;

	b->hits += h->kind == PATTERN_OFFENCE;
}

static void
bed_build(struct bed *b, const struct build_filter *filter, bool spare, bool forgive)
{
	struct lane_filter as;
	char *error = NULL;

	memset(b, 0, sizeof *b);
	b->build = image_build_new();
	as = (struct lane_filter){image_build_filter(b->build, filter), UINT32_MAX};
	image_build_rule(
	    b->build, &(struct build_rule){
			  .name = "rule", .filters = {0}, .n_filters = 1, .forgive = forgive});
	image_build_open(b->build, &b->img);
	assert_int_equal(engine_new(&b->engine, &b->img, &error), 0);
	if (spare)
		engine_spare(b->engine);
	assert_int_equal(lane_new(&b->lane, b->engine, &as, 1), 0);
}

static void
bed_open(struct bed *b, const struct build_filter *filter)
{
	bed_build(b, filter, false, false);
}

static void
bed_close(struct bed *b)
{
	lane_free(b->lane);
	engine_free(b->engine);
	image_close(&b->img);
	image_build_free(b->build);
}

/* How many patterns of the image are tried, and hits counted, in these lines. */
static size_t
feed(struct bed *b, const char *text)
{
	struct lane_sink sink = {on_hit, b, &b->counts, NULL};

	b->counts = (struct lane_counts){0};
	b->hits = 0;
	lane_block(b->lane, text, strlen(text), NOW, &sink);
	return b->counts.candidates;
}

static size_t
tell(struct bed *b, const char *text, const char *program)
{
	struct lane_message m = {.text = text,
	    .len = strlen(text),
	    .program = program,
	    .program_len = strlen(program),
	    .time = NOW};
	struct lane_sink sink = {on_hit, b, &b->counts, NULL};

	b->counts = (struct lane_counts){0};
	b->hits = 0;
	lane_message(b->lane, &m, NOW, &sink);
	return b->counts.candidates;
}

static struct plan *
plan_of(const struct bed *b)
{
	const struct lane_filter as = {0, UINT32_MAX};
	struct plan *p;

	assert_int_equal(plan_new(&p, &b->img, false, &as, 1), 0);
	return p;
}

static const struct build_filter routed = {
    .name = "routed",
    .programs = {"/usr/sbin/thing*", "other?"},
    .patterns = {{.kind = PATTERN_OFFENCE, .regex = "^\\w+ <addr>$"}, {0}},
};

static void
a_pattern_without_a_literal_is_tried_on_its_programs_lines_alone(void **unused)
{
	struct bed b;

	(void)unused;
	bed_open(&b, &routed);
	assert_int_equal(feed(&b, "Nov  2 09:59:00 h sshd[1]: a 192.0.2.1\n"
				  "Nov  2 09:59:00 h other2[1]: b 192.0.2.2\n"
				  "Nov  2 09:59:00 h sshd[1]: other 2001:db8::3\n"
				  "Nov  2 09:59:00 h other3: c 2001:db8::4\n"),
	    2);
	assert_int_equal(b.hits, 2);
	bed_close(&b);
}

static void
its_program_stands_beside_a_message(void **unused)
{
	struct bed b;

	(void)unused;
	bed_open(&b, &routed);
	assert_int_equal(tell(&b, "a 192.0.2.1", "other2"), 1);
	assert_int_equal(b.hits, 1);
	assert_int_equal(tell(&b, "a 192.0.2.1", "sshd"), 0);
	bed_close(&b);
}

static void
lines_are_cut_one_by_one_only_without_anything_to_look_for(void **unused)
{
	static const struct build_filter short_name = {
	    .name = "short",
	    .programs = {"sshd", "s?*"},
	    .patterns = {{.kind = PATTERN_OFFENCE, .regex = "^\\w+ <addr>$"}, {0}},
	};
	struct plan *p;
	struct bed b;

	(void)unused;
	bed_open(&b, &routed);
	p = plan_of(&b);
	assert_false(p->every_line);
	assert_int_equal(p->wake[WAKE_LINE][0], 0);
	assert_int_equal(p->wake[WAKE_MESSAGE][0], 1);
	plan_free(p);
	bed_close(&b);
	bed_open(&b, &short_name);
	p = plan_of(&b);
	assert_true(p->every_line);
	assert_int_equal(p->wake[WAKE_LINE][0], 1);
	plan_free(p);
	assert_int_equal(feed(&b, "Nov  2 09:59:00 h su: b 192.0.2.2\n"), 1);
	bed_close(&b);
}

static void
a_blind_ignore_pattern_waits_for_another_pattern(void **unused)
{
	static const struct build_filter filter = {
	    .name = "ignores",
	    .patterns = {{.kind = PATTERN_OFFENCE, .regex = "^bad <addr>", .literals = {"bad "}},
		{.kind = PATTERN_IGNORE, .regex = "[0-9]z$"}, {0}},
	};
	struct plan *p;
	struct bed b;

	(void)unused;
	bed_open(&b, &filter);
	p = plan_of(&b);
	assert_false(p->every_line);
	plan_free(p);
	assert_int_equal(feed(&b, "1z\n2z\n"), 0);
	assert_int_equal(feed(&b, "bad 192.0.2.1 1z\nbad 192.0.2.2 z\nbad 2001:db8::1 3z\n"), 3);
	assert_int_equal(b.hits, 1);
	assert_int_equal(tell(&b, "bad 192.0.2.1 1z", "any"), 1);
	assert_int_equal(b.hits, 0);
	bed_close(&b);
}

static void
a_success_that_no_rule_asks_for_only_settles_lines(void **unused)
{
	static const struct build_filter filter = {
	    .name = "forgives",
	    .patterns = {{.kind = PATTERN_FORGIVE, .regex = "^good <addr>", .literals = {"good "}},
		{.kind = PATTERN_OFFENCE, .regex = "<addr> bad$", .literals = {" bad"}}, {0}},
	};
	static const char lines[] = "good 192.0.2.1\ngood 2001:db8::1 bad\n192.0.2.2 bad\n";
	static const struct {
		bool spare, forgive;
		size_t looked_at;
	} cases[] = {{true, false, 2}, {true, true, 3}, {false, false, 3}};
	struct bed b;

	(void)unused;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		bed_build(&b, &filter, cases[i].spare, cases[i].forgive);
		assert_int_equal(feed(&b, lines), cases[i].looked_at);
		assert_int_equal(b.counts.matched, cases[i].looked_at);
		assert_int_equal(b.hits, 1); /* the second line is settled by its success */
		bed_close(&b);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_pattern_without_a_literal_is_tried_on_its_programs_lines_alone),
	    cmocka_unit_test(its_program_stands_beside_a_message),
	    cmocka_unit_test(lines_are_cut_one_by_one_only_without_anything_to_look_for),
	    cmocka_unit_test(a_blind_ignore_pattern_waits_for_another_pattern),
	    cmocka_unit_test(a_success_that_no_rule_asks_for_only_settles_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
