/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Targets: net/netfilter/xt_*.c by capital names, net/ipv4/netfilter, net/ipv6/netfilter.
 */
#include "prover/ir.h"
#include "prover/xt_match.h"

#include <arpa/inet.h>
#include <string.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/x_tables.h>
#include <linux/netfilter/xt_AUDIT.h>
#include <linux/netfilter/xt_CHECKSUM.h>
#include <linux/netfilter/xt_CLASSIFY.h>
#include <linux/netfilter/xt_CONNMARK.h>
#include <linux/netfilter/xt_CONNSECMARK.h>
#include <linux/netfilter/xt_CT.h>
#include <linux/netfilter/xt_DSCP.h>
#include <linux/netfilter/xt_IDLETIMER.h>
#include <linux/netfilter/xt_LED.h>
#include <linux/netfilter/xt_LOG.h>
#include <linux/netfilter/xt_MARK.h>
#include <linux/netfilter/xt_NFLOG.h>
#include <linux/netfilter/xt_NFQUEUE.h>
#include <linux/netfilter/xt_RATEEST.h>
#include <linux/netfilter/xt_SECMARK.h>
#include <linux/netfilter/xt_SYNPROXY.h>
#include <linux/netfilter/xt_TCPMSS.h>
#include <linux/netfilter/xt_TCPOPTSTRIP.h>
#include <linux/netfilter/xt_TEE.h>
#include <linux/netfilter/xt_TPROXY.h>
#include <linux/netfilter/xt_set.h>
#include <linux/netfilter_ipv4/ipt_ECN.h>
#include <linux/netfilter_ipv4/ipt_REJECT.h>
#include <linux/netfilter_ipv4/ipt_TTL.h>
#include <linux/netfilter_ipv6/ip6t_HL.h>
#include <linux/netfilter_ipv6/ip6t_REJECT.h>

struct xt_target {
	struct xt_action action;
	bool changes_sets; /* those of value and mask, also where the effect is unknown */
};

/* What a row's effect is when contents do not matter. */
struct target_kind {
	const char *name;
	uint8_t rev, family;
	uint16_t size;
	enum xt_effect effect;
	/* False: contents that are not known, or not modelled: *more says what. */
	bool (*read)(struct xt_action *t, const void *info, const char **more);
};

static bool
mark_read(struct xt_action *t, const void *info, const char **more)
{
	const struct xt_mark_tginfo2 *i = info;

	(void)more;
	t->value = i->mark;
	t->mask = i->mask;
	return true;
}

static bool
connmark_mode(struct xt_action *t, const struct xt_connmark_tginfo1 *i, uint8_t mode)
{
	switch (mode) {
	case XT_CONNMARK_SET:
		t->effect = XT_CONNMARK;
		t->value = i->ctmark;
		t->mask = i->ctmask;
		return true;
	case XT_CONNMARK_SAVE:
		t->effect = XT_SAVE_MARK;
		t->mask = i->ctmask;
		t->mask2 = i->nfmask;
		return true;
	case XT_CONNMARK_RESTORE:
		t->effect = XT_RESTORE_MARK;
		t->mask = i->nfmask;
		t->mask2 = i->ctmask;
		return true;
	default:
		return false;
	}
}

static bool
connmark1_read(struct xt_action *t, const void *info, const char **more)
{
	const struct xt_connmark_tginfo1 *i = info;

	(void)more;
	return connmark_mode(t, i, i->mode);
}

static bool
connmark2_read(struct xt_action *t, const void *info, const char **more)
{
	const struct xt_connmark_tginfo2 *i = info;
	struct xt_connmark_tginfo1 head = {
	    .ctmark = i->ctmark, .ctmask = i->ctmask, .nfmask = i->nfmask};

	if (i->shift_bits) {
		*more = " with a shift";
		return false;
	}
	return connmark_mode(t, &head, i->mode);
}

