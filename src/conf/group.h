/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Groups of hosts: names for sets of addresses. Comes in: members as prefixes, named lists of
 * addresses, or host names, which the system's resolver is asked for (A and AAAA) once, at load.
 * Goes out: prefixes with the name they came by. Bounded: GROUP_PREFIXES_MAX in one group; the
 * resolver waits GROUP_RESOLVE_SECONDS for a name.
 */
#pragma once

#include "base/addr.h"
#include "conf/schema.h"

#define GROUP_PREFIXES_MAX    65536
#define GROUP_RESOLVE_SECONDS 4

struct group_member {
	const struct node *node;
	struct text name;      /* alone: a prefix or a host name */
	struct list addresses; /* of struct text */
};

struct named_prefix {
	struct prefix prefix;
	const char *name;
};

struct group {
	struct text name;
	const struct node *node;
	struct list prefixes; /* of struct named_prefix; in order, none twice */
};

struct groups {
	struct list items; /* of struct group */
};

/* Answers with the addresses of a host name; 0 or a negative EAI_* code. For tests a table, else
 * the system's. */
typedef int (*resolve_fn)(const char *host, struct arena *a, struct list *addrs);
int group_resolve(const char *host, struct arena *a, struct list *addrs);
/* dict: of struct dict_entry, each with members. */
void groups_make(
    struct groups *g, struct arena *a, struct diag *d, const struct list *dict, resolve_fn resolve);
/* What a list of group names and literal prefixes comes to: of struct named_prefix. */
struct list groups_flatten(
    const struct groups *g, struct arena *a, struct diag *d, const struct list *names);
