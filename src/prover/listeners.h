/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Who listens: rows of sock_diag for this network namespace, of /proc/PID/net for others. Comes in
 * from a dump; goes out as world->listeners and world->netns. What an owner or cgroup record says
 * of a socket names it. Bounded by the dump. Between prover/listeners*.c only.
 */
#pragma once

#include "prover/world.h"

struct owner_index;

struct listener_reader {
	struct world *world;
	const struct dump *dump;
	struct list found;         /* struct listener */
	struct owner_index *owner; /* by inode and namespace, cgroups by id */
};

/* Adds one; its unit and process from the owner records, else from the cgroup (0: none). */
void listeners_add(struct listener_reader *r, const struct listener *l, uint64_t cgroup);
/* Other network namespaces: their sockets and addresses. */
int listeners_read_netns(struct listener_reader *r, const char **what);
