/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * How long to wait before what ended or failed is tried again: 100 ms, doubled to 10 s; nothing
 * after it went well for a while.
 */
#pragma once

#include "base/clock.h"

#define BACKOFF_FIRST (100 * USEC_PER_MSEC)
#define BACKOFF_MAX   (10 * USEC_PER_SEC)

/* wait: the last answer, 0 at first. lived: how long the last try lasted; well: that is long. */
static inline usec_t
backoff_next(usec_t wait, usec_t lived, usec_t well)
{
	if (lived > well)
		return 0;
	if (wait == 0)
		return BACKOFF_FIRST;
	return 2 * wait < BACKOFF_MAX ? 2 * wait : BACKOFF_MAX;
}
