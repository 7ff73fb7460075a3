/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "judge/bans_private.h"

#define CLEAN       (UINT32_MAX - 1)
#define HEADS_FIRST 256

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
			free(bans_at(b, i)->note);
	slab_fini(&b->slab);
	free(b->heads);
	free(b->groups);
	free(b->held.slots);
	free(b->dry.slots);
	free(b->late.slots);
	free(b->rules);
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
bans_prefixes(const struct bans *b)
{
	return b->prefixes;
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
	struct ban *x = bans_at(b, slot);
	uint32_t *head = own_head(b, x);

	x->next = *head;
	*head = slot;
	b->prefixes += !!(x->flags & BANS_PREFIX);
	if (x->group_len) {
		head = own_group(b, x);
		x->sibling = *head;
		*head = slot;
	}
}

static void
link_out(struct bans *b, uint32_t slot)
{
	struct ban *x = bans_at(b, slot);
	uint32_t *link = own_head(b, x);

	while (*link != slot)
		link = &bans_at(b, *link)->next;
	*link = x->next;
	b->prefixes -= !!(x->flags & BANS_PREFIX);
	if (!x->group_len)
		return;
	link = own_group(b, x);
	while (*link != slot)
		link = &bans_at(b, *link)->sibling;
	*link = x->sibling;
}

/* Half a head to a head per ban: at most 8 bytes for both indexes together. Without memory the
 * chains are longer. */
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
	b->prefixes = 0;
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
	while (n > heads)
		heads *= 2;
	if (heads > b->n_heads)
		heads_grow(b, heads);
}

void
bans_ahead(const struct bans *b, const struct prefix *prefixes, size_t n)
{
	const uint32_t *heads[BANS_AHEAD];

	if (n > BANS_AHEAD)
		n = BANS_AHEAD;
	for (size_t i = 0; i < n; i++) {
		heads[i] = head_of(b, &prefixes[i]);
		__builtin_prefetch(heads[i]);
	}
	for (size_t i = 0; i < n; i++)
		if (*heads[i] != BANS_NONE)
			__builtin_prefetch(bans_at(b, *heads[i]));
}

/* From slot on along its chain, the first ban of exactly p. */
static uint32_t
find_from(const struct bans *b, const struct prefix *p, uint32_t slot)
{
	while (slot != BANS_NONE) {
		const struct ban *x = bans_at(b, slot);

		if (x->len == p->len && prefix_has(p, &x->addr))
			break;
		slot = x->next;
	}
	return slot;
}

uint32_t
bans_first(const struct bans *b, const struct prefix *p)
{
	return find_from(b, p, *head_of(b, p));
}

uint32_t
bans_next(const struct bans *b, const struct prefix *p, uint32_t slot)
{
	return find_from(b, p, bans_at(b, slot)->next);
}

/* One rule bans a source once at a time, so that bans that hold are different hosts. */
uint32_t
bans_hosts(const struct bans *b, uint16_t rule, const struct prefix *p, usec_t t, uint32_t most)
{
	uint32_t n = 0;

	for (uint32_t slot = *group_of(b, rule, p); slot != BANS_NONE && n < most;
	     slot = bans_at(b, slot)->sibling) {
		const struct ban *x = bans_at(b, slot);

		if (x->rule == rule && x->group_len == p->len && prefix_has(p, &x->addr) &&
		    ban_holds(x, t))
			n++;
	}
	return n;
}

/* --- coming and going --- */

static uint8_t
first_flags(const struct ban *x)
{
	bool late = x->ended || (x->flags & BANS_BUILTIN);

	return (uint8_t)((x->flags & ~(BANS_GONE | BANS_LATE)) | (late ? BANS_LATE : 0));
}

static void
settle(struct bans *b, uint32_t slot, const struct ban *values)
{
	struct ban *x = bans_at(b, slot);

	*x = *values;
	x->changed = CLEAN;
	x->flags = first_flags(values);
	link_in(b, slot);
	bans_heap_in(b, slot);
	if (b->slab.n > b->n_heads)
		heads_grow(b, b->n_heads * 2);
}

static int
make_place(struct bans *b, const struct ban *values)
{
	const struct ban first = {.flags = first_flags(values), .rule = values->rule};

	return bans_heap_room(b, &first);
}

int
bans_add(struct bans *b, const struct ban *values, uint32_t *slot)
{
	int r = make_place(b, values);

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
	int r = make_place(b, values);

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
	if (bans_at(b, slot)->flags & BANS_GONE)
		return;
	link_out(b, slot);
	bans_heap_out(b, slot);
	bans_at(b, slot)->len = len;
	bans_heap_in(b, slot);
	link_in(b, slot);
	bans_change(b, slot);
}

bool
bans_extend(struct bans *b, uint32_t slot, usec_t until)
{
	struct ban *x = bans_at(b, slot);

	if (x->ended || until <= x->until || (x->flags & (BANS_LATE | BANS_READ | BANS_GONE)))
		return false;
	x->until = until;
	bans_heap_again(b, slot);
	bans_change(b, slot);
	return true;
}

void
bans_end(struct bans *b, uint32_t slot, usec_t t)
{
	struct ban *x = bans_at(b, slot);

	if (ban_end(x) <= t || (x->flags & BANS_GONE))
		return;
	/* One that was to begin later than it is lifted never was. */
	x->ended = t > x->since ? t : x->since;
	bans_heap_again(b, slot);
	bans_change(b, slot);
}

void
bans_remove(struct bans *b, uint32_t slot)
{
	struct ban *x = bans_at(b, slot);

	if (!(x->flags & BANS_GONE))
		bans_heap_out(b, slot);
	x->flags |= BANS_GONE | BANS_BUILTIN;
	bans_change(b, slot);
}

static void
gone(struct bans *b, uint32_t slot)
{
	bans_heap_out(b, slot);
	bans_at(b, slot)->flags |= BANS_GONE;
	bans_change(b, slot);
}

uint32_t
bans_over(struct bans *b, usec_t now, uint32_t most)
{
	uint32_t n = 0;

	bans_pass(b, now, most);
	while (
	    n < most && b->late.n > 0 && bans_out_of_reach(bans_at(b, b->late.slots[0])) <= now) {
		gone(b, b->late.slots[0]);
		n++;
	}
	return n;
}

uint32_t
bans_give_way(struct bans *b)
{
	const struct heap *h = b->late.n > 0 ? &b->late : &b->dry;
	uint32_t slot;

	if (h->n == 0)
		return BANS_NONE;
	slot = h->slots[0];
	gone(b, slot);
	return slot;
}

/* --- for the book --- */

void
bans_change(struct bans *b, uint32_t slot)
{
	struct ban *x = bans_at(b, slot);

	if (x->changed != CLEAN)
		return;
	x->changed = BANS_NONE;
	if (b->changed == BANS_NONE)
		b->changed = slot;
	else
		bans_at(b, b->changed_last)->changed = slot;
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
	return bans_at(b, slot)->changed;
}

void
bans_saved(struct bans *b)
{
	uint32_t slot = b->changed;

	b->changed = BANS_NONE;
	while (slot != BANS_NONE) {
		struct ban *x = bans_at(b, slot);
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
