/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf/alerts.h"

#include <stddef.h>
#include <string.h>

#include "conf/value.h"
#include "wire/alert.h"

#define DAY        (86400 * USEC_PER_SEC)
#define PORT_SMTP  25
#define PORT_SMTPS 465

static const char *const tls_words[] = {
    [CHANNEL_TLS_NO] = "no",
    [CHANNEL_TLS_START] = "start",
    [CHANNEL_TLS_FIRST] = "first",
    NULL,
};

static const char *const template_words[] = {
    [TEMPLATE_JSON] = "json",
    [TEMPLATE_MATTERMOST] = "mattermost",
    [TEMPLATE_SLACK] = "slack",
    [TEMPLATE_NTFY] = "ntfy",
    [TEMPLATE_ALERTMANAGER] = "alertmanager",
    NULL,
};

static const char *const severity_words[] = {
    [SEVERITY_INFO] = "info",
    [SEVERITY_WARNING] = "warning",
    [SEVERITY_CRITICAL] = "critical",
    NULL,
};

static const struct field mail_fields[] = {
    {"server", FIELD_TEXT, .offset = offsetof(struct alerts_mail, server), .fallback = "localhost",
	.min = 1, .max = VALUE_HOST_MAX, .help = "name or address of the relay"},
    {"port", FIELD_INT, .offset = offsetof(struct alerts_mail, port), .min = 1, .max = 65535,
	.help = "25, and 465 with 'tls: first'"},
    {"tls", FIELD_CHOICE, .offset = offsetof(struct alerts_mail, tls), .fallback = "no",
	.words = tls_words, .help = "start: STARTTLS, required; first: from the first byte"},
    {"from", FIELD_TEXT, true, .offset = offsetof(struct alerts_mail, from), .min = 1, .max = 254,
	.help = "the sender's address"},
    {"to", FIELD_TEXTS, true, .offset = offsetof(struct alerts_mail, to), .min = 1, .max = 32,
	.help = "addresses of those who get it"},
    {"user", FIELD_TEXT, .offset = offsetof(struct alerts_mail, user), .min = 1, .max = 255,
	.help = "for authentication"},
    {"password_file", FIELD_TEXT, .offset = offsetof(struct alerts_mail, password_file), .min = 1,
	.max = VALUE_PATH_MAX, .help = "that only the herald may read"},
    {"ca_file", FIELD_TEXT, .offset = offsetof(struct alerts_mail, ca_file), .min = 1,
	.max = VALUE_PATH_MAX, .help = "certificates to trust instead of the system's"},
    {0},
};

static const struct schema mail_schema = {"mail", sizeof(struct alerts_mail), mail_fields, NULL};

static const struct field webhook_fields[] = {
    {"url", FIELD_TEXT, .offset = offsetof(struct alerts_webhook, url), .min = 1, .max = 2048,
	.help = "where it is posted to, http or https"},
    {"url_file", FIELD_TEXT, .offset = offsetof(struct alerts_webhook, url_file), .min = 1,
	.max = VALUE_PATH_MAX, .help = "instead of url, where the URL is a secret"},
    {"template", FIELD_CHOICE, .offset = offsetof(struct alerts_webhook, template),
	.fallback = "json", .words = template_words, .help = "what the receiver expects"},
    {"topic", FIELD_TEXT, .offset = offsetof(struct alerts_webhook, topic), .min = 1, .max = 64,
	.help = "of ntfy"},
    {"user", FIELD_TEXT, .offset = offsetof(struct alerts_webhook, user), .min = 1, .max = 255,
	.help = "for basic authentication"},
    {"password_file", FIELD_TEXT, .offset = offsetof(struct alerts_webhook, password_file),
	.min = 1, .max = VALUE_PATH_MAX, .help = "that only the herald may read"},
    {"token_file", FIELD_TEXT, .offset = offsetof(struct alerts_webhook, token_file), .min = 1,
	.max = VALUE_PATH_MAX, .help = "a bearer token, instead of user and password"},
    {"ca_file", FIELD_TEXT, .offset = offsetof(struct alerts_webhook, ca_file), .min = 1,
	.max = VALUE_PATH_MAX, .help = "certificates to trust instead of the system's"},
    {0},
};

static const struct schema webhook_schema = {
    "webhook", sizeof(struct alerts_webhook), webhook_fields, NULL};

