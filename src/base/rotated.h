/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Names that log rotation gives to what was written before.
 */
#pragma once

#include <stdbool.h>

/* Is name (without its directory) base itself or a rotated one: BASE.1, BASE-20261101, or
 * STEM-20261101.EXT. Compressed ones are none: they cannot be read on where reading stopped. */
bool rotated_is(const char *name, const char *base);
