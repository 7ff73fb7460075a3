/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/journal_files.h"

#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/inotify.h>
#include <systemd/sd-id128.h>

#define DIRECTORIES_MAX 4
#define DIRECTORY_EVENTS                                                                           \
	(IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB | IN_DELETE_SELF |        \
	    IN_ONLYDIR)
/* Of struct Header, systemd's docs/JOURNAL_FILE_FORMAT.md. */
#define HEADER_SIGNATURE     "LPKSHHRH"
#define HEADER_TAIL_REALTIME 192
#define HEADER_READ          200

struct directory {
	char *path;
	bool parent;                /* holds the directory of this machine, not files */
	int wd;                     /* -1: not there; then */
	int above;                  /* the nearest directory above that is, or -1, */
	char missing[NAME_MAX + 1]; /* and what is to appear in it */
};

struct journal_files {
	int inotify;
	bool system;
	char machine[SD_ID128_STRING_MAX];
	struct directory directories[DIRECTORIES_MAX];
	size_t n_directories;
	int written[JOURNAL_FILES_WRITTEN]; /* watches on files, and above missing directories */
	size_t n_written;
	bool unready; /* a file has no header yet */
	char *paths[JOURNAL_FILES_OPEN + 1];
	size_t n_paths;
	char *newest; /* of the archived ones that were left out */
	uint64_t newest_tail;
};

static int
add_directory(struct journal_files *f, bool parent, const char *a, const char *b)
{
	struct directory *d = &f->directories[f->n_directories];

	d->parent = parent;
	d->wd = d->above = -1;
	if (asprintf(&d->path, "%s%s", a, b) < 0)
		return -ENOMEM;
	f->n_directories++;
	return 0;
}

static int
add_system(struct journal_files *f)
{
	static const char *const parents[] = {"/var/log/journal/", "/run/log/journal/"};
	sd_id128_t id;
	int r;

	f->system = true;
	/* A machine without an id has no journal either. */
	if (sd_id128_get_machine(&id) < 0)
		return 0;
	sd_id128_to_string(id, f->machine);
	for (int i = 0; i < 2; i++) {
		r = add_directory(f, true, parents[i], "");
		if (r == 0)
			r = add_directory(f, false, parents[i], f->machine);
		if (r < 0)
			return r;
	}
	return 0;
}

int
journal_files_new(struct journal_files **out, const char *directory)
{
	_cleanup_(journal_files_freep) struct journal_files *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return -ENOMEM;
	f->inotify = -1;
	r = *directory ? add_directory(f, false, directory, "") : add_system(f);
	if (r < 0)
		return r;
	*out = f;
	f = NULL;
	return 0;
}

static void
forget_paths(struct journal_files *f)
{
	for (size_t i = 0; i < f->n_paths; i++)
		free(f->paths[i]);
	free(f->newest);
	f->n_paths = 0;
	f->paths[0] = f->newest = NULL;
	f->newest_tail = 0;
}

void
journal_files_free(struct journal_files *f)
{
	if (!f)
		return;
	forget_paths(f);
	for (size_t i = 0; i < f->n_directories; i++)
		free(f->directories[i].path);
	closep(&f->inotify);
	free(f);
}

int
journal_files_fd(const struct journal_files *f)
{
	return f->inotify;
}

static bool
ends_with(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);

	return n >= m && strcmp(name + n - m, end) == 0;
}

/* What journald keeps for the system; files of users hold what users may write. */
static bool
is_ours(const struct journal_files *f, const char *name)
{
	if (!ends_with(name, ".journal") && !ends_with(name, ".journal~"))
		return false;
	return !f->system || strncmp(name, "system.", 7) == 0 || strncmp(name, "system@", 7) == 0;
}

static bool
appeared(const struct journal_files *f, const struct inotify_event *e)
{
	for (size_t i = 0; e->len > 0 && i < f->n_directories; i++)
		if (f->directories[i].above == e->wd &&
		    strcmp(f->directories[i].missing, e->name) == 0)
			return true;
	return false;
}

static enum journal_news
on_event(struct journal_files *f, const struct inotify_event *e)
{
	if (e->mask & IN_Q_OVERFLOW || appeared(f, e))
		return JOURNAL_CHANGED;
	for (size_t i = 0; i < f->n_directories; i++) {
		struct directory *d = &f->directories[i];

		if (d->wd != e->wd)
			continue;
		if (e->mask & IN_IGNORED)
			d->wd = -1;
		if (e->mask & (IN_IGNORED | IN_DELETE_SELF))
			return JOURNAL_CHANGED;
		if (e->len && (d->parent ? strcmp(e->name, f->machine) == 0 : is_ours(f, e->name)))
			return JOURNAL_CHANGED;
		return JOURNAL_NO_NEWS;
	}
	if (!(e->mask & IN_MODIFY))
		return JOURNAL_NO_NEWS;
	return f->unready ? JOURNAL_CHANGED : JOURNAL_WRITTEN;
}

