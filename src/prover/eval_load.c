/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "prover/eval_private.h"

#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/if_arp.h>
#include <linux/netfilter.h>

static struct byte
known(uint8_t value)
{
	return (struct byte){.value = value};
}

static struct byte
partly(uint8_t value, uint8_t unknown)
{
	return (struct byte){.value = value, .unknown = unknown};
}

static const struct byte nobody_knows = {.unknown = 0xff};

static struct byte
source_byte(const struct env *env, unsigned i)
{
	if (!env->snat)
		return (struct byte){.source = 0xff, .from = (uint8_t)i};
	return env->snat_addr_known ? known(env->saddr_new.bytes[i]) : nobody_knows;
}

static struct byte
target_byte(const struct env *env, unsigned i)
{
	return env->daddr_unknown ? nobody_knows : known(env->daddr.bytes[i]);
}

/* RFC 791. Options are the sender's choice; reassembled packets have no offset. */
static struct byte
ipv4_byte(const struct env *env, uint32_t i)
{
	if (i >= 12 && i < 16)
		return source_byte(env, i - 12);
	if (i >= 16 && i < 20)
		return target_byte(env, i - 16);
	switch (i) {
	case 0:
		return partly(0x40, 0x0f); /* version, header length */
	case 6:
		return partly(0, 0x40); /* do not fragment */
	case 7:
		return known(0);
	case 9:
		return known(env->proto);
	default:
		return nobody_knows;
	}
}

/* Hop-by-hop options, routing, destination options. */
const uint8_t load_next_headers[NEXT_HEADERS] = {0, 43, 60};

/* RFC 8200. */
static struct byte
ipv6_byte(const struct env *env, uint32_t i)
{
	if (i >= 8 && i < 24)
		return source_byte(env, i - 8);
	if (i >= 24 && i < 40)
		return target_byte(env, i - 24);
	switch (i) {
	case 0:
		return partly(0x60, 0x0f);
	case 6:
		return known(env->extended ? load_next_headers[env->extended - 1] : env->proto);
	default:
		return nobody_knows;
	}
}

bool
load_sees_next_header(const struct env *env, const struct op *op)
{
	return op->u.load.kind == LOAD_PAYLOAD && env->family == 6 && !env->extended &&
	       op->u.load.base == NFT_PAYLOAD_NETWORK_HEADER && op->u.load.offset <= 6 &&
	       op->u.load.offset + op->len > 6;
}

static struct byte
port_byte(const struct evaluator *e, uint16_t port, bool high)
{
	struct byte b = known((uint8_t)(high ? port >> 8 : port));

	/* Rewritten to another one it no longer depends on the asked port. */
	if (port == e->q->dport)
		b.from = high ? FROM_PORT_HIGH : FROM_PORT_LOW;
	return b;
}

/* A SYN with the flags a sender may add to it (URG, PSH, ECE, CWR), an SCTP INIT. */
static struct byte
transport_byte(const struct evaluator *e, const struct env *env, uint32_t i)
{
	if (i == 2 || i == 3)
		return env->dport_unknown ? nobody_knows : port_byte(e, env->dport, i == 2);
	if (env->proto == IPPROTO_TCP && i == 13)
		return partly(0x02, 0xe8);
	if (env->proto == IPPROTO_SCTP && i >= 4 && i < 8)
		return known(0); /* verification tag */
	if (env->proto == IPPROTO_SCTP && i == 12)
		return known(1); /* INIT */
	return nobody_knows;
}

/* An Ethernet frame that just came in. */
static bool
has_frame(const struct evaluator *e, const struct env *env)
{
	const struct iface *in = world_iface(e->world, env->iif);

	return in && in->type == ARPHRD_ETHER && !env->oif;
}

