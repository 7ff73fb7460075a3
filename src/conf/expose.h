/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * An expose rule: who may reach which ports. Comes in: its tree, then the groups by name. Goes out:
 * struct expose, checked and resolved; what is wrong goes to the diag. Bounded by the schema's
 * limits.
 */
#pragma once

#include "conf/group.h"
#include "wire/image.h"

#define EXPOSES_MAX 254

struct expose {
	const struct node *node;
	struct text name;
	bool enabled;
	struct text about;
	struct list ports; /* of struct text */
	struct list only;  /* of struct text */
	struct text address, interface;
	struct list inside;    /* of struct text */
	struct list plaintext; /* of struct text */
	unsigned listeners;    /* enum expose_listeners */
	bool containers;
	/* Made by expose_check. */
	struct list port_ranges, plain_ranges; /* of struct image_port */
	struct list allowed;                   /* of struct named_prefix */
	struct list hosts;                     /* of struct expose_host */
	struct addr local;                     /* address; family 0: all */
	bool infra;                            /* only names that group */
};

struct expose_host {
	const char *group;
	struct group_host host;
};

const struct schema *expose_schema(void);
/* others: the n expose rules that were checked before. One with the same `only` has the same items
 * in allowed and hosts. */
void expose_check(struct expose *x, struct arena *a, struct diag *d, const struct groups *groups,
    struct expose *const *others, size_t n);
