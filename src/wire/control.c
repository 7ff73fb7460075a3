/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/control.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <string.h>
#include <sys/socket.h>

#include "base/utf8.h"

#define OUT_LOW    (16 << 10) /* bytes not yet taken, below which a request goes on */
#define OUT_HIGH   (64 << 10)
#define GROUPS_MAX 1024

struct request {
	struct control *control;
	struct bufferevent *stream; /* NULL: the slot is free */
	struct event *late;
	unsigned index;
	enum right right;
	bool asked, ended;
	const struct request_ops *ops;
	void *state;
	void (*free_state)(void *);
};

struct control {
	struct event_base *base;
	struct event *listener;
	const struct command *commands;
	void *ctx;
	struct control_rights rights;
	unsigned n;
	struct request clients[CONTROL_CLIENTS];
};

/* --- rights --- */

static bool
is_member(gid_t group, const gid_t *groups, size_t n)
{
	for (size_t i = 0; group != CONTROL_NO_GROUP && i < n; i++)
		if (groups[i] == group)
			return true;
	return false;
}

enum right
control_right(const struct control_rights *r, uid_t uid, const gid_t *groups, size_t n)
{
	if (uid == 0 || is_member(r->writers, groups, n))
		return RIGHT_WRITE;
	if (uid == r->self || is_member(r->readers, groups, n))
		return RIGHT_READ;
	return RIGHT_NONE;
}

/* The kernel's word on who connected, as of that moment: primary and supplementary groups. */
static enum right
right_of_peer(const struct control_rights *r, int fd)
{
	struct ucred cred;
	socklen_t size = sizeof(cred), room = (GROUPS_MAX - 1) * sizeof(gid_t);
	gid_t groups[GROUPS_MAX];
	size_t n = 1;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) < 0)
		return RIGHT_NONE;
	groups[0] = cred.gid;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups + 1, &room) == 0)
		n += room / sizeof(gid_t);
	return control_right(r, cred.uid, groups, n);
}

/* --- the request's text --- */

/* A word in quotes, unescaped in place; *at is behind the closing quote. False: it does not close.
 */
static bool
take_quoted(char *line, size_t n, size_t *at)
{
	size_t in = *at + 1, out = *at;

	for (; in < n && line[in] != '"'; in++) {
		if (line[in] == '\\') {
			if (++in == n || (line[in] != '"' && line[in] != '\\'))
				return false;
		}
		line[out++] = line[in];
	}
	if (in == n || (in + 1 < n && line[in + 1] != ' ' && line[in + 1] != '\t'))
		return false;
	line[out] = '\0';
	*at = in + 1;
	return true;
}

/* line has room for a NUL behind its n bytes. */
int
request_split(char *line, size_t n, char *words[CONTROL_WORDS])
{
	int count = 0;

	if (!utf8_is_text(line, n))
		return -EINVAL;
	line[n] = '\0';
	for (size_t i = 0;;) {
		while (i < n && (line[i] == ' ' || line[i] == '\t'))
			i++;
		if (i >= n)
			return count;
		if (count == CONTROL_WORDS)
			return -EINVAL;
		words[count++] = line + i;
		if (line[i] == '"') {
			if (!take_quoted(line, n, &i))
				return -EINVAL;
		} else {
			while (i < n && line[i] != ' ' && line[i] != '\t')
				i++;
		}
		if (i < n)
			line[i++] = '\0';
	}
}

/* --- one client --- */

static void
request_end(struct request *q)
{
	struct control *c = q->control;

	if (q->free_state)
		q->free_state(q->state);
	if (q->late)
		event_free(q->late);
	bufferevent_free(q->stream);
	*q = (struct request){.control = c, .index = q->index};
	if (c->n-- == CONTROL_CLIENTS && c->listener)
		event_add(c->listener, NULL);
}

static void
start_command(struct request *q, char **words, int n)
{
	const struct command *k = q->control->commands;

	while (k->name && strcmp(k->name, words[0]) != 0)
		k++;
	if (!k->name)
		request_done(q, REQUEST_USAGE, "there is no request \"%s\"", words[0]);
	else if (q->right < k->right)
		request_done(
		    q, REQUEST_NOT_ALLOWED, "%s is for root and the control group", k->name);
	else if (n - 1 < k->min || n - 1 > k->max)
		request_done(q, REQUEST_USAGE, "usage: %s %s", k->name, k->usage);
	else
		k->start(q, words + 1, (unsigned)n - 1);
}

