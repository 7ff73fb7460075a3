/* links: herald */
/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The metrics' HTTP server, over a real unix socket: what is answered, and that nobody who is slow,
 * silent or wrong keeps others from an answer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <netinet/in.h>

#include "herald/metrics_http.h"

#define BIG (4u << 20) /* more than a socket holds */

struct stage {
	struct event_base *base;
	struct metrics_http *http;
	struct sockaddr_un at;
	char dir[32];
	unsigned asked; /* texts made */
	size_t size;    /* of a text; 0: a short one */
};

static void
make_text(void *ctx, enum metrics_format format, struct strbuf *out)
{
	struct stage *s = ctx;

	s->asked++;
	strbuf_puts(out, format == METRICS_OPEN ? "open\n" : "plain\n");
	while (out->len < s->size)
		strbuf_puts(
		    out, "0123456789012345678901234567890123456789012345678901234567890123");
}

static int
set_up(void **state)
{
	struct stage *s = calloc(1, sizeof(*s));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	signal(SIGPIPE, SIG_IGN);
	strcpy(s->dir, "/tmp/guardd-http-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	s->at.sun_family = AF_UNIX;
	snprintf(s->at.sun_path, sizeof(s->at.sun_path), "%s/metrics", s->dir);
	assert_int_equal(bind(fd, (struct sockaddr *)&s->at, sizeof(s->at)), 0);
	assert_int_equal(listen(fd, 64), 0);
	s->base = event_base_new();
	assert_int_equal(metrics_http_new(&s->http, s->base, make_text, s), 0);
	assert_int_equal(metrics_http_listen(s->http, fd), 0);
	*state = s;
	return 0;
}

static int
tear_down(void **state)
{
	struct stage *s = *state;

	metrics_http_free(s->http);
	event_base_free(s->base);
	unlink(s->at.sun_path);
	rmdir(s->dir);
	free(s);
	return 0;
}

static void
run(struct stage *s)
{
	for (int i = 0; i < 8; i++)
		event_base_loop(s->base, EVLOOP_NONBLOCK);
}

static int
dial(struct stage *s)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&s->at, sizeof(s->at)), 0);
	run(s);
	return fd;
}

static void
say(struct stage *s, int fd, const char *bytes, size_t n)
{
	assert_int_equal(send(fd, bytes, n, MSG_NOSIGNAL), n);
	run(s);
}

/* All that comes until the other end closes; -1 when it does not. */
static ssize_t
hear(struct stage *s, int fd, char *buf, size_t size)
{
	size_t n = 0;

	for (int i = 0; i < 10000 && n < size - 1; i++) {
		ssize_t r = recv(fd, buf + n, size - 1 - n, 0);

		if (r == 0 || (r < 0 && errno == ECONNRESET)) {
			buf[n] = '\0';
			return (ssize_t)n;
		}
		if (r > 0)
			n += (size_t)r;
		run(s);
	}
	return -1;
}

static void
answer_is(struct stage *s, const char *request, const char *begin, const char *end)
{
	_cleanup_(closep) int fd = dial(s);
	char buf[4096];

	say(s, fd, request, strlen(request));
	assert_true(hear(s, fd, buf, sizeof(buf)) > 0);
	assert_memory_equal(buf, begin, strlen(begin));
	assert_true(strlen(buf) >= strlen(end));
	assert_string_equal(buf + strlen(buf) - strlen(end), end);
}

#define OK "HTTP/1.1 200 OK\r\nContent-Type: "

static void
answers_what_was_asked_for(void **state)
{
	struct stage *s = *state;

	answer_is(s, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", OK "text/plain; version=0.0.4",
	    "\r\n\r\nplain\n");
	answer_is(s,
	    "GET /metrics?a=b HTTP/1.0\r\naccept: text/plain;q=0.5, "
	    "application/openmetrics-text;version=1.0.0\r\n\r\n",
	    OK
	    "application/openmetrics-text; version=1.0.0; charset=utf-8\r\nContent-Length: 5\r\n",
	    "\r\n\r\nopen\n");
	answer_is(
	    s, "HEAD /metrics HTTP/1.1\r\n\r\n", OK "text/plain", "Connection: close\r\n\r\n");
	assert_int_equal(metrics_http_served(s->http), 3);
	assert_int_equal(metrics_http_turned_away(s->http), 0);
}

static void
refuses_what_it_does_not_have(void **state)
{
	struct stage *s = *state;

	answer_is(s, "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 404 ", "404 Not Found\n");
	answer_is(s, "GET /metrics/../etc HTTP/1.1\r\n\r\n", "HTTP/1.1 404 ", "404 Not Found\n");
	answer_is(s, "POST /metrics HTTP/1.1\r\n\r\n",
	    "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET, HEAD\r\n", "405 Method Not Allowed\n");
	answer_is(s, "GET /metrics\r\n\r\n", "HTTP/1.1 400 ", "400 Bad Request\n");
	answer_is(s, "GET  /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 4", "\n");
	answer_is(s, "\r\n\r\n", "HTTP/1.1 400 ", "400 Bad Request\n");
	/* The word alone, not in another header. */
	answer_is(s, "GET /metrics HTTP/1.1\r\nX: application/openmetrics-text\r\n\r\n",
	    OK "text/plain", "plain\n");
	assert_int_equal(metrics_http_turned_away(s->http), 6);
}

static void
a_nul_ends_nothing(void **state)
{
	static const char request[] = "GET /metrics HTTP/1.1\r\n\0Accept: x\r\n\r\n";
	struct stage *s = *state;
	_cleanup_(closep) int fd = dial(s);
	char buf[1024];

	say(s, fd, request, sizeof(request) - 1);
	assert_true(hear(s, fd, buf, sizeof(buf)) > 0);
	assert_memory_equal(buf, "HTTP/1.1 400 ", 13);
}

