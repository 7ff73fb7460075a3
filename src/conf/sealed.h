/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * guardd-conf's sandbox: once all files are read and all names resolved it needs neither. Comes in:
 * nothing. Goes out: a process that can compute and write to the descriptors it has. What cannot be
 * installed ends the process.
 */
#pragma once

#include "base/hash.h"

/* What must be read before: the machine's id. */
void sealed_prepare(void);
void sealed_enter(void);
/*
 * The key of the hashes of user names: made from the machine's id, so that it is the same at each
 * load, for tallies outlive a reload, and unlike that of other machines. Zero where the machine has
 * no id.
 */
struct hash_key sealed_user_key(void);
