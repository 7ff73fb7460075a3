/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "herald/reach.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/dns.h>
#include <event2/util.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <string.h>

#include "base/addr.h"
#include "base/cleanup.h"

#define NAME_MAX_BYTES 256

struct attempt {
	struct reach *reach;
	struct sockaddr_storage to;
	socklen_t len;
	int fd;
	struct event *event;
};

/* One question to the name servers. It may outlive who asked: libevent answers a cancelled
 * question, too, and only then its parts may go. */
struct lookup {
	struct reach *reach; /* NULL: gave up */
	struct evdns_base *dns;
	struct event_base *base;
};

struct reach {
	struct event_base *base;
	char server[NAME_MAX_BYTES];
	uint16_t port;
	reach_done done;
	void *ctx;
	struct lookup *lookup;
	struct evdns_getaddrinfo_request *question; /* NULL: answered */
	struct event *next, *late;
	struct attempt tries[REACH_TRIES];
	unsigned n, begun, open;
	char why[300]; /* the first that failed, but for a family that this host does not have */
	bool no_way;   /* why is of such a family */
};

static void
finish(struct reach *r, int fd, const char *why)
{
	reach_done done = r->done;

	r->done = NULL;
	event_del(r->next);
	event_del(r->late);
	if (done)
		done(r->ctx, fd, why);
}

static void
try_end(struct attempt *t)
{
	if (t->event) {
		event_free(t->event);
		t->event = NULL;
		t->reach->open--;
	}
	closep(&t->fd);
	t->fd = -1;
}

static void
note_failure(struct attempt *t, int error)
{
	struct reach *r = t->reach;
	char text[ADDR_TEXT_MAX] = "?";
	struct addr a;

	if (r->why[0] && !r->no_way)
		return;
	r->no_way = error == ENETUNREACH || error == EADDRNOTAVAIL || error == EAFNOSUPPORT;
	if (addr_from_sockaddr(&a, (const struct sockaddr *)&t->to) == 0)
		addr_format(&a, text);
	snprintf(r->why, sizeof(r->why), "%.100s (%s) port %u cannot be reached: %s", r->server,
	    text, r->port, strerror(error));
}

static void
set_options(int fd)
{
	static const struct {
		int level, name, value;
	} options[] = {
	    {SOL_SOCKET, SO_KEEPALIVE, 1},
	    {IPPROTO_TCP, TCP_KEEPIDLE, 30},
	    {IPPROTO_TCP, TCP_KEEPINTVL, 10},
	    {IPPROTO_TCP, TCP_KEEPCNT, 3},
	    {IPPROTO_TCP, TCP_USER_TIMEOUT, 30000},
	    {IPPROTO_TCP, TCP_NODELAY, 1},
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++)
		(void)setsockopt(fd, options[i].level, options[i].name, &options[i].value,
		    sizeof(options[i].value));
}

static void begin_next(struct reach *r);

static void
on_connected(evutil_socket_t fd, short what, void *arg)
{
	struct attempt *t = arg;
	struct reach *r = t->reach;
	socklen_t len = sizeof(int);
	int error = 0, won;

	(void)what;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	if (error == 0) {
		won = fd_take(&t->fd);
		for (unsigned i = 0; i < r->begun; i++)
			try_end(&r->tries[i]);
		finish(r, won, NULL);
		return;
	}
	note_failure(t, error);
	try_end(t);
	begin_next(r);
}

