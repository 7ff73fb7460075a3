/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "shadow/shadow.h"

#include <errno.h>
#include <limits.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define TABLE "guardd_shadow"
#define SAID  "said"
#define TRIES 200 /* of a millisecond each, until a packet has arrived */

/* --- counting: base chains whose policy counts what reaches it --- */

static struct nlmsghdr *
put(struct nl *n, char *buf, size_t *used, uint16_t type, uint8_t family)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf + *used);
	struct nfgenmsg *g = mnl_nlmsg_put_extra_header(nlh, sizeof(*g));
	bool frame = type == NFNL_MSG_BATCH_BEGIN || type == NFNL_MSG_BATCH_END;

	nlh->nlmsg_type = frame ? type : (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type);
	nlh->nlmsg_flags = NLM_F_REQUEST | (frame ? 0 : NLM_F_CREATE);
	nlh->nlmsg_seq = ++n->seq;
	g->nfgen_family = family;
	g->version = NFNETLINK_V0;
	g->res_id = frame ? htons(NFNL_SUBSYS_NFTABLES) : 0;
	return nlh;
}

static void
put_table(struct nl *n, char *buf, size_t *used, uint8_t family)
{
	struct nlmsghdr *nlh = put(n, buf, used, NFT_MSG_NEWTABLE, family);

	mnl_attr_put_strz(nlh, NFTA_TABLE_NAME, TABLE);
	*used += nlh->nlmsg_len;
}

static void
put_chain(struct nl *n, char *buf, size_t *used, uint8_t family, const char *name, uint32_t hook,
    int32_t priority, uint32_t policy, const char *dev)
{
	struct nlmsghdr *nlh = put(n, buf, used, NFT_MSG_NEWCHAIN, family);
	struct nlattr *nest;

	mnl_attr_put_strz(nlh, NFTA_CHAIN_TABLE, TABLE);
	mnl_attr_put_strz(nlh, NFTA_CHAIN_NAME, name);
	nest = mnl_attr_nest_start(nlh, NFTA_CHAIN_HOOK);
	mnl_attr_put_u32(nlh, NFTA_HOOK_HOOKNUM, htonl(hook));
	mnl_attr_put_u32(nlh, NFTA_HOOK_PRIORITY, htonl((uint32_t)priority));
	if (dev)
		mnl_attr_put_strz(nlh, NFTA_HOOK_DEV, dev);
	mnl_attr_nest_end(nlh, nest);
	mnl_attr_put_u32(nlh, NFTA_CHAIN_POLICY, htonl(policy));
	mnl_attr_put_strz(nlh, NFTA_CHAIN_TYPE, "filter");
	nest = mnl_attr_nest_start(nlh, NFTA_CHAIN_COUNTERS);
	mnl_attr_put_u64(nlh, NFTA_COUNTER_PACKETS, 0);
	mnl_attr_put_u64(nlh, NFTA_COUNTER_BYTES, 0);
	mnl_attr_nest_end(nlh, nest);
	*used += nlh->nlmsg_len;
}

