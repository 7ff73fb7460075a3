/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/scan_pick.h"

#include <errno.h>
#include <string.h>

#include "reader/scan_sample.h"

#define SLOT_BITS  18
#define SLOTS      (1u << SLOT_BITS)
#define ORDERED    16 /* literals up to this length choose one after the other, shortest first */
#define BASE       256
#define SHARES_MAX 8 /* literals to one window, where they have others */

struct scan_pick {
	uint16_t common[SLOTS]; /* by gram: how often the sample has it */
	uint16_t shared[SLOTS]; /* by gram: how many literals have it */
	uint8_t taken[SLOTS];   /* by gram: how many literals have it as their window */
	uint32_t bytes[256];
};

/* Of 2 to 4 bytes, case folded as in the scan. */
static uint32_t
gram(const char *p, unsigned n)
{
	uint32_t v = n;

	for (unsigned i = 0; i < n; i++)
		v = (v ^ (uint8_t)(p[i] | 32)) * 0x01000193u + 0x9e37u;
	return (v * 0x9e3779b1u) >> (32 - SLOT_BITS);
}

static void
weigh_sample(struct scan_pick *p)
{
	for (size_t line = 0; scan_sample[line]; line++)
		for (const char *c = scan_sample[line]; *c; c++) {
			p->bytes[(uint8_t)*c]++;
			for (unsigned n = 2; n <= SCAN_WINDOW && c[n - 1]; n++)
				p->common[gram(c, n)]++;
		}
}

int
scan_pick_new(struct scan_pick **out)
{
	struct scan_pick *p = calloc(1, sizeof *p);

	if (!p)
		return -ENOMEM;
	weigh_sample(p);
	*out = p;
	return 0;
}

void
scan_pick_free(struct scan_pick *p)
{
	free(p);
}

uint32_t
scan_pick_byte(const struct scan_pick *p, uint8_t c)
{
	return p->bytes[c] + 1;
}

/* Roughly how often the window will be found in vain: the sample is small, so that parts of a gram
 * tell something of those it lacks. */
static uint32_t
weight(const struct scan_pick *p, const char *c)
{
	return 64 * p->common[gram(c, 4)] +
	       4 * (p->common[gram(c, 3)] + p->common[gram(c + 1, 3)]) + p->common[gram(c, 2)] +
	       p->common[gram(c + 1, 2)] + p->common[gram(c + 2, 2)];
}

/* A window that is looked for anyway costs nothing more, as long as not too many are compared where
 * it stands; one that others can use, less. */
static uint32_t
cost(const struct scan_pick *p, const char *c)
{
	uint32_t slot = gram(c, SCAN_WINDOW), shares = p->shared[slot];

	if (p->taken[slot] && p->taken[slot] < SHARES_MAX)
		return 0;
	return (BASE + 4 * weight(p, c)) / (3 + (shares < SHARES_MAX ? shares : SHARES_MAX));
}

static unsigned
choose(const struct scan_pick *p, const struct scan_literal *l, unsigned stride)
{
	uint32_t least = UINT32_MAX;
	unsigned best = 0;

	for (unsigned at = 0; at + stride - 1 + SCAN_WINDOW <= l->len; at++) {
		uint32_t sum = 0;

		for (unsigned i = 0; i < stride; i++)
			sum += cost(p, l->text + at + i);
		if (sum < least) {
			least = sum;
			best = at;
		}
	}
	return best;
}

static void
pick(struct scan_pick *p, const struct scan_literal *l, unsigned stride, uint16_t *at)
{
	*at = choose(p, l, stride);
	for (unsigned i = 0; *at + i + SCAN_WINDOW <= l->len && i < stride; i++) {
		uint8_t *taken = &p->taken[gram(l->text + *at + i, SCAN_WINDOW)];

		*taken += *taken < UINT8_MAX;
	}
}

void
scan_pick_all(struct scan_pick *p, const struct scan_literal *literals, size_t n, unsigned stride,
    uint16_t *at)
{
	for (size_t i = 0; i < n; i++)
		for (unsigned k = 0; k + SCAN_WINDOW <= literals[i].len; k++) {
			uint16_t *shared = &p->shared[gram(literals[i].text + k, SCAN_WINDOW)];

			*shared += *shared < UINT16_MAX;
		}
	/* Short ones have little choice: the others can follow them. */
	for (unsigned len = SCAN_LEAST; len <= ORDERED; len++)
		for (size_t i = 0; i < n; i++)
			if (literals[i].len == len)
				pick(p, &literals[i], stride, &at[i]);
	for (size_t i = 0; i < n; i++)
		if (literals[i].len > ORDERED)
			pick(p, &literals[i], stride, &at[i]);
}
