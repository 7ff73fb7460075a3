/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * MD5 (RFC 1321), for comparing with sums that another program wrote down; it protects nothing.
 * Comes in: bytes. Goes out: the sum in hexadecimal. Bounded by the input.
 */
#pragma once

#include <stddef.h>

#define MD5_TEXT 33

void md5_text(const void *data, size_t n, char out[static MD5_TEXT]);
