/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "prover/ruleset_expr.h"

bool
expr_register(const struct nlattr *a, unsigned len, uint8_t *out)
{
	uint32_t n = got_number(a), at;

	if (!a)
		return false;
	if (n >= NFT_REG_1 && n <= NFT_REG_4)
		at = (n - NFT_REG_1) * NFT_REG_SIZE;
	else if (n >= NFT_REG32_00 && n <= NFT_REG32_15)
		at = (n - NFT_REG32_00) * NFT_REG32_SIZE;
	else
		return false;
	*out = (uint8_t)at;
	return at + len <= REG_BYTES;
}

const char *
expr_odd(const struct expr *e, const char *what, uint32_t value)
{
	return arena_printf(e->r->a, "nft %s %s %u", e->name, what, value);
}

static const char *
expr_nothing(struct expr *e, struct op *op)
{
	(void)e;
	op->kind = OP_NOTHING;
	return NULL;
}

static const char *
expr_may(struct expr *e, struct op *op)
{
	(void)e;
	op->kind = OP_MAY;
	return NULL;
}

static const char *
expr_unknown(struct expr *e, struct op *op)
{
	(void)op;
	return e->name;
}

static const char *
expr_stolen(struct expr *e, struct op *op)
{
	(void)e;
	op->kind = OP_STOLEN;
	return NULL;
}

static const char *
expr_queue(struct expr *e, struct op *op)
{
	(void)e;
	op->kind = OP_QUEUE;
	return NULL;
}

static const char *
expr_notrack(struct expr *e, struct op *op)
{
	(void)e;
	op->kind = OP_NOTRACK;
	return NULL;
}

static const char *
expr_cmp(struct expr *e, struct op *op)
{
	uint32_t how = got_number(e->g.a[NFTA_CMP_OP]);

	op->kind = OP_CMP;
	op->u.cmp.op = (uint8_t)how;
	op->len = got_value(e->g.a[NFTA_CMP_DATA], op->u.cmp.data, sizeof(op->u.cmp.data));
	if (how > NFT_CMP_GTE)
		return expr_odd(e, "operation", how);
	if (!op->len || !expr_register(e->g.a[NFTA_CMP_SREG], op->len, &op->sreg))
		return "nft cmp value";
	return NULL;
}

static const char *
expr_range(struct expr *e, struct op *op)
{
	uint32_t how = got_number(e->g.a[NFTA_RANGE_OP]);
	size_t max = sizeof(op->u.range.from);

	op->kind = OP_RANGE;
	op->u.range.op = (uint8_t)how;
	op->len = got_value(e->g.a[NFTA_RANGE_FROM_DATA], op->u.range.from, max);
	if (how > NFT_RANGE_NEQ)
		return expr_odd(e, "operation", how);
	if (!op->len || got_value(e->g.a[NFTA_RANGE_TO_DATA], op->u.range.to, max) != op->len ||
	    !expr_register(e->g.a[NFTA_RANGE_SREG], op->len, &op->sreg))
		return "nft range value";
	return NULL;
}

static const char *
make_shift(struct expr *e, struct op *op, bool right)
{
	uint32_t by;

	op->kind = OP_SHIFT;
	op->u.shift.right = right;
	if (got_value(e->g.a[NFTA_BITWISE_DATA], &by, sizeof(by)) != sizeof(by) || by >= 32)
		return "nft bitwise shift";
	op->u.shift.by = by; /* in host order, as all registers' words for the kernel */
	return NULL;
}

static const char *
expr_bitwise(struct expr *e, struct op *op)
{
	const struct nlattr **a = e->g.a;
	uint32_t len = got_number(a[NFTA_BITWISE_LEN]), how = got_number(a[NFTA_BITWISE_OP]);
	size_t max = sizeof(op->u.bitwise.mask);

	if (!len || len > max || !expr_register(a[NFTA_BITWISE_SREG], len, &op->sreg) ||
	    !expr_register(a[NFTA_BITWISE_DREG], len, &op->dreg))
		return "nft bitwise register";
	op->len = (uint8_t)len;
	switch (how) {
	case NFT_BITWISE_BOOL:
		op->kind = OP_BITWISE;
		if (got_value(a[NFTA_BITWISE_MASK], op->u.bitwise.mask, max) != len ||
		    got_value(a[NFTA_BITWISE_XOR], op->u.bitwise.xor, max) != len)
			return "nft bitwise mask";
		return NULL;
	case NFT_BITWISE_LSHIFT:
	case NFT_BITWISE_RSHIFT:
		return make_shift(e, op, how == NFT_BITWISE_RSHIFT);
	case 3: /* NFT_BITWISE_AND, _OR, _XOR of two registers, of newer headers */
	case 4:
	case 5:
		op->name = "bitwise of two values";
		return expr_load_any(op, LOAD_ANY, len);
	default:
		return expr_odd(e, "operation", how);
	}
}

