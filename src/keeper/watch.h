/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Notices what others change in nf_tables. Comes in: the kernel's notifications, without those of
 * the keeper's own transactions (a socket filter drops them, so that they wake nobody). Goes out:
 * what was touched and by whom, once per transaction. Bounded: what is lost counts as all touched.
 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>

#include "nft/batch.h"

struct watch {
	/* ours: table inet guardd; rules: rules or maps elsewhere; who: the process's name, or ""
	 */
	void (*changed)(void *ctx, bool ours, bool rules, const char *who);
	void *ctx;
	struct nl *nl;
	struct event *event;
	bool ours, rules; /* in the transaction whose messages are being read */
};

/* changed and ctx are set before. own_port: of the socket whose transactions are not told. */
int watch_start(struct watch *w, struct event_base *base, uint32_t own_port);
