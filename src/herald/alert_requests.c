/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "herald/alert_private.h"
#include "wire/control.h"

static const char *const channel_kinds[] = {[CHANNEL_JOURNAL] = "journal",
    [CHANNEL_MAIL] = "mail",
    [CHANNEL_WEBHOOK] = "webhook",
    [CHANNEL_PROGRAM] = "program"};

static struct alerts *
alerts_of(const struct request *q)
{
	const struct herald *h = request_context(q);

	return h->alerts;
}

static void
put_time(struct json *j, const char *key, usec_t t)
{
	char text[40];

	json_text(j, key, t > 0 ? clock_format(t, 0, text) : NULL);
}

/* --- what stands --- */

struct listing {
	unsigned next;
};

static void
write_alert(struct request *q, const struct alert_event *e)
{
	_cleanup_(strbuf_fini) struct strbuf line = {0};
	struct json j;

	json_begin(&j, &line);
	json_text(&j, "event", alert_kind_name(e->kind));
	json_text(&j, "subject", e->subject);
	json_text(&j, "severity", alert_severity_name(e->severity));
	put_time(&j, "since", e->since);
	put_time(&j, "told", e->at);
	json_int(&j, "times", e->times);
	json_text(&j, "episode", e->episode);
	json_text(&j, "words", e->words);
	json_end(&j);
	request_write(q, &line);
}

/* As many as the client takes now. What begins or ends meanwhile may be missed: it is told anyway.
 */
static void
list_some(struct request *q)
{
	struct listing *l = request_state(q);
	struct alert_event e;

	while (request_has_room(q)) {
		if (!alert_states_get(alerts_of(q)->states, l->next, &e)) {
			request_done(q, REQUEST_DONE, NULL);
			return;
		}
		l->next++;
		write_alert(q, &e);
	}
}

void
alerts_request_list(struct request *q, char *const *words, unsigned n)
{
	static const struct request_ops ops = {.on_room = list_some};
	struct listing *l = calloc(1, sizeof(*l));

	(void)words;
	(void)n;
	if (!l) {
		request_done(q, REQUEST_FAILED, "no memory");
		return;
	}
	request_keep(q, &ops, l, free);
	list_some(q);
}

/* --- channels --- */

static const char *
kind_name(const struct image_channel *c)
{
	return c->kind < sizeof(channel_kinds) / sizeof(*channel_kinds) && channel_kinds[c->kind]
		   ? channel_kinds[c->kind]
		   : "unknown";
}

static void
write_channel(struct request *q, uint32_t i)
{
	_cleanup_(strbuf_fini) struct strbuf line = {0};
	struct alerts *a = alerts_of(q);
	const struct image_channel *image = &a->herald->image.channels[i];
	struct alert_queue_channel c;
	usec_t now = clock_real();
	struct json j;

	alert_queue_ask(a->queue, i, now, &c);
	json_begin(&j, &line);
	json_text(&j, "channel", alerts_channel_name(a, i));
	json_text(&j, "kind", kind_name(image));
	json_text(&j, "at_least", alert_severity_name(image->severity));
	json_int(&j, "per_hour", image->per_hour);
	json_int(&j, "this_hour", c.this_hour);
	json_int(&j, "queued", c.counts.queued);
	json_int(&j, "delivered", (int64_t)c.counts.delivered);
	json_int(&j, "failed", (int64_t)c.counts.failed);
	json_int(&j, "lost", (int64_t)c.lost);
	put_time(&j, "last", c.counts.last);
	put_time(&j, "failing_since", c.failing);
	put_time(&j, "next_try", c.next > now ? c.next : 0);
	json_text(&j, "trouble", c.counts.trouble);
	json_end(&j);
	request_write(q, &line);
}

void
alerts_request_channels(struct request *q, char *const *words, unsigned n)
{
	(void)words;
	(void)n;
	for (uint32_t i = 0; i < alerts_of(q)->n; i++)
		write_channel(q, i);
	request_done(q, REQUEST_DONE, NULL);
}

/* --- a test --- */

