/* links: reader */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader_world.h"

/* One world with one filter on one file, "log", that exists and is followed from its first byte. */
static const char *
begin(struct world *w)
{
	const char *path;

	world_init(w);
	path = world_file(w, "log");
	world_file_filter(w, "f", path);
	world_ready(w);
	world_put(path, 0, 0);
	world_up(w);
	return w->paths[0];
}

static void
copy(const char *from, const char *to)
{
	int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	char buf[65536];
	ssize_t n;

	assert_true(in >= 0 && out >= 0);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		world_text(out, buf, (size_t)n);
	close(in);
	close(out);
}

static void
reads_what_is_appended(void **state)
{
	struct world w;
	const char *log = begin(&w);

	(void)state;
	world_put(log, 0, 1);
	world_settle(&w);
	world_expect(&w, 0, 1);
	world_put(log, 1, 1000);
	world_settle(&w);
	world_expect(&w, 0, 1000);
	assert_int_equal(world_slot(&w, "file", log)->lines, 1000);
	assert_int_equal(world_slot(&w, "file", log)->matched, 1000);
	assert_int_equal(world_slot(&w, "file", log)->lag_bytes, 0);
	assert_int_equal(world_slot(&w, "file", log)->state, STATS_LIVE);
	assert_int_equal(w.hits[0].type, MSG_OFFENCE);
	world_put_text(log, "good 10.0.0.1\n");
	world_settle(&w);
	assert_int_equal(w.n_hits, 1001);
	assert_int_equal(w.hits[1000].type, MSG_FORGIVE);
	world_fini(&w);
}

static void
keeps_half_lines(void **state)
{
	struct world w;
	const char *log = begin(&w);
	char line[64];

	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		size_t n = world_line(line, sizeof(line), i);

		for (size_t k = 0; k < n; k++) {
			assert_int_equal(w.n_hits, i);
			world_put_text(log, (char[]){line[k], 0});
			world_settle(&w);
		}
	}
	world_expect(&w, 0, 4);
	world_put_text(log, "bad 10.0.");
	world_settle(&w);
	world_down(&w);
	world_put_text(log, "0.4\n");
	world_up(&w);
	world_expect(&w, 0, 5);
	world_fini(&w);
}

static void
begins_at_the_end_on_the_very_first_start(void **state)
{
	struct world w;
	const char *log;

	(void)state;
	world_init(&w);
	log = world_file(&w, "log");
	world_file_filter(&w, "f", log);
	world_ready(&w);
	world_put(log, 100, 200);
	world_put_text(log, "bad 10.0.");
	world_up(&w);
	log = w.paths[0];
	assert_int_equal(w.n_hits, 0);
	assert_int_equal(w.saved.n, 1);
	world_put_text(log, "0.0\n");
	world_put(log, 1, 3);
	world_settle(&w);
	world_expect(&w, 0, 3);
	/* At a later start all that was not read is. */
	world_kill(&w);
	world_put(log, 3, 10);
	world_up(&w);
	world_expect(&w, 0, 10);
	world_fini(&w);
}

static void
beginning_within_a_long_line_makes_no_line_of_its_rest(void **state)
{
	struct world w;
	const char *log;
	char *text = malloc(300001);

	(void)state;
	world_init(&w);
	log = world_file(&w, "log");
	world_file_filter(&w, "f", log);
	world_ready(&w);
	memset(text, 'x', 300000);
	text[300000] = 0;
	world_put(log, 100, 200);
	world_put_text(log, text);
	world_up(&w);
	log = w.paths[0];
	world_put_text(log, "bad 10.0.0.9\n");
	world_put(log, 0, 3);
	world_settle(&w);
	world_expect(&w, 0, 3);
	free(text);
	world_fini(&w);
}

