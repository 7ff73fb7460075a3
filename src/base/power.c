/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/power.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_GROUPS 64

static int
set_capabilities(uint64_t caps)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2], held[2];

	if (syscall(SYS_capget, &head, held) < 0)
		return -errno;
	for (int i = 0; i < 2; i++) {
		uint32_t word = (uint32_t)(caps >> (32 * i));

		data[i].effective = data[i].permitted = data[i].inheritable = word;
	}
	/* A unit without capabilities needs no system call to shed them. */
	if (memcmp(data, held, sizeof(data)) == 0)
		return 0;
	return syscall(SYS_capset, &head, data) < 0 ? -errno : 0;
}

int
power_check(uint64_t caps)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];
	uint64_t permitted;

	if (syscall(SYS_capget, &head, data) < 0)
		return -errno;
	permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
	return (permitted & caps) == caps ? 0 : -EPERM;
}

int
power_lookup(const char *user, uid_t *uid, gid_t *gid)
{
	const struct passwd *pw = getpwnam(user);

	if (!pw)
		return -ENOENT;
	*uid = pw->pw_uid;
	*gid = pw->pw_gid;
	return 0;
}

int
power_become(const char *user, uid_t uid, gid_t gid, const char *group, uint64_t caps)
{
	const struct group *more = group ? getgrnam(group) : NULL;
	gid_t groups[MAX_GROUPS];
	int n = MAX_GROUPS - 1;

	if (getgrouplist(user, gid, groups, &n) < 0)
		return -E2BIG;
	if (more)
		groups[n++] = more->gr_gid;
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || setgroups((size_t)n, groups) < 0 ||
	    setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return -errno;
	return set_capabilities(caps);
}

int
power_pass_on(uint64_t caps)
{
	int r = set_capabilities(caps);

	for (unsigned long c = 0; r == 0 && c < 64; c++)
		if (caps >> c & 1 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, c, 0, 0) < 0)
			r = -errno;
	return r;
}

int
power_drop(void)
{
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return set_capabilities(0);
}
