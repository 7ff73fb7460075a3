/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * For tests of the reader: real files and real inotify, a keeper and a judge that are functions of
 * the test. Comes in: an image and what a test does to its files. Goes out: the hits that a judge
 * would have committed, with the positions of the same packets. Lines are numbered, so that each
 * can be counted: even ones carry an IPv4 address, odd ones IPv6. Include it in one .c file.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <libgen.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "base/log.h"
#include "image_build.h"
#include "reader/position.h"
#include "reader/sources.h"
#include "reader/turns.h"

#pragma GCC diagnostic ignored "-Wunused-function" /* not every test uses all of them */

#define WORLD_QUESTIONS 4096
#define WORLD_PATHS     256

struct world {
	char dir[64];
	struct image_build *build;
	struct image img;
	struct engine *engine;
	struct counters *counters;
	struct event_base *base;
	struct outbox *outbox;
	struct sources *sources;
	/* the keeper */
	struct msg questions[WORLD_QUESTIONS];
	size_t n_questions;
	int inotify;
	char *paths[WORLD_PATHS];
	uint32_t n_paths;
	unsigned scans, finds;
	bool no_inotify;
	bool journal_alive;
	int (*tell)(
	    const struct msg *m, int fd); /* how answers travel; NULL: straight to the sources */
	/* the judge */
	struct msg *hits; /* committed */
	size_t n_hits, room;
	struct positions saved;
	bool full;    /* takes nothing */
	bool swallow; /* takes all and commits nothing: it will be killed */
	size_t packets, packet_max;
	void (*on_packet)(struct world *w); /* after each committed packet */
};

static usec_t world_now;

static usec_t
world_clock(void)
{
	return world_now ? world_now : clock_real();
}

/* ---- the judge ---- */

static int
world_send(void *ctx, const struct msg *m, size_t n)
{
	struct world *w = ctx;

	if (w->full)
		return -EAGAIN;
	assert_in_range(n, 1, CHAN_BATCH);
	assert_int_equal(m[n - 1].type, MSG_POSITION);
	if (w->swallow)
		return 0;
	w->packets++;
	if (n > w->packet_max)
		w->packet_max = n;
	for (size_t i = 0; i < n; i++) {
		if (m[i].type == MSG_POSITION) {
			assert_int_equal(i, n - 1);
			if (n > 1)
				assert_int_equal(m[0].u.offence.source, m[i].u.position.key);
			assert_int_equal(positions_put(&w->saved, &m[i].u.position), 0);
			continue;
		}
		if (w->n_hits == w->room) {
			w->room = w->room ? 2 * w->room : 1024;
			w->hits = realloc(w->hits, w->room * sizeof(*w->hits));
			assert_non_null(w->hits);
		}
		w->hits[w->n_hits++] = m[i];
	}
	if (w->on_packet)
		w->on_packet(w);
	return 0;
}

/* ---- the keeper ---- */

static int
world_ask(void *ctx, const struct msg *m)
{
	struct world *w = ctx;

	assert_true(w->n_questions < WORLD_QUESTIONS);
	w->questions[w->n_questions++] = *m;
	return 0;
}

static void
world_tell(struct world *w, const struct msg *m, int fd)
{
	assert_int_equal(w->tell ? w->tell(m, fd) : sources_on_keeper(w->sources, m, fd), 0);
}

static uint32_t
world_path(struct world *w, const char *path)
{
	for (uint32_t i = 0; i < w->n_paths; i++)
		if (strcmp(w->paths[i], path) == 0)
			return i;
	assert_true(w->n_paths < WORLD_PATHS);
	w->paths[w->n_paths] = strdup(path);
	return w->n_paths++;
}

static void
world_watch_dir(struct world *w, uint32_t id, uint32_t source, const char *path)
{
	struct msg m = {.type = MSG_WATCHED, .id = id};
	char dir[512];

	snprintf(dir, sizeof(dir), "%s", path);
	do
		dirname(dir);
	while (access(dir, F_OK) < 0);
	m.u.watched.wd = inotify_add_watch(w->inotify, dir,
	    IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF);
	assert_true(m.u.watched.wd >= 0);
	m.u.watched.source = source;
	m.u.watched.directory = 1;
	world_tell(w, &m, -1);
}

