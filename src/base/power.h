/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Whose rights a unit's first process runs with: root becomes the service user and keeps the
 * capabilities that it hands on; under a service manager that did so already, nothing changes.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

/* Uid and gid of a user; -ENOENT. */
int power_lookup(const char *user, uid_t *uid, gid_t *gid);
/* From root to user with its groups and group (NULL: none more), with caps (1 << CAP_X) permitted
 * and inheritable. Negative errno. */
int power_become(const char *user, uid_t uid, gid_t gid, const char *group, uint64_t caps);
/* -EPERM when not all of caps are there to give. */
int power_check(uint64_t caps);
/* In a child that keeps caps: these alone, passed on through exec. */
int power_pass_on(uint64_t caps);
/* For good, and in every other child before its exec. */
int power_drop(void);
