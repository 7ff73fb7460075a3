/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "prover/eval_private.h"

#include <linux/if_ether.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

static enum load_result
unknown(struct regs *r, const struct op *op, enum load_result result)
{
	regs_put_unknown(r, op->dreg, op->len, op->name ? op->name : "meta");
	return result;
}

/* The name fills 16 bytes with zeros; none is the empty name. */
static enum load_result
put_name(struct regs *r, const struct op *op, const char *name)
{
	char text[16] = "";

	memcpy(text, name, strnlen(name, sizeof(text) - 1));
	regs_put(r, op->dreg, text, sizeof(text));
	return LOADED;
}

static enum load_result
put_kind(struct regs *r, const struct op *op, const struct iface *dev)
{
	return dev && dev->kind[0] ? put_name(r, op, dev->kind) : LOAD_BROKE;
}

static enum load_result
put_word(struct regs *r, const struct op *op, uint32_t value)
{
	regs_put_word(r, op->dreg, value, 0, NULL);
	return LOADED;
}

static enum load_result
put_half(struct regs *r, const struct op *op, uint16_t value)
{
	regs_put(r, op->dreg, &value, 2);
	return LOADED;
}

static enum load_result
put_byte(struct regs *r, const struct op *op, uint8_t value)
{
	regs_put(r, op->dreg, &value, 1);
	return LOADED;
}

/* Keys of an interface: without one, index and name are empty, the others end the rule. */
static enum load_result
load_iface(const struct evaluator *e, struct regs *r, const struct op *op, uint32_t index)
{
	const struct iface *dev = world_iface(e->world, index);

	if (index && !dev) /* gone since, or hidden */
		return unknown(r, op, LOADED_OR_NOT);
	switch (op->u.load.key) {
	case NFT_META_IIF:
	case NFT_META_OIF:
		return put_word(r, op, index);
	case NFT_META_IIFNAME:
	case NFT_META_OIFNAME:
		return put_name(r, op, dev ? dev->name : "");
	case NFT_META_IIFTYPE:
	case NFT_META_OIFTYPE:
		return dev ? put_half(r, op, dev->type) : LOAD_BROKE;
	case NFT_META_IIFGROUP:
	case NFT_META_OIFGROUP:
		return dev ? put_word(r, op, dev->group) : LOAD_BROKE;
	default:
		return put_kind(r, op, dev);
	}
}

/* The VRF's port, when the packet came in by one. */
static enum load_result
load_sdif(const struct evaluator *e, const struct env *env, struct regs *r, const struct op *op)
{
	const struct iface *in = world_iface(e->world, env->iif);

	if (!in || in->vrf_port || strcmp(in->kind, "vrf") == 0)
		return unknown(r, op, LOADED_OR_NOT);
	return op->u.load.key == NFT_META_SDIF ? put_word(r, op, 0) : put_name(r, op, "");
}

enum load_result
load_meta(struct evaluator *e, const struct env *env, struct regs *r, const struct op *op)
{
	switch (op->u.load.key) {
	case NFT_META_PROTOCOL:
		return put_half(r, op, htons(env->family == 4 ? ETH_P_IP : ETH_P_IPV6));
	case NFT_META_NFPROTO:
		return put_byte(r, op, env->family_hook);
	case NFT_META_L4PROTO:
		return put_byte(r, op, env->proto);
	case NFT_META_PKTTYPE:
		return put_byte(r, op, env->pkttype);
	case NFT_META_MARK:
		regs_put_word(r, op->dreg, env->mark, env->mark_unknown, "meta mark");
		return LOADED;
	case NFT_META_IIF:
	case NFT_META_IIFNAME:
	case NFT_META_IIFTYPE:
	case NFT_META_IIFGROUP:
	case NFT_META_IIFKIND:
		return load_iface(e, r, op, env->iif);
	case NFT_META_OIF:
	case NFT_META_OIFNAME:
	case NFT_META_OIFTYPE:
	case NFT_META_OIFGROUP:
	case NFT_META_OIFKIND:
		return load_iface(e, r, op, env->oif);
	case NFT_META_SDIF:
	case NFT_META_SDIFNAME:
		return load_sdif(e, env, r, op);
	case NFT_META_SECPATH: /* no policy of IPsec is read; a protected packet is another one */
		return put_byte(r, op, 0);
	case NFT_META_LEN:
	case NFT_META_PRIORITY:
	case NFT_META_CPU:
	case NFT_META_PRANDOM:
	case NFT_META_TIME_NS:
	case NFT_META_TIME_DAY:
	case NFT_META_TIME_HOUR:
		return unknown(r, op, LOADED);
	default: /* of a socket, a route, a bridge, or not known: may be missing */
		return unknown(r, op, LOADED_OR_NOT);
	}
}
