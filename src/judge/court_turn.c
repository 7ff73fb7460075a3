/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "base/log.h"
#include "judge/court_tell.h"
#include "judge/drops.h"
#include "judge/exposure.h"
#include "judge/figures.h"
#include "judge/joined.h"
#include "judge/selfcheck.h"

#define OVER_PER_TURN 1024
/*
 * How long the book waits for more. Behind a ban the keeper comes first: where both have one core,
 * a commit in front of it would be most of the way from the line to the kernel.
 */
#define BOOK_BANNED    (3 * USEC_PER_MSEC)
#define BOOK_LATER     USEC_PER_SEC
#define BOOK_LATEST    (5 * USEC_PER_SEC)
#define BOOK_SHARE     50 /* writing is one part in so many of the time while bans come in a stream */
#define BOOK_RETRY_MAX 60 /* seconds */
#define STORM_OVER     (600 * USEC_PER_SEC)

usec_t
court_now(struct court *c)
{
	if (c->now == 0)
		c->now = clock_real();
	return c->now;
}

/* --- the book --- */

static void
arm(struct event *e, usec_t in)
{
	const struct timeval tv = {in / USEC_PER_SEC, in % USEC_PER_SEC};

	if (!evtimer_pending(e, NULL))
		evtimer_add(e, &tv);
}

static void
tell_opened(struct court *c, const struct book_opened *o)
{
	if (o->set_aside) {
		court_tell_book_new(c, o);
		log_alert(
		    "the book cannot be used (%s): it is now %s; what it knew of bans, tallies "
		    "and positions is lost, guarding goes on with a new one",
		    o->why, o->aside);
	}
	if (o->unread)
		log_warning("%u rows of the book make no sense and were left out", o->unread);
}

static int
open_book(struct court *c)
{
	struct book_opened told;
	int r = book_open(c->book, clock_real(), &told);

	tell_opened(c, &told);
	if (told.set_aside)
		enforce_forgot(c->enforce);
	joined_on_book(c->joined, told.lost);
	if (r == 0)
		exposure_on_loaded(c->exposure);
	return r;
}

static void
book_failed(struct court *c, int error)
{
	if (!c->book_trouble)
		log_alert(
		    "the book cannot be written (%s): bans still reach the kernel, the book is "
		    "caught up when it can be",
		    book_error(c->book));
	c->book_trouble = true;
	court_tell_book(c, book_error(c->book));
	if (error == -EBADMSG)
		c->book_wait = 0;
	arm(c->retry, (c->book_wait ? c->book_wait : 1) * USEC_PER_SEC);
	c->book_wait = c->book_wait ? c->book_wait * 2 : 1;
	if (c->book_wait > BOOK_RETRY_MAX)
		c->book_wait = BOOK_RETRY_MAX;
}

bool
court_commit(struct court *c)
{
	usec_t now = clock_real(), begin = clock_mono(), end;
	int r;

	evtimer_del(c->commit);
	c->commit_soon = false;
	r = book_commit(c->book, now, now - c->image.settings->history);
	end = clock_mono();
	c->book_rests = end + (end - begin) * (BOOK_SHARE - 1);
	if (r < 0) {
		book_failed(c, r);
		return false;
	}
	figures_on_commit(c->figures);
	if (c->book_trouble) {
		log_notice("the book is caught up");
		court_tell_book(c, NULL);
	}
	c->book_trouble = false;
	c->book_wait = 0;
	return true;
}

static void
on_commit(evutil_socket_t fd, short what, void *arg)
{
	struct court *c = arg;

	(void)fd;
	(void)what;
	if (!c->book_trouble)
		court_commit(c);
}

static void
on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct court *c = arg;
	int r = book_is_open(c->book) ? 0 : open_book(c);

	(void)fd;
	(void)what;
	if (r < 0)
		book_failed(c, r);
	else
		court_commit(c);
}

int
court_open_book(struct court *c)
{
	int r = open_book(c);

	if (r == -EBUSY) {
		log_err("the book is in use: is another guardd running?");
		return r;
	}
	if (r < 0)
		book_failed(c, r);
	return 0;
}

/* --- the turn --- */

/*
 * What is over and kept for late lines alone, and dry ones, are as many as fit beside bans_max.
 * Here and not when they come, so that a packet is never stored in halves.
 */
