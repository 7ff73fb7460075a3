/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "prover/report.h"

#include <stdio.h>
#include <string.h>

void
report_strings(struct json *j, const char *key, const char *const *texts, uint32_t n)
{
	json_list_begin(j, key);
	for (uint32_t i = 0; i < n; i++)
		json_text(j, NULL, texts[i]);
	json_list_end(j);
}

/* The largest prefixes of a set, largest first. */
struct prefixes {
	uint8_t family;
	struct prefix v[REPORT_PREFIXES];
	uint32_t n, ranges;
	uint64_t all;
};

static bool
rank_prefix(void *ctx, const struct prefix *p)
{
	struct prefixes *x = ctx;
	uint32_t i = x->n < REPORT_PREFIXES ? x->n++ : REPORT_PREFIXES - 1;

	if (x->all++ >= REPORT_PREFIXES && x->v[i].len <= p->len)
		return true;
	for (; i && x->v[i - 1].len > p->len; i--)
		x->v[i] = x->v[i - 1];
	x->v[i] = *p;
	return true;
}

/* Of sets with very many ranges, only the first are looked into. */
static bool
rank_range(void *ctx, struct range r)
{
	struct prefixes *x = ctx;

	if (x->ranges++ < REPORT_RANGES)
		range_prefixes(x->family, r, rank_prefix, x);
	else
		x->all++;
	return true;
}

void
report_sources(struct json *j, const char *key, uint8_t family, const struct srcset *s)
{
	struct prefixes x = {.family = family};
	char text[ADDR_TEXT_MAX], more[64];

	srcset_each(s, rank_range, &x);
	json_list_begin(j, key);
	for (uint32_t i = 0; i < x.n; i++)
		json_text(j, NULL, prefix_format(&x.v[i], text));
	json_list_end(j);
	snprintf(more, sizeof(more), "%s_more", key);
	json_int(j, more, (int64_t)(x.all - x.n));
}

static const char *
table_text(const struct table *t, char *buf, size_t room)
{
	snprintf(buf, room, "%s %s", family_word(t->family), t->name);
	return buf;
}

void
report_path(struct json *j, const struct step *steps, uint32_t n)
{
	char table[300];

	json_list_begin(j, "path");
	for (uint32_t i = 0; i < n; i++) {
		const struct step *s = &steps[i];

		json_object_begin(j, NULL);
		if (s->chain) {
			json_text(j, "table", table_text(s->chain->table, table, sizeof(table)));
			json_text(j, "chain", s->chain->name);
		}
		if (s->rule) {
			json_int(j, "rule", s->rule->number);
			json_int(j, "handle", (int64_t)s->rule->handle);
			json_text(j, "comment", s->rule->comment ? s->rule->comment : "");
		}
		json_text(j, "does", s->text);
		json_text(j, "unknown", s->unknown);
		json_object_end(j);
	}
	json_list_end(j);
}

static const char *
container_name(const struct world *w, uint32_t netns)
{
	for (uint32_t i = 0; netns && i < w->n_netns; i++)
		if (w->netns[i].number == netns && w->netns[i].name)
			return w->netns[i].name;
	return "";
}

void
report_listener(struct json *j, const struct world *w, const struct listener *l)
{
	_cleanup_(strbuf_fini) struct strbuf at = {0};

	socket_say(&at, &l->addr, l->port, l->any);
	json_text(j, "unit", l->unit ? l->unit : "");
	json_text(j, "process", l->process ? l->process : "");
	json_int(j, "pid", l->pid);
	json_text(j, "address", at.text);
	json_text(j, "container", container_name(w, l->netns));
}

static void
put_witness(struct json *j, const struct finding *f)
{
	const struct proof_witness *w = &f->witness;
	char text[ADDR_TEXT_MAX];

	if (!w->from.family)
		return;
	json_object_begin(j, "witness");
	json_text(j, "from", addr_format(&w->from, text));
	json_text(j, "to", addr_format(&w->to, text));
	json_int(j, "port", w->port);
	json_text(j, "proto", proto_name(w->proto));
	json_text(j, "in", w->iface);
	if (f->state == PROOF_DEPENDS)
		json_text(j, "accepted", NULL);
	else
		json_bool(j, "accepted", w->accepted);
	json_object_end(j);
}

static void
put_finding(struct json *j, const struct check *c, const struct cell *cell, const struct finding *f,
    bool details)
{
	const struct iface *in = world_iface(c->world, f->way.iif);
	_cleanup_(strbuf_fini) struct strbuf end = {0};
	char text[ADDR_TEXT_MAX];

	json_object_begin(j, NULL);
	json_text(j, "state", proof_state_name(f->state));
	json_text(j, "to", addr_format(&f->way.to, text));
	json_text(j, "in", in ? in->name : "");
	json_int(j, "ways", f->n_ways);
	json_int(j, "port", f->port);
	socket_say(&end, &f->end, f->end_port, false);
	json_text(j, "endpoint", end.text);
	json_bool(j, "forwarded", f->forwarded);
	if (f->shape == FOUND_SHUT_OUT) {
		report_sources(j, "refused", cell->family, &f->sources);
		json_text(j, "refused_name", f->name);
	} else {
		report_sources(j, "outside", cell->family, &f->sources);
	}
	put_witness(j, f);
	json_text(j, "text", f->text);
	if (details && c->opt.explain)
		report_path(j, f->path, f->n_path);
	if (f->listener) {
		json_object_begin(j, "listener");
		report_listener(j, c->world, f->listener);
		json_object_end(j);
	}
	report_strings(j, "why", f->whys, f->n_whys);
	if (details && c->opt.suggest)
		report_strings(j, "suggest", f->suggest, f->n_suggest);
	json_object_end(j);
}

