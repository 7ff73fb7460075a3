/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Names of ports. Comes in: a name or a number, and a protocol. Goes out: the number, by
 * /etc/services where it is there, else by a table of the names that jails use (IANA's registry,
 * and Debian's older names). Bounded by the file.
 */
#pragma once

#include "conf/fail2ban_load.h"

/* -1: there is none. */
int f2b_port_number(const struct f2b *f, const char *text, const char *proto);
