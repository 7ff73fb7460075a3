/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * When a change is worth a dump: bursts are one. Comes in: times of changes and of dumps, on one
 * clock that never goes back. Goes out: when the next dump is due. Bounded: 10 ms after the last
 * change, at the latest 50 ms after the first, so that with a dump and a proof of some ms a gap is
 * known within 100 ms where it was quiet before; under a stream of changes one dump a second, and
 * less where dumps take long, so that they take at most a fifth of a processor.
 */
#pragma once

#include <stdint.h>

#include "base/clock.h"

struct burst {
	usec_t first, last; /* of the pending changes */
	usec_t next;        /* no dump before */
	uint32_t changes;   /* pending; 0: none */
};

void burst_change(struct burst *b, usec_t now);
/* USEC_NEVER: nothing is pending. */
usec_t burst_due(const struct burst *b);
/* A dump that answers all pending changes was made: from began to now. */
void burst_done(struct burst *b, usec_t began, usec_t now);
