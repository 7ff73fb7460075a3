/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/chan.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define PACKETS_PER_TURN 64
#define SEND_BUFFER      (1 << 20)
/* The kernel doubles it and counts a full packet as 17 KiB. */
#define SEND_BUFFER_SHORT (32 << 10)

/* One queued record. last: the packet ends behind it; sealed: nothing may be added in front of it.
 */
struct slot {
	struct msg m;
	int fd;
	bool last;
};

struct chan {
	int fd;
	enum role self, peer;
	const struct chan_ops *ops;
	void *ctx;
	struct event *readable, *writable, *turn;
	struct slot *ring;
	size_t room, head, queued;
	bool refused; /* chan_send said -EAGAIN since the queue was last half empty */
	bool dead;
	bool *freed; /* set while callbacks run: tells the loop that the channel is gone */
};

static void on_readable(evutil_socket_t fd, short what, void *arg);
static void on_writable(evutil_socket_t fd, short what, void *arg);
static void send_soon(struct chan *c);

static bool
allowed(unsigned type, enum role from, enum role to, bool with_fd)
{
	const struct msg_rule *rule = msg_rule(type);

	if (!rule || !(rule->senders & 1u << from) || !(rule->receivers & 1u << to))
		return false;
	return rule->fd == 2 || with_fd == (rule->fd == 1);
}

int
chan_pair(int fds[static 2])
{
	const int size = SEND_BUFFER;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
		return -errno;
	for (int i = 0; i < 2; i++)
		setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	return 0;
}

int
chan_short(int fd)
{
	const int size = SEND_BUFFER_SHORT;

	return setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) < 0 ? -errno : 0;
}

static int
make_events(struct chan *c, struct event_base *base)
{
	c->readable = event_new(base, c->fd, EV_READ | EV_PERSIST, on_readable, c);
	c->writable = event_new(base, c->fd, EV_WRITE, on_writable, c);
	c->turn = event_new(base, -1, 0, on_writable, c);
	if (!c->readable || !c->writable || !c->turn || event_add(c->readable, NULL) < 0)
		return -ENOMEM;
	return 0;
}

int
chan_new(struct chan **out, struct event_base *base, int fd, enum role self, enum role peer,
    size_t queue_max, const struct chan_ops *ops, void *ctx)
{
	_cleanup_(chan_freep) struct chan *c = calloc(1, sizeof(*c));
	int r;

	if (!c) {
		close(fd);
		return -ENOMEM;
	}
	c->fd = fd;
	c->self = self;
	c->peer = peer;
	c->ops = ops;
	c->ctx = ctx;
	c->room = queue_max < CHAN_BATCH ? CHAN_BATCH : queue_max;
	c->ring = calloc(c->room, sizeof(*c->ring));
	if (!c->ring)
		return -ENOMEM;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK);
	r = make_events(c, base);
	if (r < 0)
		return r;
	*out = c;
	c = NULL;
	return 0;
}

void
chan_free(struct chan *c)
{
	if (!c)
		return;
	if (c->freed)
		*c->freed = true;
	if (c->readable)
		event_free(c->readable);
	if (c->writable)
		event_free(c->writable);
	if (c->turn)
		event_free(c->turn);
	for (size_t i = 0; i < c->queued; i++) {
		struct slot *s = &c->ring[(c->head + i) % c->room];

		if (s->fd >= 0)
			close(s->fd);
	}
	free(c->ring);
	close(c->fd);
	free(c);
}

static void
die(struct chan *c, int error)
{
	if (c->dead)
		return;
	c->dead = true;
	event_del(c->readable);
	event_del(c->writable);
	event_del(c->turn);
	c->ops->on_close(c->ctx, error);
}

size_t
chan_queued(const struct chan *c)
{
	return c->queued;
}

bool
chan_is_read(const struct chan *c)
{
	int left = 0;

	return c->queued == 0 && ioctl(c->fd, SIOCOUTQ, &left) == 0 && left == 0;
}

void
chan_ask_room(struct chan *c)
{
	c->refused = true;
	if (!c->dead)
		send_soon(c);
}

static struct slot *
push(struct chan *c, const struct msg *m, int fd, bool last)
{
	struct slot *s = &c->ring[(c->head + c->queued) % c->room];

	s->m = *m;
	s->fd = fd;
	s->last = last;
	c->queued++;
	return s;
}

static int
admit(struct chan *c, size_t n)
{
	if (c->dead)
		return -EPIPE;
	if (c->queued + n > c->room) {
		c->refused = true;
		return -EAGAIN;
	}
	return 0;
}

static void
send_soon(struct chan *c)
{
	if (!event_pending(c->writable, EV_WRITE, NULL))
		event_active(c->turn, 0, 0);
}

int
chan_send(struct chan *c, const struct msg *m)
{
	int r = admit(c, 1);

	if (r < 0)
		return r;
	if (!allowed(m->type, c->self, c->peer, false))
		return -EPROTO;
	push(c, m, -1, false);
	send_soon(c);
	return 0;
}

int
chan_send_packet(struct chan *c, const struct msg *m, size_t n)
{
	int r = admit(c, n);

	if (r < 0)
		return r;
	if (n == 0 || n > CHAN_BATCH)
		return -EPROTO;
	for (size_t i = 0; i < n; i++)
		if (!allowed(m[i].type, c->self, c->peer, false))
			return -EPROTO;
	/* What was queued before must not be joined with this packet. */
	if (c->queued > 0)
		c->ring[(c->head + c->queued - 1) % c->room].last = true;
	for (size_t i = 0; i < n; i++)
		push(c, &m[i], -1, i + 1 == n);
	send_soon(c);
	return 0;
}

