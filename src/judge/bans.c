/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "judge/bans.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "judge/slab.h"

#define CLEAN       (UINT32_MAX - 1)
#define HEADS_FIRST 256
#define NO_PLACE    UINT32_MAX

struct bans {
	struct slab slab;
	struct hash_key key;
	uint32_t *heads;  /* by prefix */
	uint32_t *groups; /* by rule and the prefix of group_len */
	uint32_t n_heads;
	uint32_t *heap; /* by the time from which no line can reach it */
	uint32_t n_heap, heap_room;
	uint32_t changed, changed_last;
};

/* Hashed as it is: no padding. */
struct group_key {
	struct prefix prefix;
	uint16_t rule;
} __attribute__((packed));

struct ban *
bans_get(const struct bans *b, uint32_t slot)
{
	return slab_get(&b->slab, slot);
}

static struct ban *
at(const struct bans *b, uint32_t slot)
{
	return slab_item(&b->slab, slot);
}

int
bans_new(struct bans **out, uint32_t max)
{
	struct bans *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	b->key = hash_key_random();
	b->changed = BANS_NONE;
	b->n_heads = HEADS_FIRST;
	b->heads = malloc(b->n_heads * sizeof(*b->heads));
	b->groups = malloc(b->n_heads * sizeof(*b->groups));
	if (!b->heads || !b->groups || slab_init(&b->slab, sizeof(struct ban), max) < 0) {
		bans_free(b);
		return -ENOMEM;
	}
	memset(b->heads, 0xff, b->n_heads * sizeof(*b->heads));
	memset(b->groups, 0xff, b->n_heads * sizeof(*b->groups));
	*out = b;
	return 0;
}

void
bans_free(struct bans *b)
{
	if (!b)
		return;
	for (uint32_t i = 0; i < b->slab.high; i++)
		if (bans_get(b, i))
			free(at(b, i)->note);
	slab_fini(&b->slab);
	free(b->heads);
	free(b->groups);
	free(b->heap);
	free(b);
}

int
bans_limit(struct bans *b, uint32_t max)
{
	return slab_limit(&b->slab, max);
}

uint32_t
bans_high(const struct bans *b)
{
	return b->slab.high;
}

uint32_t
bans_count(const struct bans *b)
{
	return b->slab.n;
}

uint32_t
bans_max(const struct bans *b)
{
	return b->slab.max;
}

uint32_t
bans_keep(usec_t late)
{
	usec_t s = (late + USEC_PER_SEC - 1) / USEC_PER_SEC;

	if (s < BANS_KEEP)
		return BANS_KEEP;
	return s < UINT32_MAX ? (uint32_t)s : UINT32_MAX;
}

struct prefix
ban_prefix(const struct ban *x)
{
	return prefix_of(&x->addr, x->len);
}

usec_t
ban_end(const struct ban *x)
{
	return x->ended ? x->ended : x->until;
}

bool
ban_holds(const struct ban *x, usec_t t)
{
	return !(x->flags & BANS_GONE) && x->since <= t && t < ban_end(x);
}

/* --- the indexes by prefix and by group --- */

static uint32_t *
head_of(const struct bans *b, const struct prefix *p)
{
	return &b->heads[hash_bytes(&b->key, p, sizeof(*p)) & (b->n_heads - 1)];
}

static uint32_t *
group_of(const struct bans *b, uint16_t rule, const struct prefix *p)
{
	const struct group_key k = {*p, rule};

	return &b->groups[hash_bytes(&b->key, &k, sizeof(k)) & (b->n_heads - 1)];
}

static uint32_t *
own_head(const struct bans *b, const struct ban *x)
{
	struct prefix p = ban_prefix(x);

	return head_of(b, &p);
}

static uint32_t *
own_group(const struct bans *b, const struct ban *x)
{
	struct prefix p = prefix_of(&x->addr, x->group_len);

	return group_of(b, x->rule, &p);
}

static void
link_in(struct bans *b, uint32_t slot)
{
	struct ban *x = at(b, slot);
	uint32_t *head = own_head(b, x);

	x->next = *head;
	*head = slot;
	if (x->group_len) {
		head = own_group(b, x);
		x->sibling = *head;
		*head = slot;
	}
}

static void
link_out(struct bans *b, uint32_t slot)
{
	struct ban *x = at(b, slot);
	uint32_t *link = own_head(b, x);

	while (*link != slot)
		link = &at(b, *link)->next;
	*link = x->next;
	if (!x->group_len)
		return;
	link = own_group(b, x);
	while (*link != slot)
		link = &at(b, *link)->sibling;
	*link = x->sibling;
}

