/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Inside prover/xt: what the readers of match structs leave behind, and the three-valued logic that
 * joins their conditions. A kind's read function gets bytes whose size was checked and returns
 * false for contents it does not know; its ask function gets what read stored. Outcomes that are
 * handed to a logic function belong to it.
 */
#pragma once

#include "base/arena.h"
#include "prover/ipset.h"
#include "prover/xt.h"

struct xt_kind;

/* Ports that a condition lists, host order. */
struct xt_ports {
	struct {
		uint16_t lo, hi;
	} v[15];
	uint8_t n;
};

/* An address under a mask, as the bytes of the struct, and the ranges it means per family (0: IPv4,
 * 1: IPv6) if the mask is a prefix. */
struct xt_masked {
	uint8_t addr[16], mask[16];
	bool is_prefix[2], inverted;
	struct ranges in[2]; /* inversion done */
};

struct xt_match {
	const struct xt_kind *kind; /* NULL: not known, why says what */
	const char *why;            /* "xt NAME" */
	bool needs_header;          /* xt_match_needs_header */
	union {
		struct {
			uint16_t match, invert, state, status, l4proto;
			struct xt_masked orig_src, orig_dst, repl_src, repl_dst;
			struct {
				uint16_t lo, hi;
			} orig_sport, orig_dport, repl_sport, repl_dport;
		} ct;
		struct {
			uint32_t mark, mask;
			bool invert;
		} mark;
		struct {
			bool has_src, has_dst;
			struct ranges src[2], dst[2]; /* per family; inversion done */
		} range;
		struct {
			uint16_t source, dest; /* bits 1 << RTN_* */
			bool invert_source, invert_dest, limit_in, limit_out;
		} type;
		struct {
			struct xt_ports ports;
			uint8_t which; /* enum xt_multiport_flags */
			bool invert;
		} multi;
		struct {
			uint8_t proto;
			struct {
				uint16_t lo, hi;
				bool invert;
			} src, dst;
			uint8_t flag_mask, flag_cmp; /* TCP */
			bool invert_flags, has_option;
			uint8_t init; /* SCTP: enum outcome_kind of an INIT chunk alone */
		} l4;
		struct {
			uint16_t index;
			struct ipset_question q;
			bool invert, counters;
		} set;
		struct {
			uint32_t flags, src, src_mask, dst, dst_mask;
		} group;
		struct {
			int type;
			bool invert;
		} pkttype;
		struct {
			uint8_t bits, invert;
		} physdev;
		uint8_t rpfilter; /* XT_RPFILTER_* */
	} u;
};

struct xt_kind {
	const char *name;
	uint8_t rev, family; /* NFPROTO_*; NFPROTO_UNSPEC: all */
	uint16_t size;       /* as the kernel has it, before XT_ALIGN */
	bool (*read)(struct xt_match *m, const void *info, struct arena *a); /* NULL: nothing */
	struct outcome (*ask)(const struct xt_match *m, const struct env *env,
	    const struct world *w, struct port_class *ports);
};

/* The kinds of a file; end with a NULL name. */
extern const struct xt_kind xt_kinds_ct[], xt_kinds_addr[], xt_kinds_iface[], xt_kinds_port[],
    xt_kinds_set[], xt_kinds_header[];

/* Index of a packet's family in the arrays above. */
static inline unsigned
xt_f(const struct env *env)
{
	return env->family == 6;
}

struct outcome xt_bool(bool b);
struct outcome xt_maybe(const char *why);
/* Exactly these ranges, which stay the caller's (owned false), or go to the outcome (owned). */
struct outcome xt_sources(const struct ranges *r, uint8_t family);
/* A SPLIT of any ranges as what it is: NO, YES, MAYBE or itself; exact when must.v is may.v. */
struct outcome xt_tidy(struct outcome o, uint8_t family);
struct outcome xt_not(struct outcome o, uint8_t family);
struct outcome xt_and(struct outcome a, struct outcome b, uint8_t family);
struct outcome xt_or(struct outcome a, struct outcome b, uint8_t family);
/* Whether the header's source is in r, or in s; whether its destination is in r. */
struct outcome xt_saddr_in(const struct env *env, const struct ranges *r);
struct outcome xt_saddr_of(const struct env *env, struct addr_set s);
struct outcome xt_daddr_in(const struct env *env, const struct ranges *r);
/* Ranges of the arena: lo to hi, or all others of the family. hi < lo is empty. */
struct ranges xt_range(struct arena *a, uint8_t family, u128 lo, u128 hi, bool invert);
u128 xt_number(uint8_t family, const uint8_t *bytes);
/* Whether nobody knows the header's destination port. */
static inline bool
xt_dport_unknown(const struct env *env)
{
	return env->dport_unknown || env->payload_unknown;
}

/* Whether a port is in lo to hi, for the header's port and for the one before destination NAT;
 * narrows. */
bool xt_dport_in(const struct env *env, struct port_class *p, uint16_t lo, uint16_t hi);
bool xt_dport_orig_in(const struct env *env, struct port_class *p, uint16_t lo, uint16_t hi);
