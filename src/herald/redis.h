/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A client of a Redis server over one TCP or TLS connection, made again with back-off and jitter as
 * long as it is wanted. Comes in: replies, in the order of the commands. Goes out: commands.
 * Bounded: REDIS_OPEN commands without an answer, bytes of one reply, the time an answer may take.
 * Whatever is wrong with the server ends the connection and is told as one sentence.
 */
#pragma once

#include <event2/event.h>

#include "base/clock.h"
#include "herald/reply.h"
#include "herald/tls.h"

#define REDIS_OPEN    256
#define REDIS_ARGS    48
#define REDIS_WHY_MAX 400
#define REDIS_OUTPUT  (4u << 20) /* bytes that wait for a slow server */

struct redis;

struct redis_config { /* lent, must outlive the client */
	struct tls_config tls;
	bool use_tls;
	uint16_t port;
	const char *user, *password_file; /* "": none */
	size_t reply_bytes;
};

struct redis_ops {
	/* Connected, let in: commands can be sent. */
	void (*on_up)(void *ctx);
	/* The reply to the oldest command without one, tag of redis_send; lent. Errors do not come
	 * here. */
	void (*on_reply)(void *ctx, uint64_t tag, const struct value *v);
	/* Not connected: why; the commands without an answer are forgotten. Told at every try.
	 * too_large: id of the stream's entry that the reply was too large at, else NULL. */
	void (*on_down)(void *ctx, const char *why, const char *too_large);
};

struct redis_arg {
	const char *bytes;
	size_t n;
};

/* -ENOMEM. Not wanted at first. */
int redis_new(struct redis **out, struct event_base *base, const struct redis_config *c,
    const struct redis_ops *ops, void *ctx);
void redis_free(struct redis *r);
/* Wanted: connects, the first time within spread microseconds (at random), and again whenever it is
 * lost. Not wanted: it is closed, on_down is not called. */
void redis_want(struct redis *r, bool wanted, usec_t spread);
bool redis_is_up(const struct redis *r);
/* timeout: of its answer. -EAGAIN: too many are open, or too much waits; -ENOTCONN. */
int redis_send(
    struct redis *r, const struct redis_arg *args, unsigned n, uint64_t tag, usec_t timeout);
/* Ends the connection for what the caller found wrong, and tries again later. To be called in
 * on_reply, too. */
void redis_give_up(struct redis *r, const char *why);
unsigned redis_open(const struct redis *r);
/* When the last answer came, real time; 0: none yet. */
usec_t redis_heard(const struct redis *r);

/* 0..span at random. */
usec_t redis_jitter(usec_t span);
