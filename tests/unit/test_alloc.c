/* links: reader */
/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The hot path allocates nothing once it has run: every malloc of this process is counted, those of
 * PCRE2, libevent and libc as well. Under a sanitizer, which has an allocator of its own, there is
 * nothing to count.
 */
#include "reader_world.h"

#include <sys/mman.h>
#include <sys/wait.h>

#include "reader/pattern.h"
#include "reader/source_docker.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

static uint64_t calls;

#ifndef SANITIZED
extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);
extern void *__libc_memalign(size_t align, size_t n);
extern void __libc_free(void *p);

void *
malloc(size_t n)
{
	calls++;
	return __libc_malloc(n);
}

void *
calloc(size_t n, size_t size)
{
	calls++;
	return __libc_calloc(n, size);
}

void *
realloc(void *p, size_t n)
{
	calls++;
	return __libc_realloc(p, n);
}

void *
memalign(size_t align, size_t n)
{
	calls++;
	return __libc_memalign(align, n);
}

void *
aligned_alloc(size_t align, size_t n)
{
	return memalign(align, n);
}

int
posix_memalign(void **out, size_t align, size_t n)
{
	*out = memalign(align, n);
	return *out ? 0 : ENOMEM;
}

void
free(void *p)
{
	calls += p != NULL;
	__libc_free(p);
}
#endif

/* ---- all shipped filters ---- */

struct shipped {
	struct image img;
	struct engine *engine;
	struct lane *lane;
	struct lane_counts counts;
	uint64_t hits;
};

