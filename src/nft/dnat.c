/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nft/dnat.h"

#include <errno.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <stdlib.h>
#include <string.h>

#define MAPS  64
#define TRIES 8
#define SLOTS 20 /* registers as words of 4 bytes: NFT_REG_1..4 are four each */

enum holds { OTHER, DPORT, PROTO, VALUE, MAPPED };

/* A set of ports, or a map of ports, that a rule looks up. */
struct ports_set {
	char table[64], name[64];
	uint8_t family, proto;
	uint8_t key, data; /* offsets of the public port and, when is_map, of the port behind */
	bool is_map;
	uint16_t to;
};

/* What the expressions of one rule have said so far. */
struct reading {
	struct dnat *d;
	uint8_t proto;      /* 0: any */
	uint16_t low, high; /* the public ports; high 0: not said */
	struct {
		enum holds holds;
		uint16_t value;
	} slot[SLOTS];
	struct ports_set set, sets[MAPS];
	uint32_t n_sets;
	uint8_t map_slot;
};

static void
add(struct dnat *d, uint8_t proto, uint16_t low, uint16_t high, uint16_t to)
{
	const uint8_t any[] = {IPPROTO_TCP, IPPROTO_UDP};

	for (size_t i = 0; i < 2; i++)
		if ((proto == any[i] || (proto == 0 && high > 0)) && high >= low && d->n < DNAT_MAX)
			d->ports[d->n++] = (struct dnat_port){any[i], low, high, to};
}

/* A destination was set: to its port lead the ports compared before, or those in a set. */
static void
leads_to(struct reading *g, uint16_t to, const uint8_t *data_offset)
{
	if (!g->set.name[0] || (g->high && !data_offset))
		return add(g->d, g->proto, g->low, g->high, to);
	g->set.proto = g->proto;
	g->set.is_map = data_offset != NULL;
	g->set.data = data_offset ? *data_offset : 0;
	g->set.to = to;
	if (g->n_sets < MAPS)
		g->sets[g->n_sets++] = g->set;
}

static unsigned
slot_of(const struct nftnl_expr *e, uint16_t attr)
{
	uint32_t reg = nftnl_expr_is_set(e, attr) ? nftnl_expr_get_u32(e, attr) : 0;

	if (reg >= NFT_REG_1 && reg <= NFT_REG_4)
		return (reg - NFT_REG_1) * 4;
	return reg >= NFT_REG32_00 && reg < NFT_REG32_00 + 16 ? reg - NFT_REG32_00 : SLOTS - 1;
}

static uint16_t
port_in(const struct nftnl_expr *e, uint16_t attr, uint8_t *first)
{
	uint32_t len = 0;
	const uint8_t *p = nftnl_expr_get(e, attr, &len);

	*first = p && len > 0 ? p[0] : 0;
	return p && len >= 2 ? (uint16_t)(p[0] << 8 | p[1]) : 0;
}

static void
on_payload(struct reading *g, const struct nftnl_expr *e)
{
	uint32_t base = nftnl_expr_get_u32(e, NFTNL_EXPR_PAYLOAD_BASE);
	uint32_t offset = nftnl_expr_get_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET);
	uint32_t len = nftnl_expr_get_u32(e, NFTNL_EXPR_PAYLOAD_LEN);
	bool proto = base == NFT_PAYLOAD_NETWORK_HEADER && len == 1 && (offset == 9 || offset == 6);
	bool port = base == NFT_PAYLOAD_TRANSPORT_HEADER && len == 2 && offset == 2;

	g->slot[slot_of(e, NFTNL_EXPR_PAYLOAD_DREG)].holds = port ? DPORT : proto ? PROTO : OTHER;
}

static void
on_meta(struct reading *g, const struct nftnl_expr *e)
{
	bool proto = nftnl_expr_get_u32(e, NFTNL_EXPR_META_KEY) == NFT_META_L4PROTO;

	g->slot[slot_of(e, NFTNL_EXPR_META_DREG)].holds = proto ? PROTO : OTHER;
}

static void
on_cmp(struct reading *g, const struct nftnl_expr *e)
{
	enum holds holds = g->slot[slot_of(e, NFTNL_EXPR_CMP_SREG)].holds;
	uint32_t op = nftnl_expr_get_u32(e, NFTNL_EXPR_CMP_OP);
	uint8_t first;
	uint16_t port = port_in(e, NFTNL_EXPR_CMP_DATA, &first);

	if (holds == PROTO && op == NFT_CMP_EQ)
		g->proto = first;
	if (holds == DPORT && (op == NFT_CMP_EQ || op == NFT_CMP_GTE))
		g->low = port;
	if (holds == DPORT && (op == NFT_CMP_EQ || op == NFT_CMP_LTE))
		g->high = port;
}

