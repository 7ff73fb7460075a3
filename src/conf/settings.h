/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The main file, guardd.yaml: groups, who is never banned, and limits. Comes in: its tree, or none.
 * Goes out: struct settings with all defaults filled in; what is wrong goes to the diag. Bounded by
 * the schema's limits.
 */
#pragma once

#include "base/clock.h"
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
	/* Made by settings_make. */
	struct groups groups;
	struct list never, proxy_prefixes, peers; /* of struct named_prefix */
};

const struct schema *settings_schema(void);
/* Fills s from a tree that may be NULL. */
void settings_read(struct settings *s, const struct schema_reader *r, const struct node *root);
void settings_make(struct settings *s, struct arena *a, struct diag *d, resolve_fn resolve);
