/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "herald/template.h"

#define CODE_MAX  3500 /* bytes of a message: Mattermost takes 4,000 characters or more */
#define SLACK_MAX 2900 /* characters of one plain_text, 3,000 there */
#define FOR_GOOD  (86400 * 3650ll * USEC_PER_SEC) /* that does not end by itself */

/* Cuts before the character that would be over. */
static void
cut(struct strbuf *b, size_t max)
{
	if (b->len <= max)
		return;
	while (max > 0 && (b->text[max] & 0xc0) == 0x80)
		max--;
	b->len = max;
	b->text[max] = '\0';
	strbuf_puts(b, "...");
}

/* --- Mattermost: Markdown --- */

/* Inside a code block nothing is markup, link or mention, but the end of the block. */
static void
no_backticks(struct strbuf *b)
{
	for (size_t i = 0; i < b->len; i++)
		if (b->text[i] == '`')
			b->text[i] = '\'';
}

static const char *
emoji(const struct alert_bundle *b)
{
	static const char *const marks[SEVERITIES] = {
	    ":information_source:", ":warning:", ":rotating_light:"};

	if (!b->summary && b->events->telling == TELL_ENDED)
		return ":white_check_mark:";
	return marks[b->severity];
}

static void
mattermost(const struct alert_bundle *b, const char *topic, struct strbuf *out)
{
	_cleanup_(strbuf_fini) struct strbuf title = {0}, text = {0}, all = {0};
	struct json j;

	(void)topic;
	template_title(b, &title);
	template_text(b, &text);
	cut(&text, CODE_MAX);
	no_backticks(&title);
	no_backticks(&text);
	strbuf_printf(&all, "%s `%s`\n```\n%s\n```\n", emoji(b), title.text, text.text);
	json_begin(&j, out);
	json_text(&j, "text", all.text);
	json_object_begin(&j, "props");
	json_text(&j, "guardd_id", b->id);
	json_object_end(&j);
	json_end(&j);
}

/* --- Slack --- */

/* The three characters that its markup is made of. */
static void
slack_escape(struct strbuf *out, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '&':
			strbuf_puts(out, "&amp;");
			break;
		case '<':
			strbuf_puts(out, "&lt;");
			break;
		case '>':
			strbuf_puts(out, "&gt;");
			break;
		default:
			strbuf_add(out, text, 1);
		}
	}
}

static void
slack_block(struct json *j, const char *type, const char *text)
{
	json_object_begin(j, NULL);
	json_text(j, "type", type);
	json_object_begin(j, "text");
	json_text(j, "type", "plain_text");
	json_text(j, "text", text);
	json_bool(j, "emoji", false);
	json_object_end(j);
	json_object_end(j);
}

static void
slack(const struct alert_bundle *b, const char *topic, struct strbuf *out)
{
	_cleanup_(strbuf_fini) struct strbuf title = {0}, text = {0}, plain = {0};
	struct json j;

	(void)topic;
	template_title(b, &title);
	template_text(b, &text);
	cut(&text, SLACK_MAX);
	/* Without blocks: what is shown in notifications, and by others that take this form. */
	slack_escape(&plain, title.text);
	cut(&title, 140);
	json_begin(&j, out);
	json_text(&j, "text", plain.text);
	json_bool(&j, "mrkdwn", false);
	json_list_begin(&j, "blocks");
	slack_block(&j, "header", title.text);
	slack_block(&j, "section", text.text);
	json_list_end(&j);
	json_end(&j);
}

/* --- ntfy --- */

