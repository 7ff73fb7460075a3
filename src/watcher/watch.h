/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Notices what may change who can reach a port. Comes in: the kernel's notifications: nf_tables,
 * interfaces, addresses, routes, policy rules, next hops, traffic control, forwarding and
 * rp_filter. Goes out: one call per transaction or message, with who did it where the kernel says
 * so. Changes of table inet guardd alone are none. Bounded: what is lost counts as a change.
 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "nft/netlink.h"

struct watch {
	/* pid, name: of the changer; 0 and "" where it is not known */
	void (*changed)(void *ctx, uint32_t pid, const char *name);
	void *ctx;
	struct nl *nft, *route; /* nft NULL: no nf_tables here */
	struct event *on_nft, *on_route;
	bool foreign; /* in the transaction whose messages are being read */
};

/* Subscribes; changed and ctx are set before. */
int watch_open(struct watch *w);
int watch_start(struct watch *w, struct event_base *base);
/* Reads what has come: also without an event loop. */
void watch_read(struct watch *w);
void watch_fini(struct watch *w);
