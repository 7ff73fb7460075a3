/* links: reader */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader_world.h"

#include <sys/socket.h>

#include "reader/lag.h"

#define S  USEC_PER_SEC
#define T0 (1000 * S)
#define MB 1000000u

static void
told_once_when_the_bound_is_over_and_once_at_the_end(void **state)
{
	struct lag l = {0};

	(void)state;
	assert_int_equal(lag_note(&l, true, 0, 0, T0), LAG_NOTHING);
	assert_int_equal(lag_note(&l, true, 0, 0, T0 + 29 * S), LAG_NOTHING);
	assert_int_equal(lag_note(&l, true, 0, 0, T0 + 30 * S), LAG_BEHIND);
	assert_int_equal(lag_note(&l, true, 0, 0, T0 + 60 * S), LAG_NOTHING);
	assert_int_equal(lag_note(&l, false, 0, 0, T0 + 61 * S), LAG_CAUGHT_UP);
	assert_int_equal(l.span, 61 * S);
	assert_int_equal(l.since, 0);
	assert_int_equal(lag_note(&l, false, 0, 0, T0 + 62 * S), LAG_NOTHING);
}

static void
short_catch_ups_are_not_told_however_many(void **state)
{
	struct lag l = {0};

	(void)state;
	for (int i = 0; i < 100; i++) {
		assert_int_equal(lag_note(&l, true, 1, 0, T0 + i * S), LAG_NOTHING);
		assert_int_equal(lag_note(&l, false, 0, MB, T0 + i * S + 900000), LAG_NOTHING);
	}
}

static void
told_early_when_the_pace_is_too_slow(void **state)
{
	struct lag l = {0};

	(void)state;
	/* 1 MB a second: 29 MB take 29 s, 31 MB take longer than the bound. */
	assert_int_equal(lag_note(&l, true, 100 * MB, 5 * MB, T0), LAG_NOTHING);
	assert_int_equal(lag_note(&l, true, 99 * MB, 6 * MB, T0 + 1 * S), LAG_NOTHING);
	assert_int_equal(lag_note(&l, true, 29 * MB, 7 * MB, T0 + 2 * S), LAG_NOTHING);
	assert_int_equal(lag_note(&l, true, 31 * MB, 8 * MB, T0 + 3 * S), LAG_BEHIND);
	assert_int_equal(lag_note(&l, false, 0, 39 * MB, T0 + 5 * S), LAG_CAUGHT_UP);
	assert_int_equal(l.peak, 100 * MB);
}

static void
nothing_read_at_all_is_too_slow(void **state)
{
	struct lag l = {0};

	(void)state;
	assert_int_equal(lag_note(&l, true, 1, 0, T0), LAG_NOTHING);
	assert_int_equal(lag_note(&l, true, 1, 0, T0 + 2 * S), LAG_BEHIND);
}

static void
a_clock_that_is_set_back_begins_anew(void **state)
{
	struct lag l = {0};

	(void)state;
	assert_int_equal(lag_note(&l, true, 0, 0, T0), LAG_NOTHING);
	assert_int_equal(lag_note(&l, true, 0, 0, T0 - 900 * S), LAG_NOTHING);
	assert_int_equal(lag_note(&l, true, 0, 0, T0 - 880 * S), LAG_NOTHING);
	assert_int_equal(lag_note(&l, true, 0, 0, T0 - 870 * S), LAG_BEHIND);
}

static void
said_in_words(void **state)
{
	struct lag l = {.span = 40 * S, .left = 1200000, .peak = 4000000};
	char text[LAG_TEXT];

	(void)state;
	lag_describe(&l, LAG_BEHIND, 7200 * S, text);
	assert_string_equal(text, "for 40s, by 1.2 MB, now at lines 2h old");
	lag_describe(&l, LAG_CAUGHT_UP, 7200 * S, text);
	assert_string_equal(text, "after 40s, by up to 4.0 MB");
	l.left = 0;
	lag_describe(&l, LAG_BEHIND, 0, text);
	assert_string_equal(text, "for 40s");
}

/* ---- who is read first ---- */

static struct {
	struct world w;
	uint64_t at;   /* hits when the live source's came; UINT64_MAX: not yet */
	uint64_t live; /* key */
} c;

static uint64_t
key_of(const char *path)
{
	char text[600];

	snprintf(text, sizeof(text), "file:%s", path);
	return hash_text(text);
}

/* The judge has room for one packet, now and then. */
static void
note_live(struct world *w)
{
	w->full = true;
	if (c.at == UINT64_MAX && w->n_hits && w->hits[w->n_hits - 1].u.offence.source == c.live)
		c.at = w->n_hits;
}

static void
one_packet(struct world *w)
{
	w->full = false;
	sources_judge_room(w->sources);
	for (int i = 0; i < 8; i++)
		event_base_loop(w->base, EVLOOP_NONBLOCK);
}

/* Three sources whose every line is an offence catch up, and the judge is slow; what a fourth one
 * says then is judged behind what was in the outbox already, before all else. */
