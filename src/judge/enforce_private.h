/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the parts of enforce share: enforce_sweep.c sends, enforce.c hears. Nobody else includes
 * this.
 */
#pragma once

#include "judge/enforce.h"

#define ENFORCE_NO_SLOT (ENFORCE_ASKED - 1) /* id of messages whose answer nobody needs */

enum phase {
	PHASE_NONE,
	PHASE_LONGEST, /* along the heap from its end: what holds longest, first */
	PHASE_REST,    /* slot by slot: what moved in the heap meanwhile */
};

struct enforce {
	struct event_base *base;
	struct bans *bans;
	const struct rules *rules;
	const struct enforce_ops *ops;
	void *ctx;
	struct chan *chan;
	struct event *retry;
	enum phase phase;
	uint32_t cursor;
	bool again;    /* something was missed: sweep once more */
	bool full;     /* the sweep sends the whole book and says so at its end */
	bool retrying; /* the sweep takes the refused ones too */
	bool forgot;   /* elements may be in the kernel that the book does not know */
	bool synced;
	bool met;       /* the keeper has said how it found the table */
	uint8_t epoch;  /* of the kernel's table; bans of a former one are not in it */
	uint16_t flags; /* BAN_REPAIR, BAN_EXTEND of the sweep */
	uint32_t open;  /* questions without an answer */
	uint32_t refused, told;
	uint64_t repairs;
	unsigned wait;
};

/* The kernel should have it now. */
bool enforce_is_wanted(const struct enforce *e, const struct ban *x, usec_t now);
/* A sweep from its beginning; as far as there is room; its end, or the word for it again. */
void enforce_start_sweep(struct enforce *e);
void enforce_go_on(struct enforce *e);
void enforce_end_sweep(struct enforce *e);
