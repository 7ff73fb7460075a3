/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The reader's side of wire/stats.h: one slot per source instance by its key, found again after a
 * restart of the reader. Comes in: what lanes counted. Goes out: plain stores into shared memory
 * that the judge reads. Bounded: STATS_SOURCES slots (an absent one gives way when all are taken),
 * the last is for all others; STATS_FILTERS filters.
 */
#pragma once

#include "base/cleanup.h"
#include "reader/match.h"
#include "wire/stats.h"

struct counters;

/* Maps fd (which stays the caller's) and grows it to its size; fd -1: private memory, nobody reads.
 * filters: how many the image has. Negative errno. */
int counters_new(struct counters **out, int fd, uint32_t filters);
void counters_free(struct counters *c);
DEFINE_FREEP(struct counters, counters_free)

/* The slot of key, named (NULL: as it is); never NULL. It stays the instance's until
 * counters_release. */
struct stats_source *counters_slot(
    struct counters *c, uint64_t key, uint32_t kind, const char *name);
/* The slot may be given to another source when room is needed; its numbers stay shown until then.
 */
void counters_release(struct stats_source *slot);
/* Empties a slot that shows nothing any more (a glob that now has files). */
void counters_forget(struct counters *c, uint64_t key);
/* Adds what a lane counted in one go. */
void counters_add(struct stats_source *slot, const struct lane_counts *n, usec_t now);
/* What lanes add to, one per filter of the image; counters_publish copies it out. */
struct lane_filter_counts *counters_filters(struct counters *c);
void counters_publish(struct counters *c, uint32_t filter);
/* So many hits more were lost. */
void counters_lost(struct counters *c, uint64_t hits);
