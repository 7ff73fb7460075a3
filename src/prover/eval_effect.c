/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "prover/eval_private.h"

#include <linux/netfilter/nf_tables.h>

static void
trail_effect(const struct run *r, const char *text)
{
	eval_trail(r->e, r->rule, r->rule->chain, r->unknown, "%s", text);
}

static void
trail_mark(const struct run *r, const char *what, uint32_t mark, uint32_t unknown)
{
	if (unknown)
		eval_trail(r->e, r->rule, r->rule->chain, r->unknown, "%s set, not known", what);
	else
		eval_trail(r->e, r->rule, r->rule->chain, r->unknown, "%s set 0x%x", what, mark);
}

/* The class of ports is lost when a part of the port is kept in a mark. */
static void
port_kept(struct run *r, uint8_t at, uint8_t len)
{
	for (unsigned i = at; i < (unsigned)at + len && i < REG_BYTES; i++)
		if (!r->regs.b[i].source && r->regs.b[i].from >= FROM_PORT_HIGH)
			ports_pin(r->e);
}

bool
meta_set_run(struct run *r, const struct op *op)
{
	uint8_t type;

	if (op->u.set.key == NFT_META_MARK && op->u.set.is_known) {
		port_kept(r, op->sreg, 4);
		r->env.mark = regs_word(&r->regs, op->sreg, &r->env.mark_unknown);
		trail_mark(r, "mark", r->env.mark, r->env.mark_unknown);
		return true;
	}
	if (op->u.set.key == NFT_META_PKTTYPE && op->u.set.is_known &&
	    regs_get(&r->regs, op->sreg, 1, &type)) {
		/* PACKET_HOST, _BROADCAST, _MULTICAST and _OTHERHOST only. */
		if (type <= 3)
			r->env.pkttype = type;
		trail_effect(r, "pkttype set");
		return true;
	}
	if (op->u.set.key == NFT_META_PRIORITY || op->u.set.key == NFT_META_NFTRACE ||
	    op->u.set.key == NFT_META_SECMARK)
		return true;
	return run_unknown(r, op->name ? op->name : "meta set");
}

bool
ct_set_run(struct run *r, const struct op *op)
{
	/* A zone is chosen before there is an entry; all else needs one. */
	if (r->env.track != TRACK_NEW) {
		r->env.ct_touched |= op->u.set.key == NFT_CT_ZONE;
		return true;
	}
	if (op->u.set.key != NFT_CT_MARK || !op->u.set.is_known) {
		r->env.ct_touched = true;
		return true;
	}
	port_kept(r, op->sreg, 4);
	r->env.ctmark = regs_word(&r->regs, op->sreg, &r->env.ctmark_unknown);
	trail_mark(r, "ct mark", r->env.ctmark, r->env.ctmark_unknown);
	return true;
}

/* An address of the header is written whole. */
static void
set_addr(struct run *r, const struct op *op, bool source)
{
	struct addr a = {.family = r->env.family};
	bool is_known = regs_get(&r->regs, op->sreg, op->len, a.bytes);

	if (source) {
		r->env.snat = true;
		r->env.snat_addr_known = is_known;
		r->env.saddr_new = is_known ? a : (struct addr){0};
	} else {
		r->env.daddr_unknown = !is_known;
		if (is_known)
			r->env.daddr = a;
	}
}

static bool
overlaps(uint32_t at, uint32_t len, uint32_t from, uint32_t n)
{
	return at < from + n && from < at + len;
}

static bool
set_network(struct run *r, const struct op *op)
{
	uint32_t size = r->env.family == 4 ? 4 : 16, at = op->u.load.offset;
	uint32_t saddr = r->env.family == 4 ? 12 : 8, proto = r->env.family == 4 ? 9 : 6;

	if (op->len == size && (at == saddr || at == saddr + size)) {
		set_addr(r, op, at == saddr);
		return true;
	}
	if (overlaps(at, op->len, saddr + size, size))
		r->env.daddr_unknown = true;
	if (overlaps(at, op->len, saddr, size)) {
		r->env.snat = true;
		r->env.snat_addr_known = false;
		r->env.saddr_new = (struct addr){0};
	}
	return !overlaps(at, op->len, saddr, 2 * size) && !overlaps(at, op->len, proto, 1) && at;
}

