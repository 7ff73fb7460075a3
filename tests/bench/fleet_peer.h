/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The connections of fleet_hosts: who connects when, greets, asks, and comes back. Comes in: what
 * Redis says. Goes out: commands, and counts in seen. All of it belongs to the one program that
 * includes it. Bounded by the numbers of hosts and writers that it makes.
 */
#pragma once

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "fleet_resp.h"

#define MS      1000000ull
#define FINE    128 /* steps of the histogram in each power of two */
#define ENTRIES 4000000u
/* Serials are microseconds of a host's clock, a signature is 64 bytes: as long as real ones. */
#define SERIALS 1790000000000000ul
#define SIGNATURE                                                                                  \
	"k3J9sQx0k3J9sQx0k3J9sQx0k3J9sQx0k3J9sQx0k3J9sQx0k3J9sQx0k3J9sQx0k3J9sQx0k3J9sQx0k3J9sQ=="

enum peer_state {
	PEER_AWAY, /* due: when it connects; 0: not of its own accord */
	PEER_CONNECTING,
	PEER_SHAKING, /* TLS */
	PEER_GREETING,
	PEER_SERVING,
};

struct peer {
	int fd;
	SSL *ssl;
	enum peer_state state;
	bool writer, is_line, had, full, refused;
	uint32_t tries;
	uint64_t due;
	char *out;
	size_t out_len, out_at, out_cap;
	struct resp resp;
	char last[32], id[32]; /* of the stream: where it stands */
	uint64_t got;
	unsigned fresh; /* entries in this reply */
	bool resting;
};

static struct {
	uint16_t port, read_port;
	const char *stream, *user, *password;
	unsigned count, block, payload, wait;
	bool is_signed, poll;
	SSL_CTX *tls;
	/* The herald's (herald/redis.c): a tenth of a wait and as much as all of it at random; it
	 * doubles from min up to max. And how long connecting may take. */
	uint64_t min, max, patience;
} opt = {.count = 100, .block = 60000, .min = 1000, .max = 60000, .patience = 10000};

static struct peer *hosts, *writers;
static unsigned n_hosts, n_writers;
static uint64_t *sent;  /* by serial */
static uint32_t serial; /* of the last entry */
static int epoll_fd;
static uint64_t rng;

static struct {
	uint64_t deliveries, replies, bytes, attempts, refused, late;
	uint64_t hist[64 * FINE];
	uint64_t last;  /* when the last came */
	uint64_t added; /* XADDs that were acknowledged */
	unsigned serving, caught_up;
	uint64_t goal; /* entries that each host is to have */
} seen;

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t
pick(uint64_t below)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return below ? rng % below : 0;
}

/* --- times --- */

static void
hist_add(uint64_t ns)
{
	unsigned top = ns < FINE ? 0 : 63 - (unsigned)__builtin_clzll(ns) - 6;

	seen.hist[top * FINE + (ns >> top) % FINE]++;
}

static double
hist_ms(double q)
{
	uint64_t all = 0, want, n = 0;

	for (unsigned i = 0; i < 64 * FINE; i++)
		all += seen.hist[i];
	want = (uint64_t)((double)all * q);
	for (unsigned i = 0; i < 64 * FINE; i++) {
		n += seen.hist[i];
		if (n > want)
			return (double)((uint64_t)(i % FINE) << (i / FINE)) / (double)MS;
	}
	return 0;
}

static void
forget_times(void)
{
	memset(seen.hist, 0, sizeof(seen.hist));
	seen.deliveries = seen.replies = seen.bytes = seen.attempts = seen.refused = seen.late = 0;
}

/* --- one connection --- */

static void
put(struct peer *p, const char *data, size_t n)
{
	if (p->out_at == p->out_len)
		p->out_at = p->out_len = 0;
	if (p->out_len + n > p->out_cap) {
		p->out_cap = (p->out_len + n) * 2;
		p->out = realloc(p->out, p->out_cap);
		if (!p->out)
			errx(1, "no memory");
	}
	memcpy(p->out + p->out_len, data, n);
	p->out_len += n;
}

