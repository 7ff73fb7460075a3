/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One blocking pass over the kernel's state, into a sealed dump (dump/dump.h). Comes in: netlink,
 * /proc, cgroups, getsockopt, bpf(2), as the kernel answers them. Goes out: records, byte by byte;
 * a part that cannot be read is a DUMP_FAILED, never left out in silence. Nothing is changed, and
 * no table or module is brought to life. Bounded by DUMP_MAX and the limits in collect_pass.h.
 */
#pragma once

#include <stdbool.h>

#include "base/cleanup.h"
#include "dump/dump.h"

struct collector;

/* Which processes own the listeners: only worth the walk where /proc/PID/fd may be read. */
#define COLLECT_OWNERS 1u

/* Opens all sockets that passes need, so that a sandbox may refuse new ones. flags: COLLECT_*. */
int collector_new(struct collector **out, unsigned flags);
void collector_free(struct collector *c);
DEFINE_FREEP(struct collector, collector_free)
/*
 * One pass. head: changed and changer, copied; flags are set here. *fd: the memfd, the caller's.
 * quick: the sockets of other network namespaces may be those of the last pass that was not, where
 * the same process still holds the same namespace (the kernel walks its whole table of connections
 * to list them). Fails only when there is no memory for a dump, or it is larger than DUMP_MAX.
 */
int collector_run(struct collector *c, bool quick, struct dump_header *head, int *fd);
