/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/strbuf.h"
#include "watcher/collect.h"
#include "watcher/collect_pass.h"

/* PROC_PID_INIT_INO, include/linux/proc_ns.h: elsewhere processes are hidden. */
#define FIRST_PID_NAMESPACE 0xEFFFFFFC

#define TCP_LISTEN_TEXT "0A"
#define UDP_OPEN_TEXT   "07"

#define SEQ_PAGE 4096 /* of seq_file, or more */
#define LINE     512  /* of /proc/net/tcp6, and less */

static uint32_t
pid_of(const char *name)
{
	char *end;
	unsigned long n = strtoul(name, &end, 10);

	return *end || name[0] < '0' || name[0] > '9' ? 0 : (uint32_t)n;
}

/* Calls fn for each process that is shown; its answer false ends it. How many were seen. */
static uint32_t
each_process(struct pass *p, bool (*fn)(struct pass *p, uint32_t pid, void *ctx), void *ctx)
{
	int fd = openat(p->c->proc, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	uint32_t seen = 0;

	if (!d) {
		closep(&fd);
		return 0;
	}
	while (seen < MAX_PROCESSES && (e = readdir(d))) {
		uint32_t pid = pid_of(e->d_name);

		if (!pid)
			continue;
		seen++;
		if (!fn(p, pid, ctx))
			break;
	}
	closedir(d);
	return seen;
}

/* The path in the unified hierarchy; else that of systemd's own, or the first. */
static const char *
cgroup_path(char *text)
{
	char *at = text, *line, *best = NULL;

	while ((line = strsep(&at, "\n")) && *line) {
		char *names = strchr(line, ':'), *path = names ? strchr(names + 1, ':') : NULL;

		if (!path)
			continue;
		if (strncmp(names, "::", 2) == 0 && path[1] && path[2])
			return path + 1;
		if (!best || strncmp(names, ":name=systemd:", 14) == 0)
			best = path + 1;
	}
	return best ? best : "/";
}

/* The first line of a file of a process. */
static void
process_line(struct pass *p, uint32_t pid, const char *file, char *out, size_t room)
{
	char name[64];
	ssize_t n;

	snprintf(name, sizeof(name), "%u/%s", pid, file);
	n = pass_read(p, p->c->proc, name, NULL);
	snprintf(out, room, "%.*s", n > 0 ? (int)strcspn((char *)p->c->bytes, "\n") : 0,
	    (char *)p->c->bytes);
}

static void
process_cgroup(struct pass *p, uint32_t pid, char *out, size_t room)
{
	char name[64];
	ssize_t n;

	snprintf(name, sizeof(name), "%u/cgroup", pid);
	n = pass_read(p, p->c->proc, name, NULL);
	snprintf(out, room, "%s", n > 0 ? cgroup_path((char *)p->c->bytes) : "/");
}

/* State and inode of one line of /proc/net/tcp and its kin; false: none of these. */
static bool
socket_line(const char *line, char state[static 3], unsigned long long *inode)
{
	return sscanf(line, " %*d: %*s %*s %2s %*s %*s %*s %*u %*d %llu", state, inode) == 2;
}

/*
 * Listeners come first in the kernel's list: behind them are connections, of which there may be
 * many; even to find none the kernel walks its whole table, so that the end is not asked for
 * either. It hands out a page at a time: what is shorter by more than a line is the end.
 */
static bool
past_listeners(const char *bytes, size_t n, size_t last)
{
	const char *end = n ? memrchr(bytes, '\n', n) : NULL;
	const char *line = end > bytes ? memrchr(bytes, '\n', (size_t)(end - bytes)) : NULL;
	unsigned long long inode;
	char state[3];

	if (last + LINE < SEQ_PAGE)
		return true;
	return line && socket_line(line + 1, state, &inode) && strcmp(state, TCP_LISTEN_TEXT) != 0;
}

static void
note_sockets(struct pass *p, const char *line, const char *state_wanted, uint32_t netns)
{
	unsigned long long inode;
	char state[3];

	while (p->c->flags & COLLECT_OWNERS && line && *line) {
		if (socket_line(line, state, &inode) && strcmp(state, state_wanted) == 0)
			pass_add_socket(p, inode, netns);
		line = strchr(line, '\n');
		if (line)
			line++;
	}
}

static const struct {
	const char *name, *state; /* state: of the sockets that anybody can reach */
	bool (*enough)(const char *bytes, size_t n, size_t last);
} files[] = {
    {"tcp", TCP_LISTEN_TEXT, past_listeners},
    {"tcp6", TCP_LISTEN_TEXT, past_listeners},
    {"udp", UDP_OPEN_TEXT, NULL},
    {"udp6", UDP_OPEN_TEXT, NULL},
    {"sctp/eps", NULL, NULL},
    {"fib_trie", NULL, NULL},
    {"if_inet6", NULL, NULL},
};

/*
 * A namespace, by one of its processes, into what is kept of it: its name with NUL, then of each
 * file its length (int32_t; or a negative errno alone), content and NUL. Its first file tells
 * whether the process is still there.
 */
static int
read_namespace(struct pass *p, uint32_t pid, struct strbuf *out)
{
	char text[4096];

	process_cgroup(p, pid, text, sizeof(text));
	if (!text[1])
		process_line(p, pid, "comm", text, sizeof(text));
	strbuf_add(out, text, strlen(text) + 1);
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		int32_t n;

		snprintf(text, sizeof(text), "%u/net/%s", pid, files[i].name);
		n = (int32_t)pass_read(p, p->c->proc, text, files[i].enough);
		if (n < 0 && i == 0)
			return n;
		strbuf_add(out, (const char *)&n, sizeof(n));
		if (n >= 0)
			strbuf_add(out, (const char *)p->c->bytes, (size_t)n + 1);
	}
	return 0;
}