/* What guardd-conf beside this test makes of the shipped files. */
static void
load(struct shipped *s)
{
	int fd = memfd_create("image", MFD_CLOEXEC | MFD_ALLOW_SEALING), status;
	char path[512], *error = NULL;
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 32);
	pid_t pid;

	assert_true(fd >= 0 && n > 0);
	path[n] = 0;
	dirname(dirname(path));
	strcat(path, "/guardd-conf");
	pid = fork();
	if (pid == 0) {
		dup2(fd, 4);
		execl(path, "guardd-conf", "-c", "/nonexistent", "-s", ".", "-e", "/nonexistent",
		    "--image", NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(image_open(&s->img, fd), 0);
	close(fd);
	assert_int_equal(engine_new(&s->engine, &s->img, &error), 0);
}

static void
load_lane(struct shipped *s)
{
	uint32_t n = 0, all = image_count(&s->img, IMAGE_FILTERS);
	struct lane_filter filters[256];

	assert_in_range(all, 10, 256);
	for (; n < all; n++)
		filters[n] = (struct lane_filter){n, UINT32_MAX};
	assert_int_equal(lane_new(&s->lane, s->engine, filters, n), 0);
}

static void
unload(struct shipped *s)
{
	lane_free(s->lane);
	engine_free(s->engine);
	image_close(&s->img);
}

static void
on_hit(void *ctx, const struct hit *h)
{
	(void)h;
	((struct shipped *)ctx)->hits++;
}

/* Every line of every example of every filter, and as many that no pattern knows. */
static size_t
gather(const struct shipped *s, char *out, size_t room)
{
	size_t n = 0;

	for (uint32_t f = 0; f < image_count(&s->img, IMAGE_FILTERS); f++) {
		struct span all = s->img.filters[f].examples;

		for (uint32_t i = all.first; i < all.first + all.n; i++)
			for (uint32_t k = 0; k < s->img.examples[i].lines.n; k++)
				n += (size_t)snprintf(out + n, room - n,
				    "%s%s\n<86>Nov  2 09:00:00 host CRON[7]: session opened\n",
				    s->img.examples[i].whole ? ""
							     : "Nov  2 09:00:00 host sshd[77]: ",
				    image_list(&s->img, s->img.examples[i].lines, k));
	}
	assert_true(n < room);
	return n;
}

static void
feed_block(struct shipped *s, const char *text, size_t n, usec_t now)
{
	struct lane_sink sink = {.on_hit = on_hit, .ctx = s, .counts = &s->counts};

	lane_block(s->lane, text, n, now, &sink);
}

static void
feed_messages(struct shipped *s, usec_t now)
{
	struct lane_sink sink = {.on_hit = on_hit, .ctx = s, .counts = &s->counts};

	for (uint32_t f = 0; f < image_count(&s->img, IMAGE_FILTERS); f++) {
		const struct image_filter *filter = &s->img.filters[f];
		const char *program =
		    filter->programs.n ? image_list(&s->img, filter->programs, 0) : NULL;

		for (uint32_t i = filter->examples.first;
		     i < filter->examples.first + filter->examples.n; i++)
			for (uint32_t k = 0; k < s->img.examples[i].lines.n; k++) {
				const char *text = image_list(&s->img, s->img.examples[i].lines, k);
				struct lane_message m = {.text = text,
				    .len = strlen(text),
				    .program = program,
				    .program_len = program ? strlen(program) : 0,
				    .time = now};

				lane_message(s->lane, &m, now, &sink);
			}
	}
}

static char room[4 << 20];

static void
lanes_allocate_nothing(void **state)
{
	struct shipped s = {0};
	usec_t now = clock_real();
	size_t n;

	(void)state;
	load(&s);
	load_lane(&s);
	n = gather(&s, room, sizeof(room));
	feed_block(&s, room, n, now);
	feed_messages(&s, now);
	s.hits = 0;
	calls = 0;
	for (int i = 1; i <= 10; i++)
		feed_block(&s, room, n, now + i * USEC_PER_SEC);
	assert_int_equal(calls, 0);
	assert_true(s.hits > 500);
	s.hits = 0;
	for (int i = 1; i <= 10; i++)
		feed_messages(&s, now + i * USEC_PER_SEC);
	assert_int_equal(calls, 0);
	assert_true(s.hits > 500);
	unload(&s);
}

/* ---- from a file to packets ---- */

/* Runs the loop until what was written is read; the world's own keeper is not asked anything. */
static void
read_all(struct world *w, const struct stats_source *slot, uint64_t lines)
{
	while (slot->lines < lines) {
		w->full = false;
		sources_judge_room(w->sources);
		event_base_loop(w->base, EVLOOP_NONBLOCK);
	}
}

static void
files_and_packets_allocate_nothing(void **state)
{
	struct world w;
	struct stats_source *slot;
	const char *path;

	(void)state;
	world_init(&w);
	path = world_file(&w, "a.log");
	world_file_filter(&w, "f", path);
	world_ready(&w);
	world_put(path, 0, 1);
	world_up(&w);
	slot = world_slot(&w, "file", path);
	w.swallow = true;
	world_put(path, 1, 50001);
	read_all(&w, slot, 50000);
	assert_int_equal(slot->matched, 50000);
	world_put(path, 50001, 200001);
	calls = 0;
	read_all(&w, slot, 200000);
	assert_int_equal(calls, 0);
	assert_int_equal(slot->matched, 200000);
	world_fini(&w);
}

/* The judge refuses every other packet. */
static void
refuse(struct outbox *o, const struct msg *hit, struct msg_position *p)
{
	for (int i = 0; i < 700; i++) {
		p->file.offset++;
		outbox_add(o, hit, p);
	}
	outbox_close(o, p);
}

static bool taken;

static int
send_or_not(void *ctx, const struct msg *m, size_t n)
{
	(void)ctx;
	(void)m;
	(void)n;
	return taken ? 0 : -EAGAIN;
}

static void
a_stalled_outbox_allocates_nothing(void **state)
{
	const struct msg hit = {.type = MSG_OFFENCE};
	struct msg_position p = {0};
	struct outbox *o;

	(void)state;
	assert_int_equal(outbox_new(&o, send_or_not, NULL), 0);
	calls = 0;
	for (int i = 0; i < 100; i++) {
		taken = false;
		refuse(o, &hit, &p);
		assert_true(outbox_stalled(o));
		taken = true;
		assert_true(outbox_resume(o));
	}
	assert_int_equal(calls, 0);
	assert_int_equal(outbox_lost(o), 0);
	outbox_free(o);
}

static void
joined_messages_of_containers_allocate_nothing(void **state)
{
	static const char half[] = "{\"log\":\"one half, \",\"stream\":\"stdout\","
				   "\"time\":\"2026-11-02T09:00:00.123456789Z\"}",
			  rest[] = "{\"log\":\"another\\n\",\"stream\":\"stdout\","
				   "\"time\":\"2026-11-02T09:00:00.123456789Z\"}";
	char *scratch = malloc(DOCKER_ROOM);
	struct source_docker *d;
	struct docker_message m;

	(void)state;
	assert_int_equal(source_docker_new(&d), 0);
	for (int i = 0; i < 1000; i++) {
		if (i == 1)
			calls = 0;
		assert_int_equal(source_docker_line(d, half, sizeof(half) - 1, scratch, &m), 0);
		assert_int_equal(source_docker_line(d, rest, sizeof(rest) - 1, scratch, &m), 1);
		assert_int_equal(m.len, strlen("one half, another"));
	}
	assert_int_equal(calls, 0);
	source_docker_free(d);
	free(scratch);
}

/* The counter counts, also what libraries take. */
static void
allocations_are_seen(void **state)
{
	struct pattern_room *r;
	struct event_base *base;
	uint64_t before = calls;

	(void)state;
#ifdef SANITIZED
	skip();
#endif
	assert_int_equal(pattern_room_new(&r, 4), 0);
	assert_true(calls >= before + 4); /* three of them are PCRE2's */
	pattern_room_free(r);
	before = calls;
	base = event_base_new();
	assert_true(calls > before);
	event_base_free(base);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(allocations_are_seen),
	    cmocka_unit_test(lanes_allocate_nothing),
	    cmocka_unit_test(files_and_packets_allocate_nothing),
	    cmocka_unit_test(a_stalled_outbox_allocates_nothing),
	    cmocka_unit_test(joined_messages_of_containers_allocate_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
