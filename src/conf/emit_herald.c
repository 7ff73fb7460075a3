/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf/emit_herald.h"

#include <string.h>

struct span
emit_texts(struct writer *w, const struct list *l)
{
	struct span s = {writer_count(w, IMAGE_STRINGS_LIST), (uint32_t)l->n};

	for (size_t i = 0; i < l->n; i++) {
		str_t text = writer_text(w, list_text(l, i)->s);

		writer_add(w, IMAGE_STRINGS_LIST, &text);
	}
	return s;
}

struct span
emit_prefixes(struct writer *w, const struct list *l)
{
	struct span s = {writer_count(w, IMAGE_PREFIXES), (uint32_t)l->n};
	const struct named_prefix *p = l->items;

	for (size_t i = 0; i < l->n; i++) {
		struct image_prefix item;

		memset(&item, 0, sizeof(item));
		item.prefix = p[i].prefix;
		item.name = writer_text(w, p[i].name);
		writer_add(w, IMAGE_PREFIXES, &item);
	}
	return s;
}

static void
emit_mail(struct writer *w, const struct alerts_mail *m, struct image_channel *out)
{
	out->tls = (uint8_t)m->tls;
	out->server = writer_text(w, m->server.s);
	out->port = (uint32_t)m->port;
	out->from = writer_text(w, m->from.s);
	out->to = emit_texts(w, &m->to);
	out->user = writer_text(w, m->user.s);
	out->password_file = writer_text(w, m->password_file.s);
	out->ca_file = writer_text(w, m->ca_file.s);
}

static void
emit_webhook(struct writer *w, const struct alerts_webhook *h, struct image_channel *out)
{
	out->template = (uint8_t)h->template;
	out->url = writer_text(w, h->url.s);
	out->url_file = writer_text(w, h->url_file.s);
	out->topic = writer_text(w, h->topic.s);
	out->user = writer_text(w, h->user.s);
	out->password_file = writer_text(w, h->password_file.s);
	out->token_file = writer_text(w, h->token_file.s);
	out->ca_file = writer_text(w, h->ca_file.s);
}

static void
emit_channel(struct writer *w, const struct alerts_channel *c)
{
	struct image_channel item;

	memset(&item, 0, sizeof(item));
	item.name = writer_text(w, c->name.s);
	item.kind = (uint8_t)c->kind;
	item.severity = (uint8_t)c->at_least;
	item.per_hour = (uint32_t)c->per_hour;
	item.timeout_s = (uint32_t)(c->timeout / USEC_PER_SEC);
	if (c->kind == CHANNEL_MAIL)
		emit_mail(w, &c->mail, &item);
	if (c->kind == CHANNEL_WEBHOOK)
		emit_webhook(w, &c->webhook, &item);
	if (c->kind == CHANNEL_PROGRAM)
		item.argv = emit_texts(w, &c->program);
	writer_add(w, IMAGE_CHANNELS, &item);
}

static struct span
emit_trusts(struct writer *w, const struct list *l)
{
	struct span s = {writer_count(w, IMAGE_TRUSTS), (uint32_t)l->n};
	const struct fleet_trust *t = l->items;

	for (size_t i = 0; i < l->n; i++) {
		struct image_trust item;

		memset(&item, 0, sizeof(item));
		item.hosts = emit_texts(w, &t[i].hosts);
		item.rules = emit_texts(w, &t[i].rules);
		item.at_most = t[i].at_most;
		item.per_minute = (uint32_t)t[i].per_minute;
		item.len4 = (uint8_t)t[i].ipv4;
		item.len6 = (uint8_t)t[i].ipv6;
		writer_add(w, IMAGE_TRUSTS, &item);
	}
	return s;
}

static void
emit_fleet(struct writer *w, const struct fleet *f)
{
	struct image_fleet item;

	memset(&item, 0, sizeof(item));
	item.host = writer_text(w, f->host.s);
	item.server = writer_text(w, f->server.s);
	item.port = (uint32_t)f->port;
	item.tls = f->tls;
	item.share_all = f->share_all;
	item.server_name = writer_text(w, f->server_name.s);
	item.user = writer_text(w, f->user.s);
	item.password_file = writer_text(w, f->password_file.s);
	item.ca_file = writer_text(w, f->ca_file.s);
	item.cert_file = writer_text(w, f->cert_file.s);
	item.key_file = writer_text(w, f->key_file.s);
	item.sign_file = writer_text(w, f->sign_file.s);
	item.keys_file = writer_text(w, f->keys_file.s);
	item.stream = writer_text(w, f->stream.s);
	item.bans_max = (uint32_t)f->bans_max;
	item.keep = f->keep;
	item.report = f->report;
	item.share = emit_texts(w, &f->shared);
	item.trusts = emit_trusts(w, &f->trust);
	item.probe_every = f->probe.node ? f->probe.every : 0;
	item.probe_per_second = (uint32_t)f->probe.per_second;
	item.probe_within = emit_prefixes(w, &f->probe.prefixes);
	writer_add(w, IMAGE_FLEETS, &item);
}

void
emit_herald(struct writer *w, const struct settings *s, struct image_settings *out)
{
	const struct alerts_channel *channels = s->alerts.channels.items;

	out->herald_uid = s->herald_uid;
	out->alerts_repeat = s->alerts.repeat;
	out->alerts_storm = (uint32_t)s->alerts.storm;
	out->metrics_listen = writer_text(w, s->metrics.listen.s);
	out->metrics_file = writer_text(w, s->metrics.file.s);
	out->metrics_every = s->metrics.every;
	for (size_t i = 0; i < s->alerts.channels.n; i++)
		emit_channel(w, &channels[i]);
	if (s->fleet.node)
		emit_fleet(w, &s->fleet);
}
