/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "judge/enforce_private.h"

#define JUST_ENDED (2 * USEC_PER_SEC) /* an element so old may still be in the kernel */

static uint32_t
scope_of(const struct enforce *e, const struct ban *x)
{
	return e->rules->slots[x->rule].scope;
}

bool
enforce_is_wanted(const struct enforce *e, const struct ban *x, usec_t now)
{
	return !(x->flags & (BANS_DRY | BANS_GONE)) && ban_end(x) > now &&
	       scope_of(e, x) != SCOPE_NOWHERE;
}

bool
enforce_holds(const struct enforce *e, const struct ban *x)
{
	return x->kernel == KERNEL_IN && x->epoch == e->epoch && e->chan;
}

/* What the other bans of the same element mean for this one's. */
struct others {
	usec_t until; /* the latest end of all that are wanted, this one included; 0: none */
	bool there;   /* the element may be in the kernel */
	bool wanted;  /* another one wants it */
};

static struct others
look_at_others(const struct enforce *e, uint32_t slot, usec_t now)
{
	const struct ban *own = bans_get(e->bans, slot);
	const struct prefix p = ban_prefix(own);
	struct others o = {.until = enforce_is_wanted(e, own, now) ? own->until : 0};

	for (uint32_t s = bans_first(e->bans, &p); s != BANS_NONE; s = bans_next(e->bans, &p, s)) {
		const struct ban *x = bans_get(e->bans, s);

		if (s == slot || scope_of(e, x) != scope_of(e, own) || (x->flags & BANS_DRY))
			continue;
		if (enforce_is_wanted(e, x, now)) {
			o.wanted = o.there = true;
			if (x->until > o.until)
				o.until = x->until;
		} else if (ban_end(x) > now - JUST_ENDED) {
			o.there = true;
		}
	}
	return o;
}

/* --- sending --- */

static int
send_about(struct enforce *e, enum msg_type type, const struct ban *x, uint32_t id, uint32_t scope,
    uint16_t flags, usec_t until)
{
	struct msg m = {.type = (uint16_t)type, .id = id};
	int r;

	m.u.ban.prefix = ban_prefix(x);
	/* Who it was of another host's network is not known. */
	if (x->len < addr_bits(&x->addr) && !e->rules->slots[x->rule].foreign)
		m.u.ban.host = x->addr;
	m.u.ban.scope = scope;
	m.u.ban.flags = flags;
	m.u.ban.until = until;
	r = e->chan ? chan_send(e->chan, &m) : -ENOTCONN;
	if (r == 0)
		e->open++;
	return r;
}

static int
send_ban(struct enforce *e, uint32_t slot, uint16_t flags, usec_t now)
{
	struct ban *x = bans_get(e->bans, slot);
	struct others o = look_at_others(e, slot, now);
	int r;

	if (e->forgot || (o.there && !(flags & BAN_REPAIR)))
		flags |= BAN_EXTEND;
	r = send_about(e, MSG_BAN, x, slot, scope_of(e, x), flags, o.until);
	if (r < 0)
		return r;
	if (x->kernel == KERNEL_REFUSED)
		e->refused--;
	bans_kernel(e->bans, x, KERNEL_ASKED);
	x->epoch = e->epoch;
	return 0;
}

void
enforce_ban(struct enforce *e, uint32_t slot, usec_t now)
{
	if (!e->chan || !enforce_is_wanted(e, bans_get(e->bans, slot), now))
		return;
	if (send_ban(e, slot, 0, now) < 0)
		enforce_sweep(e);
}

static void
leave(struct enforce *e, struct ban *x, enum ban_kernel state)
{
	if (x->kernel == KERNEL_REFUSED)
		e->refused--;
	bans_kernel(e->bans, x, state);
}

void
enforce_extend(struct enforce *e, uint32_t slot, usec_t now)
{
	struct ban *x = bans_get(e->bans, slot);

	if (!e->chan || !enforce_is_wanted(e, x, now) || send_ban(e, slot, BAN_EXTEND, now) == 0)
		return;
	leave(e, x, KERNEL_OUT);
	enforce_sweep(e);
}

static bool
is_wanted_in(const struct enforce *e, const struct prefix *p, uint32_t scope, usec_t now)
{
	for (uint32_t s = bans_first(e->bans, p); s != BANS_NONE; s = bans_next(e->bans, p, s)) {
		const struct ban *x = bans_get(e->bans, s);

		if (scope_of(e, x) == scope && enforce_is_wanted(e, x, now))
			return true;
	}
	return false;
}

/* The rule went while guardd was down: out of the sets of all services, which others may use still.
 */
static int
clear_services(struct enforce *e, const struct ban *x, usec_t now)
{
	const struct prefix p = ban_prefix(x);
	int r = 0;

	for (uint32_t scope = 1; r == 0 && scope < e->rules->scopes; scope++)
		if (!is_wanted_in(e, &p, scope, now))
			r = send_about(e, MSG_UNBAN, x, ENFORCE_NO_SLOT, scope, 0, 0);
	return r;
}