static void
take_request(struct request *q, size_t len)
{
	struct evbuffer *in = bufferevent_get_input(q->stream);
	char line[CONTROL_LINE_MAX + 1], *words[CONTROL_WORDS];
	int n;

	evbuffer_remove(in, line, len + 1);
	if (len > 0 && line[len - 1] == '\r')
		len--;
	q->asked = true;
	bufferevent_set_timeouts(q->stream, NULL, &(struct timeval){.tv_sec = CONTROL_IDLE});
	n = request_split(line, len, words);
	if (n <= 0)
		request_done(q, REQUEST_USAGE, "a request is one line of words");
	else
		start_command(q, words, n);
}

static void
on_input(struct bufferevent *stream, void *arg)
{
	struct request *q = arg;
	struct evbuffer *in = bufferevent_get_input(stream);
	struct evbuffer_ptr end = evbuffer_search(in, "\n", 1, NULL);

	if (q->asked)
		request_end(q); /* one request per connection */
	else if (end.pos >= 0 && end.pos < CONTROL_LINE_MAX)
		take_request(q, (size_t)end.pos);
	else if (end.pos >= 0 || evbuffer_get_length(in) >= CONTROL_LINE_MAX)
		request_end(q);
}

static void
on_output(struct bufferevent *stream, void *arg)
{
	struct request *q = arg;

	if (q->ended) {
		if (evbuffer_get_length(bufferevent_get_output(stream)) == 0)
			request_end(q);
		else
			bufferevent_setwatermark(stream, EV_WRITE, 0, 0);
	} else if (q->ops && q->ops->on_room) {
		q->ops->on_room(q);
	}
}

/* The end of the stream, an error, or silence. One that only closed its writing end still gets its
 * answer. */
static void
on_event(struct bufferevent *stream, short what, void *arg)
{
	struct request *q = arg;

	if ((what & BEV_EVENT_EOF) && q->asked) {
		bufferevent_disable(stream, EV_READ);
		return;
	}
	request_end(q);
}

static struct request *
free_slot(struct control *c)
{
	for (unsigned i = 0; i < CONTROL_CLIENTS; i++)
		if (!c->clients[i].stream)
			return &c->clients[i];
	return NULL;
}

int
control_adopt(struct control *c, int fd)
{
	const struct timeval idle = {.tv_sec = CONTROL_IDLE};
	struct request *q = free_slot(c);

	if (!q) {
		close(fd);
		return -EMFILE;
	}
	evutil_make_socket_nonblocking(fd);
	q->stream = bufferevent_socket_new(c->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!q->stream) {
		close(fd);
		return -ENOMEM;
	}
	c->n++;
	q->right = right_of_peer(&c->rights, fd);
	bufferevent_setcb(q->stream, on_input, on_output, on_event, q);
	bufferevent_setwatermark(q->stream, EV_READ, 0, CONTROL_LINE_MAX);
	bufferevent_setwatermark(q->stream, EV_WRITE, OUT_LOW, 0);
	bufferevent_set_timeouts(q->stream, &idle, &idle);
	bufferevent_enable(q->stream, EV_READ | EV_WRITE);
	/* Told at once, so that strangers do not hold places. */
	if (q->right == RIGHT_NONE) {
		q->asked = true;
		request_done(q, REQUEST_NOT_ALLOWED, "guardd answers root and the group guardd");
	}
	return 0;
}

static void
on_connection(evutil_socket_t fd, short what, void *arg)
{
	struct control *c = arg;
	int client;

	(void)what;
	while (c->n < CONTROL_CLIENTS) {
		client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (client < 0)
			return;
		control_adopt(c, client);
	}
	event_del(c->listener); /* the others wait in the backlog */
}

int
control_new(struct control **out, struct event_base *base, int fd, const struct command *commands,
    void *ctx)
{
	struct control *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	*c = (struct control){.base = base, .commands = commands, .ctx = ctx};
	for (unsigned i = 0; i < CONTROL_CLIENTS; i++)
		c->clients[i] = (struct request){.control = c, .index = i};
	if (fd >= 0) {
		evutil_make_socket_nonblocking(fd);
		c->listener = event_new(base, fd, EV_READ | EV_PERSIST, on_connection, c);
		if (!c->listener || event_add(c->listener, NULL) < 0) {
			control_free(c);
			return -ENOMEM;
		}
	}
	*out = c;
	return 0;
}

