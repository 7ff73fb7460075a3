/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "watcher/byhand.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>

#include "base/exe.h"
#include "base/log.h"
#include "watcher/collect.h"
#include "wire/fds.h"

static bool
has_power(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	return syscall(SYS_capget, &head, data) == 0 && data[0].effective >> CAP_NET_ADMIN & 1;
}

/* Also for uid 0: execve gives back only what was held and is in the bounding set. */
static int
drop_powers(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {0};

	/* Emptying the bounding set takes CAP_SETPCAP; without it the rest suffices. */
	for (unsigned long c = 0; c < 64 && prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; c++)
		if (prctl(PR_CAPBSET_DROP, c, 0, 0, 0) < 0 && errno != EPERM)
			return -errno;
	prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED, 0, 0, 0);
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 ||
	    syscall(SYS_capset, &head, none) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return 0;
}

static int
failed(const char *what, int error)
{
	log_err("%s: %s", what, strerror(-error));
	return BYHAND_FAILED;
}

static int
run(int dump, char **argv)
{
	char path[PATH_MAX];
	int r;

	if (strchr(argv[0], '/'))
		strncpy(path, argv[0], sizeof(path) - 1);
	else
		exe_find(argv[0], path, sizeof(path));
	path[sizeof(path) - 1] = '\0';
	if (dump != FD_DUMP && dup2(dump, FD_DUMP) < 0)
		return failed("the dump cannot be passed on", -errno);
	if (fcntl(FD_DUMP, F_SETFD, 0) < 0)
		return failed("the dump cannot be passed on", -errno);
	r = drop_powers();
	if (r < 0)
		return failed("capabilities cannot be dropped", r);
	execv(path, argv);
	return failed(path, -errno);
}

static int
save(int dump, const char *path)
{
	_cleanup_(closep) int fd =
	    open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	off_t at = 0, end = lseek(dump, 0, SEEK_END);
	ssize_t n = 1;

	if (fd < 0)
		return failed(path, -errno);
	while (n > 0 && at < end)
		n = sendfile(fd, dump, &at, (size_t)(end - at));
	return n < 0 || at < end ? failed(path, n < 0 ? -errno : -EIO) : 0;
}

int
byhand_dump(int argc, char **argv)
{
	bool program = argc > 1 && strcmp(argv[0], "--") == 0;
	_cleanup_(collector_freep) struct collector *c = NULL;
	_cleanup_(closep) int dump = -1;
	struct dump_header head = {0};
	int r;

	if (!program && (argc != 1 || strcmp(argv[0], "--") == 0)) {
		log_err("usage: guardd-watcher --dump FILE | --dump -- PROGRAM [ARGUMENT...]");
		return BYHAND_FAILED;
	}
	if (!has_power()) {
		log_err("the kernel shows its rules only with CAP_NET_ADMIN: run this as root");
		return BYHAND_FAILED;
	}
	r = collector_new(&c, COLLECT_OWNERS);
	if (r == 0)
		r = collector_run(c, false, &head, &dump);
	if (r < 0)
		return failed("the kernel's state cannot be read", r);
	return program ? run(dump, argv + 1) : save(dump, argv[0]);
}
