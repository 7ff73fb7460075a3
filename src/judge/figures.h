/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the judge counts, where others can read it (wire/figures.h), and how long it takes from a
 * line to the kernel. Comes in: the court's tables at the end of each turn, each new ban with the
 * time its line was read, the kernel's answers. Goes out: numbers in shared memory. Bounded: no
 * loop over bans; FIGURES_OPEN bans without an answer are timed at once, others go untimed.
 */
#pragma once

#include "base/cleanup.h"
#include "wire/figures.h"

#define FIGURES_OPEN 4096 /* a power of two */

struct court;
struct figures_writer;

/* Into memory of its own until figures_show. -ENOMEM. */
int figures_new(struct figures_writer **out);
void figures_free(struct figures_writer *f);
DEFINE_FREEP(struct figures_writer, figures_free)
/* Writes into shared, which is the caller's and outlives f; what a former judge wrote is gone. */
void figures_show(struct figures_writer *f, struct figures *shared);
const struct figures *figures_shown(const struct figures_writer *f);

/* The ban in slot is on its way to the kernel. arrived: as in struct msg_offence; 0: not timed. */
void figures_on_ban(struct figures_writer *f, uint32_t slot, usec_t arrived);
/* The kernel has answered. in: it holds now. */
void figures_on_banned(struct figures_writer *f, uint32_t slot, bool in);
/* The book was written. */
void figures_on_commit(struct figures_writer *f);
/* The end of a turn. */
void figures_turn(struct figures_writer *f, const struct court *c);