static void
takes_up_files_and_directories_that_appear_later(void **state)
{
	struct world w;
	char dir[128], path[256];

	(void)state;
	world_init(&w);
	snprintf(dir, sizeof(dir), "%s/a", w.dir);
	snprintf(path, sizeof(path), "%s/b/*.log", dir);
	world_file_filter(&w, "f", path);
	world_ready(&w);
	world_up(&w);
	assert_int_equal(mkdir(dir, 0755), 0);
	world_settle(&w);
	snprintf(path, sizeof(path), "%s/b", dir);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), "%s/b/x.log", dir);
	world_put(path, 0, 7);
	world_settle(&w);
	world_expect(&w, 0, 7);
	snprintf(path, sizeof(path), "%s/b/y.log", dir);
	world_put(path, 7, 9);
	world_settle(&w);
	world_expect(&w, 0, 9);
	snprintf(path, sizeof(path), "%s/b/y.other", dir);
	world_put(path, 9, 12);
	world_settle(&w);
	world_expect(&w, 0, 9);
	world_fini(&w);
}

static void
follows_a_rename(void **state)
{
	struct world w;
	const char *log = begin(&w), *old = world_file(&w, "log.1");
	int fd = open(log, O_WRONLY | O_APPEND);

	(void)state;
	world_put_fd(fd, 0, 10);
	world_settle(&w);
	assert_int_equal(rename(log, old), 0);
	world_put_fd(fd, 10, 20); /* its writer has not noticed yet */
	world_settle(&w);
	world_expect(&w, 0, 20);
	world_put(log, 0, 0);
	world_settle(&w);
	world_put_fd(fd, 20, 25); /* still not */
	world_put(log, 25, 30);
	world_settle(&w);
	world_expect(&w, 0, 30);
	close(fd);
	world_put(log, 30, 31);
	world_settle(&w);
	world_expect(&w, 0, 31);
	assert_int_equal(w.saved.n, 1);
	world_fini(&w);
}

/* Rotations are further apart than file times are exact. */
static void
rotate_at(const char *log, const char *old, time_t when)
{
	struct timespec times[2] = {{.tv_sec = when}, {.tv_sec = when}};

	assert_int_equal(utimensat(AT_FDCWD, log, times, 0), 0);
	assert_int_equal(rename(log, old), 0);
}

static void
several_rotations_between_two_looks_lose_nothing(void **state)
{
	struct world w;
	const char *log = begin(&w);
	char old[600];
	uint32_t n = 0;

	(void)state;
	for (int round = 0; round < 4; round++) {
		world_put(log, n, n + 5);
		world_settle(&w);
		if (round % 2)
			world_kill(&w);
		for (int k = 0; k < 3; k++, n += 5) {
			snprintf(old, sizeof(old), "%s.%d%d", log, round, k);
			rotate_at(log, old, 1000000 + (time_t)n);
			world_put(log, n + 5, n + 10);
		}
		n += 5;
		if (round % 2)
			world_up(&w);
		world_settle(&w);
		world_expect(&w, 0, n);
	}
	world_fini(&w);
}

static void
a_copy_of_what_was_read_is_not_read(void **state)
{
	struct world w;
	const char *log = begin(&w), *old = world_file(&w, "log.1"),
		   *twin = world_file(&w, "log.2");

	(void)state;
	world_put(log, 0, 10);
	world_settle(&w);
	copy(log, twin);
	assert_int_equal(rename(log, old), 0);
	world_put(log, 10, 15);
	world_settle(&w);
	world_expect(&w, 0, 15);
	world_fini(&w);
}

static void
follows_renames_that_come_before_it_looks(void **state)
{
	struct world w;
	const char *log = begin(&w);
	char old[600];

	(void)state;
	for (uint32_t i = 0; i < 40; i++) {
		world_put(log, i * 10, i * 10 + 10);
		world_settle(&w);
		snprintf(old, sizeof(old), "%s.%u", log, i);
		world_put(log, i * 10 + 10, i * 10 + 10);
		assert_int_equal(rename(log, old), 0);
		world_put(log, 0, 0);
		if (i % 3)
			world_settle(&w);
	}
	world_put(log, 400, 410);
	world_settle(&w);
	world_expect(&w, 0, 410);
	world_fini(&w);
}