static const struct field channel_fields[] = {
    {"name", FIELD_NAME, true, .offset = offsetof(struct alerts_channel, name),
	.help = "for guardctl alert, and in the metrics"},
    {"at_least", FIELD_CHOICE, .offset = offsetof(struct alerts_channel, at_least),
	.fallback = "warning", .words = severity_words, .help = "this severity and worse"},
    {"per_hour", FIELD_INT, .offset = offsetof(struct alerts_channel, per_hour), .fallback = "30",
	.min = 1, .max = 3600, .help = "messages at most; the rest is summed up"},
    {"journal", FIELD_BOOL, .offset = offsetof(struct alerts_channel, journal),
	.help = "into the journal, with fields of its own"},
    {"mail", FIELD_MAP, .offset = offsetof(struct alerts_channel, mail), .sub = &mail_schema,
	.help = "by SMTP to a relay"},
    {"webhook", FIELD_MAP, .offset = offsetof(struct alerts_channel, webhook),
	.sub = &webhook_schema, .help = "posted to a URL"},
    {"program", FIELD_TEXTS, .offset = offsetof(struct alerts_channel, program), .min = 1,
	.max = 32, .help = "started with these words; the event is on its standard input"},
    {"timeout", FIELD_SPAN, .offset = offsetof(struct alerts_channel, timeout), .fallback = "30s",
	.min = USEC_PER_SEC, .max = 600 * USEC_PER_SEC,
	.help = "a delivery that takes longer has failed"},
    {0},
};

static const struct schema channel_schema = {
    "a channel", sizeof(struct alerts_channel), channel_fields, NULL};

static const struct field alerts_fields[] = {
    {"repeat", FIELD_SPAN, .offset = offsetof(struct alerts, repeat), .fallback = "6h",
	.max = 366 * DAY, .help = "an alert that stands is told again so often; 0s: never"},
    {"storm", FIELD_INT, .offset = offsetof(struct alerts, storm), .fallback = "1000",
	.max = 10000000, .help = "so many bans a minute are told; 0: never"},
    {"channels", FIELD_LIST, .offset = offsetof(struct alerts, channels), .max = IMAGE_CHANNELS_MAX,
	.sub = &channel_schema, .help = "where alerts go"},
    {0},
};

const struct schema alerts_schema = {"alerts", sizeof(struct alerts), alerts_fields, NULL};

static const struct field metrics_fields[] = {
    {"listen", FIELD_TEXT, .offset = offsetof(struct metrics, listen), .min = 1, .max = 64,
	.help = "address and port of loopback, as 127.0.0.1:9812"},
    {"file", FIELD_TEXT, .offset = offsetof(struct metrics, file), .min = 1, .max = VALUE_PATH_MAX,
	.help = "a .prom file for node_exporter's textfile collector"},
    {"every", FIELD_SPAN, .offset = offsetof(struct metrics, every), .fallback = "15s",
	.min = USEC_PER_SEC, .max = 3600 * USEC_PER_SEC, .help = "the file is written so often"},
    {0},
};

const struct schema metrics_schema = {"metrics", sizeof(struct metrics), metrics_fields, NULL};

/* Both or none. */
static void
check_login(struct diag *d, const struct node *at, const struct text *user,
    const struct text *password_file)
{
	if (user->s && !password_file->s)
		diag_error(d, node_place(node_at(at, "user")), "'user' needs 'password_file'");
	if (password_file->s && !user->s)
		diag_error(
		    d, node_place(node_at(at, "password_file")), "'password_file' needs 'user'");
	value_user(d, user);
	value_path(d, password_file);
}

static void
check_mail(struct alerts_mail *m, struct diag *d)
{
	if (!m->port)
		m->port = m->tls == CHANNEL_TLS_FIRST ? PORT_SMTPS : PORT_SMTP;
	value_mail(d, &m->from);
	for (size_t i = 0; i < m->to.n; i++)
		value_mail(d, list_text(&m->to, i));
	check_login(d, m->node, &m->user, &m->password_file);
	value_path(d, &m->ca_file);
	if (!value_host(d, &m->server) || m->tls != CHANNEL_TLS_NO)
		return;
	if (m->ca_file.s)
		diag_error(
		    d, node_place(m->ca_file.node), "'ca_file' needs 'tls: start' or 'tls: first'");
	if (m->password_file.s && m->server.s &&
	    !value_is_loopback(m->server.s, strlen(m->server.s)))
		diag_warn(d, node_place(m->password_file.node),
		    "the password is not sent to %.60s without TLS: use 'tls: start'", m->server.s);
}

