/* links: reader */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "image_build.h"
#include "reader/choose.h"
#include "reader/counters.h"
#include "reader/position.h"
#include "reader/watch.h"

static void
a_watch_has_many_watchers(void **state)
{
	struct watches w;
	int a, b;
	size_t n;
	const struct watch *at;

	(void)state;
	watches_init(&w);
	for (int32_t wd = 1000; wd > 0; wd--)
		assert_int_equal(watches_add(&w, &(struct watch){.wd = wd, .source = 1}), 0);
	assert_int_equal(watches_add(&w, &(struct watch){.wd = 5, .instance = &a}), 0);
	assert_int_equal(watches_add(&w, &(struct watch){.wd = 5, .instance = &b}), 0);
	assert_int_equal(watches_add(&w, &(struct watch){.wd = 5, .instance = &a}), 0);
	at = watches_find(&w, 5, &n);
	assert_int_equal(n, 3);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(at[i].wd, 5);
	watches_drop_instance(&w, &a);
	watches_find(&w, 5, &n);
	assert_int_equal(n, 2);
	watches_drop_wd(&w, 5);
	watches_find(&w, 5, &n);
	assert_int_equal(n, 0);
	watches_find(&w, 6, &n);
	assert_int_equal(n, 1);
	watches_fini(&w);
}

static void
an_event_before_its_watch_is_not_lost(void **state)
{
	struct watches w;
	size_t n;

	(void)state;
	watches_init(&w);
	watches_find(&w, 7, &n);
	watches_find(&w, 7, &n);
	assert_int_equal(watches_add(&w, &(struct watch){.wd = 8}), 0);
	assert_int_equal(watches_add(&w, &(struct watch){.wd = 7}), 1);
	assert_int_equal(watches_add(&w, &(struct watch){.wd = 7, .source = 2}), 0);
	watches_find(&w, 9, &n);
	watches_calm(&w);
	assert_int_equal(watches_add(&w, &(struct watch){.wd = 9}), 0);
	/* Too many to remember: any may have been among them. */
	for (int32_t wd = 100; wd < 200; wd++)
		watches_find(&w, wd, &n);
	assert_int_equal(watches_add(&w, &(struct watch){.wd = 300}), 1);
	watches_fini(&w);
}

static void
watches_are_bounded(void **state)
{
	struct watches w;

	(void)state;
	watches_init(&w);
	for (int32_t wd = 0; wd < WATCHES_MAX; wd++)
		assert_int_equal(watches_add(&w, &(struct watch){.wd = wd}), 0);
	assert_int_equal(watches_add(&w, &(struct watch){.wd = WATCHES_MAX}), -ENOBUFS);
	watches_fini(&w);
}

static void
positions_are_by_key_and_bounded(void **state)
{
	struct positions t;
	struct msg_position p;

	(void)state;
	positions_init(&t);
	for (uint64_t key = 1; key <= POSITIONS_MAX + 10; key++) {
		p = position_standby(key, SOURCE_FILE);
		assert_true(position_is_standby(&p));
		p.file.ino = key + 7;
		p.file.dev = 3;
		assert_false(position_is_standby(&p));
		assert_int_equal(positions_put(&t, &p), 0);
	}
	assert_int_equal(t.n, POSITIONS_MAX);
	assert_null(positions_find(&t, 10));
	assert_non_null(positions_find(&t, 11));
	assert_non_null(positions_find(&t, POSITIONS_MAX + 10));
	assert_int_equal(positions_find_inode(&t, SOURCE_FILE, 3, 27)->key, 20);
	assert_null(positions_find_inode(&t, SOURCE_DOCKER, 3, 27));
	assert_null(positions_find_inode(&t, SOURCE_FILE, 4, 27));
	p.file.offset = 5;
	positions_put(&t, &p);
	assert_int_equal(t.n, POSITIONS_MAX);
	assert_int_equal(positions_find(&t, p.key)->file.offset, 5);
	positions_drop(&t, p.key);
	assert_null(positions_find(&t, p.key));
	positions_fini(&t);
}

