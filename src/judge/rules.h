/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The rules of the image as the judge counts by them, in slots whose numbers stay the same when a
 * new image comes: a rule is its name. Comes in: images. Goes out: slots for tallies and bans, and
 * per filter the rules that count it. Slot RULE_MANUAL is for bans by hand (the built-in rule
 * "manual"). Bounded by RULES_MAX slots in the life of a process; a rule that went keeps its slot,
 * so that what it banned can be lifted.
 */
#pragma once

#include "base/prefixset.h"
#include "wire/image.h"

#define RULES_MAX     4096
#define RULE_MANUAL   0
#define RULE_FOREIGN  "fleet/" /* what such names begin with */
#define RULE_NONE     UINT16_MAX
#define SCOPE_NOWHERE UINT32_MAX /* the service is no more: nothing of it is in the kernel */

struct rule_counts {
	uint64_t offences; /* counted by it, on a ban or in a tally */
	uint64_t bans;     /* made, dry ones too */
	uint64_t spared;   /* by an address that it never bans */
};

struct rule {
	char *name;
	char *service; /* name of the scope's service, NULL: all traffic */
	bool alive;    /* in the present image */
	bool forgive, distinct, dry_run, builtin;
	bool foreign; /* for bans of other hosts: its name says so, in the book too */
	bool shared;  /* its bans are given to other hosts (judge/share.h) */
	bool moved;   /* the scope changed: old_scope is to be cleared of its bans */
	uint8_t prefix_len4, prefix_len6;
	uint32_t points, prefix_hosts, factor_milli;
	uint32_t scope, old_scope; /* as in struct msg_ban, of the present image */
	usec_t within, duration, duration_max, forget;
	int64_t book_id; /* row in the book; 0: none yet */
	struct prefixset never;
	struct rule_counts counts;
};

struct rules {
	struct rule *slots;
	uint16_t n, room;
	uint32_t scopes; /* of the present image: one more than services */
};

/* Which rules count a filter, by the filter numbers of one image. */
struct filter_map {
	struct span *filters;
	uint16_t *rules;
	uint32_t n;
};

/* -ENOMEM. */
int rules_init(struct rules *r);
void rules_fini(struct rules *r);
/* Takes over an image's rules. -ENOMEM, -ENOSPC (too many names over time); then some may be new
 * already. */
int rules_load(struct rules *r, const struct image *img);
/* The slot of a name, made when there is none: a rule of the book that may not be in the image. */
int rules_slot(struct rules *r, const char *name, uint16_t *slot);
/* RULE_NONE when no rule has the name. */
uint16_t rules_find(const struct rules *r, const char *name);
/* By its name. */
bool rule_is_foreign(const char *name);
/* Of the book alone, in no image since the start: in which service's sets its bans are is lost. */
bool rule_is_lost(const struct rule *r);
/* The prefix length that prefix bans of this rule have for a. */
uint8_t rule_prefix_len(const struct rule *r, const struct addr *a);

/* -ENOMEM. Every rule of the image must be loaded already. */
int filter_map_init(struct filter_map *m, const struct rules *r, const struct image *img);
void filter_map_fini(struct filter_map *m);
