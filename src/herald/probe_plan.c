/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "herald/probe_plan.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "herald/fleet.h"

uint64_t
plan_hash(const char *vantage, const char *target)
{
	char both[2 * FLEET_HOST_MAX];
	int n = snprintf(both, sizeof(both), "%.63s>%.63s", vantage, target);

	return hash_bytes(&hash_stable, both, (size_t)n);
}

usec_t
plan_next(uint64_t hash, usec_t every, usec_t after)
{
	usec_t offset = (usec_t)(hash % (uint64_t)every), turn = (after - offset) / every * every;

	while (turn + offset <= after)
		turn += every;
	return turn + offset;
}

usec_t
plan_soon(uint64_t hash, usec_t span, usec_t now)
{
	return now + (usec_t)(hash % (uint64_t)(span > 0 ? span : 1));
}

/* The hosts with the lowest hashes: who comes or goes changes nothing between the others. */
bool
plan_is_chosen(const char *own, const char *target, plan_next_fn next, void *ctx)
{
	uint64_t mine = plan_hash(own, target);
	uint32_t before = 0, i = 0;
	const char *name;

	while (before < PLAN_VANTAGES && (name = next(ctx, &i)))
		before += plan_hash(name, target) < mine;
	return before < PLAN_VANTAGES;
}