int
shadow_record(struct shadow *s)
{
	_cleanup_(freep) char *buf = calloc(1, (SHADOW_IFACES + 8) * 256);
	size_t used = 0;
	ssize_t n;
	int r;

	if (!buf)
		return -ENOMEM;
	used += put(s->nft, buf, &used, NFNL_MSG_BATCH_BEGIN, AF_UNSPEC)->nlmsg_len;
	put_table(s->nft, buf, &used, NFPROTO_INET);
	put_chain(s->nft, buf, &used, NFPROTO_INET, "delivered", NF_INET_LOCAL_IN, INT_MAX, NF_DROP,
	    NULL);
	put_chain(s->nft, buf, &used, NFPROTO_INET, "forwarded", NF_INET_POST_ROUTING, INT_MAX,
	    NF_DROP, NULL);
	/* What the copy itself says (errors, redirects, resets) goes nowhere and is no survivor. */
	put_chain(
	    s->nft, buf, &used, NFPROTO_INET, SAID, NF_INET_LOCAL_OUT, INT_MIN, NF_DROP, NULL);
	put_table(s->nft, buf, &used, NFPROTO_NETDEV);
	for (uint32_t i = 0; i < s->n_ifaces; i++)
		if (s->ifaces[i].up)
			put_chain(s->nft, buf, &used, NFPROTO_NETDEV, s->ifaces[i].name,
			    NF_NETDEV_INGRESS, INT_MIN, NF_ACCEPT, s->ifaces[i].name);
	used += put(s->nft, buf, &used, NFNL_MSG_BATCH_END, AF_UNSPEC)->nlmsg_len;
	r = nl_send(s->nft, buf, used);
	while (r == 0 && (n = nl_receive(s->nft)) >= (ssize_t)NLMSG_HDRLEN) {
		const struct nlmsghdr *nlh = (const void *)s->nft->buf;
		const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);

		if (nlh->nlmsg_type == NLMSG_ERROR)
			r = e->error;
	}
	return r < 0 ? shadow_fail(s, r, "the counting chains") : 0;
}

struct counts {
	uint64_t arrived, survived;
};

static int
on_chain(const struct nlmsghdr *nlh, void *ctx)
{
	const size_t head = sizeof(struct nfgenmsg);
	const struct nfgenmsg *g = mnl_nlmsg_get_payload(nlh);
	struct counts *c = ctx;
	uint64_t n;

	if (strcmp(nl_text(nl_attr(nlh, head, NFTA_CHAIN_TABLE)), TABLE) != 0)
		return MNL_CB_OK;
	n = nl_be64(nl_inside(nl_attr(nlh, head, NFTA_CHAIN_COUNTERS), NFTA_COUNTER_PACKETS));
	if (g->nfgen_family == NFPROTO_NETDEV)
		c->arrived += n;
	else if (strcmp(nl_text(nl_attr(nlh, head, NFTA_CHAIN_NAME)), SAID) != 0)
		c->survived += n;
	return MNL_CB_OK;
}

static int
count(struct shadow *s, struct counts *c)
{
	static const uint8_t families[] = {NFPROTO_INET, NFPROTO_NETDEV};
	int r = 0;

	*c = (struct counts){0};
	for (size_t i = 0; r == 0 && i < 2; i++) {
		char buf[256];
		size_t at = 0;
		struct nlmsghdr *nlh = put(s->nft, buf, &at, NFT_MSG_GETCHAIN, families[i]);

		nlh->nlmsg_flags = NLM_F_DUMP;
		r = nl_ask(s->nft, nlh, on_chain, c);
	}
	return r;
}

/* --- packets --- */

static uint32_t
sum(const void *bytes, size_t n, uint32_t from)
{
	const uint8_t *b = bytes;

	for (size_t i = 0; i < n; i++)
		from += i % 2 ? b[i] : (uint32_t)b[i] << 8;
	return from;
}

static uint16_t
fold(uint32_t s)
{
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return htons((uint16_t)~s);
}

/* Without SCTP's CRC32c: hosts do not look at it before their firewall does. */
static size_t
put_transport(uint8_t *at, const struct proof_witness *w, uint16_t sport)
{
	struct tcphdr *tcp = (void *)at;
	struct udphdr *udp = (void *)at;
	uint16_t ports[2] = {htons(sport), htons(w->port)};
	uint32_t s = w->proto;
	size_t n = w->proto == IPPROTO_UDP ? sizeof(*udp) : 20;

	memset(at, 0, 32);
	memcpy(at, ports, sizeof(ports));
	if (w->proto == IPPROTO_SCTP) {
		/* Common header with tag 0, then an INIT chunk: RFC 9260, 3.3.2. */
		at[12] = 1;
		at[15] = 20;
		at[16 + 3] = 1;
		return 32;
	}
	s = sum(w->from.bytes, addr_size(&w->from), s);
	s = sum(w->to.bytes, addr_size(&w->to), s + (uint32_t)n);
	if (w->proto == IPPROTO_UDP) {
		udp->len = htons((uint16_t)n);
		udp->check = fold(sum(at, n, s));
	} else {
		tcp->doff = 5;
		tcp->syn = 1;
		tcp->window = htons(1024);
		tcp->check = fold(sum(at, n, s));
	}
	return n;
}

