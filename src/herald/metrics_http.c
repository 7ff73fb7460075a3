/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "herald/metrics_http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/queue.h>

#define LISTENERS 2
/* Fewer than clients: who comes is heard before many others have come. */
#define BACKLOG 16
#define FRESH   USEC_PER_SEC /* a text is given again for so long */
#define FORMATS 2

/* One text, that several answers may be sending. */
struct page {
	unsigned users;
	usec_t made; /* monotonic */
	struct strbuf text;
};

struct client {
	TAILQ_ENTRY(client) link;
	struct metrics_http *server;
	struct bufferevent *bev;
	struct event *late;
	bool answered, given; /* something is being sent; that is a text */
	bool done;            /* and was sent */
};

TAILQ_HEAD(clients, client);

struct metrics_http {
	struct event_base *base;
	metrics_text_fn fn;
	void *ctx;
	struct evconnlistener *listeners[LISTENERS];
	struct clients clients; /* by age */
	unsigned n;
	struct page *pages[FORMATS];
	uint64_t served, turned_away;
};

/* --- pages --- */

static void
page_drop(struct page *p)
{
	if (!p || --p->users > 0)
		return;
	strbuf_fini(&p->text);
	free(p);
}

/* The present text; its user is who asks. NULL: no memory. */
static struct page *
page_of(struct metrics_http *s, enum metrics_format format)
{
	struct page **last = &s->pages[format], *p = *last;
	usec_t now = clock_mono();

	if (!p || now - p->made > FRESH) {
		p = calloc(1, sizeof(*p));
		if (!p)
			return NULL;
		*p = (struct page){.users = 1, .made = now};
		s->fn(s->ctx, format, &p->text);
		page_drop(*last);
		*last = p;
	}
	p->users++;
	return p;
}

static void
on_sent(const void *data, size_t n, void *arg)
{
	(void)data;
	(void)n;
	page_drop(arg);
}

/* --- clients --- */

static void
client_free(struct client *c)
{
	struct metrics_http *s = c->server;

	if (c->done)
		s->served++;
	else
		s->turned_away++;
	TAILQ_REMOVE(&s->clients, c, link);
	s->n--;
	if (c->late)
		event_free(c->late);
	bufferevent_free(c->bev);
	free(c);
}

static void
on_late(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	client_free(arg);
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	struct client *c = arg;

	(void)bev;
	/* Who has asked may close its side and wait. */
	if (c->answered && what == (BEV_EVENT_EOF | BEV_EVENT_READING))
		return;
	client_free(c);
}

static void
on_written(struct bufferevent *bev, void *arg)
{
	struct client *c = arg;

	(void)bev;
	if (!c->answered)
		return;
	c->done = c->given;
	client_free(c);
}

/* --- requests --- */

static bool
is_word(const char *at, const char *end, const char *word)
{
	return (size_t)(end - at) == strlen(word) && memcmp(at, word, strlen(word)) == 0;
}

/* OpenMetrics is for who names it; a client that says nothing of it may be an old one. */
static enum metrics_format
accepted(const char *head)
{
	for (const char *line = strstr(head, "\r\n"); line; line = strstr(line + 2, "\r\n")) {
		const char *end = strstr(line + 2, "\r\n");
		size_t n = end ? (size_t)(end - line - 2) : strlen(line + 2);

		if (n >= 7 && strncasecmp(line + 2, "Accept:", 7) == 0 &&
		    memmem(line + 2, n, "application/openmetrics-text",
			strlen("application/openmetrics-text")))
			return METRICS_OPEN;
	}
	return METRICS_PLAIN;
}

static void
refuse(struct client *c, const char *status, const char *more)
{
	struct evbuffer *out = bufferevent_get_output(c->bev);

	evbuffer_add_printf(out,
	    "HTTP/1.1 %s\r\n%sContent-Type: text/plain\r\nContent-Length: %zu\r\n"
	    "Connection: close\r\n\r\n%s\n",
	    status, more, strlen(status) + 1, status);
	c->answered = true;
}

static void
give(struct client *c, enum metrics_format format, bool body)
{
	static const char *const types[FORMATS] = {
	    [METRICS_OPEN] = "application/openmetrics-text; version=1.0.0; charset=utf-8",
	    [METRICS_PLAIN] = "text/plain; version=0.0.4; charset=utf-8",
	};
	struct evbuffer *out = bufferevent_get_output(c->bev);
	struct page *p = page_of(c->server, format);

	if (!p) {
		refuse(c, "503 Service Unavailable", "");
		return;
	}
	evbuffer_add_printf(out,
	    "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %zu\r\nVary: Accept\r\n"
	    "Connection: close\r\n\r\n",
	    types[format], p->text.len);
	if (!body || evbuffer_add_reference(out, p->text.text, p->text.len, on_sent, p) < 0)
		page_drop(p);
	c->answered = c->given = true;
}

/* head: the request up to its empty line. */
static void
answer(struct client *c, const char *head)
{
	const char *line = strstr(head, "\r\n");
	const char *method = head, *path = memchr(head, ' ', (size_t)(line - head));
	const char *after = path ? memchr(path + 1, ' ', (size_t)(line - path - 1)) : NULL;
	const char *query;

	if (!after || strncmp(after + 1, "HTTP/1.", 7) != 0) {
		refuse(c, "400 Bad Request", "");
		return;
	}
	query = memchr(path, '?', (size_t)(after - path));
	if (!is_word(path + 1, query ? query : after, "/metrics"))
		refuse(c, "404 Not Found", "");
	else if (is_word(method, path, "GET"))
		give(c, accepted(head), true);
	else if (is_word(method, path, "HEAD"))
		give(c, accepted(head), false);
	else
		refuse(c, "405 Method Not Allowed", "Allow: GET, HEAD\r\n");
}