/* Bytes that every packet has from this base on; UDP may be empty. */
static uint32_t
base_length(const struct evaluator *e, const struct env *env, uint8_t base)
{
	switch (base) {
	case NFT_PAYLOAD_LL_HEADER:
		return has_frame(e, env) ? 14 : 0;
	case NFT_PAYLOAD_NETWORK_HEADER:
		return env->family == 4 ? 28 : 48;
	case NFT_PAYLOAD_TRANSPORT_HEADER:
		return env->proto == IPPROTO_TCP ? 20 : env->proto == IPPROTO_SCTP ? 32 : 8;
	default:
		return 0;
	}
}

/* Only the type of an Ethernet frame is known. */
static struct byte
link_byte(const struct evaluator *e, const struct env *env, uint32_t i)
{
	if (!has_frame(e, env) || (i != 12 && i != 13))
		return nobody_knows;
	if (env->family == 4)
		return known(i == 12 ? 0x08 : 0x00);
	return known(i == 12 ? 0x86 : 0xdd);
}

static struct byte
payload_byte(const struct evaluator *e, const struct env *env, uint8_t base, uint32_t i)
{
	switch (base) {
	case NFT_PAYLOAD_LL_HEADER:
		return link_byte(e, env, i);
	case NFT_PAYLOAD_NETWORK_HEADER:
		return env->family == 4 ? ipv4_byte(env, i) : ipv6_byte(env, i);
	case NFT_PAYLOAD_TRANSPORT_HEADER:
		return transport_byte(e, env, i);
	default:
		return nobody_knows;
	}
}

static enum load_result
load_payload(struct evaluator *e, const struct env *env, struct regs *r, const struct op *op)
{
	uint8_t base = op->u.load.base;
	uint32_t from = op->u.load.offset;
	unsigned len = op->len;
	bool all = (uint64_t)from + len <= base_length(e, env, base);

	if (op->dreg + len > REG_BYTES)
		return LOADED_OR_NOT;
	regs_put_unknown(r, op->dreg, op->len, op->name ? op->name : "payload");
	if (env->payload_unknown)
		return LOADED_OR_NOT;
	for (unsigned i = 0; i < len; i++)
		r->b[op->dreg + i] = payload_byte(e, env, base, from + i);
	return all ? LOADED : LOADED_OR_NOT;
}

void
regs_put_source(struct regs *r, uint8_t at, const struct env *env, const char *why)
{
	unsigned n = env->family == 4 ? 4 : 16;

	regs_put_unknown(r, at, (uint8_t)n, why);
	for (unsigned i = 0; i < n && at + i < REG_BYTES; i++)
		r->b[at + i] = (struct byte){.source = 0xff, .from = (uint8_t)i};
}

void
regs_put_addr(struct regs *r, uint8_t at, const struct addr *a)
{
	regs_put(r, at, a->bytes, (uint8_t)addr_size(a));
}

/* Bits that are known before the entry is confirmed. Whether the source was mapped (4) or NAT
 * asked at all (7, 8) is not, once it may have been. */
static void
load_status(const struct env *env, struct regs *r, const struct op *op)
{
	uint32_t unknown = IPS_SRC_NAT_DONE | IPS_DST_NAT_DONE | IPS_HELPER;

	if (env->hook != NF_INET_PRE_ROUTING && env->priority > 0)
		unknown |= IPS_SRC_NAT;
	if (env->dnat && (env->daddr_unknown || env->dport_unknown))
		unknown |= IPS_DST_NAT;
	regs_put_word(r, op->dreg, env->dnat_changed ? IPS_DST_NAT : 0, unknown, "ct status");
}

/* The tuple's addresses: original as the sender sent it, reply as the answer will be. */
static void
load_tuple_addr(const struct env *env, struct regs *r, const struct op *op, bool source)
{
	bool reply = op->u.load.dir == 1;
	const char *why = reply ? "ct reply" : "ct original";

	if (source != reply) {
		if (reply ? env->snat : env->saddr_early)
			regs_put_unknown(r, op->dreg, op->len, why);
		else
			regs_put_source(r, op->dreg, env, why);
	} else if (reply && env->daddr_unknown) {
		regs_put_unknown(r, op->dreg, op->len, why);
	} else {
		regs_put_addr(r, op->dreg, reply ? &env->daddr : &env->daddr_orig);
	}
}

