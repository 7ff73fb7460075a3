/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <linux/if_link.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "watcher/collect_pass.h"

#define REQUEST_BYTES 128

static struct nlmsghdr *
route_request(char buf[static REQUEST_BYTES], uint16_t type, size_t header)
{
	struct nlmsghdr *nlh;

	memset(buf, 0, REQUEST_BYTES);
	nlh = mnl_nlmsg_put_header(buf);
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_DUMP;
	mnl_nlmsg_put_extra_header(nlh, header);
	return nlh;
}

static void
forget_ifaces(struct pass *p)
{
	p->n_ifaces = 0;
	p->ifaces_lost = 0;
}

static bool
keep_link(struct pass *p, const struct nlmsghdr *nlh)
{
	const struct ifinfomsg *i = mnl_nlmsg_get_payload(nlh);
	struct iface_seen *s;
	int r;

	if (nlh->nlmsg_type != RTM_NEWLINK)
		return false;
	r = pass_room((void **)&p->ifaces, p->n_ifaces, &p->room_ifaces, sizeof(*s), MAX_IFACES);
	if (r < 0) {
		p->ifaces_lost = r;
		return true;
	}
	s = &p->ifaces[p->n_ifaces++];
	*s = (struct iface_seen){.index = (uint32_t)i->ifi_index};
	strncpy(s->name, nl_text(nl_attr(nlh, sizeof(*i), IFLA_IFNAME)), sizeof(s->name) - 1);
	return true;
}

static void
ask_links(struct pass *p)
{
	char buf[REQUEST_BYTES];
	struct nlmsghdr *nlh = route_request(buf, RTM_GETLINK, sizeof(struct ifinfomsg));
	int r;

	mnl_attr_put_u32(nlh, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	r = pass_ask_again(p, p->c->route, nlh, DUMP_LINKS, 0, keep_link, forget_ifaces);
	if (r < 0)
		pass_failed(p, DUMP_LINKS, r, "interfaces");
	else if (p->ifaces_lost)
		pass_failed(p, DUMP_LINKS, p->ifaces_lost, "too many interfaces");
}

/* The kernel answers for all families when it has not the one that was asked for. */
static bool
keep_ip4(struct pass *p, const struct nlmsghdr *nlh)
{
	const struct rtmsg *r = mnl_nlmsg_get_payload(nlh);

	(void)p;
	/* What was learned about single destinations (path MTU) is no route of the table. */
	return r->rtm_family == AF_INET &&
	       (nlh->nlmsg_type != RTM_NEWROUTE || !(r->rtm_flags & RTM_F_CLONED));
}

static bool
keep_ip6(struct pass *p, const struct nlmsghdr *nlh)
{
	const struct rtmsg *r = mnl_nlmsg_get_payload(nlh);

	(void)p;
	return r->rtm_family == AF_INET6 &&
	       (nlh->nlmsg_type != RTM_NEWROUTE || !(r->rtm_flags & RTM_F_CLONED));
}

static void
ask_family(struct pass *p, uint8_t family)
{
	/* struct fib_rule_hdr begins as struct rtmsg does, and is as long. */
	static const struct {
		uint16_t type;
		enum dump_kind kind;
		const char *name[2];
	} dumps[] = {{RTM_GETROUTE, DUMP_ROUTES, {"IPv4 routes", "IPv6 routes"}},
	    {RTM_GETRULE, DUMP_POLICY, {"IPv4 rules", "IPv6 rules"}}};
	keep_fn keep = family == AF_INET ? keep_ip4 : keep_ip6;
	char buf[REQUEST_BYTES];

	for (size_t i = 0; i < sizeof(dumps) / sizeof(*dumps); i++) {
		struct nlmsghdr *nlh = route_request(buf, dumps[i].type, sizeof(struct rtmsg));
		int r;

		((struct rtmsg *)mnl_nlmsg_get_payload(nlh))->rtm_family = family;
		r = pass_ask_again(p, p->c->route, nlh, dumps[i].kind, family, keep, NULL);
		if (r < 0)
			pass_failed(p, dumps[i].kind, r, dumps[i].name[family == AF_INET6]);
	}
}

/* The kernel has a family when it shows it; a refused socket would say nothing about it. */
static bool
has_ip6(const struct pass *p)
{
	return faccessat(p->c->proc, "self/net/if_inet6", F_OK, 0) == 0 ||
	       faccessat(p->c->proc, "self/net/dev", F_OK, 0) < 0;
}

static bool
keep_qdisc(struct pass *p, const struct nlmsghdr *nlh)
{
	const struct tcmsg *t = mnl_nlmsg_get_payload(nlh);
	const char *kind = nl_text(nl_attr(nlh, sizeof(*t), TCA_KIND));

	if (strcmp(kind, "ingress") != 0 && strcmp(kind, "clsact") != 0)
		return true;
	for (uint32_t i = 0; i < p->n_ifaces; i++)
		if (p->ifaces[i].index == (uint32_t)t->tcm_ifindex)
			p->ifaces[i].ingress = true;
	return true;
}

static void
ask_filters(struct pass *p)
{
	for (uint32_t i = 0; i < p->n_ifaces; i++) {
		size_t mark = dump_mark(p->w);
		char buf[REQUEST_BYTES];
		struct nlmsghdr *nlh = route_request(buf, RTM_GETTFILTER, sizeof(struct tcmsg));
		struct tcmsg *t = mnl_nlmsg_get_payload(nlh);
		int r;

		if (!p->ifaces[i].ingress)
			continue;
		t->tcm_ifindex = (int)p->ifaces[i].index;
		t->tcm_parent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS);
		r = pass_ask_again(
		    p, p->c->route, nlh, DUMP_FILTERS, p->ifaces[i].index, NULL, NULL);
		if (r == 0)
			dump_back_to(p->w, mark);
		else if (r < 0)
			pass_failed(p, DUMP_FILTERS, r, p->ifaces[i].name);
	}
}

void
part_route(struct pass *p)
{
	char buf[REQUEST_BYTES];
	int r;

	ask_links(p);
	r = pass_ask_again(p, p->c->route,
	    route_request(buf, RTM_GETADDR, sizeof(struct ifaddrmsg)), DUMP_ADDRS, 0, NULL, NULL);
	if (r < 0)
		pass_failed(p, DUMP_ADDRS, r, "addresses");
	ask_family(p, AF_INET);
	if (has_ip6(p))
		ask_family(p, AF_INET6);
	else
		pass_failed(p, DUMP_ROUTES, -EAFNOSUPPORT, "IPv6");
	r = pass_ask_again(p, p->c->route, route_request(buf, RTM_GETQDISC, sizeof(struct tcmsg)),
	    DUMP_QDISCS, 0, keep_qdisc, NULL);
	if (r < 0)
		pass_failed(p, DUMP_QDISCS, r, "queueing disciplines");
	ask_filters(p);
}
