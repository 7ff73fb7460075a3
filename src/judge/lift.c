/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "judge/lift.h"

#include <stdlib.h>

#include "judge/joined.h"

void
lifted_fini(struct lifted *l)
{
	free(l->slots);
	l->slots = NULL;
	l->n = l->room = 0;
}

static bool
make_room(struct lifted *l)
{
	uint32_t room = l->room ? 2 * l->room : 16, *slots;

	if (l->n == l->max)
		return false;
	if (l->n < l->room)
		return true;
	slots = reallocarray(l->slots, room, sizeof(*slots));
	if (!slots)
		return false;
	l->slots = slots;
	l->room = room;
	return true;
}

static void
end(struct court *c, uint32_t slot, usec_t now)
{
	bans_end(c->bans, slot, now);
	joined_on_lift(c->joined, slot);
}

static void
take(struct court *c, struct lifted *l, uint32_t slot, usec_t now)
{
	const struct ban *x = bans_get(c->bans, slot);

	if (!x || !ban_holds(x, now) || (x->flags & BANS_BUILTIN) || !make_room(l))
		return;
	l->slots[l->n++] = slot;
	end(c, slot, now);
}

static void
take_exact(struct court *c, struct lifted *l, const struct prefix *p, usec_t now)
{
	for (uint32_t s = bans_first(c->bans, p); s != BANS_NONE; s = bans_next(c->bans, p, s))
		take(c, l, s, now);
}

/* The narrowest one around p that holds. */
static void
find_wider(const struct court *c, struct lifted *l, const struct prefix *p, usec_t now)
{
	for (unsigned len = p->len; len-- > 0 && !l->still.addr.family;) {
		struct prefix wide = prefix_of(&p->addr, len);

		for (uint32_t s = bans_first(c->bans, &wide); s != BANS_NONE;
		     s = bans_next(c->bans, &wide, s)) {
			const struct ban *x = bans_get(c->bans, s);

			if (ban_holds(x, now) && !(x->flags & (BANS_BUILTIN | BANS_DRY)))
				l->still = wide;
		}
	}
}

void
lift_inside(struct court *c, const struct prefix *p, struct lifted *l, usec_t now)
{
	if (prefix_is_host(p)) {
		take_exact(c, l, p, now);
		/* The IPv6 source of one host is banned as its /64. */
		if (p->addr.family == 6) {
			struct prefix site = prefix_of(&p->addr, 64);

			take_exact(c, l, &site, now);
		}
	} else {
		for (uint32_t i = 0; i < bans_high(c->bans); i++) {
			const struct ban *x = bans_get(c->bans, i);
			struct prefix own;

			if (!x)
				continue;
			own = ban_prefix(x);
			if (prefix_covers(p, &own))
				take(c, l, i, now);
		}
	}
	find_wider(c, l, p, now);
}

static bool
out(struct court *c, uint32_t slot, usec_t now)
{
	const struct prefix p = ban_prefix(bans_get(c->bans, slot));

	for (uint16_t rule = 0; rule < c->rules.n; rule++)
		if (c->rules.slots[rule].alive)
			tally_forgive(c->tallies, rule, &p, now);
	return enforce_unban(c->enforce, slot, now);
}

uint32_t
lift_out(struct court *c, const struct lifted *l, usec_t now)
{
	uint32_t open = 0;

	for (uint32_t i = 0; i < l->n; i++)
		open += out(c, l->slots[i], now);
	court_changed(c, true);
	return open;
}

bool
lift_one(struct court *c, uint32_t slot, usec_t now)
{
	end(c, slot, now);
	court_changed(c, false);
	return enforce_unban(c->enforce, slot, now);
}
