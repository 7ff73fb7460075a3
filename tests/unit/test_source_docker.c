/* links: reader */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader_world.h"

#include "reader/source_docker.h"

#define ID   "4c01db0b339c"
#define TIME "2026-11-02T09:00:00.123456789Z"
#define USEC 1793610000123456

static const char config[] =
    "{\"StreamConfig\":{},\"State\":{\"Running\":true,\"Pid\":123},\"ID\":\"" ID "\","
    "\"Config\":{\"Hostname\":\"x\",\"Env\":[\"A=1\",\"Name=no\"],\"Labels\":{\"guardd.filter\":"
    "\"f\","
    "\"com.docker.compose.service\":\"web \\u00e9\"}},\"Name\":\"/shop-web-1\",\"LogPath\":\"/x\"}";

static uint32_t
add_filter(struct world *w, const char *dir, const char *const *names, const char *const *labels)
{
	uint32_t f = world_filter(
	    w, "f", &(struct build_source){.kind = BUILD_DOCKER, .path = dir}, 1, false);
	struct span units = image_build_list(w->build, names);
	struct span list = image_build_list(w->build, labels);
	struct image_source *s =
	    image_build_at(w->build, IMAGE_SOURCES, image_build_count(w->build, IMAGE_SOURCES) - 1);

	s->units = units;
	s->labels = list;
	return f;
}

static const char *
container(struct world *w, const char *id, const char *text)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/%s", w->dir, id);
	assert_int_equal(mkdir(path, 0755), 0);
	snprintf(path, sizeof(path), "%s/%s/config.v2.json", w->dir, id);
	world_put_text(path, text);
	snprintf(path, sizeof(path), "%s/%s-json.log", id, id);
	world_put(world_file(w, path), 0, 0);
	return world_file(w, path);
}

static void
put_docker(const char *path, uint32_t from, uint32_t to)
{
	char line[64], text[256];

	for (uint32_t i = from; i < to; i++) {
		line[world_line(line, sizeof(line), i) - 1] = 0;
		snprintf(text, sizeof(text),
		    "{\"log\":\"%s\\n\",\"stream\":\"%s\",\"time\":\"" TIME "\"}\n", line,
		    i % 3 ? "stdout" : "stderr");
		world_put_text(path, text);
	}
}

static const char *
begin(struct world *w)
{
	const char *log;

	world_init(w);
	add_filter(w, w->dir, (const char *const[]){"shop-*", NULL}, NULL);
	world_ready(w);
	log = container(w, ID, config);
	world_up(w);
	return log;
}

static void
reads_lines_and_their_time(void **state)
{
	struct world w;
	const char *log = begin(&w);

	(void)state;
	put_docker(log, 0, 10);
	world_settle(&w);
	world_expect(&w, 0, 10);
	for (size_t i = 0; i < 10; i++) {
		assert_int_equal(w.hits[i].u.offence.time, USEC);
		assert_int_equal(w.hits[i].u.offence.flags & OFFENCE_UNDATED, 0);
	}
	assert_string_equal(world_slot(&w, "docker", ID)->name, "shop-web-1");
	world_fini(&w);
}

static void
joins_pieces_per_stream(void **state)
{
	struct world w;
	const char *log = begin(&w);

	(void)state;
	world_put_text(log, "{\"log\":\"bad 10.\",\"stream\":\"stdout\",\"time\":\"" TIME "\"}\n");
	world_settle(&w);
	world_put_text(log, "{\"log\":\"bad 20\",\"stream\":\"stderr\",\"time\":\"" TIME "\"}\n"
			    "{\"log\":\"0.0\",\"stream\":\"stdout\",\"time\":\"" TIME "\"}\n"
			    "{\"log\":\"01:db8:\",\"stream\":\"stderr\",\"time\":\"" TIME "\"}\n");
	world_settle(&w);
	assert_int_equal(w.n_hits, 0);
	world_put_text(log, "{\"log\":\".0\\n\",\"stream\":\"stdout\",\"time\":\"" TIME "\"}\n");
	world_settle(&w);
	world_expect(&w, 0, 1);
	/* The other half is not forgotten over a restart, nor is the first line counted again. */
	world_down(&w);
	world_up(&w);
	world_put_text(log, "{\"log\":\":0:1\\n\",\"stream\":\"stderr\",\"time\":\"" TIME "\"}\n");
	world_settle(&w);
	world_expect(&w, 0, 2);
	put_docker(log, 2, 4);
	world_settle(&w);
	world_expect(&w, 0, 4);
	world_fini(&w);
}

