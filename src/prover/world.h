/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The machine around the ruleset, from a dump: interfaces, addresses, routes, sysctls, sockets,
 * other network namespaces, ipsets, and the mechanisms that nft does not show. Read once, then
 * constant.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "dump/dump.h"
#include "base/arena.h"
#include "prover/srcset.h"

struct iface {
	uint32_t index;
	char name[16];
	char kind[16];   /* IFLA_INFO_KIND: "bridge", "veth", ...; "" for hardware */
	uint16_t type;   /* ARPHRD_* */
	uint32_t flags;  /* IFF_* */
	uint32_t master; /* index of bridge, bond or VRF; 0 none */
	uint32_t group;
	bool bridge_port, vrf_port, carrier;
	/* Effective per family (conf/all combined as the kernel does), 0 IPv4, 1 IPv6. */
	uint8_t rp_filter; /* IPv4: 0, 1 strict, 2 loose */
	bool forwarding[2], route_localnet, accept_local, disable_ipv6, src_valid_mark;
};

struct local_addr {
	struct addr addr;
	uint8_t len; /* of its prefix */
	uint32_t iface;
	uint8_t scope; /* RT_SCOPE_* */
};

/* Who listens. */
struct listener {
	uint8_t proto;    /* IPPROTO_* */
	uint8_t family;   /* of addr; 6 with !v6only serves IPv4, too */
	bool v6only, any; /* any: bound to the wildcard */
	struct addr addr;
	uint16_t port;
	uint32_t iface; /* SO_BINDTODEVICE; 0 none */
	uint32_t netns; /* number of its struct netns; 0: this one */
	uint64_t inode;
	uint32_t uid, pid;   /* pid 0: not known */
	const char *unit;    /* systemd unit or "docker 0123456789ab", or cgroup path; "" */
	const char *process; /* command name; "" */
};

struct netns {
	uint32_t number, pid;
	const char *name;   /* container or cgroup; "" */
	struct addr *addrs; /* without loopback */
	uint32_t n_addrs;
};

/* What keeps any answer from being a proof, or caps some: told by name. */
struct mechanism {
	const char *name; /* "iptables-legacy filter", "XDP on eth0", "tc filter on eth0", ... */
	uint8_t family;   /* 4, 6; 0 both */
	uint32_t iface;   /* packets of this one only; 0 all */
	bool may_drop, may_accept; /* can take packets away; can bring some past the rules */
};

enum addr_type { /* as RTN_*, linux/rtnetlink.h */
	ADDR_UNKNOWN = -1,
	ADDR_UNSPEC = 0,
	ADDR_UNICAST,
	ADDR_LOCAL,
	ADDR_BROADCAST,
	ADDR_ANYCAST,
	ADDR_MULTICAST,
	ADDR_BLACKHOLE,
	ADDR_UNREACHABLE,
	ADDR_PROHIBIT,
};

struct route_answer {
	enum addr_type type; /* ADDR_UNKNOWN: policy routing, VRF...: why says what */
	uint32_t oif;
	const char *why;
};

struct world {
	struct iface *ifaces;
	uint32_t n_ifaces;
	struct local_addr *addrs;
	uint32_t n_addrs;
	struct listener *listeners;
	uint32_t n_listeners;
	struct netns *netns;
	uint32_t n_netns;
	struct mechanism *mechanisms;
	uint32_t n_mechanisms;
	bool conntrack_possible; /* always true where nf_conntrack is built in */
	bool containers_hidden;  /* other namespaces' processes could not be seen */
	struct fib *fib;         /* routes of both families, as partitions of the address space */
	struct ipsets *ipsets;
	struct arena *arena;
};

/* -EINVAL: a record breaks its own format (*what). What is missing becomes a mechanism "NAME could
 * not be read". */
int world_read(struct world *out, const struct dump *d, struct arena *a, const char **what);
const struct iface *world_iface(const struct world *w, uint32_t index);
const struct iface *world_iface_named(const struct world *w, const char *name);

/* Where a packet to daddr goes that came in by iif (0: made here): local delivery, forwarding by
 * oif, or an error type. mark matters only with policy rules (then unknown). */
struct route_answer world_route(
    const struct world *w, const struct addr *daddr, uint32_t iif, uint32_t mark);
/* The type of an address as fib and xt addrtype see it: `fib daddr type`; dev limits to routes of
 * one interface (0: any). */
enum addr_type world_addr_type(const struct world *w, const struct addr *a, uint32_t dev);
/* Sets of addresses, exact, of the world (not owned). A NULL result: not known (policy routing).
 * Of a type (as world_addr_type), whose route leaves by an interface, and that have any route (for
 * loose reverse-path checks). */
const struct ranges *world_of_type(
    const struct world *w, uint8_t family, enum addr_type t, uint32_t dev);
const struct ranges *world_of_oif(const struct world *w, uint8_t family, uint32_t oif);
/* Sources that the kernel itself drops before delivery to this machine, or (forwarded) before
 * sending on, of packets that come in by iif: martians, reverse-path filter. may: dropped perhaps;
 * must: for sure. Equal when exact. */
struct source_drop {
	const struct ranges *may, *must;
	const char *why; /* when they differ */
};
struct source_drop world_source_drop(
    const struct world *w, uint8_t family, uint32_t iif, bool forwarded);
/* Whether the kernel delivers to daddr at all when it comes in by iif: false for loopback addresses
 * without route_localnet, link-local of another interface. */
bool world_accepts_daddr(const struct world *w, const struct addr *daddr, uint32_t iif);

/* An ipset (prover/ipset.c). dims: what the packet offers for each dimension. */
struct ipset;
const struct ipset *world_ipset(const struct world *w, uint16_t index);
const struct ipset *world_ipset_named(const struct world *w, const char *name);
