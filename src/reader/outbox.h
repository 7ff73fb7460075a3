/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What goes to the judge: packets of hits, each ended by the position of its source behind the last
 * line whose hits it holds, so that a packet taken whole is a line counted once. Comes in: hits in
 * line order. Goes out: through the caller's send function. When that says -EAGAIN, packets wait
 * here and the caller stops reading. Bounded: a packet is CHAN_BATCH records, the backlog
 * OUTBOX_BACKLOG_MAX.
 */
#pragma once

#include <stdbool.h>

#include "base/cleanup.h"
#include "wire/chan.h"

#define OUTBOX_BACKLOG_MAX 65536 /* records; the hits of one piece of text stay far below */

struct outbox;

/* Sends n records as one packet: 0, -EAGAIN (not taken), or another negative errno (peer gone). */
typedef int (*outbox_send_fn)(void *ctx, const struct msg *m, size_t n);

/* -ENOMEM. */
int outbox_new(struct outbox **out, outbox_send_fn send, void *ctx);
void outbox_free(struct outbox *o);
DEFINE_FREEP(struct outbox, outbox_free)

/* One hit; behind: the position behind its line. Hits of one line have equal positions and travel
 * in one packet (a line with more than CHAN_BATCH - 1 hits loses the rest, counted). */
void outbox_add(struct outbox *o, const struct msg *hit, const struct msg_position *behind);
/* Sends the open packet, if there is one, with the position upto, which may stand behind further
 * lines without hits. True when something was sent or queued. */
bool outbox_close(struct outbox *o, const struct msg_position *upto);
/* A position alone; the packet must be closed. */
void outbox_position(struct outbox *o, const struct msg_position *p);
/* True while packets wait here: nothing more should be read. */
bool outbox_stalled(const struct outbox *o);
/* There is room again: sends what waits. True when nothing waits any more. */
bool outbox_resume(struct outbox *o);
/* Drops the open packet and all that waits: the judge is gone, its successor says where to start.
 */
void outbox_reset(struct outbox *o);
/* Records lost to the two maxima since the start. */
uint64_t outbox_lost(const struct outbox *o);
