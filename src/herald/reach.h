/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A TCP connection to a name or an address: both families are asked for and tried in turn, a slow
 * try has the next one beside it, and the first that stands wins (as RFC 8305 has it). Comes in:
 * answers of the name servers of resolv.conf, and /etc/hosts. Goes out: one descriptor or one
 * sentence. Bounded: REACH_TRIES addresses, REACH_PATIENCE in all.
 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

#define REACH_TRIES    8
#define REACH_PATIENCE (15 * USEC_PER_SEC)
#define REACH_STAGGER  (300 * USEC_PER_MSEC)

struct reach;

/* fd: non-blocking, keepalive and no delay set, the callee's; -1: why says what failed. The object
 * is done with: free it, in the callback or later. */
typedef void (*reach_done)(void *ctx, int fd, const char *why);

/* Begins; done is called by the event loop, once. server is copied. -ENOMEM. */
int reach_new(struct reach **out, struct event_base *base, const char *server, uint16_t port,
    reach_done done, void *ctx);
/* done will not be called any more. */
void reach_free(struct reach *r);
