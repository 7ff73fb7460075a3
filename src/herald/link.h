/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The connection to the judge, over the socket in guardd's runtime directory: made again with
 * back-off whenever it is gone. Comes in: MSG_CONFIG, the shared counters, MSG_ALERT, MSG_GIVE and
 * what belongs to them, checked by wire/chan. Goes out: calls of the parts of struct herald, and
 * MSG_TAKE and MSG_DROP. Bounded: LINK_WINDOW questions without an answer.
 */
#pragma once

#include "herald/herald.h"
#include "wire/msg.h"

#define LINK_WINDOW 256

struct link;

/* What the herald as a whole does about the judge. */
struct link_ops {
	/* The first image: herald.image is set and the parts are made. fd stays the caller's.
	 * Negative errno: it cannot be used, the connection is ended. */
	int (*on_first)(struct herald *h, int fd);
	/* Another image: whether it says the same as the first. Otherwise this life ends. */
	bool (*is_same)(struct herald *h, int fd);
	bool (*is_ending)(const struct herald *h);    /* nothing is to be done any more */
	void (*on_down)(struct herald *h, int error); /* 0: gone; -EPROTO: broke the protocol */
};

/* path: the socket; copied. The first connection is tried at once. -ENOMEM, -ENAMETOOLONG. */
int link_new(struct link **out, struct herald *h, const char *path, const struct link_ops *ops);
void link_free(struct link *l);
/* Connected, greeted and configured. */
bool link_is_up(const struct link *l);
/* Since when it is not, real time; 0: it is. */
usec_t link_down_since(const struct link *l);
/* One MSG_TAKE or MSG_DROP with the host's name behind it, as one packet; the answer comes to
 * fleet_on_taken with id. -EAGAIN: LINK_WINDOW are open, fleet_on_room tells when there is room;
 * -ENOTCONN. */
int link_take(struct link *l, enum msg_type type, uint32_t id, const struct msg_fleet *what,
    const char *host);
