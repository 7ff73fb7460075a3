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

/* A member that has a name and an address of its own: it belongs into both families. */
struct group_host {
	const char *name;
	uint32_t n4, n6; /* how many addresses (and prefixes) of each family; none: not resolved */
};

struct group {
	struct text name;
	const struct node *node;
	struct list prefixes; /* of struct named_prefix; in order, none twice */
	struct list hosts;    /* of struct group_host */
};

struct groups {
	struct list items; /* of struct group */
	struct list named; /* of struct group: hosts that stand in never_ban, by their names */
};

/* Answers with the addresses of a host name; 0 or a negative EAI_* code. For tests a table, else
 * the system's. */
typedef int (*resolve_fn)(const char *host, struct arena *a, struct list *addrs);
int group_resolve(const char *host, struct arena *a, struct list *addrs);
/* dict: of struct dict_entry, each with members. */
void groups_make(
    struct groups *g, struct arena *a, struct diag *d, const struct list *dict, resolve_fn resolve);
/* Asks for the host names (they hold a dot) in a list of groups and prefixes, for groups_flatten.
 */
void groups_resolve(struct groups *g, struct arena *a, struct diag *d, const struct list *names,
    resolve_fn resolve);
/* The group of a name, or NULL. */
const struct group *groups_find(const struct groups *g, const char *name);
/* What a list of group names and literal prefixes comes to: of struct named_prefix. */
struct list groups_flatten(
    const struct groups *g, struct arena *a, struct diag *d, const struct list *names);
/* The same, where GROUP_INFRA may be missing from the configuration: then it is nobody. */
#define GROUP_INFRA "infra"
struct list groups_allow(
    const struct groups *g, struct arena *a, struct diag *d, const struct list *names);
/* The single hosts among groups, named hosts of groups, and literal addresses: of struct
 * named_prefix. Networks of a group are passed over; one that is written here is an error. */
struct list groups_hosts(
    const struct groups *g, struct arena *a, struct diag *d, const struct list *names);
