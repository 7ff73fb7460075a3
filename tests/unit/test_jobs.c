/* links: runner */
/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the runner runs for the herald: which programs, with what around them, for how long. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "image_build.h"
#include "runner/jobs.h"

struct world {
	struct event_base *base;
	struct event *child;
	struct jobs *jobs;
	usec_t made; /* of the configuration */
	unsigned done;
	uint32_t id;
	int status;
	char output[JOBS_OUTPUT + 1];
	size_t n;
};

static void
on_done(void *ctx, uint32_t id, int status, int output)
{
	struct world *w = ctx;
	ssize_t n = output >= 0 ? pread(output, w->output, JOBS_OUTPUT + 1, 0) : 0;

	assert_true(n >= 0 && n <= JOBS_OUTPUT);
	w->output[n] = '\0';
	w->n = (size_t)n;
	w->done++;
	w->id = id;
	w->status = status;
	closep(&output);
}

static void
on_child(evutil_socket_t sig, short what, void *arg)
{
	struct world *w = arg;
	int status;
	pid_t pid;

	(void)sig;
	(void)what;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		jobs_reap(w->jobs, pid, status);
}

static int
setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	w->base = event_base_new();
	w->child = evsignal_new(w->base, SIGCHLD, on_child, w);
	assert_int_equal(event_add(w->child, NULL), 0);
	assert_int_equal(jobs_new(&w->jobs, w->base, on_done, w), 0);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	jobs_free(w->jobs);
	event_free(w->child);
	event_base_free(w->base);
	free(w);
	return 0;
}

/* A configuration with one channel: argv, until NULL. */
static void
configure(struct world *w, uint8_t kind, uint32_t timeout_s, const char *const *argv)
{
	struct image_build *b = image_build_new();
	struct image_channel c = {.kind = kind, .timeout_s = timeout_s, .per_hour = 1};
	struct image img;
	int fd;

	c.name = image_build_str(b, "pager");
	c.argv = image_build_list(b, argv);
	image_build_add(b, IMAGE_CHANNELS, &c);
	fd = image_build_fd(b);
	assert_int_equal(image_open(&img, fd), 0);
	w->made = img.head->made;
	image_close(&img);
	assert_int_equal(jobs_use_image(w->jobs, fd), 0);
	image_build_free(b);
}