static void
follows_copytruncate(void **state)
{
	struct world w;
	const char *log = begin(&w), *old = world_file(&w, "log.1");

	(void)state;
	world_put(log, 0, 100);
	world_settle(&w);
	copy(log, old);
	assert_int_equal(truncate(log, 0), 0);
	world_settle(&w);
	world_put(log, 100, 110);
	world_settle(&w);
	world_expect(&w, 0, 110);
	/* Truncated and longer again before anybody looked; and lines that only the copy still has.
	 */
	world_put(log, 110, 120);
	copy(log, old);
	assert_int_equal(truncate(log, 0), 0);
	world_put(log, 120, 400);
	world_settle(&w);
	world_expect(&w, 0, 400);
	world_fini(&w);
}

static void
follows_truncation_in_place(void **state)
{
	struct world w;
	const char *log = begin(&w);

	(void)state;
	world_put(log, 0, 100);
	world_settle(&w);
	assert_int_equal(truncate(log, 0), 0);
	world_put(log, 100, 101);
	world_settle(&w);
	world_expect(&w, 0, 101);
	assert_int_equal(truncate(log, 0), 0);
	world_settle(&w);
	world_put(log, 101, 300);
	world_settle(&w);
	world_expect(&w, 0, 300);
	world_fini(&w);
}

static void
follows_delete_and_create(void **state)
{
	struct world w;
	const char *log = begin(&w);
	int fd = open(log, O_WRONLY | O_APPEND);

	(void)state;
	world_put_fd(fd, 0, 10);
	world_settle(&w);
	assert_int_equal(unlink(log), 0);
	world_put_fd(fd, 10, 15);
	world_put(log, 15, 30);
	close(fd);
	world_settle(&w);
	world_expect(&w, 0, 30);
	for (uint32_t i = 30; i < 60; i++) {
		assert_int_equal(unlink(log), 0);
		world_put(log, i, i + 1);
		world_settle(&w);
	}
	world_expect(&w, 0, 60);
	world_fini(&w);
}

static void
follows_a_symlink_that_is_turned(void **state)
{
	struct world w;
	const char *link, *a, *b, *new;

	(void)state;
	world_init(&w);
	link = world_file(&w, "log");
	a = world_file(&w, "a.data");
	b = world_file(&w, "b.data");
	new = world_file(&w, "new");
	world_file_filter(&w, "f", link);
	world_ready(&w);
	world_put(a, 0, 0);
	assert_int_equal(symlink(a, link), 0);
	world_up(&w);
	world_put(a, 0, 10);
	world_put(b, 10, 20);
	world_settle(&w);
	world_expect(&w, 0, 10);
	assert_int_equal(symlink(b, new), 0);
	assert_int_equal(rename(new, w.paths[0]), 0);
	world_settle(&w);
	world_expect(&w, 0, 20);
	world_put(b, 20, 30);
	world_settle(&w);
	world_expect(&w, 0, 30);
	/* And back: what was read there is not read again. */
	world_put(a, 30, 40);
	assert_int_equal(symlink(a, new), 0);
	assert_int_equal(rename(new, w.paths[0]), 0);
	world_settle(&w);
	world_expect(&w, 0, 40);
	world_fini(&w);
}

static void
skips_long_lines_to_their_end(void **state)
{
	static const size_t lengths[] = {
	    65535, 65536, 65537, 131072, 262143, 262144, 262145, 900000};
	struct world w;
	const char *log = begin(&w);
	uint32_t n = 0;
	uint64_t unexamined = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		char *text = malloc(lengths[i] + 2);
		int fd = open(log, O_WRONLY | O_APPEND);

		/* The line's rest is made to look like lines of its own. */
		for (size_t k = 0; k < lengths[i]; k++)
			text[k] = "\rbad 10.0.0.1"[k % 13];
		text[lengths[i]] = '\n';
		world_put_fd(fd, n, n + 1);
		world_text(fd, text, lengths[i] / 2);
		world_settle(&w);
		world_text(fd, text + lengths[i] / 2, lengths[i] - lengths[i] / 2 + 1);
		world_put_fd(fd, n + 1, n + 2);
		world_settle(&w);
		n += 2;
		unexamined += lengths[i] > LINE_MAX_BYTES;
		world_expect(&w, 0, n);
		assert_int_equal(world_slot(&w, "file", log)->unexamined, unexamined);
		assert_int_equal(world_slot(&w, "file", log)->lines, n + i + 1);
		close(fd);
		free(text);
	}
	world_fini(&w);
}

