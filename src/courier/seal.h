/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The courier's power, given up twice: when the order was read, and when the names were looked up,
 * before the first byte of the server's. Comes in: what the order names. Goes out: errors alone.
 * After the first it cannot start, change or listen to anything; after the second it can open
 * certificates and connect by IP to one port, and nothing else.
 */
#pragma once

#include <stdint.h>

/* ca: a file, NULL: the system's certificates. Negative errno; *what names the step. */
int seal_first(const char *ca, const char **what);
int seal_second(const char *ca, uint16_t port, const char **what);
