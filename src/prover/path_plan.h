/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Which base chains a packet meets at each hook, and in which order: made once from the ruleset by
 * prover/path_plan, walked by prover/path for every packet. Chains of equal priority are a group;
 * where their order is not known and matters, a group has several orders. Bounded by ORDERS_MAX.
 */
#pragma once

#include "prover/eval_private.h"

#define ORDERS_MAX 24
#define HOOKS      5 /* NF_INET_PRE_ROUTING .. NF_INET_POST_ROUTING */

enum item_kind {
	ITEM_CHAIN,
	ITEM_CONNTRACK, /* makes the entry */
	ITEM_NAT,       /* runs the nat chains */
};

struct hook_item {
	enum item_kind kind;
	const struct chain *chain; /* ITEM_CHAIN */
	int32_t priority;
	bool has_effects; /* changes more than the verdict */
};

struct hook_group {
	uint32_t first, n;
	uint32_t *orders; /* n_orders times n places of items */
	uint32_t n_orders;
	bool more; /* there are more orders */
};

struct hook_list {
	struct hook_item *items;
	uint32_t n;
	struct hook_group *groups;
	uint32_t n_groups;
	bool has_effects;
};

struct device_plan {
	uint32_t index;
	struct hook_list ingress, egress;
};

struct hook_plan {
	struct hook_list hooks[2][HOOKS], nat[2][HOOKS]; /* IPv4, IPv6 */
	struct device_plan *devices;                     /* with chains of their own */
	uint32_t n_devices;
	const char *bridge; /* "bridge table NAME" that filters; NULL none */
	bool bridge_effects;
};

const struct device_plan *plan_device(const struct hook_plan *p, uint32_t index);
