/* links: judge */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "judge/replay.h"

#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/log.h"
#include "judge_world.h"
#include "sandbox/sandbox.h"

#define OUT_MAX 262144

static struct image_build *
standard(void)
{
	struct image_build *b = image_build_new();

	image_build_filter(b, &(struct build_filter){.name = "sshd"});
	image_build_filter(b, &(struct build_filter){.name = "mail"});
	image_build_rule(b, &(struct build_rule){.name = "ssh",
				.filters = {0},
				.n_filters = 1,
				.points = 3,
				.duration = HOUR,
				.factor_milli = 2000,
				.forget = 2 * DAY});
	image_build_rule(b, &(struct build_rule){.name = "mail",
				.filters = {1},
				.n_filters = 1,
				.points = 2,
				.forgive = true,
				.dry_run = true});
	image_build_settings(b)->never = (struct span){image_build_prefix(b, "198.51.100.0/24"), 1};
	return b;
}

static struct msg
record(enum msg_type type, uint32_t filter, const char *source, usec_t time)
{
	struct msg m = {.type = (uint16_t)type};

	m.u.offence = offence(filter, source, time);
	return m;
}

/* Through a file on either side, as a pipe would be. The exit status. */
static int
replay_bytes(const void *bytes, size_t n, char out[OUT_MAX])
{
	struct image_build *b = standard();
	int image = image_build_fd(b), in = memfd_create("in", 0), answer = memfd_create("out", 0),
	    r;
	ssize_t got;

	assert_int_equal(write(in, bytes, n), n);
	lseek(in, 0, SEEK_SET);
	r = replay_run(image, in, answer);
	got = pread(answer, out, OUT_MAX - 1, 0);
	assert_true(got >= 0);
	out[got] = '\0';
	close(image);
	close(in);
	close(answer);
	image_build_free(b);
	return r;
}

static void
lines_are_judged_by_their_own_time_in_its_order(void **unused)
{
	const struct msg m[] = {
	    record(MSG_OFFENCE, 0, "203.0.113.7", T0 + 60 * SEC),
	    record(MSG_OFFENCE, 0, "2001:db8::1", T0 + 2 * SEC),
	    record(MSG_POSITION, 0, "203.0.113.7", T0),
	    record(MSG_OFFENCE, 0, "203.0.113.7", T0),
	    record(MSG_OFFENCE, 0, "203.0.113.7", T0 + 30 * SEC),
	    record(MSG_OFFENCE, 0, "2001:db8::2", T0 + 1 * SEC),
	    record(MSG_OFFENCE, 0, "2001:db8::3", T0 + 3 * SEC),
	};
	char out[OUT_MAX];

	(void)unused;
	assert_int_equal(replay_bytes(m, sizeof(m), out), 0);
	assert_string_equal(out,
	    "{\"time\":\"2026-11-18T11:06:43Z\",\"prefix\":\"2001:db8::/64\",\"rule\":\"ssh\","
	    "\"until\":\"2026-11-18T12:06:43Z\",\"level\":1,\"points\":3,\"dry_run\":false}\n"
	    "{\"time\":\"2026-11-18T11:07:40Z\",\"prefix\":\"203.0.113.7\",\"rule\":\"ssh\","
	    "\"until\":\"2026-11-18T12:07:40Z\",\"level\":1,\"points\":3,\"dry_run\":false}\n");
}

static void
former_bans_escalate_and_friends_are_spared(void **unused)
{
	struct msg m[40];
	size_t n = 0;
	char out[OUT_MAX];

	(void)unused;
	for (int day = 0; day < 3; day++)
		for (int i = 0; i < 3; i++)
			m[n++] = record(MSG_OFFENCE, 0, "203.0.113.7", T0 + day * DAY);
	for (int i = 0; i < 9; i++)
		m[n++] = record(MSG_OFFENCE, 0, "198.51.100.7", T0);
	assert_int_equal(replay_bytes(m, n * sizeof(*m), out), 0);
	assert_non_null(strstr(out, "\"level\":1,"));
	assert_non_null(strstr(out, "\"level\":2,"));
	assert_non_null(strstr(out, "\"level\":3,"));
	assert_null(strstr(out, "198.51.100.7"));
}

