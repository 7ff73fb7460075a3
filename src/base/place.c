/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/cleanup.h"

#define BACKLOG 64

int
place_dir(const char *path, mode_t mode, uid_t uid, gid_t gid)
{
	if (mkdir(path, mode) < 0 && errno != EEXIST)
		return -errno;
	if (geteuid() == 0 && (chown(path, uid, gid) < 0 || chmod(path, mode) < 0))
		return -errno;
	return 0;
}

int
place_open(const char *dir, const char *name, int flags, mode_t mode)
{
	_cleanup_(closep) int d = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = d < 0 ? -1 : openat(d, name, flags | O_CLOEXEC | O_NOFOLLOW, mode);

	return fd < 0 ? -errno : fd;
}

int
place_listen(const char *dir, const char *name, int type)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	_cleanup_(closep) int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int n = snprintf(a.sun_path, sizeof(a.sun_path), "%s/%s", dir, name);

	if (n < 0 || (size_t)n >= sizeof(a.sun_path))
		return -ENAMETOOLONG;
	unlink(a.sun_path);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&a, sizeof(a)) < 0 ||
	    chmod(a.sun_path, 0666) < 0 || listen(fd, BACKLOG) < 0)
		return -errno;
	return fd_take(&fd);
}

int
place_path(int fd, char *path, size_t size)
{
	char link[32];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, size - 1);
	if (n < 0 || (size_t)n == size - 1)
		return n < 0 ? -errno : -ENAMETOOLONG;
	path[n] = '\0';
	return 0;
}
