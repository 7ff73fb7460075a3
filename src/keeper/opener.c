/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "keeper/opener.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/hash.h"
#include "base/rotated.h"

#define FILE_EVENTS (IN_MODIFY | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF)
#define DIR_EVENTS                                                                                 \
	(IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM | IN_DELETE_SELF | IN_MOVE_SELF |     \
	    IN_ONLYDIR)
#define JOURNAL_DIR "/run/systemd/journal"
#define HEAD_MAX    1024
#define NAME_PART   72

/* The number of a path; when all are taken, any other one gives way. */
static uint32_t
instance(struct opener *o, uint64_t key, const char *path)
{
	uint32_t at = 0;

	while (at < o->n && o->instances[at].key != key)
		at++;
	if (at == OPENER_INSTANCES)
		at = key % OPENER_INSTANCES;
	else if (at == o->n)
		o->n++;
	free(o->instances[at].path);
	o->instances[at] = (struct opener_instance){key, strdup(path)};
	return at;
}

static void
watch_dir(struct opener *o, const char *path)
{
	struct msg m = {.type = MSG_WATCHED, .id = o->id};

	m.u.watched.wd = inotify_add_watch(o->inotify, path, DIR_EVENTS);
	m.u.watched.source = o->source;
	m.u.watched.directory = 1;
	if (m.u.watched.wd >= 0)
		chan_send(o->reader, &m);
}

static bool
is_pattern(const char *path)
{
	return strpbrk(path, "*?[") != NULL;
}

/* Watches every directory above the last slash, patterns expanded; of missing ones the nearest that
 * exists. */
static void
watch_above(struct opener *o, const char *path)
{
	char dir[PATH_MAX], real[PATH_MAX];

	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		size_t len = slash == path ? 1 : (size_t)(slash - path);
		glob_t g = {0};

		if (len >= sizeof(dir))
			return;
		memcpy(dir, path, len);
		dir[len] = '\0';
		if (is_pattern(dir) && glob(dir, GLOB_NOSORT | GLOB_ONLYDIR, NULL, &g) == 0)
			for (size_t i = 0; i < g.gl_pathc && i < OPENER_FILES; i++)
				watch_dir(o, g.gl_pathv[i]);
		globfree(&g);
		if (!is_pattern(dir))
			watch_dir(o, dir);
	}
	/* A link's target may be replaced just as well. */
	if (!is_pattern(path) && realpath(path, real) && strcmp(real, path) != 0)
		watch_above(o, real);
}

/* File systems that change without a word to inotify. */
static bool
is_remote(int fd)
{
	static const long types[] = {NFS_SUPER_MAGIC, SMB_SUPER_MAGIC, 0xff534d42 /* cifs */,
	    0xfe534d42 /* smb2 */, 0x65735546 /* fuse */, V9FS_MAGIC, CEPH_SUPER_MAGIC,
	    AFS_SUPER_MAGIC, CODA_SUPER_MAGIC};
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return false;
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if ((long)fs.f_type == types[i])
			return true;
	return false;
}

/* Opens a regular file, and nothing else. */
static int
open_regular(int dir, const char *path, struct stat *st)
{
	_cleanup_(closep) int fd = openat(dir, path, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 || fstat(fd, st) < 0)
		return -errno;
	return S_ISREG(st->st_mode) ? fd_take(&fd) : -EINVAL;
}

static void
send_opened(
    struct opener *o, uint32_t at, enum opened_what what, int wd, int fd, const struct stat *st)
{
	struct msg m = {.type = what == OPENED_OLD ? MSG_FOUND : MSG_OPENED, .id = o->id};

	m.u.opened = (struct msg_opened){o->source, at, wd, fd < 0 ? fd : 0, st->st_dev, st->st_ino,
	    o->instances[at].key, what, 0};
	if (fd < 0)
		chan_send(o->reader, &m);
	else
		chan_send_fd(o->reader, &m, fd);
}

/* Opens one file of an instance: its log is watched, a container's configuration is not. */
static void
open_one(struct opener *o, uint32_t at, const char *path, enum opened_what what)
{
	struct stat st = {0};
	int fd = open_regular(AT_FDCWD, path, &st), wd = -1;
	bool log = fd >= 0 && what == OPENED_LOG;

	if (log && !is_remote(fd))
		wd = inotify_add_watch(o->inotify, path, FILE_EVENTS);
	o->polled |= log && wd < 0;
	o->files += log;
	send_opened(o, at, what, wd, fd, &st);
}