static bool
set_transport(struct run *r, const struct op *op)
{
	uint32_t at = op->u.load.offset;
	uint8_t port[2];

	if (!overlaps(at, op->len, 2, 2))
		return r->env.proto != IPPROTO_TCP || !overlaps(at, op->len, 13, 1);
	if (at + op->len != 4 || at > 2)
		return false;
	port_kept(r, (uint8_t)(op->sreg + 2 - at), 2);
	r->env.dport_unknown = !regs_get(&r->regs, (uint8_t)(op->sreg + 2 - at), 2, port);
	if (!r->env.dport_unknown)
		r->env.dport = (uint16_t)(port[0] << 8 | port[1]);
	return true;
}

/* What rules may look at later and is not modelled makes the header unknown. */
bool
payload_set_run(struct run *r, const struct op *op)
{
	bool modelled = true;

	if (op->u.load.base == NFT_PAYLOAD_NETWORK_HEADER)
		modelled = set_network(r, op);
	else if (op->u.load.base == NFT_PAYLOAD_TRANSPORT_HEADER)
		modelled = set_transport(r, op);
	else if (op->u.load.base == NFT_PAYLOAD_LL_HEADER)
		modelled = !overlaps(op->u.load.offset, op->len, 12, 2);
	if (!modelled)
		r->env.payload_unknown = true;
	trail_effect(r, op->name ? op->name : "payload set");
	return true;
}

bool
notrack_run(struct run *r)
{
	if (r->env.track == TRACK_NONE)
		r->env.track = TRACK_UNTRACKED;
	trail_effect(r, "notrack");
	return true;
}

/* (old & ~mask) ^ value, with bits that are not known. */
static void
change_mark(
    uint32_t *mark, uint32_t *unknown, uint32_t mask, uint32_t value, uint32_t value_unknown)
{
	*unknown = (*unknown & ~mask) | value_unknown;
	*mark = ((*mark & ~mask) ^ value) & ~*unknown;
}

static bool
mark_target(struct run *r, const struct xt_action *a)
{
	struct env *env = &r->env;

	if (a->effect != XT_MARK && env->track != TRACK_NEW)
		return true; /* no entry: nothing is done */
	switch (a->effect) {
	case XT_MARK:
		change_mark(&env->mark, &env->mark_unknown, a->mask, a->value, 0);
		trail_mark(r, "mark", env->mark, env->mark_unknown);
		return true;
	case XT_CONNMARK:
		change_mark(&env->ctmark, &env->ctmark_unknown, a->mask, a->value, 0);
		break;
	case XT_SAVE_MARK:
		change_mark(&env->ctmark, &env->ctmark_unknown, a->mask, env->mark & a->mask2,
		    env->mark_unknown & a->mask2);
		break;
	default: /* XT_RESTORE_MARK */
		change_mark(&env->mark, &env->mark_unknown, a->mask, env->ctmark & a->mask2,
		    env->ctmark_unknown & a->mask2);
		break;
	}
	trail_effect(r, a->name ? a->name : "connmark");
	return true;
}

bool
xt_target_run(struct run *r, const struct op *op)
{
	const struct xt_action *a = xt_target_action(op->u.xt_target);
	const char *name = a->name ? a->name : op->name;

	switch (a->effect) {
	case XT_NOTHING:
	case XT_DYNAMIC: /* sets that a rule changes are unknown to the matches that ask them */
		return true;
	case XT_ACCEPT:
		return run_accept(r, "accept");
	case XT_DROP:
		return run_drop(r, "drop");
	case XT_REJECT:
		return run_drop(r, "reject");
	case XT_MARK:
	case XT_CONNMARK:
	case XT_SAVE_MARK:
	case XT_RESTORE_MARK:
		return mark_target(r, a);
	case XT_NOTRACK:
		return notrack_run(r);
	case XT_NAT:
		return nat_xt_run(r, a);
	case XT_QUEUE:
		return run_queue(r, name);
	case XT_STOLEN:
		return run_both(r, name ? name : "taken off the path");
	case XT_UNKNOWN:
		break;
	}
	return run_unknown(r, name ? name : "xt target");
}
