/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * This host's bans as the fleet has them, or is to have them: a row a ban in the store, so that
 * after a restart nothing is given twice and what was lifted meanwhile is lifted. Comes in: the
 * judge's snapshots and changes. Goes out: rows to be told, in order of their serials. Bounded:
 * FLEET_GIVEN rows, of which FLEET_OUTBOX wait; past it the oldest that waits gives way.
 */
#pragma once

#include "herald/fleet.h"
#include "herald/store.h"

struct given;

struct given_row {
	uint64_t serial;
	bool lift;
	struct msg_fleet ban;
};

/* -ENOMEM. */
int given_new(struct given **out, struct store *store, usec_t now);
void given_free(struct given *g);

/* All that hold are said between begin and end; at the end what was not said is lifted. lost: it is
 * not known whether that holds; it is forgotten, and ends elsewhere in its time. */
void given_begin(struct given *g);
void given_end(struct given *g, bool lost, usec_t now);
/* It holds, anew or as before. */
void given_ban(struct given *g, const struct msg_fleet *b, usec_t now);
/* Lifted; rule "*": by hand, for all hosts. */
void given_lift(struct given *g, const struct msg_fleet *b, usec_t now);

/* The server has nothing of it any more: all that hold are to be given again, n of them at each
 * call of given_again, which answers how many it took. */
void given_forgotten(struct given *g);
unsigned given_again(struct given *g, unsigned n, usec_t now);

/* The next rows with serials above after that wait, at most n; how many. They count as sent. */
unsigned given_next(struct given *g, uint64_t after, struct given_row *rows, unsigned n);
/* The server has it. */
void given_done(struct given *g, uint64_t serial, bool lift);
/* Forgets what has ended. */
void given_sweep(struct given *g, usec_t now);

/* A number that this host has never used: microseconds of its clock, or one more than the last. */
uint64_t given_serial(struct given *g, usec_t now);
uint64_t given_last_serial(const struct given *g);
/* Numbers up to serial have been used. */
void given_raise_serial(struct given *g, uint64_t serial);

uint32_t given_waiting(const struct given *g);
uint64_t given_lost(const struct given *g);
/* FLEET_GIVEN rows are there: new bans are not given. */
bool given_is_full(const struct given *g);
