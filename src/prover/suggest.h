/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * nft lines that close a gap, or let an allowed host in: for `nft -f`, and loading them twice is as
 * good as once (but for shut-out hosts, where a rule is added to the administrator's own chain).
 * Gaps are closed in a table of its own, `inet guardd_expose`, before destination NAT, so that
 * published ports are met by their public number. Comes in: a finding with its path. Goes out: its
 * suggest lines, in the check's arena.
 */
#pragma once

#include "prover/check.h"

void suggest(struct check *c, const struct cell *cell, struct finding *f);
