/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Alertmanager keeps no alert over its own restart: what stands is said to it again now and then,
 * beside the queue and never at the same time as it. Comes in: the states, the time. Goes out:
 * lists of alerts, REFRESH_PAGE at a time. Bounded: one delivery of a channel, every REFRESH_EVERY.
 */
#pragma once

#include "herald/alert_private.h"

#define REFRESH_EVERY (300 * USEC_PER_SEC)
#define REFRESH_PAGE  100

/* Begins or goes on with a round where it is due. */
void alert_refresh_turn(struct alerts *a, usec_t now);
/* Something is under way: the queue's next message waits for it. */
bool alert_refresh_is_busy(const struct alerts *a, uint32_t channel);
void alert_refresh_free(struct alerts *a);
