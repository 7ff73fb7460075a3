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
	bool works[2]; /* the kernel takes packets of the family from it: 0 IPv4, 1 IPv6
			* (disable_ipv6)
			*/
	/* Sysctls as they take effect (conf/all combined as the kernel does), 0 IPv4, 1 IPv6. */
	bool sysctls_known;
	uint8_t rp_filter; /* IPv4: 0, 1 strict, 2 loose */
	bool forwarding[2], route_localnet, accept_local, send_redirects, src_valid_mark;
	bool bc_forwarding, ignore_linkdown[2];
};

struct local_addr {
	struct addr addr;
	uint8_t len; /* of its prefix */
	uint32_t iface;
	uint8_t scope;  /* RT_SCOPE_* */
	uint32_t flags; /* IFA_F_* */
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

/* ADDR_LOCAL, ADDR_BROADCAST, ADDR_MULTICAST, ADDR_ANYCAST: delivered here; ADDR_UNICAST: forwarded
 * by oif; ADDR_UNKNOWN: why says what for; any other: goes nowhere, why says more. */
struct route_answer {
	enum addr_type type;
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
	bool has_family[2];      /* the kernel has IPv4, IPv6 at all */
	bool listeners_hidden;   /* sockets of this namespace could not (all) be read */
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
/* A set of addresses of the world (not owned, sorted, lives as long as it): all those for sure, and
 * all those perhaps. The same pointer twice when exact; why when not. Never NULL. */
struct addr_set {
	const struct ranges *may, *must;
	const char *why;
};

/* How an expression looks addresses up in the routes. */
struct fib_view {
	uint8_t family;
	uint32_t dev; /* the interface it names: with the flag iif the incoming one, with oif the
			 outgoing one, 0 with neither */
	uint32_t at;  /* where the packet is: IPv6 link-local addresses are looked up on it when dev
			 is 0. The incoming interface; in postrouting the outgoing one */
	const struct addr *other; /* the packet's other address (daddr when sources are looked up);
				     IPv6 chooses by it among routes of one prefix. NULL: none */
};
/* nft `fib daddr|saddr [. iif|oif] type`: the value, ADDR_UNKNOWN; addresses that have it. IPv4
 * knows LOCAL, BROADCAST, MULTICAST and UNICAST only (no route is UNICAST, too); IPv6 by routes:
 * UNICAST, LOCAL, ANYCAST, MULTICAST, BLACKHOLE, UNREACHABLE, PROHIBIT, UNSPEC. */
enum addr_type world_fib_type(
    const struct world *w, const struct fib_view *v, const struct addr *a);
struct addr_set world_fib_of_type(
    const struct world *w, const struct fib_view *v, enum addr_type t);
/* nft `fib daddr|saddr [. iif|oif] oif` (oifname: its name, "" for 0): the interface index, 0
 * "missing" (no route, an error route, an address of this machine; IPv6 anycast, too), -1 not
 * known; addresses that give that index (0: are missing). With dev given only dev and 0 come out.
 */
int64_t world_fib_oif(const struct world *w, const struct fib_view *v, const struct addr *a);
struct addr_set world_fib_of_oif(const struct world *w, const struct fib_view *v, uint32_t oif);
/* xt addrtype: the addresses for which a mask of XT_ADDRTYPE_* (--src-type or --dst-type, before
 * inversion) matches; dev with --limit-iface-in or -out, else 0. The two families differ: IPv4 any
 * bit, IPv6 MULTICAST, UNICAST and UNSPEC all by address alone, then any of the others by route. */
struct addr_set world_xt_addrtype(
    const struct world *w, uint8_t family, uint16_t mask, uint32_t dev);
/* 1, 0, -1 not known. */
int world_xt_addrtype_has(const struct world *w, const struct addr *a, uint16_t mask, uint32_t dev);
/* xt rpfilter: the sources that match (before --invert) of packets to daddr that came in by iif;
 * flags XT_RPFILTER_LOOSE, XT_RPFILTER_ACCEPT_LOCAL (VALID_MARK matters with policy rules only). */
struct addr_set world_xt_rpfilter(
    const struct world *w, const struct addr *daddr, uint32_t iif, uint8_t flags);
/* Sources that the kernel itself drops between prerouting and input or forward, of packets that
 * came in by iif to daddr (behind destination NAT): martians, reverse-path filter. oif: where they
 * are forwarded to, 0: delivered here. may: dropped perhaps; must: for sure; why with words for
 * people when they differ. */
struct addr_set world_source_drop(
    const struct world *w, const struct addr *daddr, uint32_t iif, uint32_t oif);
/* In words, which of its reasons drops a source that world_source_drop has ("reverse path filter
 * (rp_filter 1 on eth0)", "an address of this machine", ...). */
const char *world_source_drop_why(const struct world *w, const struct addr *source,
    const struct addr *daddr, uint32_t iif, uint32_t oif);
/* Whether the kernel delivers to daddr at all when it comes in by iif: false for loopback addresses
 * without route_localnet, link-local of another interface. */
bool world_accepts_daddr(const struct world *w, const struct addr *daddr, uint32_t iif);
