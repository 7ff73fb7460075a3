/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Time is an argument everywhere else: only mains and event callbacks read these clocks.
 * All times are signed microseconds, of the epoch for the real clock.
 */
#pragma once

#include <stdint.h>

typedef int64_t usec_t;

#define USEC_PER_SEC  ((usec_t)1000000)
#define USEC_PER_MSEC ((usec_t)1000)
#define USEC_NEVER    INT64_MAX

usec_t clock_real(void);
usec_t clock_mono(void);
/* "2026-11-21T21:24:00Z" (UTC, whole seconds; ".123456" when sub is set). Returns buf. */
const char *clock_format(usec_t t, int sub, char buf[static 40]);
/* "4w", "1h30m", "10s": at most the two largest units. Returns buf. */
const char *clock_format_span(usec_t span, char buf[static 40]);
/* Text like "10m", "1h30m", "90" (seconds), units s m h d w. -EINVAL, -ERANGE past 100 years. */
int clock_parse_span(const char *text, usec_t *out);
