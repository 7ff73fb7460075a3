/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "herald/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

static int
refuse(char *why, size_t room, const char *path, const char *what)
{
	snprintf(why, room, "%.200s %s", path, what);
	return -EPERM;
}

static bool
is_own_group(gid_t group)
{
	gid_t groups[64];
	int n = getgroups(64, groups);

	if (group == getegid())
		return true;
	for (int i = 0; i < n; i++) {
		if (groups[i] == group)
			return true;
	}
	return false;
}

static int
check_mode(enum secret_kind kind, const struct stat *st, const char *path, char *why, size_t room)
{
	if (!S_ISREG(st->st_mode))
		return refuse(why, room, path, "is no regular file");
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return refuse(why, room, path,
		    "belongs to another user: it must be root's or guardd-herald's");
	if (kind == SECRET_PUBLIC) {
		if (st->st_mode & (S_IWGRP | S_IWOTH))
			return refuse(
			    why, room, path, "can be written by others than its owner: chmod go-w");
		return 0;
	}
	if (st->st_mode & S_IRWXO)
		return refuse(why, room, path,
		    "is open to all users: chmod 0640, owner root, group guardd-herald");
	if (st->st_mode & S_IWGRP)
		return refuse(why, room, path, "can be written by its group: chmod 0640");
	if ((st->st_mode & S_IRWXG) && !is_own_group(st->st_gid))
		return refuse(why, room, path,
		    "is open to a group that is not the herald's: chgrp guardd-herald");
	return 0;
}

static int
read_all(int fd, size_t max, struct strbuf *out)
{
	char part[4096];
	ssize_t n;

	while ((n = read(fd, part, sizeof(part))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (out->len + (size_t)n > max)
			return -EFBIG;
		strbuf_add(out, part, (size_t)n);
	}
	explicit_bzero(part, sizeof(part));
	if (out->len == 0)
		return -ENODATA;
	return memchr(out->text, '\0', out->len) ? -EINVAL : 0;
}

int
secret_read(
    enum secret_kind kind, const char *path, size_t max, struct strbuf *out, char *why, size_t room)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;
	int r;

	strbuf_reset(out);
	if (fd < 0 || fstat(fd, &st) < 0) {
		r = -errno;
		snprintf(why, room, "%.200s cannot be read: %s%s", path, strerror(-r),
		    r == -EACCES ? "; chgrp guardd-herald, chmod 0640" : "");
		return r;
	}
	r = check_mode(kind, &st, path, why, room);
	if (r < 0)
		return r;
	r = read_all(fd, max, out);
	if (r == -ENODATA)
		snprintf(why, room, "%.200s is empty", path);
	else if (r == -EFBIG)
		snprintf(why, room, "%.200s has more than %zu bytes", path, max);
	else if (r < 0)
		snprintf(why, room, "%.200s: %s", path,
		    r == -EINVAL ? "a NUL byte in it" : strerror(-r));
	if (r < 0)
		secret_wipe(out);
	return r;
}

int
secret_read_line(const char *path, size_t max, struct strbuf *out, char *why, size_t room)
{
	int r = secret_read(SECRET, path, max, out, why, room);

	if (r < 0)
		return r;
	out->len = strcspn(out->text, "\r\n");
	out->text[out->len] = '\0';
	if (out->len > 0)
		return 0;
	snprintf(why, room, "the first line of %.200s is empty", path);
	return -ENODATA;
}

void
secret_wipe(struct strbuf *b)
{
	if (b->text)
		explicit_bzero(b->text, b->room);
	strbuf_fini(b);
}
