/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Expressions that decide or act: verdicts, sets, NAT, objects, iptables extensions.
 */
#include <string.h>

#include "prover/ruleset_expr.h"
#include "prover/xt.h"

/* Registers of NAT; absent: -1. */
static bool
read_nat_register(const struct nlattr *a, unsigned len, int8_t *out)
{
	uint8_t at = 0;

	*out = -1;
	if (!a)
		return true;
	if (!expr_register(a, len, &at))
		return false;
	*out = (int8_t)at;
	return true;
}

const char *
verdict_read(struct reader *r, const struct table *t, const struct nlattr *nest, struct verdict *v)
{
	struct got g;
	int32_t code;

	*v = (struct verdict){0};
	/* Bits above the lowest byte are a queue's number or an error code. */
	if (!got_nest(&g, nest, "-Wsw"))
		return got_trouble(&g, r->a, "verdict");
	code = (int32_t)got_number(g.a[NFTA_VERDICT_CODE]);
	v->code = code < 0 ? code : code & NF_VERDICT_MASK;
	switch (v->code) {
	case NFT_JUMP:
	case NFT_GOTO:
		v->chain = names_find(&r->chains, t, g.a[NFTA_VERDICT_CHAIN]);
		return NULL;
	case NF_ACCEPT:
	case NF_DROP:
	case NF_QUEUE:
	case NFT_CONTINUE:
	case NFT_BREAK:
	case NFT_RETURN:
		return NULL;
	default:
		return arena_printf(r->a, "nft verdict %d", code);
	}
}

const char *
expr_immediate(struct expr *e, struct op *op)
{
	const struct nlattr *data = e->g.a[NFTA_IMMEDIATE_DATA];
	const char *bad;
	struct got g;

	if (got_number(e->g.a[NFTA_IMMEDIATE_DREG]) != NFT_REG_VERDICT) {
		op->kind = OP_IMMEDIATE;
		op->len = got_value(data, op->u.data, sizeof(op->u.data));
		if (!op->len || !expr_register(e->g.a[NFTA_IMMEDIATE_DREG], op->len, &op->dreg))
			return "nft immediate value";
		return NULL;
	}
	if (!got_nest(&g, data, "-nN"))
		return got_trouble(&g, e->r->a, "immediate verdict");
	op->kind = OP_VERDICT;
	op->name = "verdict";
	bad = verdict_read(e->r, e->table, g.a[NFTA_DATA_VERDICT], &op->u.verdict);
	if (!bad && op->u.verdict.code == NF_QUEUE) {
		op->kind = OP_QUEUE;
		op->name = "queue";
	}
	return bad;
}

const char *
expr_lookup(struct expr *e, struct op *op)
{
	const struct nlattr **a = e->g.a;
	uint32_t flags = got_number(a[NFTA_LOOKUP_FLAGS]);
	struct set *s = names_find(&e->r->sets, e->table, a[NFTA_LOOKUP_SET]);

	op->kind = OP_LOOKUP;
	if (!s)
		return "lookup in a set that is not there";
	if (flags & ~(uint32_t)NFT_LOOKUP_F_INV)
		return expr_odd(e, "flags", flags);
	op->u.lookup.set = s;
	op->u.lookup.inverted = flags & NFT_LOOKUP_F_INV;
	op->u.lookup.has_dreg = a[NFTA_LOOKUP_DREG];
	op->len = s->key_len;
	if (!expr_register(a[NFTA_LOOKUP_SREG], s->key_len, &op->sreg))
		return "nft lookup register";
	if (!op->u.lookup.has_dreg)
		return NULL;
	if (!s->is_map)
		return "nft lookup in a map";
	if (s->is_vmap)
		return got_number(a[NFTA_LOOKUP_DREG]) == NFT_REG_VERDICT ? NULL
									  : "nft lookup register";
	if (!expr_register(a[NFTA_LOOKUP_DREG], s->data_len, &op->dreg))
		return "nft lookup register";
	return NULL;
}