/* Numbers an instance and tells its name, in parts. */
static uint32_t
name_instance(struct opener *o, const char *kind, const char *name, const char *path)
{
	char text[PATH_MAX + 16];
	size_t len = strlen(name);
	uint32_t at;

	snprintf(text, sizeof(text), "%s:%s", kind, name);
	at = instance(o, hash_text(text), path);
	for (size_t done = 0; done < len; done += NAME_PART) {
		struct msg m = {.type = MSG_NAME, .id = o->id};

		m.u.name.source = o->source;
		m.u.name.instance = at;
		m.u.name.part = (uint16_t)(done / NAME_PART);
		m.u.name.len = (uint16_t)(len - done < NAME_PART ? len - done : NAME_PART);
		memcpy(m.u.name.text, name + done, m.u.name.len);
		chan_send(o->reader, &m);
	}
	return at;
}

static int
exists(const char *path)
{
	return access(path, F_OK) < 0 ? -errno : 0;
}

static int
scan_files(struct opener *o, const char *pattern)
{
	char dir[PATH_MAX];
	glob_t g = {0};
	size_t fixed = strcspn(pattern, "*?[");

	watch_above(o, pattern);
	if (glob(pattern, GLOB_NOSORT, NULL, &g) == 0)
		for (size_t i = 0; i < g.gl_pathc && i < OPENER_FILES; i++) {
			if (is_pattern(pattern))
				watch_above(o, g.gl_pathv[i]);
			open_one(o, name_instance(o, "file", g.gl_pathv[i], g.gl_pathv[i]),
			    g.gl_pathv[i], OPENED_LOG);
		}
	globfree(&g);
	while (fixed > 1 && pattern[fixed - 1] != '/')
		fixed--;
	snprintf(dir, sizeof(dir), "%.*s", (int)fixed, pattern);
	return o->files > 0 ? 0 : exists(dir);
}

static bool
is_container(const char *name)
{
	return strlen(name) == 64 && strspn(name, "0123456789abcdef") == 64;
}

static int
scan_docker(struct opener *o, const char *dir)
{
	char path[PATH_MAX], log[PATH_MAX];
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "%s/", dir);
	watch_above(o, path);
	d = opendir(dir);
	if (!d)
		return -errno;
	for (uint32_t n = 0; n < OPENER_FILES && (e = readdir(d)); n += is_container(e->d_name)) {
		uint32_t at;

		if (!is_container(e->d_name))
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		watch_dir(o, path);
		snprintf(log, sizeof(log), "%s/%s/%s-json.log", dir, e->d_name, e->d_name);
		snprintf(path, sizeof(path), "%s/%s/config.v2.json", dir, e->d_name);
		at = name_instance(o, "docker", e->d_name, log);
		open_one(o, at, path, OPENED_DOCKER);
		open_one(o, at, log, OPENED_LOG);
	}
	closedir(d);
	return 0;
}

static int
scan_journal(struct opener *o, const char *dir)
{
	char path[PATH_MAX];
	glob_t g = {0};
	int r;

	snprintf(path, sizeof(path), "%s/", *dir ? dir : JOURNAL_DIR);
	watch_above(o, path);
	if (!*dir)
		return exists(JOURNAL_DIR "/socket");
	snprintf(path, sizeof(path), "%s/*.journal", dir);
	r = glob(path, GLOB_NOSORT, NULL, &g) == 0 ? 0 : -ENOENT;
	globfree(&g);
	return r;
}

static void
scan(struct opener *o)
{
	const struct image_source *s = &o->img->sources[o->source];
	const char *path = image_str(o->img, s->path);
	struct msg m = {.type = MSG_SCANNED, .id = o->id};

	o->files = 0;
	o->polled = false;
	m.u.scanned.status = s->kind == SOURCE_FILE     ? scan_files(o, path)
			     : s->kind == SOURCE_DOCKER ? scan_docker(o, path)
							: scan_journal(o, path);
	m.u.scanned.source = o->source;
	m.u.scanned.files = o->files;
	m.u.scanned.polled = o->polled;
	chan_send(o->reader, &m);
}

