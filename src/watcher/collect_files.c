/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "watcher/collect_pass.h"

#define MAX_LEGACY (64u << 20) /* entries of one table */

_Static_assert(sizeof(struct dump_legacy) == sizeof(struct ipt_getinfo), "as the kernel has it");

/* Paths below /proc. Those of single interfaces come with the interface itself. */
static const char *const files[] = {
    "sys/net/ipv4/conf/all/rp_filter",
    "sys/net/ipv4/conf/all/accept_local",
    "sys/net/ipv4/conf/all/route_localnet",
    "sys/net/ipv4/conf/all/src_valid_mark",
    "sys/net/ipv4/conf/all/send_redirects",
    "net/fib_triestat",
    "sys/net/ipv4/conf/all/accept_source_route",
    "sys/net/ipv4/conf/all/bc_forwarding",
    "sys/net/ipv4/tcp_l3mdev_accept",
    "sys/net/ipv4/udp_l3mdev_accept",
    "sys/net/ipv6/conf/all/forwarding",
    "sys/net/ipv6/conf/all/force_forwarding",
    "sys/net/ipv6/conf/all/seg6_enabled",
    "net/ip_tables_names",
    "net/ip6_tables_names",
    "net/ip_vs",
    "net/sctp/eps",
};

void
part_files(struct pass *p)
{
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		ssize_t n = pass_read(p, p->c->proc, files[i], NULL);
		char path[64];
		int len = snprintf(path, sizeof(path), "/proc/%s", files[i]);

		if (n >= 0)
			dump_put(p->w, DUMP_FILE, 0, path, (size_t)len + 1, p->c->bytes, (size_t)n);
		else if (n != -ENOENT || i == 0) /* without the first there is no /proc/sys */
			pass_failed(p, DUMP_FILE, (int)n, path);
	}
}

/* Info and entries are two questions: a table that changed between them answers -EAGAIN. */
static int
ask_table(struct pass *p, int family, const char *name)
{
	int fd = p->c->ip[family == AF_INET6], level = family == AF_INET ? SOL_IP : SOL_IPV6;
	int r = -EAGAIN;

	for (int i = 0; r == -EAGAIN && i < MAX_TRIES; i++) {
		_cleanup_(freep) struct ipt_get_entries *e = NULL;
		struct ipt_getinfo info = {0};
		socklen_t len = sizeof(info);

		strncpy(info.name, name, sizeof(info.name) - 1);
		/* The unit allows no such socket. */
		if (fd < 0)
			return -EPERM;
		if (getsockopt(fd, level, IPT_SO_GET_INFO, &info, &len) < 0)
			return -errno;
		if (info.size > MAX_LEGACY)
			return -EFBIG;
		len = (socklen_t)(sizeof(*e) + info.size);
		e = calloc(1, len);
		if (!e)
			return -ENOMEM;
		strncpy(e->name, name, sizeof(e->name) - 1);
		e->size = info.size;
		r = getsockopt(fd, level, IPT_SO_GET_ENTRIES, e, &len) < 0 ? -errno : 0;
		if (r == 0)
			return dump_put(p->w, DUMP_LEGACY, (uint32_t)family, &info, sizeof(info),
			    e->entrytable, info.size);
	}
	return r;
}

/* Only tables that are there already: naming another one would bring it to life. */
static void
ask_tables(struct pass *p, int family, const char *list, const char *shown)
{
	ssize_t n = pass_read(p, p->c->proc, list, NULL);
	_cleanup_(freep) char *names = n > 0 ? strndup((char *)p->c->bytes, (size_t)n) : NULL;
	char *at = names, *name, text[64];

	if (n < 0 && n != -ENOENT) {
		snprintf(text, sizeof(text), "all (%s)", shown);
		pass_failed(p, DUMP_LEGACY, (int)n, text);
	}
	while (at && (name = strsep(&at, "\n"))) {
		int r = *name ? ask_table(p, family, name) : 0;

		if (r == 0)
			continue;
		snprintf(text, sizeof(text), "%.32s (%s)", name, shown);
		pass_failed(p, DUMP_LEGACY, r, text);
	}
}

void
part_legacy(struct pass *p)
{
	ask_tables(p, AF_INET, "net/ip_tables_names", "IPv4");
	ask_tables(p, AF_INET6, "net/ip6_tables_names", "IPv6");
}