static void
ntfy(const struct alert_bundle *b, const char *topic, struct strbuf *out)
{
	static const int priorities[SEVERITIES] = {2, 3, 5};
	_cleanup_(strbuf_fini) struct strbuf title = {0}, text = {0};
	bool ended = !b->summary && b->events->telling == TELL_ENDED;
	struct json j;

	template_title(b, &title);
	template_text(b, &text);
	cut(&text, CODE_MAX);
	json_begin(&j, out);
	json_text(&j, "topic", topic);
	json_text(&j, "title", title.text);
	json_text(&j, "message", text.text);
	json_int(&j, "priority", ended ? priorities[SEVERITY_WARNING] : priorities[b->severity]);
	json_list_begin(&j, "tags");
	json_text(&j, NULL,
	    ended         ? "white_check_mark"
	    : b->severity ? "warning"
			  : "information_source");
	if (ended || b->severity != SEVERITY_WARNING)
		json_text(&j, NULL, alert_severity_name(b->severity));
	json_list_end(&j);
	json_end(&j);
}

/* --- Alertmanager --- */

/* The labels are what it knows an alert by: the same from its beginning to its end. */
static void
am_alert(struct json *j, const struct alert_bundle *b, const struct alert_event *e,
    uint8_t severity, usec_t ends)
{
	_cleanup_(strbuf_fini) struct strbuf line = {0}, title = {0};
	const struct alert_bundle alone = {.host = b->host, .events = e, .n = 1};
	char time[40];

	template_event_line(e, &line);
	template_title(&alone, &title);
	json_object_begin(j, NULL);
	json_object_begin(j, "labels");
	json_text(j, "alertname", alert_kind_label(e->kind));
	json_text(j, "job", "guardd");
	json_text(j, "instance", b->host);
	json_text(j, "event", alert_kind_name(e->kind));
	json_text(j, "subject", e->subject);
	json_text(j, "severity", alert_severity_name(severity));
	json_object_end(j);
	json_object_begin(j, "annotations");
	json_text(j, "summary", title.text);
	json_text(j, "description", line.text);
	json_text(j, "guardd_episode", e->episode);
	json_object_end(j);
	json_text(j, "startsAt", clock_format(e->since, 0, time));
	json_text(j, "endsAt", clock_format(ends, 0, time));
	json_object_end(j);
}

/* A severity is a label: with another one it is another alert, and the former ends. */
static void
am_event(struct json *j, const struct alert_bundle *b, const struct alert_event *e)
{
	usec_t ends = e->at + (b->lasts > 0 ? b->lasts * 2 : FOR_GOOD);

	if (e->telling == TELL_ENDED)
		ends = e->at > e->since ? e->at : e->since;
	else if (e->telling == TELL_HAPPENED)
		ends = e->at + 3600 * USEC_PER_SEC;
	else if (e->telling == TELL_TEST)
		ends = e->at + 60 * USEC_PER_SEC;
	if (e->before != e->severity)
		am_alert(j, b, e, e->before, e->at);
	am_alert(j, b, e, e->severity, ends);
}

static void
alertmanager(const struct alert_bundle *b, const char *topic, struct strbuf *out)
{
	_cleanup_(strbuf_fini) struct strbuf all = {0};
	struct json j;

	(void)topic;
	json_begin(&j, &all);
	json_list_begin(&j, "a");
	for (unsigned i = 0; i < b->n; i++)
		am_event(&j, b, &b->events[i]);
	json_list_end(&j);
	json_end(&j);
	/* The list alone: without "{"a":" and "}\n". */
	strbuf_add(out, all.text + 5, all.len - 5 - 2);
}

static void
plain(const struct alert_bundle *b, const char *topic, struct strbuf *out)
{
	(void)topic;
	template_json(b, out);
}

void
template_web(
    enum channel_template t, const struct alert_bundle *b, const char *topic, struct strbuf *out)
{
	static void (*const makers[])(
	    const struct alert_bundle *b, const char *topic, struct strbuf *out) = {
	    [TEMPLATE_JSON] = plain,
	    [TEMPLATE_MATTERMOST] = mattermost,
	    [TEMPLATE_SLACK] = slack,
	    [TEMPLATE_NTFY] = ntfy,
	    [TEMPLATE_ALERTMANAGER] = alertmanager,
	};

	makers[t < sizeof(makers) / sizeof(*makers) ? t : TEMPLATE_JSON](b, topic, out);
}