struct test {
	struct alerts *alerts;
	struct request *request;
	uint32_t channel;
	usec_t started;
	struct deliver_job *job;
};

static void
test_free(void *p)
{
	struct test *t = p;

	deliver_forget(&t->alerts->env, t->job);
	free(t);
}

static void
on_tested(void *ctx, const struct alert_result *r)
{
	_cleanup_(strbuf_fini) struct strbuf line = {0};
	struct test *t = ctx;
	struct request *q = t->request;
	const char *name = alerts_channel_name(t->alerts, t->channel);
	usec_t now = clock_real();
	struct json j;

	t->job = NULL;
	alert_queue_note_test(t->alerts->queue, t->channel, r, now);
	if (r->status != COURIER_DONE) {
		request_done(q, REQUEST_FAILED, "%s: not delivered: %s", name, r->words);
		return;
	}
	json_begin(&j, &line);
	json_text(&j, "channel", name);
	json_bool(&j, "delivered", true);
	json_text(&j, "answer", r->words);
	json_int(&j, "took_ms", (now - t->started) / USEC_PER_MSEC);
	json_end(&j);
	request_write(q, &line);
	request_done(q, REQUEST_DONE, NULL);
}

static void
on_test_late(struct request *q)
{
	const struct test *t = request_state(q);

	request_done(
	    q, REQUEST_FAILED, "%s: no result in time", alerts_channel_name(t->alerts, t->channel));
}

static void
make_test(struct alert_event *e, struct alert_bundle *b, const struct test *t)
{
	const struct alerts *a = t->alerts;
	uint8_t severity = a->herald->image.channels[t->channel].severity;

	*e = (struct alert_event){.serial = 1,
	    .kind = ALERT_TEST,
	    .severity = severity,
	    .before = severity,
	    .worst = severity,
	    .telling = TELL_TEST,
	    .times = 1,
	    .since = t->started,
	    .at = t->started};
	snprintf(e->subject, sizeof(e->subject), "%.100s", alerts_channel_name(a, t->channel));
	snprintf(e->words, sizeof(e->words),
	    "this is a test of the channel, asked for with \"guardctl alert test\"; nothing is "
	    "wrong");
	alert_episode(e->episode, a->host, ALERT_TEST, e->subject, t->started);
	*b = (struct alert_bundle){.host = a->host,
	    .events = e,
	    .n = 1,
	    .total = 1,
	    .severity = severity,
	    .made = t->started};
	snprintf(b->id, sizeof(b->id), "%s-1", e->episode);
}

static void
test_channel(struct request *q, uint32_t channel)
{
	static const struct request_ops ops = {.on_late = on_test_late};
	struct alerts *a = alerts_of(q);
	struct test *t = calloc(1, sizeof(*t));
	struct alert_bundle b;
	struct alert_event e;
	int r;

	if (!t) {
		request_done(q, REQUEST_FAILED, "no memory");
		return;
	}
	*t = (struct test){.alerts = a, .request = q, .channel = channel, .started = clock_real()};
	make_test(&e, &b, t);
	request_keep(q, &ops, t, test_free);
	request_wait(q, (a->herald->image.channels[channel].timeout_s + 30) * 1000);
	/* From here on t may be gone: the answer may have come already. */
	r = deliver_start(&a->env, channel, &b, on_tested, t, &t->job);
	if (r < 0)
		request_done(q, REQUEST_FAILED, "%s: not begun: %s",
		    alerts_channel_name(a, channel),
		    r == -EBUSY ? "too much is under way, try again" : strerror(-r));
}

void
alerts_request_test(struct request *q, char *const *words, unsigned n)
{
	struct alerts *a = alerts_of(q);

	(void)n;
	for (uint32_t i = 0; i < a->n; i++) {
		if (strcmp(alerts_channel_name(a, i), words[0]) == 0) {
			test_channel(q, i);
			return;
		}
	}
	request_done(q, REQUEST_FAILED,
	    "there is no channel \"%s\": \"guardctl alert channels\" lists them", words[0]);
}