static void
world_send_name(struct world *w, uint32_t id, uint32_t source, uint32_t instance, const char *text)
{
	size_t len = strlen(text), max = sizeof(((struct msg *)0)->u.name.text);

	for (size_t at = 0; at < len; at += max) {
		struct msg m = {.type = MSG_NAME, .id = id};

		m.u.name.source = source;
		m.u.name.instance = instance;
		m.u.name.part = (uint16_t)(at / max);
		m.u.name.len = (uint16_t)(len - at < max ? len - at : max);
		memcpy(m.u.name.text, text + at, m.u.name.len);
		world_tell(w, &m, -1);
	}
}

static void
world_open_file(struct world *w, const struct msg *q, const char *kind, const char *key,
    const char *path, enum opened_what what)
{
	struct msg m = {.type = MSG_OPENED, .id = q->id};
	struct stat st = {0};
	char text[600];
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	m.u.opened.source = q->u.scan.source;
	m.u.opened.instance = world_path(w, key);
	m.u.opened.what = what;
	m.u.opened.wd = -1;
	m.u.opened.status = fd < 0 ? -errno : 0;
	if (fd >= 0) {
		fstat(fd, &st);
		if (what == OPENED_LOG && !w->no_inotify)
			m.u.opened.wd = inotify_add_watch(w->inotify, path,
			    IN_MODIFY | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF);
	}
	m.u.opened.dev = st.st_dev;
	m.u.opened.ino = st.st_ino;
	snprintf(text, sizeof(text), "%s:%s", kind, key);
	m.u.opened.key = hash_text(text);
	world_send_name(w, q->id, q->u.scan.source, m.u.opened.instance, key);
	world_tell(w, &m, fd);
}

static uint32_t
world_scan_files(struct world *w, const struct msg *q, const char *pattern)
{
	uint32_t files = 0;
	glob_t g = {0};

	world_watch_dir(w, q->id, q->u.scan.source, pattern);
	if (glob(pattern, 0, NULL, &g) == 0)
		for (size_t i = 0; i < g.gl_pathc; i++, files++) {
			world_watch_dir(w, q->id, q->u.scan.source, g.gl_pathv[i]);
			world_open_file(w, q, "file", g.gl_pathv[i], g.gl_pathv[i], OPENED_LOG);
		}
	globfree(&g);
	return files;
}

/* Containers are directories whose name is their id. */
static uint32_t
world_scan_docker(struct world *w, const struct msg *q, const char *dir)
{
	uint32_t files = 0;
	char path[512];
	glob_t g = {0};

	snprintf(path, sizeof(path), "%s/x", dir);
	world_watch_dir(w, q->id, q->u.scan.source, path);
	snprintf(path, sizeof(path), "%s/*", dir);
	if (glob(path, GLOB_ONLYDIR, NULL, &g) == 0)
		for (size_t i = 0; i < g.gl_pathc; i++, files++) {
			const char *id = basename(g.gl_pathv[i]);

			snprintf(path, sizeof(path), "%s/%s/config.v2.json", dir, id);
			world_watch_dir(w, q->id, q->u.scan.source, path);
			world_open_file(w, q, "docker", id, path, OPENED_DOCKER);
			snprintf(path, sizeof(path), "%s/%s/%s-json.log", dir, id, id);
			world_open_file(w, q, "docker", id, path, OPENED_LOG);
		}
	globfree(&g);
	return files;
}

static int
world_scan_journal(struct world *w, const struct msg *q, const char *dir)
{
	char path[512];
	glob_t g = {0};
	int r;

	if (!*dir)
		return w->journal_alive ? 0 : -ENOENT;
	snprintf(path, sizeof(path), "%s/*.journal", dir);
	world_watch_dir(w, q->id, q->u.scan.source, path);
	r = glob(path, 0, NULL, &g) == 0 ? 0 : -ENOENT;
	globfree(&g);
	return r;
}

