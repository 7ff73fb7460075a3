/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "herald/hands.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "wire/chan.h"

#define QUEUE_MAX 64
#define SEALS     (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

struct hand {
	bool busy;
	uint32_t id;
	hands_done done; /* NULL: nobody waits for it any more */
	void *ctx;
};

struct hands {
	struct herald *herald;
	struct chan *chan;
	uint32_t last_id;
	unsigned busy;
	bool resting; /* nothing is begun any more */
	struct hand hands[HANDS_MAX];
};

static struct hand *
find(struct hands *h, uint32_t id)
{
	for (size_t i = 0; i < HANDS_MAX; i++)
		if (h->hands[i].busy && h->hands[i].id == id)
			return &h->hands[i];
	return NULL;
}

/* The output with a NUL behind it; NULL: no memory. *n is its length. */
static char *
read_output(int fd, size_t *n)
{
	struct stat st = {0};
	size_t size = 0, at = 0;
	ssize_t got;
	char *out;

	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0)
		size = st.st_size < HANDS_OUTPUT_MAX ? (size_t)st.st_size : HANDS_OUTPUT_MAX;
	out = malloc(size + 1);
	while (out && at < size && (got = pread(fd, out + at, size - at, (off_t)at)) > 0)
		at += (size_t)got;
	if (out)
		out[at] = '\0';
	*n = at;
	return out;
}

static void
on_ran(struct hands *h, const struct msg *m, int fd)
{
	struct hand *hand = find(h, m->id), was;
	_cleanup_(freep) char *output = NULL;
	size_t n;

	if (!hand)
		return;
	was = *hand;
	*hand = (struct hand){0};
	h->busy--;
	output = was.done ? read_output(fd, &n) : NULL;
	if (was.done && output)
		was.done(was.ctx, m->u.ran.status, output, n);
	else if (was.done)
		was.done(was.ctx, -ENOMEM, "", 0);
	if (h->resting && h->busy == 0)
		h->herald->end(h->herald);
}

static void
on_msg(void *ctx, const struct msg *m, int fd)
{
	_cleanup_(closep) int owned = fd;
	const struct msg pong = {.type = MSG_PONG, .id = m->id};
	struct hands *h = ctx;

	if (m->type == MSG_PING)
		chan_send(h->chan, &pong);
	else if (m->type == MSG_RAN)
		on_ran(h, m, owned);
	else if (m->type == MSG_STOP)
		h->herald->end(h->herald);
}

/* Without a runner nothing can be delivered, and nobody would start another herald beside this one.
 */
static void
on_close(void *ctx, int error)
{
	struct hands *h = ctx;

	(void)error;
	h->herald->end(h->herald);
}

static const struct chan_ops ops = {.on_msg = on_msg, .on_close = on_close};

int
hands_new(struct hands **out, struct herald *herald, int fd)
{
	struct hands *h = calloc(1, sizeof(*h));
	int r;

	if (!h) {
		close(fd);
		return -ENOMEM;
	}
	h->herald = herald;
	r = chan_new(&h->chan, herald->base, fd, ROLE_HERALD, ROLE_RUNNER, QUEUE_MAX, &ops, h);
	if (r < 0) {
		hands_free(h);
		return r;
	}
	*out = h;
	return 0;
}

void
hands_free(struct hands *h)
{
	if (!h)
		return;
	if (h->chan)
		chan_drain(h->chan, 0);
	chan_free(h->chan);
	free(h);
}

int
hands_ready(struct hands *h)
{
	const struct msg m = {.type = MSG_READY};

	return chan_send(h->chan, &m);
}

bool
hands_rest(struct hands *h)
{
	h->resting = true;
	return h->busy == 0;
}

bool
hands_are_resting(const struct hands *h)
{
	return h->resting;
}

/* A sealed memfd of the input: what the program reads is what was written here. */
static int
make_input(const void *input, size_t n)
{
	_cleanup_(closep) int fd = memfd_create("guardd-input", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	size_t at = 0;

	if (fd < 0)
		return -errno;
	while (at < n) {
		ssize_t w = write(fd, (const char *)input + at, n - at);

		if (w <= 0)
			return w < 0 ? -errno : -ENOSPC;
		at += (size_t)w;
	}
	return fcntl(fd, F_ADD_SEALS, SEALS) < 0 ? -errno : fd_take(&fd);
}

int
hands_run(struct hands *h, enum run_kind kind, uint32_t channel, unsigned timeout_s,
    const void *input, size_t n, hands_done done, void *ctx)
{
	struct msg m = {.type = MSG_RUN, .id = h->last_id + 1};
	struct hand *hand = NULL;
	int fd, r;

	for (size_t i = 0; !hand && i < HANDS_MAX; i++)
		if (!h->hands[i].busy)
			hand = &h->hands[i];
	if (!hand || h->resting)
		return -EBUSY;
	fd = make_input(input, n);
	if (fd < 0)
		return fd;
	m.u.run.kind = kind;
	m.u.run.channel = channel;
	m.u.run.timeout_s = timeout_s;
	m.u.run.image = h->herald->config;
	r = chan_send_fd(h->chan, &m, fd);
	if (r < 0)
		return r;
	*hand = (struct hand){.busy = true, .id = ++h->last_id, .done = done, .ctx = ctx};
	h->busy++;
	return 0;
}

void
hands_forget(struct hands *h, void *ctx)
{
	for (size_t i = 0; i < HANDS_MAX; i++)
		if (h->hands[i].ctx == ctx)
			h->hands[i].done = NULL;
}