static int
input(const char *text, int seals)
{
	int fd = memfd_create("input", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	if (seals)
		assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

#define SEALED (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW)

static void
ask(struct world *w, uint32_t kind, uint32_t channel, usec_t image, int fd)
{
	struct msg m = {.type = MSG_RUN, .id = 77};

	m.u.run.kind = kind;
	m.u.run.channel = channel;
	m.u.run.timeout_s = 30;
	m.u.run.image = image;
	jobs_run(w->jobs, &m, fd);
}

/* Runs sh -c script as the program of channel 0, to its end. */
static void
run(struct world *w, const char *script, uint32_t timeout_s, const char *text)
{
	const char *const argv[] = {"/bin/sh", "-c", script, NULL};

	configure(w, CHANNEL_PROGRAM, timeout_s, argv);
	ask(w, RUN_PROGRAM, 0, w->made, input(text, SEALED));
	while (w->done == 0)
		event_base_loop(w->base, EVLOOP_ONCE);
	assert_int_equal(w->id, 77);
	assert_int_equal(jobs_running(w->jobs), 0);
}

static void
test_input_and_output(void **state)
{
	struct world *w = *state;

	run(w, "cat; echo err >&2; exit 7", 30, "from the herald\n");
	assert_int_equal(w->status, 7);
	assert_string_equal(w->output, "from the herald\nerr\n");
}

static void
test_nothing_is_inherited(void **state)
{
	struct world *w = *state;
	int leak = open("/dev/null", O_RDONLY); /* without O_CLOEXEC */

	assert_int_equal(setenv("GUARDD_SECRET", "x", 1), 0);
	/* The shell's own: 255 or 10 and up may be its script; "ls" has 0, 1, 2 and its directory.
	 */
	run(w,
	    "tr '\\0' '\\n' </proc/$$/environ | sort; ls /proc/self/fd | tr '\\n' ' '; pwd; "
	    "umask",
	    30, "");
	assert_int_equal(w->status, 0);
	assert_non_null(strstr(w->output, "HOME=/\nLANG=C.UTF-8\n"));
	assert_non_null(strstr(w->output, "PATH=/usr/local/sbin:"));
	assert_null(strstr(w->output, "GUARDD_SECRET"));
	assert_non_null(strstr(w->output, "\n0 1 2 3 /\n0077\n"));
	close(leak);
	unsetenv("GUARDD_SECRET");
}

static void
test_session_of_its_own_without_a_terminal(void **state)
{
	struct world *w = *state;
	int pid, group, session, tty;

	run(w, "cut -d' ' -f1,5,6,7 /proc/$$/stat", 30, "");
	assert_int_equal(sscanf(w->output, "%d %d %d %d", &pid, &group, &session, &tty), 4);
	assert_int_equal(pid, group);
	assert_int_equal(pid, session);
	assert_int_equal(tty, 0);
}

static void
test_input_can_only_be_read(void **state)
{
	struct world *w = *state;

	run(w, "(echo x >&0) 2>/dev/null || echo refused; cat", 30, "text\n");
	assert_string_equal(w->output, "refused\ntext\n");
}

static void
test_output_is_cut_and_the_writer_does_not_wait(void **state)
{
	struct world *w = *state;

	run(w, "head -c 3000000 /dev/zero | tr '\\0' x; exit 3", 60, "");
	assert_int_equal(w->status, 3);
	assert_int_equal(w->n, JOBS_OUTPUT);
	assert_int_equal(w->output[JOBS_OUTPUT - 1], 'x');
}

static void
test_what_takes_too_long_ends_with_its_group(void **state)
{
	struct world *w = *state;
	int child;

	run(w, "sleep 1000 & echo $!; sleep 1000", 1, "");
	assert_int_equal(w->status, -ETIMEDOUT);
	assert_int_equal(sscanf(w->output, "%d", &child), 1);
	/* It ended, or waits for init to take note of that. */
	for (int i = 0; i < 500 && kill(child, 0) == 0; i++) {
		char path[64], stat[256] = "";
		_cleanup_(closep) int fd = -1;

		snprintf(path, sizeof(path), "/proc/%d/stat", child);
		fd = open(path, O_RDONLY);
		if (fd < 0 || read(fd, stat, sizeof(stat) - 1) <= 0 || strstr(stat, ") Z "))
			return;
		usleep(10000);
	}
	assert_int_not_equal(kill(child, 0), 0);
}

static void
test_a_background_child_does_not_delay_the_end(void **state)
{
	struct world *w = *state;

	run(w, "sleep 1000 & exit 0", 30, "");
	assert_int_equal(w->status, 0);
}

static void
test_a_signal_is_an_error(void **state)
{
	struct world *w = *state;

	run(w, "kill -9 $$", 30, "");
	assert_int_equal(w->status, -EINTR);
}

static void
refused(struct world *w, int status)
{
	assert_int_equal(w->done, 1);
	assert_int_equal(w->status, status);
	assert_int_equal(jobs_running(w->jobs), 0);
	w->done = 0;
}

static void
test_only_programs_of_this_configuration(void **state)
{
	static const char *const argv[] = {"/bin/true", NULL};
	struct world *w = *state;

	ask(w, RUN_PROGRAM, 0, w->made, input("", SEALED));
	refused(w, -ESTALE); /* no configuration yet */
	configure(w, CHANNEL_PROGRAM, 5, argv);
	ask(w, RUN_PROGRAM, 0, w->made + 1, input("", SEALED));
	refused(w, -ESTALE);
	ask(w, RUN_PROGRAM, 1, w->made, input("", SEALED));
	refused(w, -ENOENT);
	ask(w, RUN_PROGRAM, UINT32_MAX, w->made, input("", SEALED));
	refused(w, -ENOENT);
	ask(w, 0, 0, w->made, input("", SEALED));
	refused(w, -EINVAL);
	ask(w, UINT32_MAX, 0, w->made, input("", SEALED));
	refused(w, -EINVAL);
	ask(w, RUN_PROBE, 0, w->made, input("", SEALED));
	refused(w, -ENOENT); /* no fleet */
}

static void
test_a_channel_that_is_no_program(void **state)
{
	static const char *const none[] = {NULL};
	struct world *w = *state;

	configure(w, CHANNEL_JOURNAL, 5, none);
	ask(w, RUN_PROGRAM, 0, w->made, input("", SEALED));
	refused(w, -ENOENT);
}

static void
test_input_that_could_change_is_refused(void **state)
{
	static const char *const argv[] = {"/bin/cat", NULL};
	struct world *w = *state;
	int fds[2];

	configure(w, CHANNEL_PROGRAM, 5, argv);
	ask(w, RUN_PROGRAM, 0, w->made, input("x", 0));
	refused(w, -EINVAL);
	ask(w, RUN_PROGRAM, 0, w->made, open("/etc/passwd", O_RDONLY));
	refused(w, -EINVAL);
	assert_int_equal(pipe(fds), 0);
	ask(w, RUN_PROGRAM, 0, w->made, fds[0]);
	refused(w, -EINVAL);
	close(fds[1]);
}

static void
test_at_most_so_many(void **state)
{
	static const char *const argv[] = {"/bin/sleep", "1000", NULL};
	struct world *w = *state;

	configure(w, CHANNEL_PROGRAM, 100, argv);
	for (int i = 0; i < JOBS_MAX; i++)
		ask(w, RUN_PROGRAM, 0, w->made, input("", SEALED));
	assert_int_equal(w->done, 0);
	assert_int_equal(jobs_running(w->jobs), JOBS_MAX);
	ask(w, RUN_PROGRAM, 0, w->made, input("", SEALED));
	assert_int_equal(w->done, 1);
	assert_int_equal(w->status, -EBUSY);
	jobs_abandon(w->jobs);
	while (jobs_running(w->jobs) > 0)
		event_base_loop(w->base, EVLOOP_ONCE);
	assert_int_equal(w->done, 1); /* nobody is told of the others */
}

/* A herald that was taken over gets no more questions a second than the configuration says. */
static void
test_one_probe_at_a_time(void **state)
{
	struct image_build *b = image_build_new();
	struct image_fleet f = {.port = 6379,
	    .keep = USEC_PER_SEC,
	    .report = USEC_PER_SEC,
	    .bans_max = 1,
	    .probe_every = USEC_PER_SEC,
	    .probe_per_second = 5};
	struct world *w = *state;
	struct image img;
	int fd;

	f.host = image_build_str(b, "one");
	f.server = image_build_str(b, "two");
	f.stream = image_build_str(b, "guardd");
	image_build_add(b, IMAGE_FLEETS, &f);
	fd = image_build_fd(b);
	assert_int_equal(image_open(&img, fd), 0);
	w->made = img.head->made;
	image_close(&img);
	assert_int_equal(jobs_use_image(w->jobs, fd), 0);
	image_build_free(b);
	ask(w, RUN_PROBE, 0, w->made, input("", SEALED));
	assert_int_equal(w->done, 0);
	ask(w, RUN_PROBE, 0, w->made, input("", SEALED));
	assert_int_equal(w->done, 1);
	assert_int_equal(w->status, -EBUSY);
	while (w->done == 1)
		event_base_loop(w->base, EVLOOP_ONCE);
	ask(w, RUN_PROBE, 0, w->made, input("", SEALED));
	assert_int_equal(w->done, 2);
}

static void
test_a_program_that_is_not_there(void **state)
{
	static const char *const argv[] = {"/nonexistent/program", NULL};
	struct world *w = *state;

	configure(w, CHANNEL_PROGRAM, 5, argv);
	ask(w, RUN_PROGRAM, 0, w->made, input("", SEALED));
	while (w->done == 0)
		event_base_loop(w->base, EVLOOP_ONCE);
	assert_int_equal(w->status, 127);
	assert_non_null(strstr(w->output, "/nonexistent/program"));
}

static void
test_a_broken_configuration_changes_nothing(void **state)
{
	static const char *const argv[] = {"/bin/true", NULL};
	struct world *w = *state;

	configure(w, CHANNEL_PROGRAM, 5, argv);
	assert_int_equal(jobs_use_image(w->jobs, input("rubbish", SEALED)), -EINVAL);
	ask(w, RUN_PROGRAM, 0, w->made, input("", SEALED));
	while (w->done == 0)
		event_base_loop(w->base, EVLOOP_ONCE);
	assert_int_equal(w->status, 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {TEST(test_input_and_output),
	    TEST(test_nothing_is_inherited), TEST(test_session_of_its_own_without_a_terminal),
	    TEST(test_input_can_only_be_read),
	    TEST(test_output_is_cut_and_the_writer_does_not_wait),
	    TEST(test_what_takes_too_long_ends_with_its_group),
	    TEST(test_a_background_child_does_not_delay_the_end), TEST(test_a_signal_is_an_error),
	    TEST(test_only_programs_of_this_configuration), TEST(test_a_channel_that_is_no_program),
	    TEST(test_input_that_could_change_is_refused), TEST(test_at_most_so_many),
	    TEST(test_one_probe_at_a_time), TEST(test_a_program_that_is_not_there),
	    TEST(test_a_broken_configuration_changes_nothing)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
