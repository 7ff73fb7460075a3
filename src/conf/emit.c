/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf/emit.h"

#include <stdio.h>
#include <string.h>

#include "conf/date_template.h"
#include "conf/emit_herald.h"
#include "wire/msg.h"

#define SERVICE_NAME_MAX 15 /* a part of the names of sets and chains */

struct emitter {
	struct writer *w;
	const struct config *c;
	uint32_t entry; /* number of the next item of a sources list */
	struct arena scratch;
	struct list dates; /* of struct image_date: those written */
};

static struct span
emit_facilities(struct writer *w, const struct list *l)
{
	struct span s = {writer_count(w, IMAGE_STRINGS_LIST), (uint32_t)l->n};
	char number[16];

	for (size_t i = 0; i < l->n; i++) {
		str_t text;

		snprintf(number, sizeof(number), "%d", filter_facility(list_text(l, i)->s));
		text = writer_text(w, number);
		writer_add(w, IMAGE_STRINGS_LIST, &text);
	}
	return s;
}

static struct span
emit_ports(struct writer *w, const struct list *l)
{
	struct span s = {writer_count(w, IMAGE_PORTS), (uint32_t)l->n};

	for (size_t i = 0; i < l->n; i++)
		writer_add(w, IMAGE_PORTS, (const struct image_port *)l->items + i);
	return s;
}

/* A list of paths is as many sources, which live and die together. */
static void
emit_source(struct emitter *e, const struct filter *f, const struct filter_source *s)
{
	struct image_source item;

	memset(&item, 0, sizeof(item));
	item.filter = writer_count(e->w, IMAGE_FILTERS);
	item.header = filter_has_header(f, s) ? HEADER_SYSLOG : HEADER_NONE;
	item.entry = e->entry++;
	item.zone = config_zone(e->c, s->zone.s);
	if (s->journal.node) {
		item.kind = SOURCE_JOURNAL;
		item.path = writer_text(e->w, s->journal.directory.s);
		item.units = emit_texts(e->w, &s->journal.units);
		item.labels = emit_texts(e->w, &s->journal.identifiers);
		item.facilities = emit_facilities(e->w, &s->journal.facilities);
		writer_add(e->w, IMAGE_SOURCES, &item);
	} else if (s->docker.node) {
		item.kind = SOURCE_DOCKER;
		item.path = writer_text(e->w, s->docker.directory.s);
		item.units = emit_texts(e->w, &s->docker.names);
		item.labels = emit_texts(e->w, &s->docker.labels);
		writer_add(e->w, IMAGE_SOURCES, &item);
	}
	for (size_t i = 0; i < s->files.n; i++) {
		item.kind = SOURCE_FILE;
		item.path = writer_text(e->w, list_text(&s->files, i)->s);
		writer_add(e->w, IMAGE_SOURCES, &item);
	}
}

static struct span
emit_literals(struct writer *w, const struct pattern *p)
{
	struct span s = {writer_count(w, IMAGE_LITERALS), (uint32_t)p->n_literals};

	for (size_t i = 0; i < p->n_literals; i++) {
		struct image_literal item;

		memset(&item, 0, sizeof(item));
		item.text = writer_text(w, p->literals[i].text);
		item.len = (uint16_t)p->literals[i].len;
		item.caseless = p->literals[i].caseless;
		writer_add(w, IMAGE_LITERALS, &item);
	}
	return s;
}

static void
emit_pattern(struct writer *w, const struct pattern *p)
{
	struct image_pattern item;

	memset(&item, 0, sizeof(item));
	item.filter = writer_count(w, IMAGE_FILTERS);
	item.kind = (uint8_t)p->kind;
	item.caseless = p->caseless;
	item.points = p->points;
	item.regex = writer_text(w, p->regex);
	item.written = writer_text(w, p->written.s);
	item.file = writer_text(w, p->written.node->file->path);
	item.line = p->written.node->line;
	item.column = p->written.node->column;
	item.literals = emit_literals(w, p);
	writer_add(w, IMAGE_PATTERNS, &item);
}