static void
a_restart_within_a_long_line_does_not_make_a_line_of_its_rest(void **state)
{
	struct world w;
	const char *log = begin(&w);
	char text[100001];
	int fd = open(log, O_WRONLY | O_APPEND);

	(void)state;
	memset(text, 'x', sizeof(text));
	world_put_fd(fd, 0, 1);
	world_text(fd, text, 100000);
	world_settle(&w);
	world_down(&w);
	world_text(fd, "bad 10.0.0.9", 12);
	world_up(&w);
	world_text(fd, "bad 10.0.0.9\n", 13);
	world_put_fd(fd, 1, 2);
	world_settle(&w);
	world_expect(&w, 0, 2);
	close(fd);
	world_fini(&w);
}

static void
any_bytes_are_harmless(void **state)
{
	static const char bytes[] = "\0\0bad\0 10.0.0.1\n\xff\xfe bad 10.0.0.1\n\n\r\n\xc3(\n";
	struct world w;
	const char *log = begin(&w);
	int fd = open(log, O_RDWR);

	(void)state;
	world_put_fd(fd, 0, 2);
	world_text(fd, bytes, sizeof(bytes) - 1);
	world_put_fd(fd, 2, 4);
	world_settle(&w);
	world_expect(&w, 0, 4);
	/* A writer that keeps its offset leaves a hole in front of its next line. */
	assert_int_equal(lseek(fd, 3000000, SEEK_SET), 3000000);
	assert_int_equal(truncate(log, 0), 0);
	world_put_fd(fd, 4, 7);
	world_settle(&w);
	world_expect(&w, 0, 7);
	close(fd);
	world_fini(&w);
}

static void
a_rotation_by_rename_while_down_loses_nothing(void **state)
{
	struct world w;
	const char *log = begin(&w), *old = world_file(&w, "log.1");

	(void)state;
	world_put(log, 0, 50);
	world_settle(&w);
	world_kill(&w);
	world_put(log, 50, 80);
	assert_int_equal(rename(log, old), 0);
	world_put(log, 80, 100);
	world_up(&w);
	world_expect(&w, 0, 100);
	assert_int_equal(w.finds, 1);
	world_put(log, 100, 110);
	world_settle(&w);
	world_kill(&w);
	world_up(&w);
	world_expect(&w, 0, 110);
	assert_int_equal(w.finds, 1);
	world_fini(&w);
}

static void
a_rotation_by_copy_while_down_loses_nothing(void **state)
{
	struct world w;
	const char *log = begin(&w), *old = world_file(&w, "log.1");

	(void)state;
	world_put(log, 0, 50);
	world_settle(&w);
	world_kill(&w);
	world_put(log, 50, 80);
	copy(log, old);
	assert_int_equal(truncate(log, 0), 0);
	world_put(log, 80, 200);
	world_up(&w);
	world_expect(&w, 0, 200);
	assert_int_equal(w.finds, 1);
	world_fini(&w);
}

static void
a_former_file_under_another_inode_is_known_by_its_head(void **state)
{
	struct world w;
	const char *log = begin(&w), *old = world_file(&w, "log.old");

	(void)state;
	world_put(log, 0, 50);
	world_settle(&w);
	world_kill(&w);
	world_put(log, 50, 80);
	copy(log, old);
	assert_int_equal(unlink(log), 0);
	assert_int_equal(mkdir(world_file(&w, "log.keeps-the-inode"), 0755), 0);
	world_put(log, 80, 200);
	world_up(&w);
	world_expect(&w, 0, 200);
	world_fini(&w);
}

static void
without_its_former_file_the_new_one_is_read_from_its_start(void **state)
{
	struct world w;
	const char *log = begin(&w);

	(void)state;
	world_put(log, 0, 50);
	world_settle(&w);
	world_kill(&w);
	assert_int_equal(unlink(log), 0);
	world_put(log, 50, 60);
	world_up(&w);
	world_expect(&w, 0, 60);
	world_kill(&w);
	/* Replaced by a file that is its copy, and longer. */
	copy(log, world_file(&w, "x"));
	assert_int_equal(rename(world_file(&w, "x"), log), 0);
	world_put(log, 60, 70);
	world_up(&w);
	world_expect(&w, 0, 70);
	world_fini(&w);
}

