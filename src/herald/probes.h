/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The fleet seen from outside: this host asks the others' protected ports on a schedule, and puts
 * what every host saw beside what the target's own proof says. Comes in: reports and probe entries
 * of the fleet, answers of guardd-prover --probe. Goes out: probe entries, the matrix, an alert
 * where probe and proof disagree. Bounded: probe_per_second questions, only to addresses in
 * probe_within; PROBES_CELLS cells.
 */
#pragma once

#include "herald/fleet.h"

#define PROBES_CELLS 200000

struct probes;

int probes_new(struct probes **out, struct herald *h);
void probes_free(struct probes *p);
/* host said this of what it saw: one entry of kind "probe", JSON that is not checked yet. */
void probes_on_entry(struct probes *p, const char *host, const char *json, size_t n);
/* host has a new report (fleet_find_host). */
void probes_on_report(struct probes *p, const char *host);

/* How often each pair of hosts is asked: fleet.probe.every, and more seldom where there are so many
 * hosts that the fleet would say more than one entry a second. 0: this host asks nobody. */
usec_t probes_period(const struct probes *p);

struct probes_counts {
	uint64_t rounds, questions, gaps, disagree; /* disagree: cells that do now */
	uint32_t cells;
};
void probes_count(const struct probes *p, struct probes_counts *out);

/* fleet-exposure [HOST]: the matrix, an object a cell. */
void probes_request_matrix(struct request *q, char *const *words, unsigned n);
