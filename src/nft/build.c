/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nft/build.h"

#include <libnftnl/expr.h>
#include <libnftnl/udata.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct nlmsghdr *
nft_object(struct batch *b, int type, int flags, uint16_t attr, const char *name)
{
	struct nlmsghdr *nlh = batch_open(b, type, flags);

	mnl_attr_put_strz(nlh, NFTA_TABLE_NAME, TABLE_NAME);
	if (name)
		mnl_attr_put_strz(nlh, attr, name);
	return nlh;
}

void
nft_bare(struct batch *b, int type, uint16_t attr, const char *name)
{
	nft_object(b, type, 0, attr, name);
	batch_close(b);
}

/* Flags 0 wake a table that somebody made dormant. The comment is as nft writes it: type, length,
 * text. */
void
nft_table_put(struct batch *b, const char *comment)
{
	struct nlmsghdr *nlh = nft_object(b, NFT_MSG_NEWTABLE, NLM_F_CREATE, 0, NULL);
	char data[128];
	int n = snprintf(data, sizeof(data), "%c%c%s", NFTNL_UDATA_TABLE_COMMENT,
	    (int)strlen(comment) + 1, comment);

	mnl_attr_put_u32(nlh, NFTA_TABLE_FLAGS, 0);
	mnl_attr_put(nlh, NFTA_TABLE_USERDATA, (size_t)n + 1, data);
	batch_close(b);
}

/* NFTA_SET_DESC of the fields protocol and port: nested attributes, lengths in network order. */
static const struct {
	struct nlattr concat, field1, len1;
	uint8_t one[4];
	struct nlattr field2, len2;
	uint8_t two[4];
} desc = {{28, NFTA_SET_DESC_CONCAT}, {12, NFTA_LIST_ELEM}, {8, NFTA_SET_FIELD_LEN}, {0, 0, 0, 1},
    {12, NFTA_LIST_ELEM}, {8, NFTA_SET_FIELD_LEN}, {0, 0, 0, 2}};

void
nft_set_put(struct batch *b, const struct nft_set *s, uint32_t id)
{
	struct nlmsghdr *nlh = nft_object(b, NFT_MSG_NEWSET, NLM_F_CREATE, NFTA_SET_NAME, s->name);

	mnl_attr_put_u32(nlh, NFTA_SET_ID, htonl(id));
	mnl_attr_put_u32(nlh, NFTA_SET_FLAGS, htonl(s->flags));
	mnl_attr_put_u32(nlh, NFTA_SET_KEY_TYPE, htonl(s->type));
	mnl_attr_put_u32(nlh, NFTA_SET_KEY_LEN, htonl(s->len));
	if (s->flags & NFT_SET_TIMEOUT) {
		struct nlattr *nest = mnl_attr_nest_start(nlh, NFTA_SET_EXPR);

		mnl_attr_put_strz(nlh, NFTA_EXPR_NAME, "counter");
		mnl_attr_nest_end(nlh, nest);
	}
	if (s->flags & NFT_SET_CONCAT)
		mnl_attr_put(nlh, NFTA_SET_DESC, sizeof(desc), &desc);
	batch_close(b);
}

bool
nft_set_is(const struct nft_set *s, const struct nlmsghdr *nlh)
{
	return strcmp(nl_text(nl_attr(nlh, NFT_HEADER, NFTA_SET_NAME)), s->name) == 0 &&
	       nl_be32(nl_attr(nlh, NFT_HEADER, NFTA_SET_FLAGS)) == s->flags &&
	       nl_be32(nl_attr(nlh, NFT_HEADER, NFTA_SET_KEY_TYPE)) == s->type &&
	       nl_be32(nl_attr(nlh, NFT_HEADER, NFTA_SET_KEY_LEN)) == s->len;
}

struct nftnl_rule *
nft_rule(const char *chain)
{
	struct nftnl_rule *r = nftnl_rule_alloc();

	if (!r)
		abort();
	nftnl_rule_set_str(r, NFTNL_RULE_TABLE, TABLE_NAME);
	nftnl_rule_set_str(r, NFTNL_RULE_CHAIN, chain);
	return r;
}

/* Appends an expression of (attribute, number) pairs, ended by 0. */
static struct nftnl_expr *
expr(struct nftnl_rule *r, const char *name, ...)
{
	struct nftnl_expr *e = nftnl_expr_alloc(name);
	unsigned attr;
	va_list ap;

	if (!e)
		abort();
	va_start(ap, name);
	while ((attr = va_arg(ap, unsigned)))
		nftnl_expr_set_u32(e, (uint16_t)attr, va_arg(ap, unsigned));
	va_end(ap);
	nftnl_rule_add_expr(r, e);
	return e;
}

void
nft_meta(struct nftnl_rule *r, unsigned key)
{
	expr(r, "meta", NFTNL_EXPR_META_KEY, key, NFTNL_EXPR_META_DREG, NFT_REG_1, 0);
}

void
nft_ct(struct nftnl_rule *r, unsigned key)
{
	expr(r, "ct", NFTNL_EXPR_CT_KEY, key, NFTNL_EXPR_CT_DREG, NFT_REG_1, 0);
}

void
nft_payload(struct nftnl_rule *r, unsigned base, unsigned offset, unsigned len, unsigned reg)
{
	expr(r, "payload", NFTNL_EXPR_PAYLOAD_BASE, base, NFTNL_EXPR_PAYLOAD_OFFSET, offset,
	    NFTNL_EXPR_PAYLOAD_LEN, len, NFTNL_EXPR_PAYLOAD_DREG, reg, 0);
}

void
nft_compare(struct nftnl_rule *r, unsigned op, uint8_t value)
{
	nftnl_expr_set(expr(r, "cmp", NFTNL_EXPR_CMP_SREG, NFT_REG_1, NFTNL_EXPR_CMP_OP, op, 0),
	    NFTNL_EXPR_CMP_DATA, &value, 1);
}

void
nft_half(struct nftnl_rule *r)
{
	static const uint8_t half[16] = {255, 255, 255, 255, 255, 255, 255, 255}, none[16];
	struct nftnl_expr *e = expr(r, "bitwise", NFTNL_EXPR_BITWISE_SREG, NFT_REG_1,
	    NFTNL_EXPR_BITWISE_DREG, NFT_REG_1, NFTNL_EXPR_BITWISE_LEN, 16, 0);

	nftnl_expr_set(e, NFTNL_EXPR_BITWISE_MASK, half, sizeof(half));
	nftnl_expr_set(e, NFTNL_EXPR_BITWISE_XOR, none, sizeof(none));
}

void
nft_lookup(struct nftnl_rule *r, const char *set)
{
	nftnl_expr_set_str(
	    expr(r, "lookup", NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1, 0), NFTNL_EXPR_LOOKUP_SET, set);
}

void
nft_rule_put(struct batch *b, struct nftnl_rule *r, unsigned verdict)
{
	if (verdict == NF_DROP)
		expr(r, "counter", 0);
	expr(r, "immediate", NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT, NFTNL_EXPR_IMM_VERDICT, verdict,
	    0);
	nftnl_rule_nlmsg_build_payload(
	    batch_open(b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND), r);
	batch_close(b);
	nftnl_rule_free(r);
}