static void
half_a_line_in_a_rotated_file_is_not_examined(void **state)
{
	struct world w;
	const char *log = begin(&w), *old = world_file(&w, "log.1");

	(void)state;
	world_put(log, 0, 5);
	world_put_text(log, "bad 10.0.0.5");
	assert_int_equal(rename(log, old), 0);
	world_put(log, 5, 8);
	world_settle(&w);
	world_expect(&w, 0, 8);
	assert_int_equal(world_slot(&w, "file", log)->unexamined, 1);
	world_fini(&w);
}

static int packets_to_live;

static void
die_some_time(struct world *w)
{
	if (--packets_to_live == 0)
		w->swallow = true;
}

static void
a_killed_reader_counts_each_line_once(void **state)
{
	struct world w;
	const char *log = begin(&w);
	uint32_t n = 0;
	unsigned seed = 7, killed = 0;

	(void)state;
	w.on_packet = die_some_time;
	for (int round = 0; round < 200; round++) {
		uint32_t more = (uint32_t)rand_r(&seed) % 12000;

		world_put(log, n, n + more);
		n += more;
		if (rand_r(&seed) % 8 == 0) {
			char old[600];

			snprintf(old, sizeof(old), "%s.%d", log, round);
			assert_int_equal(rename(log, old), 0);
			world_put(log, n, n);
		}
		packets_to_live = rand_r(&seed) % 120;
		for (int k = 0; k < 4; k++)
			event_base_loop(w.base, EVLOOP_NONBLOCK);
		killed += w.swallow;
		w.swallow = false;
		packets_to_live = 0;
		world_kill(&w);
		world_up(&w);
	}
	world_settle(&w);
	assert_true(killed > 20);
	world_expect(&w, 0, n);
	world_fini(&w);
}

static void
a_killed_judge_counts_each_line_once(void **state)
{
	struct world w;
	const char *log = begin(&w);
	uint32_t n = 0;
	unsigned seed = 11;

	(void)state;
	for (int round = 0; round < 60; round++) {
		for (int part = 0; part < 3; part++) {
			uint32_t more = (uint32_t)rand_r(&seed) % 500;

			w.swallow = part == 2;
			world_put(log, n, n + more);
			n += more;
			if (rand_r(&seed) % 4 == 0) {
				char old[600];

				snprintf(old, sizeof(old), "%s.%d.%d", log, round, part);
				assert_int_equal(rename(log, old), 0);
				world_put(log, n, n);
			}
			world_settle(&w);
		}
		world_new_judge(&w);
		world_expect(&w, 0, n);
	}
	world_fini(&w);
}

static void
a_judge_without_memory_gets_all_of_this_life_again(void **state)
{
	struct world w;
	const char *log = begin(&w);

	(void)state;
	world_put(log, 0, 500);
	world_settle(&w);
	world_expect(&w, 0, 500);
	positions_clear(&w.saved);
	w.n_hits = 0;
	world_new_judge(&w);
	world_expect(&w, 0, 500);
	world_fini(&w);
}

static void
a_full_judge_stops_reading_and_loses_nothing(void **state)
{
	struct world w;
	const char *log = begin(&w);

	(void)state;
	w.full = true;
	world_put(log, 0, 100000);
	world_settle(&w);
	assert_int_equal(w.n_hits, 0);
	assert_true(outbox_stalled(w.outbox));
	/* One piece of text was read, and no more. */
	assert_in_range(world_slot(&w, "file", log)->bytes, 1, 65536);
	w.full = false;
	sources_judge_room(w.sources);
	world_settle(&w);
	world_expect(&w, 0, 100000);
	assert_int_equal(w.packet_max, CHAN_BATCH);
	assert_int_equal(outbox_lost(w.outbox), 0);
	world_fini(&w);
}