const char *
expr_dynset(struct expr *e, struct op *op)
{
	const struct nlattr **a = e->g.a;
	struct set *s = names_find(&e->r->sets, e->table, a[NFTA_DYNSET_SET_NAME]);
	uint32_t flags = got_number(a[NFTA_DYNSET_FLAGS]);

	op->kind = OP_DYNSET;
	if (!s)
		return "dynset in a set that is not there";
	if (flags & ~(uint32_t)(NFT_DYNSET_F_INV | NFT_DYNSET_F_EXPR))
		return expr_odd(e, "flags", flags);
	if (!s->table->own)
		set_make_unknown(s, arena_printf(e->r->a, "set %s is filled by packets", s->name));
	op->u.lookup.set = s;
	op->u.lookup.inverted = flags & NFT_DYNSET_F_INV;
	op->len = s->key_len;
	if (!expr_register(a[NFTA_DYNSET_SREG_KEY], s->key_len, &op->sreg))
		return "nft dynset register";
	return NULL;
}

const char *
expr_reject(struct expr *e, struct op *op)
{
	uint32_t type = got_number(e->g.a[NFTA_REJECT_TYPE]);

	op->kind = OP_REJECT;
	op->u.reject.type = (uint8_t)type;
	op->u.reject.code = (uint8_t)got_number(e->g.a[NFTA_REJECT_ICMP_CODE]);
	return type > NFT_REJECT_ICMPX_UNREACH ? expr_odd(e, "type", type) : NULL;
}

static const char *
read_nat(struct expr *e, struct op *op, enum nat_kind kind, const struct nlattr *const reg[4],
    const struct nlattr *flags)
{
	struct nat *nat = &op->u.nat;
	unsigned len = nat->family == NFPROTO_IPV6 ? 16 : 4;

	op->kind = OP_NAT;
	nat->kind = (uint8_t)kind;
	nat->flags = got_number(flags);
	if (!read_nat_register(reg[0], len, &nat->addr_min) ||
	    !read_nat_register(reg[1], len, &nat->addr_max) ||
	    !read_nat_register(reg[2], 2, &nat->port_min) ||
	    !read_nat_register(reg[3], 2, &nat->port_max))
		return expr_odd(e, "register", kind);
	/* NF_NAT_RANGE_*, up to NETMAP */
	return nat->flags & ~0x7fu ? expr_odd(e, "flags", nat->flags) : NULL;
}

const char *
expr_nat(struct expr *e, struct op *op)
{
	const struct nlattr **a = e->g.a;
	const struct nlattr *const reg[] = {a[NFTA_NAT_REG_ADDR_MIN], a[NFTA_NAT_REG_ADDR_MAX],
	    a[NFTA_NAT_REG_PROTO_MIN], a[NFTA_NAT_REG_PROTO_MAX]};
	uint32_t type = got_number(a[NFTA_NAT_TYPE]), family = got_number(a[NFTA_NAT_FAMILY]);

	op->name = type == NFT_NAT_SNAT ? "snat" : "dnat";
	op->u.nat.family = (uint8_t)family;
	if (type > NFT_NAT_DNAT)
		return expr_odd(e, "type", type);
	if (family != NFPROTO_IPV4 && family != NFPROTO_IPV6 && family != NFPROTO_INET)
		return expr_odd(e, "family", family);
	return read_nat(
	    e, op, type == NFT_NAT_SNAT ? NAT_SOURCE : NAT_DESTINATION, reg, a[NFTA_NAT_FLAGS]);
}

const char *
expr_masq(struct expr *e, struct op *op)
{
	const struct nlattr **a = e->g.a;
	const struct nlattr *const reg[] = {
	    NULL, NULL, a[NFTA_MASQ_REG_PROTO_MIN], a[NFTA_MASQ_REG_PROTO_MAX]};

	op->u.nat.family = e->table->family;
	return read_nat(e, op, NAT_MASQUERADE, reg, a[NFTA_MASQ_FLAGS]);
}

