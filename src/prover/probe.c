/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "prover/probe.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

#define PROBE_TURN 20 /* ms until who may start is looked for again */

static const char *const names[PROBE_ANSWERS] = {
    [PROBE_SILENT] = "silent",
    [PROBE_OPEN] = "open",
    [PROBE_REFUSED] = "refused",
    [PROBE_PROHIBITED] = "prohibited",
    [PROBE_UNREACHABLE] = "unreachable",
    [PROBE_HOST_DOWN] = "host-down",
    [PROBE_ANSWERED] = "answered",
    [PROBE_CLOSED] = "closed",
    [PROBE_UNKNOWN] = "unknown",
};

const char *
probe_answer_name(enum probe_answer a)
{
	return (unsigned)a < PROBE_ANSWERS ? names[a] : "unknown";
}

static socklen_t
socket_address(const struct probe *p, struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (void *)out;
	struct sockaddr_in6 *v6 = (void *)out;

	memset(out, 0, sizeof(*out));
	if (p->to.family == 4) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(p->port);
		memcpy(&v4->sin_addr, p->to.bytes, 4);
		return sizeof(*v4);
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(p->port);
	v6->sin6_scope_id = p->scope;
	memcpy(&v6->sin6_addr, p->to.bytes, 16);
	return sizeof(*v6);
}

static void
finish(struct probe *p, enum probe_answer a, usec_t now)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
	p->answer = (uint8_t)a;
	p->done = true;
	/* Nobody out there said it. */
	if (a == PROBE_SILENT || a == PROBE_UNKNOWN || a == PROBE_HOST_DOWN)
		return;
	p->rtt = (uint32_t)(now - p->sent);
}

/* What an ICMP error means: linux/icmp.h, linux/icmpv6.h (RFC 792, 1812, 4443). */
static const struct meaning {
	uint8_t origin, type, code;
	enum probe_answer tcp, udp;
} meanings[] = {
    {SO_EE_ORIGIN_ICMP, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, PROBE_PROHIBITED, PROBE_CLOSED},
    {SO_EE_ORIGIN_ICMP, ICMP_DEST_UNREACH, ICMP_NET_ANO, PROBE_PROHIBITED, PROBE_PROHIBITED},
    {SO_EE_ORIGIN_ICMP, ICMP_DEST_UNREACH, ICMP_HOST_ANO, PROBE_PROHIBITED, PROBE_PROHIBITED},
    {SO_EE_ORIGIN_ICMP, ICMP_DEST_UNREACH, ICMP_PKT_FILTERED, PROBE_PROHIBITED, PROBE_PROHIBITED},
    {SO_EE_ORIGIN_ICMP, ICMP_DEST_UNREACH, ICMP_PROT_UNREACH, PROBE_PROHIBITED, PROBE_PROHIBITED},
    {SO_EE_ORIGIN_ICMP6, ICMPV6_DEST_UNREACH, ICMPV6_ADM_PROHIBITED, PROBE_PROHIBITED,
	PROBE_PROHIBITED},
    {SO_EE_ORIGIN_ICMP6, ICMPV6_DEST_UNREACH, ICMPV6_PORT_UNREACH, PROBE_PROHIBITED, PROBE_CLOSED},
    {SO_EE_ORIGIN_ICMP6, ICMPV6_DEST_UNREACH, ICMPV6_POLICY_FAIL, PROBE_PROHIBITED,
	PROBE_PROHIBITED},
    {SO_EE_ORIGIN_ICMP6, ICMPV6_DEST_UNREACH, ICMPV6_REJECT_ROUTE, PROBE_PROHIBITED,
	PROBE_PROHIBITED},
};

/* The kernel says so itself, as ICMP from this machine's own address: nobody answered ARP or
 * neighbour discovery, or its own rules rejected what went out. */
