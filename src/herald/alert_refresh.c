/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "herald/alert_refresh.h"

#include <inttypes.h>
#include <stdio.h>

static bool
wants(const struct image_channel *c)
{
	return c->kind == CHANNEL_WEBHOOK && c->template == TEMPLATE_ALERTMANAGER;
}

/* Nothing waits or failed: what the queue has to say comes first. */
static bool
is_idle(const struct alerts *a, uint32_t channel, usec_t now)
{
	struct alert_queue_channel c;

	if (a->flights[channel].parcel || a->flights[channel].refresh)
		return false;
	alert_queue_ask(a->queue, channel, now, &c);
	return c.counts.queued == 0 && c.failing == 0;
}

/* The next page of what this channel was told of. The number; *next: where to go on, 0: all. */
static unsigned
read_page(const struct alerts *a, uint32_t channel, struct alert_event *out, unsigned *next)
{
	uint8_t severity = a->herald->image.channels[channel].severity;
	unsigned n = 0, i = *next;

	while (n < REFRESH_PAGE && alert_states_get(a->states, i, &out[n])) {
		i++;
		if (out[n].severity >= severity)
			n++;
	}
	*next = n == REFRESH_PAGE ? i : 0;
	return n;
}

static void
on_refreshed(void *ctx, const struct alert_result *r)
{
	struct flight *f = ctx;

	f->refresh = NULL;
	/* A failure shows with the next message; the round is over. */
	if (r->status != COURIER_DONE)
		f->page = 0;
	event_add(f->alerts->soon, &(const struct timeval){0});
}

static void
send_page(struct alerts *a, uint32_t channel, usec_t now)
{
	struct flight *f = &a->flights[channel];
	struct alert_bundle b = {
	    .host = a->host, .made = now, .lasts = a->herald->image.settings->alerts_repeat};
	struct alert_event *events = calloc(REFRESH_PAGE, sizeof(*events));

	if (!events)
		return;
	b.events = events;
	b.n = b.total = read_page(a, channel, events, &f->page);
	snprintf(b.id, sizeof(b.id), "standing-%" PRId64, now);
	for (unsigned i = 0; i < b.n; i++)
		events[i].at = now;
	if (b.n > 0 && deliver_start(&a->env, channel, &b, on_refreshed, f, &f->refresh) < 0)
		f->page = 0;
	free(events);
}

void
alert_refresh_turn(struct alerts *a, usec_t now)
{
	for (uint32_t i = 0; i < a->n; i++) {
		struct flight *f = &a->flights[i];
		bool due = f->page > 0 || now >= f->refreshed + REFRESH_EVERY || now < f->refreshed;

		if (!wants(&a->herald->image.channels[i]) || !due || !is_idle(a, i, now))
			continue;
		if (f->page == 0)
			f->refreshed = now;
		send_page(a, i, now);
	}
}

bool
alert_refresh_is_busy(const struct alerts *a, uint32_t channel)
{
	return a->flights[channel].refresh != NULL;
}

void
alert_refresh_free(struct alerts *a)
{
	for (uint32_t i = 0; a->flights && i < a->n; i++)
		deliver_forget(&a->env, a->flights[i].refresh);
}