static void
a_live_line_passes_those_that_catch_up_when_the_judge_is_slow(void **state)
{
	struct world *w = &c.w;
	static const char *const names[] = {"a.log", "b.log", "c.log"};
	size_t before;

	(void)state;
	world_init(w);
	world_file_filter(w, "f", world_file(w, "*.log"));
	world_ready(w);
	world_put(world_file(w, "live.log"), 0, 1);
	world_up(w);
	c.live = key_of(world_file(w, "live.log"));
	c.at = UINT64_MAX;
	w->on_packet = note_live;
	w->full = true;
	for (size_t i = 0; i < 3; i++)
		world_put(world_file(w, names[i]), 10, 60010);
	world_settle(w);
	for (int i = 0; i < 10; i++)
		one_packet(w);
	world_put(world_file(w, "live.log"), 1, 2);
	world_settle(w);
	before = w->n_hits;
	while (c.at == UINT64_MAX)
		one_packet(w);
	/* One piece of 16 KiB was being read. */
	assert_in_range(c.at - before, 1, 16 * 1024 / 8);
	assert_true(w->n_hits < 20000);
	w->on_packet = NULL;
	while (w->n_hits < 3 * 60000 + 1) {
		one_packet(w);
		world_settle(w);
	}
	world_fini(w);
}

#define HOG_LINES 60000

struct hog {
	struct world *w;
	const struct stats_source *slot;
	unsigned rounds;
};

static void
on_hog(evutil_socket_t fd, short what, void *arg)
{
	struct hog *h = arg;

	(void)fd;
	(void)what;
	world_fire_timers(h->w);
	if (h->slot->lines == HOG_LINES || ++h->rounds == 5000)
		event_base_loopbreak(h->w->base);
}

/* Something always comes before those that catch up: they have their turns all the same. */
static void
news_without_end_do_not_keep_those_that_catch_up_from_being_read(void **state)
{
	struct hog h = {.w = &c.w};
	struct event *always;
	const char *path;
	int fds[2];

	(void)state;
	world_init(h.w);
	path = world_file(h.w, "a.log");
	world_file_filter(h.w, "f", path);
	world_ready(h.w);
	world_put(path, 0, 1);
	world_up(h.w);
	h.slot = world_slot(h.w, "file", path);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	always = event_new(h.w->base, fds[0], EV_READ | EV_PERSIST, on_hog, &h);
	assert_int_equal(event_add(always, NULL), 0);
	world_put(path, 1, HOG_LINES + 1);
	event_base_loop(h.w->base, 0);
	assert_int_equal(h.slot->lines, HOG_LINES);
	event_free(always);
	close(fds[0]);
	close(fds[1]);
	world_fini(h.w);
}

static void
what_waits_is_shown_and_what_was_read_is_not(void **state)
{
	struct world *w = &c.w;
	struct stats_source *slot;
	struct stat st;

	(void)state;
	world_init(w);
	world_file_filter(w, "f", world_file(w, "a.log"));
	world_ready(w);
	world_put(world_file(w, "a.log"), 0, 1);
	world_up(w);
	slot = world_slot(w, "file", world_file(w, "a.log"));
	assert_int_equal(slot->behind, 0);
	assert_int_equal(slot->lag_bytes, 0);
	world_now = clock_real();
	w->full = true;
	world_put(world_file(w, "a.log"), 1, 60000);
	world_settle(w);
	stat(world_file(w, "a.log"), &st);
	assert_int_equal(slot->behind, world_now);
	assert_in_range(slot->lag_bytes, (uint64_t)st.st_size - 64 * 1024, (uint64_t)st.st_size);
	/* It is looked at again while it waits. */
	world_put(world_file(w, "a.log"), 60000, 120000);
	stat(world_file(w, "a.log"), &st);
	world_fire_timers(w);
	event_base_loop(w->base, EVLOOP_NONBLOCK);
	assert_in_range(slot->lag_bytes, (uint64_t)st.st_size - 64 * 1024, (uint64_t)st.st_size);
	w->full = false;
	sources_judge_room(w->sources);
	world_settle(w);
	assert_int_equal(slot->behind, 0);
	assert_int_equal(slot->lag_bytes, 0);
	world_expect(w, 1, 120000);
	world_fini(w);
}

/* What stands between reader and judge when the judge is slow: so few full packets. */
static void
a_short_channel_holds_few_packets(void **state)
{
	struct msg packet[CHAN_BATCH] = {{.type = MSG_OFFENCE}};
	int fds[2], n = 0;

	(void)state;
	assert_int_equal(chan_pair(fds), 0);
	assert_int_equal(chan_short(fds[0]), 0);
	while (send(fds[0], packet, sizeof(packet), MSG_DONTWAIT) == sizeof(packet))
		n++;
	assert_int_equal(errno, EAGAIN);
	assert_in_range(n, 1, 8);
	close(fds[0]);
	close(fds[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(told_once_when_the_bound_is_over_and_once_at_the_end),
	    cmocka_unit_test(short_catch_ups_are_not_told_however_many),
	    cmocka_unit_test(told_early_when_the_pace_is_too_slow),
	    cmocka_unit_test(nothing_read_at_all_is_too_slow),
	    cmocka_unit_test(a_clock_that_is_set_back_begins_anew),
	    cmocka_unit_test(said_in_words),
	    cmocka_unit_test(a_live_line_passes_those_that_catch_up_when_the_judge_is_slow),
	    cmocka_unit_test(news_without_end_do_not_keep_those_that_catch_up_from_being_read),
	    cmocka_unit_test(a_short_channel_holds_few_packets),
	    cmocka_unit_test(what_waits_is_shown_and_what_was_read_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