static enum probe_answer
mean_own(const struct sock_extended_err *e)
{
	bool down = e->ee_origin == SO_EE_ORIGIN_ICMP ? e->ee_code == ICMP_HOST_UNREACH
						      : e->ee_code == ICMPV6_ADDR_UNREACH;

	return down ? PROBE_HOST_DOWN : PROBE_UNKNOWN;
}

static enum probe_answer
mean(const struct probe *p, const struct sock_extended_err *e)
{
	if (addr_equal(&p->by, &p->from) && !addr_equal(&p->from, &p->to))
		return mean_own(e);
	for (size_t i = 0; i < sizeof(meanings) / sizeof(*meanings); i++) {
		const struct meaning *m = &meanings[i];

		if (m->origin != e->ee_origin || m->type != e->ee_type || m->code != e->ee_code)
			continue;
		/* Which ports are closed only the host itself can know. */
		if (p->proto == IPPROTO_UDP && addr_equal(&p->by, &p->to))
			return m->udp;
		return m->tcp;
	}
	return PROBE_UNREACHABLE;
}

/* The error queue of a socket: who said what. False: it is empty. */
static bool
read_error(struct probe *p, enum probe_answer *out)
{
	char control[512], data[64];
	struct iovec iov = {data, sizeof(data)};
	struct msghdr h = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = control,
	    .msg_controllen = sizeof(control)};

	if (recvmsg(p->fd, &h, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
		return false;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&h); c; c = CMSG_NXTHDR(&h, c)) {
		const struct sock_extended_err *e = (const void *)CMSG_DATA(c);

		if (!(c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) &&
		    !(c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR))
			continue;
		/* A local one is about the socket; what it means, the socket's error says. */
		if (e->ee_origin == SO_EE_ORIGIN_LOCAL)
			continue;
		addr_from_sockaddr(&p->by, SO_EE_OFFENDER(e));
		*out = mean(p, e);
		if (*out == PROBE_HOST_DOWN || *out == PROBE_UNKNOWN)
			p->by = (struct addr){0};
		return true;
	}
	return false;
}

/* An error without an ICMP message behind it: an RST, or the machine's own routes and rules. */
static enum probe_answer
plain_error(const struct probe *p, int error)
{
	switch (error) {
	case ECONNREFUSED:
		return p->proto == IPPROTO_TCP ? PROBE_REFUSED : PROBE_CLOSED;
	case ENETUNREACH:
	case EHOSTUNREACH:
		return PROBE_UNREACHABLE;
	case ETIMEDOUT:
		return p->proto == IPPROTO_TCP ? PROBE_SILENT : PROBE_UNKNOWN;
	default:
		return PROBE_UNKNOWN;
	}
}

static void
start(struct probe *p, usec_t now)
{
	struct sockaddr_storage to, own;
	socklen_t len = socket_address(p, &to), own_len = sizeof(own);
	int type =
	    (p->proto == IPPROTO_TCP ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
	bool v4 = p->to.family == 4;
	int r;

	p->sent = now;
	p->tries++;
	p->fd = socket(to.ss_family, type, 0);
	if (p->fd < 0) {
		finish(p, PROBE_UNKNOWN, now);
		return;
	}
	setsockopt(p->fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_RECVERR : IPV6_RECVERR, &(int){1},
	    sizeof(int));
	r = connect(p->fd, (struct sockaddr *)&to, len);
	if (r < 0 && errno != EINPROGRESS) {
		finish(p, plain_error(p, errno), now);
		return;
	}
	if (getsockname(p->fd, (struct sockaddr *)&own, &own_len) == 0)
		addr_from_sockaddr(&p->from, (struct sockaddr *)&own);
	/* An empty datagram: no service takes it for a message. */
	if (p->proto == IPPROTO_UDP && send(p->fd, "", 0, 0) < 0)
		finish(p, plain_error(p, errno), now);
}

static void
settle(struct probe *p, usec_t now)
{
	enum probe_answer a;
	char byte;
	int error = 0;
	socklen_t len = sizeof(error);

	if (read_error(p, &a)) {
		finish(p, a, now);
		return;
	}
	getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &error, &len);
	if (error)
		finish(p, plain_error(p, error), now);
	else if (p->proto == IPPROTO_TCP)
		finish(p, PROBE_OPEN, now);
	else if (recv(p->fd, &byte, 1, MSG_DONTWAIT) >= 0)
		finish(p, PROBE_ANSWERED, now);
}

