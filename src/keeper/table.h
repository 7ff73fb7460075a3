/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The table inet guardd: which sets, chain and rules it has, made and repaired by one transaction
 * that may be sent any number of times. Comes in: the image's services, the never-ban list,
 * published ports. Goes out: netlink. Elements of sets that stay are kept, and those of hash sets
 * never dumped. Bounded: TABLE_SCOPES scopes, TABLE_PORTS port ranges per service.
 */
#pragma once

#include "base/prefixset.h"
#include "keeper/banset.h"
#include "keeper/batch.h"
#include "keeper/dnat.h"
#include "wire/image.h"

#define TABLE_SCOPES 64
#define TABLE_PORTS  256

struct table_set {
	char name[32];
	uint32_t flags, type,
	    len; /* enum nft_set_flags; nft's number of the key type; bytes of the key */
	bool have;
};

struct table {
	struct table_set sets[TABLE_SCOPES * (SET_KINDS + 1) + 2];
	uint32_t n_sets,
	    scopes; /* scope s, kind k: sets[s * SET_KINDS + k]; then allow4, allow6, ports */
	const struct image *img;
	const struct prefixset *never;
	const struct dnat *published;
};

/* Takes over another image; it, and what t points at, must outlive t's use. -E2BIG: too many
 * services. */
int table_configure(struct table *t, const struct image *img);
const char *table_set_name(const struct table *t, uint32_t scope, enum set_kind kind);
/*
 * Makes or repairs all; fill (when not NULL) adds the elements of the prefix sets, which are
 * emptied before. *made: the table was not there, or had to be deleted: no host ban is in force.
 */
int table_sync(struct table *t, struct nl *n, struct batch *b,
    void (*fill)(struct batch *b, void *ctx), void *ctx, bool *made);
/* Only the never-ban list. */
int table_allow(struct table *t, struct nl *n, struct batch *b);
/* Deletes the table; 0 when there was none. */
int table_clean(struct nl *n, struct batch *b);
/* What a ban of p is in its set; timeout is left 0. */
struct elem table_elem(const struct prefix *p);