/* Half a head per ban: 4 bytes for both indexes together. Without memory the chains are longer. */
static void
heads_grow(struct bans *b, uint32_t n)
{
	uint32_t *heads = malloc(n * sizeof(*heads)), *groups = malloc(n * sizeof(*groups));

	if (!heads || !groups) {
		free(heads);
		free(groups);
		return;
	}
	free(b->heads);
	free(b->groups);
	b->heads = heads;
	b->groups = groups;
	b->n_heads = n;
	memset(heads, 0xff, n * sizeof(*heads));
	memset(groups, 0xff, n * sizeof(*groups));
	for (uint32_t i = 0; i < b->slab.high; i++)
		if (bans_get(b, i))
			link_in(b, i);
}

void
bans_expect(struct bans *b, uint32_t n)
{
	uint32_t heads = b->n_heads;

	if (n > b->slab.max)
		n = b->slab.max;
	while (n > 2 * heads)
		heads *= 2;
	if (heads > b->n_heads)
		heads_grow(b, heads);
}

uint32_t
bans_first(const struct bans *b, const struct prefix *p)
{
	uint32_t slot = *head_of(b, p);

	while (slot != BANS_NONE) {
		struct prefix own = ban_prefix(at(b, slot));

		if (prefix_cmp(&own, p) == 0)
			break;
		slot = at(b, slot)->next;
	}
	return slot;
}

uint32_t
bans_next(const struct bans *b, const struct prefix *p, uint32_t slot)
{
	for (slot = at(b, slot)->next; slot != BANS_NONE; slot = at(b, slot)->next) {
		struct prefix own = ban_prefix(at(b, slot));

		if (prefix_cmp(&own, p) == 0)
			break;
	}
	return slot;
}

/* One rule bans a source once at a time, so that bans that hold are different hosts. */
uint32_t
bans_hosts(const struct bans *b, uint16_t rule, const struct prefix *p, usec_t t, uint32_t most)
{
	uint32_t n = 0;

	for (uint32_t slot = *group_of(b, rule, p); slot != BANS_NONE && n < most;
	     slot = at(b, slot)->sibling) {
		const struct ban *x = at(b, slot);

		if (x->rule == rule && x->group_len == p->len && prefix_has(p, &x->addr) &&
		    ban_holds(x, t))
			n++;
	}
	return n;
}

/* --- the heap --- */

static usec_t
out_of_reach(const struct ban *x)
{
	usec_t end = ban_end(x), keep = (usec_t)x->keep * USEC_PER_SEC;

	return end > USEC_NEVER - keep ? USEC_NEVER : end + keep;
}

static void
place(struct bans *b, uint32_t index, uint32_t slot)
{
	b->heap[index] = slot;
	at(b, slot)->place = index;
}

static void
heap_up(struct bans *b, uint32_t index)
{
	uint32_t slot = b->heap[index];
	usec_t key = out_of_reach(at(b, slot));

	while (index > 0) {
		uint32_t parent = (index - 1) / 2;

		if (out_of_reach(at(b, b->heap[parent])) <= key)
			break;
		place(b, index, b->heap[parent]);
		index = parent;
	}
	place(b, index, slot);
}

static void
heap_down(struct bans *b, uint32_t index)
{
	uint32_t slot = b->heap[index];
	usec_t key = out_of_reach(at(b, slot));

	for (;;) {
		uint32_t child = 2 * index + 1;

		if (child >= b->n_heap)
			break;
		if (child + 1 < b->n_heap &&
		    out_of_reach(at(b, b->heap[child + 1])) < out_of_reach(at(b, b->heap[child])))
			child++;
		if (out_of_reach(at(b, b->heap[child])) >= key)
			break;
		place(b, index, b->heap[child]);
		index = child;
	}
	place(b, index, slot);
}

static int
heap_room(struct bans *b)
{
	uint32_t room = b->heap_room ? b->heap_room + b->heap_room / 4 : 1024, *heap;

	if (b->n_heap < b->heap_room)
		return 0;
	heap = reallocarray(b->heap, room, sizeof(*heap));
	if (!heap)
		return -ENOMEM;
	b->heap = heap;
	b->heap_room = room;
	return 0;
}

static void
heap_in(struct bans *b, uint32_t slot)
{
	b->heap[b->n_heap] = slot;
	heap_up(b, b->n_heap++);
}