static void
benign_lines_move_the_position(void **state)
{
	struct world w;
	const char *log = begin(&w);
	uint64_t key;

	(void)state;
	world_put(log, 0, 1);
	world_put_text(log, "nothing\n");
	world_settle(&w);
	world_put_text(log, "of interest\n");
	world_settle(&w);
	key = w.saved.items[0].key;
	sources_save(w.sources);
	assert_int_equal(positions_find(&w.saved, key)->file.offset, 13 + 8 + 12);
	world_fini(&w);
}

static void
one_file_that_many_name_is_read_once(void **state)
{
	struct world w;
	const char *log, *glob, *link;

	(void)state;
	world_init(&w);
	log = world_file(&w, "log");
	glob = world_file(&w, "l*g");
	link = world_file(&w, "link");
	world_filter(&w, "a",
	    (struct build_source[]){{.kind = BUILD_FILE, .path = log},
		{.kind = BUILD_FILE, .path = glob}, {.kind = BUILD_FILE, .path = link}},
	    3, false);
	world_file_filter(&w, "b", glob);
	world_file_filter(&w, "c", link);
	world_ready(&w);
	world_put(log, 0, 0);
	assert_int_equal(symlink(log, link), 0);
	world_up(&w);
	world_put(log, 0, 50);
	world_settle(&w);
	for (uint32_t f = 0; f < 3; f++)
		world_expect_of(&w, f, 0, 50);
	assert_int_equal(w.n_hits, 150);
	assert_int_equal(world_slot(&w, "file", log)->lines, 50);
	assert_int_equal(w.saved.n, 1);
	world_fini(&w);
}

static void
all_filters_of_a_new_file_see_its_first_line(void **state)
{
	struct world w;
	const char *log, *other;
	uint32_t seen[6] = {0};

	(void)state;
	world_init(&w);
	log = world_file(&w, "log");
	other = world_file(&w, "*g");
	for (int f = 0; f < 6; f++)
		world_file_filter(&w, "f", f % 2 ? log : other);
	world_ready(&w);
	world_up(&w);
	world_put(log, 0, 3);
	world_settle(&w);
	for (uint32_t f = 0; f < 6; f++)
		world_expect_of(&w, f, 0, 3);
	/* And again while scans are under way already. */
	for (uint32_t n = 3; n < 13; n++) {
		char name[16];

		snprintf(name, sizeof(name), "%u.g", n);
		world_put(world_file(&w, name), n, n + 1);
		for (uint32_t k = 0; k <= n; k++) {
			event_base_loop(w.base, EVLOOP_NONBLOCK);
			if (w.n_questions)
				world_answer(&w);
		}
	}
	world_settle(&w);
	for (size_t i = 0; i < w.n_hits; i++)
		seen[w.hits[i].u.offence.filter] |= 1u << world_number(&w.hits[i].u.offence.addr);
	for (uint32_t f = 0; f < 6; f++)
		assert_int_equal(seen[f], f % 2 ? 7 : 8191);
	assert_int_equal(w.n_hits, 6 * 3 + 3 * 10);
	world_fini(&w);
}

static void
the_first_entry_that_is_alive_is_read(void **state)
{
	struct world w;
	const char *first, *second;

	(void)state;
	world_init(&w);
	first = world_file(&w, "first");
	second = world_file(&w, "second");
	world_filter(&w, "one",
	    (struct build_source[]){{.kind = BUILD_FILE, .path = first, .entry = 0},
		{.kind = BUILD_FILE, .path = second, .entry = 1}},
	    2, false);
	world_filter(&w, "all",
	    (struct build_source[]){{.kind = BUILD_FILE, .path = first, .entry = 0},
		{.kind = BUILD_FILE, .path = second, .entry = 1}},
	    2, true);
	world_ready(&w);
	world_put(second, 0, 0);
	world_up(&w);
	world_put(second, 0, 10); /* alone */
	world_settle(&w);
	world_expect_of(&w, 0, 0, 10);
	world_put(first, 10, 20); /* appears, and is the better one */
	world_settle(&w);
	world_expect_of(&w, 0, 0, 20);
	world_put(second, 20, 25);
	world_settle(&w);
	world_expect_of(&w, 0, 0, 20);
	world_expect_of(&w, 1, 0, 25);
	/* A moment without it is a rotation; longer means that it is gone. */
	world_now = clock_real();
	assert_int_equal(unlink(first), 0);
	world_put(second, 25, 26);
	world_settle(&w);
	world_expect_of(&w, 0, 0, 20);
	world_now += SOURCES_GRACE + USEC_PER_SEC;
	world_put(world_file(&w, "any change"), 0, 0);
	world_settle(&w);
	world_put(second, 26, 40);
	world_settle(&w);
	world_expect_of(&w, 1, 0, 40);
	for (size_t i = 0; i < w.n_hits; i++)
		if (w.hits[i].u.offence.filter == 0 &&
		    world_number(&w.hits[i].u.offence.addr) >= 20)
			assert_true(world_number(&w.hits[i].u.offence.addr) >= 26);
	world_fini(&w);
}