static void
check_topic(const struct alerts_webhook *w, struct diag *d)
{
	static const char allowed[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

	if (w->template == TEMPLATE_NTFY && !w->topic.s && !node_get(w->node, "topic"))
		diag_error(
		    d, node_place(node_at(w->node, "template")), "template ntfy needs 'topic'");
	if (!w->topic.s)
		return;
	if (w->template != TEMPLATE_NTFY)
		diag_error(d, node_place(w->topic.node), "'topic' is for 'template: ntfy'");
	else if (w->topic.s[strspn(w->topic.s, allowed)])
		diag_error(d, node_place(w->topic.node),
		    "'%.60s' is no topic of ntfy: a-z, A-Z, 0-9, '_' and '-'", w->topic.s);
}

static void
check_secrecy(const struct alerts_webhook *w, struct diag *d)
{
	const struct text *secret = w->token_file.s ? &w->token_file : &w->password_file;
	const char *host;
	size_t n;

	if (!secret->s || !w->url.s || strncasecmp(w->url.s, "http://", 7))
		return;
	host = value_url_host(w->url.s, &n);
	if (!value_is_loopback(host, n))
		diag_warn(d, node_place(secret->node),
		    "the %s is not sent to %.*s without TLS: use https",
		    w->token_file.s ? "token" : "password", (int)(n < 60 ? n : 60), host);
}

static void
check_webhook(const struct alerts_webhook *w, struct diag *d)
{
	const struct node *url = node_get(w->node, "url"), *file = node_get(w->node, "url_file");

	if (url && file)
		diag_error(d, node_place(file), "either 'url' or 'url_file', not both");
	else if (!url && !file)
		diag_error(d, node_place(w->node), "webhook needs the key 'url' or 'url_file'");
	if (w->token_file.s && (w->user.s || w->password_file.s))
		diag_error(d, node_place(w->token_file.node),
		    "either 'token_file', or 'user' and 'password_file'");
	check_login(d, w->node, &w->user, &w->password_file);
	check_topic(w, d);
	value_path(d, &w->url_file);
	value_path(d, &w->token_file);
	value_path(d, &w->ca_file);
	if (value_url(d, &w->url))
		check_secrecy(w, d);
}

/* Told unless it is of exactly one kind. */
static void
check_kind(struct alerts_channel *c, struct diag *d)
{
	static const struct {
		const char *key;
		enum channel_kind kind;
	} kinds[] = {
	    {"mail", CHANNEL_MAIL}, {"webhook", CHANNEL_WEBHOOK}, {"program", CHANNEL_PROGRAM}};
	unsigned n = c->journal;

	c->kind = CHANNEL_JOURNAL;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (!node_get(c->node, kinds[i].key))
			continue;
		c->kind = kinds[i].kind;
		n++;
	}
	if (n != 1)
		diag_error(d, node_place(c->node),
		    "a channel %s one of 'journal: yes', 'mail', 'webhook' and 'program'",
		    n ? "has only" : "needs");
}

static void
check_program(const struct list *argv, struct diag *d)
{
	if (argv->n)
		value_path(d, list_text(argv, 0));
}

static void
check_channel(struct alerts_channel *c, struct diag *d)
{
	check_kind(c, d);
	if (c->mail.node)
		check_mail(&c->mail, d);
	if (c->webhook.node)
		check_webhook(&c->webhook, d);
	check_program(&c->program, d);
}

void
alerts_check(struct alerts *x, struct diag *d)
{
	struct alerts_channel *c = x->channels.items;

	for (size_t i = 0; i < x->channels.n; i++) {
		check_channel(&c[i], d);
		for (size_t j = 0; j < i; j++) {
			if (!c[i].name.s || !c[j].name.s || strcmp(c[i].name.s, c[j].name.s))
				continue;
			diag_error(d, node_place(c[i].name.node),
			    "the channel '%s' is already in line %u", c[i].name.s,
			    c[j].name.node->line);
			break;
		}
	}
}

void
metrics_check(const struct metrics *m, struct diag *d)
{
	size_t n = m->file.s ? strlen(m->file.s) : 0;

	value_loopback_port(d, &m->listen);
	if (n && value_path(d, &m->file) && (n < 6 || strcmp(m->file.s + n - 5, ".prom")))
		diag_error(
		    d, node_place(m->file.node), "node_exporter reads only files ending in .prom");
}
