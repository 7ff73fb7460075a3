/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Whose rights the supervisor runs with: root becomes the service user and keeps two capabilities
 * until keeper and watcher were started; under a service manager that did so already, nothing
 * changes.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

/* 1 << CAP_NET_ADMIN | 1 << CAP_DAC_READ_SEARCH */
uint64_t power_keeper(void);
/* The same: it reads the rules, and the names of iptables-legacy's tables. */
uint64_t power_watcher(void);
/* Uid and gid of a user; -ENOENT. */
int power_lookup(const char *user, uid_t *uid, gid_t *gid);
/* From root to user with the keeper's capabilities permitted and inheritable. Negative errno. */
int power_become(const char *user, uid_t uid, gid_t gid);
/* -EPERM when the keeper's capabilities are not there to give. */
int power_check(void);
/* In the child that becomes keeper or watcher: keep these alone, and pass them on through exec. */
int power_pass_on(uint64_t caps);
/* For good, in the supervisor, and in every other child before its exec. */
int power_drop(void);