static void
emit_example(struct emitter *e, const struct filter_example *x)
{
	const struct text *one = x->log.s ? &x->log : &x->line;
	const struct node *at = x->lines.n ? list_text(&x->lines, x->lines.n - 1)->node : one->node;
	const struct list alone = {.items = (void *)(uintptr_t)one, .n = 1};
	_cleanup_(arena_fini) struct arena scratch = {0};
	struct image_example item;

	memset(&item, 0, sizeof(item));
	item.filter = writer_count(e->w, IMAGE_FILTERS);
	item.whole = x->log.s != NULL;
	item.gives = x->gives.s && x->addr.family;
	item.forgives = x->forgives.s != NULL;
	item.has_points = x->points > 0;
	item.has_user = x->user.s != NULL;
	item.has_time = x->time.s != NULL;
	item.points = (uint16_t)x->points;
	item.addr = x->addr;
	item.user = writer_text(e->w, x->user.s);
	item.time = x->at;
	item.lines = emit_texts(e->w, x->lines.n ? &x->lines : &alone);
	item.file = writer_text(e->w, at->file->path);
	item.source_line = writer_text(e->w, yaml_line(&scratch, at->file, at->line));
	item.line = at->line;
	item.column = at->column;
	writer_add(e->w, IMAGE_EXAMPLES, &item);
}

static struct span
span_since(const struct writer *w, enum image_section s, uint32_t first)
{
	return (struct span){first, writer_count(w, s) - first};
}

/* A form that stands there already: the usual ones are the same for all filters. */
static uint32_t
emit_date(struct emitter *e, const struct date_form *form)
{
	struct image_date item;

	memset(&item, 0, sizeof(item));
	item.regex = writer_text(e->w, form->regex);
	item.written = writer_text(e->w, form->written);
	item.anchored = form->anchored;
	for (size_t i = 0; i < e->dates.n; i++)
		if (!memcmp((const struct image_date *)e->dates.items + i, &item, sizeof(item)))
			return (uint32_t)i;
	*(struct image_date *)list_add(&e->scratch, &e->dates, sizeof(item)) = item;
	return writer_add(e->w, IMAGE_DATES, &item);
}

static struct span
emit_dates(struct emitter *e, const struct list *forms)
{
	struct span s = {writer_count(e->w, IMAGE_DATE_LISTS), (uint32_t)forms->n};

	for (size_t i = 0; i < forms->n; i++) {
		uint32_t index = emit_date(e, (const struct date_form *)forms->items + i);

		writer_add(e->w, IMAGE_DATE_LISTS, &index);
	}
	return s;
}

static void
emit_filter(struct emitter *e, const struct filter *f)
{
	uint32_t sources = writer_count(e->w, IMAGE_SOURCES);
	uint32_t patterns = writer_count(e->w, IMAGE_PATTERNS);
	uint32_t examples = writer_count(e->w, IMAGE_EXAMPLES);
	struct image_filter item;

	memset(&item, 0, sizeof(item));
	for (size_t i = 0; i < f->sources.n; i++)
		emit_source(e, f, (const struct filter_source *)f->sources.items + i);
	for (size_t i = 0; i < f->patterns.n; i++)
		emit_pattern(e->w, (const struct pattern *)f->patterns.items + i);
	for (size_t i = 0; i < f->examples.n; i++)
		emit_example(e, (const struct filter_example *)f->examples.items + i);
	item.name = writer_text(e->w, f->name.s);
	item.about = writer_text(e->w, f->about.s);
	item.sources = span_since(e->w, IMAGE_SOURCES, sources);
	item.programs = emit_texts(e->w, &f->programs);
	item.patterns = span_since(e->w, IMAGE_PATTERNS, patterns);
	item.examples = span_since(e->w, IMAGE_EXAMPLES, examples);
	item.all = f->all;
	item.builtin = f->builtin;
	item.lines = f->steps.node ? (uint16_t)f->steps.lines : 0;
	item.dates = emit_dates(e, &f->dates);
	writer_add(e->w, IMAGE_FILTERS, &item);
}

static bool
same_ports(const struct rule *a, const struct rule *b)
{
	return a->port_ranges.n == b->port_ranges.n &&
	       !memcmp(a->port_ranges.items, b->port_ranges.items,
		   a->port_ranges.n * sizeof(struct image_port));
}

/* The service a rule bans from: that of the first rule with the same ports. 0 for all traffic. */
static uint32_t
service_of(const struct config *c, const struct rule *r)
{
	struct rule *const *rules = c->rules.items;
	uint32_t n = 0;

	if (r->scope != SCOPE_SERVICE)
		return 0;
	for (size_t i = 0; i < c->rules.n; i++) {
		bool first = rules[i]->scope == SCOPE_SERVICE;

		for (size_t j = 0; j < i && first; j++)
			first = rules[j]->scope != SCOPE_SERVICE || !same_ports(rules[j], rules[i]);
		n += first;
		if (first && same_ports(rules[i], r))
			return n;
	}
	return 0;
}

