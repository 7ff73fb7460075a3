/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The table inet guardd: its sets, chain and rules, made and repaired by one transaction that may
 * be sent any number of times. Comes in: the image's services, the never-ban list, published ports.
 * Goes out: netlink. Elements of sets that stay are kept, and never dumped. Bounded: TABLE_SCOPES
 * scopes, TABLE_PORTS port ranges per service.
 */
#pragma once

#include "base/prefixset.h"
#include "nft/banset.h"
#include "nft/build.h"
#include "nft/dnat.h"
#include "wire/image.h"

#define TABLE_SCOPES 64
#define TABLE_PORTS  256

struct table {
	struct nft_set sets[TABLE_SCOPES * (SET_KINDS + 1) + 2];
	uint32_t n_sets,
	    scopes; /* scope s, kind k: s * SET_KINDS + k; then allow4, allow6, ports */
	const struct image *img; /* these three must outlive t's use */
	const struct prefixset *never;
	const struct dnat *published;
	struct batch batch; /* its own */
};

/* Takes over another image. -E2BIG: too many services. */
int table_configure(struct table *t, const struct image *img);
const char *table_set_name(const struct table *t, uint32_t scope, enum set_kind kind);
/* What a ban of p until then is in its set; USEC_NEVER: without timeout. */
struct elem table_elem(const struct prefix *p, usec_t until, usec_t now);
/*
 * Makes or repairs all; fill, when not NULL, adds the elements of the prefix sets, which are
 * emptied before. *made: the table was not there, or had to be deleted: no host ban is in force.
 */
int table_sync(
    struct table *t, struct nl *n, void (*fill)(struct batch *b, void *ctx), void *ctx, bool *made);
/* Deletes the table; 0 when there was none. */
int table_clean(void);