static void
what_was_on_stand_by_is_not_counted_again(void **state)
{
	struct world w;
	const char *first, *second;

	(void)state;
	world_init(&w);
	first = world_file(&w, "first");
	second = world_file(&w, "second");
	world_filter(&w, "one",
	    (struct build_source[]){{.kind = BUILD_FILE, .path = first, .entry = 0},
		{.kind = BUILD_FILE, .path = second, .entry = 1}},
	    2, false);
	world_ready(&w);
	world_put(first, 0, 0);
	world_put(second, 0, 0);
	world_up(&w);
	/* Both carry every line, as the journal and rsyslog's file do. */
	world_put(first, 0, 10);
	world_put(second, 0, 10);
	world_settle(&w);
	world_expect(&w, 0, 10);
	assert_int_equal(world_slot(&w, "file", second)->state, STATS_STANDBY);
	world_down(&w);
	assert_int_equal(unlink(first), 0);
	world_up(&w);
	world_expect(&w, 0, 10);
	world_put(second, 10, 12);
	world_settle(&w);
	world_expect(&w, 0, 12);
	world_fini(&w);
}

/* Writes a live line now and then while the other file is being caught up with, and looks how much
 * of that came before it. */
static struct {
	const char *path;
	uint32_t written, seen;
	size_t at, worst;
} live;

static void
write_live(struct world *w)
{
	if (w->hits[w->n_hits - 1].u.offence.filter == 1 && live.seen < live.written) {
		live.seen++;
		if (w->n_hits - live.at > live.worst)
			live.worst = w->n_hits - live.at;
	} else if (live.seen == live.written && w->packets % 97 == 0) {
		live.at = w->n_hits;
		world_put(live.path, live.written, live.written + 1);
		live.written++;
	}
}

static void
live_lines_do_not_wait_for_a_catch_up(void **state)
{
	struct world w;
	const char *big;

	(void)state;
	world_init(&w);
	big = world_file(&w, "big");
	memset(&live, 0, sizeof(live));
	live.path = world_file(&w, "live");
	world_file_filter(&w, "big", big);
	world_file_filter(&w, "live", live.path);
	world_ready(&w);
	world_put(big, 0, 0);
	world_put(live.path, 0, 0);
	world_up(&w);
	world_put(big, 0, 300000); /* some twenty blocks */
	w.on_packet = write_live;
	world_settle(&w);
	assert_true(live.written > 5);
	world_expect_of(&w, 0, 0, 300000);
	world_expect_of(&w, 1, 0, live.written);
	/* The block that was being read when it came, and no more. */
	assert_in_range(live.worst, 1, FILE_BLOCK / 13 + CHAN_BATCH);
	world_fini(&w);
}

static void
proxies_ban_nobody(void **state)
{
	struct world w;
	const char *log;

	(void)state;
	world_init(&w);
	log = world_file(&w, "log");
	world_file_filter(&w, "f", log);
	image_build_settings(w.build)->proxies.first = image_build_prefix(w.build, "10.0.0.0/31");
	image_build_prefix(w.build, "2001:db8::/112");
	image_build_settings(w.build)->proxies.n = 2;
	world_ready(&w);
	world_put(log, 0, 0);
	world_up(&w);
	world_put(log, 0, 4);
	world_put_text(log, "good 10.0.0.1\n");
	world_settle(&w);
	assert_int_equal(w.n_hits, 4);
	assert_int_equal(w.hits[0].type, MSG_GATEWAY);
	assert_int_equal(w.hits[1].type, MSG_GATEWAY);
	assert_int_equal(w.hits[2].type, MSG_OFFENCE);
	assert_int_equal(w.hits[3].type, MSG_GATEWAY);
	world_fini(&w);
}

