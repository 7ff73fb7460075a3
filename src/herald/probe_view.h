/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a host's own proof says of its ports, from the report it made, or from this host's proof.
 * Comes in: JSON of the fleet, a proof. Goes out: cells by value. Bounded: VIEW_CELLS, and the
 * report's own size; what is no cell is skipped.
 */
#pragma once

#include "herald/probe_table.h"
#include "wire/proof.h"

#define VIEW_CELLS    4096
#define VIEW_RULE_MAX 64

#define VIEW_NO_STATE PROOF_STATES

struct view_cell {
	char rule[VIEW_RULE_MAX];
	uint8_t state; /* enum proof_state; VIEW_NO_STATE: the proof has no such cell */
	uint8_t proto, family;
	uint16_t port, port_high;
};

struct view {
	struct view_cell *cells;
	uint32_t n;
	bool proven;    /* there is a proof at all */
	usec_t made;    /* it is of then */
	uint64_t print; /* of all cells, in any order */
};

void view_from_proof(struct view *v, const struct proof *p);
/* text: a report; at: when it came. Nothing is proven when it cannot be read. */
void view_from_report(struct view *v, const char *text, size_t n, usec_t at);
void view_fini(struct view *v);
/* A cell that the proof does not have. */
void view_add(struct view *v, const struct view_cell *c);
bool view_has(const struct view_cell *c, const struct probe_row *r);

/* Addresses that a host says it has: from a report, or an inventory (wire/proof.h). Those of
 * loopback, of one link or of many hosts are left out. Their number. */
uint32_t view_addresses(struct addr out[TABLE_ADDRESSES], const char *text, size_t n);
