/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What prover/ipset (reading) leaves for prover/ipset_ask (asking): the sets with their members as
 * numbers in host order, and the answers that were given before. All of the arena. Members are
 * networks: the kernel lists neither address nor port ranges in elements.
 */
#pragma once

#include <net/if.h>

#include "base/arena.h"
#include "prover/ipset.h"

/* Which direction ("src,dst") says which part of the packet; 0: the type has no such part. */
struct ipset_type {
	const char *name;
	uint8_t dims, ip, port, ip2, iface, mark, mac;
	bool nets; /* networks of any size, and nomatch */
	bool sets; /* list:set */
};

struct ipset_member {
	u128 addr;
	union {
		u128 addr2;
		char iface[IFNAMSIZ];
		const struct ipset *set; /* NULL: one that is not there, or another list */
	} u;
	uint32_t mark;
	uint16_t port;
	uint8_t proto, len, len2;
	uint8_t flags; /* IPSET_FLAG_NOMATCH, IPSET_FLAG_IFACE_WILDCARD */
};

/* What of a packet an answer depends on; the port apart. Zeroed, compared whole. */
struct ipset_probe {
	u128 addr, addr2;
	uint32_t mark, mark_unknown;
	char iface[IFNAMSIZ];
	uint8_t family, proto;
	bool source, source2;            /* instead of addr, addr2: the source */
	bool port_unknown, mac, swapped; /* swapped: nomatch members are asked for */
};

struct ipset_answer {
	struct ipset_answer *next;
	struct ipset_probe probe;
	struct port_class ports; /* it holds for */
	struct ranges may, must; /* of the arena */
};

struct ipset_cache {
	struct ipset_answer *answers;
	uint32_t n;
	bool dynamic;
};

struct ipset {
	struct ipsets *all;
	const char *name;
	const struct ipset_type *type;
	uint16_t index; /* IPSET_INVALID_ID: not told */
	uint8_t family; /* 4, 6; 0: any */
	const char *unknown;
	const char *why, *why_dynamic; /* "ipset NAME", "ipset NAME, which rules change" */
	uint32_t mark_mask, told;      /* told: elements there should be, at least */
	struct ipset_member *members;
	uint32_t n, room;
	struct ipset_cache *cache;
};

struct ipsets {
	struct arena *arena;
	struct ipset *v;
	uint32_t n;
	uint64_t members; /* over all */
	uint64_t cached;  /* ranges in answers */
};
