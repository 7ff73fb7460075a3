/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What holds, by its end; dry ones that do; what is over, by when no line can reach it.
 */
#include <errno.h>
#include <string.h>

#include "judge/bans_private.h"

#define NO_PLACE UINT32_MAX

usec_t
bans_out_of_reach(const struct ban *x)
{
	usec_t end = ban_end(x), keep = (usec_t)x->keep * USEC_PER_SEC;

	return end > USEC_NEVER - keep ? USEC_NEVER : end + keep;
}

static usec_t
key_of(const struct ban *x)
{
	return x->flags & BANS_LATE ? bans_out_of_reach(x) : ban_end(x);
}

struct heap *
bans_heap(struct bans *b, const struct ban *x)
{
	if (x->flags & BANS_LATE)
		return &b->late;
	return x->flags & BANS_DRY ? &b->dry : &b->held;
}

static bool
is_inside(const struct bans *b, const struct ban *x)
{
	return x->kernel == KERNEL_IN && x->epoch == b->epoch &&
	       !(x->flags & (BANS_LATE | BANS_DRY | BANS_GONE));
}

static bool
is_network(const struct ban *x)
{
	return !(x->flags & BANS_DRY) && x->len < addr_bits(&x->addr) &&
	       !(x->addr.family == 6 && x->len == 64);
}

/* One more that holds, or one less. */
static void
count(struct bans *b, const struct ban *x, bool more)
{
	struct bans_counts *c = &b->rules[x->rule];
	uint32_t *n = x->flags & BANS_DRY ? &c->dry : &c->held;

	if (x->flags & BANS_LATE)
		return;
	*n = more ? *n + 1 : *n - 1;
	if (is_network(x))
		c->networks = more ? c->networks + 1 : c->networks - 1;
	if (is_inside(b, x))
		b->inside = more ? b->inside + 1 : b->inside - (b->inside > 0);
}

static void
place(struct bans *b, struct heap *h, uint32_t index, uint32_t slot)
{
	h->slots[index] = slot;
	bans_at(b, slot)->place = index;
}

static void
heap_up(struct bans *b, struct heap *h, uint32_t index)
{
	uint32_t slot = h->slots[index];
	usec_t key = key_of(bans_at(b, slot));

	while (index > 0) {
		uint32_t parent = (index - 1) / 2;

		if (key_of(bans_at(b, h->slots[parent])) <= key)
			break;
		place(b, h, index, h->slots[parent]);
		index = parent;
	}
	place(b, h, index, slot);
}

static void
heap_down(struct bans *b, struct heap *h, uint32_t index)
{
	uint32_t slot = h->slots[index];
	usec_t key = key_of(bans_at(b, slot));

	for (;;) {
		uint32_t child = 2 * index + 1;

		if (child >= h->n)
			break;
		if (child + 1 < h->n &&
		    key_of(bans_at(b, h->slots[child + 1])) < key_of(bans_at(b, h->slots[child])))
			child++;
		if (key_of(bans_at(b, h->slots[child])) >= key)
			break;
		place(b, h, index, h->slots[child]);
		index = child;
	}
	place(b, h, index, slot);
}

static int
heap_room(struct heap *h)
{
	uint32_t room = h->room ? h->room + h->room / 4 : 1024, *slots;

	if (h->n < h->room)
		return 0;
	slots = reallocarray(h->slots, room, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	h->slots = slots;
	h->room = room;
	return 0;
}

static int
rules_room(struct bans *b, uint16_t rule)
{
	uint32_t n = rule + 1u;
	struct bans_counts *rules;

	if (n <= b->n_rules)
		return 0;
	rules = reallocarray(b->rules, n, sizeof(*rules));
	if (!rules)
		return -ENOMEM;
	memset(rules + b->n_rules, 0, (n - b->n_rules) * sizeof(*rules));
	b->rules = rules;
	b->n_rules = n;
	return 0;
}

int
bans_heap_room(struct bans *b, const struct ban *x)
{
	int r = rules_room(b, x->rule);

	return r < 0 ? r : heap_room(bans_heap(b, x));
}

void
bans_heap_in(struct bans *b, uint32_t slot)
{
	struct heap *h = bans_heap(b, bans_at(b, slot));

	h->slots[h->n] = slot;
	heap_up(b, h, h->n++);
	count(b, bans_at(b, slot), true);
}

void
bans_heap_out(struct bans *b, uint32_t slot)
{
	struct heap *h = bans_heap(b, bans_at(b, slot));
	uint32_t index = bans_at(b, slot)->place, last = h->slots[--h->n];

	count(b, bans_at(b, slot), false);
	bans_at(b, slot)->place = NO_PLACE;
	if (last == slot)
		return;
	place(b, h, index, last);
	heap_up(b, h, index);
	heap_down(b, h, bans_at(b, last)->place);
}

void
bans_heap_again(struct bans *b, uint32_t slot)
{
	struct heap *h = bans_heap(b, bans_at(b, slot));

	heap_up(b, h, bans_at(b, slot)->place);
	heap_down(b, h, bans_at(b, slot)->place);
}

uint32_t
bans_held(const struct bans *b)
{
	return b->held.n;
}

uint32_t
bans_held_at(const struct bans *b, uint32_t index)
{
	return b->held.slots[index];
}

uint32_t
bans_late(const struct bans *b)
{
	return b->late.n + b->dry.n;
}

static usec_t
first_end(const struct bans *b, const struct heap *h)
{
	return h->n > 0 ? ban_end(bans_at(b, h->slots[0])) : USEC_NEVER;
}

usec_t
bans_next_end(const struct bans *b)
{
	usec_t held = first_end(b, &b->held), dry = first_end(b, &b->dry);

	return held < dry ? held : dry;
}

static uint32_t
take_ending(struct bans *b, const struct heap *h, usec_t by)
{
	uint32_t slot;

	if (h->n == 0 || first_end(b, h) > by || heap_room(&b->late) < 0)
		return BANS_NONE;
	slot = h->slots[0];
	bans_heap_out(b, slot);
	bans_at(b, slot)->flags |= BANS_LATE;
	bans_heap_in(b, slot);
	return slot;
}

uint32_t
bans_take_ending(struct bans *b, usec_t by)
{
	return take_ending(b, &b->held, by);
}

void
bans_pass(struct bans *b, usec_t now, uint32_t most)
{
	while (most > 0 && (take_ending(b, &b->held, now) != BANS_NONE ||
			       take_ending(b, &b->dry, now) != BANS_NONE))
		most--;
}

/* --- counts --- */

struct bans_counts
bans_of_rule(const struct bans *b, uint16_t rule)
{
	return rule < b->n_rules ? b->rules[rule] : (struct bans_counts){0};
}

uint32_t
bans_in_kernel(const struct bans *b)
{
	return b->inside;
}

void
bans_kernel(struct bans *b, struct ban *x, enum ban_kernel state)
{
	bool was = is_inside(b, x);

	x->kernel = (uint8_t)state;
	if (is_inside(b, x))
		b->inside += !was;
	else
		b->inside -= was && b->inside > 0;
}

void
bans_epoch(struct bans *b, uint8_t epoch)
{
	b->epoch = epoch;
	b->inside = 0;
}

void
bans_dropped(struct bans *b, uint32_t slot, uint64_t packets, uint64_t bytes)
{
	struct ban *x = bans_at(b, slot);

	x->packets += packets;
	x->bytes += bytes;
	b->rules[x->rule].packets += packets;
	b->rules[x->rule].bytes += bytes;
	bans_change(b, slot);
}