/* The records out of what is kept. */
static void
put_namespace(struct pass *p, const struct dump_netns *ns, const char *at)
{
	dump_put(p->w, DUMP_NETNS, 0, ns, sizeof(*ns), at, strlen(at) + 1);
	at += strlen(at) + 1;
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		int32_t n;

		memcpy(&n, at, sizeof(n));
		at += sizeof(n);
		if (n < 0 && n != -ENOENT)
			pass_failed(p, DUMP_NETNS, n, files[i].name);
		if (n < 0)
			continue;
		dump_put(p->w, DUMP_NETNS_FILE, ns->number, files[i].name,
		    strlen(files[i].name) + 1, at, (size_t)n);
		if (files[i].state)
			note_sockets(p, at, files[i].state, ns->number);
		at += n + 1;
	}
}

void
netns_cache_fini(struct netns_cache *cache)
{
	for (uint32_t i = 0; i < cache->n; i++)
		free(cache->known[i].bytes);
	free(cache->known);
}

static void
forget(struct netns_cache *cache, struct netns_known *k)
{
	cache->total -= k->len;
	free(k->bytes);
	*k = cache->known[--cache->n];
}

static struct netns_known *
find_known(const struct netns_cache *cache, uint64_t inode)
{
	for (uint32_t i = 0; i < cache->n; i++)
		if (cache->known[i].inode == inode)
			return &cache->known[i];
	return NULL;
}

/* Takes what was read, in place of what was known. */
static void
remember(struct netns_cache *cache, uint64_t inode, uint32_t pid, struct strbuf *b)
{
	struct netns_known *k = find_known(cache, inode);

	if (k)
		forget(cache, k);
	if (b->len > MAX_CACHE - cache->total ||
	    pass_room((void **)&cache->known, cache->n, &cache->room, sizeof(*k), MAX_NETNS))
		return;
	cache->total += b->len;
	cache->known[cache->n++] = (struct netns_known){
	    .inode = inode, .pid = pid, .len = (uint32_t)b->len, .bytes = b->text, .seen = true};
	*b = (struct strbuf){0};
}

struct namespaces {
	uint64_t seen[MAX_NETNS + 1]; /* [0]: this one */
	uint32_t n;
	int error; /* why some may be missing */
};

/* False: the process has gone, another one may show it. */
static bool
take_namespace(struct pass *p, const struct dump_netns *ns)
{
	struct netns_known *k = find_known(&p->c->cache, ns->inode);
	_cleanup_(strbuf_fini) struct strbuf b = {0};

	if (p->quick && k && k->pid == ns->pid) {
		k->seen = true;
		put_namespace(p, ns, k->bytes);
		return true;
	}
	if (read_namespace(p, ns->pid, &b) < 0)
		return false;
	put_namespace(p, ns, b.text);
	remember(&p->c->cache, ns->inode, ns->pid, &b);
	return true;
}

