/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * For tests of the judge: addresses, random numbers that are the same in every run, and the tables
 * of a judge over an image, without processes.
 */
#pragma once

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "image_build.h"
#include "judge/verdict.h"

#define T0   ((usec_t)1795000000 * USEC_PER_SEC) /* 2026-11-18 */
#define SEC  USEC_PER_SEC
#define MIN  (60 * SEC)
#define HOUR (60 * MIN)
#define DAY  (24 * HOUR)

static inline struct addr
addr(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(&a, text, strlen(text)), 0);
	return a;
}

static inline struct prefix
prefix(const char *text)
{
	struct prefix p;

	assert_int_equal(prefix_parse(&p, text, strlen(text)), 0);
	return p;
}

/* Number i of one family, then the other. */
static inline struct addr
numbered(uint32_t i)
{
	struct addr a = {.family = i % 2 ? 6 : 4};

	a.bytes[0] = i % 2 ? 0x20 : 10;
	a.bytes[1] = (uint8_t)(i >> 16);
	a.bytes[2] = (uint8_t)(i >> 8);
	a.bytes[3] = (uint8_t)i;
	return a;
}

/* xorshift64* */
static inline uint32_t
random_below(uint64_t *state, uint32_t n)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (uint32_t)((*state * 2685821657736338717u) >> 33) % n;
}

#define MADE_MAX 4096

struct world {
	struct image_build *build;
	struct image image;
	struct rules rules;
	struct filter_map map;
	struct own own;
	struct verdict v;
	uint32_t made[MADE_MAX], n_made; /* slots of the bans, as they came */
	bool (*former)(uint16_t rule, const struct prefix *p, bool dry, struct verdict_former *out);
};

static inline void
world_on_ban(void *ctx, uint32_t slot)
{
	struct world *w = ctx;

	assert_true(w->n_made < MADE_MAX);
	w->made[w->n_made++] = slot;
}

static inline bool
world_former(void *ctx, uint16_t rule, const struct prefix *p, bool dry, struct verdict_former *out)
{
	struct world *w = ctx;

	return w->former && w->former(rule, p, dry, out);
}

/* Takes the image of what was built so far. */
static inline void
world_open(struct world *w)
{
	static const struct verdict_ops ops = {.on_ban = world_on_ban, .former = world_former};

	image_build_open(w->build, &w->image);
	own_init(&w->own);
	assert_int_equal(rules_init(&w->rules), 0);
	assert_int_equal(rules_load(&w->rules, &w->image), 0);
	assert_int_equal(own_load(&w->own, &w->image), 0);
	assert_int_equal(filter_map_init(&w->map, &w->rules, &w->image), 0);
	w->v = (struct verdict){.rules = &w->rules, .own = &w->own, .ops = &ops, .ctx = w};
	w->v.bans_max = w->image.settings->bans_max;
	assert_int_equal(tallies_new(&w->v.tallies, w->image.settings->tallies_max), 0);
	assert_int_equal(bans_new(&w->v.bans, w->image.settings->bans_max), 0);
	assert_int_equal(verdict_rules(&w->v), 0);
}

static inline void
world_close(struct world *w)
{
	tallies_free(w->v.tallies);
	bans_free(w->v.bans);
	filter_map_fini(&w->map);
	own_fini(&w->own);
	rules_fini(&w->rules);
	image_close(&w->image);
	image_build_free(w->build);
}

static inline struct msg_offence
offence(uint32_t filter, const char *text, usec_t time)
{
	return (struct msg_offence){
	    .addr = addr(text), .points = 1, .filter = filter, .time = time};
}

/* One line that is read the moment it is written. */
static inline void
line(struct world *w, uint32_t filter, const char *text, usec_t time)
{
	const struct msg_offence o = offence(filter, text, time);

	verdict_offence(&w->v, &w->map, &o, time);
}

static inline struct ban *
made(const struct world *w, uint32_t i)
{
	assert_true(i < w->n_made);
	return bans_get(w->v.bans, w->made[i]);
}

static inline void
assert_prefix(const struct ban *x, const char *text)
{
	const struct prefix p = ban_prefix(x);
	char buf[ADDR_TEXT_MAX];

	assert_string_equal(prefix_format(&p, buf), text);
}
