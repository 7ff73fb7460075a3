/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The service manager's side of sd_notify(3): one datagram a state change to $NOTIFY_SOCKET.
 * Without that variable all of it does nothing.
 */
#pragma once

#include "base/clock.h"

/* text: "READY=1", "WATCHDOG=1", "STATUS=...", lines separated by newlines. */
void notify_send(const char *text);
/* $WATCHDOG_USEC when it is meant for this process (sd_watchdog_enabled(3)), else 0. */
usec_t notify_watchdog(void);