static bool
look_for_namespace(struct pass *p, uint32_t pid, void *ctx)
{
	struct namespaces *s = ctx;
	struct dump_netns ns = {.number = s->n, .pid = pid};
	char path[32];
	struct stat st;

	snprintf(path, sizeof(path), "%u/net/tcp", pid);
	if (fstatat(p->c->proc, path, &st, 0) < 0) {
		if (errno == EACCES || errno == EPERM)
			s->error = -errno;
		return true;
	}
	for (uint32_t i = 0; i < s->n; i++)
		if (s->seen[i] == st.st_ino)
			return true;
	if (s->n > MAX_NETNS) {
		s->error = -E2BIG;
		return false;
	}
	ns.inode = st.st_ino;
	if (take_namespace(p, &ns))
		s->seen[s->n++] = st.st_ino;
	return true;
}

void
part_netns(struct pass *p)
{
	struct netns_cache *cache = &p->c->cache;
	_cleanup_(freep) struct namespaces *s = calloc(1, sizeof(*s));
	struct stat st;

	if (!s || fstatat(p->c->proc, "self/net/tcp", &st, 0) < 0)
		return pass_failed(p, DUMP_NETNS, s ? -errno : -ENOMEM, "network namespaces");
	s->seen[s->n++] = st.st_ino;
	for (uint32_t i = 0; i < cache->n; i++)
		cache->known[i].seen = false;
	if (each_process(p, look_for_namespace, s) >= MAX_PROCESSES)
		s->error = -E2BIG;
	for (uint32_t i = cache->n; i-- > 0;)
		if (!cache->known[i].seen)
			forget(cache, &cache->known[i]);
	/* Mounted with hidepid, or in a container: what is not shown cannot be told. */
	if (faccessat(p->c->proc, "1", F_OK, 0) < 0)
		s->error = -EPERM;
	if (fstatat(p->c->proc, "self/ns/pid", &st, 0) == 0 && st.st_ino != FIRST_PID_NAMESPACE)
		s->error = -EPERM;
	if (s->error)
		pass_failed(p, DUMP_NETNS, s->error, "not all processes can be seen");
}

static int
by_inode(const void *a, const void *b)
{
	const struct socket_seen *x = a, *y = b;

	return (x->inode > y->inode) - (x->inode < y->inode);
}

static void
own(struct pass *p, uint32_t pid, struct socket_seen *s)
{
	struct dump_owner o = {.inode = s->inode, .pid = pid, .netns = s->netns};
	char text[4096 + 64];
	size_t n;

	process_cgroup(p, pid, text, 4096);
	n = strlen(text) + 1;
	process_line(p, pid, "comm", text + n, 64);
	n += strlen(text + n) + 1;
	dump_put(p->w, DUMP_OWNER, 0, &o, sizeof(o), text, n);
	s->owned = true;
}

/* ctx: how many sockets are without an owner yet. */
static bool
look_for_sockets(struct pass *p, uint32_t pid, void *ctx)
{
	uint32_t *left = ctx;
	char path[32], target[64];
	struct dirent *e;
	DIR *d;
	int fd;

	snprintf(path, sizeof(path), "%u/fd", pid);
	fd = openat(p->c->proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		closep(&fd);
		return true;
	}
	while (*left && (e = readdir(d))) {
		ssize_t n = readlinkat(dirfd(d), e->d_name, target, sizeof(target) - 1);
		struct socket_seen key = {0}, *s;
		unsigned long long inode;

		if (n < 0 && errno == EACCES)
			break; /* so are all of this process */
		target[n > 0 ? n : 0] = '\0';
		if (sscanf(target, "socket:[%llu]", &inode) != 1)
			continue;
		key.inode = inode;
		s = bsearch(&key, p->sockets, p->n_sockets, sizeof(key), by_inode);
		if (s && !s->owned) {
			own(p, pid, s);
			--*left;
		}
	}
	closedir(d);
	return *left > 0;
}

/* The first process that has a socket open is named: of a service, that is its oldest. */
void
part_owners(struct pass *p)
{
	uint32_t n = 0;

	if (!(p->c->flags & COLLECT_OWNERS) || !p->n_sockets)
		return;
	qsort(p->sockets, p->n_sockets, sizeof(*p->sockets), by_inode);
	for (uint32_t i = 0; i < p->n_sockets; i++)
		if (!n || p->sockets[n - 1].inode != p->sockets[i].inode)
			p->sockets[n++] = p->sockets[i];
	p->n_sockets = n;
	each_process(p, look_for_sockets, &n);
}