static void
a_request_may_come_in_pieces(void **state)
{
	static const char request[] =
	    "GET /metrics HTTP/1.1\r\nAccept: application/openmetrics-text\r\n\r\n";
	struct stage *s = *state;
	_cleanup_(closep) int fd = dial(s);
	char buf[1024];

	for (size_t i = 0; i < sizeof(request) - 1; i++)
		say(s, fd, request + i, 1);
	assert_true(hear(s, fd, buf, sizeof(buf)) > 0);
	assert_non_null(strstr(buf, "\r\n\r\nopen\n"));
}

/* As `nc -N` does. */
static void
who_closes_its_side_is_answered_still(void **state)
{
	struct stage *s = *state;
	_cleanup_(closep) int fd = dial(s);
	char buf[4096];

	s->size = 1000;
	assert_int_equal(send(fd, "GET /metrics HTTP/1.1\r\n\r\n", 25, 0), 25);
	shutdown(fd, SHUT_WR);
	assert_true(hear(s, fd, buf, sizeof(buf)) > 0);
}

static void
too_long_a_request_is_closed(void **state)
{
	struct stage *s = *state;
	_cleanup_(closep) int fd = dial(s);
	char line[METRICS_REQUEST_MAX], buf[64];

	memset(line, 'a', sizeof(line));
	say(s, fd, line, sizeof(line) - 1);
	assert_int_equal(recv(fd, buf, sizeof(buf), 0), -1); /* not yet */
	say(s, fd, line, 1);
	assert_int_equal(hear(s, fd, buf, sizeof(buf)), 0);
	assert_int_equal(metrics_http_turned_away(s->http), 1);
}

static void
the_silent_give_way(void **state)
{
	struct stage *s = *state;
	int fds[METRICS_CLIENTS * 2];
	char buf[64];

	for (int i = 0; i < METRICS_CLIENTS * 2; i++)
		fds[i] = dial(s);
	answer_is(s, "GET /metrics HTTP/1.1\r\n\r\n", OK "text/plain", "plain\n");
	/* The oldest went, the newest are still there. */
	assert_int_equal(hear(s, fds[METRICS_CLIENTS], buf, sizeof(buf)), 0);
	assert_int_equal(recv(fds[METRICS_CLIENTS + 1], buf, sizeof(buf), 0), -1);
	assert_int_equal(metrics_http_turned_away(s->http), METRICS_CLIENTS + 1);
	for (int i = 0; i < METRICS_CLIENTS * 2; i++)
		close(fds[i]);
}

/* The text is one for all; of too many the one that has had most time gives way. */
static void
who_does_not_read_costs_one_text(void **state)
{
	struct stage *s = *state;
	int fds[METRICS_CLIENTS];
	_cleanup_(closep) int more = -1;
	char *buf = malloc(BIG * 2);

	s->size = BIG;
	for (int i = 0; i < METRICS_CLIENTS; i++) {
		fds[i] = dial(s);
		say(s, fds[i], "GET /metrics HTTP/1.1\r\n\r\n", 25);
	}
	assert_true(s->asked < METRICS_CLIENTS / 2); /* one a second */
	more = dial(s);
	say(s, more, "GET /metrics HTTP/1.1\r\n\r\n", 25);
	assert_true(hear(s, more, buf, BIG * 2) > (ssize_t)BIG);
	assert_true(hear(s, fds[0], buf, BIG * 2) < (ssize_t)BIG);
	close(fds[0]);
	for (int i = 1; i < METRICS_CLIENTS; i++) {
		ssize_t n = hear(s, fds[i], buf, BIG * 2);

		assert_true(n > (ssize_t)BIG);
		close(fds[i]);
	}
	assert_int_equal(metrics_http_served(s->http), METRICS_CLIENTS);
	free(buf);
}

static void
who_goes_away_is_forgotten(void **state)
{
	struct stage *s = *state;

	s->size = BIG;
	for (int i = 0; i < METRICS_CLIENTS * 3; i++) {
		int fd = dial(s);

		if (i % 2)
			say(s, fd, "GET /metrics HTTP/1.1\r\n\r\n", 25);
		close(fd);
		run(s);
	}
	s->size = 0;
	assert_int_equal(metrics_http_served(s->http), 0);
}

static void
listens_on_loopback_alone(void **state)
{
	struct stage *s = *state;
	static const char *const no[] = {"0.0.0.0:9812", "192.0.2.1:9812", "[::]:9812",
	    "[2001:db8::1]:9812", "localhost:9812", "", "127.0.0.1:99999"};
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(in);
	_cleanup_(closep) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char address[32];

	for (size_t i = 0; i < sizeof(no) / sizeof(*no); i++)
		assert_int_equal(metrics_http_bind(s->http, no[i]), -EINVAL);
	assert_int_equal(bind(fd, (struct sockaddr *)&in, len), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
	snprintf(address, sizeof(address), "127.0.0.1:%u", ntohs(in.sin_port));
	assert_int_equal(metrics_http_bind(s->http, address), -EADDRINUSE);
}

int
main(void)
{
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    CASE(answers_what_was_asked_for),
	    CASE(refuses_what_it_does_not_have),
	    CASE(a_nul_ends_nothing),
	    CASE(a_request_may_come_in_pieces),
	    CASE(who_closes_its_side_is_answered_still),
	    CASE(too_long_a_request_is_closed),
	    CASE(the_silent_give_way),
	    CASE(who_does_not_read_costs_one_text),
	    CASE(who_goes_away_is_forgotten),
	    CASE(listens_on_loopback_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
