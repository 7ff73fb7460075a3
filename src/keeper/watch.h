/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Notices what others change in nf_tables. Comes in: the kernel's notifications, without those of
 * the keeper's own transactions (a socket filter drops them, so that these wake nobody). Goes out:
 * "our table was touched, by whom" and "rules elsewhere changed", once per foreign transaction.
 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>

#include "keeper/batch.h"

struct watch;

/* who: the process that did it, or NULL. ours: table inet guardd; rules: rules or maps of other
 * tables. */
typedef void (*watch_fn)(void *ctx, bool ours, bool rules, const char *who);

/* own_port: of the socket whose transactions are not told. */
int watch_new(
    struct watch **out, struct event_base *base, uint32_t own_port, watch_fn fn, void *ctx);
void watch_free(struct watch *w);
DEFINE_FREEP(struct watch, watch_free)
