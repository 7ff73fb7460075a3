/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The ruleset in the prover's own small form: what one kernel dump says, checked attribute by
 * attribute. Comes from prover/ruleset (expressions), prover/sets (elements), prover/xt (iptables
 * extensions); goes to prover/eval. What is not known exactly stays in it as OP_MAY or OP_UNKNOWN,
 * with its name: nothing is guessed and nothing is left out.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "prover/srcset.h"

/* The data registers as bytes: NFT_REG_1..4 are 16 bytes each, NFT_REG32_00..15 alias them by 4. A
 * register in an op is the offset of its first byte (NFT_REG_1 and NFT_REG32_00: 0, NFT_REG_2: 16,
 * NFT_REG32_01: 4); it and the op's len stay within REG_BYTES. Whatever writes a register also
 * clears its bytes up to the next multiple of 4. */
#define REG_BYTES 64

enum op_kind {
	OP_NOTHING,   /* counter, log, dup, comment: no influence on the packet */
	OP_LOAD,      /* u.load into dreg, len bytes; what breaks ends the rule */
	OP_IMMEDIATE, /* u.data into dreg */
	OP_CMP,       /* u.cmp: sreg with data, len bytes, byte order as in memory */
	OP_RANGE,     /* u.range */
	OP_BITWISE,   /* dreg := (sreg & mask) ^ xor, len bytes */
	OP_SHIFT,     /* dreg := sreg << or >> u.shift, as 32-bit host words like the kernel */
	OP_BYTEORDER, /* u.byteorder */
	OP_LOOKUP,    /* u.lookup */
	OP_VERDICT,   /* u.verdict */
	OP_META_SET,  /* u.set: meta KEY := sreg */
	OP_CT_SET,
	OP_PAYLOAD_SET, /* u.load says where: from then on these header bytes are sreg */
	OP_NOTRACK,
	OP_REJECT,    /* u.reject */
	OP_NAT,       /* u.nat */
	OP_DYNSET,    /* u.lookup: adds, updates, deletes; may match or not */
	OP_QUEUE,     /* user space decides: accept or drop */
	OP_STOLEN,    /* fwd, synproxy, tproxy: leaves this path; u.name says how */
	OP_XT_MATCH,  /* u.xt_match */
	OP_XT_TARGET, /* u.xt_target */
	OP_MAY,       /* limit, quota, time...: may let the rule go on or end it */
	OP_UNKNOWN,   /* not understood: may match or not, accept, drop or change anything */
};

enum load_kind {
	LOAD_PAYLOAD, /* base (enum nft_payload_bases), offset, len */
	LOAD_META,    /* key: enum nft_meta_keys */
	LOAD_CT,      /* key: enum nft_ct_keys, dir: 0 original, 1 reply, 0xff not given */
	LOAD_FIB,     /* key: enum nft_fib_result, flags: NFTA_FIB_F_* */
	LOAD_RT,      /* key: enum nft_rt_keys */
	LOAD_ANY,     /* a value nobody knows (random, osf, hash...): every byte unknown */
	LOAD_BREAKS,  /* as LOAD_ANY, and may end the rule (TCP option that may be absent) */
	LOAD_HEADER,  /* as LOAD_BREAKS, of an IPv6 extension header or IPv4 option, which a packet
			 has only if its sender added it; flags: NFT_EXTHDR_F_PRESENT */
};

struct op {
	uint8_t kind;       /* enum op_kind */
	uint8_t dreg, sreg; /* byte offsets */
	uint8_t len;        /* bytes; of loads what the kernel writes for the key */
	/* As nft names it ("limit", "xt hashlimit", "meta skuid"): for reports. Static or of the
	 * ruleset's arena. */
	const char *name;
	union {
		struct {
			uint8_t kind; /* enum load_kind */
			uint8_t base, dir;
			uint32_t key, offset, flags;
		} load;
		uint8_t data[REG_BYTES];
		struct {
			uint8_t op; /* enum nft_cmp_ops */
			uint8_t data[REG_BYTES - 4];
		} cmp;
		struct {
			uint8_t op; /* enum nft_range_ops */
			uint8_t from[20], to[20];
		} range;
		struct {
			uint8_t mask[REG_BYTES / 2], xor[REG_BYTES / 2];
		} bitwise;
		struct {
			uint32_t by;
			bool right;
		} shift;
		struct {
			uint8_t op;   /* enum nft_byteorder_ops */
			uint8_t size; /* 2, 4, 8 */
		} byteorder;
		struct {
			struct set *set;
			bool inverted,
			    has_dreg; /* a map: data into dreg (verdicts: to the verdict) */
			/* OP_DYNSET on a stateful set: NFT_DYNSET_F_INV is inverted, and the key is
			 * in sreg */
		} lookup;
		struct verdict {
			int32_t code; /* NF_ACCEPT, NF_DROP, NFT_CONTINUE, NFT_JUMP, NFT_GOTO,
					 NFT_RETURN, NFT_BREAK */
			struct chain *chain; /* NULL: none, or a chain that is not there */
		} verdict;
		struct {
			uint32_t key;  /* enum nft_meta_keys or nft_ct_keys */
			bool is_known; /* false: the value's effect is not modelled */
		} set;
		struct {
			uint8_t type, code; /* enum nft_reject_types */
		} reject;
		struct nat {
			uint8_t kind;   /* enum nat_kind */
			uint8_t family; /* NFPROTO_IPV4, NFPROTO_IPV6 */
			int8_t addr_min, addr_max, port_min, port_max; /* registers (byte
			 offsets); -1 none */
			uint32_t flags;                                /* NF_NAT_RANGE_* */
		} nat;
		const struct xt_match *xt_match;
		const struct xt_target *xt_target;
	} u;
};