/* best: modification time of the candidate so far. */
static bool
is_wanted(int fd, const struct stat *st, const struct msg_find *f, int64_t *best)
{
	int64_t t = st->st_mtim.tv_sec * 1000000000LL + st->st_mtim.tv_nsec;
	char head[HEAD_MAX];

	if (f->after) {
		if (t < f->after || t >= *best || st->st_ino == f->ino)
			return false;
		*best = t;
		return true;
	}
	if (f->ino != 0)
		return st->st_ino == f->ino;
	return f->head_len > 0 && pread(fd, head, f->head_len, 0) == (ssize_t)f->head_len &&
	       hash_bytes(&hash_stable, head, f->head_len) == f->head_hash;
}

static void
find(struct opener *o, const struct msg_find *f)
{
	const char *path = o->instances[f->instance].path, *base = strrchr(path, '/');
	char dir[PATH_MAX];
	struct stat st, kept = {0};
	int64_t best = INT64_MAX;
	struct dirent *e;
	int found = -ENOENT;
	DIR *d;

	snprintf(dir, sizeof(dir), "%.*s/", base ? (int)(base - path) : 0, path);
	d = base ? opendir(dir) : NULL;
	while (d && (found < 0 || f->after) && (e = readdir(d))) {
		_cleanup_(closep) int fd =
		    rotated_is(e->d_name, base + 1) ? open_regular(dirfd(d), e->d_name, &st) : -1;

		if (fd < 0 || !is_wanted(fd, &st, f, &best))
			continue;
		closep(&found);
		found = fd_take(&fd);
		kept = st;
	}
	if (d)
		closedir(d);
	send_opened(o, f->instance, OPENED_OLD, -1, found, &kept);
}

int
opener_request(struct opener *o, struct chan *reader, const struct msg *m)
{
	struct msg answer = {.type = MSG_INOTIFY, .id = m->id};

	o->reader = reader;
	o->id = m->id;
	if (m->type == MSG_HELLO) {
		closep(&o->inotify);
		o->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
		return o->inotify < 0 ? -errno : chan_send_fd(reader, &answer, dup(o->inotify));
	}
	o->source = m->type == MSG_SCAN ? m->u.scan.source : m->u.find.source;
	if (o->source >= image_count(o->img, IMAGE_SOURCES) || o->inotify < 0)
		return -EPROTO;
	if (m->type == MSG_SCAN)
		scan(o);
	else if (m->u.find.instance < o->n && m->u.find.head_len <= HEAD_MAX)
		find(o, &m->u.find);
	else
		return -EPROTO;
	return 0;
}

/* Appends the nearest directory above the last slash of path that exists. */
static size_t
add_above(struct sandbox_path *out, size_t n, const char *path)
{
	char *dir = strdup(path), *slash;

	while (dir && (slash = strrchr(dir, '/'))) {
		slash[slash == dir] = '\0';
		if (slash == dir || exists(dir) == 0) {
			out[n++].path = dir;
			return n;
		}
	}
	free(dir);
	return n;
}

size_t
opener_paths(const struct image *img, struct sandbox_path *out, size_t room)
{
	/* Where a reload may well add logs: what is sealed now cannot be opened wider then. */
	static const char *const usual[] = {"/home/", "/opt/", "/srv/", "/var/"};
	size_t n = 0;

	for (size_t i = 0; i < sizeof(usual) / sizeof(*usual); i++)
		n = add_above(out, n, usual[i]);
	for (uint32_t i = 0; i < image_count(img, IMAGE_SOURCES); i++) {
		const struct image_source *s = &img->sources[i];
		const char *path = image_str(img, s->path),
			   *end = s->kind == SOURCE_FILE ? "" : "/";
		char fixed[PATH_MAX], real[PATH_MAX];
		glob_t g = {0};

		snprintf(fixed, sizeof(fixed), "%.*s%s", (int)strcspn(path, "*?["), path, end);
		if (n < room)
			n = add_above(out, n, *path ? fixed : JOURNAL_DIR "/");
		if (s->kind == SOURCE_FILE && glob(path, GLOB_NOSORT, NULL, &g) == 0)
			for (size_t k = 0; k < g.gl_pathc && n < room; k++)
				if (realpath(g.gl_pathv[k], real) &&
				    strcmp(real, g.gl_pathv[k]) != 0)
					n = add_above(out, n, real);
		globfree(&g);
	}
	return n;
}