static void
world_scan(struct world *w, const struct msg *q)
{
	const struct image_source *s = &w->img.sources[q->u.scan.source];
	const char *path = image_str(&w->img, s->path);
	struct msg m = {.type = MSG_SCANNED, .id = q->id};

	w->scans++;
	m.u.scanned.source = q->u.scan.source;
	m.u.scanned.polled = w->no_inotify;
	if (s->kind == SOURCE_JOURNAL)
		m.u.scanned.status = world_scan_journal(w, q, path);
	else if (s->kind == SOURCE_DOCKER)
		m.u.scanned.files = world_scan_docker(w, q, path);
	else
		m.u.scanned.files = world_scan_files(w, q, path);
	world_tell(w, &m, -1);
}

static bool
world_is_wanted(int fd, const struct stat *st, const struct msg_find *f, int64_t *best)
{
	int64_t t = st->st_mtim.tv_sec * 1000000000LL + st->st_mtim.tv_nsec;
	char head[FILE_HEAD_MAX];

	if (f->after) {
		if (t < f->after || t >= *best || st->st_ino == f->ino)
			return false;
		*best = t;
		return true;
	}
	if (f->ino)
		return st->st_ino == f->ino;
	return f->head_len && pread(fd, head, f->head_len, 0) == (ssize_t)f->head_len &&
	       hash_bytes(&hash_stable, head, f->head_len) == f->head_hash;
}

static void
world_find(struct world *w, const struct msg *q)
{
	const struct msg_find *f = &q->u.find;
	struct msg m = {.type = MSG_FOUND, .id = q->id};
	char pattern[512];
	struct stat st = {0};
	glob_t g = {0};
	int64_t best = INT64_MAX;
	struct stat kept = {0};
	int found = -1;

	w->finds += !f->after;
	if (w->img.sources[f->source].kind == SOURCE_DOCKER)
		snprintf(pattern, sizeof(pattern), "%s/%s/*.log.*",
		    image_str(&w->img, w->img.sources[f->source].path), w->paths[f->instance]);
	else
		snprintf(pattern, sizeof(pattern), "%s*", w->paths[f->instance]);
	if (glob(pattern, 0, NULL, &g) == 0)
		for (size_t i = 0; i < g.gl_pathc && (found < 0 || f->after); i++) {
			int fd = open(g.gl_pathv[i], O_RDONLY | O_CLOEXEC);

			if (fd >= 0 && fstat(fd, &st) == 0 && world_is_wanted(fd, &st, f, &best)) {
				closep(&found);
				found = fd;
				kept = st;
			} else if (fd >= 0) {
				close(fd);
			}
		}
	globfree(&g);
	m.u.opened.source = f->source;
	m.u.opened.instance = f->instance;
	m.u.opened.what = OPENED_OLD;
	m.u.opened.wd = -1;
	m.u.opened.status = found < 0 ? -ENOENT : 0;
	m.u.opened.dev = kept.st_dev;
	m.u.opened.ino = kept.st_ino;
	world_tell(w, &m, found);
}

static void
world_answer(struct world *w)
{
	struct msg q = w->questions[0];

	w->n_questions--;
	memmove(w->questions, w->questions + 1, w->n_questions * sizeof(q));
	if (q.type == MSG_HELLO) {
		w->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
		world_tell(w, &(struct msg){.type = MSG_INOTIFY, .id = q.id},
		    fcntl(w->inotify, F_DUPFD_CLOEXEC, 0));
	} else if (q.type == MSG_SCAN) {
		world_scan(w, &q);
	} else {
		assert_int_equal(q.type, MSG_FIND);
		world_find(w, &q);
	}
}

static int
world_count_timer(const struct event_base *base, const struct event *e, void *arg)
{
	struct timeval tv, now;

	event_base_gettimeofday_cached((struct event_base *)base, &now);
	if (event_pending(e, EV_TIMEOUT, &tv)) {
		((int *)arg)[0]++;
		((int *)arg)[1] += !timercmp(&tv, &now, >);
	}
	return 0;
}