static void
successes_forgive_at_their_place_in_time(void **unused)
{
	const struct msg m[] = {
	    record(MSG_OFFENCE, 1, "203.0.113.7", T0),
	    record(MSG_OFFENCE, 1, "203.0.113.7", T0 + 2 * SEC),
	    record(MSG_FORGIVE, 1, "203.0.113.7", T0 + SEC),
	    record(MSG_OFFENCE, 1, "203.0.113.8", T0),
	    record(MSG_OFFENCE, 1, "203.0.113.8", T0 + 2 * SEC),
	};
	char out[OUT_MAX];

	(void)unused;
	assert_int_equal(replay_bytes(m, sizeof(m), out), 0);
	assert_null(strstr(out, "203.0.113.7"));
	assert_non_null(strstr(out, "\"prefix\":\"203.0.113.8\""));
	assert_non_null(strstr(out, "\"dry_run\":true"));
}

static void
a_cut_off_record_is_an_error_and_nothing_is_nothing(void **unused)
{
	struct msg m = record(MSG_OFFENCE, 0, "203.0.113.7", T0);
	char out[OUT_MAX];

	(void)unused;
	assert_int_equal(replay_bytes(&m, sizeof(m) - 1, out), 1);
	assert_int_equal(replay_bytes(&m, 0, out), 0);
	assert_string_equal(out, "");
	m.u.offence.filter = 999;
	assert_int_equal(replay_bytes(&m, sizeof(m), out), 0);
	assert_string_equal(out, "");
}

/* More sources than tallies and bans there may be: it stays bounded, and no ban ends for another.
 */
static void
full_tables_refuse_and_give_way(void **unused)
{
	enum { N = 20000 };
	struct msg *m = calloc(N, sizeof(*m));
	char *out = malloc(OUT_MAX);
	unsigned lines = 0;

	(void)unused;
	for (uint32_t i = 0; i < N; i++) {
		m[i] = record(MSG_OFFENCE, 0, "203.0.113.7", T0 + i);
		m[i].u.offence.addr = numbered(i / 3);
	}
	assert_int_equal(replay_bytes(m, N * sizeof(*m), out), 0);
	assert_int_equal(strncmp(out, "{\"time\":", 8), 0);
	for (const char *at = out; (at = strchr(at, '\n')); at++)
		lines++;
	assert_int_equal(lines, 1000);
	free(out);
	free(m);
}

/* As guardd-judge --replay runs it: a call that the sandbox does not know would end it. */
static void
it_runs_in_its_sandbox(void **unused)
{
	static const struct sandbox_path none[] = {{NULL, false}};
	const struct sandbox s = {
	    .role = "judge", .paths = none, .calls = replay_calls, .files_max = 64};
	struct image_build *b = standard();
	int image = image_build_fd(b), in = memfd_create("in", 0), out = memfd_create("out", 0),
	    status;
	char answer[65536];
	ssize_t n;
	pid_t pid;

	(void)unused;
	for (uint32_t i = 0; i < 3000; i++) {
		struct msg m =
		    record(MSG_OFFENCE, i % 2, "203.0.113.7", T0 + (usec_t)(i * 7919 % 3000));

		m.u.offence.addr = numbered(i / 10);
		assert_int_equal(write(in, &m, sizeof(m)), sizeof(m));
	}
	lseek(in, 0, SEEK_SET);
	pid = fork();
	if (pid == 0) {
		const char *what;

		if (sandbox_enter(&s, &what) < 0)
			_exit(77);
		_exit(replay_run(image, in, out));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	n = pread(out, answer, sizeof(answer) - 1, 0);
	assert_true(n > 1000);
	answer[n] = '\0';
	assert_non_null(strstr(answer, "\"rule\":\"ssh\""));
	close(image);
	close(in);
	close(out);
	image_build_free(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(lines_are_judged_by_their_own_time_in_its_order),
	    cmocka_unit_test(former_bans_escalate_and_friends_are_spared),
	    cmocka_unit_test(successes_forgive_at_their_place_in_time),
	    cmocka_unit_test(a_cut_off_record_is_an_error_and_nothing_is_nothing),
	    cmocka_unit_test(full_tables_refuse_and_give_way),
	    cmocka_unit_test(it_runs_in_its_sandbox),
	};

	log_init("test", LOG_EMERG);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
