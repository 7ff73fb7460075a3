/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "shadow/shadow.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <string.h>

#define BATCH_BYTES (320 << 10) /* below twice the default net.core.wmem_max */
#define BATCH_ROOM  (BATCH_BYTES + (128 << 10))

/* One kind of object: which attributes of the dump make it again. The rest (handles, use counts) is
 * the kernel's to say. */
struct kind {
	enum dump_kind dump;
	uint16_t type;
	const char *what;
	uint16_t flags;      /* of the request, beside NLM_F_CREATE */
	uint16_t keep[20];   /* ends with 0 */
	uint16_t flags_attr; /* 0, or the attribute with flags of which only these stay */
	uint32_t flags_mask;
};

static const struct kind kinds[] = {
    {DUMP_NFT_TABLES, NFT_MSG_NEWTABLE, "table", 0, {NFTA_TABLE_NAME, NFTA_TABLE_FLAGS},
	NFTA_TABLE_FLAGS, NFT_TABLE_F_DORMANT},
    {DUMP_NFT_FLOWTABLES, NFT_MSG_NEWFLOWTABLE, "flowtable", 0,
	{NFTA_FLOWTABLE_TABLE, NFTA_FLOWTABLE_NAME, NFTA_FLOWTABLE_HOOK}, 0, 0},
    {DUMP_NFT_OBJECTS, NFT_MSG_NEWOBJ, "object", 0,
	{NFTA_OBJ_TABLE, NFTA_OBJ_NAME, NFTA_OBJ_TYPE, NFTA_OBJ_DATA}, 0, 0},
    {DUMP_NFT_CHAINS, NFT_MSG_NEWCHAIN, "chain", 0,
	{NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME, NFTA_CHAIN_HOOK, NFTA_CHAIN_POLICY, NFTA_CHAIN_TYPE}, 0,
	0},
    {DUMP_NFT_SETS, NFT_MSG_NEWSET, "set", 0,
	{NFTA_SET_TABLE, NFTA_SET_NAME, NFTA_SET_FLAGS, NFTA_SET_KEY_TYPE, NFTA_SET_KEY_LEN,
	    NFTA_SET_DATA_TYPE, NFTA_SET_DATA_LEN, NFTA_SET_DESC, NFTA_SET_TIMEOUT,
	    NFTA_SET_OBJ_TYPE, NFTA_SET_EXPR, NFTA_SET_EXPRESSIONS},
	NFTA_SET_FLAGS, ~(uint32_t)(NFT_SET_ANONYMOUS | NFT_SET_CONSTANT)},
    {DUMP_NFT_ELEMENTS, NFT_MSG_NEWSETELEM, "elements", 0,
	{NFTA_SET_ELEM_LIST_TABLE, NFTA_SET_ELEM_LIST_SET, NFTA_SET_ELEM_LIST_ELEMENTS}, 0, 0},
    {DUMP_NFT_RULES, NFT_MSG_NEWRULE, "rule", NLM_F_APPEND,
	{NFTA_RULE_TABLE, NFTA_RULE_CHAIN, NFTA_RULE_EXPRESSIONS}, 0, 0},
};

/* Messages on their way, as one transaction. */
struct batch {
	struct shadow *s;
	const struct kind *kind;
	char buf[BATCH_ROOM];
	size_t used;
	uint32_t first, n, set_id;
};

static struct nlmsghdr *
put(struct batch *b, uint16_t type, uint16_t flags, uint8_t family)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(b->buf + b->used);
	struct nfgenmsg *g = mnl_nlmsg_put_extra_header(nlh, sizeof(*g));

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = ++b->s->nft->seq;
	g->nfgen_family = family;
	g->version = NFNETLINK_V0;
	g->res_id = type < NLMSG_MIN_TYPE + 16 ? htons(NFNL_SUBSYS_NFTABLES) : 0;
	return nlh;
}

static void
begin(struct batch *b)
{
	b->used = 0;
	b->n = 0;
	b->used += put(b, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC)->nlmsg_len;
	b->first = b->s->nft->seq;
}

/* The answer to each message that failed, or that asked for one: the last. */
static int
await(struct batch *b)
{
	int r = 0;

	for (;;) {
		ssize_t n = nl_receive(b->s->nft);
		const struct nlmsghdr *nlh = (const void *)b->s->nft->buf;
		int left = (int)n;

		if (n < 0)
			return r < 0 ? r : n == -EAGAIN ? 0 : (int)n;
		for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
			const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);

			if (nlh->nlmsg_type == NLMSG_ERROR && e->error < 0 && r == 0)
				r = shadow_fail(b->s, e->error, "%s %u of a batch", b->kind->what,
				    nlh->nlmsg_seq - b->first);
		}
	}
}

