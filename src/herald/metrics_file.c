/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "herald/metrics_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/strbuf.h"

/* Folder and name of a path; a file whose name begins with a dot and does not end in .prom is
 * passed over by the collector. */
static int
open_folder(const char *path, const char **name, struct strbuf *temporary)
{
	const char *slash = strrchr(path, '/');
	_cleanup_(freep) char *folder = NULL;
	int fd;

	if (!slash || !slash[1])
		return -EINVAL;
	folder = strndup(path, slash == path ? 1 : (size_t)(slash - path));
	if (!folder)
		return -ENOMEM;
	*name = slash + 1;
	strbuf_printf(temporary, ".%s.new", *name);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int
write_all(int fd, const char *text, size_t n)
{
	while (n > 0) {
		ssize_t w = write(fd, text, n);

		if (w < 0 && errno != EINTR)
			return -errno;
		if (w > 0) {
			text += w;
			n -= (size_t)w;
		}
	}
	return 0;
}

int
metrics_file_write(const char *path, const char *text, size_t n)
{
	_cleanup_(strbuf_fini) struct strbuf temporary = {0};
	const char *name;
	_cleanup_(closep) int dir = open_folder(path, &name, &temporary);
	_cleanup_(closep) int fd = -1;
	int r;

	if (dir < 0)
		return dir;
	/* What a former life left is in the way; a link of somebody else's is not followed. */
	unlinkat(dir, temporary.text, 0);
	fd =
	    openat(dir, temporary.text, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	r = write_all(fd, text, n);
	if (r == 0 && fchmod(fd, 0644) < 0)
		r = -errno;
	if (r == 0 && renameat(dir, temporary.text, dir, name) < 0)
		r = -errno;
	if (r < 0)
		unlinkat(dir, temporary.text, 0);
	return r;
}

void
metrics_file_remove(const char *path)
{
	_cleanup_(strbuf_fini) struct strbuf temporary = {0};
	const char *name;
	_cleanup_(closep) int dir = open_folder(path, &name, &temporary);

	if (dir >= 0)
		unlinkat(dir, name, 0);
}