static const char *
expr_byteorder(struct expr *e, struct op *op)
{
	const struct nlattr **a = e->g.a;
	uint32_t len = got_number(a[NFTA_BYTEORDER_LEN]);
	uint32_t size = got_number(a[NFTA_BYTEORDER_SIZE]);
	uint32_t how = got_number(a[NFTA_BYTEORDER_OP]);

	op->kind = OP_BYTEORDER;
	op->u.byteorder.op = (uint8_t)how;
	op->u.byteorder.size = (uint8_t)size;
	op->len = (uint8_t)len;
	if (how > NFT_BYTEORDER_HTON || (size != 2 && size != 4 && size != 8))
		return "nft byteorder operation";
	/* Kernel and nft let a length be less than a unit: then nothing is turned. */
	if (!len || len > REG_BYTES || !expr_register(a[NFTA_BYTEORDER_SREG], len, &op->sreg) ||
	    !expr_register(a[NFTA_BYTEORDER_DREG], len, &op->dreg))
		return "nft byteorder register";
	return NULL;
}

/* Each expression, its attributes by their numbers (prover/ruleset.h), and what makes the op. */
static const struct expr_kind {
	const char *name, *schema;
	make_fn *make;
	bool harmless; /* as part of an element */
} kinds[] = {
    {"bitwise", "-RRWnnwnr", expr_bitwise, false},
    {"byteorder", "-RRWWW", expr_byteorder, false},
    {"cmp", "-RWN", expr_cmp, false},
    {"connlimit", "-ww", expr_may, false},
    {"counter", "-qqp", expr_nothing, true},
    {"ct", "-rWcr", expr_ct, false},
    {"dup", "-rr", expr_nothing, false},
    {"dynset", "-SwWRrqnpwn", expr_dynset, false},
    {"exthdr", "-rcwwwwr", expr_exthdr, false},
    {"fib", "-RWw", expr_fib, false},
    {"flow_offload", "-s", expr_nothing, false},
    {"fwd", "-rrw", expr_stolen, false},
    {"hash", "-rRwwwwwsw", expr_any, false},
    {"immediate", "-RN", expr_immediate, false},
    {"inner", "-ppppp", expr_unknown, false},
    {"last", "-wqp", expr_nothing, true},
    {"limit", "-qqwwwp", expr_may, false},
    {"log", "-hbwhww", expr_nothing, false},
    {"lookup", "-SRrww", expr_lookup, false},
    {"masq", "-wrr", expr_masq, false},
    {"match", "-SWB", expr_match, false},
    {"meta", "-rWr", expr_meta, false},
    {"nat", "-WWrrrrw", expr_nat, false},
    {"notrack", "-", expr_notrack, false},
    {"numgen", "-Rwwwsw", expr_any, false},
    {"objref", "-wsrsw", expr_objref, false},
    {"osf", "-Rcw", expr_any, false},
    {"payload", "-rWWWrwww", expr_payload, false},
    {"queue", "-hhhr", expr_queue, false},
    {"quota", "-qwpq", expr_may, false},
    {"range", "-RWNN", expr_range, false},
    {"redir", "-rrw", expr_redir, false},
    {"reject", "-Wc", expr_reject, false},
    {"rt", "-RW", expr_rt, false},
    {"socket", "-wRw", expr_any, false},
    {"synproxy", "-hcw", expr_stolen, false},
    {"target", "-SWB", expr_target, false},
    {"tproxy", "-wrr", expr_stolen, false},
    {"tunnel", "-wRw", expr_any, false},
    {"xfrm", "-Rwcw", expr_any, false},
};

static const struct expr_kind *
kind_of(const struct nlattr *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (got_is(name, kinds[i].name))
			return &kinds[i];
	return NULL;
}

static void
op_unknown(struct op *op, const char *name)
{
	*op = (struct op){.kind = OP_UNKNOWN, .name = name};
}

void
expr_read(struct reader *r, const struct table *t, const struct nlattr *expr, struct op *op)
{
	struct expr e = {.r = r, .table = t};
	const struct expr_kind *k;
	const char *bad;
	struct got g;

	if (mnl_attr_get_type(expr) != NFTA_LIST_ELEM || !got_nest(&g, expr, "-Sn")) {
		op_unknown(op, "nft expression");
		return;
	}
	k = kind_of(g.a[NFTA_EXPR_NAME]);
	if (!k) {
		op_unknown(op, arena_printf(r->a, "nft %s", got_text(g.a[NFTA_EXPR_NAME], r->a)));
		return;
	}
	e.name = op->name = k->name;
	if (!got_nest(&e.g, g.a[NFTA_EXPR_DATA], k->schema)) {
		op_unknown(op, got_trouble(&e.g, r->a, k->name));
		return;
	}
	bad = k->make(&e, op);
	if (bad)
		op_unknown(op, bad);
}

bool
expr_is_harmless(struct reader *r, const struct nlattr *expr, const char **name)
{
	const struct expr_kind *k;
	struct got g;

	*name = "nft expression";
	if (!got_nest(&g, expr, "-Sn"))
		return false;
	k = kind_of(g.a[NFTA_EXPR_NAME]);
	*name = k ? k->name : arena_printf(r->a, "nft %s", got_text(g.a[NFTA_EXPR_NAME], r->a));
	return k && k->harmless;
}