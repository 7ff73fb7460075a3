/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/dial.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/backoff.h"

#define LIVED_WELL (5 * USEC_PER_SEC)

struct dial {
	struct event_base *base;
	struct sockaddr_un to;
	enum role self;
	size_t queue_max;
	const struct dial_ops *ops;
	void *ctx;
	struct chan *chan;
	struct event *again;
	usec_t wait, began;
	int error;
};

static void
arm(struct dial *d, usec_t in)
{
	const struct timeval tv = {in / USEC_PER_SEC, in % USEC_PER_SEC};

	event_add(d->again, &tv);
}

static void
again(struct dial *d)
{
	usec_t lived = d->began ? clock_mono() - d->began : 0;

	d->began = 0;
	d->wait = backoff_next(d->wait, lived, LIVED_WELL);
	arm(d, d->wait > BACKOFF_FIRST ? d->wait : BACKOFF_FIRST);
}

static void
on_msg(void *ctx, const struct msg *m, int fd)
{
	struct dial *d = ctx;

	d->ops->on_msg(d->ctx, m, fd);
}

static void
on_packet(void *ctx)
{
	struct dial *d = ctx;

	if (d->ops->on_packet)
		d->ops->on_packet(d->ctx);
}

static void
on_room(void *ctx)
{
	struct dial *d = ctx;

	if (d->ops->on_room)
		d->ops->on_room(d->ctx);
}

static void
down(struct dial *d, int error)
{
	chan_free(d->chan);
	d->chan = NULL;
	d->error = error < 0 ? error : -ECONNRESET;
	again(d);
	d->ops->on_down(d->ctx, error);
}

static void
on_close(void *ctx, int error)
{
	down(ctx, error);
}

static const struct chan_ops ops = {
    .on_msg = on_msg, .on_packet = on_packet, .on_room = on_room, .on_close = on_close};

static int
try(struct dial *d)
{
	const struct msg greet = {
	    .type = MSG_GREET, .u.greet = {.version = GREET_VERSION, .role = d->self}};
	_cleanup_(closep) int fd =
	    socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r;

	if (fd < 0 || connect(fd, (const struct sockaddr *)&d->to, sizeof(d->to)) < 0)
		return -errno;
	r = chan_new(&d->chan, d->base, fd_take(&fd), d->self, ROLE_JUDGE, d->queue_max, &ops, d);
	return r < 0 ? r : chan_send(d->chan, &greet);
}

static void
on_again(evutil_socket_t fd, short what, void *arg)
{
	struct dial *d = arg;

	(void)fd;
	(void)what;
	d->error = try(d);
	if (d->error < 0)
		return again(d);
	d->began = clock_mono();
	d->ops->on_up(d->ctx);
}

int
dial_new(struct dial **out, struct event_base *base, const char *path, enum role self,
    size_t queue_max, const struct dial_ops *o, void *ctx)
{
	struct dial *d = calloc(1, sizeof(*d));
	int n;

	if (!d)
		return -ENOMEM;
	*d =
	    (struct dial){.base = base, .self = self, .queue_max = queue_max, .ops = o, .ctx = ctx};
	d->to.sun_family = AF_UNIX;
	n = snprintf(d->to.sun_path, sizeof(d->to.sun_path), "%s", path);
	d->again = evtimer_new(base, on_again, d);
	if (!d->again || n < 0 || (size_t)n >= sizeof(d->to.sun_path)) {
		int r = d->again ? -ENAMETOOLONG : -ENOMEM;

		dial_free(d);
		return r;
	}
	arm(d, 0);
	*out = d;
	return 0;
}

void
dial_free(struct dial *d)
{
	if (!d)
		return;
	if (d->again)
		event_free(d->again);
	chan_free(d->chan);
	free(d);
}

struct chan *
dial_chan(const struct dial *d)
{
	return d->chan;
}

void
dial_hang_up(struct dial *d)
{
	if (d->chan)
		down(d, -EPROTO);
}

int
dial_error(const struct dial *d)
{
	return d->error;
}
