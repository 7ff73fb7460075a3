/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What guardd and its herald count, as families of metrics (docs/metrics.md). Comes in: the shared
 * counters, of which nothing is trusted but that numbers are numbers, the proof, counts of the
 * herald's parts. Goes out: one text. Bounded: METRICS_CELLS cells of the proof, the worst ones;
 * all others by the shared tables.
 */
#pragma once

#include "herald/herald.h"
#include "herald/metrics_page.h"

#define METRICS_CELLS 4096

/* Of the herald itself, by herald/metrics.c. */
struct metrics_own {
	uint64_t scrapes, turned_away; /* answers; connections closed without one */
	bool file_ok, port_ok;         /* or not wanted */
};

/* up: guardd is connected. now: real time. */
void metrics_write(struct strbuf *out, enum metrics_format format, const struct herald *h, bool up,
    const struct metrics_own *own, usec_t now);

/* --- the parts of the text --- */

void metrics_sources(
    struct metrics_page *p, const struct stats *s, const struct image *img, usec_t now);
void metrics_filters(struct metrics_page *p, const struct stats *s, const struct image *img);
void metrics_judge(struct metrics_page *p, const struct figures *f, bool up, bool fleet);
void metrics_exposure(struct metrics_page *p, const struct proof *proof, usec_t now);
