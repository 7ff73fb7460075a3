/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The herald as a whole: what tells people and other hosts, and hears from them. Comes in: events
 * and shared counters of the judge (herald/link), answers from the network. Goes out: alerts,
 * metrics, this host's bans; other hosts' bans to the judge, who decides. Bounded by its parts.
 * The configuration of a life is the first image that the judge sends; for another one it ends,
 * and the runner starts it again.
 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>

#include "wire/figures.h"
#include "wire/image.h"
#include "wire/proof.h"
#include "wire/stats.h"

struct herald {
	struct event_base *base;
	struct image image;            /* always there for the parts: they are made after it came */
	usec_t config;                 /* made: of the newest image that says what image says */
	const struct stats *stats;     /* of the reader; NULL: guardd was not met yet */
	const struct figures *figures; /* NULL: the same. Both stay mapped when guardd is gone. */
	struct proof proof;
	bool have_proof;
	usec_t started; /* real time */
	/* Ends this life: what is kept is committed, the runner starts another one. */
	void (*end)(struct herald *h);

	struct store *store;
	struct link *link;   /* to the judge */
	struct hands *hands; /* to the runner */
	struct alerts *alerts;
	struct fleet *fleet;   /* NULL: none is configured */
	struct probes *probes; /* NULL: the same, or none are asked for */
	struct metrics *metrics;
	struct control *control;
};
