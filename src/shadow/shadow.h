/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the parts of the shadow replay share: a network namespace of its own is furnished like the
 * machine (shadow/world), given its ruleset (shadow/load), and asked packet by packet
 * (shadow/fire). Comes in: a dump and a proof. Goes out: one byte per cell. Bounded by the dump,
 * SHADOW_IFACES and the supervisor's patience.
 */
#pragma once

#include "base/addr.h"
#include "dump/dump.h"
#include "nft/netlink.h"
#include "wire/proof.h"

#define SHADOW_IFACES 256

struct shadow_iface {
	uint32_t index; /* as on the machine: rules may name it by number */
	char name[16];
	uint8_t mac[6]; /* of the copy */
	uint32_t peer;  /* index of the other end, where packets are put in */
	bool up;
};

struct shadow {
	struct dump dump;
	struct nl *route, *nft;
	struct shadow_iface ifaces[SHADOW_IFACES];
	uint32_t n_ifaces;
	char trouble[256]; /* what could not be copied; "" nothing */
};

/* Says what could not be done, keeping the first; returns error. */
int shadow_fail(struct shadow *s, int error, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Into a user namespace (as its root) and a network namespace of this process alone. */
int shadow_unshare(void);
/* Interfaces, addresses, routes and sysctls of the dump. Negative errno: see trouble. */
int shadow_furnish(struct shadow *s);
/* The ipsets of the dump, under the same indexes. Negative errno: see trouble. */
int shadow_ipsets(struct shadow *s);
/* The ruleset of the dump. Negative errno: see trouble. */
int shadow_load(struct shadow *s);
/* Chains around all others that count what arrives and what survives. */
int shadow_record(struct shadow *s);
/* Sends one packet. 1: it survived, 0: it was dropped; negative errno: it did not arrive. */
int shadow_fire(struct shadow *s, const struct proof_witness *w, uint16_t sport);
