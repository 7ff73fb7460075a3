/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * MD5 (RFC 1321) and SHA-1 (RFC 3174), for comparing with sums that another program wrote down;
 * they protect nothing. Comes in: bytes, and a sum in hexadecimal. Goes out: whether it is theirs.
 * Bounded by the input.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Of 32 digits it is MD5's, of 40 SHA-1's; another length is nobody's. */
bool digest_is(const void *data, size_t n, const char *hex);
