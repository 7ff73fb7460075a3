/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "shadow/shadow.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#define PEER_INDEX 1000000 /* far from the machine's own */
#define MESSAGE    4096

static int
write_file(const char *path, const char *text)
{
	_cleanup_(closep) int fd = open(path, O_WRONLY | O_CLOEXEC);
	size_t n = strlen(text);

	if (fd < 0)
		return -errno;
	return write(fd, text, n) == (ssize_t)n ? 0 : -errno;
}

int
shadow_unshare(void)
{
	char uid[64], gid[64];
	int r;

	snprintf(uid, sizeof(uid), "0 %u 1\n", geteuid());
	snprintf(gid, sizeof(gid), "0 %u 1\n", getegid());
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return -errno;
	r = write_file("/proc/self/setgroups", "deny");
	if (r == 0)
		r = write_file("/proc/self/uid_map", uid);
	return r < 0 ? r : write_file("/proc/self/gid_map", gid);
}

/* --- sysctls --- */

static void
set_sysctl(const char *family, const char *iface, const char *key, int value)
{
	char path[160], text[16];

	/* A name with a dot is a path component like any other in /proc. */
	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/%s", family, iface, key);
	snprintf(text, sizeof(text), "%d", value);
	write_file(path, text);
}

static const struct {
	const char *key;
	unsigned index; /* in IFLA_INET_CONF, from 0: linux/ip.h */
} inet_keys[] = {
    {"forwarding", IPV4_DEVCONF_FORWARDING - 1},
    {"rp_filter", IPV4_DEVCONF_RP_FILTER - 1},
    {"accept_local", IPV4_DEVCONF_ACCEPT_LOCAL - 1},
    {"route_localnet", IPV4_DEVCONF_ROUTE_LOCALNET - 1},
    {"src_valid_mark", IPV4_DEVCONF_SRC_VMARK - 1},
};

static void
set_iface_sysctls(const char *name, const struct nlmsghdr *link)
{
	const struct nlattr *spec = nl_attr(link, sizeof(struct ifinfomsg), IFLA_AF_SPEC);
	const struct nlattr *v4 = nl_inside(nl_inside(spec, AF_INET), IFLA_INET_CONF);
	const struct nlattr *v6 = nl_inside(nl_inside(spec, AF_INET6), IFLA_INET6_CONF);
	const uint32_t *values = v4 ? mnl_attr_get_payload(v4) : NULL;
	size_t n = v4 ? mnl_attr_get_payload_len(v4) / 4 : 0;

	for (size_t i = 0; i < sizeof(inet_keys) / sizeof(*inet_keys); i++)
		if (inet_keys[i].index < n)
			set_sysctl("ipv4", name, inet_keys[i].key, (int)values[inet_keys[i].index]);
	if (v6 && mnl_attr_get_payload_len(v6) > DEVCONF_DISABLE_IPV6 * 4) {
		values = mnl_attr_get_payload(v6);
		set_sysctl("ipv6", name, "forwarding", (int)values[DEVCONF_FORWARDING]);
		set_sysctl("ipv6", name, "disable_ipv6", (int)values[DEVCONF_DISABLE_IPV6]);
	}
}

/* conf/all, as the dump has the files. */
static void
set_all_sysctls(const struct dump *d)
{
	static const char root[] = "/proc/sys/net/";

	for (const struct dump_record *r = dump_next(d, NULL, DUMP_FILE); r;
	     r = dump_next(d, r, DUMP_FILE)) {
		const char *path = dump_data(r);
		size_t n = strnlen(path, r->len);
		char value[32] = "";

		if (n >= r->len || strncmp(path, root, sizeof(root) - 1) || r->len - n > 30)
			continue;
		memcpy(value, path + n + 1, r->len - n - 1);
		write_file(path, value);
	}
}

/* --- links --- */

static int
ask(struct shadow *s, struct nlmsghdr *nlh)
{
	return nl_ask(s->route, nlh, NULL, NULL);
}

