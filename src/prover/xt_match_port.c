/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Ports and protocols: tcp, udp, sctp, multiport, and those of protocols that a question is never
 * about. net/netfilter/xt_tcpudp.c, xt_sctp.c, xt_multiport.c.
 */
#include "prover/xt_match.h"

#include <string.h>
#include <linux/netfilter.h>
#include <linux/netfilter/x_tables.h>
#include <linux/netfilter/xt_dccp.h>
#include <linux/netfilter/xt_esp.h>
#include <linux/netfilter/xt_ipcomp.h>
#include <linux/netfilter/xt_multiport.h>
#include <linux/netfilter/xt_sctp.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv4/ipt_ah.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <linux/netfilter_ipv6/ip6t_mh.h>

#define TCP_SYN      0x02
#define TCP_ECN_BITS 0xc0 /* ECE and CWR: the sender's choice in a SYN */
#define SCTP_INIT    1

static bool
multi_add(struct xt_ports *p, uint16_t lo, uint16_t hi)
{
	if (p->n == sizeof(p->v) / sizeof(*p->v))
		return false;
	p->v[p->n].lo = lo;
	p->v[p->n++].hi = hi;
	return true;
}

static bool
multi0_read(struct xt_match *m, const void *info, struct arena *a)
{
	const struct xt_multiport *i = info;

	(void)a;
	m->u.multi.which = i->flags;
	for (unsigned k = 0; k < i->count; k++)
		if (k >= XT_MULTI_PORTS || !multi_add(&m->u.multi.ports, i->ports[k], i->ports[k]))
			return false;
	return i->flags <= XT_MULTIPORT_EITHER;
}

static bool
multi1_read(struct xt_match *m, const void *info, struct arena *a)
{
	const struct xt_multiport_v1 *i = info;

	(void)a;
	m->u.multi.which = i->flags;
	m->u.multi.invert = i->invert;
	if (i->count > XT_MULTI_PORTS)
		return false;
	for (unsigned k = 0; k < i->count; k++) {
		uint16_t lo = i->ports[k], hi = lo;

		if (i->pflags[k]) {
			if (++k >= XT_MULTI_PORTS)
				return false;
			hi = i->ports[k];
		}
		if (!multi_add(&m->u.multi.ports, lo, hi))
			return false;
	}
	return i->flags <= XT_MULTIPORT_EITHER && i->invert <= 1;
}

static struct outcome
multi_ask(
    const struct xt_match *m, const struct env *env, const struct world *w, struct port_class *p)
{
	const struct xt_ports *ports = &m->u.multi.ports;
	bool dst = m->u.multi.which != XT_MULTIPORT_SOURCE;
	bool src = m->u.multi.which != XT_MULTIPORT_DESTINATION;
	bool hit = false, all = false;

	(void)w;
	if (xt_dport_unknown(env))
		return xt_maybe(m->why);
	for (unsigned i = 0; i < ports->n; i++) {
		if (dst && xt_dport_in(env, p, ports->v[i].lo, ports->v[i].hi))
			hit = true;
		if (ports->v[i].lo == 0 && ports->v[i].hi == 0xffff)
			all = true;
	}
	if (!hit && src && ports->n && !all)
		return xt_maybe(m->why);
	return xt_bool((hit || (src && all)) != m->u.multi.invert);
}

static bool
tcp_read(struct xt_match *m, const void *info, struct arena *a)
{
	const struct xt_tcp *i = info;

	(void)a;
	m->u.l4.proto = IPPROTO_TCP;
	m->u.l4.src.lo = i->spts[0];
	m->u.l4.src.hi = i->spts[1];
	m->u.l4.src.invert = i->invflags & XT_TCP_INV_SRCPT;
	m->u.l4.dst.lo = i->dpts[0];
	m->u.l4.dst.hi = i->dpts[1];
	m->u.l4.dst.invert = i->invflags & XT_TCP_INV_DSTPT;
	m->u.l4.flag_mask = i->flg_mask;
	m->u.l4.flag_cmp = i->flg_cmp;
	m->u.l4.invert_flags = i->invflags & XT_TCP_INV_FLAGS;
	m->u.l4.has_option = i->option;
	m->u.l4.init = OUT_YES;
	return !(i->invflags & ~XT_TCP_INV_MASK);
}

static bool
udp_read(struct xt_match *m, const void *info, struct arena *a)
{
	const struct xt_udp *i = info;

	(void)a;
	m->u.l4.proto = IPPROTO_UDP;
	m->u.l4.src.lo = i->spts[0];
	m->u.l4.src.hi = i->spts[1];
	m->u.l4.src.invert = i->invflags & XT_UDP_INV_SRCPT;
	m->u.l4.dst.lo = i->dpts[0];
	m->u.l4.dst.hi = i->dpts[1];
	m->u.l4.dst.invert = i->invflags & XT_UDP_INV_DSTPT;
	m->u.l4.init = OUT_YES;
	return !(i->invflags & ~XT_UDP_INV_MASK);
}

