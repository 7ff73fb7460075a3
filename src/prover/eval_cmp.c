/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "prover/eval_private.h"

#include <linux/netfilter/nf_tables.h>

#define MASKED_BITS_MAX 16 /* 65,536 ranges of one comparison */

struct outcome
outcome_of(enum outcome_kind kind, const char *why)
{
	return (struct outcome){.kind = kind, .why = why};
}

void
outcome_fini(struct outcome *o)
{
	bool same = o->must.v == o->may.v;

	ranges_fini(&o->may);
	if (!same)
		ranges_fini(&o->must);
	*o = (struct outcome){0};
}

static struct outcome
outcome_not(struct outcome *o, uint8_t family)
{
	struct outcome n = *o;

	if (o->kind == OUT_NO || o->kind == OUT_YES) {
		n.kind = o->kind == OUT_NO ? OUT_YES : OUT_NO;
		return n;
	}
	if (o->kind != OUT_SPLIT)
		return n;
	n.may = ranges_not(&o->must, family);
	n.must = o->must.v == o->may.v ? n.may : ranges_not(&o->may, family);
	if (n.must.v == n.may.v)
		n.must.owned = false;
	outcome_fini(o);
	return n;
}

bool
masked_sources(uint8_t family, u128 mask, u128 value, struct ranges *out)
{
	u128 low = mask ? (mask & -mask) - 1 : family_last(family);
	u128 free_bits = family_last(family) & ~mask & ~low, sub = 0;
	unsigned bits = (unsigned)(__builtin_popcountll((uint64_t)free_bits) +
				   __builtin_popcountll((uint64_t)(free_bits >> 64)));
	uint32_t n = 0;

	if (bits > MASKED_BITS_MAX)
		return false;
	*out = (struct ranges){.v = malloc(sizeof(*out->v) << bits), .owned = true};
	if (!out->v)
		abort();
	do {
		u128 lo = (value & mask) | sub;

		out->v[n++] = (struct range){lo, lo | low};
		sub = (sub - free_bits) & free_bits;
	} while (sub);
	out->n = n;
	return true;
}

/* What looks at the port by equality with data. */
static void
port_eq(struct evaluator *e, const struct regs *r, uint8_t at, const uint8_t *data, unsigned len)
{
	for (unsigned i = 0; i < len; i++) {
		struct byte b = r->b[at + i];

		if (b.source || b.from < FROM_PORT_HIGH)
			continue;
		if (b.from == FROM_PORT_HIGH && i + 1 < len &&
		    r->b[at + i + 1].from == FROM_PORT_LOW) {
			uint32_t c = (uint32_t)data[i] << 8 | data[i + 1];

			ports_cut(e, c);
			ports_cut(e, c + 1);
			i++;
		} else {
			ports_pin(e);
		}
	}
}

static void
port_between(struct evaluator *e, const struct regs *r, uint8_t at, const uint8_t *lo,
    const uint8_t *hi, unsigned len)
{
	bool plain = len == 2 && r->b[at].from == FROM_PORT_HIGH &&
		     r->b[at + 1].from == FROM_PORT_LOW && !r->b[at].source && !r->b[at + 1].source;

	if (plain) {
		ports_cut(e, (uint32_t)lo[0] << 8 | lo[1]);
		ports_cut(e, ((uint32_t)hi[0] << 8 | hi[1]) + 1);
		return;
	}
	for (unsigned i = 0; i < len; i++)
		if (!r->b[at + i].source && r->b[at + i].from >= FROM_PORT_HIGH)
			ports_pin(e);
}

static struct outcome
equal(struct evaluator *e, const struct regs *r, uint8_t at, const uint8_t *data, unsigned len,
    bool dry)
{
	uint8_t family = e->q->family;
	unsigned last = family == 4 ? 3 : 15;
	u128 mask = 0, value = 0;
	bool unknown = false, never = false;
	struct outcome o = {.kind = OUT_SPLIT};

	for (unsigned i = 0; i < len && !never; i++) {
		struct byte b = r->b[at + i];
		uint8_t diff = b.value ^ data[i];
		unsigned shift = (last - (b.from & 15)) * 8;

		never = diff & (uint8_t) ~(b.unknown | b.source);
		unknown |= b.unknown != 0;
		if (!b.source)
			continue;
		/* The same bit may be asked for twice. */
		never |= ((value >> shift ^ diff) & (mask >> shift) & b.source) != 0;
		mask |= (u128)b.source << shift;
		value |= (u128)(diff & b.source) << shift;
	}
	if (never)
		return outcome_of(OUT_NO, NULL);
	if (!mask)
		return unknown ? outcome_of(OUT_MAYBE, regs_why(r, at, (uint8_t)len))
			       : outcome_of(OUT_YES, NULL);
	if (dry)
		return o;
	if (!masked_sources(family, mask, value, &o.may))
		return outcome_of(OUT_MAYBE, "non-contiguous mask");
	if (unknown)
		o.why = regs_why(r, at, (uint8_t)len);
	else
		o.must = (struct ranges){.v = o.may.v, .n = o.may.n};
	return o;
}

