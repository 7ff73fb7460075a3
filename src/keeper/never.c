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

#include "keeper/batch.h"
#include "wire/msg.h"

#define GROUPS  (RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE)
#define EVENTS  (IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_TO)
#define BRIDGES 256
#define TRIES   8 /* of a dump during which something changed */

struct never_source {
	struct never *v, next;
	struct nl *ask, *told; /* for questions; for notifications */
	struct event *on_route, *on_file, *settle;
	const struct image *img;
	int inotify;
	int bridges[BRIDGES], n_bridges;
	bool dirty;
	void (*changed)(void *ctx);
	void *ctx;
};

static void
add_own(struct never *v, const struct addr *a, enum own_kind kind)
{
	for (size_t i = 0; i < v->n; i++)
		if (addr_equal(&v->own[i].prefix.addr, a))
			return;
	if (v->n < OWN_MAX && a->family)
		v->own[v->n++] = (struct own){prefix_host(a), (uint8_t)kind};
}

static bool
is_own(const struct never *v, const struct addr *a)
{
	for (size_t i = 0; i < v->n; i++)
		if (addr_equal(&v->own[i].prefix.addr, a))
			return true;
	return false;
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
	struct never_source *s = data;
	const struct ifinfomsg *i = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *info = nl_attr(nlh, sizeof(*i), IFLA_LINKINFO);

	if (strcmp(nl_text(nl_inside(info, IFLA_INFO_KIND)), "bridge") == 0 &&
	    s->n_bridges < BRIDGES)
		s->bridges[s->n_bridges++] = i->ifi_index;
	return MNL_CB_OK;
}

/* IFA_LOCAL is this machine's end; IPv6 has it in IFA_ADDRESS where there is no peer. */
static struct addr
local_addr(const struct nlmsghdr *nlh)
{
	const struct ifaddrmsg *i = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *a = nl_attr(nlh, sizeof(*i), IFA_LOCAL);

	return addr_of(a ? a : nl_attr(nlh, sizeof(*i), IFA_ADDRESS), i->ifa_family);
}