enum journal_news
journal_files_news(struct journal_files *f)
{
	char buf[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	enum journal_news news = JOURNAL_NO_NEWS;
	ssize_t n;

	while ((n = read(f->inotify, buf, sizeof(buf))) > 0)
		for (ssize_t at = 0; at + (ssize_t)sizeof(struct inotify_event) <= n;) {
			const struct inotify_event *e = (const struct inotify_event *)(buf + at);
			enum journal_news one = on_event(f, e);

			if (one > news)
				news = one;
			at += (ssize_t)(sizeof(*e) + e->len);
		}
	return news;
}

/* The time of a file's last entry. -EAGAIN: it has no header yet. */
static int
read_tail(const char *path, uint64_t *tail)
{
	_cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	char head[HEADER_READ];

	if (fd < 0)
		return -errno;
	if (pread(fd, head, sizeof(head), 0) != (ssize_t)sizeof(head) ||
	    memcmp(head, HEADER_SIGNATURE, sizeof(HEADER_SIGNATURE) - 1) != 0)
		return -EAGAIN;
	memcpy(tail, head + HEADER_TAIL_REALTIME, sizeof(*tail));
	*tail = le64toh(*tail);
	return 0;
}

static int
take(struct journal_files *f, char *path)
{
	if (f->n_paths == JOURNAL_FILES_OPEN) {
		free(path);
		return -ENOBUFS;
	}
	f->paths[f->n_paths++] = path;
	f->paths[f->n_paths] = NULL;
	return 0;
}

/* A watch that lives until the next choice without it. */
static int
watch(struct journal_files *f, const char *path, uint32_t events)
{
	int wd = -1;

	if (f->n_written < JOURNAL_FILES_WRITTEN)
		wd = inotify_add_watch(f->inotify, path, events);
	if (wd >= 0)
		f->written[f->n_written++] = wd;
	return wd;
}

/* An archived file has '@' in its name, and nobody writes to it any more. */
static int
consider(struct journal_files *f, const char *directory, const char *name, uint64_t since)
{
	bool archived = strchr(name, '@') != NULL;
	uint64_t tail = 0;
	char *path;
	int r;

	if (asprintf(&path, "%s/%s", directory, name) < 0)
		return -ENOMEM;
	if (!archived)
		watch(f, path, IN_MODIFY);
	r = read_tail(path, &tail);
	f->unready |= r == -EAGAIN && !archived;
	if (r == 0 && (!archived || tail >= since))
		return take(f, path);
	if (r == 0 && tail >= f->newest_tail) {
		free(f->newest);
		f->newest = path;
		f->newest_tail = tail;
		return 0;
	}
	free(path);
	return 0;
}

/* Waits for a directory that is not there where it, or one above it, has to appear. */
static void
watch_above(struct journal_files *f, struct directory *d)
{
	char path[PATH_MAX], *slash;

	snprintf(path, sizeof(path), "%s", d->path);
	while (d->above < 0 && (slash = strrchr(path, '/'))) {
		if (slash[1])
			snprintf(d->missing, sizeof(d->missing), "%s", slash + 1);
		*slash = 0;
		if (slash[1])
			d->above = watch(f, *path ? path : "/",
			    IN_CREATE | IN_MOVED_TO | IN_ONLYDIR | IN_MASK_ADD);
	}
}

static int
consider_all(struct journal_files *f, struct directory *d, uint64_t since)
{
	struct dirent *e;
	DIR *dir;
	int r = 0;

	d->above = -1;
	d->wd = inotify_add_watch(f->inotify, d->path, DIRECTORY_EVENTS);
	if (d->wd < 0)
		watch_above(f, d);
	dir = d->parent ? NULL : opendir(d->path);
	while (dir && r == 0 && (e = readdir(dir)))
		if (is_ours(f, e->d_name))
			r = consider(f, d->path, e->d_name, since);
	if (dir)
		closedir(dir);
	return r == -ENOBUFS ? 0 : r;
}

static bool
is_watched(const struct journal_files *f, int wd)
{
	for (size_t i = 0; i < f->n_written; i++)
		if (f->written[i] == wd)
			return true;
	for (size_t i = 0; i < f->n_directories; i++)
		if (f->directories[i].wd == wd)
			return true;
	return false;
}

/* Former watches that nothing needs any more. */
static void
drop_watches(struct journal_files *f, const int *old, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!is_watched(f, old[i]))
			inotify_rm_watch(f->inotify, old[i]);
}

int
journal_files_choose(struct journal_files *f, uint64_t since, const char ***paths)
{
	int old[JOURNAL_FILES_WRITTEN], r = 0;
	size_t n_old = f->n_written;

	if (f->inotify < 0)
		f->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (f->inotify < 0)
		return -errno;
	memcpy(old, f->written, n_old * sizeof(*old));
	forget_paths(f);
	f->n_written = 0;
	f->unready = false;
	for (size_t i = 0; r == 0 && i < f->n_directories; i++)
		r = consider_all(f, &f->directories[i], since);
	drop_watches(f, old, n_old);
	if (r < 0)
		return r;
	/* Where all are archived, the last one says where the end is. */
	if (f->n_paths == 0 && f->newest) {
		take(f, f->newest);
		f->newest = NULL;
	}
	*paths = (const char **)f->paths;
	return (int)f->n_paths;
}