static void
on_immediate(struct reading *g, const struct nftnl_expr *e)
{
	unsigned at = slot_of(e, NFTNL_EXPR_IMM_DREG);
	uint8_t first;

	g->slot[at].holds = VALUE;
	g->slot[at].value = port_in(e, NFTNL_EXPR_IMM_DATA, &first);
}

static void
on_lookup(struct reading *g, const struct nftnl_expr *e)
{
	unsigned from = slot_of(e, NFTNL_EXPR_LOOKUP_SREG), to = slot_of(e, NFTNL_EXPR_LOOKUP_DREG);

	for (unsigned i = from; i < SLOTS && i < from + 4; i++) {
		if (g->slot[i].holds != DPORT)
			continue;
		g->set.key = (uint8_t)((i - from) * 4);
		strncpy(g->set.name, nftnl_expr_get_str(e, NFTNL_EXPR_LOOKUP_SET),
		    sizeof(g->set.name) - 1);
		if (nftnl_expr_is_set(e, NFTNL_EXPR_LOOKUP_DREG))
			for (unsigned k = to; k < SLOTS && k < to + 5; k++)
				g->slot[k].holds = MAPPED;
		g->map_slot = (uint8_t)to;
		return;
	}
}

static void
on_nat(struct reading *g, const struct nftnl_expr *e, uint16_t attr)
{
	unsigned at = slot_of(e, attr);
	uint8_t offset = (uint8_t)((at - g->map_slot) * 4);

	if (nftnl_expr_is_set(e, attr) && g->slot[at].holds == VALUE)
		leads_to(g, g->slot[at].value, NULL);
	else if (nftnl_expr_is_set(e, attr) && g->slot[at].holds == MAPPED)
		leads_to(g, 0, &offset);
}

/* iptables-nft: struct xt_tcp and xt_udp begin alike, ports in host order. */
static void
on_match(struct reading *g, const struct nftnl_expr *e)
{
	const char *name = nftnl_expr_get_str(e, NFTNL_EXPR_MT_NAME);
	uint32_t len = 0;
	const struct xt_udp *m = nftnl_expr_get(e, NFTNL_EXPR_MT_INFO, &len);
	bool tcp = strcmp(name, "tcp") == 0;

	if ((!tcp && strcmp(name, "udp") != 0) || !m || len < sizeof(*m))
		return;
	g->proto = tcp ? IPPROTO_TCP : IPPROTO_UDP;
	g->low = m->dpts[0];
	g->high = m->dpts[1];
}

/* DNAT revisions 1 and 2 and IPv6's REDIRECT have struct nf_nat_range first, IPv4's REDIRECT the
 * older one. */
static void
on_target(struct reading *g, const struct nftnl_expr *e)
{
	const char *name = nftnl_expr_get_str(e, NFTNL_EXPR_TG_NAME);
	uint32_t len = 0, rev = nftnl_expr_get_u32(e, NFTNL_EXPR_TG_REV);
	const void *info = nftnl_expr_get(e, NFTNL_EXPR_TG_INFO, &len);
	const struct nf_nat_range *r = info;
	const struct nf_nat_ipv4_multi_range_compat *old = info;

	if (strcmp(name, "REDIRECT") == 0 && g->set.family == NFPROTO_IPV4) {
		if (len >= sizeof(*old) && old->range[0].flags & NF_NAT_RANGE_PROTO_SPECIFIED)
			leads_to(g, ntohs(old->range[0].min.all), NULL);
	} else if (strcmp(name, "REDIRECT") == 0 || (strcmp(name, "DNAT") == 0 && rev >= 1)) {
		if (len >= sizeof(*r) && r->flags & NF_NAT_RANGE_PROTO_SPECIFIED)
			leads_to(g, ntohs(r->min_proto.all), NULL);
	}
}

static int
on_expr(struct nftnl_expr *e, void *data)
{
	const char *name = nftnl_expr_get_str(e, NFTNL_EXPR_NAME);
	struct reading *g = data;
	static const struct {
		const char *name;
		void (*fn)(struct reading *g, const struct nftnl_expr *e);
	} readers[] = {{"payload", on_payload}, {"meta", on_meta}, {"cmp", on_cmp},
	    {"immediate", on_immediate}, {"lookup", on_lookup}, {"match", on_match},
	    {"target", on_target}};

	for (size_t i = 0; i < sizeof(readers) / sizeof(*readers); i++)
		if (strcmp(name, readers[i].name) == 0)
			readers[i].fn(g, e);
	if (strcmp(name, "nat") == 0 && nftnl_expr_get_u32(e, NFTNL_EXPR_NAT_TYPE) == NFT_NAT_DNAT)
		on_nat(g, e, NFTNL_EXPR_NAT_REG_PROTO_MIN);
	if (strcmp(name, "redir") == 0)
		on_nat(g, e, NFTNL_EXPR_REDIR_REG_PROTO_MIN);
	return 0;
}

