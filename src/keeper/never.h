/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Who is never banned: the configured prefixes, loopback, this machine's addresses, its gateways
 * and its resolvers. Comes in: the image, rtnetlink, /etc/resolv.conf, each as soon as it changes.
 * Goes out: one sealed set and the list of what is the machine's own. Bounded: OWN_MAX own
 * addresses.
 */
#pragma once

#include <event2/event.h>

#include "base/prefixset.h"
#include "wire/image.h"

#define OWN_MAX     4096
#define RESOLV_CONF "/etc/resolv.conf"

struct own {
	struct prefix prefix;
	uint8_t kind; /* enum own_kind */
};

struct never {
	struct prefixset set; /* sealed */
	struct own own[OWN_MAX];
	size_t n;
};

struct never_source; /* where it comes from */

/* changed: v is another; it is called after the event, never from within these functions. */
int never_new(struct never_source **out, struct never *v, struct event_base *base,
    void (*changed)(void *ctx), void *ctx);
void never_free(struct never_source *s);
DEFINE_FREEP(struct never_source, never_free)
/* Reads all anew. img NULL: the one of the last time; it must live until the next. Returns whether
 * v is another, or -errno. */
int never_read(struct never_source *s, const struct image *img);
/* The addresses of `nameserver` lines in n bytes of text. */
void never_add_resolvers(struct never *v, const char *text, size_t n);