static bool
ct_flags(struct xt_action *t, uint16_t flags, uint16_t zone, const char **more)
{
	if (flags & (XT_CT_NOTRACK | XT_CT_NOTRACK_ALIAS)) {
		t->effect = XT_NOTRACK;
		return !(flags & ~(XT_CT_NOTRACK | XT_CT_NOTRACK_ALIAS));
	}
	if (zone || flags) {
		*more = " zone";
		return false;
	}
	t->effect = XT_NOTHING;
	return true;
}

static bool
ct0_read(struct xt_action *t, const void *info, const char **more)
{
	const struct xt_ct_target_info *i = info;

	return ct_flags(t, i->flags, i->zone, more);
}

static bool
ct1_read(struct xt_action *t, const void *info, const char **more)
{
	const struct xt_ct_target_info_v1 *i = info;

	return ct_flags(t, i->flags, i->zone, more);
}

/* The low flags that only choose among what the range allows. */
#define NAT_FLAGS                                                                                  \
	(NF_NAT_RANGE_MAP_IPS | NF_NAT_RANGE_PROTO_SPECIFIED | NF_NAT_RANGE_PROTO_RANDOM |         \
	    NF_NAT_RANGE_PERSISTENT | NF_NAT_RANGE_PROTO_RANDOM_FULLY)

static bool
nat_ports(struct xt_action *t, uint32_t flags, uint16_t min, uint16_t max, const char **more)
{
	if (flags & ~(uint32_t)NAT_FLAGS) {
		*more = flags & NF_NAT_RANGE_PROTO_OFFSET ? " with a port offset" : " flags";
		return false;
	}
	t->nat.flags = flags;
	if (flags & NF_NAT_RANGE_PROTO_SPECIFIED) {
		t->nat.port_min = ntohs(min);
		t->nat.port_max = ntohs(max);
	}
	return true;
}

static bool
nat4(struct xt_action *t, const void *info, const char **more)
{
	const struct nf_nat_ipv4_multi_range_compat *i = info;
	const struct nf_nat_ipv4_range *r = &i->range[0];

	if (i->rangesize != 1) {
		*more = " with several ranges";
		return false;
	}
	if (r->flags & NF_NAT_RANGE_MAP_IPS) {
		addr_from_bytes(&t->nat.min, AF_INET, &r->min_ip);
		addr_from_bytes(&t->nat.max, AF_INET, &r->max_ip);
	}
	return nat_ports(t, r->flags, r->min.all, r->max.all, more);
}

/* The addresses' family is the table's: it is filled in by the caller's row. */
static bool
nat_range(struct xt_action *t, const void *info, int af, const char **more)
{
	const struct nf_nat_range *i = info;

	if (i->flags & NF_NAT_RANGE_MAP_IPS) {
		/* Not addr_from_bytes for IPv6: what looks mapped must stay as it is. */
		t->nat.min.family = t->nat.max.family = af == AF_INET ? 4 : 6;
		memcpy(t->nat.min.bytes, &i->min_addr, af == AF_INET ? 4 : 16);
		memcpy(t->nat.max.bytes, &i->max_addr, af == AF_INET ? 4 : 16);
	}
	return nat_ports(t, i->flags, i->min_proto.all, i->max_proto.all, more);
}

static bool
nat_range4(struct xt_action *t, const void *info, const char **more)
{
	return nat_range(t, info, AF_INET, more);
}

static bool
nat_range6(struct xt_action *t, const void *info, const char **more)
{
	return nat_range(t, info, AF_INET6, more);
}

static bool
dnat4(struct xt_action *t, const void *info, const char **more)
{
	t->nat.kind = NAT_DESTINATION;
	return nat4(t, info, more);
}

static bool
dnat_range4(struct xt_action *t, const void *info, const char **more)
{
	t->nat.kind = NAT_DESTINATION;
	return nat_range4(t, info, more);
}

static bool
dnat_range6(struct xt_action *t, const void *info, const char **more)
{
	t->nat.kind = NAT_DESTINATION;
	return nat_range6(t, info, more);
}

static bool
snat4(struct xt_action *t, const void *info, const char **more)
{
	t->nat.kind = NAT_SOURCE;
	return nat4(t, info, more);
}

