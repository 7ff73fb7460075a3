/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "judge/court_tell.h"

#include <string.h>

#include "judge/joined.h"

#define FULL_OVER (600 * USEC_PER_SEC) /* no ban was refused for so long */

/* Subjects, the same as long as the thing stands. */
#define BOOK     "book"
#define BOOK_NEW "book set aside"
#define TABLE    "table inet guardd"
#define FULL     "bans_max"
#define REFUSED  "kernel"

static struct tell *
tell_of(struct court *c)
{
	return joined_tell(c->joined);
}

static void
moment(struct court *c, enum alert_kind kind, enum alert_severity severity, const char *subject,
    const char *words)
{
	tell_moment(tell_of(c), &(struct tell_note){kind, severity, subject, words, clock_real()});
}

void
court_tell_book_new(struct court *c, const struct book_opened *o)
{
	_cleanup_(strbuf_fini) struct strbuf words = {0};

	strbuf_printf(&words,
	    "the book cannot be used (%s): it is now %s; what it knew of bans, tallies and "
	    "positions is lost, guarding goes on with a new one",
	    o->why, o->aside);
	moment(c, ALERT_BOOK, SEVERITY_CRITICAL, BOOK_NEW, words.text);
}

void
court_tell_book(struct court *c, const char *error)
{
	_cleanup_(strbuf_fini) struct strbuf words = {0};

	if (!error) {
		tell_end(tell_of(c), ALERT_BOOK, BOOK, "the book is caught up");
		return;
	}
	strbuf_printf(&words,
	    "the book cannot be written (%s): bans still reach the kernel, the book is caught up "
	    "when it can be; make room or mend the disk of guardd's state directory",
	    error);
	tell_raise(tell_of(c),
	    &(struct tell_note){ALERT_BOOK, SEVERITY_CRITICAL, BOOK, words.text, clock_real()});
}

void
court_tell_repair(struct court *c, uint32_t why)
{
	_cleanup_(strbuf_fini) struct strbuf words = {0};

	strbuf_printf(&words, "%s: %u bans are sent again",
	    why == RESYNC_MADE
		? "the table in the kernel was gone, and was made anew"
		: "somebody else changed the table in the kernel, and it was repaired",
	    bans_held(c->bans));
	moment(c, ALERT_TABLE, SEVERITY_WARNING, TABLE, words.text);
}

void
court_tell_refused(struct court *c)
{
	_cleanup_(strbuf_fini) struct strbuf words = {0};
	uint32_t n = enforce_refused(c->enforce);

	if (n == 0 && c->told_refused && enforce_is_calm(c->enforce)) {
		c->told_refused = false;
		tell_end(tell_of(c), ALERT_REFUSED, REFUSED, "the kernel takes all bans again");
	}
	if (n == 0 || c->told_refused)
		return;
	c->told_refused = true;
	strbuf_printf(&words,
	    "the kernel refuses bans, %u now: they are tried again; guardd's log has the first of "
	    "them, each with the reason",
	    n);
	tell_raise(tell_of(c), &(struct tell_note){ALERT_REFUSED, SEVERITY_CRITICAL, REFUSED,
				   words.text, clock_real()});
}

/* --- as many bans as there may be --- */

void
court_tell_full(struct court *c, usec_t now)
{
	static const struct timeval in = {.tv_sec = FULL_OVER / USEC_PER_SEC + 1};
	_cleanup_(strbuf_fini) struct strbuf words = {0};

	if (evtimer_pending(c->full, NULL))
		return;
	evtimer_add(c->full, &in);
	strbuf_printf(&words,
	    "as many bans are in force as there may be (bans_max, %u): new ones are refused until "
	    "some end; raise bans_max, or ban for a shorter time",
	    c->verdict.bans_max);
	tell_raise(
	    tell_of(c), &(struct tell_note){ALERT_FULL, SEVERITY_CRITICAL, FULL, words.text, now});
}

void
court_on_full(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval in = {.tv_sec = FULL_OVER / USEC_PER_SEC / 10};
	struct court *c = arg;

	(void)fd;
	(void)what;
	if (clock_real() - c->refused_last < FULL_OVER) {
		evtimer_add(c->full, &in);
		return;
	}
	tell_end(tell_of(c), ALERT_FULL, FULL, "no ban was refused for 10 minutes");
}

/* --- a network was banned --- */

void
court_tell_prefix(struct court *c, const struct ban *x)
{
	_cleanup_(strbuf_fini) struct strbuf subject = {0}, words = {0};
	const struct prefix p = ban_prefix(x);
	char text[ADDR_TEXT_MAX], until[40];

	prefix_format(&p, text);
	strbuf_printf(&subject, "%s (%s)", text, c->rules.slots[x->rule].name);
	strbuf_printf(&words, "the network %s is banned (%s: %u hosts of it were banned) until %s",
	    text, c->rules.slots[x->rule].name, x->points,
	    x->until == USEC_NEVER ? "it is unbanned" : clock_format(x->until, 0, until));
	moment(c, ALERT_PREFIX_BAN, SEVERITY_WARNING, subject.text, words.text);
}