/* -1, 0, 1, or 2: not known. The first byte that differs decides. */
static int
compare(const struct regs *r, uint8_t at, const uint8_t *data, unsigned len, uint8_t extreme)
{
	bool all = true;

	for (unsigned i = 0; i < len; i++)
		all = all && data[i] == extreme;
	if (all) /* of 0: not less; of 0xff: not more */
		return 0;
	for (unsigned i = 0; i < len; i++) {
		struct byte b = r->b[at + i];

		if (!byte_known(b))
			return 2;
		if (b.value != data[i])
			return b.value < data[i] ? -1 : 1;
	}
	return 0;
}

/* The source's first len bytes as they are. */
static bool
leading_source(const struct regs *r, uint8_t at, unsigned len, uint8_t family)
{
	if (len > (family == 4 ? 4u : 16u))
		return false;
	for (unsigned i = 0; i < len; i++) {
		struct byte b = r->b[at + i];

		if (b.source != 0xff || b.value || b.from != i)
			return false;
	}
	return true;
}

static u128
leading_number(const uint8_t *bytes, unsigned len, uint8_t family, uint8_t fill)
{
	u128 n = 0;

	for (unsigned i = 0; i < (family == 4 ? 4u : 16u); i++)
		n = n << 8 | (i < len ? bytes[i] : fill);
	return n;
}

/* lo and hi inclusive, compared as memory is. */
static struct outcome
between(struct evaluator *e, const struct regs *r, uint8_t at, const uint8_t *lo, const uint8_t *hi,
    unsigned len, bool dry)
{
	uint8_t family = e->q->family;
	int below = compare(r, at, lo, len, 0), above = compare(r, at, hi, len, 0xff);
	struct outcome o = {.kind = OUT_SPLIT};

	port_between(e, r, at, lo, hi, len);
	if (memcmp(lo, hi, len) > 0 || below == -1 || above == 1)
		return outcome_of(OUT_NO, NULL);
	if (below != 2 && above != 2)
		return outcome_of(OUT_YES, NULL);
	if (!leading_source(r, at, len, family)) {
		for (unsigned i = 0; i < len; i++)
			if (r->b[at + i].source)
				return outcome_of(OUT_MAYBE, "order of a part of the source");
		return outcome_of(OUT_MAYBE, regs_why(r, at, (uint8_t)len));
	}
	if (dry)
		return o;
	o.may = (struct ranges){.v = malloc(sizeof(*o.may.v)), .n = 1, .owned = true};
	if (!o.may.v)
		abort();
	o.may.v[0] = (struct range){
	    leading_number(lo, len, family, 0), leading_number(hi, len, family, 0xff)};
	o.must = (struct ranges){.v = o.may.v, .n = 1};
	return o;
}

static const uint8_t zeros[REG_BYTES];
static const uint8_t ones[REG_BYTES] = {[0 ... REG_BYTES - 1] = 0xff};

struct outcome
cmp_op(struct evaluator *e, const struct regs *r, const struct op *op, bool dry)
{
	const uint8_t *data = op->u.cmp.data;
	unsigned len = op->len;
	uint8_t at = op->sreg;
	struct outcome o;

	if (at + len > REG_BYTES || len > sizeof(op->u.cmp.data))
		return outcome_of(OUT_MAYBE, op->name);
	switch (op->u.cmp.op) {
	case NFT_CMP_EQ:
	case NFT_CMP_NEQ:
		port_eq(e, r, at, data, len);
		o = equal(e, r, at, data, len, dry);
		break;
	case NFT_CMP_LT: /* not: at least */
	case NFT_CMP_GTE:
		o = between(e, r, at, data, ones, len, dry);
		break;
	case NFT_CMP_GT: /* not: at most */
	case NFT_CMP_LTE:
		o = between(e, r, at, zeros, data, len, dry);
		break;
	default:
		return outcome_of(OUT_MAYBE, op->name);
	}
	if (op->u.cmp.op != NFT_CMP_NEQ && op->u.cmp.op != NFT_CMP_LT && op->u.cmp.op != NFT_CMP_GT)
		return o;
	return dry && o.kind == OUT_SPLIT ? o : outcome_not(&o, e->q->family);
}

struct outcome
range_op(struct evaluator *e, const struct regs *r, const struct op *op, bool dry)
{
	struct outcome o;

	if (op->sreg + op->len > REG_BYTES || op->len > sizeof(op->u.range.from))
		return outcome_of(OUT_MAYBE, op->name);
	o = between(e, r, op->sreg, op->u.range.from, op->u.range.to, op->len, dry);
	if (op->u.range.op != NFT_RANGE_NEQ || (dry && o.kind == OUT_SPLIT))
		return o;
	return outcome_not(&o, e->q->family);
}
