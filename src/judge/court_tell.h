/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What of the court's state people are alerted to, in words, beside its log lines. Comes in: the
 * places where it is logged. Goes out: alerts that stand, and moments, to judge/tell. Bounded by
 * that.
 */
#pragma once

#include "judge/court.h"

/* The book was set aside; it cannot be written (error NULL: it can again). */
void court_tell_book_new(struct court *c, const struct book_opened *o);
void court_tell_book(struct court *c, const char *error);
/* The kernel's table: enum resync_why. */
void court_tell_repair(struct court *c, uint32_t why);
/* What enforce_refused says may have changed. */
void court_tell_refused(struct court *c);
/* A ban was refused as there are bans_max; it ends when none was for a while. */
void court_tell_full(struct court *c, usec_t now);
void court_on_full(evutil_socket_t fd, short what, void *arg);
/* One with BANS_PREFIX is in force. */
void court_tell_prefix(struct court *c, const struct ban *x);
