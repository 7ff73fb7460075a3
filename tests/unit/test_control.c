/* links: judge */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/control.h"

#include <grp.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "judge_world.h"

static void
done_at_once(struct request *q, char *const *words, unsigned n)
{
	_cleanup_(strbuf_fini) struct strbuf out = {0};

	for (unsigned i = 0; i < n; i++)
		strbuf_printf(&out, "{\"word\":%zu}\n", strlen(words[i]));
	request_write(q, &out);
	request_done(q, REQUEST_DONE, NULL);
}

/* Writes for ever, as far as the client takes it. */
static void
pour(struct request *q)
{
	_cleanup_(strbuf_fini) struct strbuf out = {0};

	while (request_has_room(q)) {
		for (int i = 0; i < 100; i++)
			strbuf_puts(&out, "{\"a\":\"line that is written again and again\"}\n");
		request_write(q, &out);
	}
}

static int states;

static void
free_state(void *state)
{
	states--;
	free(state);
}

static void
start_pouring(struct request *q, char *const *words, unsigned n)
{
	static const struct request_ops ops = {.on_room = pour};

	(void)words;
	(void)n;
	states++;
	request_keep(q, &ops, malloc(1), free_state);
	pour(q);
}

static void
late(struct request *q)
{
	request_done(q, REQUEST_FAILED, "too late: \"%s\"", "\x01");
}

static void
start_waiting(struct request *q, char *const *words, unsigned n)
{
	static const struct request_ops ops = {.on_late = late};

	(void)words;
	(void)n;
	states++;
	request_keep(q, &ops, malloc(1), free_state);
	request_wait(q, 1);
}

static const struct command commands[] = {
    {"words", "", RIGHT_READ, 0, 8, done_at_once},
    {"pour", "", RIGHT_READ, 0, 0, start_pouring},
    {"wait", "", RIGHT_READ, 0, 0, start_waiting},
    {"write", "", RIGHT_WRITE, 0, 0, done_at_once},
    {NULL, NULL, RIGHT_NONE, 0, 0, NULL},
};

struct place {
	struct event_base *base;
	struct control *control;
};

static struct place
make(int listener)
{
	struct place p = {.base = event_base_new()};
	const struct control_rights rights = {
	    .self = 4242, .readers = CONTROL_NO_GROUP, .writers = CONTROL_NO_GROUP};

	assert_int_equal(control_new(&p.control, p.base, listener, commands, NULL), 0);
	control_set_rights(p.control, &rights);
	return p;
}

static void
drop(struct place *p)
{
	control_free(p->control);
	event_base_free(p->base);
}

static int
client(struct place *p)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(control_adopt(p->control, fds[0]), 0);
	return fds[1];
}

static void
turns(struct place *p)
{
	for (int i = 0; i < 20; i++)
		event_base_loop(p->base, EVLOOP_NONBLOCK);
}

/* The whole answer; the connection must be closed by the other side. */
static const char *
ask_bytes(struct place *p, const void *bytes, size_t n)
{
	static char answer[65536];
	size_t have = 0;
	int fd = client(p);
	ssize_t r;

	assert_int_equal(send(fd, bytes, n, MSG_NOSIGNAL), n);
	for (;;) {
		event_base_loop(p->base, EVLOOP_NONBLOCK);
		r = recv(fd, answer + have, sizeof(answer) - 1 - have, MSG_DONTWAIT);
		if (r == 0 || (r < 0 && errno == ECONNRESET))
			break;
		have += r > 0 ? (size_t)r : 0;
	}
	answer[have] = '\0';
	close(fd);
	return answer;
}

static const char *
ask(struct place *p, const char *text)
{
	return ask_bytes(p, text, strlen(text));
}

#define DONE "{\"done\":true,\"status\":0}\n"

static void
words_are_cut_at_blanks_and_quotes(void **unused)
{
	static const struct {
		const char *line;
		int n;
		const char *words[4];
	} cases[] = {
	    {"", 0, {NULL}},
	    {"  \t ", 0, {NULL}},
	    {"a", 1, {"a"}},
	    {" a\tbc  d ", 3, {"a", "bc", "d"}},
	    {"ban \"a b\" c", 3, {"ban", "a b", "c"}},
	    {"\"\"", 1, {""}},
	    {"\"a\\\"b\\\\c\"", 1, {"a\"b\\c"}},
	    {"a\"b c", 2, {"a\"b", "c"}},
	    {"\xc3\xa9 \xf0\x9f\x98\x80", 2, {"\xc3\xa9", "\xf0\x9f\x98\x80"}},
	    {"\"a", -EINVAL, {NULL}},
	    {"\"a\"b", -EINVAL, {NULL}},
	    {"\"a\\n\"", -EINVAL, {NULL}},
	    {"\"a\\", -EINVAL, {NULL}},
	    {"\xc3", -EINVAL, {NULL}},
	    {"\xc0\x80", -EINVAL, {NULL}},
	    {"\xed\xa0\x80", -EINVAL, {NULL}},
	    {"\xf4\x90\x80\x80", -EINVAL, {NULL}},
	    {"a\x01z", -EINVAL, {NULL}},
	    {"a\x7fz", -EINVAL, {NULL}},
	    {"1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7", -EINVAL, {NULL}},
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char line[64], *words[CONTROL_WORDS];

		strcpy(line, cases[i].line);
		assert_int_equal(request_split(line, strlen(line), words), cases[i].n);
		for (int k = 0; k < cases[i].n; k++)
			assert_string_equal(words[k], cases[i].words[k]);
	}
}