/* Negative errno: it failed at once. */
static int
try_begin(struct attempt *t)
{
	t->fd = socket(t->to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (t->fd < 0)
		return -errno;
	set_options(t->fd);
	if (connect(t->fd, (const struct sockaddr *)&t->to, t->len) < 0 && errno != EINPROGRESS)
		return -errno;
	t->event = event_new(t->reach->base, t->fd, EV_WRITE, on_connected, t);
	if (!t->event)
		return -ENOMEM;
	t->reach->open++;
	return event_add(t->event, NULL) < 0 ? -ENOMEM : 0;
}

static void
wait_for(struct event *timer, usec_t span)
{
	const struct timeval tv = {span / USEC_PER_SEC, span % USEC_PER_SEC};

	event_add(timer, &tv);
}

static void
begin_next(struct reach *r)
{
	while (r->begun < r->n) {
		struct attempt *t = &r->tries[r->begun++];
		int e = try_begin(t);

		if (e == 0) {
			wait_for(r->next, REACH_STAGGER);
			return;
		}
		note_failure(t, -e);
		try_end(t);
	}
	if (r->open == 0)
		finish(r, -1, r->why);
}

static void
on_next(evutil_socket_t fd, short what, void *arg)
{
	struct reach *r = arg;

	(void)fd;
	(void)what;
	if (!r->question && r->begun < r->n)
		begin_next(r);
	else if (!r->question && r->n == 0)
		finish(r, -1, r->why);
}

static void
on_late(evutil_socket_t fd, short what, void *arg)
{
	struct reach *r = arg;

	(void)fd;
	(void)what;
	if (r->question)
		snprintf(r->why, sizeof(r->why), "no name server answers for %.100s", r->server);
	else if (!r->why[0])
		snprintf(
		    r->why, sizeof(r->why), "%.100s port %u does not answer", r->server, r->port);
	finish(r, -1, r->why);
}

static void
add_try(struct reach *r, const struct sockaddr *sa, socklen_t len)
{
	struct attempt *t = &r->tries[r->n];

	if (r->n == REACH_TRIES || len > sizeof(t->to))
		return;
	*t = (struct attempt){.reach = r, .fd = -1, .len = len};
	memcpy(&t->to, sa, len);
	if (sa->sa_family == AF_INET6)
		((struct sockaddr_in6 *)&t->to)->sin6_port = htons(r->port);
	else
		((struct sockaddr_in *)&t->to)->sin_port = htons(r->port);
	r->n++;
}

static const struct evutil_addrinfo *
next_of(const struct evutil_addrinfo *a, int family)
{
	while (a && a->ai_family != family)
		a = a->ai_next;
	return a;
}

/* IPv6 first, then in turn. */
static void
add_tries(struct reach *r, const struct evutil_addrinfo *all)
{
	const struct evutil_addrinfo *of[2] = {next_of(all, AF_INET6), next_of(all, AF_INET)};

	for (unsigned i = 0; of[0] || of[1]; i ^= 1) {
		if (!of[i])
			continue;
		add_try(r, of[i]->ai_addr, (socklen_t)of[i]->ai_addrlen);
		of[i] = next_of(of[i]->ai_next, of[i]->ai_family);
	}
}

static void
lookup_end(evutil_socket_t fd, short what, void *arg)
{
	struct lookup *l = arg;

	(void)fd;
	(void)what;
	evdns_base_free(l->dns, 0);
	free(l);
}

static void
on_names(int error, struct evutil_addrinfo *all, void *arg)
{
	const struct timeval now = {0, 0};
	struct lookup *l = arg;
	struct reach *r = l->reach;

	/* Not inside its own callback. */
	event_base_once(l->base, -1, EV_TIMEOUT, lookup_end, l, &now);
	if (r) {
		r->lookup = NULL;
		r->question = NULL;
		if (!error)
			add_tries(r, all);
		if (error)
			snprintf(r->why, sizeof(r->why), "the name %.100s is not found: %s",
			    r->server, evutil_gai_strerror(error));
		else if (r->n == 0)
			snprintf(r->why, sizeof(r->why), "%.100s has no address", r->server);
		/* An answer from a file comes while the question is asked. */
		wait_for(r->next, 0);
	}
	if (all)
		evutil_freeaddrinfo(all);
}

static int
ask_names(struct reach *r)
{
	const struct evutil_addrinfo hints = {
	    .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_protocol = IPPROTO_TCP};
	struct lookup *l = calloc(1, sizeof(*l));
	struct evdns_getaddrinfo_request *question;

	if (!l)
		return -ENOMEM;
	/* Made for each question: resolv.conf changes with the network. */
	*l = (struct lookup){.reach = r, .base = r->base, .dns = evdns_base_new(r->base, 0)};
	if (!l->dns) {
		free(l);
		return -ENOMEM;
	}
	(void)evdns_base_resolv_conf_parse(l->dns, DNS_OPTIONS_ALL, "/etc/resolv.conf");
	(void)evdns_base_set_option(l->dns, "timeout:", "3");
	(void)evdns_base_set_option(l->dns, "attempts:", "2");
	r->lookup = l;
	question = evdns_getaddrinfo(l->dns, r->server, NULL, &hints, on_names, l);
	if (r->lookup)
		r->question = question;
	return 0;
}

static bool
add_address(struct reach *r)
{
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};

	if (inet_pton(AF_INET, r->server, &in.sin_addr) == 1)
		add_try(r, (const struct sockaddr *)&in, sizeof(in));
	else if (inet_pton(AF_INET6, r->server, &in6.sin6_addr) == 1)
		add_try(r, (const struct sockaddr *)&in6, sizeof(in6));
	return r->n > 0;
}

int
reach_new(struct reach **out, struct event_base *base, const char *server, uint16_t port,
    reach_done done, void *ctx)
{
	struct reach *r = calloc(1, sizeof(*r));
	int e = 0;

	if (!r)
		return -ENOMEM;
	r->base = base;
	r->port = port;
	r->done = done;
	r->ctx = ctx;
	snprintf(r->server, sizeof(r->server), "%s", server);
	r->next = evtimer_new(base, on_next, r);
	r->late = evtimer_new(base, on_late, r);
	if (!r->next || !r->late) {
		reach_free(r);
		return -ENOMEM;
	}
	wait_for(r->late, REACH_PATIENCE);
	if (add_address(r))
		wait_for(r->next, 0);
	else
		e = ask_names(r);
	if (e < 0) {
		reach_free(r);
		return e;
	}
	*out = r;
	return 0;
}

void
reach_free(struct reach *r)
{
	if (!r)
		return;
	if (r->lookup)
		r->lookup->reach = NULL;
	if (r->question)
		evdns_getaddrinfo_cancel(r->question);
	for (unsigned i = 0; i < r->begun; i++)
		try_end(&r->tries[i]);
	if (r->next)
		event_free(r->next);
	if (r->late)
		event_free(r->late);
	free(r);
}