static void
trim(struct court *c)
{
	uint32_t most = c->image.settings->bans_max + COURT_SPARE / 2;

	while (
	    bans_held(c->bans) + bans_late(c->bans) > most && bans_give_way(c->bans) != BANS_NONE)
		continue;
}

/* Once per storm: again when none was refused for a while. */
static void
tell_refused(struct court *c, usec_t now)
{
	if (c->verdict.counts.refused == c->refused)
		return;
	c->refused = c->verdict.counts.refused;
	if (now - c->refused_last > STORM_OVER)
		log_alert("%u bans are in force, the most there may be (bans_max): new ones are "
			  "refused until some end; nothing more is said of it until that is over",
		    bans_held(c->bans));
	c->refused_last = now;
	court_tell_full(c, now);
}

/* What is not in the book yet is lost with the process, and then read and decided again. */
static usec_t
book_pace(const struct court *c)
{
	usec_t pace = c->book_rests - clock_mono();

	return pace < BOOK_BANNED ? BOOK_BANNED : pace > BOOK_LATEST ? BOOK_LATEST : pace;
}

/* The slots of bans that are gone are free behind a commit: the next turn must find some. */
static bool
is_short_of_slots(const struct court *c)
{
	return bans_count(c->bans) + COURT_SPARE / 4 > bans_max(c->bans);
}

static void
write_soon(struct court *c)
{
	if (!book_is_behind(c->book) || c->book_trouble)
		return;
	if (c->at_once || is_short_of_slots(c)) {
		court_commit(c);
	} else if (c->banned && !c->commit_soon) {
		evtimer_del(c->commit);
		arm(c->commit, book_pace(c));
		c->commit_soon = true;
	} else {
		arm(c->commit, BOOK_LATER);
	}
}

static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct court *c = arg;

	(void)fd;
	(void)what;
	c->turn_pending = false;
	c->now = 0;
	enforce_flush(c->enforce);
	bans_over(c->bans, court_now(c), OVER_PER_TURN);
	trim(c);
	tell_refused(c, court_now(c));
	drops_arm(c->drops, court_now(c));
	c->now = 0;
	write_soon(c);
	c->banned = c->at_once = false;
	figures_turn(c->figures, c);
}

void
court_changed(struct court *c, bool at_once)
{
	c->at_once |= at_once;
	if (!c->turn_pending)
		event_active(c->turn, 0, 0);
	c->turn_pending = true;
}

/* --- verdicts --- */

static void
on_ban(void *ctx, uint32_t slot)
{
	struct court *c = ctx;
	const struct ban *x = bans_get(c->bans, slot);

	if (!(x->flags & (BANS_BUILTIN | BANS_DRY)))
		figures_on_ban(c->figures, slot, c->arrived);
	enforce_ban(c->enforce, slot, court_now(c));
	if (x->flags & BANS_BUILTIN)
		selfcheck_on_verdict(c->selfcheck, slot);
	else if (x->flags & BANS_DRY)
		ban_log_add(&c->ban_log, x);
	c->banned = true;
	court_changed(c, false);
}

static bool
former(void *ctx, uint16_t rule, const struct prefix *p, bool dry, struct verdict_former *out)
{
	struct court *c = ctx;

	return book_former(c->book, rule, p, dry, out);
}

static void
on_longer(void *ctx, uint32_t slot)
{
	struct court *c = ctx;

	enforce_extend(c->enforce, slot, court_now(c));
	c->banned = true;
	court_changed(c, false);
}

const struct verdict_ops court_verdict_ops = {
    .on_ban = on_ban, .on_longer = on_longer, .former = former};

int
court_turn_init(struct court *c)
{
	c->base = event_base_new();
	if (!c->base)
		return -ENOMEM;
	c->turn = event_new(c->base, -1, 0, on_turn, c);
	c->commit = evtimer_new(c->base, on_commit, c);
	c->retry = evtimer_new(c->base, on_retry, c);
	c->full = evtimer_new(c->base, court_on_full, c);
	if (!c->turn || !c->commit || !c->retry || !c->full)
		return -ENOMEM;
	return ban_log_init(&c->ban_log, c->base, &c->rules);
}
