/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "watcher/watch.h"

#include <errno.h>
#include <linux/if_link.h>
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <string.h>

#define OWN_TABLE "guardd"
#define GROUP(n)  (1u << ((n)-1))

static void
on_nft_message(struct watch *w, const struct nlmsghdr *nlh)
{
	const struct nfgenmsg *g = mnl_nlmsg_get_payload(nlh);
	const size_t header = sizeof(*g);

	if (nlh->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES)
		return;
	if ((nlh->nlmsg_type & 0xff) == NFT_MSG_NEWGEN) { /* the last of each transaction */
		if (w->foreign)
			w->changed(w->ctx, nl_be32(nl_attr(nlh, header, NFTA_GEN_PROC_PID)),
			    nl_text(nl_attr(nlh, header, NFTA_GEN_PROC_NAME)));
		w->foreign = false;
		return;
	}
	/* The first attribute of every object is its table's name. */
	w->foreign |= g->nfgen_family != NFPROTO_INET ||
		      strcmp(nl_text(nl_attr(nlh, header, NFTA_TABLE_NAME)), OWN_TABLE) != 0;
}

/* What comes without anything being different: caches of single destinations, wireless events. */
static bool
is_noise(const struct nlmsghdr *nlh)
{
	const struct rtmsg *r = mnl_nlmsg_get_payload(nlh);

	switch (nlh->nlmsg_type) {
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return mnl_nlmsg_get_payload_len(nlh) < sizeof(*r) || r->rtm_flags & RTM_F_CLONED ||
		       r->rtm_family == RTNL_FAMILY_IPMR || r->rtm_family == RTNL_FAMILY_IP6MR;
	case RTM_NEWLINK:
		return nl_attr(nlh, sizeof(struct ifinfomsg), IFLA_WIRELESS) != NULL;
	default:
		return false;
	}
}

static void
on_route_message(struct watch *w, const struct nlmsghdr *nlh)
{
	if (nlh->nlmsg_type >= NLMSG_MIN_TYPE && !is_noise(nlh))
		w->changed(w->ctx, 0, "");
}

static void
read_all(struct watch *w, struct nl *nl, void (*fn)(struct watch *w, const struct nlmsghdr *nlh))
{
	ssize_t n;

	while ((n = nl_receive(nl)) > 0 || n == -ENOBUFS) {
		int left = (int)n;

		if (n < 0)
			w->changed(w->ctx, 0, "");
		for (const struct nlmsghdr *m = (void *)nl->buf; n > 0 && mnl_nlmsg_ok(m, left);
		     m = mnl_nlmsg_next(m, &left))
			fn(w, m);
	}
}

void
watch_read(struct watch *w)
{
	if (w->nft)
		read_all(w, w->nft, on_nft_message);
	if (w->route)
		read_all(w, w->route, on_route_message);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	watch_read(arg);
}

int
watch_open(struct watch *w)
{
	/* Interfaces tell of XDP; the last two of rp_filter and forwarding. */
	const uint32_t groups =
	    GROUP(RTNLGRP_LINK) | GROUP(RTNLGRP_TC) | GROUP(RTNLGRP_IPV4_IFADDR) |
	    GROUP(RTNLGRP_IPV4_ROUTE) | GROUP(RTNLGRP_IPV4_RULE) | GROUP(RTNLGRP_IPV6_IFADDR) |
	    GROUP(RTNLGRP_IPV6_ROUTE) | GROUP(RTNLGRP_IPV6_RULE) | GROUP(RTNLGRP_NEXTHOP) |
	    GROUP(RTNLGRP_IPV4_NETCONF) | GROUP(RTNLGRP_IPV6_NETCONF);
	int r = nl_new(&w->nft, NETLINK_NETFILTER, GROUP(NFNLGRP_NFTABLES));

	return r < 0 && r != -EPROTONOSUPPORT ? r : nl_new(&w->route, NETLINK_ROUTE, groups);
}

int
watch_start(struct watch *w, struct event_base *base)
{
	if (w->nft) {
		w->on_nft = event_new(base, w->nft->fd, EV_READ | EV_PERSIST, on_readable, w);
		if (!w->on_nft || event_add(w->on_nft, NULL) < 0)
			return -ENOMEM;
	}
	w->on_route = event_new(base, w->route->fd, EV_READ | EV_PERSIST, on_readable, w);
	return w->on_route && event_add(w->on_route, NULL) == 0 ? 0 : -ENOMEM;
}

void
watch_fini(struct watch *w)
{
	if (w->on_nft)
		event_free(w->on_nft);
	if (w->on_route)
		event_free(w->on_route);
	nl_free(w->nft);
	nl_free(w->route);
}
