/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The way of the herald's unit to the judge: connects to RUNTIME/herald, greets, and does so again
 * with back-off whenever it is gone. Comes in: records of the judge, checked by wire/chan. Goes
 * out: the callbacks below, and what is sent through dial_chan. Bounded: one connection.
 */
#pragma once

#include "wire/chan.h"

struct dial;

struct dial_ops {
	void (*on_up)(void *ctx);                               /* connected and greeted */
	void (*on_msg)(void *ctx, const struct msg *m, int fd); /* fd is the callee's */
	void (*on_packet)(void *ctx);                           /* may be NULL */
	void (*on_room)(void *ctx);                             /* may be NULL */
	/* It was up and is gone (0), or it broke the protocol (-EPROTO). */
	void (*on_down)(void *ctx, int error);
};

/* path: of the socket; copied. The first try is made at once, by the event loop. -ENOMEM. */
int dial_new(struct dial **out, struct event_base *base, const char *path, enum role self,
    size_t queue_max, const struct dial_ops *ops, void *ctx);
void dial_free(struct dial *d);
/* NULL: not connected. */
struct chan *dial_chan(const struct dial *d);
/* Ends this connection, as of a peer that broke the protocol; to be called in on_msg or on_packet
 * too. */
void dial_hang_up(struct dial *d);
/* Why the last try failed, negative errno; 0: it did not. */
int dial_error(const struct dial *d);
