/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Where guardd's own unit forbids namespaces, a unit of its own does the replay: one packet with
 * the two descriptors there, one packet with the answer back. Bounded by ASK_PATIENCE.
 */
#pragma once

#include "wire/proof.h"

#define ASK_SOCKET   "/run/guardd-shadow.socket" /* systemd/guard-shadow.socket */
#define ASK_PATIENCE 25                          /* seconds */

/* Asks the unit: the answer to p's cells onto standard output. Negative errno. */
int ask_unit(const struct proof *p);
/* In that unit, with the connection as standard input: what was sent becomes FD_DUMP and FD_PROOF,
 * the connection standard output. Negative errno. */
int ask_take(void);
