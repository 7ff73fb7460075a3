/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Headers and options of IPv6 that a packet has only if its sender adds them: rt, hbh, dst, frag,
 * ah, ipv6header, srh. What is in them nobody knows; without them none of these matches holds,
 * inverted or not. net/ipv6/netfilter/ip6t_*.c.
 */
#include "prover/xt_match.h"

#include <linux/netfilter.h>
#include <linux/netfilter_ipv6/ip6t_ah.h>
#include <linux/netfilter_ipv6/ip6t_frag.h>
#include <linux/netfilter_ipv6/ip6t_ipv6header.h>
#include <linux/netfilter_ipv6/ip6t_opts.h>
#include <linux/netfilter_ipv6/ip6t_rt.h>
#include <linux/netfilter_ipv6/ip6t_srh.h>

static bool
added_read(struct xt_match *m, const void *info, struct arena *a)
{
	(void)info;
	(void)a;
	m->needs_header = true;
	return true;
}

/* A plain packet has the transport header alone. */
static bool
ipv6header_read(struct xt_match *m, const void *info, struct arena *a)
{
	const struct ip6t_ipv6header_info *i = info;
	unsigned has = MASK_PROTO;
	bool plain;

	(void)a;
	if (i->modeflag)
		plain = !((has ^ i->matchflags ^ i->invflags) & i->matchflags);
	else
		plain = (has == i->matchflags) == !i->invflags;
	m->needs_header = !plain;
	return true;
}

static struct outcome
header_ask(
    const struct xt_match *m, const struct env *env, const struct world *w, struct port_class *p)
{
	(void)env;
	(void)w;
	(void)p;
	return xt_maybe(m->why);
}

const struct xt_kind xt_kinds_header[] = {
    {"rt", 0, NFPROTO_IPV6, sizeof(struct ip6t_rt), added_read, header_ask},
    {"hbh", 0, NFPROTO_IPV6, sizeof(struct ip6t_opts), added_read, header_ask},
    {"dst", 0, NFPROTO_IPV6, sizeof(struct ip6t_opts), added_read, header_ask},
    {"frag", 0, NFPROTO_IPV6, sizeof(struct ip6t_frag), added_read, header_ask},
    {"ah", 0, NFPROTO_IPV6, sizeof(struct ip6t_ah), added_read, header_ask},
    {"srh", 0, NFPROTO_IPV6, sizeof(struct ip6t_srh), added_read, header_ask},
    {"srh", 1, NFPROTO_IPV6, sizeof(struct ip6t_srh1), added_read, header_ask},
    {"ipv6header", 0, NFPROTO_IPV6, sizeof(struct ip6t_ipv6header_info), ipv6header_read,
	header_ask},
    {.name = NULL},
};