static void
put_words(struct peer *p, unsigned n, const char *const *words)
{
	char text[64];

	put(p, text, (size_t)snprintf(text, sizeof(text), "*%u\r\n", n));
	for (unsigned i = 0; i < n; i++) {
		size_t len = strlen(words[i]);

		put(p, text, (size_t)snprintf(text, sizeof(text), "$%zu\r\n", len));
		put(p, words[i], len);
		put(p, "\r\n", 2);
	}
}

static void
watch(struct peer *p, uint32_t events, int how)
{
	struct epoll_event e = {.events = events, .data.ptr = p};

	if (epoll_ctl(epoll_fd, how, p->fd, &e) < 0)
		err(1, "epoll_ctl");
}

static uint64_t
back_off(const struct peer *p)
{
	uint64_t wait = opt.min;

	for (unsigned i = 1; i < p->tries && wait < opt.max; i++)
		wait *= 2;
	wait = (wait < opt.max ? wait : opt.max) * MS;
	return wait / 10 + pick(wait);
}

static void
peer_close(struct peer *p, bool again)
{
	if (p->state == PEER_SERVING && !p->writer) {
		seen.serving--;
		seen.caught_up -= p->had;
	}
	p->had = p->full = p->refused = false;
	if (p->ssl)
		SSL_free(p->ssl);
	p->ssl = NULL;
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
	p->state = PEER_AWAY;
	p->out_len = p->out_at = 0;
	memset(&p->resp, 0, sizeof(p->resp));
	p->due = 0;
	if (again) {
		p->tries++;
		p->due = now_ns() + back_off(p) + 1;
	}
}