static void
load_tuple_port(
    struct evaluator *e, const struct env *env, struct regs *r, const struct op *op, bool source)
{
	bool reply = op->u.load.dir == 1;

	regs_put_unknown(r, op->dreg, 2, reply ? "ct reply" : "ct original proto-src");
	if (source != reply || (reply && env->dport_unknown))
		return;
	for (unsigned i = 0; i < 2 && op->dreg + i < REG_BYTES; i++) {
		uint16_t port = reply ? env->dport : env->dport_orig;

		r->b[op->dreg + i] = port_byte(e, port, i == 0);
	}
}

static enum load_result
load_ct_state(const struct env *env, struct regs *r, const struct op *op)
{
	static const uint32_t bits[] = {
	    [TRACK_NONE] = 1, /* invalid, as without an entry */
	    [TRACK_NEW] = 1 << (IP_CT_NEW + 1),
	    [TRACK_UNTRACKED] = 1 << 6,
	};

	regs_put_word(r, op->dreg, bits[env->track], 0, NULL);
	return LOADED;
}

enum load_result
load_ct(struct evaluator *e, const struct env *env, struct regs *r, const struct op *op)
{
	uint32_t key = op->u.load.key;
	uint8_t l3 = env->family == 4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
	static const uint8_t none[16];

	if (key == NFT_CT_STATE)
		return load_ct_state(env, r, op);
	if (env->track != TRACK_NEW)
		return LOAD_BROKE;
	switch (key) {
	case NFT_CT_DIRECTION:
		regs_put(r, op->dreg, none, 1);
		return LOADED;
	case NFT_CT_STATUS:
		load_status(env, r, op);
		return LOADED;
	case NFT_CT_MARK:
		regs_put_word(r, op->dreg, env->ctmark, env->ctmark_unknown, "ct mark");
		return LOADED;
	case NFT_CT_L3PROTOCOL:
		regs_put(r, op->dreg, &l3, 1);
		return LOADED;
	case NFT_CT_PROTOCOL:
		regs_put(r, op->dreg, &env->proto, 1);
		return LOADED;
	case NFT_CT_SRC_IP:
	case NFT_CT_DST_IP:
		if (env->family != 4)
			return LOAD_BROKE;
		load_tuple_addr(env, r, op, key == NFT_CT_SRC_IP);
		return LOADED;
	case NFT_CT_SRC_IP6:
	case NFT_CT_DST_IP6:
		if (env->family != 6)
			return LOAD_BROKE;
		load_tuple_addr(env, r, op, key == NFT_CT_SRC_IP6);
		return LOADED;
	case NFT_CT_SRC:
	case NFT_CT_DST:
		load_tuple_addr(env, r, op, key == NFT_CT_SRC);
		return LOADED;
	case NFT_CT_PROTO_SRC:
	case NFT_CT_PROTO_DST:
		load_tuple_port(e, env, r, op, key == NFT_CT_PROTO_SRC);
		return LOADED;
	case NFT_CT_LABELS:
		if (env->ct_touched)
			break;
		regs_put(r, op->dreg, none, 16);
		return LOADED;
	default:
		break;
	}
	regs_put_unknown(r, op->dreg, op->len, op->name ? op->name : "ct");
	return LOADED_OR_NOT;
}

enum load_result
eval_load(struct evaluator *e, const struct env *env, struct regs *r, const struct op *op)
{
	switch (op->u.load.kind) {
	case LOAD_PAYLOAD:
		return load_payload(e, env, r, op);
	case LOAD_META:
		return load_meta(e, env, r, op);
	case LOAD_CT:
		return load_ct(e, env, r, op);
	case LOAD_FIB:
		return load_fib(e, env, r, op);
	case LOAD_ANY:
		regs_put_unknown(r, op->dreg, op->len, op->name);
		return LOADED;
	default:
		regs_put_unknown(r, op->dreg, op->len, op->name);
		return LOADED_OR_NOT;
	}
}