/* Nothing came in time: once more, later, or that is the answer. */
static void
give_up(struct probe *p, usec_t now)
{
	close(p->fd);
	p->fd = -1;
	p->next = now + PROBE_AGAIN;
	if (p->tries >= PROBE_TRIES)
		finish(p, p->proto == IPPROTO_TCP ? PROBE_SILENT : PROBE_UNKNOWN, now);
}

struct run {
	struct probe *p;
	uint32_t n, rate; /* rate: questions a second */
	uint64_t started; /* questions, repeated ones too */
	usec_t began;
};

/* Starts what may start: one question to a host at a time, rate to all of them. */
static void
start_some(struct run *run, usec_t now)
{
	uint64_t may = 1 + (uint64_t)(now - run->began) * run->rate / USEC_PER_SEC;
	struct probe *p = run->p;
	uint32_t flight = 0;

	for (uint32_t i = 0; i < run->n; i++)
		flight += p[i].fd >= 0;
	for (uint32_t i = 0; i < run->n && flight < PROBE_FLIGHT && run->started < may; i++) {
		struct probe *host = &p[p[i].host];

		if (p[i].done || p[i].fd >= 0 || p[i].next > now || host->free > now)
			continue;
		host->free = now + (host->limited && p[i].tries ? PROBE_SLOW : PROBE_PACE);
		start(&p[i], now);
		run->started++;
		flight += p[i].fd >= 0;
	}
}

static usec_t
wait_of(const struct probe *p)
{
	return p->tries < PROBE_TRIES ? PROBE_WAIT : PROBE_LAST;
}

static void
wait_for_some(struct probe *p, uint32_t n)
{
	struct pollfd fds[PROBE_FLIGHT];
	struct probe *of[PROBE_FLIGHT];
	nfds_t k = 0;
	usec_t now;

	for (uint32_t i = 0; i < n; i++) {
		if (p[i].fd < 0)
			continue;
		fds[k] = (struct pollfd){p[i].fd, p[i].proto == IPPROTO_TCP ? POLLOUT : POLLIN, 0};
		of[k++] = &p[i];
	}
	poll(fds, k, PROBE_TURN);
	now = clock_mono();
	for (nfds_t i = 0; i < k; i++) {
		if (fds[i].revents)
			settle(of[i], now);
		if (of[i]->by.family)
			p[of[i]->host].limited = true;
		if (!of[i]->done && of[i]->sent + wait_of(of[i]) < now)
			give_up(of[i], now);
	}
}

static bool
all_done(const struct probe *p, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (!p[i].done)
			return false;
	return true;
}

/* Questions to one host mostly stand together. */
static uint32_t
host_of(const struct probe *p, uint32_t i)
{
	for (uint32_t k = i; k-- > 0;)
		if (addr_equal(&p[k].to, &p[i].to) && p[k].scope == p[i].scope)
			return p[k].host;
	return i;
}

int
probe_run(struct probe *p, uint32_t n, uint32_t rate)
{
	struct run run = {.p = p, .n = n, .rate = rate, .began = clock_mono()};

	if (n > PROBE_MAX)
		return -E2BIG;
	for (uint32_t i = 0; i < n; i++) {
		p[i].fd = -1;
		p[i].host = host_of(p, i);
	}
	while (!all_done(p, n)) {
		start_some(&run, clock_mono());
		wait_for_some(p, n);
	}
	return 0;
}
