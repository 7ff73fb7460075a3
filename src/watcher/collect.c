/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "watcher/collect.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/vfs.h>

#include <unistd.h>

#include "watcher/collect_pass.h"

/* /proc/sys makes room in the kernel for all that is asked for. */
#define BLOCK 8192

static int
open_cgroups(void)
{
	static const char *const places[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
	struct statfs fs;

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		_cleanup_(closep) int fd = open(places[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (fd >= 0 && fstatfs(fd, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC)
			return fd_take(&fd);
	}
	return -1;
}

int
collector_new(struct collector **out, unsigned flags)
{
	_cleanup_(collector_freep) struct collector *c = calloc(1, sizeof(*c));
	int r;

	*out = NULL;
	if (!c)
		return -ENOMEM;
	c->flags = flags;
	c->ip[0] = c->ip[1] = c->proc = c->cgroups = c->netns = -1;
	c->bytes = malloc(MAX_FILE + 1);
	if (!c->bytes)
		return -ENOMEM;
	r = nl_new(&c->nft, NETLINK_NETFILTER, 0);
	if (r < 0 && r != -EPROTONOSUPPORT)
		return r;
	if ((r = nl_new(&c->route, NETLINK_ROUTE, 0)) < 0)
		return r;
	r = nl_new(&c->diag, NETLINK_SOCK_DIAG, 0);
	if (r < 0 && r != -EPROTONOSUPPORT)
		return r;
	c->proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c->proc < 0)
		return -errno;
	c->ip[0] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	c->ip[1] = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	c->netns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	c->cgroups = open_cgroups();
	*out = c;
	c = NULL;
	return 0;
}

void
collector_free(struct collector *c)
{
	if (!c)
		return;
	nl_free(c->nft);
	nl_free(c->route);
	nl_free(c->diag);
	closep(&c->ip[0]);
	closep(&c->ip[1]);
	closep(&c->proc);
	closep(&c->cgroups);
	closep(&c->netns);
	netns_cache_fini(&c->cache);
	free(c->bytes);
	free(c);
}

/* What one datagram of answers says beside its records. */
enum answer {
	ANSWER_MORE,
	ANSWER_DONE,
};

static int
end_of_answers(const struct nlmsghdr *nlh)
{
	/* struct nlmsgerr begins with the error; NLMSG_DONE carries that of a dump. */
	const int *error = mnl_nlmsg_get_payload(nlh);

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*error))
		return nlh->nlmsg_type == NLMSG_DONE ? ANSWER_DONE : -EBADMSG;
	return *error < 0 ? *error : ANSWER_DONE;
}

/* Appends the kept messages of one datagram, neighbours in one piece. */
static int
take_answers(struct pass *p, const struct nl *nl, size_t n, keep_fn keep, uint32_t *kept)
{
	const uint8_t *from = nl->buf, *at = from;
	int left = (int)n, r = ANSWER_MORE;

	while (r == ANSWER_MORE && mnl_nlmsg_ok((const void *)at, left)) {
		const struct nlmsghdr *nlh = (const void *)at;
		const uint8_t *next = at + NLMSG_ALIGN(nlh->nlmsg_len);
		bool data = nlh->nlmsg_type >= NLMSG_MIN_TYPE && nlh->nlmsg_seq == nl->seq;

		p->interrupted |= (nlh->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
		if (!data && nlh->nlmsg_seq == nl->seq && nlh->nlmsg_type != NLMSG_NOOP)
			r = end_of_answers(nlh);
		if (data && (!keep || keep(p, nlh))) {
			(*kept)++;
		} else {
			dump_more(p->w, from, (size_t)(at - from));
			from = next;
		}
		left -= (int)(next - at);
		at = next;
	}
	if (at > from)
		dump_more(p->w, from, (size_t)(at - from));
	return r;
}

int
pass_ask(struct pass *p, struct nl *nl, struct nlmsghdr *request, enum dump_kind kind, uint32_t arg,
    keep_fn keep)
{
	size_t mark = dump_mark(p->w);
	uint32_t kept = 0;
	int r;

	if (!nl)
		return -EPROTONOSUPPORT;
	request->nlmsg_seq = ++nl->seq;
	request->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	r = dump_begin(p->w, kind, arg);
	if (r == 0)
		r = nl_send(nl, request, request->nlmsg_len);
	while (r == ANSWER_MORE) {
		ssize_t n = nl_receive(nl);

		r = n < 0 ? (int)n : take_answers(p, nl, (size_t)n, keep, &kept);
	}
	if (r >= 0)
		r = dump_more(p->w, NULL, 0); /* says whether all fitted */
	if (r < 0)
		dump_back_to(p->w, mark);
	return r < 0 ? r : (int)kept;
}

int
pass_ask_again(struct pass *p, struct nl *nl, struct nlmsghdr *request, enum dump_kind kind,
    uint32_t arg, keep_fn keep, void (*restart)(struct pass *p))
{
	size_t mark = dump_mark(p->w);

	for (int i = 0; i < MAX_TRIES; i++) {
		int r;

		if (restart)
			restart(p);
		p->interrupted = false;
		r = pass_ask(p, nl, request, kind, arg, keep);
		if (!p->interrupted && r != -EINTR)
			return r;
		dump_back_to(p->w, mark);
	}
	return -EINTR;
}

void
pass_failed(struct pass *p, enum dump_kind kind, int error, const char *text)
{
	struct dump_failed f = {.kind = kind, .error = error};

	dump_put(p->w, DUMP_FAILED, 0, &f, sizeof(f), text, strlen(text) + 1);
}

int
pass_room(void **items, uint32_t n, uint32_t *room, size_t size, uint32_t max)
{
	uint32_t more = *room ? *room * 2 : 64;
	void *grown;

	if (n < *room)
		return 0;
	if (n >= max)
		return -E2BIG;
	grown = realloc(*items, more * size);
	if (!grown)
		return -ENOMEM;
	*items = grown;
	*room = more;
	return 0;
}

ssize_t
pass_read(struct pass *p, int dir, const char *path,
    bool (*enough)(const char *bytes, size_t n, size_t last))
{
	_cleanup_(closep) int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char *bytes = (char *)p->c->bytes;
	size_t have = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	do {
		if (have > MAX_FILE - BLOCK)
			return -EFBIG;
		n = read(fd, bytes + have, BLOCK);
		if (n < 0)
			return -errno;
		have += (size_t)n;
	} while (n > 0 && !(enough && enough(bytes, have, (size_t)n)));
	bytes[have] = '\0';
	return (ssize_t)have;
}

static void
pass_fini(struct pass *p)
{
	for (uint32_t i = 0; i < p->n_sets; i++)
		free((void *)(uintptr_t)p->sets[i].table);
	free(p->ifaces);
	free(p->sets);
	free(p->sockets);
	free(p->cgroups);
}

int
collector_run(struct collector *c, bool quick, struct dump_header *head, int *fd)
{
	static void (*const parts[])(struct pass *) = {part_nft, part_route, part_hooks, part_ipset,
	    part_legacy, part_files, part_sockets, part_bpf, part_cgroups, part_netns, part_owners};
	_cleanup_(dump_writer_freep) struct dump_writer *w = NULL;
	_cleanup_(pass_fini) struct pass p = {.c = c, .quick = quick};
	int r = dump_writer_new(&w);

	*fd = -1;
	if (r < 0)
		return r;
	p.w = w;
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		parts[i](&p);
	head->flags = p.changing ? DUMP_CHANGING : 0;
	return dump_writer_seal(w, head, fd);
}