/* How many timers wait, and how many of them are due. */
static int
world_timers(struct world *w, int *due)
{
	int n[2] = {0};

	event_base_foreach_event(w->base, world_count_timer, n);
	if (due)
		*due = n[1];
	return n[0];
}

static int
world_collect_timer(const struct event_base *base, const struct event *e, void *arg)
{
	struct event **list = arg;
	struct timeval tv;

	(void)base;
	while (*list)
		list++;
	if (event_pending(e, EV_TIMEOUT, &tv))
		*list = (struct event *)e;
	return 0;
}

/* All timers that wait go off, as if their time had come. */
static void
world_fire_timers(struct world *w)
{
	struct event *list[64] = {0};

	event_base_foreach_event(w->base, world_collect_timer, list);
	for (size_t i = 0; list[i]; i++)
		event_active(list[i], EV_TIMEOUT, 0);
}

/* Runs the loop and the keeper until nothing is left to do. All events come from this process, so
 * that a few quiet rounds mean that there are none. */
static void
world_settle(struct world *w)
{
	for (int quiet = 0; quiet < 4;) {
		size_t packets = w->packets;
		int due;

		event_base_loop(w->base, EVLOOP_NONBLOCK);
		quiet++;
		/* One answer a turn: what comes of it must not depend on the others' being there.
		 */
		if (w->n_questions) {
			world_answer(w);
			quiet = 0;
		}
		world_timers(w, &due);
		if (w->packets != packets || due ||
		    event_base_get_num_events(w->base, EVENT_BASE_COUNT_ACTIVE) > 0)
			quiet = 0;
	}
}

/* ---- life and death ---- */

