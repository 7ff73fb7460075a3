/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Expressions that load a value, or change what would be loaded.
 */
#include <string.h>

#include "prover/ruleset_expr.h"
#include "prover/ruleset_keys.h"

/* A value that nobody knows. */
const char *
expr_load_any(struct op *op, enum load_kind kind, uint32_t len)
{
	op->kind = OP_LOAD;
	op->u.load.kind = (uint8_t)kind;
	op->len = (uint8_t)len;
	return op->dreg + len <= REG_BYTES ? NULL : "nft register";
}

const char *
expr_payload(struct expr *e, struct op *op)
{
	const struct nlattr **a = e->g.a;
	uint32_t base = got_number(a[NFTA_PAYLOAD_BASE]), len = got_number(a[NFTA_PAYLOAD_LEN]);
	const struct nlattr *dreg = a[NFTA_PAYLOAD_DREG], *sreg = a[NFTA_PAYLOAD_SREG];

	op->u.load.kind = LOAD_PAYLOAD;
	op->u.load.base = (uint8_t)base;
	op->u.load.offset = got_number(a[NFTA_PAYLOAD_OFFSET]);
	op->len = (uint8_t)len;
	if (base > 4 /* NFT_PAYLOAD_TUN_HEADER, of newer headers */)
		return expr_odd(e, "base", base);
	if (!len || len > REG_BYTES || !dreg == !sreg)
		return "nft payload register";
	op->kind = dreg ? OP_LOAD : OP_PAYLOAD_SET;
	if (!expr_register(dreg ? dreg : sreg, len, dreg ? &op->dreg : &op->sreg))
		return "nft payload register";
	return NULL;
}

/* TCP options: writing or taking one away ends the rule where there is no TCP header, or an option
 * is cut off. It changes nothing that rules here rest on. */
const char *
expr_exthdr(struct expr *e, struct op *op)
{
	const struct nlattr **a = e->g.a;
	uint32_t len = got_number(a[NFTA_EXTHDR_LEN]), how = got_number(a[NFTA_EXTHDR_OP]);
	bool present = got_number(a[NFTA_EXTHDR_FLAGS]) & NFT_EXTHDR_F_PRESENT;

	if (how > 4 /* NFT_EXTHDR_OP_DCCP, of newer headers */)
		return expr_odd(e, "operation", how);
	if (got_number(a[NFTA_EXTHDR_FLAGS]) & ~(uint32_t)NFT_EXTHDR_F_PRESENT)
		return expr_odd(e, "flags", got_number(a[NFTA_EXTHDR_FLAGS]));
	if (!a[NFTA_EXTHDR_DREG]) {
		op->kind = how == NFT_EXTHDR_OP_TCPOPT ? OP_MAY : OP_UNKNOWN;
		op->name = "exthdr write";
		return NULL;
	}
	len = present ? 1 : len;
	if (!len || len > REG_BYTES || !expr_register(a[NFTA_EXTHDR_DREG], len, &op->dreg))
		return "nft exthdr register";
	op->u.load.flags = got_number(a[NFTA_EXTHDR_FLAGS]);
	if (how == NFT_EXTHDR_OP_IPV6 || how == NFT_EXTHDR_OP_IPV4)
		return expr_load_any(op, LOAD_HEADER, len);
	return expr_load_any(op, present ? LOAD_ANY : LOAD_BREAKS, len);
}

/* Expressions with a key: a load by dreg, or a change by sreg. */
static const char *
read_key(struct expr *e, struct op *op, const struct key_table *keys, const struct nlattr *key,
    const struct nlattr *dreg, const struct nlattr *sreg)
{
	const struct key *k = key_find(keys, got_number(key));

	if (!k)
		return expr_odd(e, "key", got_number(key));
	op->name = k->name;
	op->len = k->len;
	if (!dreg == !sreg ||
	    !expr_register(dreg ? dreg : sreg, k->len, dreg ? &op->dreg : &op->sreg))
		return expr_odd(e, "register of key", k->number);
	op->kind = OP_LOAD;
	op->u.load.key = k->number;
	return NULL;
}

