/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Hosts of the fleet, their addresses, and what each saw of each other one. Comes in: reports and
 * entries, parsed. Goes out: rows by target and vantage. Bounded: FLEET_HOSTS hosts, PROBES_CELLS
 * rows: half of them of pairs that this host is not part of, of which no vantage has more than
 * TABLE_SHARE; a quarter each of what was seen of it, and what it saw. What has no room is refused.
 */
#pragma once

#include "herald/probe_row.h"
#include "herald/probes.h"

#define TABLE_ADDRESSES 16 /* of a host; more are not asked */
#define TABLE_SHARE     (PROBES_CELLS / 16)
#define TABLE_RAISED    64 /* alerts about a host that stand */

struct probe_host;

enum pair_part { /* whose room a pair takes */
	PART_OTHERS,
	PART_OF_US, /* seen of this host */
	PART_BY_US, /* seen by it */
	PAIR_PARTS,
};

struct probe_pair {
	struct probe_pair *next; /* of the same target */
	struct probe_host *vantage;
	usec_t at; /* real time of the entry */
	uint8_t part;
	uint32_t n;
	struct probe_row rows[]; /* by probe_row_key, then by address; none twice */
};

struct probe_host {
	char name[FLEET_HOST_MAX];
	struct addr addrs[TABLE_ADDRESSES];
	uint32_t n_addrs;
	uint64_t kind;  /* of the rules that let it in, see probe_plan.h */
	uint64_t print; /* of the states its proof has */
	usec_t due;     /* this host asks it next; 0: not */
	struct probe_pair *seen;
	bool marked;             /* there is news of it, see probes_work.c */
	struct probe_host *next; /* marked behind it */
	usec_t worked;           /* monotonic time when that was last looked at */
	uint32_t said;           /* rows it has in PART_OTHERS */
	usec_t refused;          /* when something that was seen of it had no room; 0: never */
	char **raised;           /* subjects of alerts about it; owned */
	uint32_t n_raised;
};

struct probe_table {
	struct probe_host **hosts; /* by name */
	uint32_t n, room;
	uint32_t rows[PAIR_PARTS];
	uint64_t refused; /* entries, ever */
	char own[FLEET_HOST_MAX];
};

void table_init(struct probe_table *t, const char *own);
void table_fini(struct probe_table *t);
struct probe_host *table_find(const struct probe_table *t, const char *name);
/* Made where it is not there yet; NULL: FLEET_HOSTS are, or no such name, or no memory. */
struct probe_host *table_host(struct probe_table *t, const char *name);
void table_forget(struct probe_table *t, struct probe_host *h);
/* In the place of what vantage said of target before; rows about other addresses than the target's
 * are left out, and of several about one port of an address all but the one that says most.
 * -ENOSPC: refused, what was said before is gone. */
int table_take(struct probe_table *t, struct probe_host *target, struct probe_host *vantage,
    usec_t at, const struct probe_row *rows, uint32_t n);
/* NULL: nothing. */
struct probe_pair *table_pair(struct probe_host *target, const struct probe_host *vantage);
/* Rows of what was seen of target that are not to be kept go. */
void table_trim(struct probe_table *t, struct probe_host *target,
    bool (*keep)(void *ctx, const struct probe_row *r), void *ctx);
/* Pairs older than before go. True: some did. */
bool table_age(struct probe_table *t, struct probe_host *target, usec_t before);
uint32_t table_rows(const struct probe_table *t);
