/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * iprange, addrtype, rpfilter: net/netfilter/xt_iprange.c, xt_addrtype.c,
 * net/ipv4/netfilter/ipt_rpfilter.c, net/ipv6/netfilter/ip6t_rpfilter.c.
 */
#include "prover/xt_match.h"

#include <net/if.h>
#include <linux/netfilter.h>
#include <linux/netfilter/xt_addrtype.h>
#include <linux/netfilter/xt_iprange.h>
#include <linux/netfilter/xt_rpfilter.h>

static void
iprange_side(struct ranges out[2], const union nf_inet_addr *min, const union nf_inet_addr *max,
    bool invert, struct arena *a)
{
	for (unsigned f = 0; f < 2; f++) {
		uint8_t family = f ? 6 : 4;

		out[f] = xt_range(a, family, xt_number(family, (const uint8_t *)min),
		    xt_number(family, (const uint8_t *)max), invert);
	}
}

static bool
iprange_read(struct xt_match *m, const void *info, struct arena *a)
{
	const struct xt_iprange_mtinfo *i = info;

	m->u.range.has_src = i->flags & IPRANGE_SRC;
	m->u.range.has_dst = i->flags & IPRANGE_DST;
	iprange_side(m->u.range.src, &i->src_min, &i->src_max, i->flags & IPRANGE_SRC_INV, a);
	iprange_side(m->u.range.dst, &i->dst_min, &i->dst_max, i->flags & IPRANGE_DST_INV, a);
	return !(i->flags & ~(IPRANGE_SRC | IPRANGE_DST | IPRANGE_SRC_INV | IPRANGE_DST_INV));
}

static struct outcome
iprange_ask(
    const struct xt_match *m, const struct env *env, const struct world *w, struct port_class *p)
{
	struct outcome o = xt_bool(true);

	(void)w;
	(void)p;
	if (m->u.range.has_dst)
		o = xt_daddr_in(env, &m->u.range.dst[xt_f(env)]);
	if (m->u.range.has_src && o.kind != OUT_NO)
		o = xt_and(o, xt_saddr_in(env, &m->u.range.src[xt_f(env)]), env->family);
	return o;
}

static bool
addrtype0_read(struct xt_match *m, const void *info, struct arena *a)
{
	const struct xt_addrtype_info *i = info;

	(void)a;
	m->u.type.source = i->source;
	m->u.type.dest = i->dest;
	m->u.type.invert_source = i->invert_source;
	m->u.type.invert_dest = i->invert_dest;
	return i->invert_source <= 1 && i->invert_dest <= 1;
}

static bool
addrtype1_read(struct xt_match *m, const void *info, struct arena *a)
{
	const struct xt_addrtype_info_v1 *i = info;

	(void)a;
	m->u.type.source = i->source;
	m->u.type.dest = i->dest;
	m->u.type.invert_source = i->flags & XT_ADDRTYPE_INVERT_SOURCE;
	m->u.type.invert_dest = i->flags & XT_ADDRTYPE_INVERT_DEST;
	m->u.type.limit_in = i->flags & XT_ADDRTYPE_LIMIT_IFACE_IN;
	m->u.type.limit_out = i->flags & XT_ADDRTYPE_LIMIT_IFACE_OUT;
	return !(i->flags & ~(XT_ADDRTYPE_INVERT_SOURCE | XT_ADDRTYPE_INVERT_DEST |
				XT_ADDRTYPE_LIMIT_IFACE_IN | XT_ADDRTYPE_LIMIT_IFACE_OUT));
}

static struct outcome
addrtype_ask(
    const struct xt_match *m, const struct env *env, const struct world *w, struct port_class *p)
{
	struct outcome o = xt_bool(true), s;
	uint32_t dev = m->u.type.limit_in ? env->iif : m->u.type.limit_out ? env->oif : 0;

	(void)p;
	if (m->u.type.dest) {
		int has = world_xt_addrtype_has(w, &env->daddr, m->u.type.dest, dev);

		if (has < 0 || env->daddr_unknown || env->payload_unknown)
			o = xt_maybe(m->why);
		else
			o = xt_bool(has != m->u.type.invert_dest);
	}
	if (m->u.type.source && o.kind != OUT_NO) {
		s = xt_saddr_of(env, world_xt_addrtype(w, env->family, m->u.type.source, dev));
		if (m->u.type.invert_source)
			s = xt_not(s, env->family);
		o = xt_and(o, s, env->family);
	}
	return o;
}

static bool
rpfilter_read(struct xt_match *m, const void *info, struct arena *a)
{
	const struct xt_rpfilter_info *i = info;

	(void)a;
	m->u.rpfilter = i->flags;
	return !(i->flags & ~(XT_RPFILTER_LOOSE | XT_RPFILTER_VALID_MARK |
				XT_RPFILTER_ACCEPT_LOCAL | XT_RPFILTER_INVERT));
}

static struct outcome
rpfilter_ask(
    const struct xt_match *m, const struct env *env, const struct world *w, struct port_class *p)
{
	const struct iface *in = world_iface(w, env->iif);
	struct outcome o;

	(void)p;
	if (in && in->flags & IFF_LOOPBACK)
		return xt_bool(!(m->u.rpfilter & XT_RPFILTER_INVERT));
	if (env->daddr_unknown || env->payload_unknown)
		return xt_maybe(m->why);
	o = xt_saddr_of(env, world_xt_rpfilter(w, &env->daddr, env->iif, m->u.rpfilter));
	return m->u.rpfilter & XT_RPFILTER_INVERT ? xt_not(o, env->family) : o;
}

const struct xt_kind xt_kinds_addr[] = {
    {"iprange", 1, NFPROTO_IPV4, sizeof(struct xt_iprange_mtinfo), iprange_read, iprange_ask},
    {"iprange", 1, NFPROTO_IPV6, sizeof(struct xt_iprange_mtinfo), iprange_read, iprange_ask},
    {"addrtype", 0, NFPROTO_IPV4, sizeof(struct xt_addrtype_info), addrtype0_read, addrtype_ask},
    {"addrtype", 1, NFPROTO_UNSPEC, sizeof(struct xt_addrtype_info_v1), addrtype1_read,
	addrtype_ask},
    {"rpfilter", 0, NFPROTO_UNSPEC, sizeof(struct xt_rpfilter_info), rpfilter_read, rpfilter_ask},
    {.name = NULL},
};