static void
heap_out(struct bans *b, uint32_t slot)
{
	uint32_t index = at(b, slot)->place, last = b->heap[--b->n_heap];

	at(b, slot)->place = NO_PLACE;
	if (last == slot)
		return;
	place(b, index, last);
	heap_up(b, index);
	heap_down(b, at(b, last)->place);
}

static void
heap_again(struct bans *b, uint32_t slot)
{
	heap_up(b, at(b, slot)->place);
	heap_down(b, at(b, slot)->place);
}

uint32_t
bans_placed(const struct bans *b)
{
	return b->n_heap;
}

uint32_t
bans_at_place(const struct bans *b, uint32_t index)
{
	return b->heap[index];
}

/* --- coming and going --- */

static void
settle(struct bans *b, uint32_t slot, const struct ban *values)
{
	struct ban *x = at(b, slot);

	*x = *values;
	x->changed = CLEAN;
	x->flags &= (uint8_t)~BANS_GONE;
	link_in(b, slot);
	heap_in(b, slot);
	if (b->slab.n > 2 * b->n_heads)
		heads_grow(b, b->n_heads * 2);
}

int
bans_add(struct bans *b, const struct ban *values, uint32_t *slot)
{
	int r = heap_room(b);

	if (r == 0)
		r = slab_take(&b->slab, slot);
	if (r < 0)
		return r;
	settle(b, *slot, values);
	bans_change(b, *slot);
	return 0;
}

int
bans_restore(struct bans *b, uint32_t slot, const struct ban *values)
{
	int r = heap_room(b);

	if (r < 0)
		return r;
	r = slab_take_at(&b->slab, slot);
	if (r < 0)
		return bans_add(b, values, &slot);
	settle(b, slot, values);
	return 0;
}

void
bans_narrow(struct bans *b, uint32_t slot, uint8_t len)
{
	if (at(b, slot)->flags & BANS_GONE)
		return;
	link_out(b, slot);
	at(b, slot)->len = len;
	link_in(b, slot);
	bans_change(b, slot);
}

void
bans_end(struct bans *b, uint32_t slot, usec_t t)
{
	struct ban *x = at(b, slot);

	if (ban_end(x) <= t || (x->flags & BANS_GONE))
		return;
	/* One that was to begin later than it is lifted never was. */
	x->ended = t > x->since ? t : x->since;
	heap_again(b, slot);
	bans_change(b, slot);
}

void
bans_remove(struct bans *b, uint32_t slot)
{
	struct ban *x = at(b, slot);

	if (!(x->flags & BANS_GONE))
		heap_out(b, slot);
	x->flags |= BANS_GONE | BANS_BUILTIN;
	bans_change(b, slot);
}

static void
gone(struct bans *b, uint32_t slot)
{
	heap_out(b, slot);
	at(b, slot)->flags |= BANS_GONE;
	bans_change(b, slot);
}

uint32_t
bans_over(struct bans *b, usec_t now, uint32_t most)
{
	uint32_t n = 0;

	while (n < most && b->n_heap > 0 && out_of_reach(at(b, b->heap[0])) <= now) {
		gone(b, b->heap[0]);
		n++;
	}
	return n;
}

uint32_t
bans_give_way(struct bans *b)
{
	uint32_t slot;

	if (b->n_heap == 0)
		return BANS_NONE;
	slot = b->heap[0];
	gone(b, slot);
	return slot;
}

/* --- for the book --- */

void
bans_change(struct bans *b, uint32_t slot)
{
	struct ban *x = at(b, slot);

	if (x->changed != CLEAN)
		return;
	x->changed = BANS_NONE;
	if (b->changed == BANS_NONE)
		b->changed = slot;
	else
		at(b, b->changed_last)->changed = slot;
	b->changed_last = slot;
}

uint32_t
bans_changed_first(const struct bans *b)
{
	return b->changed;
}

uint32_t
bans_changed_next(const struct bans *b, uint32_t slot)
{
	return at(b, slot)->changed;
}

void
bans_saved(struct bans *b)
{
	uint32_t slot = b->changed;

	b->changed = BANS_NONE;
	while (slot != BANS_NONE) {
		struct ban *x = at(b, slot);
		uint32_t next = x->changed;

		x->changed = CLEAN;
		if (x->flags & BANS_GONE) {
			link_out(b, slot);
			free(x->note);
			slab_give(&b->slab, slot);
		}
		slot = next;
	}
}

void
bans_change_all(struct bans *b)
{
	for (uint32_t i = 0; i < b->slab.high; i++)
		if (bans_get(b, i))
			bans_change(b, i);
}