static void
messages_that_are_too_long_are_skipped(void **state)
{
	struct world w;
	const char *log = begin(&w);
	char *text = malloc(20000), *escapes = malloc(130000);

	(void)state;
	put_docker(log, 0, 1);
	sprintf(text, "{\"log\":\"%016384d\",\"stream\":\"stdout\",\"time\":\"" TIME "\"}\n", 0);
	for (int i = 0; i < 5; i++)
		world_put_text(log, text);
	world_put_text(
	    log, "{\"log\":\"bad 10.0.0.9\\n\",\"stream\":\"stdout\",\"time\":\"" TIME "\"}\n");
	put_docker(log, 1, 2);
	world_settle(&w);
	world_expect(&w, 0, 2);
	assert_int_equal(world_slot(&w, "docker", ID)->unexamined, 1);
	/* The longest piece there can be: every byte an escape. */
	strcpy(escapes, "{\"log\":\"");
	for (int i = 0; i < 16384; i++)
		strcpy(escapes + 8 + 6 * i, "\\u0001");
	strcat(escapes, "\\n\",\"stream\":\"stdout\",\"time\":\"" TIME "\"}\n");
	world_put_text(log, escapes);
	put_docker(log, 2, 3);
	world_settle(&w);
	world_expect(&w, 0, 3);
	assert_int_equal(world_slot(&w, "docker", ID)->unexamined, 1);
	free(text);
	free(escapes);
	world_fini(&w);
}

static void
lines_that_are_no_json_are_counted(void **state)
{
	struct world w;
	const char *log = begin(&w);

	(void)state;
	world_put_text(log, "bad 10.0.0.1\n{\"log\":\"bad 10.0.0.1\\n\"\n{}\n[]\n\n");
	put_docker(log, 0, 1);
	world_settle(&w);
	world_expect(&w, 0, 1);
	assert_int_equal(world_slot(&w, "docker", ID)->unexamined, 5);
	world_fini(&w);
}

static void
follows_rotation_also_while_down(void **state)
{
	struct world w;
	const char *log = begin(&w);
	char old[300];

	(void)state;
	snprintf(old, sizeof(old), "%s.1", log);
	put_docker(log, 0, 10);
	world_settle(&w);
	assert_int_equal(rename(log, old), 0);
	put_docker(log, 10, 20);
	world_settle(&w);
	world_expect(&w, 0, 20);
	put_docker(log, 20, 25);
	world_kill(&w);
	assert_int_equal(rename(log, old), 0);
	put_docker(log, 25, 30);
	world_up(&w);
	world_expect(&w, 0, 30);
	world_fini(&w);
}

