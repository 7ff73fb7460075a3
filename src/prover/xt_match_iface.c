/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What came with the packet below IP: pkttype, mac, physdev, devgroup; and comment, which always
 * holds. net/netfilter/xt_pkttype.c, xt_mac.c, xt_physdev.c, xt_devgroup.c.
 */
#include "prover/xt_match.h"

#include <net/if_arp.h>
#include <string.h>
#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter/xt_comment.h>
#include <linux/netfilter/xt_devgroup.h>
#include <linux/netfilter/xt_mac.h>
#include <linux/netfilter/xt_physdev.h>
#include <linux/netfilter/xt_pkttype.h>

static struct outcome
comment_ask(
    const struct xt_match *m, const struct env *env, const struct world *w, struct port_class *p)
{
	(void)m;
	(void)env;
	(void)w;
	(void)p;
	return xt_bool(true);
}

static bool
pkttype_read(struct xt_match *m, const void *info, struct arena *a)
{
	const struct xt_pkttype_info *i = info;

	(void)a;
	m->u.pkttype.type = i->pkttype;
	m->u.pkttype.invert = i->invert;
	return i->invert == 0 || i->invert == 1;
}

static struct outcome
pkttype_ask(
    const struct xt_match *m, const struct env *env, const struct world *w, struct port_class *p)
{
	(void)w;
	(void)p;
	return xt_bool((env->pkttype == m->u.pkttype.type) != m->u.pkttype.invert);
}

/* The sender chooses the address; a frame of an interface without any never matches, inverted or
 * not. Behind routing the packet may already be at the outgoing interface. */
static struct outcome
mac_ask(
    const struct xt_match *m, const struct env *env, const struct world *w, struct port_class *p)
{
	const struct iface *in = world_iface(w, env->iif);

	(void)p;
	if (in && in->type != ARPHRD_ETHER &&
	    (env->hook == NF_INET_PRE_ROUTING || env->hook == NF_INET_LOCAL_IN))
		return xt_bool(false);
	return xt_maybe(m->why);
}

static bool
physdev_read(struct xt_match *m, const void *info, struct arena *a)
{
	const struct xt_physdev_info *i = info;

	(void)a;
	m->u.physdev.bits = i->bitmask;
	m->u.physdev.invert = i->invert;
	return !((i->bitmask | i->invert) & ~XT_PHYSDEV_OP_MASK);
}

/* Whether br_netfilter may have noted a bridge port with the packet: only when it came by a bridge,
 * or by something that may stand on one. */
static bool
may_be_bridged(const struct env *env, const struct world *w)
{
	static const char *const above[] = {
	    "vlan", "macvlan", "ipvlan", "macsec", "vrf", "bond", "team"};
	const struct iface *in = world_iface(w, env->iif);

	if (!in || in->bridge_port || !strcmp(in->kind, "bridge"))
		return true;
	for (size_t i = 0; i < sizeof(above) / sizeof(*above); i++)
		if (!strcmp(in->kind, above[i]))
			return true;
	return false;
}

static struct outcome
physdev_ask(
    const struct xt_match *m, const struct env *env, const struct world *w, struct port_class *p)
{
	(void)p;
	if (may_be_bridged(env, w))
		return xt_maybe(m->why);
	/* Without a bridge it holds if all that is asked is asked inverted. */
	return xt_bool(!(m->u.physdev.bits & ~m->u.physdev.invert));
}

static bool
devgroup_read(struct xt_match *m, const void *info, struct arena *a)
{
	const struct xt_devgroup_info *i = info;

	(void)a;
	m->u.group.flags = i->flags;
	m->u.group.src = i->src_group;
	m->u.group.src_mask = i->src_mask;
	m->u.group.dst = i->dst_group;
	m->u.group.dst_mask = i->dst_mask;
	return !(i->flags & ~(XT_DEVGROUP_MATCH_SRC | XT_DEVGROUP_INVERT_SRC |
				XT_DEVGROUP_MATCH_DST | XT_DEVGROUP_INVERT_DST));
}

static struct outcome
group_is(const struct xt_match *m, const struct world *w, uint32_t index, uint32_t group,
    uint32_t mask, bool invert)
{
	const struct iface *i = world_iface(w, index);

	if (!i)
		return xt_maybe(m->why);
	return xt_bool(!((group ^ i->group) & mask) != invert);
}

static struct outcome
devgroup_ask(
    const struct xt_match *m, const struct env *env, const struct world *w, struct port_class *p)
{
	struct outcome o = xt_bool(true);
	uint32_t flags = m->u.group.flags;

	(void)p;
	if (flags & XT_DEVGROUP_MATCH_SRC)
		o = group_is(m, w, env->iif, m->u.group.src, m->u.group.src_mask,
		    flags & XT_DEVGROUP_INVERT_SRC);
	if (flags & XT_DEVGROUP_MATCH_DST)
		o = xt_and(o,
		    group_is(m, w, env->oif, m->u.group.dst, m->u.group.dst_mask,
			flags & XT_DEVGROUP_INVERT_DST),
		    env->family);
	return o;
}

const struct xt_kind xt_kinds_iface[] = {
    {"comment", 0, NFPROTO_UNSPEC, sizeof(struct xt_comment_info), NULL, comment_ask},
    {"pkttype", 0, NFPROTO_UNSPEC, sizeof(struct xt_pkttype_info), pkttype_read, pkttype_ask},
    {"mac", 0, NFPROTO_UNSPEC, sizeof(struct xt_mac_info), NULL, mac_ask},
    {"physdev", 0, NFPROTO_UNSPEC, sizeof(struct xt_physdev_info), physdev_read, physdev_ask},
    {"devgroup", 0, NFPROTO_UNSPEC, sizeof(struct xt_devgroup_info), devgroup_read, devgroup_ask},
    {.name = NULL},
};
