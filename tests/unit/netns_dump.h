/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The real kernel in unit tests: a network namespace of the test's own, and its state as a dump.
 * Comes in: what the test set up with ip, nft and friends. Goes out: a descriptor for dump_open.
 * The namespace ends with the process. Only for tests that link the watcher.
 */
#pragma once

#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dump/dump.h"
#include "watcher/collect.h"

/* Moves this process into a new network namespace with lo up; -1: not permitted, skip the test. */
static inline int
netns_enter(void)
{
	struct ifreq lo = {.ifr_name = "lo"};
	int fd = -1, r = unshare(CLONE_NEWNET);

	if (r == 0)
		r = fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (r >= 0)
		r = ioctl(fd, SIOCGIFFLAGS, &lo);
	lo.ifr_flags |= IFF_UP;
	if (r >= 0)
		r = ioctl(fd, SIOCSIFFLAGS, &lo);
	if (fd >= 0)
		close(fd);
	return r < 0 ? -1 : 0;
}

/* The dump of the namespace that the process is in now: a sealed memfd (the caller's), or negative
 * errno. */
static inline int
netns_dump(void)
{
	_cleanup_(collector_freep) struct collector *c = NULL;
	struct dump_header head = {0};
	int fd = -1, r = collector_new(&c, COLLECT_OWNERS);

	if (r == 0)
		r = collector_run(c, false, &head, &fd);
	return r < 0 ? r : fd;
}