static void
the_first_living_entry_is_chosen(void **state)
{
	/* Entries 0 0 1 2 of a filter that reads one, then the same of a filter that reads all. */
	static const struct {
		bool alive[4], one[4], all[4];
	} cases[] = {
	    {{0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}},
	    {{1, 1, 1, 1}, {1, 1, 0, 0}, {1, 1, 1, 1}},
	    {{0, 1, 1, 0}, {0, 1, 0, 0}, {0, 1, 1, 0}},
	    {{0, 0, 1, 1}, {0, 0, 1, 0}, {0, 0, 1, 1}},
	    {{0, 0, 0, 1}, {0, 0, 0, 1}, {0, 0, 0, 1}},
	};
	struct image_build *b = image_build_new();
	struct image img;

	(void)state;
	for (int f = 0; f < 2; f++) {
		struct build_filter filter = {.name = f ? "all" : "one", .all = f};
		static const uint32_t entries[] = {0, 0, 1, 2};

		for (int i = 0; i < 4; i++)
			filter.sources[i] = (struct build_source){
			    .kind = BUILD_FILE, .path = "/x", .entry = entries[i]};
		filter.patterns[0] = (struct build_pattern){.regex = "^<addr>$"};
		image_build_filter(b, &filter);
	}
	image_build_open(b, &img);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		bool alive[8], chosen[8];

		memcpy(alive, cases[i].alive, 4);
		memcpy(alive + 4, cases[i].alive, 4);
		choose_sources(&img, alive, chosen);
		assert_memory_equal(chosen, cases[i].one, 4);
		assert_memory_equal(chosen + 4, cases[i].all, 4);
		assert_int_equal(choose_reads(&img, 0, chosen), i > 0);
	}
	image_close(&img);
	image_build_free(b);
}

static void
counts_outlive_a_reader(void **state)
{
	int fd = memfd_create("stats", MFD_CLOEXEC);
	struct counters *c;
	struct stats_source *s;
	struct lane_counts n = {.lines = 3, .candidates = 2, .matched = 1};

	(void)state;
	for (uint64_t life = 1; life < 4; life++) {
		assert_int_equal(counters_new(&c, fd, 2), 0);
		s = counters_slot(c, 77, SOURCE_FILE, "/var/log/auth.log");
		counters_add(s, &n, 1000);
		assert_int_equal(s->lines, 3 * life);
		assert_int_equal(s->matched, life);
		assert_int_equal(s->last_line, 1000);
		counters_filters(c)[1].matched += 5;
		counters_publish(c, 1);
		assert_int_equal(counters_filters(c)[1].matched, 5 * life);
		counters_free(c);
	}
	close(fd);
}

static void
slots_are_bounded_and_given_on(void **state)
{
	struct counters *c;
	struct stats_source *last, *s;
	char longest[300];

	(void)state;
	assert_int_equal(counters_new(&c, -1, 1000), 0);
	for (uint64_t key = 1; key < STATS_SOURCES; key++)
		counters_slot(c, key, SOURCE_FILE, "x")->state = STATS_LIVE;
	last = counters_slot(c, 5000, SOURCE_FILE, "x");
	assert_string_equal(last->name, "(others)");
	assert_ptr_equal(counters_slot(c, 5001, SOURCE_FILE, "y"), last);
	s = counters_slot(c, 9, SOURCE_FILE, NULL);
	counters_release(s);
	memset(longest, 'a', sizeof(longest) - 1);
	strcpy(longest + sizeof(longest) - 5, ".log");
	assert_ptr_equal(counters_slot(c, 5002, SOURCE_DOCKER, longest), s);
	assert_int_equal(s->key, 5002);
	assert_int_equal(strlen(s->name), sizeof(s->name) - 1);
	assert_string_equal(s->name + sizeof(s->name) - 5, ".log");
	counters_publish(c, 999);
	counters_free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_watch_has_many_watchers),
	    cmocka_unit_test(an_event_before_its_watch_is_not_lost),
	    cmocka_unit_test(watches_are_bounded),
	    cmocka_unit_test(positions_are_by_key_and_bounded),
	    cmocka_unit_test(the_first_living_entry_is_chosen),
	    cmocka_unit_test(counts_outlive_a_reader),
	    cmocka_unit_test(slots_are_bounded_and_given_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
