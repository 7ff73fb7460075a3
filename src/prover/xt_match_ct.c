/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * conntrack, state, connmark, mark: net/netfilter/xt_conntrack.c, xt_state.c, xt_connmark.c,
 * xt_mark.c.
 */
#include "prover/xt_match.h"

#include <arpa/inet.h>
#include <string.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/xt_connmark.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter/xt_mark.h>
#include <linux/netfilter/xt_state.h>

/* All three revisions begin with the fields of the first up to invert_flags. */
#define CT_COMMON offsetof(struct xt_conntrack_mtinfo1, state_mask)
_Static_assert(CT_COMMON == offsetof(struct xt_conntrack_mtinfo3, state_mask), "one head");

static struct ranges
masked_ranges(const struct xt_masked *m, uint8_t family, bool *is_prefix, struct arena *a)
{
	u128 mask = xt_number(family, m->mask), addr = xt_number(family, m->addr);
	u128 host = family_last(family) & ~mask;

	*is_prefix = (host & (host + 1)) == 0;
	addr &= mask;
	return xt_range(a, family, addr, addr | host, m->inverted);
}

static void
masked_read(struct xt_masked *m, const union nf_inet_addr *addr, const union nf_inet_addr *mask,
    bool inverted, struct arena *a)
{
	memcpy(m->addr, addr, 16);
	memcpy(m->mask, mask, 16);
	m->inverted = inverted;
	m->in[0] = masked_ranges(m, 4, &m->is_prefix[0], a);
	m->in[1] = masked_ranges(m, 6, &m->is_prefix[1], a);
}

static void
ct_read_common(struct xt_match *m, const struct xt_conntrack_mtinfo1 *i, struct arena *a)
{
	uint16_t inv = i->invert_flags;

	m->u.ct.match = i->match_flags;
	m->u.ct.invert = inv;
	m->u.ct.l4proto = i->l4proto;
	if (i->match_flags & XT_CONNTRACK_ORIGSRC)
		masked_read(&m->u.ct.orig_src, &i->origsrc_addr, &i->origsrc_mask,
		    inv & XT_CONNTRACK_ORIGSRC, a);
	if (i->match_flags & XT_CONNTRACK_ORIGDST)
		masked_read(&m->u.ct.orig_dst, &i->origdst_addr, &i->origdst_mask,
		    inv & XT_CONNTRACK_ORIGDST, a);
	if (i->match_flags & XT_CONNTRACK_REPLSRC)
		masked_read(&m->u.ct.repl_src, &i->replsrc_addr, &i->replsrc_mask,
		    inv & XT_CONNTRACK_REPLSRC, a);
	if (i->match_flags & XT_CONNTRACK_REPLDST)
		masked_read(&m->u.ct.repl_dst, &i->repldst_addr, &i->repldst_mask,
		    inv & XT_CONNTRACK_REPLDST, a);
	/* Revisions 1 and 2: single ports in network order. */
	m->u.ct.orig_sport.lo = m->u.ct.orig_sport.hi = ntohs(i->origsrc_port);
	m->u.ct.orig_dport.lo = m->u.ct.orig_dport.hi = ntohs(i->origdst_port);
	m->u.ct.repl_sport.lo = m->u.ct.repl_sport.hi = ntohs(i->replsrc_port);
	m->u.ct.repl_dport.lo = m->u.ct.repl_dport.hi = ntohs(i->repldst_port);
}

static bool
ct_known(const struct xt_match *m)
{
	uint32_t flags = (XT_CONNTRACK_STATE_ALIAS << 1) - 1;

	return !((m->u.ct.match | m->u.ct.invert) & ~flags);
}

static bool
ct1_read(struct xt_match *m, const void *info, struct arena *a)
{
	const struct xt_conntrack_mtinfo1 *i = info;

	ct_read_common(m, i, a);
	m->u.ct.state = i->state_mask;
	m->u.ct.status = i->status_mask;
	return ct_known(m);
}

static bool
ct2_read(struct xt_match *m, const void *info, struct arena *a)
{
	const struct xt_conntrack_mtinfo2 *i = info;

	ct_read_common(m, info, a);
	m->u.ct.state = i->state_mask;
	m->u.ct.status = i->status_mask;
	return ct_known(m);
}

static bool
ct3_read(struct xt_match *m, const void *info, struct arena *a)
{
	const struct xt_conntrack_mtinfo3 *i = info;

	ct_read_common(m, info, a);
	m->u.ct.state = i->state_mask;
	m->u.ct.status = i->status_mask;
	m->u.ct.orig_sport.lo = i->origsrc_port;
	m->u.ct.orig_sport.hi = i->origsrc_port_high;
	m->u.ct.orig_dport.lo = i->origdst_port;
	m->u.ct.orig_dport.hi = i->origdst_port_high;
	m->u.ct.repl_sport.lo = i->replsrc_port;
	m->u.ct.repl_sport.hi = i->replsrc_port_high;
	m->u.ct.repl_dport.lo = i->repldst_port;
	m->u.ct.repl_dport.hi = i->repldst_port_high;
	return ct_known(m);
}

