/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Base64 (RFC 4648, 4), with padding and without line ends. Comes in: bytes. Goes out: text behind
 * what a strbuf has. Bounded by the caller.
 */
#pragma once

#include "base/strbuf.h"

void base64_add(struct strbuf *out, const void *bytes, size_t n);
