/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the lines of an ordinary day look like: scan_new chooses the windows of its literals so that
 * they are rare in these. A constant; it decides speed alone, never what is found.
 */
#pragma once

/* Ends with NULL. */
extern const char *const scan_sample[];