static void
an_idle_reader_has_no_timer(void **state)
{
	struct world w;
	const char *log = begin(&w);

	(void)state;
	assert_int_equal(world_timers(&w, NULL), 0);
	world_put_text(log, "benign\n");
	world_settle(&w);
	assert_int_equal(world_timers(&w, NULL), 1);
	sources_save(w.sources);
	assert_int_equal(world_timers(&w, NULL), 0);
	world_put(log, 0, 1);
	world_settle(&w);
	assert_int_equal(world_timers(&w, NULL), 0);
	world_fini(&w);
}

static void
without_inotify_files_are_polled(void **state)
{
	struct world w;
	const char *log;

	(void)state;
	world_init(&w);
	log = world_file(&w, "log");
	world_file_filter(&w, "f", log);
	world_ready(&w);
	w.no_inotify = true;
	world_put(log, 0, 0);
	world_up(&w);
	assert_int_equal(world_timers(&w, NULL), 1);
	assert_int_equal(world_slot(&w, "file", log)->state, STATS_POLLED);
	world_put(log, 0, 5);
	world_settle(&w);
	assert_int_equal(w.n_hits, 0);
	event_base_loop(w.base, EVLOOP_ONCE); /* until the timer */
	world_settle(&w);
	world_expect(&w, 0, 5);
	world_fini(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_what_is_appended),
	    cmocka_unit_test(keeps_half_lines),
	    cmocka_unit_test(begins_at_the_end_on_the_very_first_start),
	    cmocka_unit_test(beginning_within_a_long_line_makes_no_line_of_its_rest),
	    cmocka_unit_test(takes_up_files_and_directories_that_appear_later),
	    cmocka_unit_test(follows_a_rename),
	    cmocka_unit_test(several_rotations_between_two_looks_lose_nothing),
	    cmocka_unit_test(a_copy_of_what_was_read_is_not_read),
	    cmocka_unit_test(follows_renames_that_come_before_it_looks),
	    cmocka_unit_test(follows_copytruncate),
	    cmocka_unit_test(follows_truncation_in_place),
	    cmocka_unit_test(follows_delete_and_create),
	    cmocka_unit_test(follows_a_symlink_that_is_turned),
	    cmocka_unit_test(skips_long_lines_to_their_end),
	    cmocka_unit_test(a_restart_within_a_long_line_does_not_make_a_line_of_its_rest),
	    cmocka_unit_test(any_bytes_are_harmless),
	    cmocka_unit_test(a_rotation_by_rename_while_down_loses_nothing),
	    cmocka_unit_test(a_rotation_by_copy_while_down_loses_nothing),
	    cmocka_unit_test(a_former_file_under_another_inode_is_known_by_its_head),
	    cmocka_unit_test(without_its_former_file_the_new_one_is_read_from_its_start),
	    cmocka_unit_test(half_a_line_in_a_rotated_file_is_not_examined),
	    cmocka_unit_test(a_killed_reader_counts_each_line_once),
	    cmocka_unit_test(a_killed_judge_counts_each_line_once),
	    cmocka_unit_test(a_judge_without_memory_gets_all_of_this_life_again),
	    cmocka_unit_test(a_full_judge_stops_reading_and_loses_nothing),
	    cmocka_unit_test(benign_lines_move_the_position),
	    cmocka_unit_test(one_file_that_many_name_is_read_once),
	    cmocka_unit_test(all_filters_of_a_new_file_see_its_first_line),
	    cmocka_unit_test(the_first_entry_that_is_alive_is_read),
	    cmocka_unit_test(what_was_on_stand_by_is_not_counted_again),
	    cmocka_unit_test(live_lines_do_not_wait_for_a_catch_up),
	    cmocka_unit_test(proxies_ban_nobody),
	    cmocka_unit_test(an_idle_reader_has_no_timer),
	    cmocka_unit_test(without_inotify_files_are_polled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