static int
make_link(struct shadow *s, const struct shadow_iface *i, uint32_t group)
{
	char buf[MESSAGE], name[16];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(nlh, sizeof(*info)), *peer;
	struct nlattr *link, *data, *end;

	nlh->nlmsg_type = RTM_NEWLINK;
	nlh->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
	info->ifi_index = (int)i->index;
	mnl_attr_put_strz(nlh, IFLA_IFNAME, i->name);
	mnl_attr_put(nlh, IFLA_ADDRESS, sizeof(i->mac), i->mac);
	mnl_attr_put_u32(nlh, IFLA_GROUP, group);
	link = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
	end = mnl_attr_nest_start(nlh, VETH_INFO_PEER);
	peer = mnl_nlmsg_put_extra_header(nlh, sizeof(*peer));
	peer->ifi_index = (int)i->peer;
	snprintf(name, sizeof(name), "peer%u", i->index);
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	mnl_attr_nest_end(nlh, end);
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, link);
	return ask(s, nlh);
}

static int
set_up(struct shadow *s, uint32_t index)
{
	char buf[MESSAGE];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *info = mnl_nlmsg_put_extra_header(nlh, sizeof(*info));

	nlh->nlmsg_type = RTM_NEWLINK;
	info->ifi_index = (int)index;
	info->ifi_change = info->ifi_flags = IFF_UP;
	return ask(s, nlh);
}

static int
copy_link(struct shadow *s, const struct nlmsghdr *from)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(from);
	const struct nlattr *group = nl_attr(from, sizeof(*info), IFLA_GROUP);
	struct shadow_iface *i = &s->ifaces[s->n_ifaces];
	int r = 0;

	if (s->n_ifaces == SHADOW_IFACES)
		return shadow_fail(s, -E2BIG, "more than %d interfaces", SHADOW_IFACES);
	*i = (struct shadow_iface){.index = (uint32_t)info->ifi_index,
	    .peer = PEER_INDEX + (uint32_t)info->ifi_index,
	    .mac = {2, 0x67, 0, 0, (uint8_t)(info->ifi_index >> 8), (uint8_t)info->ifi_index},
	    .up = info->ifi_flags & IFF_UP};
	snprintf(
	    i->name, sizeof(i->name), "%s", nl_text(nl_attr(from, sizeof(*info), IFLA_IFNAME)));
	if (!(info->ifi_flags & IFF_LOOPBACK))
		r = make_link(s, i, group ? mnl_attr_get_u32(group) : 0);
	if (r < 0)
		return shadow_fail(s, r, "interface %s", i->name);
	set_iface_sysctls(i->name, from);
	if (i->up)
		r = set_up(s, i->index);
	if (r == 0 && i->up && !(info->ifi_flags & IFF_LOOPBACK)) {
		char peer[32];

		/* Nothing at the other end answers or asks. */
		snprintf(peer, sizeof(peer), "peer%u", i->index);
		set_sysctl("ipv6", peer, "disable_ipv6", 1);
		r = set_up(s, i->peer);
	}
	s->n_ifaces++;
	return r < 0 ? shadow_fail(s, r, "interface %s", i->name) : 0;
}

/* --- addresses and routes --- */

static bool
known_iface(const struct shadow *s, uint32_t index)
{
	for (uint32_t i = 0; i < s->n_ifaces; i++)
		if (s->ifaces[i].index == index)
			return true;
	return false;
}

/* The dump's message is the request that makes it, but for what only the kernel may say. */
static struct nlmsghdr *
as_request(char *buf, const struct nlmsghdr *from, size_t head, const uint16_t *leave_out)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	const struct nlattr *a;

	if (from->nlmsg_len > MESSAGE - 64)
		return NULL;
	nlh->nlmsg_type = from->nlmsg_type;
	nlh->nlmsg_flags = NLM_F_CREATE | NLM_F_REPLACE;
	memcpy(mnl_nlmsg_put_extra_header(nlh, head), mnl_nlmsg_get_payload(from), head);
	mnl_attr_for_each(a, from, head)
	{
		bool skip = false;

		for (size_t i = 0; leave_out[i]; i++)
			skip |= mnl_attr_get_type(a) == leave_out[i];
		if (!skip)
			mnl_attr_put(
			    nlh, a->nla_type, mnl_attr_get_payload_len(a), mnl_attr_get_payload(a));
	}
	return nlh;
}

