/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The wiring of alert_state, alert_watch, alert_queue, alert_refresh and deliver, and their clock:
 * here time is read, and nowhere below.
 */
#include "herald/alerts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "herald/alert_private.h"
#include "herald/alert_refresh.h"

#define GATHER_US     300000       /* what comes together is told together */
#define BUSY_AGAIN    USEC_PER_SEC /* no hand was free */
#define BLOCKED_AGAIN (100 * USEC_PER_MSEC)
#define GUARDD_AWAY   (60 * USEC_PER_SEC)   /* before that is an alert */
#define FAILING       (3600 * USEC_PER_SEC) /* a channel, before that is an alert */

/* --- alerts about alerts --- */

static void
raise_channel(struct alerts *a, const char *name, const struct alert_queue_channel *c, usec_t now)
{
	char words[ALERT_WORDS_MAX];

	if (c->lost_now > 0)
		snprintf(words, sizeof(words),
		    "alerts were lost: they could not be delivered for 3 days, or the queue is "
		    "full; "
		    "\"guardctl alert channels\" says how many and why");
	else
		snprintf(words, sizeof(words),
		    "nothing could be delivered for an hour; \"guardctl alert channels\" says why");
	alert_states_raise(a->states,
	    &(struct alert_note){.kind = ALERT_CHANNEL,
		.severity = SEVERITY_WARNING,
		.subject = name,
		.words = words,
		.since = c->failing},
	    now);
}

static void
check_channels(struct alerts *a, usec_t now)
{
	struct alert_queue_channel c;

	for (uint32_t i = 0; i < a->n; i++) {
		alert_queue_ask(a->queue, i, now, &c);
		if (c.lost_now > 0 || (c.failing > 0 && now - c.failing >= FAILING))
			raise_channel(a, alerts_channel_name(a, i), &c, now);
	}
}

static void
works_again(struct alerts *a, uint32_t channel, usec_t now)
{
	const char *name = alerts_channel_name(a, channel);
	char words[ALERT_WORDS_MAX];
	struct alert_queue_channel c;

	if (!alert_states_stands(a->states, ALERT_CHANNEL, name))
		return;
	alert_queue_ask(a->queue, channel, now, &c);
	snprintf(
	    words, sizeof(words), "it delivers again; %" PRIu64 " alerts were lost", c.lost_now);
	alert_states_end(a->states, ALERT_CHANNEL, name, words, now);
	alert_queue_settled(a->queue, channel);
}

static void
check_room(struct alerts *a, usec_t now)
{
	uint64_t lost = alert_states_lost(a->states);
	char words[ALERT_WORDS_MAX];

	if (lost == a->lost_states)
		return;
	a->lost_states = lost;
	snprintf(words, sizeof(words),
	    "more than %d alerts stand at once: %" PRIu64 " were not taken in", ALERTS_STANDING,
	    lost);
	alert_states_moment(a->states,
	    &(struct alert_note){.kind = ALERT_CHANNEL,
		.severity = SEVERITY_CRITICAL,
		.subject = "alerts",
		.words = words},
	    now);
}

static void
check_guardd(struct alerts *a, usec_t now)
{
	if (a->guardd_gone == 0 || now - a->guardd_gone < GUARDD_AWAY)
		return;
	alert_states_raise(a->states,
	    &(struct alert_note){.kind = ALERT_GUARDD,
		.severity = SEVERITY_CRITICAL,
		.subject = "guardd",
		.words = "it does not answer: bans that are in the kernel hold until their end, "
			 "new ones are not made and no port is watched",
		.since = a->guardd_gone},
	    now);
}

/* --- delivering --- */

static void
soon(struct alerts *a, usec_t wait)
{
	const struct timeval tv = {.tv_sec = wait / USEC_PER_SEC, .tv_usec = wait % USEC_PER_SEC};

	event_add(a->soon, &tv);
}

static void
on_delivered(void *ctx, const struct alert_result *r)
{
	struct flight *f = ctx;
	struct alerts *a = f->alerts;
	uint32_t channel = (uint32_t)(f - a->flights);
	struct alert_parcel *p = f->parcel;
	usec_t now = clock_real();

	f->parcel = NULL;
	f->job = NULL;
	if (r->status != COURIER_DONE && (!a->failed[channel] || r->status != COURIER_LATER))
		log_warning(
		    "channel %s: not delivered: %s", alerts_channel_name(a, channel), r->words);
	a->failed[channel] = r->status != COURIER_DONE;
	alert_queue_done(a->queue, channel, p, r, now);
	if (r->status == COURIER_DONE)
		works_again(a, channel, now);
	soon(a, 0);
}

/* False: it has to be tried again soon. */
static bool
deliver(struct alerts *a, uint32_t channel, struct alert_parcel *p)
{
	struct flight *f = &a->flights[channel];
	int r;

	f->parcel = p;
	/* What goes out is marked before it goes. */
	store_commit(a->herald->store);
	r = deliver_start(&a->env, channel, &p->bundle, on_delivered, f, &f->job);
	if (r == 0)
		return true;
	f->parcel = NULL;
	alert_queue_put_back(a->queue, channel, p);
	return false;
}

static bool
deliver_all(struct alerts *a, usec_t now)
{
	bool all = true;

	for (uint32_t i = 0; i < a->n; i++) {
		struct alert_parcel *p = NULL;

		if (!alert_refresh_is_busy(a, i))
			p = alert_queue_next(a->queue, i, now);
		if (p)
			all = deliver(a, i, p) && all;
	}
	return all;
}

/* --- the clock --- */

static usec_t
min_of(usec_t a, usec_t b)
{
	return a < b ? a : b;
}