static int
on_addr(const struct nlmsghdr *nlh, void *data)
{
	struct never_source *s = data;
	const struct ifaddrmsg *i = mnl_nlmsg_get_payload(nlh);
	struct addr a = local_addr(nlh);
	enum own_kind kind = OWN_ADDRESS;

	for (int k = 0; k < s->n_bridges; k++)
		if (s->bridges[k] == (int)i->ifa_index)
			kind = OWN_BRIDGE;
	add_own(&s->next, &a, kind);
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

/* Calls fn for each gateway of a route; the first one's family is 0 when it has none. */
static void
each_gateway(const struct nlmsghdr *nlh, void (*fn)(struct never_source *s, const struct addr *a),
    struct never_source *s)
{
	const struct rtmsg *r = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *hops = nl_attr(nlh, sizeof(*r), RTA_MULTIPATH);
	struct addr a = gateway(r + 1, nlh->nlmsg_len - NLMSG_LENGTH(sizeof(*r)), r->rtm_family);
	const struct rtnexthop *h = hops ? mnl_attr_get_payload(hops) : NULL;
	int len = hops ? mnl_attr_get_payload_len(hops) : 0;

	fn(s, &a);
	while (h && RTNH_OK(h, len)) {
		a = gateway(RTNH_DATA(h), h->rtnh_len - RTNH_LENGTH(0), r->rtm_family);
		fn(s, &a);
		len -= RTNH_ALIGN(h->rtnh_len);
		h = RTNH_NEXT(h);
	}
}

static void
add_gateway(struct never_source *s, const struct addr *a)
{
	add_own(&s->next, a, OWN_GATEWAY);
}

static int
on_route(const struct nlmsghdr *nlh, void *data)
{
	each_gateway(nlh, add_gateway, data);
	return MNL_CB_OK;
}

void
never_add_resolvers(struct never *v, const char *text, size_t n)
{
	const char *end = text + n;

	while (text < end) {
		size_t line = strcspn(text, "\n"), word;
		struct addr a;

		if (strncmp(text, "nameserver", 10) == 0) {
			const char *at = text + 10 + strspn(text + 10, " \t");

			word = strcspn(at, " \t\r\n#;");
			if (addr_parse(&a, at, word) == 0)
				add_own(v, &a, OWN_RESOLVER);
		}
		text += line + 1;
	}
}

/* Watched are the file and the directories of its name and its target: it may be replaced in
 * either. */
static void
read_resolvers(struct never_source *s)
{
	_cleanup_(closep) int fd = open(RESOLV_CONF, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char path[PATH_MAX], text[8192] = "";
	ssize_t n;

	if (realpath(RESOLV_CONF, path)) {
		inotify_add_watch(s->inotify, path, IN_CLOSE_WRITE);
		inotify_add_watch(s->inotify, dirname(path), EVENTS);
	}
	inotify_add_watch(s->inotify, "/etc", EVENTS);
	n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;
	if (n > 0)
		never_add_resolvers(&s->next, text, (size_t)n);
}

static int
dump(struct never_source *s, uint16_t type, mnl_cb_t cb)
{
	char buf[64];
	int r = -EINTR;

	for (int i = 0; r == -EINTR && i < TRIES; i++) {
		struct nlmsghdr *nlh = mnl_nlmsg_put_header(memset(buf, 0, sizeof(buf)));

		nlh->nlmsg_type = type;
		nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
		mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
		r = nl_ask(s->ask, nlh, cb, s);
	}
	return r;
}

/* The configured ones, loopback and all own. */
static int
build_set(struct never_source *s)
{
	static const struct prefix loopback[] = {{{4, {127}}, 8}, {{6, {[15] = 1}}, 128}};
	struct span conf = s->img->settings->never;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < conf.n; i++)
		r = prefixset_add(&s->next.set, &s->img->prefixes[conf.first + i].prefix);
	for (size_t i = 0; r == 0 && i < 2; i++)
		r = prefixset_add(&s->next.set, &loopback[i]);
	for (size_t i = 0; r == 0 && i < s->next.n; i++)
		r = prefixset_add(&s->next.set, &s->next.own[i].prefix);
	prefixset_seal(&s->next.set);
	return r;
}

int
never_read(struct never_source *s, const struct image *img)
{
	struct never *v = s->v, *next = &s->next;
	struct prefixset old = v->set;
	bool same;
	int r;

	s->img = img ? img : s->img;
	s->n_bridges = 0;
	next->n = 0;
	prefixset_clear(&next->set);
	r = dump(s, RTM_GETLINK, on_link);
	if (r == 0)
		r = dump(s, RTM_GETADDR, on_addr);
	if (r == 0)
		r = dump(s, RTM_GETROUTE, on_route);
	if (r == 0)
		read_resolvers(s);
	if (r == 0)
		r = build_set(s);
	if (r < 0)
		return r;
	same =
	    v->n == next->n && memcmp(v->own, next->own, v->n * sizeof(v->own[0])) == 0 &&
	    old.n == next->set.n &&
	    (old.n == 0 || memcmp(old.items, next->set.items, old.n * sizeof(old.items[0])) == 0);
	memcpy(v->own, next->own, next->n * sizeof(v->own[0]));
	v->n = next->n;
	v->set = next->set;
	next->set = old;
	return !same;
}

static void
check_gateway(struct never_source *s, const struct addr *a)
{
	s->dirty |= a->family && !is_own(s->v, a);
}

/* Refreshed lifetimes and routes without new gateways are no change. */
static int
on_told(const struct nlmsghdr *nlh, void *data)
{
	struct never_source *s = data;
	struct addr a;

	switch (nlh->nlmsg_type) {
	case RTM_NEWADDR:
		a = local_addr(nlh);
		s->dirty |= !is_own(s->v, &a);
		break;
	case RTM_NEWROUTE:
		each_gateway(nlh, check_gateway, s);
		break;
	case RTM_DELROUTE:
		s->dirty |= nl_attr(nlh, sizeof(struct rtmsg), RTA_GATEWAY) ||
			    nl_attr(nlh, sizeof(struct rtmsg), RTA_MULTIPATH);
		break;
	case RTM_DELADDR:
		s->dirty = true;
	}
	return MNL_CB_OK;
}

/* A burst of changes is one: they are read together, a little later. */
static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval soon = {0, 50000};
	struct never_source *s = arg;
	char buf[4096];
	int r;

	(void)what;
	if (fd == s->inotify) {
		while (read(fd, buf, sizeof(buf)) > 0)
			s->dirty = true;
	} else {
		while ((r = nl_read(s->told, on_told, s)) != -EAGAIN)
			s->dirty |= r < 0;
	}
	if (s->dirty && !event_pending(s->settle, EV_TIMEOUT, NULL))
		event_add(s->settle, &soon);
}

static void
on_settled(evutil_socket_t fd, short what, void *arg)
{
	struct never_source *s = arg;

	(void)fd;
	(void)what;
	s->dirty = false;
	if (never_read(s, NULL) > 0)
		s->changed(s->ctx);
}

int
never_new(struct never_source **out, struct never *v, struct event_base *base,
    void (*changed)(void *ctx), void *ctx)
{
	_cleanup_(never_freep) struct never_source *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->v = v;
	s->changed = changed;
	s->ctx = ctx;
	s->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (s->inotify < 0)
		return -errno;
	r = nl_new(&s->ask, NETLINK_ROUTE, 0);
	if (r == 0)
		r = nl_new(&s->told, NETLINK_ROUTE, GROUPS);
	if (r < 0)
		return r;
	s->on_route = event_new(base, s->told->fd, EV_READ | EV_PERSIST, on_readable, s);
	s->on_file = event_new(base, s->inotify, EV_READ | EV_PERSIST, on_readable, s);
	s->settle = event_new(base, -1, 0, on_settled, s);
	if (!s->on_route || !s->on_file || !s->settle || event_add(s->on_route, NULL) < 0 ||
	    event_add(s->on_file, NULL) < 0)
		return -ENOMEM;
	*out = s;
	s = NULL;
	return 0;
}

void
never_free(struct never_source *s)
{
	if (!s)
		return;
	for (int i = 0; i < 3; i++) {
		struct event *e = i == 0 ? s->on_route : i == 1 ? s->on_file : s->settle;

		if (e)
			event_free(e);
	}
	nl_free(s->ask);
	nl_free(s->told);
	prefixset_fini(&s->next.set);
	closep(&s->inotify);
	free(s);
}
