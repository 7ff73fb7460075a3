/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "judge/drops.h"

#include <errno.h>

/* Ids of look-ups: bit 30 is the self check's, bits 24 to 28 are numbers of requests. */
#define ID_DROPS (ENFORCE_ASKED | 0x20000000u)
#define ID_SLOT  0x1fffffffu

struct drops {
	struct bans *bans;
	struct enforce *enforce;
	struct event *timer, *turn;
	usec_t due;   /* of the first end the timer is set for; USEC_NEVER: it is not set */
	usec_t until; /* what ends by then is read in this go */
	uint32_t open, left;
};

/* An element that another ban keeps goes on counting: what it has dropped until now is this one's.
 */
static void
ask(struct drops *d, uint32_t slot)
{
	const struct ban *x = bans_get(d->bans, slot);

	if (x->ended || !enforce_holds(d->enforce, x))
		return;
	if (enforce_look_up(d->enforce, slot, ID_DROPS | slot) < 0)
		return;
	d->left--;
	d->open++;
}

static void
next_page(struct drops *d)
{
	uint32_t slot;

	while (d->left > 0 && d->open < DROPS_PAGE &&
	       (slot = bans_take_ending(d->bans, d->until)) != BANS_NONE)
		ask(d, slot);
	enforce_flush(d->enforce);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct drops *d = arg;
	usec_t now = clock_real();

	(void)fd;
	(void)what;
	d->due = USEC_NEVER;
	d->until = now + DROPS_LEAD + DROPS_SPAN;
	d->left = DROPS_MOST;
	d->open = 0;
	bans_pass(d->bans, now, DROPS_MOST);
	next_page(d);
	drops_arm(d, now);
	event_active(d->turn, 0, 0);
}

void
drops_arm(struct drops *d, usec_t now)
{
	usec_t due = bans_next_end(d->bans), wait;
	struct timeval in;

	if (due == d->due)
		return;
	d->due = due;
	if (due == USEC_NEVER) {
		evtimer_del(d->timer);
		return;
	}
	wait = due - DROPS_LEAD > now + DROPS_SPAN ? due - DROPS_LEAD - now : DROPS_SPAN;
	in = (struct timeval){.tv_sec = wait / USEC_PER_SEC, .tv_usec = wait % USEC_PER_SEC};
	evtimer_add(d->timer, &in);
}

void
drops_on_answer(struct drops *d, const struct msg *m)
{
	struct ban *x;
	struct prefix p;

	if (m->type != MSG_FOUND_BAN || (m->id & ~ID_SLOT) != ID_DROPS)
		return;
	if (d->open > 0)
		d->open--;
	x = bans_get(d->bans, m->id & ID_SLOT);
	if (x && m->u.banned.status == 0 && !(x->flags & (BANS_READ | BANS_GONE))) {
		p = ban_prefix(x);
		if (prefix_cmp(&p, &m->u.banned.prefix) == 0) {
			x->flags |= BANS_READ;
			bans_dropped(
			    d->bans, m->id & ID_SLOT, m->u.banned.packets, m->u.banned.bytes);
		}
	}
	if (d->open == 0)
		next_page(d);
}

int
drops_new(struct drops **out, struct event_base *base, struct bans *bans, struct enforce *e,
    struct event *turn)
{
	struct drops *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	*d = (struct drops){.bans = bans, .enforce = e, .turn = turn, .due = USEC_NEVER};
	d->timer = evtimer_new(base, on_timer, d);
	if (!d->timer) {
		free(d);
		return -ENOMEM;
	}
	*out = d;
	return 0;
}

void
drops_free(struct drops *d)
{
	if (!d)
		return;
	event_free(d->timer);
	free(d);
}