/* False: it is gone. */
static bool
peer_flush(struct peer *p)
{
	while (p->out_at < p->out_len) {
		ssize_t n;

		if (p->ssl) {
			ERR_clear_error();
			n = SSL_write(p->ssl, p->out + p->out_at, (int)(p->out_len - p->out_at));
			if (n <= 0 && SSL_get_error(p->ssl, (int)n) != SSL_ERROR_WANT_WRITE)
				return false;
		} else {
			n = send(p->fd, p->out + p->out_at, p->out_len - p->out_at, MSG_NOSIGNAL);
			if (n < 0 && errno != EAGAIN)
				return false;
		}
		if (n <= 0) {
			if (!p->full)
				watch(p, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
			p->full = true;
			return true;
		}
		p->out_at += (size_t)n;
	}
	if (p->full)
		watch(p, EPOLLIN, EPOLL_CTL_MOD);
	p->full = false;
	return true;
}

static void
ask(struct peer *p)
{
	char count[16], block[16];
	const char *words[] = {
	    "XREAD", "COUNT", count, "BLOCK", block, "STREAMS", opt.stream, p->last};
	const char *plain[] = {"XREAD", "COUNT", count, "STREAMS", opt.stream, p->last};

	snprintf(count, sizeof(count), "%u", opt.count);
	snprintf(block, sizeof(block), "%u", opt.block);
	if (opt.poll)
		put_words(p, 6, plain);
	else
		put_words(p, 8, words);
}

/* Who had a reply asks again only after opt.wait: a queue, as all wait alike. */
static struct {
	struct peer **who;
	uint64_t *due;
	unsigned first, n, room;
} resting;

static void
rest(struct peer *p)
{
	unsigned at = (resting.first + resting.n) % resting.room;

	if (p->resting)
		return;
	resting.who[at] = p;
	resting.due[at] = now_ns() + opt.wait * MS;
	resting.n++;
	p->resting = true;
}

static void
wake_rested(uint64_t now)
{
	while (resting.n && resting.due[resting.first] <= now) {
		struct peer *p = resting.who[resting.first];

		resting.first = (resting.first + 1) % resting.room;
		resting.n--;
		p->resting = false;
		if (p->state != PEER_SERVING)
			continue;
		ask(p);
		if (!peer_flush(p))
			peer_close(p, true);
	}
}

static void
is_caught_up(struct peer *p)
{
	if (!p->had && p->got >= seen.goal) {
		p->had = true;
		seen.caught_up++;
	}
}

static void
greet(struct peer *p)
{
	const char *auth[] = {"AUTH", opt.user, opt.password};
	const char *name[] = {"CLIENT", "SETNAME", "guardd"};

	p->state = PEER_GREETING;
	if (opt.user)
		put_words(p, 3, auth);
	else
		put_words(p, 3, name);
	if (!p->writer)
		ask(p);
}

static void
peer_connect(struct peer *p)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
	    .sin_port = htons(p->writer || !opt.read_port ? opt.port : opt.read_port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int on = 1;

	seen.attempts++;
	p->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (p->fd < 0)
		err(1, "socket");
	setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	p->state = PEER_CONNECTING;
	p->due = now_ns() + opt.patience * MS;
	if (connect(p->fd, (struct sockaddr *)&to, sizeof(to)) < 0 && errno != EINPROGRESS) {
		peer_close(p, true);
		return;
	}
	watch(p, EPOLLOUT, EPOLL_CTL_ADD);
}

static bool
peer_shake(struct peer *p)
{
	int r, e;

	ERR_clear_error();
	r = SSL_connect(p->ssl);
	if (r == 1) {
		greet(p);
		watch(p, EPOLLIN, EPOLL_CTL_MOD);
		return peer_flush(p);
	}
	e = SSL_get_error(p->ssl, r);
	if (e != SSL_ERROR_WANT_READ && e != SSL_ERROR_WANT_WRITE)
		return false;
	watch(p, e == SSL_ERROR_WANT_READ ? EPOLLIN : EPOLLOUT, EPOLL_CTL_MOD);
	return true;
}

static bool
peer_connected(struct peer *p)
{
	int error = 0;
	socklen_t n = sizeof(error);

	getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &error, &n);
	if (error)
		return false;
	if (opt.tls) {
		p->ssl = SSL_new(opt.tls);
		if (!p->ssl || !SSL_set_fd(p->ssl, p->fd))
			errx(1, "no memory for TLS");
		SSL_set_mode(p->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE |
					 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
					 SSL_MODE_RELEASE_BUFFERS);
		p->state = PEER_SHAKING;
		return peer_shake(p);
	}
	greet(p);
	watch(p, EPOLLIN, EPOLL_CTL_MOD);
	return peer_flush(p);
}

/* --- replies --- */

static char tail[32] = "0-0"; /* the last entry's id */

static bool
is_later(const char *a, const char *b)
{
	char *a_end, *b_end;
	uint64_t a_ms = strtoull(a, &a_end, 10), b_ms = strtoull(b, &b_end, 10);

	if (a_ms != b_ms)
		return a_ms > b_ms;
	return *a_end == '-' && strtoull(a_end + 1, NULL, 10) > strtoull(b_end + 1, NULL, 10);
}

static uint64_t lost_at; /* in a storm: when the connections were lost */
static uint64_t read_at; /* when the bytes were read that are looked at */

static void
on_text(void *ctx, const struct resp *r)
{
	struct peer *p = ctx;

	if (p->writer) {
		if (p->state == PEER_SERVING && is_later(r->text, tail))
			snprintf(tail, sizeof(tail), "%.31s", r->text);
		return;
	}
	if (r->depth == 4 && r->index[3] == 0) {
		snprintf(p->id, sizeof(p->id), "%.31s", r->text);
		p->got++;
		p->fresh++;
		seen.deliveries++;
	} else if (r->depth == 5 && r->index[4] % 2 == 0) {
		p->is_line = !strcmp(r->text, "e");
	} else if (r->depth == 5 && p->is_line) {
		uint64_t n = 0;

		sscanf(r->text, "%*s %*s %*s %lu", &n);
		n -= SERIALS;
		if (n < ENTRIES && sent[n])
			hist_add(read_at - sent[n]);
		memcpy(p->last, p->id, sizeof(p->last));
	}
}

