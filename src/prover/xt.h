/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * iptables extensions inside nft rules (expressions "match" and "target"): their kernel structs
 * (linux/netfilter/xt_*.h, linux/netfilter_ipv4, _ipv6), read once, asked often. An extension or
 * revision that is not in the table is unknown by name.
 */
#pragma once

#include "prover/eval.h"

struct xt_match;
struct xt_target;

/* name, revision and bytes as in NFTA_MATCH_*, family NFPROTO_* of the table. Never NULL: what is
 * not known answers OUT_MAYBE under its name. The arena's. */
const struct xt_match *xt_match_read(
    struct arena *a, const char *name, uint32_t rev, const void *info, size_t n, uint8_t family);
/* hook: NF_INET_* of the base chain that the rule stands in, -1: in no base chain. NETMAP is SNAT
 * or DNAT by it, and unknown without it. */
const struct xt_target *xt_target_read(struct arena *a, const char *name, uint32_t rev,
    const void *info, size_t n, uint8_t family, int hook);

/* Whether a match holds for a packet; narrows ports when it looked at the port. */
struct outcome xt_match_ask(const struct xt_match *m, const struct env *env, const struct world *w,
    struct port_class *ports);

/* True: no packet has what it wants unless its sender adds an extension header. The answer to
 * xt_match_ask stays OUT_MAYBE, since a rule that accepts such packets lets in whoever adds it. A
 * rule that only drops them is nobody's way in and no plain packet's end: prover/ruleset leaves it
 * empty. */
bool xt_match_needs_header(const struct xt_match *m);

/* What a target does. */
enum xt_effect {
	XT_NOTHING, /* LOG, NFLOG, TRACE, TCPMSS, CHECKSUM, ...: the next rule */
	XT_ACCEPT,
	XT_DROP,
	XT_REJECT,
	XT_MARK,         /* mark := (mark & ~mask) ^ value */
	XT_CONNMARK,     /* the same with ctmark */
	XT_SAVE_MARK,    /* ctmark := (ctmark & ~mask) ^ (mark & mask2) */
	XT_RESTORE_MARK, /* mark := (mark & ~mask) ^ (ctmark & mask2) */
	XT_NOTRACK,
	XT_NAT, /* nat */
	XT_QUEUE,
	XT_STOLEN,  /* TPROXY, TEE is XT_NOTHING, SYNPROXY */
	XT_DYNAMIC, /* SET: changes the ipsets with index value and mask (65535: none), which are
		       unknown as soon as it is in a ruleset: xt_mark_dynamic */
	XT_UNKNOWN,
};
struct xt_action {
	enum xt_effect effect;
	uint32_t value, mask, mask2;
	struct {
		uint8_t kind;                /* enum nat_kind */
		struct addr min, max;        /* family 0: address stays */
		uint16_t port_min, port_max; /* host order; 0: port stays */
		uint32_t flags;
	} nat;
	const char *name;
};
const struct xt_action *xt_target_action(const struct xt_target *t);
/* To be called once, when ruleset and world were both read, before any question: the ipsets that
 * the rules' targets change are unknown from then on. */
void xt_mark_dynamic(const struct ruleset *r, const struct world *w);
