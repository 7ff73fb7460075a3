/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The channel between two processes: a SOCK_SEQPACKET pair whose packets carry 1..CHAN_BATCH
 * records of struct msg (wire/msg.h) and at most one descriptor. Comes in: bytes of the peer,
 * checked against the message table. Goes out: records queued here and sent at the end of the event
 * loop's turn. Bounded: chan_send refuses with -EAGAIN past the queue's limit; the caller waits for
 * on_room.
 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>

#include "base/cleanup.h"
#include "wire/msg.h"

#define CHAN_BATCH 128

struct chan;

struct chan_ops {
	/* The records of a packet before the first of them is delivered, for what is worth fetching
	 * early. May be NULL. */
	void (*on_ahead)(void *ctx, const struct msg *m, size_t n);
	/* One record; fd is -1 or a descriptor that now belongs to the callee. */
	void (*on_msg)(void *ctx, const struct msg *m, int fd);
	/* All records of one packet were delivered: the place to act on them as a whole. May be
	 * NULL. */
	void (*on_packet)(void *ctx);
	/* The queue fell below half after chan_send had said -EAGAIN. May be NULL. */
	void (*on_room)(void *ctx);
	/* The peer is gone (0), or broke the protocol (-EPROTO); the channel is dead, free it any
	 * time. */
	void (*on_close)(void *ctx, int error);
};

/*
 * Takes fd (made non-blocking, close-on-exec). self and peer say which rows of the message table
 * are allowed in either direction. queue_max is in records. -ENOMEM.
 */
int chan_new(struct chan **out, struct event_base *base, int fd, enum role self, enum role peer,
    size_t queue_max, const struct chan_ops *ops, void *ctx);
void chan_free(struct chan *c);
DEFINE_FREEP(struct chan, chan_free)

/* Queues one record (m->type is checked: -EPROTO is a bug of this side). 0, -EAGAIN, -EPIPE. */
int chan_send(struct chan *c, const struct msg *m);
/* The same with a descriptor, which is closed once sent; such a record is a packet of its own. */
int chan_send_fd(struct chan *c, const struct msg *m, int fd);
/* Queues n records (1..CHAN_BATCH) that are delivered together, as one packet of their own. */
int chan_send_packet(struct chan *c, const struct msg *m, size_t n);
/* Sends what is queued now, as far as the socket takes it; also done by itself at the turn's end.
 */
int chan_flush(struct chan *c);
/* Flushes with poll(2) until all is out or timeout_ms is over: for the last words of a process. */
int chan_drain(struct chan *c, int timeout_ms);
/* Reads and delivers all that is queued at this end without waiting (a dead peer's last packets).
 */
void chan_read_rest(struct chan *c);
size_t chan_queued(const struct chan *c);
/* The peer has read all that was ever sent: descriptors of one who does not would add up. */
bool chan_is_read(const struct chan *c);
/* on_room comes as if chan_send had said -EAGAIN: for who leaves room to others. */
void chan_ask_room(struct chan *c);
/* A pair of SEQPACKET ends with send buffers for several full packets. Negative errno. */
int chan_pair(int fds[static 2]);
/* What is sent from this end waits at the sender, but for four full packets: what is urgent has few
 * in front of it. Negative errno. */
int chan_short(int fd);
