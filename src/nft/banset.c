/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nft/banset.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A wide ban goes this much before its end, so that what it hides is never without a drop. */
#define EARLY (100 * USEC_PER_MSEC)

enum set_kind
set_kind(const struct prefix *p)
{
	if (p->addr.family == 4)
		return p->len == 32 ? SET_HOST4 : SET_PREFIX4;
	return p->len == 128 ? SET_HOST6 : p->len == 64 ? SET_NET6 : SET_PREFIX6;
}

static int
compare(const void *a, const void *b)
{
	const struct banned_prefix *x = a, *y = b;

	if (x->scope != y->scope)
		return x->scope < y->scope ? -1 : 1;
	return prefix_cmp(&x->prefix, &y->prefix);
}

/* The first entry not before p, or the end. */
static struct banned_prefix *
place(const struct banset *b, const struct banned_prefix *p)
{
	uint32_t low = 0, high = b->n;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (compare(&b->items[mid], p) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return b->items + low;
}

struct banned_prefix *
banset_find(const struct banset *b, uint32_t scope, const struct prefix *p)
{
	const struct banned_prefix key = {.prefix = *p, .scope = scope};
	struct banned_prefix *e = place(b, &key);

	return b->n > 0 && e < b->items + b->n && compare(e, &key) == 0 ? e : NULL;
}

struct banned_prefix *
banset_cover(const struct banset *b, uint32_t scope, const struct prefix *p)
{
	for (unsigned len = 0; b->n > 0 && len <= p->len; len++) {
		struct prefix wider = prefix_of(&p->addr, len);
		struct banned_prefix *e = banset_find(b, scope, &wider);

		if (e && e->shown)
			return e;
	}
	return NULL;
}

static bool
covers(const struct banned_prefix *a, const struct banned_prefix *b)
{
	return a->scope == b->scope && prefix_covers(&a->prefix, &b->prefix);
}

/* Drops what is over; an ended one that still hides others is banset_expire's. */
static void
prune(struct banset *b, usec_t now)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < b->n; i++) {
		const struct banned_prefix *e = &b->items[i];

		if (e->until > now || (i + 1 < b->n && e->shown && covers(e, e + 1)))
			b->items[kept++] = *e;
	}
	b->n = kept;
}

static int
insert(struct banset *b, const struct banned_prefix *p, usec_t now)
{
	struct banned_prefix *e;

	if (b->n == BANSET_MAX)
		prune(b, now);
	if (b->n == BANSET_MAX)
		return -ENOSPC;
	if (b->n == b->room) {
		e = reallocarray(b->items, b->room * 2 + 64, sizeof(*e));
		if (!e)
			return -ENOMEM;
		b->items = e;
		b->room = b->room * 2 + 64;
	}
	e = place(b, p);
	memmove(e + 1, e, (size_t)(b->items + b->n++ - e) * sizeof(*e));
	*e = *p;
	e->shown = false;
	return 0;
}

static void
show(struct banned_prefix *e, bool shown, banset_emit_fn emit, void *ctx)
{
	e->shown = shown;
	emit(ctx, shown, e);
}

int
banset_ban(
    struct banset *b, const struct banned_prefix *p, usec_t now, banset_emit_fn emit, void *ctx)
{
	struct banned_prefix *e, *c;
	int r;

	while ((e = banset_cover(b, p->scope, &p->prefix)) && e->until <= now)
		banset_unban(b, e, now, emit, ctx);
	e = banset_find(b, p->scope, &p->prefix);
	if (e && e->until >= p->until)
		return 0;
	if (!e) {
		r = insert(b, p, now);
		if (r < 0)
			return r;
		e = banset_find(b, p->scope, &p->prefix);
	}
	e->until = p->until;
	c = banset_cover(b, p->scope, &p->prefix);
	if (c && c != e)
		return 0;
	if (e->shown)
		emit(ctx, false, e);
	for (c = e + 1; c < b->items + b->n && covers(e, c); c++)
		if (c->shown)
			show(c, false, emit, ctx);
	show(e, true, emit, ctx);
	return 0;
}

void
banset_unban(struct banset *b, struct banned_prefix *p, usec_t now, banset_emit_fn emit, void *ctx)
{
	const struct banned_prefix gone = *p, *widest = NULL;

	memmove(p, p + 1, (size_t)(b->items + --b->n - p) * sizeof(*p));
	if (!gone.shown)
		return;
	emit(ctx, false, &gone);
	for (; p < b->items + b->n && covers(&gone, p); p++)
		if (p->until > now && !(widest && covers(widest, p))) {
			widest = p;
			show(p, true, emit, ctx);
		}
}

/* The shown one that ends first of those that hide one that lasts longer. */
static struct banned_prefix *
next_to_go(const struct banset *b)
{
	struct banned_prefix *widest = NULL, *first = NULL;

	for (uint32_t i = 0; i < b->n; i++) {
		struct banned_prefix *e = &b->items[i];

		if (e->shown)
			widest = e;
		else if (widest && covers(widest, e) && e->until > widest->until &&
			 (!first || widest->until < first->until))
			first = widest;
	}
	return first;
}

usec_t
banset_next(const struct banset *b)
{
	const struct banned_prefix *first = next_to_go(b);

	return first ? first->until - EARLY : USEC_NEVER;
}

void
banset_expire(struct banset *b, usec_t now, banset_emit_fn emit, void *ctx)
{
	struct banned_prefix *e;

	while ((e = next_to_go(b)) && e->until - EARLY <= now)
		banset_unban(b, e, now, emit, ctx);
	prune(b, now);
}

void
banset_renumber(struct banset *b, const uint32_t *map, uint32_t scopes)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < b->n; i++) {
		struct banned_prefix *e = &b->items[i];

		e->scope = e->scope < scopes ? map[e->scope] : UINT32_MAX;
		if (e->scope != UINT32_MAX)
			b->items[kept++] = *e;
	}
	b->n = kept;
	if (kept > 0)
		qsort(b->items, kept, sizeof(*b->items), compare);
}