static void
on_whole(void *ctx, bool error)
{
	struct peer *p = ctx;

	if (p->state == PEER_GREETING && !error) {
		p->state = PEER_SERVING;
		p->tries = 0;
		if (!p->writer) {
			seen.serving++;
			is_caught_up(p);
			if (lost_at)
				hist_add(read_at - lost_at);
		}
		seen.last = read_at;
		return;
	}
	if (error) {
		seen.refused++;
		p->refused = true;
		return;
	}
	if (p->writer) {
		seen.added++;
		return;
	}
	seen.replies++;
	if (seen.last < read_at)
		seen.last = read_at;
	is_caught_up(p);
	if (opt.wait && p->fresh < opt.count)
		rest(p);
	else if (!opt.poll || !p->had)
		ask(p);
	p->fresh = 0;
}

static bool
peer_read(struct peer *p)
{
	static const struct resp_calls calls = {.text = on_text, .whole = on_whole};
	static char data[256 << 10];

	for (;;) {
		ssize_t n;

		if (p->ssl) {
			int e;

			ERR_clear_error();
			n = SSL_read(p->ssl, data, sizeof(data));
			e = n > 0 ? 0 : SSL_get_error(p->ssl, (int)n);
			if (e == SSL_ERROR_WANT_READ)
				return peer_flush(p);
			if (e)
				return false;
		} else {
			n = recv(p->fd, data, sizeof(data), 0);
			if (n < 0 && errno == EAGAIN)
				return peer_flush(p);
			if (n <= 0)
				return false;
		}
		read_at = now_ns();
		if (!p->writer)
			seen.bytes += (uint64_t)n;
		if (!resp_feed(&p->resp, data, (size_t)n, &calls, p) || p->refused)
			return false;
		if (!p->ssl && (size_t)n < sizeof(data))
			return peer_flush(p);
	}
}

static bool
peer_event(struct peer *p, uint32_t events)
{
	switch (p->state) {
	case PEER_CONNECTING:
		return peer_connected(p);
	case PEER_SHAKING:
		return peer_shake(p);
	case PEER_GREETING:
	case PEER_SERVING:
		if ((events & EPOLLOUT) && !peer_flush(p))
			return false;
		return !(events & (EPOLLIN | EPOLLHUP | EPOLLERR)) || peer_read(p);
	default:
		return true;
	}
}

/* Connects one that is due, ends one that was not served in time. */
static void
look_after(struct peer *p, uint64_t now)
{
	if (p->state == PEER_SERVING || !p->due || p->due > now)
		return;
	if (p->state == PEER_AWAY) {
		peer_connect(p);
		return;
	}
	seen.late++;
	peer_close(p, true);
}

/* Waits for what comes until then, and serves it; connects who is due. */
static void
turn(uint64_t until)
{
	static uint64_t looked;
	struct epoll_event events[256];
	uint64_t now = now_ns(), wait = until > now ? until - now : 0;
	struct timespec t;
	int n;

	if (seen.serving < n_hosts) {
		for (unsigned i = 0; now - looked > 2 * MS && i < n_hosts; i++)
			look_after(&hosts[i], now);
		looked = now - looked > 2 * MS ? now : looked;
		wait = wait < 2 * MS ? wait : 2 * MS;
	}
	wake_rested(now);
	if (resting.n && resting.due[resting.first] < now + wait)
		wait = resting.due[resting.first] - now;
	t = (struct timespec){
	    .tv_sec = (time_t)(wait / 1000000000u), .tv_nsec = (long)(wait % 1000000000u)};
	n = epoll_pwait2(epoll_fd, events, 256, &t, NULL);
	if (n < 0 && errno != EINTR)
		err(1, "epoll_pwait2");
	for (int i = 0; i < n; i++) {
		struct peer *p = events[i].data.ptr;

		if (peer_event(p, events[i].events))
			continue;
		if (p->writer)
			errx(1, "a writer's connection is gone");
		peer_close(p, true);
	}
}