static int
send_unban(struct enforce *e, uint32_t slot, struct ban *x, usec_t now)
{
	const struct prefix p = ban_prefix(x);
	bool lost = rule_is_lost(&e->rules->slots[x->rule]);
	int r = lost ? clear_services(e, x, now) : 0;

	if (r == 0 && lost && is_wanted_in(e, &p, 0, now)) {
		bans_kernel(e->bans, x, KERNEL_OUT);
		return 0;
	}
	if (r == 0)
		r = send_about(e, MSG_UNBAN, x, slot, scope_of(e, x), 0, 0);
	if (r == 0) {
		bans_kernel(e->bans, x, KERNEL_UNASKED);
		x->epoch = e->epoch;
	}
	return r;
}

bool
enforce_unban(struct enforce *e, uint32_t slot, usec_t now)
{
	struct ban *x = bans_get(e->bans, slot);

	if ((x->flags & BANS_DRY) || scope_of(e, x) == SCOPE_NOWHERE ||
	    (x->kernel != KERNEL_IN && x->kernel != KERNEL_ASKED) ||
	    (look_at_others(e, slot, now).wanted && !rule_is_lost(&e->rules->slots[x->rule]))) {
		leave(e, x, KERNEL_OUT);
		return false;
	}
	leave(e, x, KERNEL_LEAVING);
	if (send_unban(e, slot, x, now) < 0)
		enforce_sweep(e);
	return true;
}

int
enforce_clear(struct enforce *e, const struct prefix *p, uint32_t id, usec_t now)
{
	const struct ban x = {.addr = p->addr, .len = p->len, .rule = RULE_MANUAL};
	int n = 0;

	if (!e->chan)
		return -ENOTCONN;
	for (uint32_t scope = 0; scope < e->rules->scopes; scope++) {
		int r;

		if (is_wanted_in(e, p, scope, now))
			continue;
		r = send_about(e, MSG_UNBAN, &x, id, scope, 0, 0);
		if (r == 0)
			r = send_about(e, MSG_LOOKUP, &x, id, scope, 0, 0);
		if (r < 0)
			return r;
		n += 2;
	}
	return n;
}

int
enforce_look_up(struct enforce *e, uint32_t slot, uint32_t id)
{
	const struct ban *x = bans_get(e->bans, slot);

	if (!e->chan)
		return -ENOTCONN;
	return send_about(e, MSG_LOOKUP, x, id, scope_of(e, x), 0, 0);
}

void
enforce_flush(struct enforce *e)
{
	if (e->chan)
		chan_flush(e->chan);
}

int
enforce_drain(struct enforce *e, int timeout_ms)
{
	return e->chan ? chan_drain(e->chan, timeout_ms) : 0;
}

/* --- the sweep --- */

static bool
is_leaving(const struct enforce *e, const struct ban *x)
{
	return scope_of(e, x) != SCOPE_NOWHERE &&
	       (x->kernel == KERNEL_LEAVING ||
		   (x->kernel == KERNEL_UNASKED && x->epoch != e->epoch));
}

/* True when something was to be sent and there was no room. */
static bool
sweep_one(struct enforce *e, uint32_t slot, usec_t now)
{
	struct ban *x = bans_get(e->bans, slot);
	const struct rule *r;

	if (!x || (x->flags & (BANS_DRY | BANS_GONE)))
		return false;
	if (is_leaving(e, x))
		return send_unban(e, slot, x, now) < 0;
	if (!enforce_is_wanted(e, x, now) || (x->epoch == e->epoch && x->kernel != KERNEL_OUT &&
						 !(x->kernel == KERNEL_REFUSED && e->retrying)))
		return false;
	r = &e->rules->slots[x->rule];
	if (r->moved && r->old_scope != SCOPE_NOWHERE &&
	    send_about(e, MSG_UNBAN, x, ENFORCE_NO_SLOT, r->old_scope, 0, 0) < 0)
		return true;
	return send_ban(e, slot, e->flags, now) < 0;
}

void
enforce_end_sweep(struct enforce *e)
{
	struct msg m = {.type = MSG_SYNCED};

	e->phase = PHASE_NONE;
	e->retrying = false;
	if (e->full && chan_send(e->chan, &m) == 0) {
		e->full = false;
		e->synced = true;
		e->flags = 0;
	}
	for (uint16_t i = 0; i < e->rules->n; i++)
		e->rules->slots[i].moved = false;
	if (e->again)
		enforce_sweep(e);
}

void
enforce_go_on(struct enforce *e)
{
	usec_t now = clock_real();

	while (e->phase != PHASE_NONE && e->chan && e->open < ENFORCE_WINDOW) {
		uint32_t slot;

		if (e->phase == PHASE_LONGEST) {
			if (e->cursor > bans_held(e->bans))
				e->cursor = bans_held(e->bans);
			if (e->cursor == 0) {
				e->phase = PHASE_REST;
				continue;
			}
			slot = bans_held_at(e->bans, --e->cursor);
		} else {
			if (e->cursor >= bans_high(e->bans)) {
				enforce_end_sweep(e);
				return;
			}
			slot = e->cursor++;
		}
		/* Without room it goes on when there is some; what was passed over is seen again.
		 */
		if (sweep_one(e, slot, now)) {
			e->again = true;
			return;
		}
	}
}

void
enforce_start_sweep(struct enforce *e)
{
	e->phase = PHASE_LONGEST;
	e->cursor = bans_held(e->bans);
	e->again = false;
	enforce_go_on(e);
}

void
enforce_sweep(struct enforce *e)
{
	if (e->phase != PHASE_NONE)
		e->again = true;
	else if (e->chan)
		enforce_start_sweep(e);
}
