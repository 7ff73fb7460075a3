/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Who is never banned: the configured prefixes, loopback, this machine's addresses, its gateways
 * and its resolvers. Comes in: the image, rtnetlink, /etc/resolv.conf, each as soon as it changes.
 * Goes out: one sealed set, and the list of what is the machine's own. Bounded: OWN_MAX own
 * addresses.
 */
#pragma once

#include <event2/event.h>

#include "nft/netlink.h"
#include "base/prefixset.h"
#include "wire/image.h"

#define OWN_MAX     4096
#define OWN_BRIDGES 256
#define RESOLV_CONF "/etc/resolv.conf"

struct own {
	struct prefix prefix;
	uint8_t kind; /* enum own_kind */
};

struct never_list {
	struct prefixset set; /* sealed */
	struct own own[OWN_MAX];
	size_t n;
};

struct never {
	struct never_list now;
	const struct image *img;
	void (*changed)(void *ctx); /* now is another; not from within never_read */
	void *ctx;
	/* its own */
	struct never_list next;
	struct nl *ask, *told; /* for questions; for notifications */
	struct event *on_told, *on_file, *settle;
	int inotify, bridges[OWN_BRIDGES], n_bridges;
};

/* changed and ctx are set before. */
int never_start(struct never *v, struct event_base *base);
/* Reads all anew. 1: what is the own is another, 0: as it was; negative errno: all left as it was.
 */
int never_read(struct never *v);
/* The addresses of the nameserver lines of a text. */
void never_add_resolvers(struct never_list *l, const char *text);
