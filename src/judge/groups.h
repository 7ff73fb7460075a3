/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Groups by name, read from /etc/group: a small file that can be read again inside the sandbox,
 * unlike the name services. Comes in: names. Goes out: numbers.
 */
#pragma once

#include <sys/types.h>

#define READERS_GROUP "guardd" /* may ask the control socket */
#define GROUPS_FILE   "/etc/group"

/* (gid_t)-1 when there is none, or the file cannot be read. */
gid_t group_find(const char *name);
