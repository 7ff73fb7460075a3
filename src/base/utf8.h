/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Whether bytes are text: UTF-8 (RFC 3629) without control characters but the tab. Comes in: bytes
 * of anybody. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

bool utf8_is_text(const char *bytes, size_t n);
/* Every byte that is no part of such text becomes '?'; a character that n cuts is dropped. The new
 * length. */
size_t utf8_clean(char *bytes, size_t n);
