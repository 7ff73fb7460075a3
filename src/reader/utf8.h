/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Text that is UTF-8 for certain. Comes in: bytes of a log line. Goes out: a copy in which each
 * piece that is none stands as U+FFFD. Pure. Bounded: a copy has at most UTF8_GROWTH bytes for each
 * byte.
 */
#pragma once

#include <stddef.h>

#define UTF8_GROWTH 3

/* The copy's length; out has room for UTF8_GROWTH * n bytes. */
size_t utf8_copy(char *out, const char *text, size_t n);