static bool
snat_range4(struct xt_action *t, const void *info, const char **more)
{
	t->nat.kind = NAT_SOURCE;
	return nat_range4(t, info, more);
}

static bool
snat_range6(struct xt_action *t, const void *info, const char **more)
{
	t->nat.kind = NAT_SOURCE;
	return nat_range6(t, info, more);
}

/* MASQUERADE and REDIRECT take the interface's address, whatever the range says. */
static void
no_address(struct xt_action *t)
{
	t->nat.min = t->nat.max = (struct addr){0};
	t->nat.flags &= ~(uint32_t)NF_NAT_RANGE_MAP_IPS;
}

static bool
masq4(struct xt_action *t, const void *info, const char **more)
{
	bool known = nat4(t, info, more);

	t->nat.kind = NAT_MASQUERADE;
	no_address(t);
	return known;
}

static bool
masq6(struct xt_action *t, const void *info, const char **more)
{
	bool known = nat_range6(t, info, more);

	t->nat.kind = NAT_MASQUERADE;
	no_address(t);
	return known;
}

static bool
redirect4(struct xt_action *t, const void *info, const char **more)
{
	bool known = nat4(t, info, more);

	t->nat.kind = NAT_REDIRECT;
	no_address(t);
	return known;
}

static bool
redirect6(struct xt_action *t, const void *info, const char **more)
{
	bool known = nat_range6(t, info, more);

	t->nat.kind = NAT_REDIRECT;
	no_address(t);
	return known;
}

/* The prefix is replaced. */
static bool
netmap(struct xt_action *t, bool known)
{
	t->nat.flags |= NF_NAT_RANGE_NETMAP;
	return known && t->nat.min.family;
}

static bool
netmap4(struct xt_action *t, const void *info, const char **more)
{
	return netmap(t, nat4(t, info, more));
}

static bool
netmap6(struct xt_action *t, const void *info, const char **more)
{
	return netmap(t, nat_range6(t, info, more));
}

/* Whose address it is, is up to the hook. */
static bool
netmap_kind(struct xt_action *t, int hook)
{
	bool before = hook == NF_INET_PRE_ROUTING || hook == NF_INET_LOCAL_OUT;

	t->nat.kind = before ? NAT_DESTINATION : NAT_SOURCE;
	return hook >= 0;
}

static bool
set0_read(struct xt_action *t, const void *info, const char **more)
{
	const struct xt_set_info_target_v0 *i = info;

	(void)more;
	t->value = i->add_set.index;
	t->mask = i->del_set.index;
	return true;
}

static bool
set1_read(struct xt_action *t, const void *info, const char **more)
{
	const struct xt_set_info_target_v1 *i = info;

	(void)more;
	t->value = i->add_set.index;
	t->mask = i->del_set.index;
	return true;
}

static bool
set3_read(struct xt_action *t, const void *info, const char **more)
{
	const struct xt_set_info_target_v3 *i = info;

	t->value = i->add_set.index;
	t->mask = i->del_set.index;
	/* Sets the mark from the set's element. */
	*more = " --map-set";
	return i->map_set.index == IPSET_INVALID_ID;
}

#define NATV4 sizeof(struct nf_nat_ipv4_multi_range_compat)
#define NATR1 sizeof(struct nf_nat_range)
#define NATR2 sizeof(struct nf_nat_range2)
#define V4    NFPROTO_IPV4
#define V6    NFPROTO_IPV6