static unsigned
state_bits(const struct env *env)
{
	unsigned bits;

	if (env->track == TRACK_NONE)
		return XT_CONNTRACK_STATE_INVALID;
	if (env->track == TRACK_UNTRACKED)
		return XT_CONNTRACK_STATE_UNTRACKED;
	bits = XT_CONNTRACK_STATE_BIT(IP_CT_NEW);
	if (env->snat)
		bits |= XT_CONNTRACK_STATE_SNAT;
	if (env->dnat && env->dnat_changed)
		bits |= XT_CONNTRACK_STATE_DNAT;
	return bits;
}

static bool
wanted(const struct xt_match *m, unsigned flag, bool holds)
{
	return !(m->u.ct.match & flag) || holds != !!(m->u.ct.invert & flag);
}

static struct outcome
masked_const(const struct xt_masked *m, const struct addr *a)
{
	for (unsigned i = 0; i < addr_size(a); i++)
		if ((a->bytes[i] ^ m->addr[i]) & m->mask[i])
			return xt_bool(m->inverted);
	return xt_bool(!m->inverted);
}

static struct outcome
masked_source(const struct xt_match *m, const struct xt_masked *s, const struct env *env)
{
	const struct ranges *r = &s->in[xt_f(env)];

	if (!s->is_prefix[xt_f(env)])
		return xt_maybe(m->why);
	return xt_sources(&(struct ranges){.v = r->v, .n = r->n}, env->family);
}

static struct outcome
ct_addresses(const struct xt_match *m, const struct env *env)
{
	struct outcome o = xt_bool(true);
	unsigned match = m->u.ct.match;

	if (match & XT_CONNTRACK_ORIGSRC)
		o = masked_source(m, &m->u.ct.orig_src, env);
	if (match & XT_CONNTRACK_ORIGDST)
		o = xt_and(o, masked_const(&m->u.ct.orig_dst, &env->daddr_orig), env->family);
	if (match & XT_CONNTRACK_REPLSRC)
		o = xt_and(o,
		    env->daddr_unknown ? xt_maybe(m->why)
				       : masked_const(&m->u.ct.repl_src, &env->daddr),
		    env->family);
	if (match & XT_CONNTRACK_REPLDST) {
		struct outcome r;

		if (!env->snat)
			r = masked_source(m, &m->u.ct.repl_dst, env);
		else if (env->snat_addr_known)
			r = masked_const(&m->u.ct.repl_dst, &env->saddr_new);
		else
			r = xt_maybe(m->why);
		o = xt_and(o, r, env->family);
	}
	return o;
}

static struct outcome
any_sport(const struct xt_match *m, unsigned flag, uint16_t lo, uint16_t hi)
{
	if (!(m->u.ct.match & flag))
		return xt_bool(true);
	if (lo > hi || (lo == 0 && hi == 0xffff))
		return xt_bool((lo <= hi) != !!(m->u.ct.invert & flag));
	return xt_maybe(m->why);
}

static struct outcome
ct_ports(const struct xt_match *m, const struct env *env, struct port_class *p)
{
	unsigned match = m->u.ct.match;
	struct outcome o = xt_bool(true);

	if (!wanted(m, XT_CONNTRACK_PROTO, m->u.ct.l4proto == env->proto))
		return xt_bool(false);
	if ((match & XT_CONNTRACK_ORIGDST_PORT) &&
	    !wanted(m, XT_CONNTRACK_ORIGDST_PORT,
		xt_dport_orig_in(env, p, m->u.ct.orig_dport.lo, m->u.ct.orig_dport.hi)))
		return xt_bool(false);
	if ((match & XT_CONNTRACK_REPLSRC_PORT) && env->dport_unknown)
		o = xt_maybe(m->why);
	else if ((match & XT_CONNTRACK_REPLSRC_PORT) &&
		 !wanted(m, XT_CONNTRACK_REPLSRC_PORT,
		     xt_dport_in(env, p, m->u.ct.repl_sport.lo, m->u.ct.repl_sport.hi)))
		return xt_bool(false);
	o = xt_and(o,
	    any_sport(m, XT_CONNTRACK_ORIGSRC_PORT, m->u.ct.orig_sport.lo, m->u.ct.orig_sport.hi),
	    env->family);
	return xt_and(o,
	    any_sport(m, XT_CONNTRACK_REPLDST_PORT, m->u.ct.repl_dport.lo, m->u.ct.repl_dport.hi),
	    env->family);
}

/* The first packet of a connection: neither expected (that would be RELATED) nor answered nor
 * confirmed yet. */
