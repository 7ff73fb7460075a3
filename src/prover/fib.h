/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The routes of both families, and lookups of single addresses in them as the kernel does it. Comes
 * in: DUMP_ROUTES and DUMP_POLICY records, the interfaces. Goes out: struct fib_hit, and the
 * boundaries between which all lookups are constant. Bounded by the number of routes. For
 * prover/world*.c only.
 */
#pragma once

#include <linux/rtnetlink.h>

#include "prover/world.h"

struct fib_hop {
	uint32_t oif;
	uint8_t flags; /* RTNH_F_* */
	bool gateway;
};

struct fib_route {
	u128 lo;
	uint32_t table, metric, seq;
	uint32_t n_hops;
	struct fib_hop *hops;
	uint8_t len, type; /* type: RTN_* */
	uint8_t tos;       /* IPv4: for this TOS only; 0 any */
	uint8_t pref;      /* IPv6: 1 low, 2 medium, 3 high */
	bool foreign;      /* not of RTPROT_KERNEL */
	bool classid;      /* with a realm */
	const char *odd;   /* why nobody knows whom it is for; NULL */
};

/* All routes of a prefix in one table, in the kernel's order; parent: the next shorter prefix + 1.
 */
struct fib_node {
	u128 lo, hi;
	uint32_t parent;
	uint32_t n;
	const struct fib_route *routes;
	uint8_t len;
};

struct fib_seg {
	u128 lo;       /* up to the next one's */
	uint32_t node; /* longest prefix + 1; 0: none */
};

struct fib_tree {
	struct fib_node *nodes;
	struct fib_seg *segs;
	uint32_t n_nodes, n_segs;
};

enum {
	FIB_LOCAL,
	FIB_MAIN,
	FIB_DEFAULT,
	FIB_TREES,
};

struct fib_family {
	struct fib_tree trees[FIB_TREES];
	bool dumped; /* routes and rules are known */
	bool rules;  /* any rule beyond the standard ones (the kernel's has_custom_rules) */
	bool policy; /* one of them can change an answer */
	/* Until a rule is first added, the kernel keeps the tables local and main of IPv4 in one
	 * tree, where the longer prefix wins; from then on, for good, local is asked first (and
	 * rules is set). Neither: which of both does not show. */
	bool one_tree;
	bool local_first; /* table local is asked before all rules that can */
	bool foreign_local, classids;
	const char *why; /* of policy and !dumped */
	u128 *bounds;    /* sorted; every lookup is constant from one to before the next */
	uint32_t n_bounds;
};

struct fib {
	const struct world *world;
	struct fib_family families[2]; /* IPv4, IPv6 */
	struct list cache;             /* answers of world_fib.c and world_drop.c */
};

struct fib_hit {
	uint8_t type;                  /* RTN_*; RTN_UNSPEC: no route */
	uint32_t oif;                  /* 0: none */
	const struct fib_route *route; /* NULL: none */
	bool many;          /* several next hops by different interfaces: oif is one of them */
	const char *unsure; /* why it may be otherwise; NULL: sure */
};

static inline const struct fib_family *
fib_family(const struct fib *f, uint8_t family)
{
	return &f->families[family == 6];
}

/* The IPv4 lookup (fib_lookup). */
struct fib_hit fib_find4(const struct fib *f, u128 a, bool ignore_linkstate);
/* The IPv4 lookup in table local alone (inet_addr_type). */
struct fib_hit fib_find4_local(const struct fib *f, u128 a);
/* The IPv6 lookup of input and output (rt6_select): prefers oif, or wants it (strict). */
struct fib_hit fib_find6(const struct fib *f, u128 a, uint32_t oif, bool strict);
/* The IPv6 lookup of reverse-path checks (rt6_device_match): prefers the interface that has the
 * address other (NULL: none). */
struct fib_hit fib_match6(
    const struct fib *f, u128 a, uint32_t oif, bool strict, const struct addr *other);
/* A route's interface may be dev. */
bool fib_hit_uses(const struct fib_hit *h, uint32_t dev);
/* ipv6_chk_addr: a usable address of this machine, or one that is about to be; strict: on dev. */
bool fib_own6(const struct world *w, const struct addr *a, uint32_t dev, bool strict);