static void
on_read(struct bufferevent *bev, void *arg)
{
	struct client *c = arg;
	struct evbuffer *in = bufferevent_get_input(bev);
	struct evbuffer_ptr end = evbuffer_search(in, "\r\n\r\n", 4, NULL);
	char head[METRICS_REQUEST_MAX + 1];
	ssize_t n;

	if (c->answered || end.pos < 0) {
		if (!c->answered && evbuffer_get_length(in) >= METRICS_REQUEST_MAX)
			client_free(c);
		else if (c->answered)
			evbuffer_drain(in, evbuffer_get_length(in));
		return;
	}
	n = evbuffer_remove(in, head, end.pos + 2 < METRICS_REQUEST_MAX ? end.pos + 2 : 0);
	head[n > 0 ? n : 0] = '\0';
	/* Behind a NUL nothing would be looked at. */
	if (n < 2 || memchr(head, '\0', (size_t)n))
		refuse(c, "400 Bad Request", "");
	else
		answer(c, head);
}

/* Room for one more: by the oldest that has not said what it wants, else by the oldest, which has
 * had time enough to read it. */
static void
make_room(struct metrics_http *s)
{
	struct client *c;

	if (s->n < METRICS_CLIENTS)
		return;
	TAILQ_FOREACH(c, &s->clients, link)
	if (!c->answered)
		break;
	client_free(c ? c : TAILQ_FIRST(&s->clients));
}

static struct client *
client_new(struct metrics_http *s)
{
	const struct timeval patience = {.tv_sec = METRICS_PATIENCE};
	struct client *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->server = s;
	c->late = evtimer_new(s->base, on_late, c);
	c->bev = c->late ? bufferevent_socket_new(s->base, -1, BEV_OPT_CLOSE_ON_FREE) : NULL;
	if (!c->bev || evtimer_add(c->late, &patience) < 0) {
		if (c->late)
			event_free(c->late);
		if (c->bev)
			bufferevent_free(c->bev);
		free(c);
		return NULL;
	}
	return c;
}

static void
on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *from, int len, void *arg)
{
	struct metrics_http *s = arg;
	struct client *c;

	(void)l;
	(void)from;
	(void)len;
	make_room(s);
	c = client_new(s);
	if (!c) {
		s->turned_away++;
		evutil_closesocket(fd);
		return;
	}
	TAILQ_INSERT_TAIL(&s->clients, c, link);
	s->n++;
	bufferevent_setfd(c->bev, fd);
	bufferevent_setcb(c->bev, on_read, on_written, on_event, c);
	bufferevent_setwatermark(c->bev, EV_READ, 0, METRICS_REQUEST_MAX);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
}

/* --- the whole --- */

int
metrics_http_new(struct metrics_http **out, struct event_base *base, metrics_text_fn fn, void *ctx)
{
	struct metrics_http *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	*s = (struct metrics_http){.base = base, .fn = fn, .ctx = ctx};
	TAILQ_INIT(&s->clients);
	*out = s;
	return 0;
}

void
metrics_http_free(struct metrics_http *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < LISTENERS; i++)
		if (s->listeners[i])
			evconnlistener_free(s->listeners[i]);
	while (!TAILQ_EMPTY(&s->clients))
		client_free(TAILQ_FIRST(&s->clients));
	for (size_t i = 0; i < FORMATS; i++)
		page_drop(s->pages[i]);
	free(s);
}

int
metrics_http_listen(struct metrics_http *s, int fd)
{
	size_t i = 0;

	while (i < LISTENERS && s->listeners[i])
		i++;
	if (i < LISTENERS && evutil_make_socket_nonblocking(fd) == 0)
		s->listeners[i] = evconnlistener_new(s->base, on_accept, s,
		    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, BACKLOG, fd);
	if (i < LISTENERS && s->listeners[i])
		return 0;
	close(fd);
	return -ENOMEM;
}

static bool
is_loopback(const struct sockaddr *a)
{
	const struct sockaddr_in *in = (const void *)a;
	const struct sockaddr_in6 *in6 = (const void *)a;

	if (a->sa_family == AF_INET)
		return ntohl(in->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	return a->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
}

int
metrics_http_bind(struct metrics_http *s, const char *address)
{
	struct sockaddr_storage a;
	int len = sizeof(a), on = 1;
	_cleanup_(closep) int fd = -1;

	if (evutil_parse_sockaddr_port(address, (struct sockaddr *)&a, &len) < 0 ||
	    !is_loopback((struct sockaddr *)&a))
		return -EINVAL;
	fd = socket(a.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, (const struct sockaddr *)&a, (socklen_t)len) < 0)
		return -errno;
	return metrics_http_listen(s, fd_take(&fd));
}

uint64_t
metrics_http_served(const struct metrics_http *s)
{
	return s->served;
}

uint64_t
metrics_http_turned_away(const struct metrics_http *s)
{
	return s->turned_away;
}