static struct outcome
ct_status(const struct xt_match *m, const struct env *env)
{
	unsigned known =
	    IPS_EXPECTED | IPS_SEEN_REPLY | IPS_ASSURED | IPS_CONFIRMED | IPS_SRC_NAT | IPS_DST_NAT;
	unsigned bits = (env->snat ? IPS_SRC_NAT : 0u) |
			(env->dnat && env->dnat_changed ? (unsigned)IPS_DST_NAT : 0u);

	if (!(m->u.ct.match & XT_CONNTRACK_STATUS))
		return xt_bool(true);
	if (m->u.ct.status & ~known)
		return xt_maybe(m->why);
	return xt_bool(wanted(m, XT_CONNTRACK_STATUS, m->u.ct.status & bits));
}

static struct outcome
ct_ask(const struct xt_match *m, const struct env *env, const struct world *w, struct port_class *p)
{
	struct outcome o;

	(void)w;
	if (!wanted(m, XT_CONNTRACK_STATE, m->u.ct.state & state_bits(env)))
		return xt_bool(false);
	/* Without an entry the kernel looks at nothing behind the state. */
	if (env->track != TRACK_NEW)
		return xt_bool(m->u.ct.match & XT_CONNTRACK_STATE);
	/* Its first packet goes in the original direction, inverted: the reply's. */
	if (!wanted(m, XT_CONNTRACK_DIRECTION, true))
		return xt_bool(false);
	o = xt_and(ct_ports(m, env, p), ct_status(m, env), env->family);
	if (m->u.ct.match & XT_CONNTRACK_EXPIRES)
		o = xt_and(o, xt_maybe(m->why), env->family);
	if (o.kind == OUT_NO)
		return o;
	return xt_and(o, ct_addresses(m, env), env->family);
}

static bool
state_read(struct xt_match *m, const void *info, struct arena *a)
{
	const struct xt_state_info *i = info;

	(void)a;
	m->u.mark.mask = i->statemask;
	return true;
}

static struct outcome
state_ask(
    const struct xt_match *m, const struct env *env, const struct world *w, struct port_class *p)
{
	unsigned bit = XT_STATE_BIT(IP_CT_NEW);

	(void)w;
	(void)p;
	if (env->track == TRACK_NONE)
		bit = XT_STATE_INVALID;
	else if (env->track == TRACK_UNTRACKED)
		bit = XT_STATE_UNTRACKED;
	return xt_bool(m->u.mark.mask & bit);
}

static bool
mark_read(struct xt_match *m, const void *info, struct arena *a)
{
	const struct xt_mark_mtinfo1 *i = info;

	_Static_assert(sizeof(*i) == sizeof(struct xt_connmark_mtinfo1), "one reader for both");
	(void)a;
	m->u.mark.mark = i->mark;
	m->u.mark.mask = i->mask;
	m->u.mark.invert = i->invert;
	return i->invert <= 1;
}

static struct outcome
mark_is(const struct xt_match *m, uint32_t value, uint32_t unknown)
{
	uint32_t differs = (value & m->u.mark.mask) ^ m->u.mark.mark;

	unknown &= m->u.mark.mask;
	if (differs & ~unknown)
		return xt_bool(m->u.mark.invert);
	if (unknown)
		return xt_maybe(m->why);
	return xt_bool(!m->u.mark.invert);
}

static struct outcome
mark_ask(
    const struct xt_match *m, const struct env *env, const struct world *w, struct port_class *p)
{
	(void)w;
	(void)p;
	return mark_is(m, env->mark, env->mark_unknown);
}

static struct outcome
connmark_ask(
    const struct xt_match *m, const struct env *env, const struct world *w, struct port_class *p)
{
	(void)w;
	(void)p;
	if (env->track != TRACK_NEW)
		return xt_bool(false);
	return mark_is(m, env->ctmark, env->ctmark_unknown);
}

const struct xt_kind xt_kinds_ct[] = {
    {"conntrack", 1, NFPROTO_UNSPEC, sizeof(struct xt_conntrack_mtinfo1), ct1_read, ct_ask},
    {"conntrack", 2, NFPROTO_UNSPEC, sizeof(struct xt_conntrack_mtinfo2), ct2_read, ct_ask},
    {"conntrack", 3, NFPROTO_UNSPEC, sizeof(struct xt_conntrack_mtinfo3), ct3_read, ct_ask},
    {"state", 0, NFPROTO_UNSPEC, sizeof(struct xt_state_info), state_read, state_ask},
    {"mark", 1, NFPROTO_UNSPEC, sizeof(struct xt_mark_mtinfo1), mark_read, mark_ask},
    {"connmark", 1, NFPROTO_UNSPEC, sizeof(struct xt_connmark_mtinfo1), mark_read, connmark_ask},
    {.name = NULL},
};