static int
commit(struct batch *b)
{
	int r;

	if (b->n == 0)
		return 0;
	b->used += put(b, NFNL_MSG_BATCH_END, 0, AF_UNSPEC)->nlmsg_len;
	r = nl_send(b->s->nft, b->buf, b->used);
	r = r < 0 ? shadow_fail(b->s, r, "sending a batch of %zu bytes", b->used) : await(b);
	begin(b);
	return r;
}

static bool
keeps(const struct kind *k, unsigned type)
{
	for (size_t i = 0; k->keep[i]; i++)
		if (k->keep[i] == type)
			return true;
	return false;
}

/* --- rules: what a dump says and a request may not --- */

/* Attributes that the kernel writes as zero for "none", and takes for something when they come
 * back. */
static const struct {
	const char *expr;
	uint16_t attr;
} zeroes[] = {{"dynset", NFTA_DYNSET_TIMEOUT}, {"osf", NFTA_OSF_FLAGS}};

static bool
is_zero(const char *expr, const struct nlattr *a)
{
	const uint8_t *bytes = mnl_attr_get_payload(a);
	bool zero = false;

	for (size_t i = 0; i < sizeof(zeroes) / sizeof(*zeroes); i++)
		zero |= !strcmp(expr, zeroes[i].expr) && mnl_attr_get_type(a) == zeroes[i].attr;
	for (uint16_t i = 0; zero && i < mnl_attr_get_payload_len(a); i++)
		zero = bytes[i] == 0;
	return zero;
}

static void
put_expressions(struct nlmsghdr *nlh, const struct nlattr *list)
{
	struct nlattr *all = mnl_attr_nest_start(nlh, NFTA_RULE_EXPRESSIONS), *one, *in;
	const struct nlattr *e, *a;

	mnl_attr_for_each_nested(e, list)
	{
		const char *name = nl_text(nl_inside(e, NFTA_EXPR_NAME));
		const struct nlattr *data = nl_inside(e, NFTA_EXPR_DATA);

		one = mnl_attr_nest_start(nlh, NFTA_LIST_ELEM);
		mnl_attr_put_strz(nlh, NFTA_EXPR_NAME, name);
		if (data) {
			in = mnl_attr_nest_start(nlh, NFTA_EXPR_DATA);
			mnl_attr_for_each_nested(a, data)
			{
				if (!is_zero(name, a))
					mnl_attr_put(nlh, a->nla_type, mnl_attr_get_payload_len(a),
					    mnl_attr_get_payload(a));
			}
			mnl_attr_nest_end(nlh, in);
		}
		mnl_attr_nest_end(nlh, one);
	}
	mnl_attr_nest_end(nlh, all);
}

/* --- what nft_compat asks for, and no dump says --- */

/* What the expressions of a rule have said of the protocol so far. */
struct protocol {
	uint32_t reg; /* it was loaded into; 0: none */
	uint8_t number;
	bool inverted, known;
};

static void
see_load(struct protocol *p, const char *name, const struct nlattr *data, uint8_t family)
{
	uint32_t offset = family == NFPROTO_IPV4 ? 9 : 6; /* of the header's protocol byte */

	if (!strcmp(name, "meta") && nl_be32(nl_inside(data, NFTA_META_KEY)) == NFT_META_L4PROTO)
		p->reg = nl_be32(nl_inside(data, NFTA_META_DREG));
	else if (!strcmp(name, "payload") &&
		 nl_be32(nl_inside(data, NFTA_PAYLOAD_BASE)) == NFT_PAYLOAD_NETWORK_HEADER &&
		 nl_be32(nl_inside(data, NFTA_PAYLOAD_OFFSET)) == offset &&
		 nl_be32(nl_inside(data, NFTA_PAYLOAD_LEN)) == 1)
		p->reg = nl_be32(nl_inside(data, NFTA_PAYLOAD_DREG));
}

