/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The main file, guardd.yaml: groups, who is never banned, limits, and what the herald does. Comes
 * in: its tree, or none.
 * Goes out: struct settings with all defaults filled in; what is wrong goes to the diag. Bounded by
 * the schema's limits.
 */
#pragma once

#include "base/clock.h"
#include "conf/alerts.h"
#include "conf/fleet.h"
#include "conf/group.h"

struct settings_exposure {
	const struct node *node;
	usec_t repeat;     /* 0: never */
	struct list peers; /* of struct text */
};

struct settings {
	const struct node *node;        /* NULL: no main file */
	struct list group_dict;         /* of struct dict_entry of struct group_member */
	struct list never_ban, proxies; /* of struct text */
	bool early;
	usec_t history;
	struct text control_group;
	struct text zone;
	int64_t tallies_max, bans_max;
	struct settings_exposure exposure;
	struct text herald_user;
	struct alerts alerts;
	struct metrics metrics;
	struct fleet fleet;
	/* Made by settings_make. */
	struct groups groups;
	struct list never, proxy_prefixes, peers; /* of struct named_prefix */
	uint32_t herald_uid;                      /* or IMAGE_NO_UID */
};

const struct schema *settings_schema(void);
/* Fills s from a tree that may be NULL. */
void settings_read(struct settings *s, const struct schema_reader *r, const struct node *root);
/* What needs the resolver and the machine's users. */
void settings_make(struct settings *s, struct arena *a, struct diag *d, resolve_fn resolve);
/* The rest. rules: of struct rule *; NULL: none were read. */
void settings_check(struct settings *s, struct arena *a, struct diag *d, const struct list *rules);
