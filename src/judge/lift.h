/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Bans that end before their time. Comes in: a prefix that somebody unbans, single bans. Goes out:
 * ended bans in the table, word to kernel, fleet and tallies. Bounded by max of struct lifted.
 */
#pragma once

#include "judge/court.h"

struct lifted {
	uint32_t *slots;
	uint32_t n, room, max; /* max: set by the caller */
	struct prefix still;   /* a wider ban that stays; family 0: none */
};

void lifted_fini(struct lifted *l);
/* Ends all bans of p and inside it, dry ones too; of an IPv6 host that of its /64, too. */
void lift_inside(struct court *c, const struct prefix *p, struct lifted *l, usec_t now);
/* Takes them out of the kernel: once all are ended, so that none of them is another cause to keep
 * an element. How many answers of the keeper there will be (MSG_UNBANNED with the slot). */
uint32_t lift_out(struct court *c, const struct lifted *l, usec_t now);
/* Both of one ban. True: the keeper will answer. */
bool lift_one(struct court *c, uint32_t slot, usec_t now);