static const struct target_kind kinds[] = {
    {"LOG", 0, 0, sizeof(struct xt_log_info), XT_NOTHING, NULL},
    {"NFLOG", 0, 0, sizeof(struct xt_nflog_info), XT_NOTHING, NULL},
    {"TRACE", 0, 0, 0, XT_NOTHING, NULL},
    {"AUDIT", 0, 0, sizeof(struct xt_audit_info), XT_NOTHING, NULL},
    {"TEE", 1, 0, sizeof(struct xt_tee_tginfo), XT_NOTHING, NULL},
    {"CHECKSUM", 0, 0, sizeof(struct xt_CHECKSUM_info), XT_NOTHING, NULL},
    {"CLASSIFY", 0, 0, sizeof(struct xt_classify_target_info), XT_NOTHING, NULL},
    {"TCPMSS", 0, 0, sizeof(struct xt_tcpmss_info), XT_NOTHING, NULL},
    {"TCPOPTSTRIP", 0, 0, sizeof(struct xt_tcpoptstrip_target_info), XT_NOTHING, NULL},
    {"TTL", 0, V4, sizeof(struct ipt_TTL_info), XT_NOTHING, NULL},
    {"HL", 0, V6, sizeof(struct ip6t_HL_info), XT_NOTHING, NULL},
    {"DSCP", 0, 0, sizeof(struct xt_DSCP_info), XT_NOTHING, NULL},
    {"TOS", 1, 0, sizeof(struct xt_tos_target_info), XT_NOTHING, NULL},
    {"ECN", 0, V4, sizeof(struct ipt_ECN_info), XT_NOTHING, NULL},
    {"IDLETIMER", 0, 0, sizeof(struct idletimer_tg_info), XT_NOTHING, NULL},
    {"IDLETIMER", 1, 0, sizeof(struct idletimer_tg_info_v1), XT_NOTHING, NULL},
    {"LED", 0, 0, sizeof(struct xt_led_info), XT_NOTHING, NULL},
    {"RATEEST", 0, 0, sizeof(struct xt_rateest_target_info), XT_NOTHING, NULL},
    {"CONNSECMARK", 0, 0, sizeof(struct xt_connsecmark_target_info), XT_NOTHING, NULL},
    {"SECMARK", 0, 0, sizeof(struct xt_secmark_target_info), XT_NOTHING, NULL},
    {"SECMARK", 1, 0, sizeof(struct xt_secmark_target_info_v1), XT_NOTHING, NULL},
    {"CT", 0, 0, sizeof(struct xt_ct_target_info), XT_NOTHING, ct0_read},
    {"CT", 1, 0, sizeof(struct xt_ct_target_info_v1), XT_NOTHING, ct1_read},
    {"CT", 2, 0, sizeof(struct xt_ct_target_info_v1), XT_NOTHING, ct1_read},
    {"NOTRACK", 0, 0, 0, XT_NOTRACK, NULL},
    {"MARK", 2, 0, sizeof(struct xt_mark_tginfo2), XT_MARK, mark_read},
    {"CONNMARK", 1, 0, sizeof(struct xt_connmark_tginfo1), XT_CONNMARK, connmark1_read},
    {"CONNMARK", 2, 0, sizeof(struct xt_connmark_tginfo2), XT_CONNMARK, connmark2_read},
    {"DNAT", 0, V4, NATV4, XT_NAT, dnat4},
    {"DNAT", 1, V4, NATR1, XT_NAT, dnat_range4},
    {"DNAT", 1, V6, NATR1, XT_NAT, dnat_range6},
    {"DNAT", 2, V4, NATR2, XT_NAT, dnat_range4},
    {"DNAT", 2, V6, NATR2, XT_NAT, dnat_range6},
    {"SNAT", 0, V4, NATV4, XT_NAT, snat4},
    {"SNAT", 1, V4, NATR1, XT_NAT, snat_range4},
    {"SNAT", 1, V6, NATR1, XT_NAT, snat_range6},
    {"SNAT", 2, V4, NATR2, XT_NAT, snat_range4},
    {"SNAT", 2, V6, NATR2, XT_NAT, snat_range6},
    {"MASQUERADE", 0, V4, NATV4, XT_NAT, masq4},
    {"MASQUERADE", 0, V6, NATR1, XT_NAT, masq6},
    {"REDIRECT", 0, V4, NATV4, XT_NAT, redirect4},
    {"REDIRECT", 0, V6, NATR1, XT_NAT, redirect6},
    {"NETMAP", 0, V4, NATV4, XT_NAT, netmap4},
    {"NETMAP", 0, V6, NATR1, XT_NAT, netmap6},
    {"REJECT", 0, V4, sizeof(struct ipt_reject_info), XT_REJECT, NULL},
    {"REJECT", 0, V6, sizeof(struct ip6t_reject_info), XT_REJECT, NULL},
    {"TPROXY", 0, V4, sizeof(struct xt_tproxy_target_info), XT_STOLEN, NULL},
    {"TPROXY", 1, 0, sizeof(struct xt_tproxy_target_info_v1), XT_STOLEN, NULL},
    {"SYNPROXY", 0, 0, sizeof(struct xt_synproxy_info), XT_STOLEN, NULL},
    {"NFQUEUE", 0, 0, sizeof(struct xt_NFQ_info), XT_QUEUE, NULL},
    {"NFQUEUE", 1, 0, sizeof(struct xt_NFQ_info_v1), XT_QUEUE, NULL},
    {"NFQUEUE", 2, 0, sizeof(struct xt_NFQ_info_v2), XT_QUEUE, NULL},
    {"NFQUEUE", 3, 0, sizeof(struct xt_NFQ_info_v3), XT_QUEUE, NULL},
    {"SET", 0, V4, sizeof(struct xt_set_info_target_v0), XT_DYNAMIC, set0_read},
    {"SET", 1, 0, sizeof(struct xt_set_info_target_v1), XT_DYNAMIC, set1_read},
    {"SET", 2, 0, sizeof(struct xt_set_info_target_v2), XT_DYNAMIC, set1_read},
    {"SET", 3, 0, sizeof(struct xt_set_info_target_v3), XT_DYNAMIC, set3_read},
};