/* A new association begins with an INIT chunk that stands alone (RFC 9260, 5.1). */
static uint8_t
sctp_init(const struct xt_sctp_info *i)
{
	bool set = SCTP_CHUNKMAP_IS_SET(i->chunkmap, SCTP_INIT);
	bool invert = i->invflags & XT_SCTP_CHUNK_TYPES;

	if (!(i->flags & XT_SCTP_CHUNK_TYPES))
		return OUT_YES;
	if (i->flag_count != 0 || i->chunk_match_type == SCTP_CHUNK_MATCH_ALL)
		return OUT_MAYBE;
	return set != invert ? OUT_YES : OUT_NO;
}

static bool
sctp_read(struct xt_match *m, const void *info, struct arena *a)
{
	const struct xt_sctp_info *i = info;

	(void)a;
	m->u.l4.proto = IPPROTO_SCTP;
	m->u.l4.src.hi = m->u.l4.dst.hi = 0xffff;
	if (i->flags & XT_SCTP_SRC_PORTS) {
		m->u.l4.src.lo = i->spts[0];
		m->u.l4.src.hi = i->spts[1];
		m->u.l4.src.invert = i->invflags & XT_SCTP_SRC_PORTS;
	}
	if (i->flags & XT_SCTP_DEST_PORTS) {
		m->u.l4.dst.lo = i->dpts[0];
		m->u.l4.dst.hi = i->dpts[1];
		m->u.l4.dst.invert = i->invflags & XT_SCTP_DEST_PORTS;
	}
	m->u.l4.init = sctp_init(i);
	return !((i->flags | i->invflags) & ~XT_SCTP_VALID_FLAGS);
}

static struct outcome
tcp_flags(const struct xt_match *m)
{
	unsigned mask = m->u.l4.flag_mask, cmp = m->u.l4.flag_cmp;

	if (((TCP_SYN & mask) ^ cmp) & ~(unsigned)TCP_ECN_BITS)
		return xt_bool(m->u.l4.invert_flags);
	/* Outside the mask nothing can be set. */
	if (cmp & ~mask)
		return xt_bool(m->u.l4.invert_flags);
	if (mask & TCP_ECN_BITS)
		return xt_maybe(m->why);
	return xt_bool(!m->u.l4.invert_flags);
}

static struct outcome
l4_ask(const struct xt_match *m, const struct env *env, const struct world *w, struct port_class *p)
{
	struct outcome o = xt_bool(true);
	bool all = m->u.l4.src.lo == 0 && m->u.l4.src.hi == 0xffff;

	(void)w;
	if (env->proto != m->u.l4.proto)
		return xt_bool(false);
	if (xt_dport_unknown(env))
		return xt_maybe(m->why);
	if (xt_dport_in(env, p, m->u.l4.dst.lo, m->u.l4.dst.hi) == m->u.l4.dst.invert)
		return xt_bool(false);
	if (all ? m->u.l4.src.invert : m->u.l4.src.lo > m->u.l4.src.hi && !m->u.l4.src.invert)
		return xt_bool(false);
	if (m->u.l4.init == OUT_NO)
		return xt_bool(false);
	if (m->u.l4.proto == IPPROTO_TCP)
		o = tcp_flags(m);
	if (!all || m->u.l4.init == OUT_MAYBE || m->u.l4.has_option)
		o = xt_and(o, xt_maybe(m->why), env->family);
	return o;
}

/* Of another protocol, which the kernel compares before it asks the match. */
static struct outcome
never_ask(
    const struct xt_match *m, const struct env *env, const struct world *w, struct port_class *p)
{
	(void)m;
	(void)env;
	(void)w;
	(void)p;
	return xt_bool(false);
}

const struct xt_kind xt_kinds_port[] = {
    {"tcp", 0, NFPROTO_UNSPEC, sizeof(struct xt_tcp), tcp_read, l4_ask},
    {"udp", 0, NFPROTO_UNSPEC, sizeof(struct xt_udp), udp_read, l4_ask},
    {"sctp", 0, NFPROTO_UNSPEC, sizeof(struct xt_sctp_info), sctp_read, l4_ask},
    {"multiport", 0, NFPROTO_UNSPEC, sizeof(struct xt_multiport), multi0_read, multi_ask},
    {"multiport", 1, NFPROTO_UNSPEC, sizeof(struct xt_multiport_v1), multi1_read, multi_ask},
    {"udplite", 0, NFPROTO_UNSPEC, sizeof(struct xt_udp), NULL, never_ask},
    {"icmp", 0, NFPROTO_IPV4, sizeof(struct ipt_icmp), NULL, never_ask},
    {"icmp6", 0, NFPROTO_IPV6, sizeof(struct ip6t_icmp), NULL, never_ask},
    {"ah", 0, NFPROTO_IPV4, sizeof(struct ipt_ah), NULL, never_ask},
    {"esp", 0, NFPROTO_UNSPEC, sizeof(struct xt_esp), NULL, never_ask},
    {"dccp", 0, NFPROTO_UNSPEC, sizeof(struct xt_dccp_info), NULL, never_ask},
    {"ipcomp", 0, NFPROTO_UNSPEC, sizeof(struct xt_ipcomp), NULL, never_ask},
    {"mh", 0, NFPROTO_IPV6, sizeof(struct ip6t_mh), NULL, never_ask},
    {.name = NULL},
};