void
control_free(struct control *c)
{
	if (!c)
		return;
	if (c->listener)
		event_free(c->listener);
	c->listener = NULL;
	for (unsigned i = 0; i < CONTROL_CLIENTS; i++)
		if (c->clients[i].stream)
			request_end(&c->clients[i]);
	free(c);
}

void
control_set_rights(struct control *c, const struct control_rights *r)
{
	c->rights = *r;
}

unsigned
control_clients(const struct control *c)
{
	return c->n;
}

/* --- what happens elsewhere --- */

void
control_on_banned(struct control *c, uint32_t slot, const struct msg_banned *answer)
{
	for (unsigned i = 0; c->n > 0 && i < CONTROL_CLIENTS; i++) {
		struct request *q = &c->clients[i];

		if (q->stream && q->ops && q->ops->on_banned)
			q->ops->on_banned(q, slot, answer);
	}
}

void
control_on_answer(struct control *c, const struct msg *m)
{
	for (unsigned i = 0; c->n > 0 && i < CONTROL_CLIENTS; i++) {
		struct request *q = &c->clients[i];

		if (q->stream && q->ops && q->ops->on_answer)
			q->ops->on_answer(q, m);
	}
}

void
control_on_reloaded(struct control *c, uint32_t id, int status, int errors)
{
	for (unsigned i = 0; c->n > 0 && i < CONTROL_CLIENTS; i++) {
		struct request *q = &c->clients[i];

		if (q->stream && q->ops && q->ops->on_reloaded)
			q->ops->on_reloaded(q, id, status, errors);
	}
}

/* --- for commands --- */

void *
request_context(const struct request *q)
{
	return q->control->ctx;
}

unsigned
request_index(const struct request *q)
{
	return q->index;
}

void
request_write(struct request *q, struct strbuf *lines)
{
	bufferevent_write(q->stream, lines->text, lines->len);
	strbuf_reset(lines);
}

bool
request_has_room(const struct request *q)
{
	return evbuffer_get_length(bufferevent_get_output(q->stream)) < OUT_HIGH;
}

void
request_done(struct request *q, enum request_status status, const char *fmt, ...)
{
	_cleanup_(strbuf_fini) struct strbuf line = {0}, error = {0};
	struct json j;
	va_list ap;

	json_begin(&j, &line);
	json_bool(&j, "done", true);
	json_int(&j, "status", status);
	if (fmt) {
		va_start(ap, fmt);
		strbuf_vprintf(&error, fmt, ap);
		va_end(ap);
		json_text(&j, "error", error.text);
	}
	json_end(&j);
	request_write(q, &line);
	q->ended = true;
	q->ops = NULL;
	if (q->late)
		event_del(q->late);
	bufferevent_setwatermark(q->stream, EV_WRITE, 0, 0);
}

void
request_keep(
    struct request *q, const struct request_ops *ops, void *state, void (*free_state)(void *))
{
	q->ops = ops;
	q->state = state;
	q->free_state = free_state;
}

void *
request_state(const struct request *q)
{
	return q->state;
}

static void
on_late(evutil_socket_t fd, short what, void *arg)
{
	struct request *q = arg;

	(void)fd;
	(void)what;
	if (q->ops && q->ops->on_late)
		q->ops->on_late(q);
}

void
request_wait(struct request *q, unsigned milliseconds)
{
	const struct timeval in = {
	    .tv_sec = milliseconds / 1000, .tv_usec = milliseconds % 1000 * 1000};

	if (!q->late)
		q->late = evtimer_new(q->control->base, on_late, q);
	if (q->late)
		evtimer_add(q->late, &in);
}

void
request_version(struct request *q, char *const *words, unsigned n)
{
	_cleanup_(strbuf_fini) struct strbuf line = {0};
	struct json j;

	(void)words;
	(void)n;
	json_begin(&j, &line);
	json_text(&j, "version", GUARDD_VERSION);
	json_end(&j);
	request_write(q, &line);
	request_done(q, REQUEST_DONE, NULL);
}
