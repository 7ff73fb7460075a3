/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "keeper/never.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>

#include "wire/msg.h"

#define GROUPS (RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE)
#define EVENTS (IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_TO)
#define SETTLE 100000 /* us: a burst of changes is one */
#define TRIES  8      /* of a dump during which something changed */

static void
add_own(struct never_list *l, const struct addr *a, enum own_kind kind)
{
	for (size_t i = 0; i < l->n; i++)
		if (addr_equal(&l->own[i].prefix.addr, a))
			return;
	if (a->family && l->n < OWN_MAX)
		l->own[l->n++] = (struct own){prefix_host(a), (uint8_t)kind};
}

static struct addr
addr_of(const struct nlattr *attr, int af)
{
	struct addr a = {0};

	if (attr && mnl_attr_get_payload_len(attr) == (af == AF_INET ? 4 : 16))
		addr_from_bytes(&a, af, mnl_attr_get_payload(attr));
	return a;
}

static int
on_link(const struct nlmsghdr *nlh, void *data)
{
	struct never *v = data;
	const struct ifinfomsg *i = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *info = nl_attr(nlh, sizeof(*i), IFLA_LINKINFO);

	if (strcmp(nl_text(nl_inside(info, IFLA_INFO_KIND)), "bridge") == 0 &&
	    v->n_bridges < OWN_BRIDGES)
		v->bridges[v->n_bridges++] = i->ifi_index;
	return MNL_CB_OK;
}

/* IFA_LOCAL is this machine's end; IPv6 has it in IFA_ADDRESS where there is no peer. */
static int
on_addr(const struct nlmsghdr *nlh, void *data)
{
	struct never *v = data;
	const struct ifaddrmsg *i = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *local = nl_attr(nlh, sizeof(*i), IFA_LOCAL);
	struct addr a =
	    addr_of(local ? local : nl_attr(nlh, sizeof(*i), IFA_ADDRESS), i->ifa_family);
	enum own_kind kind = OWN_ADDRESS;

	for (int k = 0; k < v->n_bridges; k++)
		if (v->bridges[k] == (int)i->ifa_index)
			kind = OWN_BRIDGE;
	add_own(&v->next, &a, kind);
	return MNL_CB_OK;
}

/* One hop's gateway; an IPv4 route may have an IPv6 one (RTA_VIA). */
static struct addr
gateway(const void *attrs, size_t n, int af)
{
	const struct nlattr *gw = nl_find(attrs, n, RTA_GATEWAY), *via = nl_find(attrs, n, RTA_VIA);
	const struct rtvia *v = via ? mnl_attr_get_payload(via) : NULL;
	struct addr a = addr_of(gw, af);

	if (v &&
	    mnl_attr_get_payload_len(via) == sizeof(*v) + (v->rtvia_family == AF_INET ? 4 : 16))
		addr_from_bytes(&a, v->rtvia_family, v->rtvia_addr);
	return a;
}

static int
on_route(const struct nlmsghdr *nlh, void *data)
{
	struct never *v = data;
	const struct rtmsg *r = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *hops = nl_attr(nlh, sizeof(*r), RTA_MULTIPATH);
	struct addr a = gateway(r + 1, nlh->nlmsg_len - NLMSG_LENGTH(sizeof(*r)), r->rtm_family);
	const struct rtnexthop *h = hops ? mnl_attr_get_payload(hops) : NULL;
	int len = hops ? mnl_attr_get_payload_len(hops) : 0;

	add_own(&v->next, &a, OWN_GATEWAY);
	for (; h && RTNH_OK(h, len); len -= RTNH_ALIGN(h->rtnh_len), h = RTNH_NEXT(h)) {
		a = gateway(RTNH_DATA(h), h->rtnh_len - RTNH_LENGTH(0), r->rtm_family);
		add_own(&v->next, &a, OWN_GATEWAY);
	}
	return MNL_CB_OK;
}

void
never_add_resolvers(struct never_list *l, const char *text)
{
	static const char word[] = "nameserver";

	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *at = line + sizeof(word) - 1;
		struct addr a;

		if (strncmp(line, word, sizeof(word) - 1) != 0 || !strchr(" \t", *at))
			continue;
		at += strspn(at, " \t");
		if (addr_parse(&a, at, strcspn(at, " \t\r\n#;")) == 0)
			add_own(l, &a, OWN_RESOLVER);
	}
}