static int
copy_addr(struct shadow *s, const struct nlmsghdr *from)
{
	static const uint16_t leave_out[] = {IFA_CACHEINFO, IFA_FLAGS, IFA_PROTO, 0};
	const struct ifaddrmsg *info = mnl_nlmsg_get_payload(from);
	char buf[MESSAGE];
	struct nlmsghdr *nlh;
	int r;

	if (!known_iface(s, info->ifa_index))
		return 0;
	nlh = as_request(buf, from, sizeof(*info), leave_out);
	if (!nlh)
		return shadow_fail(s, -E2BIG, "an address");
	((struct ifaddrmsg *)mnl_nlmsg_get_payload(nlh))->ifa_flags = IFA_F_NODAD;
	mnl_attr_put_u32(nlh, IFA_FLAGS, IFA_F_NODAD | IFA_F_NOPREFIXROUTE);
	r = ask(s, nlh);
	/* The loopback's own are there already. */
	return r < 0 && r != -EEXIST
		   ? shadow_fail(s, r, "an address of interface %u", info->ifa_index)
		   : 0;
}

static int
copy_route(struct shadow *s, const struct nlmsghdr *from)
{
	static const uint16_t leave_out[] = {RTA_CACHEINFO, RTA_METRICS, RTA_EXPIRES, RTA_NH_ID, 0};
	const struct rtmsg *info = mnl_nlmsg_get_payload(from);
	const struct nlattr *table = nl_attr(from, sizeof(*info), RTA_TABLE);
	const struct nlattr *oif = nl_attr(from, sizeof(*info), RTA_OIF);
	char buf[MESSAGE];
	struct nlmsghdr *nlh;
	int r;

	if ((table ? mnl_attr_get_u32(table) : info->rtm_table) == RT_TABLE_LOCAL ||
	    info->rtm_flags & RTM_F_CLONED)
		return 0;
	if (oif && !known_iface(s, mnl_attr_get_u32(oif)))
		return 0;
	nlh = as_request(buf, from, sizeof(*info), leave_out);
	if (!nlh)
		return shadow_fail(s, -E2BIG, "a route");
	nlh->nlmsg_flags = NLM_F_CREATE | NLM_F_APPEND;
	((struct rtmsg *)mnl_nlmsg_get_payload(nlh))->rtm_flags =
	    nl_attr(from, sizeof(*info), RTA_GATEWAY) ? RTNH_F_ONLINK : 0;
	r = ask(s, nlh);
	/* An interface that is down, or has no carrier, carries no route: as on the machine. */
	return r < 0 && r != -EEXIST && r != -ENETDOWN && r != -ENETUNREACH
		   ? shadow_fail(s, r, "a route")
		   : 0;
}

typedef int (*copy_fn)(struct shadow *s, const struct nlmsghdr *from);

static int
each(struct shadow *s, enum dump_kind kind, uint16_t type, size_t head, copy_fn copy)
{
	int r = 0;

	for (const struct dump_record *rec = dump_next(&s->dump, NULL, kind); rec && r == 0;
	     rec = dump_next(&s->dump, rec, kind)) {
		const struct nlmsghdr *nlh = dump_message(rec, NULL);

		for (; r == 0 && nlh; nlh = dump_message(rec, nlh))
			if (nlh->nlmsg_type == type && nlh->nlmsg_len >= NLMSG_HDRLEN + head)
				r = copy(s, nlh);
	}
	return r;
}

int
shadow_furnish(struct shadow *s)
{
	int r;

	/* Link-local addresses come from the dump alone. */
	set_sysctl("ipv6", "default", "addr_gen_mode", 1);
	set_sysctl("ipv6", "default", "accept_dad", 0);
	set_all_sysctls(&s->dump);
	r = each(s, DUMP_LINKS, RTM_NEWLINK, sizeof(struct ifinfomsg), copy_link);
	if (r == 0)
		r = each(s, DUMP_ADDRS, RTM_NEWADDR, sizeof(struct ifaddrmsg), copy_addr);
	if (r == 0)
		r = each(s, DUMP_ROUTES, RTM_NEWROUTE, sizeof(struct rtmsg), copy_route);
	return r;
}
