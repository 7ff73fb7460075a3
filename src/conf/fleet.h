/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fleet: of the main file: the server that hosts share bans by, and whose bans are taken. Comes in:
 * its tree, then groups and ban rules by name. Goes out: struct fleet, checked and resolved; what
 * is wrong goes to the diag. Bounded by the schema's limits.
 */
#pragma once

#include "conf/group.h"

#define FLEET_MANUAL "manual" /* the rule of bans by hand */

struct fleet_trust {
	const struct node *node;
	struct list hosts, rules; /* of struct text */
	usec_t at_most;
	int64_t per_minute, ipv4, ipv6;
};

struct fleet_probe {
	const struct node *node; /* NULL: nobody is probed */
	usec_t every;
	int64_t per_second;
	struct list within; /* of struct text */
	/* Made by fleet_check. */
	struct list prefixes; /* of struct named_prefix */
};

struct fleet {
	const struct node *node; /* NULL: there is none */
	struct text server;
	int64_t port;
	bool tls;
	struct text server_name, ca_file, cert_file, key_file;
	struct text user, password_file;
	struct text sign_file, keys_file;
	struct text host; /* fleet_name_host sets it where it is absent */
	struct text stream;
	usec_t keep, report;
	int64_t bans_max;
	struct list share; /* of struct text */
	struct list trust; /* of struct fleet_trust */
	struct fleet_probe probe;
	/* Made by fleet_check. */
	bool share_all;
	struct list shared; /* of struct text: rules, where not all are */
};

extern const struct schema fleet_schema;

/* This machine's name for a host that has none; may ask the system. */
void fleet_name_host(struct fleet *f, struct arena *a);
/* rules: of struct rule *; NULL: none were read, names of rules are not looked up. */
void fleet_check(struct fleet *f, struct arena *a, struct diag *d, const struct groups *groups,
    const struct list *rules);
/* The longest time for which a ban by this rule is taken from anybody; 0: it is not. */
usec_t fleet_at_most(const struct fleet *f, const char *rule);