static void
put_whys(struct json *j, const struct cell *cell)
{
	const struct finding *f = cell->findings.items;
	const char *whys[32];
	uint32_t n = 0;

	for (size_t i = 0; i < cell->findings.n; i++)
		for (uint32_t k = 0, old; k < f[i].n_whys && n < 32; k++) {
			for (old = 0; old < n && strcmp(whys[old], f[i].whys[k]); old++)
				;
			if (old == n)
				whys[n++] = f[i].whys[k];
		}
	report_strings(j, "why", whys, n);
}

static void
put_forgeable(struct json *j, const struct check *c, const struct cell *cell)
{
	json_list_begin(j, "forgeable");
	for (uint32_t i = 0; i < cell->n_forge; i++) {
		const struct iface *in = world_iface(c->world, cell->forge[i]);

		json_text(j, NULL, in ? in->name : "?");
	}
	json_list_end(j);
}

void
report_cell(struct strbuf *out, const struct check *c, const struct cell *cell, bool details)
{
	const struct finding *f = cell->findings.items;
	struct json j;

	json_begin(&j, out);
	json_text(&j, "type", "cell");
	json_text(&j, "kind", proof_kind_name(cell->kind));
	json_text(&j, "rule", cell->name);
	if (cell->proto) {
		json_text(&j, "proto", proto_name(cell->proto));
		json_int(&j, "port", cell->port);
		json_int(&j, "port_high", cell->port_high);
	}
	if (cell->family)
		json_int(&j, "family", cell->family);
	if (*cell->host)
		json_text(&j, "host", cell->host);
	json_text(&j, "state", proof_state_name(cell->state));
	if (cell->policy || cell->kind == PROOF_PLAINTEXT || cell->kind == PROOF_ABSENT)
		json_bool(&j, "listening", cell->listening);
	if (cell->policy) {
		put_whys(&j, cell);
		put_forgeable(&j, c, cell);
	}
	json_text(&j, "text", cell->text);
	if (cell->listener) {
		json_object_begin(&j, "listener");
		report_listener(&j, c->world, cell->listener);
		json_object_end(&j);
	}
	if (cell->policy) {
		json_list_begin(&j, "findings");
		for (size_t i = 0; i < cell->findings.n; i++)
			put_finding(&j, c, cell, &f[i], details);
		json_list_end(&j);
		json_int(&j, "findings_more", cell->n_more);
	}
	json_end(&j);
}

/* Those that cap answers, or those that are only to be known. */
static void
put_mechanisms(struct json *j, const struct world *w, const char *key, const char *more, bool caps)
{
	uint32_t n = 0;

	json_list_begin(j, key);
	for (uint32_t i = 0; i < w->n_mechanisms; i++) {
		const struct mechanism *m = &w->mechanisms[i];

		if ((m->may_drop || m->may_accept) == caps && n++ < REPORT_PREFIXES)
			json_text(j, NULL, m->name);
	}
	json_list_end(j);
	json_int(j, more, n > REPORT_PREFIXES ? n - REPORT_PREFIXES : 0);
}

void
report_head(struct strbuf *out, const struct check *c, const struct dump *d)
{
	char table[300];
	struct json j;

	json_begin(&j, out);
	json_text(&j, "type", "check");
	json_int(&j, "made", d ? d->head->made : 0);
	json_text(&j, "state", proof_state_name(c->state));
	json_int(&j, "exit", check_exit(c));
	json_int(&j, "rules", c->rules->n_rules);
	json_int(&j, "elements", (int64_t)c->rules->n_elements);
	json_int(&j, "generation", c->rules->generation);
	json_list_begin(&j, "tables");
	for (uint32_t i = 0; i < c->rules->n_tables; i++)
		json_text(&j, NULL, table_text(&c->rules->tables[i], table, sizeof(table)));
	json_list_end(&j);
	json_bool(&j, "no_infra", c->img->settings->no_infra);
	json_bool(&j, "containers_hidden", c->world->containers_hidden);
	json_bool(&j, "listeners_hidden", c->world->listeners_hidden);
	put_mechanisms(&j, c->world, "mechanisms", "mechanisms_more", true);
	put_mechanisms(&j, c->world, "notes", "notes_more", false);
	json_int(&j, "proven", c->counts[PROOF_PROVEN]);
	json_int(&j, "latent", c->counts[PROOF_LATENT]);
	json_int(&j, "depends", c->counts[PROOF_DEPENDS]);
	json_int(&j, "shut_out", c->counts[PROOF_SHUT_OUT]);
	json_int(&j, "open", c->counts[PROOF_OPEN]);
	json_int(&j, "other", c->other);
	json_end(&j);
}
