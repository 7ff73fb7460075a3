/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "herald/template.h"

#include <inttypes.h>

void
template_title(const struct alert_bundle *b, struct strbuf *out)
{
	const struct alert_event *e = b->events;
	bool ended = e->telling == TELL_ENDED;

	if (b->summary) {
		strbuf_printf(
		    out, "%s: %u alerts (%s)", b->host, b->total, alert_severity_name(b->severity));
		return;
	}
	strbuf_printf(out, "%s: %s%s%s%s%s (%s)", b->host, ended ? "ended: " : "",
	    alert_kind_words(e->kind), e->subject[0] ? ": " : "", e->subject,
	    e->telling == TELL_STANDING ? ", still" : "", alert_severity_name(e->severity));
}

void
template_event_line(const struct alert_event *e, struct strbuf *out)
{
	/* A clock that was set back may have the end before the beginning. */
	usec_t lasted = e->at > e->since ? e->at - e->since : 0;
	char span[40];

	switch (e->telling) {
	case TELL_ENDED:
		strbuf_printf(out, "Ended after %s", clock_format_span(lasted, span));
		break;
	case TELL_STANDING:
		strbuf_printf(out, "Stands for %s", clock_format_span(lasted, span));
		break;
	case TELL_CHANGED:
		strbuf_puts(out, "Changed");
		if (e->before != e->severity)
			strbuf_printf(out, " from %s to %s", alert_severity_name(e->before),
			    alert_severity_name(e->severity));
		break;
	case TELL_HAPPENED:
		if (e->times > 1)
			strbuf_printf(
			    out, "%" PRIu32 " times since it was told last; the last", e->times);
		else
			strbuf_puts(out, "Happened");
		break;
	case TELL_TEST:
		strbuf_puts(out, "Test");
		break;
	default:
		strbuf_puts(out, "Began");
		break;
	}
	strbuf_printf(out, ": %s", e->words[0] ? e->words : alert_kind_words(e->kind));
	if (e->untold)
		strbuf_puts(out, " (That it began could not be told at the time.)");
}

static void
one(const struct alert_bundle *b, struct strbuf *out)
{
	const struct alert_event *e = b->events;
	char time[40];

	template_event_line(e, out);
	strbuf_printf(out, "\n\nhost: %s\nevent: %s\nsubject: %s\nseverity: %s\n", b->host,
	    alert_kind_name(e->kind), e->subject, alert_severity_name(e->severity));
	strbuf_printf(out, "state: %s\n", alert_telling_name(e->telling));
	strbuf_printf(out, "since: %s\n", clock_format(e->since, 0, time));
	if (e->telling == TELL_ENDED)
		strbuf_printf(out, "until: %s\n", clock_format(e->at, 0, time));
	else
		strbuf_printf(out, "told: %s\n", clock_format(e->at, 0, time));
}

static void
many(const struct alert_bundle *b, struct strbuf *out)
{
	char time[40];

	strbuf_printf(
	    out, "%u alerts at once, or more than this channel takes in an hour:\n", b->total);
	for (unsigned k = 0; k < ALERT_KINDS; k++)
		if (b->by_kind[k] > 0)
			strbuf_printf(
			    out, "%7" PRIu32 "  %s\n", b->by_kind[k], alert_kind_words(k));
	strbuf_puts(out, "\n");
	for (unsigned i = 0; i < b->n; i++) {
		const struct alert_event *e = &b->events[i];

		strbuf_printf(out, "%s %s: %s%s%s (%s)\n    ", clock_format(e->at, 0, time),
		    alert_telling_name(e->telling), alert_kind_words(e->kind),
		    e->subject[0] ? ": " : "", e->subject, alert_severity_name(e->severity));
		template_event_line(e, out);
		strbuf_puts(out, "\n");
	}
	if (b->total > b->n)
		strbuf_printf(out,
		    "and %u more, which \"guardctl alert\" shows as far as they stand\n",
		    b->total - b->n);
}

void
template_text(const struct alert_bundle *b, struct strbuf *out)
{
	if (b->summary)
		many(b, out);
	else
		one(b, out);
}

/* --- plain JSON --- */

static void
json_time(struct json *j, const char *key, usec_t t)
{
	char text[40];

	json_text(j, key, t > 0 ? clock_format(t, 0, text) : NULL);
}

static void
event_members(struct json *j, const struct alert_event *e)
{
	bool ended = e->telling == TELL_ENDED;

	json_text(j, "event", alert_kind_name(e->kind));
	json_text(j, "subject", e->subject);
	json_text(j, "severity", alert_severity_name(e->severity));
	json_text(j, "state", alert_telling_name(e->telling));
	json_text(j, "words", e->words);
	json_text(j, "episode", e->episode);
	json_time(j, "since", e->since);
	json_time(j, "until", ended ? e->at : 0);
	json_time(j, "told", e->at);
	json_int(j, "times", e->times);
	json_bool(j, "beginning_untold", e->untold);
}

static void
summary_members(struct json *j, const struct alert_bundle *b)
{
	json_text(j, "event", "summary");
	json_text(j, "severity", alert_severity_name(b->severity));
	json_time(j, "told", b->made);
	json_int(j, "total", b->total);
	json_object_begin(j, "by_event");
	for (unsigned k = 0; k < ALERT_KINDS; k++)
		if (b->by_kind[k] > 0)
			json_int(j, alert_kind_name(k), b->by_kind[k]);
	json_object_end(j);
	json_list_begin(j, "alerts");
	for (unsigned i = 0; i < b->n; i++) {
		json_object_begin(j, NULL);
		event_members(j, &b->events[i]);
		json_object_end(j);
	}
	json_list_end(j);
}

void
template_json(const struct alert_bundle *b, struct strbuf *out)
{
	_cleanup_(strbuf_fini) struct strbuf title = {0};
	struct json j;

	template_title(b, &title);
	json_begin(&j, out);
	json_int(&j, "version", 1);
	json_text(&j, "id", b->id);
	json_text(&j, "host", b->host);
	json_text(&j, "title", title.text);
	if (b->summary)
		summary_members(&j, b);
	else
		event_members(&j, b->events);
	json_end(&j);
}