static void
containers_are_chosen_by_name_or_label(void **state)
{
	static const struct {
		const char *names[2], *labels[2];
		bool wanted;
	} cases[] = {
	    {{NULL}, {NULL}, true},
	    {{"shop-web-1"}, {NULL}, true},
	    {{"shop-*"}, {NULL}, true},
	    {{"/shop-*"}, {NULL}, false},
	    {{"no"}, {NULL}, false},
	    {{"no"}, {"guardd.filter"}, true},
	    {{NULL}, {"guardd.filter=f"}, true},
	    {{NULL}, {"guardd.filter=g"}, false},
	    {{NULL}, {"guardd"}, false},
	    {{NULL}, {"com.docker.compose.service=web \xc3\xa9"}, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct world w;
		const char *log;

		world_init(&w);
		add_filter(&w, w.dir, (const char *const[]){cases[i].names[0], NULL},
		    (const char *const[]){cases[i].labels[0], NULL});
		world_ready(&w);
		world_up(&w);
		log = container(&w, ID, config);
		put_docker(log, 0, 3);
		world_settle(&w);
		world_expect(&w, 0, cases[i].wanted ? 3 : 0);
		world_fini(&w);
	}
}

static void
a_container_that_is_removed_is_forgotten(void **state)
{
	struct world w;
	const char *log = begin(&w);
	char dir[300];

	(void)state;
	put_docker(log, 0, 5);
	world_settle(&w);
	world_now = clock_real();
	snprintf(dir, sizeof(dir), "%s/" ID, w.dir);
	put_docker(log, 5, 6);
	nftw(dir, world_remove, 8, FTW_DEPTH | FTW_PHYS);
	world_settle(&w);
	world_expect(&w, 0, 6);
	world_now += SOURCES_GRACE + USEC_PER_SEC;
	log = container(&w, "other", config);
	put_docker(log, 6, 8);
	world_settle(&w);
	world_expect(&w, 0, 8);
	assert_int_equal(world_slot(&w, "docker", ID)->state, STATS_ABSENT);
	assert_int_equal(world_slot(&w, "docker", "other")->state, STATS_LIVE);
	world_fini(&w);
}

static void
both_ways_of_reading_a_line_agree(void **state)
{
	static const char *const lines[] = {
	    "{\"log\":\"x\\n\",\"stream\":\"stdout\",\"time\":\"" TIME "\"}",
	    "{\"log\":\"\",\"stream\":\"stderr\",\"time\":\"2026-11-02T09:00:00Z\"}",
	    "{\"log\":\"a\\\\\",\"stream\":\"stderr\",\"time\":\"2024-02-29T23:59:60.1Z\"}",
	    "{\"log\":\"\\\"\\\\\\\"\\u00e9\\ud83d\\ude00\\n\",\"stream\":\"stdout\",\"time\":"
	    "\"" TIME "\"}",
	};
	static const char *const slow_only[] = {
	    "{\"log\":\"x\\n\",\"stream\":\"stdout\",\"attrs\":{\"a\":\"b\"},\"time\":\"" TIME
	    "\"}",
	    "{\"time\":\"" TIME "\",\"stream\":\"stdout\",\"log\":\"x\\n\"}",
	    "{\"log\": \"x\\n\", \"stream\": \"stdout\", \"time\": \"" TIME "\"}",
	};
	char *fast_room = malloc(DOCKER_ROOM), *slow_room = malloc(DOCKER_ROOM);
	struct docker_piece fast, slow;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		assert_int_equal(
		    docker_piece_fast(&fast, lines[i], strlen(lines[i]), fast_room), 0);
		assert_int_equal(
		    docker_piece_slow(&slow, lines[i], strlen(lines[i]), slow_room), 0);
		assert_int_equal(fast.len, slow.len);
		assert_memory_equal(fast.text, slow.text, fast.len);
		assert_int_equal(fast.time, slow.time);
		assert_int_equal(fast.stream, slow.stream);
	}
	for (size_t i = 0; i < sizeof(slow_only) / sizeof(*slow_only); i++) {
		const char *l = slow_only[i];

		assert_int_equal(docker_piece_fast(&fast, l, strlen(l), fast_room), -EINVAL);
		assert_int_equal(docker_piece_slow(&slow, l, strlen(l), slow_room), 0);
		assert_int_equal(slow.len, 2);
		assert_int_equal(slow.time, USEC);
	}
	free(fast_room);
	free(slow_room);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_lines_and_their_time),
	    cmocka_unit_test(joins_pieces_per_stream),
	    cmocka_unit_test(messages_that_are_too_long_are_skipped),
	    cmocka_unit_test(lines_that_are_no_json_are_counted),
	    cmocka_unit_test(follows_rotation_also_while_down),
	    cmocka_unit_test(containers_are_chosen_by_name_or_label),
	    cmocka_unit_test(a_container_that_is_removed_is_forgotten),
	    cmocka_unit_test(both_ways_of_reading_a_line_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
