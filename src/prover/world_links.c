/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "prover/nlread.h"
#include "prover/world_parts.h"

#define DEVCONF6_FORCE_FORWARDING (DEVCONF_ACCEPT_RA_MIN_LFT + 1) /* since Linux 6.17 */

/* conf/all, which the kernel combines with each interface's own; -1: not dumped. */
struct all_conf {
	long rp_filter, accept_local, route_localnet, src_valid_mark, bc_forwarding, forwarding6,
	    send_redirects;
};

static struct all_conf
read_all(const struct dump *d)
{
#define ALL4 "/proc/sys/net/ipv4/conf/all/"
	return (struct all_conf){
	    .rp_filter = world_sysctl(d, ALL4 "rp_filter"),
	    .accept_local = world_sysctl(d, ALL4 "accept_local"),
	    .route_localnet = world_sysctl(d, ALL4 "route_localnet"),
	    .src_valid_mark = world_sysctl(d, ALL4 "src_valid_mark"),
	    .bc_forwarding = world_sysctl(d, ALL4 "bc_forwarding"),
	    .send_redirects = world_sysctl(d, ALL4 "send_redirects"),
	    .forwarding6 = world_sysctl(d, "/proc/sys/net/ipv6/conf/all/forwarding"),
	};
}

/* The i-th number of an array of them; 0: not there. */
static uint32_t
number_at(const struct nlattr *a, unsigned i)
{
	uint32_t v = 0;

	if (nlread_len(a) >= (i + 1) * sizeof(v))
		memcpy(&v, (const char *)nlread_data(a) + i * sizeof(v), sizeof(v));
	return v;
}

/* IFLA_INET_CONF counts from 1, IFLA_INET6_CONF from 0. */
static uint32_t
conf4(const struct nlattr *a, unsigned i)
{
	return number_at(a, i - 1);
}

static uint32_t
conf6(const struct nlattr *a, unsigned i)
{
	return number_at(a, i);
}

/* fib_frontend.c, inetdevice.h: IN_DEV_RPFILTER is the greater, ACCEPT_LOCAL, ROUTE_LOCALNET,
 * SRC_VMARK and TX_REDIRECTS are either, BFORWARD is both, FORWARD is the interface's own. */
static void
read_conf4(struct iface *f, const struct nlattr *inet, const struct all_conf *all)
{
	const struct nlattr *tb[IFLA_INET_MAX + 1], *c;
	uint32_t rp;

	f->works[0] = inet != NULL;
	if (nlread_nested(inet, tb, IFLA_INET_MAX) < 0)
		return;
	c = tb[IFLA_INET_CONF];
	f->sysctls_known =
	    all->rp_filter >= 0 && all->accept_local >= 0 && all->route_localnet >= 0 && c;
	rp = conf4(c, IPV4_DEVCONF_RP_FILTER);
	if (all->rp_filter > (long)rp)
		rp = (uint32_t)all->rp_filter;
	f->rp_filter = rp > 2 ? 2 : (uint8_t)rp;
	f->forwarding[0] = conf4(c, IPV4_DEVCONF_FORWARDING);
	f->accept_local = all->accept_local > 0 || conf4(c, IPV4_DEVCONF_ACCEPT_LOCAL);
	f->route_localnet = all->route_localnet > 0 || conf4(c, IPV4_DEVCONF_ROUTE_LOCALNET);
	f->src_valid_mark = all->src_valid_mark > 0 || conf4(c, IPV4_DEVCONF_SRC_VMARK);
	f->send_redirects = all->send_redirects > 0 || conf4(c, IPV4_DEVCONF_SEND_REDIRECTS);
	f->bc_forwarding = all->bc_forwarding > 0 && conf4(c, IPV4_DEVCONF_BC_FORWARDING);
	f->ignore_linkdown[0] = conf4(c, IPV4_DEVCONF_IGNORE_ROUTES_WITH_LINKDOWN);
}

/* ip6_output.c: forwarding is conf/all's; force_forwarding lets one interface do it alone. */
static void
read_conf6(struct iface *f, const struct nlattr *inet6, const struct all_conf *all)
{
	const struct nlattr *tb[IFLA_INET6_MAX + 1], *c;

	if (nlread_nested(inet6, tb, IFLA_INET6_MAX) < 0)
		return;
	c = tb[IFLA_INET6_CONF];
	f->works[1] = inet6 && !conf6(c, DEVCONF_DISABLE_IPV6);
	f->forwarding[1] = all->forwarding6 > 0 || conf6(c, DEVCONF6_FORCE_FORWARDING);
	f->ignore_linkdown[1] = conf6(c, DEVCONF_IGNORE_ROUTES_WITH_LINKDOWN);
	if (all->forwarding6 < 0 || !c)
		f->sysctls_known = false;
}

static int
read_conf(struct iface *f, const struct nlattr *spec, const struct all_conf *all)
{
	const struct nlattr *by_family[AF_INET6 + 1];

	if (nlread_nested(spec, by_family, AF_INET6) < 0)
		return -EINVAL;
	if (!spec) { /* nothing about it is known: it may take anything */
		f->works[0] = f->works[1] = true;
		return 0;
	}
	read_conf4(f, by_family[AF_INET], all);
	if (by_family[AF_INET6])
		read_conf6(f, by_family[AF_INET6], all);
	return 0;
}