static void
rights_are_by_uid_and_any_group(void **unused)
{
	const struct control_rights r = {.self = 100, .readers = 200, .writers = 300};
	const struct control_rights none = {
	    .self = 100, .readers = CONTROL_NO_GROUP, .writers = CONTROL_NO_GROUP};
	const gid_t reader[] = {7, 200}, writer[] = {300, 7}, both[] = {200, 300},
		    other[] = {7, CONTROL_NO_GROUP};

	(void)unused;
	assert_int_equal(control_right(&r, 0, other, 2), RIGHT_WRITE);
	assert_int_equal(control_right(&r, 100, other, 2), RIGHT_READ);
	assert_int_equal(control_right(&r, 5, other, 2), RIGHT_NONE);
	assert_int_equal(control_right(&r, 5, reader, 2), RIGHT_READ);
	assert_int_equal(control_right(&r, 5, writer, 2), RIGHT_WRITE);
	assert_int_equal(control_right(&r, 5, both, 2), RIGHT_WRITE);
	assert_int_equal(control_right(&r, 100, both, 2), RIGHT_WRITE);
	assert_int_equal(control_right(&none, 5, other, 2), RIGHT_NONE);
}

static void
answers_end_with_one_line_and_the_connection(void **unused)
{
	struct place p = make(-1);

	(void)unused;
	assert_string_equal(ask(&p, "words\n"), DONE);
	assert_string_equal(ask(&p, "words a \"b c\"\r\n"), "{\"word\":1}\n{\"word\":3}\n" DONE);
	assert_string_equal(ask(&p, "wait\n"),
	    "{\"done\":true,\"status\":1,\"error\":\"too late: \\\"\\u0001\\\"\"}\n");
	assert_int_equal(states, 0);
	assert_string_equal(ask(&p, "wrods\n"),
	    "{\"done\":true,\"status\":3,\"error\":\"there is no request \\\"wrods\\\"\"}\n");
	assert_non_null(strstr(ask(&p, "words 1 2 3 4 5 6 7 8 9\n"), "\"status\":3"));
	assert_int_equal(control_clients(p.control), 0);
	drop(&p);
}

static void
any_bytes_only_close_their_client(void **unused)
{
	struct place p = make(-1);
	uint64_t seed = 12345;
	char bytes[6000];
	int other = client(&p), slow = client(&p);

	(void)unused;
	assert_int_equal(send(slow, "wor", 3, 0), 3);
	for (int round = 0; round < 300; round++) {
		size_t n = 1 + random_below(&seed, sizeof(bytes) - 1);

		for (size_t i = 0; i < n; i++)
			bytes[i] = (char)random_below(&seed, 256);
		if (round % 3 == 0)
			memcpy(bytes, "words \"", n < 7 ? n : 7);
		if (round % 2 == 0)
			bytes[n - 1] = '\n';
		if (!memchr(bytes, '\n', n) && n < CONTROL_LINE_MAX)
			bytes[n - 1] = '\n';
		ask_bytes(&p, bytes, n);
	}
	memset(bytes, 'a', sizeof(bytes));
	assert_string_equal(ask_bytes(&p, bytes, sizeof(bytes)), "");
	memset(bytes, '\n', sizeof(bytes));
	assert_non_null(strstr(ask_bytes(&p, bytes, 1), "\"status\":3"));
	assert_non_null(strstr(ask_bytes(&p, "words\0x\n", 8), "\"status\":3"));
	/* The others did not notice. */
	assert_int_equal(control_clients(p.control), 2);
	assert_int_equal(send(slow, "ds\n", 3, 0), 3);
	turns(&p);
	assert_int_equal(recv(slow, bytes, sizeof(bytes), 0), strlen(DONE));
	assert_string_equal(ask(&p, "words\n"), DONE);
	close(slow);
	close(other);
	drop(&p);
}

static void
a_client_that_goes_takes_its_request_along(void **unused)
{
	struct place p = make(-1);
	int fd = client(&p);

	(void)unused;
	assert_int_equal(send(fd, "pour\n", 5, 0), 5);
	turns(&p);
	assert_int_equal(states, 1);
	close(fd);
	turns(&p);
	assert_int_equal(states, 0);
	assert_int_equal(control_clients(p.control), 0);
	drop(&p);
}