static void
world_init(struct world *w)
{
	memset(w, 0, sizeof(*w));
	log_init("test", getenv("TEST_VERBOSE") ? LOG_DEBUG : LOG_ERR);
	world_now = 0;
	w->inotify = -1;
	snprintf(w->dir, sizeof(w->dir), "/tmp/guardd-test-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	w->build = image_build_new();
	positions_init(&w->saved);
}

/* The path of a file in the world's directory; four at a time. */
static const char *
world_file(const struct world *w, const char *name)
{
	static char paths[4][512];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", w->dir, name);
	return path;
}

/* A filter that counts "bad ADDRESS" lines of these sources. */
static uint32_t
world_filter(
    struct world *w, const char *name, const struct build_source *sources, size_t n, bool all)
{
	struct build_filter f = {.name = name,
	    .all = all,
	    .patterns = {{.kind = PATTERN_OFFENCE, .regex = "^bad <addr>$", .literals = {"bad "}},
		{.kind = PATTERN_FORGIVE, .regex = "^good <addr>$", .literals = {"good "}}}};

	memcpy(f.sources, sources, n * sizeof(*sources));
	return image_build_filter(w->build, &f);
}

static uint32_t
world_file_filter(struct world *w, const char *name, const char *path)
{
	return world_filter(
	    w, name, &(struct build_source){.kind = BUILD_FILE, .path = path}, 1, false);
}

static void
world_ready(struct world *w)
{
	char *error = NULL;

	image_build_open(w->build, &w->img);
	assert_int_equal(engine_new(&w->engine, &w->img, &error), 0);
	assert_int_equal(counters_new(&w->counters, -1, image_count(&w->img, IMAGE_FILTERS)), 0);
}

static void
world_positions(struct world *w)
{
	for (size_t i = 0; i < w->saved.n; i++)
		sources_on_position(w->sources, &w->saved.items[i]);
	sources_on_positions_end(w->sources);
}

/* A reader starts. */
static void
world_up(struct world *w)
{
	struct sources_env env = {.img = &w->img,
	    .engine = w->engine,
	    .counters = w->counters,
	    .ask = world_ask,
	    .ctx = w,
	    .clock = world_clock};

	w->base = event_base_new();
	assert_int_equal(event_base_priority_init(w->base, TURNS_PRIORITIES), 0);
	assert_int_equal(outbox_new(&w->outbox, world_send, w), 0);
	env.base = w->base;
	env.outbox = w->outbox;
	assert_int_equal(sources_new(&w->sources, &env), 0);
	sources_start(w->sources);
	world_settle(w);
	assert_false(sources_running(w->sources));
	world_positions(w);
	world_settle(w);
	assert_true(sources_running(w->sources));
}

/* kill -9 of the reader. */
static void
world_kill(struct world *w)
{
	sources_free(w->sources);
	outbox_free(w->outbox);
	event_base_free(w->base);
	if (w->inotify >= 0)
		close(w->inotify);
	w->sources = NULL;
	w->outbox = NULL;
	w->base = NULL;
	w->inotify = -1;
	w->n_questions = 0;
}

/* An orderly stop. */
static void
world_down(struct world *w)
{
	sources_save(w->sources);
	world_kill(w);
}

/* The judge dies with all it had not committed, and is started again. */
static void
world_new_judge(struct world *w)
{
	sources_judge_gone(w->sources);
	world_settle(w);
	w->swallow = w->full = false;
	world_positions(w);
	world_settle(w);
}

static int
world_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void
world_fini(struct world *w)
{
	if (w->sources)
		world_kill(w);
	counters_free(w->counters);
	engine_free(w->engine);
	image_close(&w->img);
	image_build_free(w->build);
	positions_fini(&w->saved);
	free(w->hits);
	for (uint32_t i = 0; i < w->n_paths; i++)
		free(w->paths[i]);
	nftw(w->dir, world_remove, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- lines ---- */

static size_t
world_line(char *out, size_t room, uint32_t n)
{
	if (n % 2)
		return (size_t)snprintf(out, room, "bad 2001:db8::%x:%x\n", n >> 16, n & 0xffff);
	return (size_t)snprintf(out, room, "bad 10.%u.%u.%u\n", n >> 16, n >> 8 & 255, n & 255);
}

static void
world_text(int fd, const void *text, size_t n)
{
	assert_int_equal(write(fd, text, n), n);
}

/* Appends lines from..to-1, each in a write of its own unless whole. */
static void
world_put_fd(int fd, uint32_t from, uint32_t to)
{
	char buf[65536];
	size_t n = 0;

	for (uint32_t i = from; i < to; i++) {
		n += world_line(buf + n, 64, i);
		if (n > sizeof(buf) - 64 || i + 1 == to) {
			world_text(fd, buf, n);
			n = 0;
		}
	}
}

static void
world_put(const char *path, uint32_t from, uint32_t to)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	world_put_fd(fd, from, to);
	close(fd);
}

static void
world_put_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	world_text(fd, text, strlen(text));
	close(fd);
}

static uint32_t
world_number(const struct addr *a)
{
	if (a->family == 4)
		return (uint32_t)a->bytes[1] << 16 | (uint32_t)a->bytes[2] << 8 | a->bytes[3];
	return (uint32_t)a->bytes[13] << 16 | (uint32_t)a->bytes[14] << 8 | a->bytes[15];
}

/* The committed hits of a filter are the lines from..to-1, each once, in order. */
static void
world_expect_of(struct world *w, uint32_t filter, uint32_t from, uint32_t to)
{
	uint32_t next = from;

	for (size_t i = 0; i < w->n_hits; i++) {
		const struct msg_offence *o = &w->hits[i].u.offence;

		if (o->filter != filter)
			continue;
		assert_int_equal(world_number(&o->addr), next);
		assert_int_equal(o->addr.family, next % 2 ? 6 : 4);
		next++;
	}
	assert_int_equal(next, to);
}

static void
world_expect(struct world *w, uint32_t from, uint32_t to)
{
	assert_int_equal(w->n_hits, to - from);
	world_expect_of(w, 0, from, to);
}

static struct stats_source *
world_slot(struct world *w, const char *kind, const char *name)
{
	char text[600];

	snprintf(text, sizeof(text), "%s:%s", kind, name);
	return counters_slot(w->counters, hash_text(text), SOURCE_FILE, NULL);
}