static void
see_compare(struct protocol *p, const struct nlattr *data)
{
	const struct nlattr *value = nl_inside(nl_inside(data, NFTA_CMP_DATA), NFTA_DATA_VALUE);
	uint32_t op = nl_be32(nl_inside(data, NFTA_CMP_OP));

	if (!p->reg || p->known || nl_be32(nl_inside(data, NFTA_CMP_SREG)) != p->reg || !value ||
	    mnl_attr_get_payload_len(value) != 1 || (op != NFT_CMP_EQ && op != NFT_CMP_NEQ))
		return;
	p->known = true;
	p->number = mnl_attr_get_u8(value);
	p->inverted = op == NFT_CMP_NEQ;
}

/* iptables' extensions check that their rule is for a protocol they know (nft_compat.c). */
static void
put_compat(struct nlmsghdr *nlh, const struct nlmsghdr *from, uint8_t family)
{
	const struct nlattr *list = nl_attr(from, sizeof(struct nfgenmsg), NFTA_RULE_EXPRESSIONS);
	struct protocol p = {0};
	bool compat = false;
	const struct nlattr *e;
	struct nlattr *nest;

	if (!list)
		return;
	mnl_attr_for_each_nested(e, list)
	{
		const char *name = nl_text(nl_inside(e, NFTA_EXPR_NAME));
		const struct nlattr *data = nl_inside(e, NFTA_EXPR_DATA);

		see_load(&p, name, data, family);
		if (!strcmp(name, "cmp"))
			see_compare(&p, data);
		compat |= !strcmp(name, "match") || !strcmp(name, "target");
	}
	if (!compat || !p.known)
		return;
	nest = mnl_attr_nest_start(nlh, NFTA_RULE_COMPAT);
	mnl_attr_put_u32(nlh, NFTA_RULE_COMPAT_PROTO, htonl(p.number));
	mnl_attr_put_u32(
	    nlh, NFTA_RULE_COMPAT_FLAGS, htonl(p.inverted ? NFT_RULE_COMPAT_F_INV : 0));
	mnl_attr_nest_end(nlh, nest);
}

static int
copy(struct batch *b, const struct nlmsghdr *from)
{
	const struct kind *k = b->kind;
	const struct nfgenmsg *g = mnl_nlmsg_get_payload(from);
	const struct nlattr *a;
	struct nlmsghdr *nlh;
	int r = 0;

	if (b->used + from->nlmsg_len + 64 > BATCH_BYTES)
		r = commit(b);
	if (r < 0 || from->nlmsg_len > 100 << 10)
		return r < 0 ? r : shadow_fail(b->s, -E2BIG, "%s", k->what);
	nlh = put(b, NFNL_SUBSYS_NFTABLES << 8 | k->type, NLM_F_CREATE | k->flags, g->nfgen_family);
	mnl_attr_for_each(a, from, sizeof(*g))
	{
		if (!keeps(k, mnl_attr_get_type(a)))
			continue;
		if (k->type == NFT_MSG_NEWRULE && mnl_attr_get_type(a) == NFTA_RULE_EXPRESSIONS)
			put_expressions(nlh, a);
		else if (mnl_attr_get_type(a) == k->flags_attr)
			mnl_attr_put_u32(nlh, k->flags_attr, htonl(nl_be32(a) & k->flags_mask));
		else
			mnl_attr_put(
			    nlh, a->nla_type, mnl_attr_get_payload_len(a), mnl_attr_get_payload(a));
	}
	if (k->type == NFT_MSG_NEWSET)
		mnl_attr_put_u32(nlh, NFTA_SET_ID, htonl(++b->set_id));
	if (k->type == NFT_MSG_NEWRULE)
		put_compat(nlh, from, g->nfgen_family);
	b->used += nlh->nlmsg_len;
	b->n++;
	return 0;
}

static int
copy_all(struct batch *b)
{
	const struct kind *k = b->kind;
	int r = 0;

	begin(b);
	for (const struct dump_record *rec = dump_next(&b->s->dump, NULL, k->dump); rec && r == 0;
	     rec = dump_next(&b->s->dump, rec, k->dump)) {
		const struct nlmsghdr *nlh = dump_message(rec, NULL);

		for (; r == 0 && nlh; nlh = dump_message(rec, nlh))
			if (nlh->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | k->type))
				r = copy(b, nlh);
	}
	return r < 0 ? r : commit(b);
}

int
shadow_load(struct shadow *s)
{
	_cleanup_(freep) struct batch *b = calloc(1, sizeof(*b));
	int r = b ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < sizeof(kinds) / sizeof(*kinds); i++) {
		b->s = s;
		b->kind = &kinds[i];
		r = copy_all(b);
	}
	return r;
}
