/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The fleet's exposure for people: what each host's proof says and what other hosts saw, side by
 * side. Comes in: cells of the herald's request fleet-exposure. Goes out: a table, worst first, a
 * sentence for what is wrong, an exit status. Bounded by the herald's table.
 */
#pragma once

#include "ctl/command.h"

/* host: NULL for all. brief: sentences and numbers alone. Exits as monitoring plugins do: 0 proofs
 * and probes agree that all is as the rules have it, 1 something is not known, 2 a gap, or they
 * disagree, 3 it could not be asked. */
int fleet_exposure(const struct globals *g, const char *host, bool brief);