static void
turn(struct alerts *a)
{
	struct herald *h = a->herald;
	usec_t now = clock_real(), next = now + WATCH_EVERY;

	if (now >= a->looked + WATCH_EVERY || now < a->looked) {
		a->looked = now;
		alert_watch_look(a->watch, h->stats, h->figures, a->guardd_gone == 0, now);
		check_guardd(a, now);
		check_channels(a, now);
		check_room(a, now);
	}
	next = min_of(next, alert_states_turn(a->states, now));
	if (!deliver_all(a, now))
		next = min_of(next, now + BUSY_AGAIN);
	else
		next = min_of(next, alert_queue_turn(a->queue, now));
	alert_refresh_turn(a, now);
	/* What is due and was not begun waits for a refresh. */
	soon(a, next > now ? min_of(next - now, WATCH_EVERY) : BLOCKED_AGAIN);
}

static void
on_soon(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	turn(arg);
}

static void
on_tell(void *ctx, const struct alert_event *e)
{
	struct alerts *a = ctx;

	alert_queue_add(a->queue, e, e->at);
	soon(a, GATHER_US);
}

/* --- the whole --- */

static int
make_parts(struct alerts *a, usec_t now)
{
	struct herald *h = a->herald;
	const struct alert_queue_config queue = {
	    .store = h->store, .image = &h->image, .host = a->host};
	const struct alert_states_config states = {.store = h->store,
	    .host = a->host,
	    .repeat = h->image.settings->alerts_repeat,
	    .tell = on_tell,
	    .ctx = a};
	int r = alert_queue_new(&a->queue, &queue, now);

	if (r == 0)
		r = alert_states_new(&a->states, &states, now);
	if (r == 0)
		r = alert_watch_new(
		    &a->watch, h->store, a->states, h->image.settings->alerts_storm);
	return r;
}

static void
set_host(struct alerts *a)
{
	const struct image *img = &a->herald->image;
	char name[256] = "";

	gethostname(name, sizeof(name) - 1);
	alert_text_copy(a->host, sizeof(a->host),
	    img->fleet ? image_str(img, img->fleet->host)
	    : name[0]  ? name
		       : "localhost");
}

int
alerts_new(struct alerts **out, struct herald *h)
{
	uint32_t n = image_count(&h->image, IMAGE_CHANNELS);
	struct alerts *a = calloc(1, sizeof(*a));
	int r = -ENOMEM;

	if (!a)
		return r;
	a->herald = h;
	a->n = n;
	set_host(a);
	a->env = (struct deliver_env){.image = &h->image, .hands = h->hands, .host = a->host};
	a->flights = calloc(n + 1, sizeof(*a->flights));
	a->failed = calloc(n + 1, sizeof(*a->failed));
	a->soon = evtimer_new(h->base, on_soon, a);
	if (a->flights && a->failed && a->soon)
		r = make_parts(a, clock_real());
	if (r < 0) {
		alerts_free(a);
		return r;
	}
	for (uint32_t i = 0; i < n; i++)
		a->flights[i].alerts = a;
	if (!h->image.fleet) {
		alert_states_end_kind(a->states, ALERT_FLEET, clock_real());
		alert_states_end_kind(a->states, ALERT_DISAGREE, clock_real());
	}
	soon(a, GATHER_US);
	*out = a;
	return 0;
}

void
alerts_free(struct alerts *a)
{
	if (!a)
		return;
	for (uint32_t i = 0; a->flights && i < a->n; i++) {
		deliver_forget(&a->env, a->flights[i].job);
		alert_parcel_free(a->flights[i].parcel);
	}
	alert_refresh_free(a);
	if (a->soon)
		event_free(a->soon);
	alert_watch_free(a->watch);
	alert_states_free(a->states);
	alert_queue_free(a->queue);
	free(a->flights);
	free(a->failed);
	free(a);
}

const char *
alerts_channel_name(const struct alerts *a, uint32_t channel)
{
	const struct image *img = &a->herald->image;

	return image_str(img, img->channels[channel].name);
}

/* --- from the other parts --- */

void
alerts_raise(struct alerts *a, const struct alert_note *n)
{
	alert_states_raise(a->states, n, clock_real());
}

void
alerts_end(struct alerts *a, enum alert_kind kind, const char *subject, const char *words)
{
	alert_states_end(a->states, kind, subject, words && *words ? words : NULL, clock_real());
}

void
alerts_moment(struct alerts *a, const struct alert_note *n)
{
	alert_states_moment(a->states, n, clock_real());
}

void
alerts_judge_begins(struct alerts *a)
{
	alert_states_begin(a->states);
}

void
alerts_judge_said_all(struct alerts *a)
{
	alert_states_said_all(a->states, clock_real());
	soon(a, GATHER_US);
}

void
alerts_judge_gone(struct alerts *a, usec_t since)
{
	a->guardd_gone = since;
	if (since > 0)
		alert_states_away(a->states);
	else
		alert_states_end(
		    a->states, ALERT_GUARDD, "guardd", "it answers again", clock_real());
}

void
alerts_count(const struct alerts *a, struct alerts_counts *out)
{
	*out = (struct alerts_counts){.queued = alert_queue_length(a->queue),
	    .told = alert_queue_told(a->queue),
	    .lost = alert_queue_lost(a->queue) + alert_states_lost(a->states)};
	alert_states_count(a->states, out->standing);
}

void
alerts_count_channel(const struct alerts *a, uint32_t channel, struct alerts_channel_counts *out)
{
	struct alert_queue_channel c;

	alert_queue_ask(a->queue, channel, clock_real(), &c);
	*out = c.counts;
}