int
chan_send_fd(struct chan *c, const struct msg *m, int fd)
{
	int r = admit(c, 1);

	if (r == 0 && !allowed(m->type, c->self, c->peer, true))
		r = -EPROTO;
	if (r < 0) {
		close(fd);
		return r;
	}
	if (c->queued > 0)
		c->ring[(c->head + c->queued - 1) % c->room].last = true;
	push(c, m, fd, true);
	send_soon(c);
	return 0;
}

/* Gathers the packet at the head of the queue; returns its number of records. */
static size_t
gather(struct chan *c, struct iovec iov[CHAN_BATCH], int *fd)
{
	size_t n = 0;

	*fd = -1;
	while (n < c->queued && n < CHAN_BATCH) {
		struct slot *s = &c->ring[(c->head + n) % c->room];

		iov[n++] = (struct iovec){&s->m, sizeof(s->m)};
		if (s->fd >= 0)
			*fd = s->fd;
		if (s->last)
			break;
	}
	return n;
}

static ssize_t
send_packet(int sock, struct iovec *iov, size_t n, int fd)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct msghdr h = {.msg_iov = iov, .msg_iovlen = n};
	ssize_t r;

	if (fd >= 0) {
		struct cmsghdr *cm;

		h.msg_control = control.bytes;
		h.msg_controllen = sizeof(control.bytes);
		cm = CMSG_FIRSTHDR(&h);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cm), &fd, sizeof(int));
	}
	do
		r = sendmsg(sock, &h, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r;
}

int
chan_flush(struct chan *c)
{
	struct iovec iov[CHAN_BATCH];

	while (c->queued > 0 && !c->dead) {
		int fd;
		size_t n = gather(c, iov, &fd);
		ssize_t r = send_packet(c->fd, iov, n, fd);

		if (r == -EAGAIN || r == -ENOBUFS) {
			event_add(c->writable, NULL);
			return 0;
		}
		if (r < 0)
			return (int)r;
		if (fd >= 0)
			close(fd);
		c->head = (c->head + n) % c->room;
		c->queued -= n;
	}
	/* From the front again: the rest of the ring stays memory that was never touched. */
	if (c->queued == 0)
		c->head = 0;
	return 0;
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct chan *c = arg;
	int r = chan_flush(c);

	(void)fd;
	(void)what;
	if (r < 0) {
		/* What the peer had sent before it went must still be heard: reading will find the
		 * end. */
		return;
	}
	if (c->refused && c->queued <= c->room / 2) {
		c->refused = false;
		if (c->ops->on_room)
			c->ops->on_room(c->ctx);
	}
}

int
chan_drain(struct chan *c, int timeout_ms)
{
	while (c->queued > 0 && !c->dead) {
		struct pollfd p = {.fd = c->fd, .events = POLLOUT};
		int r = chan_flush(c);

		if (r < 0)
			return r;
		if (c->queued > 0 && poll(&p, 1, timeout_ms) <= 0)
			return -ETIMEDOUT;
	}
	return 0;
}

/* Descriptors of a received packet: the first is kept, any other is closed. */
static int
take_fd(struct msghdr *h, bool *extra)
{
	int kept = -1;

	for (struct cmsghdr *cm = CMSG_FIRSTHDR(h); cm; cm = CMSG_NXTHDR(h, cm)) {
		size_t n;

		if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS)
			continue;
		n = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(cm) + i * sizeof(int), sizeof(fd));
			if (kept < 0) {
				kept = fd;
			} else {
				close(fd);
				*extra = true;
			}
		}
	}
	return kept;
}

static bool
packet_is_fine(const struct chan *c, const struct msg *m, size_t bytes, int fd)
{
	size_t n = bytes / sizeof(*m);

	if (n == 0 || bytes % sizeof(*m) || (fd >= 0 && n != 1))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!allowed(m[i].type, c->peer, c->self, fd >= 0))
			return false;
	return true;
}

/* Reads and delivers one packet. 1: delivered, 0: none is there, -EPIPE: the channel is gone or
 * dead. */
static int
read_packet(struct chan *c)
{
	struct msg m[CHAN_BATCH];
	union {
		char bytes[CMSG_SPACE(4 * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = {m, sizeof(m)};
	struct msghdr h = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = control.bytes,
	    .msg_controllen = sizeof(control.bytes)};
	ssize_t r = recvmsg(c->fd, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	bool freed = false, extra = false;
	int fd;

	/* A peer that died with unread packets resets us once; what it had sent is still there. */
	if (r < 0 && errno == ECONNRESET)
		r = recvmsg(c->fd, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (r < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (r <= 0) {
		die(c, 0);
		return -EPIPE;
	}
	fd = take_fd(&h, &extra);
	if (extra || (h.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) ||
	    !packet_is_fine(c, m, (size_t)r, fd)) {
		if (fd >= 0)
			close(fd);
		die(c, -EPROTO);
		return -EPIPE;
	}
	c->freed = &freed;
	if (c->ops->on_ahead)
		c->ops->on_ahead(c->ctx, m, (size_t)r / sizeof(m[0]));
	for (size_t i = 0; i < (size_t)r / sizeof(m[0]) && !freed; i++)
		c->ops->on_msg(c->ctx, &m[i], fd);
	if (!freed && c->ops->on_packet)
		c->ops->on_packet(c->ctx);
	if (freed)
		return -EPIPE;
	c->freed = NULL;
	return c->dead ? -EPIPE : 1;
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct chan *c = arg;

	(void)fd;
	(void)what;
	for (int i = 0; i < PACKETS_PER_TURN; i++)
		if (read_packet(c) <= 0)
			return;
}

void
chan_read_rest(struct chan *c)
{
	while (!c->dead && read_packet(c) > 0)
		continue;
}