static const struct target_kind *
find(const char *name, uint32_t rev, uint8_t family)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (kinds[i].rev == rev && !strcmp(kinds[i].name, name) &&
		    (kinds[i].family == NFPROTO_UNSPEC || kinds[i].family == family))
			return &kinds[i];
	return NULL;
}

const struct xt_target *
xt_target_read(struct arena *a, const char *name, uint32_t rev, const void *info, size_t n,
    uint8_t family, int hook)
{
	struct xt_target *t = arena_alloc(a, sizeof(*t));
	const struct target_kind *k = find(name, rev, family);
	void *copy = arena_alloc(a, n);
	const char *more = "";

	if (n)
		memcpy(copy, info, n);
	if (k && n != XT_ALIGN((size_t)k->size)) {
		t->action.effect = XT_UNKNOWN;
		t->action.name = arena_printf(a, "xt %s of %zu bytes", name, n);
		return t;
	}
	t->action.effect = k ? k->effect : XT_UNKNOWN;
	t->changes_sets = t->action.effect == XT_DYNAMIC;
	if (k && k->read && !k->read(&t->action, copy, &more))
		t->action.effect = XT_UNKNOWN;
	if (t->action.nat.flags & NF_NAT_RANGE_NETMAP && !netmap_kind(&t->action, hook)) {
		t->action.effect = XT_UNKNOWN;
		more = " behind a jump";
	}
	if (t->action.effect != XT_UNKNOWN)
		more = "";
	t->action.name = arena_printf(a, "xt %s%s", name, more);
	return t;
}

const struct xt_action *
xt_target_action(const struct xt_target *t)
{
	return &t->action;
}

static void
mark_rule(const struct rule *r, const struct world *w)
{
	for (uint32_t i = 0; i < r->n; i++) {
		const struct xt_target *t = r->ops[i].u.xt_target;

		if (r->ops[i].kind != OP_XT_TARGET || !t->changes_sets)
			continue;
		ipset_mark_dynamic(w->ipsets, (uint16_t)t->action.value);
		ipset_mark_dynamic(w->ipsets, (uint16_t)t->action.mask);
	}
}

void
xt_mark_dynamic(const struct ruleset *r, const struct world *w)
{
	for (uint32_t t = 0; t < r->n_tables; t++)
		for (uint32_t c = 0; c < r->tables[t].n; c++)
			for (uint32_t i = 0; i < r->tables[t].chains[c]->n; i++)
				mark_rule(&r->tables[t].chains[c]->rules[i], w);
}