/* Watched are the file and the directories of its name and its target: it may be replaced in
 * either. */
static void
read_resolvers(struct never *v)
{
	_cleanup_(closep) int fd = open(RESOLV_CONF, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char path[PATH_MAX], text[8192] = "";

	if (realpath(RESOLV_CONF, path)) {
		inotify_add_watch(v->inotify, path, IN_CLOSE_WRITE);
		inotify_add_watch(v->inotify, dirname(path), EVENTS);
	}
	inotify_add_watch(v->inotify, "/etc", EVENTS);
	if (fd >= 0 && read(fd, text, sizeof(text) - 1) > 0)
		never_add_resolvers(&v->next, text);
}

static int
dump(struct never *v, uint16_t type, mnl_cb_t cb)
{
	int r = -EINTR;

	for (int i = 0; r == -EINTR && i < TRIES; i++) {
		char buf[64] = {0};
		struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);

		nlh->nlmsg_type = type;
		nlh->nlmsg_flags = NLM_F_DUMP;
		mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
		r = nl_ask(v->ask, nlh, cb, v);
	}
	return r;
}

/* The configured ones, loopback and all own. */
static int
build_set(struct never *v)
{
	static const struct prefix loopback[] = {{{4, {127}}, 8}, {{6, {[15] = 1}}, 128}};
	struct span conf = v->img->settings->never;
	struct prefixset *set = &v->next.set;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < conf.n; i++)
		r = prefixset_add(set, &v->img->prefixes[conf.first + i].prefix);
	for (size_t i = 0; r == 0 && i < 2; i++)
		r = prefixset_add(set, &loopback[i]);
	for (size_t i = 0; r == 0 && i < v->next.n; i++)
		r = prefixset_add(set, &v->next.own[i].prefix);
	prefixset_seal(set);
	return r;
}

int
never_read(struct never *v)
{
	struct never_list *now = &v->now, *next = &v->next;
	struct prefixset old = now->set;
	bool same;
	int r;

	v->n_bridges = 0;
	next->n = 0;
	prefixset_clear(&next->set);
	if ((r = dump(v, RTM_GETLINK, on_link)) < 0 || (r = dump(v, RTM_GETADDR, on_addr)) < 0 ||
	    (r = dump(v, RTM_GETROUTE, on_route)) < 0)
		return r;
	read_resolvers(v);
	r = build_set(v);
	if (r < 0)
		return r;
	same = now->n == next->n && memcmp(now->own, next->own, now->n * sizeof(now->own[0])) == 0;
	memcpy(now->own, next->own, next->n * sizeof(now->own[0]));
	now->n = next->n;
	now->set = next->set;
	next->set = old;
	return !same;
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval soon = {0, SETTLE};
	struct never *v = arg;
	char buf[4096];
	ssize_t n;

	(void)what;
	do
		n = fd == v->inotify ? read(fd, buf, sizeof(buf)) : nl_receive(v->told);
	while (n > 0 || n == -ENOBUFS);
	if (!event_pending(v->settle, EV_TIMEOUT, NULL))
		event_add(v->settle, &soon);
}

static void
on_settled(evutil_socket_t fd, short what, void *arg)
{
	struct never *v = arg;

	(void)fd;
	(void)what;
	if (never_read(v) > 0)
		v->changed(v->ctx);
}

int
never_start(struct never *v, struct event_base *base)
{
	int r = nl_new(&v->ask, NETLINK_ROUTE, 0);

	if (r < 0 || (r = nl_new(&v->told, NETLINK_ROUTE, GROUPS)) < 0)
		return r;
	v->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (v->inotify < 0)
		return -errno;
	v->on_told = event_new(base, v->told->fd, EV_READ | EV_PERSIST, on_readable, v);
	v->on_file = event_new(base, v->inotify, EV_READ | EV_PERSIST, on_readable, v);
	v->settle = event_new(base, -1, 0, on_settled, v);
	if (!v->on_told || !v->on_file || !v->settle || event_add(v->on_told, NULL) < 0 ||
	    event_add(v->on_file, NULL) < 0)
		return -ENOMEM;
	return 0;
}
