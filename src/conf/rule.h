/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A ban rule: who gets banned. Comes in: its tree, then the filters and groups by name. Goes out:
 * struct rule, checked and resolved; what is wrong goes to the diag. Bounded by the schema's
 * limits.
 */
#pragma once

#include "base/clock.h"
#include "conf/filter.h"
#include "conf/group.h"

#define RULES_MAX 254 /* with guardd's own */

struct rule_escalate {
	const struct node *node;
	int64_t factor; /* thousandths */
	usec_t max, forget;
};

struct rule_prefix {
	const struct node *node;
	int64_t hosts, ipv4, ipv6;
};

enum rule_distinct { DISTINCT_NONE, DISTINCT_USER };
enum rule_scope { SCOPE_HOST, SCOPE_SERVICE };

struct rule {
	const struct node *node;
	struct text name;
	bool enabled;
	struct list filters; /* of struct text */
	int64_t points;
	usec_t within, duration;
	struct rule_escalate escalate;
	bool forgive;
	unsigned distinct; /* enum rule_distinct */
	struct rule_prefix prefix;
	unsigned scope;    /* enum rule_scope */
	struct list ports; /* of struct text */
	struct list never_ban;
	bool dry_run;
	bool builtin;
	/* Made by rule_check. */
	struct list filter_indexes; /* of uint32_t */
	struct list port_ranges;    /* of struct image_port: in order, none touches another */
	struct list never;          /* of struct named_prefix */
};

const struct schema *rule_schema(void);
/* filters: of struct filter *, in the image's order. */
void rule_check(struct rule *r, struct arena *a, struct diag *d, const struct list *filters,
    const struct groups *groups);
