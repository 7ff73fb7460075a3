/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Who asks whom, and when, agreed on by hashes of names alone: no host has to tell another. Comes
 * in: names, periods. Goes out: times that a fleet spreads evenly over the period; for each target
 * the PLAN_VANTAGES hosts of each kind that ask it. Bounded: nothing is kept.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

/* Hosts of a kind that ask a target: all while there are few, then these many of them. Hosts are of
 * a kind when the same rules let them in. */
#define PLAN_VANTAGES 8

/* The same on every host. */
uint64_t plan_hash(const char *vantage, const char *target);
/* The first time behind after at which the pair is due: once in every, at its own offset. */
usec_t plan_next(uint64_t hash, usec_t every, usec_t after);
/* A time within span from now on, at the pair's own offset: what was never asked yet, or is to be
 * asked again soon. */
usec_t plan_soon(uint64_t hash, usec_t span, usec_t now);

/* own is one of those of its kind that ask target. next: a name of that kind other than own and
 * target, one after the other with *i counted on from 0; NULL: no more. */
typedef const char *(*plan_next_fn)(void *ctx, uint32_t *i);
bool plan_is_chosen(const char *own, const char *target, plan_next_fn next, void *ctx);