enum nat_kind {
	NAT_SOURCE,
	NAT_DESTINATION,
	NAT_MASQUERADE,
	NAT_REDIRECT,
};

struct rule {
	struct chain *chain;
	uint64_t handle;
	uint32_t number; /* place in its chain, from 1; 0: the chain's doubt */
	uint32_t n;
	struct op *ops;
	const char *comment; /* or NULL */
};

struct chain {
	struct table *table;
	const char *name;
	uint64_t handle;
	/* What is not known about it as a whole, or NULL; then its first rule, with number 0, is an
	 * OP_UNKNOWN of this name. */
	const char *doubt;
	struct rule *rules;
	uint32_t n;
	bool is_base, deep; /* deep: can reach itself by jumps; evaluated as unknown */
	/* Base chains: */
	const char *type; /* "filter", "nat", "route" */
	uint32_t hook;    /* NF_INET_*, NF_NETDEV_*; for inet NF_INET_INGRESS too */
	int32_t priority; /* lower first */
	int32_t policy;   /* NF_ACCEPT, NF_DROP */
	const char *
	    *devs;     /* netdev and ingress; ends with NULL. A name ending in '*' is a prefix */
	int32_t order; /* place among all base chains of its hook, as the kernel runs them
			  (DUMP_NFT_HOOKS); -1: not known */
};

struct table {
	uint8_t family; /* NFPROTO_IPV4, IPV6, INET, NETDEV, BRIDGE, ARP */
	const char *name;
	uint32_t flags; /* NFT_TABLE_F_DORMANT */
	struct chain **chains;
	uint32_t n;
	bool own;          /* inet guardd: its sets are taken as empty */
	const char *doubt; /* the doubt of all its chains, or NULL */
};

/* One field of a concatenated key: bytes of it, at an offset of 4-byte padding. */
struct set_field {
	uint8_t offset, len;
};

struct element {
	uint8_t lo[REG_BYTES], hi[REG_BYTES]; /* key, and its end (inclusive, per field); equal for
						 one value. In the set's byte order (network) */
	uint8_t data[REG_BYTES];              /* of maps, in memory order */
	struct verdict verdict;               /* of verdict maps */
};

/* Big sets keep their elements by reference: 320,000 of them must fit in 128 MB with everything
 * else, so prover/sets stores them packed and hands them out one at a time. */
struct set {
	struct table *table;
	const char *name;
	uint32_t flags;   /* NFT_SET_* */
	uint8_t key_len;  /* bytes in registers, padded fields */
	uint8_t data_len; /* maps; 0 */
	bool is_map, is_vmap;
	bool unknown;    /* contents not known (filled by packets, key not understood): may hold
			    anything */
	const char *why; /* then: what for */
	bool has_catchall;
	struct element *catchall;
	struct set_field fields[16];
	uint8_t n_fields; /* 1 for plain keys */
	uint32_t n;       /* elements */
	struct set_store *store;
};

/* The i-th element, i < s->n, into *e. */
void set_element(const struct set *s, uint32_t i, struct element *e);
/* For one field at offset/len of 4 or 16 bytes that holds the source, the others being const (key
 * bytes as in the registers; those of that field are ignored): the ranges of sources for which the
 * set has an element, the catch-all aside. From a cache where possible, then not owned and good
 * until ruleset_fini; ranges_fini does what is right. Exact. */
struct ranges set_sources(const struct set *s, const uint8_t *key, uint8_t offset, uint8_t len);
/* Whether a constant key is in it, and by which element (its index; the catch-all is n). */
bool set_find(const struct set *s, const uint8_t *key, uint32_t *index);
/* For port-class memory: narrows [*lo, *hi] (host order, around port) to the ports between which
 * the answer for a key with the port's two bytes at offset can change. */
void set_port_class(const struct set *s, uint8_t offset, uint16_t port, uint16_t *lo, uint16_t *hi);

struct ruleset {
	struct table *tables;
	uint32_t n_tables;
	struct set *sets;
	uint32_t n_sets, n_rules;
	uint64_t n_elements;
	uint32_t generation;
	struct arena *arena;
};

struct dump;
/* Reads the nft records of a dump; out->arena is the caller's. -EINVAL: no nft records, or a
 * message without what every one must have (*what says which); -E2BIG; a part that the dump lacks:
 * its error. Anything it does not know becomes OP_UNKNOWN. ruleset_fini also after an error. */
int ruleset_read(struct ruleset *out, const struct dump *d, const char **what);
void ruleset_fini(struct ruleset *r);