static size_t
put_packet(uint8_t *at, const struct proof_witness *w, uint16_t sport)
{
	struct iphdr *v4 = (void *)at;
	struct ip6_hdr *v6 = (void *)at;
	size_t head = w->to.family == 4 ? sizeof(*v4) : sizeof(*v6);
	size_t n = put_transport(at + head, w, sport);

	memset(at, 0, head);
	if (w->to.family == 4) {
		*v4 = (struct iphdr){.version = 4,
		    .ihl = 5,
		    .ttl = 64,
		    .protocol = w->proto,
		    .tot_len = htons((uint16_t)(head + n))};
		memcpy(&v4->saddr, w->from.bytes, 4);
		memcpy(&v4->daddr, w->to.bytes, 4);
		v4->check = fold(sum(v4, head, 0));
	} else {
		v6->ip6_vfc = 6 << 4;
		v6->ip6_plen = htons((uint16_t)n);
		v6->ip6_nxt = w->proto;
		v6->ip6_hlim = 64;
		memcpy(&v6->ip6_src, w->from.bytes, 16);
		memcpy(&v6->ip6_dst, w->to.bytes, 16);
	}
	return head + n;
}

/* Multicast and broadcast have addresses of their own on the wire (RFC 1112, RFC 2464). */
static void
wire_address(const struct shadow_iface *i, const struct addr *to, uint8_t mac[6])
{
	static const uint8_t all[4] = {255, 255, 255, 255};

	memcpy(mac, i->mac, 6);
	if (to->family == 6 && to->bytes[0] == 0xff) {
		mac[0] = mac[1] = 0x33;
		memcpy(mac + 2, to->bytes + 12, 4);
	} else if (to->family == 4 && !memcmp(to->bytes, all, 4)) {
		memset(mac, 0xff, 6);
	}
}

static int
send_packet(const struct shadow_iface *i, const struct proof_witness *w, uint16_t sport)
{
	_cleanup_(closep) int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	uint16_t protocol = htons(w->to.family == 4 ? ETH_P_IP : ETH_P_IPV6);
	struct sockaddr_ll to = {.sll_family = AF_PACKET,
	    .sll_ifindex = (int)i->peer,
	    .sll_protocol = protocol,
	    .sll_halen = 6};
	uint8_t frame[256] = {0};
	struct iovec iov = {frame, 0};
	struct msghdr h = {
	    .msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = &iov, .msg_iovlen = 1};

	if (fd < 0)
		return -errno;
	wire_address(i, &w->to, frame);
	memcpy(frame + 6, (uint8_t[6]){2, 0x67, 1, 0, 0, 1}, 6);
	memcpy(frame + 12, &protocol, 2);
	iov.iov_len = ETH_HLEN + put_packet(frame + ETH_HLEN, w, sport);
	return sendmsg(fd, &h, 0) < 0 ? -errno : 0;
}

int
shadow_fire(struct shadow *s, const struct proof_witness *w, uint16_t sport)
{
	const struct shadow_iface *in = NULL;
	struct counts before, after;
	int r;

	for (uint32_t i = 0; i < s->n_ifaces; i++)
		if (!strncmp(s->ifaces[i].name, w->iface, sizeof(w->iface)) && s->ifaces[i].up)
			in = &s->ifaces[i];
	if (!in || in->index == 1)
		return -ENODEV;
	r = count(s, &before);
	if (r == 0)
		r = send_packet(in, w, sport);
	if (r < 0)
		return r;
	/* Once it arrived, its way to the end is the same stretch of kernel code. */
	for (int i = 0; i < TRIES; i++) {
		r = count(s, &after);
		if (r < 0)
			return r;
		if (after.arrived > before.arrived)
			return after.survived > before.survived;
		poll(NULL, 0, 1);
	}
	return -ETIMEDOUT;
}