const char *
expr_redir(struct expr *e, struct op *op)
{
	const struct nlattr **a = e->g.a;
	const struct nlattr *const reg[] = {
	    NULL, NULL, a[NFTA_REDIR_REG_PROTO_MIN], a[NFTA_REDIR_REG_PROTO_MAX]};

	op->u.nat.family = e->table->family;
	return read_nat(e, op, NAT_REDIRECT, reg, a[NFTA_REDIR_FLAGS]);
}

/* What a named object does to the packet. */
static const struct {
	const char *name;
	uint8_t kind; /* enum op_kind */
} object_types[NFT_OBJECT_MAX + 1] = {
    [NFT_OBJECT_COUNTER] = {"counter", OP_NOTHING},
    [NFT_OBJECT_QUOTA] = {"quota", OP_MAY},
    [NFT_OBJECT_CT_HELPER] = {"ct helper", OP_NOTHING},
    [NFT_OBJECT_LIMIT] = {"limit", OP_MAY},
    [NFT_OBJECT_CONNLIMIT] = {"ct count", OP_MAY},
    [NFT_OBJECT_TUNNEL] = {"tunnel", OP_UNKNOWN},
    [NFT_OBJECT_CT_TIMEOUT] = {"ct timeout", OP_NOTHING},
    [NFT_OBJECT_SECMARK] = {"secmark", OP_NOTHING},
    [NFT_OBJECT_CT_EXPECT] = {"ct expectation", OP_NOTHING},
    [NFT_OBJECT_SYNPROXY] = {"synproxy", OP_STOLEN},
};

/* A map of objects lets the rule go on where it has one, as a set does. */
static const char *
make_objref_map(struct expr *e, struct op *op)
{
	struct set *s = names_find(&e->r->sets, e->table, e->g.a[NFTA_OBJREF_SET_NAME]);
	uint32_t type = s ? set_object_type(s) : 0;

	if (!type || type > NFT_OBJECT_MAX || object_types[type].kind != OP_NOTHING)
		return "objref map";
	op->kind = OP_LOOKUP;
	op->name = object_types[type].name;
	op->len = s->key_len;
	op->u.lookup.set = s;
	if (!expr_register(e->g.a[NFTA_OBJREF_SET_SREG], s->key_len, &op->sreg))
		return "nft objref register";
	return NULL;
}

const char *
expr_objref(struct expr *e, struct op *op)
{
	uint32_t type = got_number(e->g.a[NFTA_OBJREF_IMM_TYPE]);

	if (e->g.a[NFTA_OBJREF_SET_NAME])
		return make_objref_map(e, op);
	if (!type || type > NFT_OBJECT_MAX)
		return expr_odd(e, "type", type);
	op->kind = object_types[type].kind;
	op->name = object_types[type].name;
	return NULL;
}

const char *
expr_match(struct expr *e, struct op *op)
{
	const struct nlattr *info = e->g.a[NFTA_MATCH_INFO];
	const char *name = got_text(e->g.a[NFTA_MATCH_NAME], e->r->a);

	op->kind = OP_XT_MATCH;
	op->name = arena_printf(e->r->a, "xt %s", name);
	op->u.xt_match = xt_match_read(e->r->a, name, got_number(e->g.a[NFTA_MATCH_REV]),
	    mnl_attr_get_payload(info), mnl_attr_get_payload_len(info), e->table->family);
	/* struct xt_comment_info is the text alone. */
	if (!strcmp(name, "comment"))
		e->r->comment = got_text(info, e->r->a);
	return NULL;
}

const char *
expr_target(struct expr *e, struct op *op)
{
	const struct nlattr *info = e->g.a[NFTA_TARGET_INFO];
	const char *name = got_text(e->g.a[NFTA_TARGET_NAME], e->r->a);
	const struct chain *c = e->r->chain;

	op->kind = OP_XT_TARGET;
	op->name = arena_printf(e->r->a, "xt %s", name);
	op->u.xt_target = xt_target_read(e->r->a, name, got_number(e->g.a[NFTA_TARGET_REV]),
	    mnl_attr_get_payload(info), mnl_attr_get_payload_len(info), e->table->family,
	    c->is_base ? (int)c->hook : -1);
	return NULL;
}
