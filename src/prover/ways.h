/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The ways into this machine: a destination address and the interface a packet to it comes in by.
 * Comes in: the world. Goes out: lists in an arena, for check and the modes. Bounded by addresses
 * times interfaces.
 */
#pragma once

#include "base/arena.h"
#include "prover/eval.h"
#include "prover/world.h"

enum way_kind {
	WAY_LOCAL,  /* an address of this machine */
	WAY_GROUP,  /* broadcast or multicast that it listens to */
	WAY_DIRECT, /* an address behind it: a container's own */
	WAY_MAPPED, /* another host's address, of which a rule may map the destination */
};

struct way {
	uint8_t kind; /* enum way_kind */
	uint8_t family, pkttype;
	bool narrow; /* link-local or loopback: no remote host is expected to use it */
	uint32_t iif;
	struct addr to;
};

/* Packets can come in by it: up, not loopback, not a port of a bridge, bond or VRF. */
bool iface_receives(const struct iface *i, uint8_t family);
/* The addresses that are reached by an interface, perhaps; the world's. */
const struct ranges *routed_by(const struct world *w, uint8_t family, uint32_t oif);
/* The interface by which most addresses of the family are reached; 0: none. */
uint32_t ways_default_iface(const struct world *w, uint8_t family);
/* The address of it that a remote host would use; family 0: none. */
struct addr ways_default_to(const struct world *w, uint8_t family, uint32_t iif);
/* struct way, the usual ones first. loopback: 127/8 too, which destination NAT can open. */
struct list ways_in(const struct world *w, struct arena *a, uint8_t family, bool loopback);
/* Adds the broadcast and multicast destinations of the family, for datagrams. */
void ways_groups(const struct world *w, struct arena *a, uint8_t family, struct list *ways);
/* How many at the beginning of the list are the same but for the destination, where no rule looks
 * at that (see ruleset_sees_daddr); moves those to the front. At least 1. */
size_t ways_alike(const struct world *w, struct way *ways, size_t n);
/* Whether a rule for the family may look at the destination address, or where it leads. */
bool ruleset_sees_daddr(const struct ruleset *r, uint8_t family);
/* Whether an address is this machine's. */
bool world_is_own(const struct world *w, const struct addr *a);
bool addr_is_loopback(const struct addr *a);
bool addr_is_link_local6(const struct addr *a);
/* The query for a way, without port and protocol. */
struct query way_query(const struct way *way);

/* What the rules do not show (struct mechanism) for packets of a family that come in by an
 * interface: may take some away, may bring some past the rules. */
struct caps {
	bool may_drop, may_accept;
	const char *names[8];
	uint32_t n;
};
struct caps caps_of(const struct world *w, uint8_t family, uint32_t iif);
/* eval_query with the caps worked in. */
void ways_query(struct evaluator *e, const struct world *w, const struct query *q, struct answer *a,
    struct caps *caps);