static int
read_link(struct world *w, struct list *out, const struct nlmsghdr *h, const struct all_conf *all)
{
	const struct ifinfomsg *m = nlread_fixed(h, sizeof(*m));
	const struct nlattr *tb[IFLA_MAX + 1], *info[IFLA_INFO_MAX + 1];
	struct iface *f;
	char slave[16];

	if (!m || nlread_attrs(h, sizeof(*m), tb, IFLA_MAX) < 0 ||
	    nlread_nested(tb[IFLA_LINKINFO], info, IFLA_INFO_MAX) < 0)
		return -EINVAL;
	/* A bridge tells of its ports a second time, with family AF_BRIDGE. */
	if (h->nlmsg_type != RTM_NEWLINK || m->ifi_family == AF_BRIDGE)
		return 0;
	f = list_add(w->arena, out, sizeof(*f));
	f->index = (uint32_t)m->ifi_index;
	f->type = m->ifi_type;
	f->flags = m->ifi_flags;
	nlread_text(tb[IFLA_IFNAME], f->name, sizeof(f->name));
	nlread_text(info[IFLA_INFO_KIND], f->kind, sizeof(f->kind));
	nlread_text(info[IFLA_INFO_SLAVE_KIND], slave, sizeof(slave));
	f->master = nlread_u32(tb[IFLA_MASTER], 0);
	f->group = nlread_u32(tb[IFLA_GROUP], 0);
	f->carrier = nlread_u8(tb[IFLA_CARRIER], 1);
	f->bridge_port = strcmp(slave, "bridge") == 0;
	f->vrf_port = strcmp(slave, "vrf") == 0 || strcmp(f->kind, "vrf") == 0;
	return read_conf(f, tb[IFLA_AF_SPEC], all);
}

static int
iface_order(const void *a, const void *b)
{
	const struct iface *x = a, *y = b;

	return x->index < y->index ? -1 : x->index > y->index;
}

/* An interface in a VRF by its bridge or bond counts as in it, too. */
static void
spread_vrf(struct world *w)
{
	for (uint32_t i = 0; i < w->n_ifaces; i++) {
		struct iface *f = &w->ifaces[i];
		const struct iface *up = world_iface(w, f->master);

		for (int depth = 0; up && depth < 8 && !f->vrf_port; depth++) {
			f->vrf_port = up->vrf_port;
			up = world_iface(w, up->master);
		}
	}
}

int
world_read_links(struct world *w, const struct dump *d, const char **what)
{
	const struct dump_record *r = NULL;
	struct all_conf all = read_all(d);
	struct list found = {0};

	*what = "interfaces";
	while ((r = dump_next(d, r, DUMP_LINKS))) {
		const struct nlmsghdr *h;
		size_t at = 0;
		int more;

		while ((more = nlread_message(r, &at, &h)) > 0)
			if (read_link(w, &found, h, &all) < 0)
				return -EINVAL;
		if (more < 0)
			return more;
	}
	if (found.n)
		qsort(found.items, found.n, sizeof(struct iface), iface_order);
	w->ifaces = found.items;
	w->n_ifaces = (uint32_t)found.n;
	spread_vrf(w);
	return 0;
}

static int
read_addr(struct world *w, struct list *out, const struct nlmsghdr *h)
{
	const struct ifaddrmsg *m = nlread_fixed(h, sizeof(*m));
	const struct nlattr *tb[IFA_MAX + 1], *own;
	struct local_addr *l;
	struct addr a = {0};

	if (!m || nlread_attrs(h, sizeof(*m), tb, IFA_MAX) < 0)
		return -EINVAL;
	if (h->nlmsg_type != RTM_NEWADDR || (m->ifa_family != AF_INET && m->ifa_family != AF_INET6))
		return 0;
	/* IFA_ADDRESS is the peer's on point-to-point links; IFA_LOCAL is then there, too. */
	own = tb[IFA_LOCAL] ? tb[IFA_LOCAL] : tb[IFA_ADDRESS];
	if (nlread_len(own) != (m->ifa_family == AF_INET ? 4 : 16))
		return -EINVAL;
	a.family = m->ifa_family == AF_INET ? 4 : 6;
	memcpy(a.bytes, nlread_data(own), addr_size(&a));
	l = list_add(w->arena, out, sizeof(*l));
	*l = (struct local_addr){
	    .addr = a,
	    .len = m->ifa_prefixlen > addr_bits(&a) ? (uint8_t)addr_bits(&a) : m->ifa_prefixlen,
	    .iface = m->ifa_index,
	    .scope = m->ifa_scope,
	    .flags = nlread_u32(tb[IFA_FLAGS], m->ifa_flags),
	};
	return 0;
}

int
world_read_addrs(struct world *w, const struct dump *d, const char **what)
{
	const struct dump_record *r = NULL;
	struct list found = {0};

	*what = "addresses";
	while ((r = dump_next(d, r, DUMP_ADDRS))) {
		const struct nlmsghdr *h;
		size_t at = 0;
		int more;

		while ((more = nlread_message(r, &at, &h)) > 0)
			if (read_addr(w, &found, h) < 0)
				return -EINVAL;
		if (more < 0)
			return more;
	}
	w->addrs = found.items;
	w->n_addrs = (uint32_t)found.n;
	return 0;
}