/* A rule's name, cut, with a number behind it where another service has it. */
static str_t
service_name(struct emitter *e, const struct list *taken, const char *rule)
{
	char name[SERVICE_NAME_MAX + 1];
	str_t text;
	bool fresh;
	uint8_t n = 1; /* there are at most RULES_MAX services */

	snprintf(name, sizeof(name), "%s", rule);
	do {
		const str_t *t = taken->items;

		text = writer_text(e->w, name);
		fresh = true;
		for (size_t i = 0; i < taken->n; i++)
			fresh &= t[i] != text;
		n++;
		snprintf(name, sizeof(name), "%.11s-%u", rule, n);
	} while (!fresh);
	return text;
}

static void
emit_services(struct emitter *e)
{
	struct rule *const *rules = e->c->rules.items;
	_cleanup_(arena_fini) struct arena scratch = {0};
	struct list names = {0};

	for (size_t i = 0; i < e->c->rules.n; i++) {
		struct image_service item;

		if (service_of(e->c, rules[i]) != writer_count(e->w, IMAGE_SERVICES) + 1)
			continue;
		memset(&item, 0, sizeof(item));
		item.name = service_name(e, &names, rules[i]->name.s);
		*(str_t *)list_add(&scratch, &names, sizeof(str_t)) = item.name;
		item.ports = emit_ports(e->w, &rules[i]->port_ranges);
		writer_add(e->w, IMAGE_SERVICES, &item);
	}
}

static void
emit_rule(struct emitter *e, const struct rule *r)
{
	const struct rule_escalate *x = &r->escalate;
	struct image_rule item;

	memset(&item, 0, sizeof(item));
	item.name = writer_text(e->w, r->name.s);
	item.points = (uint32_t)r->points;
	item.within = r->within;
	item.duration = r->duration;
	item.factor_milli = x->node ? (uint32_t)x->factor : 1000;
	item.duration_max = x->node ? x->max : r->duration;
	item.forget = x->node ? x->forget : 0;
	item.prefix_hosts = r->prefix.node ? (uint32_t)r->prefix.hosts : 0;
	item.prefix_len4 = r->prefix.node ? (uint8_t)r->prefix.ipv4 : 24;
	item.prefix_len6 = r->prefix.node ? (uint8_t)r->prefix.ipv6 : 48;
	item.forgive = r->forgive;
	item.distinct_user = r->distinct == DISTINCT_USER;
	item.dry_run = r->dry_run;
	item.builtin = r->builtin;
	item.scope = service_of(e->c, r);
	item.filters =
	    (struct span){writer_count(e->w, IMAGE_RULE_FILTERS), (uint32_t)r->filter_indexes.n};
	for (size_t i = 0; i < r->filter_indexes.n; i++)
		writer_add(e->w, IMAGE_RULE_FILTERS, (const uint32_t *)r->filter_indexes.items + i);
	item.never = emit_prefixes(e->w, &r->never);
	writer_add(e->w, IMAGE_RULES, &item);
}

/* For bans that other hosts made by the rule of that name; they decide by points of their own. */
static void
emit_foreign(struct emitter *e, const struct rule *r)
{
	usec_t at_most = fleet_at_most(&e->c->settings.fleet, r->name.s);
	char name[FLEET_RULE_MAX];
	struct image_rule item;

	if (!at_most || (r->builtin && strcmp(r->name.s, FLEET_MANUAL) != 0))
		return;
	snprintf(name, sizeof(name), "fleet/%s", r->name.s);
	memset(&item, 0, sizeof(item));
	item.name = writer_text(e->w, name);
	item.points = 1;
	item.within = r->within;
	item.duration = at_most;
	item.factor_milli = 1000;
	item.duration_max = at_most;
	item.prefix_len4 = 24;
	item.prefix_len6 = 48;
	item.dry_run = r->dry_run;
	item.foreign = 1;
	item.scope = service_of(e->c, r);
	item.never = emit_prefixes(e->w, &r->never);
	writer_add(e->w, IMAGE_RULES, &item);
}

static struct span
emit_hosts(struct writer *w, const struct list *l)
{
	struct span s = {writer_count(w, IMAGE_HOSTS), (uint32_t)l->n};
	const struct expose_host *hosts = l->items;

	for (size_t i = 0; i < l->n; i++) {
		struct image_host item = {
		    .name = writer_text(w, hosts[i].host.name),
		    .group = writer_text(w, hosts[i].group),
		    .n4 = hosts[i].host.n4,
		    .n6 = hosts[i].host.n6,
		};

		writer_add(w, IMAGE_HOSTS, &item);
	}
	return s;
}

