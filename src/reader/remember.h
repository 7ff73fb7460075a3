/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What one line said about a session, for a later line of the same session that names no address.
 * Comes in: the hash of filter and session name, and an address. Goes out: that address again.
 * Bounded: a fixed table made once; the session told of longest ago gives way to a new one, which
 * is counted.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/cleanup.h"

#define REMEMBER_SESSIONS 1024 /* 44 KiB a table */

struct remember;

/* max: 1..32768 sessions. -ENOMEM, -EINVAL. */
int remember_new(struct remember **out, uint32_t max);
void remember_free(struct remember *r);
DEFINE_FREEP(struct remember, remember_free)

/* Sets the session's address; it is now the newest. */
void remember_put(struct remember *r, uint64_t session, const struct addr *addr);
/* False when the session is not known (any more). */
bool remember_get(const struct remember *r, uint64_t session, struct addr *out);
/* Sessions that gave way so far. */
uint64_t remember_evicted(const struct remember *r);