static int
on_rule(const struct nlmsghdr *nlh, void *data)
{
	struct nftnl_rule *r = nftnl_rule_alloc();
	struct reading *g = data;

	if (!r)
		return MNL_CB_ERROR;
	memset(g->slot, 0, sizeof(g->slot));
	memset(&g->set, 0, sizeof(g->set));
	g->proto = 0;
	g->low = g->high = 0;
	if (nftnl_rule_nlmsg_parse(nlh, r) == 0) {
		g->set.family = (uint8_t)nftnl_rule_get_u32(r, NFTNL_RULE_FAMILY);
		strncpy(g->set.table, nftnl_rule_get_str(r, NFTNL_RULE_TABLE),
		    sizeof(g->set.table) - 1);
		nftnl_expr_foreach(r, on_expr, g);
	}
	nftnl_rule_free(r);
	return MNL_CB_OK;
}

static void
on_elem(void *ctx, const struct elem_state *s)
{
	struct reading *g = ctx;
	uint16_t port = (uint16_t)(s->key[g->set.key] << 8 | s->key[g->set.key + 1]);
	uint16_t to = (uint16_t)(s->data[g->set.data] << 8 | s->data[g->set.data + 1]);

	if (!s->end)
		add(g->d, g->set.proto, port, port, g->set.is_map ? to : g->set.to);
}

static int
on_elems(const struct nlmsghdr *nlh, void *data)
{
	elem_parse(nlh, on_elem, data);
	return MNL_CB_OK;
}

static int
dump(struct nl *n, int type, const struct ports_set *set, mnl_cb_t cb, void *ctx)
{
	char buf[512] = {0};
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct nfgenmsg *f = mnl_nlmsg_put_extra_header(nlh, sizeof(*f));

	nlh->nlmsg_type = (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type);
	nlh->nlmsg_flags = NLM_F_DUMP;
	if (set) {
		f->nfgen_family = set->family;
		mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_TABLE, set->table);
		mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_SET, set->name);
	}
	return nl_ask(n, nlh, cb, ctx);
}

int
dnat_read(struct dnat *d, struct nl *n, bool *changed)
{
	_cleanup_(freep) struct dnat *next = calloc(1, sizeof(*next));
	_cleanup_(freep) struct reading *g = calloc(1, sizeof(*g));
	int r = -EINTR;

	if (!next || !g)
		return -ENOMEM;
	g->d = next;
	for (int i = 0; i < TRIES && r == -EINTR; i++) {
		next->n = g->n_sets = 0;
		r = dump(n, NFT_MSG_GETRULE, NULL, on_rule, g);
		for (uint32_t k = 0; r == 0 && k < g->n_sets; k++) {
			g->set = g->sets[k];
			r = dump(n, NFT_MSG_GETSETELEM, &g->set, on_elems, g);
		}
	}
	if (r < 0)
		return r;
	*changed =
	    d->n != next->n || memcmp(d->ports, next->ports, next->n * sizeof(next->ports[0])) != 0;
	*d = *next;
	return 0;
}

static uint32_t
join(struct dnat_port *ranges, uint32_t n, uint32_t room, struct dnat_port p)
{
	for (uint32_t i = 0; i < n;) {
		struct dnat_port *r = &ranges[i];

		if (r->proto != p.proto || r->low > p.high || r->high < p.low) {
			i++;
			continue;
		}
		p.low = r->low < p.low ? r->low : p.low;
		p.high = r->high > p.high ? r->high : p.high;
		*r = ranges[--n];
		i = 0;
	}
	if (n < room)
		ranges[n++] = p;
	return n;
}

uint32_t
dnat_join(const struct dnat *d, struct dnat_port *ranges, uint32_t n, uint32_t room,
    const struct dnat_port *p)
{
	n = join(ranges, n, room, *p);
	for (uint32_t i = 0; i < d->n; i++)
		if (d->ports[i].proto == p->proto && d->ports[i].to >= p->low &&
		    d->ports[i].to <= p->high)
			n = join(ranges, n, room, d->ports[i]);
	return n;
}