static void
a_slow_client_is_not_written_ahead_of(void **unused)
{
	struct place p = make(-1);
	char buf[65536];
	size_t got = 0;
	int fd = client(&p);

	(void)unused;
	assert_int_equal(send(fd, "pour\n", 5, 0), 5);
	turns(&p);
	turns(&p); /* more turns write nothing more while nothing is read */
	for (int i = 0; i < 200; i++) {
		ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

		got += n > 0 ? (size_t)n : 0;
		event_base_loop(p.base, EVLOOP_NONBLOCK);
	}
	assert_true(got > 1000000); /* and it goes on when it is */
	assert_int_equal(states, 1);
	close(fd);
	drop(&p);
	assert_int_equal(states, 0);
}

static int
listen_at(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	strcpy(a.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(chmod(path, 0666), 0);
	assert_int_equal(listen(fd, 64), 0);
	return fd;
}

static int
connect_to(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(a.sun_path, path);
	return connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0 ? fd : -1;
}

/* As another user with these groups: which status does the request get? */
static int
status_as(struct place *p, const char *path, gid_t group, const char *request)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		char answer[512];
		ssize_t n;
		int fd;

		if (setgroups(group ? 1 : 0, &group) < 0 || setgid(65534) < 0 || setuid(65534) < 0)
			_exit(100);
		fd = connect_to(path);
		if (fd < 0 || send(fd, request, strlen(request), MSG_NOSIGNAL) < 0)
			_exit(101);
		n = recv(fd, answer, sizeof(answer) - 1, MSG_WAITALL);
		answer[n > 0 ? n : 0] = '\0';
		_exit(strstr(answer, "\"status\":") ? strstr(answer, "\"status\":")[9] - '0' : 102);
	}
	while (waitpid(pid, &status, WNOHANG) == 0)
		event_base_loop(p->base, EVLOOP_NONBLOCK);
	return WEXITSTATUS(status);
}

static void
the_kernel_says_who_asks(void **unused)
{
	const struct control_rights rights = {.self = 1, .readers = 54321, .writers = 54322};
	char path[] = "/tmp/guardd-test-control-XXXXXX", sock[64];
	struct place p;
	int listener;

	(void)unused;
	if (geteuid() != 0)
		skip();
	assert_non_null(mkdtemp(path));
	chmod(path, 0755);
	snprintf(sock, sizeof(sock), "%s/s", path);
	listener = listen_at(sock);
	p = make(listener);
	control_set_rights(p.control, &rights);
	assert_int_equal(status_as(&p, sock, 0, "words\n"), REQUEST_NOT_ALLOWED);
	assert_int_equal(status_as(&p, sock, 54321, "words\n"), REQUEST_DONE);
	assert_int_equal(status_as(&p, sock, 54321, "write\n"), REQUEST_NOT_ALLOWED);
	assert_int_equal(status_as(&p, sock, 54322, "write\n"), REQUEST_DONE);
	drop(&p);
	close(listener);
	unlink(sock);
	rmdir(path);
}

static void
more_clients_than_places_wait_in_the_backlog(void **unused)
{
	char path[] = "/tmp/guardd-test-control-XXXXXX", sock[64], answer[128];
	int listener, fds[CONTROL_CLIENTS + 5];
	struct place p;

	(void)unused;
	assert_non_null(mkdtemp(path));
	snprintf(sock, sizeof(sock), "%s/s", path);
	listener = listen_at(sock);
	p = make(listener);
	for (int i = 0; i < CONTROL_CLIENTS + 5; i++)
		assert_true((fds[i] = connect_to(sock)) >= 0);
	turns(&p);
	assert_int_equal(control_clients(p.control), CONTROL_CLIENTS);
	for (int i = 0; i < CONTROL_CLIENTS + 5; i++)
		assert_int_equal(send(fds[i], "words\n", 6, 0), 6);
	turns(&p);
	turns(&p);
	for (int i = 0; i < CONTROL_CLIENTS + 5; i++) {
		assert_int_equal(recv(fds[i], answer, sizeof(answer), MSG_DONTWAIT), strlen(DONE));
		close(fds[i]);
	}
	drop(&p);
	close(listener);
	unlink(sock);
	rmdir(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(words_are_cut_at_blanks_and_quotes),
	    cmocka_unit_test(rights_are_by_uid_and_any_group),
	    cmocka_unit_test(answers_end_with_one_line_and_the_connection),
	    cmocka_unit_test(any_bytes_only_close_their_client),
	    cmocka_unit_test(a_client_that_goes_takes_its_request_along),
	    cmocka_unit_test(a_slow_client_is_not_written_ahead_of),
	    cmocka_unit_test(the_kernel_says_who_asks),
	    cmocka_unit_test(more_clients_than_places_wait_in_the_backlog),
	};

	signal(SIGPIPE, SIG_IGN); /* as in the judge */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
