/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/ask.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "base/clock.h"

void
ask_word(struct strbuf *request, const char *word)
{
	bool quote = !*word || strpbrk(word, " \t\"\\");

	if (request->len > 0)
		strbuf_puts(request, " ");
	if (!quote) {
		strbuf_puts(request, word);
		return;
	}
	strbuf_puts(request, "\"");
	for (; *word; word++) {
		if (*word == '"' || *word == '\\')
			strbuf_puts(request, "\\");
		/* A request is one line. */
		strbuf_add(request, *word == '\n' ? " " : word, 1);
	}
	strbuf_puts(request, "\"");
}

void
ask_print_raw(void *ctx, const char *line, json_t *object)
{
	(void)ctx;
	(void)object;
	fputs(line, stdout);
}

/* Who is asked, and what to tell when it is not there. */
struct server {
	const char *name, *unit, *option;
};
static const struct server guardd = {"guardd", "guardd", "another socket with --socket"};
static const struct server herald = {
    "guardd-herald", "guardd-herald", "another directory with --herald"};

/* A herald that starts again has no configuration for a moment; its words begin so then. */
#define UNREADY    "guardd-herald has no configuration from guardd yet"
#define READY_WAIT (3 * USEC_PER_SEC)
#define READY_STEP (100 * USEC_PER_MSEC)
#define TRY_AGAIN  (-1) /* beside the exit statuses: nobody is there yet, nothing was told */

static int
connect_server(const struct server *s, const char *path, bool patient)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	_cleanup_(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int n = snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);

	if (n < 0 || (size_t)n >= sizeof(a.sun_path)) {
		fprintf(stderr, "guardctl: %s: path too long for a socket\n", path);
		return -EINVAL;
	}
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&a, sizeof(a)) == 0)
		return fd_take(&fd);
	if (patient && (errno == ENOENT || errno == ECONNREFUSED))
		return TRY_AGAIN;
	if (errno == ENOENT || errno == ECONNREFUSED)
		fprintf(stderr,
		    "guardctl: %s is not running (nobody answers at %s); start it with "
		    "'systemctl start %s', or name %s\n",
		    s->name, path, s->unit, s->option);
	else
		fprintf(stderr, "guardctl: %s: %s\n", path, strerror(errno));
	return -ECONNREFUSED;
}

struct last_line {
	ask_line_fn fn;
	void *ctx;
	bool began, done;
	bool patient; /* an answer that it is not ready is not told */
	bool unready;
	int status;
};

static void
take_line(void *ctx, const char *line, json_t *object)
{
	struct last_line *l = ctx;
	const char *error;

	if (!json_is_true(json_object_get(object, "done"))) {
		l->began = true;
		l->fn(l->ctx, line, object);
		return;
	}
	l->done = true;
	l->status = (int)json_integer_value(json_object_get(object, "status"));
	/* 3 is usage in the protocol: for the shell that is the same as "not allowed". */
	if (l->status > EXIT_USAGE)
		l->status = EXIT_USAGE;
	error = json_string_value(json_object_get(object, "error"));
	l->unready = l->patient && error && strncmp(error, UNREADY, strlen(UNREADY)) == 0;
	if (error && !l->unready)
		fprintf(stderr, "guardctl: %s\n", error);
}

/* Text of a log line must not steer the terminal: control bytes, C1 in UTF-8 among them, become
 * '?'. */
static void
clean_text(json_t *text)
{
	_cleanup_(freep) char *copy = strdup(json_string_value(text));
	size_t n = json_string_length(text);

	if (!copy || strlen(copy) != n)
		n = copy ? strlen(copy) : 0;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)copy[i], next = (unsigned char)copy[i + 1];

		if (c < 0x20 || c == 0x7f)
			copy[i] = '?';
		else if (c == 0xc2 && next >= 0x80 && next < 0xa0)
			copy[i] = copy[i + 1] = '?';
	}
	if (copy)
		json_string_setn(text, copy, n);
}

static void
clean(json_t *value)
{
	const char *key;
	json_t *item;
	size_t i;

	if (json_is_string(value))
		clean_text(value);
	json_object_foreach(value, key, item) clean(item);
	json_array_foreach(value, i, item) clean(item);
}

int
ask_read_lines(int fd, ask_line_fn fn, void *ctx)
{
	_cleanup_(fclosep) FILE *in = fdopen(dup(fd), "r");
	_cleanup_(freep) char *line = NULL;
	size_t room = 0;
	ssize_t n;

	if (!in)
		return EXIT_CANNOT;
	while ((n = getline(&line, &room, in)) > 0) {
		json_error_t err;
		json_t *object = n <= ASK_LINE_MAX ? json_loads(line, JSON_ALLOW_NUL, &err) : NULL;

		if (!object) {
			fprintf(stderr, "guardctl: an answer that is no JSON: %.80s\n", line);
			return EXIT_CANNOT;
		}
		clean(object);
		fn(ctx, line, object);
		json_decref(object);
	}
	return EXIT_DONE;
}

static int
ask(const struct server *s, const char *path, const struct strbuf *request, ask_line_fn fn,
    void *ctx, bool patient)
{
	_cleanup_(closep) int fd = connect_server(s, path, patient);
	_cleanup_(strbuf_fini) struct strbuf line = {0};
	struct last_line l = {.fn = fn, .ctx = ctx, .patient = patient};
	int r;

	if (fd < 0)
		return fd == TRY_AGAIN ? TRY_AGAIN : EXIT_CANNOT;
	strbuf_add(&line, request->text, request->len);
	strbuf_puts(&line, "\n");
	/* A refusal may come, and the other end close, before the request is out: the answer says
	 * why. */
	if (send(fd, line.text, line.len, MSG_NOSIGNAL) != (ssize_t)line.len && errno != EPIPE) {
		fprintf(stderr, "guardctl: %s: %s\n", path, strerror(errno));
		return EXIT_CANNOT;
	}
	r = ask_read_lines(fd, take_line, &l);
	if (r != EXIT_DONE)
		return r;
	if (patient && !l.done && !l.began)
		return TRY_AGAIN;
	if (!l.done) {
		fprintf(stderr, "guardctl: %s ended the connection before its answer was whole\n",
		    s->name);
		return EXIT_CANNOT;
	}
	return l.unready ? TRY_AGAIN : l.status;
}

int
ask_daemon(const struct globals *g, const struct strbuf *request, ask_line_fn fn, void *ctx)
{
	return ask(&guardd, g->socket, request, fn, ctx, false);
}

int
ask_herald(const struct globals *g, const struct strbuf *request, ask_line_fn fn, void *ctx)
{
	const struct timespec step = {.tv_nsec = READY_STEP * 1000};
	usec_t until = clock_mono() + READY_WAIT;
	char path[4096];
	int r;

	snprintf(path, sizeof(path), "%s/control", g->herald);
	while ((r = ask(&herald, path, request, fn, ctx, clock_mono() < until)) == TRY_AGAIN)
		nanosleep(&step, NULL);
	return r;
}