/* Who may reach it. Rules with the same groups, which may be large, share what they come to; seen
 * holds the spans of the rules before. */
static void
emit_allowed(
    struct emitter *e, uint32_t index, struct image_expose *item, struct image_expose *seen)
{
	struct expose *const *exposes = e->c->exposes.items;
	const struct expose *x = exposes[index];

	for (uint32_t i = 0; i < index; i++) {
		if (!x->allowed.n || exposes[i]->allowed.items != x->allowed.items)
			continue;
		item->allowed = seen[i].allowed;
		item->hosts = seen[i].hosts;
		return;
	}
	item->allowed = emit_prefixes(e->w, &x->allowed);
	item->hosts = emit_hosts(e->w, &x->hosts);
}

static void
emit_exposes(struct emitter *e)
{
	struct expose *const *exposes = e->c->exposes.items;
	struct image_expose items[EXPOSES_MAX];

	memset(items, 0, sizeof(items));
	for (uint32_t i = 0; i < e->c->exposes.n; i++) {
		const struct expose *x = exposes[i];
		struct image_expose *item = &items[i];

		item->name = writer_text(e->w, x->name.s);
		item->ports = emit_ports(e->w, &x->port_ranges);
		item->plaintext = emit_ports(e->w, &x->plain_ranges);
		emit_allowed(e, i, item, items);
		item->groups = emit_texts(e->w, &x->only);
		item->inside = emit_texts(e->w, &x->inside);
		item->address = x->local;
		item->listeners = (uint8_t)x->listeners;
		item->containers = x->containers;
		item->interface = writer_text(e->w, x->interface.s);
		item->file = writer_text(e->w, x->node->file->path);
		item->line = x->node->line;
		writer_add(e->w, IMAGE_EXPOSES, item);
	}
}

static void
emit_zone(struct writer *w, const struct zone *z)
{
	struct image_zone item;

	memset(&item, 0, sizeof(item));
	item.name = writer_text(w, z->name);
	item.transitions =
	    (struct span){writer_count(w, IMAGE_TRANSITIONS), (uint32_t)z->transitions.n};
	for (size_t i = 0; i < z->transitions.n; i++)
		writer_add(w, IMAGE_TRANSITIONS,
		    (const struct image_transition *)z->transitions.items + i);
	writer_add(w, IMAGE_ZONES, &item);
}

static void
emit_settings(struct emitter *e, const struct hash_key *user_key)
{
	const struct settings *s = &e->c->settings;
	const struct group *groups = s->groups.items.items;
	struct image_settings item;

	for (size_t i = 0; i < s->groups.items.n; i++) {
		struct image_group group = {
		    writer_text(e->w, groups[i].name.s), emit_prefixes(e->w, &groups[i].prefixes)};

		writer_add(e->w, IMAGE_GROUPS, &group);
	}
	memset(&item, 0, sizeof(item));
	item.user_key = *user_key;
	item.history = s->history;
	item.tallies_max = (uint32_t)s->tallies_max;
	item.bans_max = (uint32_t)s->bans_max;
	item.early = s->early;
	item.control_group = writer_text(e->w, s->control_group.s);
	item.zone = 0;
	item.never = emit_prefixes(e->w, &s->never);
	item.proxies = emit_prefixes(e->w, &s->proxy_prefixes);
	item.expose_repeat = s->exposure.repeat;
	item.peers = emit_prefixes(e->w, &s->peers);
	item.no_infra = config_no_infra(e->c);
	item.main_file = writer_text(e->w, e->c->main_path);
	emit_herald(e->w, s, &item);
	writer_add(e->w, IMAGE_SETTINGS, &item);
}

void
emit_config(struct writer *w, const struct config *c, const struct hash_key *user_key)
{
	struct emitter e = {.w = w, .c = c};
	struct filter *const *filters = c->filters.items;
	struct rule *const *rules = c->rules.items;
	const struct zone *zones = c->zones.items;

	emit_settings(&e, user_key);
	for (size_t i = 0; i < c->zones.n; i++)
		emit_zone(w, &zones[i]);
	for (size_t i = 0; i < c->filters.n; i++)
		emit_filter(&e, filters[i]);
	emit_services(&e);
	for (size_t i = 0; i < c->rules.n; i++)
		emit_rule(&e, rules[i]);
	for (size_t i = 0; i < c->rules.n; i++)
		emit_foreign(&e, rules[i]);
	emit_exposes(&e);
	arena_fini(&e.scratch);
}
