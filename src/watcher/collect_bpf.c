/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "watcher/collect_pass.h"

/* include/uapi/linux/bpf.h of 6.6; an older kernel answers EINVAL. */
#define TCX_INGRESS 46

#define MAX_DEPTH 32

/* How many programs hang there. target: descriptor of a namespace or cgroup, or interface index.
 * -ENOENT: the kernel has no such place. */
static int
query(int target, uint32_t type)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.query.target_fd = (uint32_t)target;
	attr.query.attach_type = type;
	if (syscall(SYS_bpf, BPF_PROG_QUERY, &attr, sizeof(attr)) == 0)
		return (int)attr.query.prog_cnt;
	switch (errno) {
	case EINVAL:
	case ENOSYS:
	case EOPNOTSUPP:
		return -ENOENT;
	case ENODEV: /* the interface has gone meanwhile */
		return 0;
	default:
		return -errno;
	}
}

/* As query. */
static int
record(struct pass *p, enum dump_bpf_kind kind, int target, uint32_t type, const char *place,
    const char *name)
{
	int n = target < 0 ? -EBADF : query(target, type);
	struct dump_bpf b = {.kind = kind, .count = (uint32_t)n};

	if (n > 0)
		dump_put(p->w, DUMP_BPF, 0, &b, sizeof(b), place, strlen(place) + 1);
	else if (n < 0 && n != -ENOENT)
		pass_failed(p, DUMP_BPF, n, name);
	return n;
}

void
part_bpf(struct pass *p)
{
	int r = record(p, DUMP_BPF_SK_LOOKUP, p->c->netns, BPF_SK_LOOKUP, "", "sk_lookup");

	for (uint32_t i = 0; i < p->n_ifaces; i++) {
		const char *name = p->ifaces[i].name;
		char text[32];

		snprintf(text, sizeof(text), "tcx %s", name);
		r = record(p, DUMP_BPF_TCX, (int)p->ifaces[i].index, TCX_INGRESS, name, text);
		if (r == -ENOENT)
			break;
	}
}

/* The walk over the cgroups: each directory's own programs, and the paths of the listeners'. */
struct walk {
	struct pass *p;
	char path[4096];
	size_t len;
	uint32_t seen;
	int depth;
	bool programs; /* the kernel tells about them */
};

static int
by_id(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void
visit(struct walk *k, int fd, uint64_t id)
{
	struct pass *p = k->p;
	struct dump_cgroup c = {.id = id};
	const char *path = k->len ? k->path : "/";

	k->seen++;
	if (p->n_cgroups && bsearch(&id, p->cgroups, p->n_cgroups, sizeof(id), by_id))
		dump_put(p->w, DUMP_CGROUP, 0, &c, sizeof(c), path, strlen(path) + 1);
	if (k->programs)
		k->programs =
		    record(p, DUMP_BPF_CGROUP, fd, BPF_CGROUP_INET_INGRESS, path, "cgroup") >= 0;
}

static void
walk_below(struct walk *k, int fd)
{
	DIR *d = fdopendir(fd);
	struct dirent *e;

	if (!d) {
		close(fd);
		return;
	}
	while (k->seen < MAX_CGROUPS && k->depth < MAX_DEPTH && (e = readdir(d))) {
		size_t before = k->len, n = strlen(e->d_name);
		int child;

		if (e->d_type != DT_DIR || e->d_name[0] == '.' || before + n + 2 > sizeof(k->path))
			continue;
		child = openat(dirfd(d), e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (child < 0)
			continue;
		k->path[k->len++] = '/';
		memcpy(k->path + k->len, e->d_name, n + 1);
		k->len += n;
		k->depth++;
		visit(k, child, e->d_ino);
		walk_below(k, child);
		k->depth--;
		k->len = before;
		k->path[before] = '\0';
	}
	closedir(d);
}

void
part_cgroups(struct pass *p)
{
	struct walk k = {.p = p, .programs = true};
	struct stat st;
	int root;

	if (p->c->cgroups < 0)
		return;
	if (p->n_cgroups)
		qsort(p->cgroups, p->n_cgroups, sizeof(*p->cgroups), by_id);
	root = openat(p->c->cgroups, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0 || fstat(root, &st) < 0) {
		pass_failed(p, DUMP_BPF, -errno, "cgroup");
		closep(&root);
		return;
	}
	visit(&k, root, st.st_ino);
	walk_below(&k, root);
	if (k.seen >= MAX_CGROUPS && k.programs)
		pass_failed(p, DUMP_BPF, -E2BIG, "cgroup");
}
