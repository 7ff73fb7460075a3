/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Bans of another program, handed to the running guardd: those in force, and how often a source was
 * banned before. Comes in: the lines of guardd-conf about its database, and which rule each jail
 * became. Goes out: one request each over the control socket. Bounded by guardd-conf's rows.
 */
#pragma once

#include "ctl/command.h"
#include "ctl/import_out.h"

/* database NULL: the one that the configuration names. The exit status. */
int import_history(const struct globals *g, const struct import *im, const char *database);