static const char *
make_set(const struct key_table *keys, struct op *op, enum op_kind kind)
{
	const struct key *k = key_find(keys, op->u.load.key);

	op->kind = (uint8_t)(k->set == KEY_SET_NOTHING ? OP_NOTHING : kind);
	op->u.set.is_known = k->set == KEY_SET_KNOWN;
	op->u.set.key = k->number;
	return NULL;
}

const char *
expr_meta(struct expr *e, struct op *op)
{
	const struct nlattr *sreg = e->g.a[NFTA_META_SREG];
	const char *bad =
	    read_key(e, op, &meta_keys, e->g.a[NFTA_META_KEY], e->g.a[NFTA_META_DREG], sreg);

	if (!bad && sreg)
		return make_set(&meta_keys, op, OP_META_SET);
	op->u.load.kind = LOAD_META;
	return bad;
}

const char *
expr_ct(struct expr *e, struct op *op)
{
	const struct nlattr *sreg = e->g.a[NFTA_CT_SREG], *dir = e->g.a[NFTA_CT_DIRECTION];
	const char *bad =
	    read_key(e, op, &ct_keys, e->g.a[NFTA_CT_KEY], e->g.a[NFTA_CT_DREG], sreg);

	if (!bad && sreg)
		return make_set(&ct_keys, op, OP_CT_SET);
	if (!bad && got_number(dir) > 1)
		return expr_odd(e, "direction", got_number(dir));
	/* The kernel stores what the table's family has. */
	if (!bad && (op->u.load.key == NFT_CT_SRC || op->u.load.key == NFT_CT_DST)) {
		op->len = e->table->family == NFPROTO_IPV4 ? 4 : 16;
		if (op->dreg + op->len > REG_BYTES)
			return "nft ct register";
	}
	op->u.load.kind = LOAD_CT;
	op->u.load.dir = dir ? (uint8_t)got_number(dir) : 0xff;
	return bad;
}

const char *
expr_rt(struct expr *e, struct op *op)
{
	const char *bad =
	    read_key(e, op, &rt_keys, e->g.a[NFTA_RT_KEY], e->g.a[NFTA_RT_DREG], NULL);

	op->u.load.kind = LOAD_RT;
	return bad;
}

const char *
expr_fib(struct expr *e, struct op *op)
{
	const struct nlattr **a = e->g.a;
	uint32_t flags = got_number(a[NFTA_FIB_FLAGS]);
	const char *bad = read_key(e, op, &fib_keys, a[NFTA_FIB_RESULT], a[NFTA_FIB_DREG], NULL);

	if (!bad && flags & ~0x3fu)
		return expr_odd(e, "flags", flags);
	op->u.load.kind = LOAD_FIB;
	op->u.load.flags = flags;
	/* Presence is stored as a word, also of names. */
	if (flags & NFTA_FIB_F_PRESENT)
		op->len = 4;
	return bad;
}

const char *
expr_any(struct expr *e, struct op *op)
{
	/* All of these have their register at 1 or 2, as the schema says. */
	static const struct {
		const char *name;
		uint8_t reg, len, kind;
	} loads[] = {
	    {"numgen", NFTA_NG_DREG, 4, LOAD_ANY},
	    {"hash", NFTA_HASH_DREG, 4, LOAD_ANY},
	    {"osf", NFTA_OSF_DREG, 16, LOAD_BREAKS},
	    {"socket", NFTA_SOCKET_DREG, 8, LOAD_BREAKS},
	    {"xfrm", NFTA_XFRM_DREG, 16, LOAD_BREAKS},
	    {"tunnel", NFTA_TUNNEL_DREG, 4, LOAD_BREAKS},
	};

	for (size_t i = 0; i < sizeof(loads) / sizeof(*loads); i++)
		if (!strcmp(loads[i].name, e->name)) {
			uint32_t len = loads[i].len;

			if (!expr_register(e->g.a[loads[i].reg], 4, &op->dreg))
				return expr_odd(e, "register", got_number(e->g.a[loads[i].reg]));
			if (op->dreg + len > REG_BYTES)
				len = REG_BYTES - op->dreg;
			return expr_load_any(op, loads[i].kind, len);
		}
	return e->name;
}
