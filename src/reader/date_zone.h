/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Names of time zones as dates have them. Comes in: "CEST", "UTC", "+0200", "CET+01:00". Goes out:
 * seconds east of UTC. Pure. Names stand for one offset each, whatever the season.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* False for names that are not known. */
bool date_zone(const char *text, size_t n, int32_t *offset);
