/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The standing findings of the exposure proof and what became of them: one per key, from the proof
 * that first had it to the one that has it no more. Comes in: each proof, the kernel's second
 * opinion. Goes out: what opened, changed and closed (struct gaps_ops), rows for the book. Bounded:
 * GAPS_MAX; what does not fit is counted.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "wire/proof.h"

#define GAPS_MAX 4096

struct gap {
	uint64_t key, print;
	usec_t since;   /* of a latent one that is one no more: since it is worse */
	usec_t until;   /* 0: it stands */
	usec_t told;    /* last time; 0: not yet */
	uint32_t times; /* it was told */
	uint8_t kind, state, family, proto; /* as in struct proof_cell */
	uint16_t port, port_high;
	uint8_t confirmed; /* enum proof_confirmed */
	bool changed;      /* not in the book yet */
	bool seen;         /* by the present proof */
	bool waiting;      /* for the second opinion, before it is told */
	char *rule, *text, *changer;
};

enum gap_event {
	GAP_OPENED,
	GAP_CHANGED, /* state or what was found */
	GAP_CLOSED,  /* also by a rule that is no more */
};

struct gaps_ops {
	void (*on_event)(void *ctx, struct gap *g, enum gap_event what);
};

struct gaps {
	struct gap **items;
	uint32_t n, room;
	uint32_t standing[PROOF_STATES]; /* of kind PROOF_PORT and PROOF_UNNAMED, by state; proven
					    ones too, of the last proof */
	uint32_t left_out;               /* over GAPS_MAX, in the last proof */
};

void gaps_fini(struct gaps *g);
/* Compares a proof with what stands. -ENOMEM: nothing was changed for what did not fit. */
int gaps_take(struct gaps *g, const struct proof *p, const struct gaps_ops *ops, void *ctx);
struct gap *gaps_find(struct gaps *g, uint64_t key);
/* One from the book, standing; g takes rule, text and changer. -ENOMEM, -EEXIST. */
int gaps_load(struct gaps *g, const struct gap *from);
/* All that changed is in the book now: closed ones go. */
void gaps_saved(struct gaps *g);
bool gaps_changed(const struct gaps *g);
/* The book was lost: everything is to be written again. */
void gaps_change_all(struct gaps *g);
/* The worst one that stands, the oldest of these; NULL: none over PROOF_LATENT. */
const struct gap *gaps_worst(const struct gaps *g);
/* "ldap tcp/389 IPv6" into buf. */
const char *gap_name(const struct gap *g, char buf[static 128]);
/* What deserves to be told one by one: all but latent ones. */
bool gap_is_told(const struct gap *g);
