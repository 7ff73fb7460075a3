/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "prover/mode.h"
#include "prover/report.h"

struct asked {
	struct mode *m;
	struct evaluator *eval;
	bool any; /* a way in was there */
	struct strbuf out;
	uint16_t port;
	uint8_t protos[2], n_protos;
	uint8_t family;     /* 0: both */
	struct prefix from; /* family 0: all */
	struct addr to;     /* family 0: all of this machine's */
	const struct iface *in;
};

static int
parse_port(struct asked *a, const char *word)
{
	static const struct {
		const char *name;
		uint8_t proto;
	} names[] = {{"tcp/", IPPROTO_TCP}, {"udp/", IPPROTO_UDP}, {"sctp/", IPPROTO_SCTP}};
	unsigned long port;
	char *end;

	a->protos[0] = IPPROTO_TCP;
	a->protos[1] = IPPROTO_UDP;
	a->n_protos = 2;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strncmp(word, names[i].name, strlen(names[i].name))) {
			a->protos[0] = names[i].proto;
			a->n_protos = 1;
			word += strlen(names[i].name);
		}
	port = strtoul(word, &end, 10);
	if (*word < '0' || *word > '9' || *end || port > 65535)
		return mode_cannot(
		    "'%s' is no port: write tcp/389, udp/514, sctp/PORT or 389", word);
	a->port = (uint16_t)port;
	return 0;
}

static int
parse_options(struct asked *a, const struct mode_options *o)
{
	if (o->family) {
		if (strcmp(o->family, "4") && strcmp(o->family, "6"))
			return mode_cannot("--family is 4 or 6");
		a->family = (uint8_t)(*o->family - '0');
	}
	if (o->n_to > 1)
		return mode_cannot("--to once");
	if (o->n_to && addr_parse_unfolded(&a->to, o->to[0], strlen(o->to[0])) < 0)
		return mode_cannot("'%s' is no address", o->to[0]);
	if (o->from && prefix_parse_unfolded(&a->from, o->from, strlen(o->from)) < 0)
		return mode_cannot("'%s' is no address or prefix", o->from);
	if (o->in && !(a->in = world_iface_named(&a->m->world, o->in)))
		return mode_cannot("there is no interface %s", o->in);
	for (int i = 0; i < 2; i++) {
		uint8_t f = i ? a->to.family : a->from.addr.family;

		if (f && a->family && a->family != f)
			return mode_cannot("the addresses given are of different families");
		a->family = f ? f : a->family;
	}
	return 0;
}

static void
put_endpoints(struct json *j, const struct world *w, const struct answer *a)
{
	char text[ADDR_TEXT_MAX];

	json_list_begin(j, "endpoints");
	for (uint32_t i = 0; i < a->n_endpoints; i++) {
		const struct endpoint *e = &a->endpoints[i];
		const struct iface *out = e->oif ? world_iface(w, e->oif) : NULL;

		json_object_begin(j, NULL);
		json_text(j, "address", addr_format(&e->addr, text));
		json_int(j, "port", e->port);
		json_bool(j, "forwarded", e->forwarded);
		json_text(j, "out", out ? out->name : "");
		json_object_end(j);
	}
	json_list_end(j);
}

/* The path of one of them: of an accepted one if there is one. */
static void
put_path(struct json *j, struct asked *a, const struct query *q, const struct srcset *const *sets)
{
	struct query one = *q;
	struct trace t = {0};
	struct addr from;
	char text[ADDR_TEXT_MAX];

	one.sources = NULL;
	for (int i = 0; i < 3; i++)
		if (witness_pick(q->family, sets[i], &from)) {
			trace_source(a->eval, &a->m->arena, &one, &from, &t);
			json_text(j, "path_of", addr_format(&from, text));
			break;
		}
	report_path(j, t.steps, t.n);
}

static void
prove_way(struct asked *a, const struct way *way, uint8_t proto)
{
	const struct world *w = &a->m->world;
	const struct iface *in = world_iface(w, way->iif);
	struct range r = prefix_range(&a->from);
	const struct ranges one = {.v = &r, .n = 1};
	_cleanup_(srcset_fini) struct srcset sources =
	    a->from.addr.family ? srcset_of(&one) : srcset_all(way->family);
	_cleanup_(srcset_fini) struct srcset accept = {0}, drop = {0}, both = {0};
	const struct srcset *const sets[] = {&accept, &both, &drop};
	struct query q = way_query(way);
	struct answer answer;
	char text[ADDR_TEXT_MAX];
	struct json j;

	q.proto = proto;
	q.dport = a->port;
	q.sources = &sources;
	ways_query(a->eval, w, &q, &answer, NULL);
	accept = srcset_copy(&answer.accept);
	srcset_sub_set(&accept, &answer.drop);
	drop = srcset_copy(&answer.drop);
	srcset_sub_set(&drop, &answer.accept);
	both = srcset_copy(&answer.accept);
	srcset_and_set(&both, &answer.drop);
	json_begin(&j, &a->out);
	json_text(&j, "type", "prove");
	json_int(&j, "family", way->family);
	json_text(&j, "proto", proto_name(proto));
	json_int(&j, "port", a->port);
	json_text(&j, "to", addr_format(&way->to, text));
	json_text(&j, "in", in ? in->name : "");
	report_sources(&j, "accept", way->family, &accept);
	report_sources(&j, "drop", way->family, &drop);
	report_sources(&j, "depends", way->family, &both);
	put_endpoints(&j, w, &answer);
	report_strings(&j, "why", answer.whys, answer.n_whys);
	put_path(&j, a, &q, sets);
	json_end(&j);
	answer_fini(&answer);
}

static struct list
ways_asked(struct asked *a, uint8_t family)
{
	const struct world *w = &a->m->world;
	struct list ways = {0};

	if (!a->to.family)
		return ways_in(w, &a->m->arena, family, false);
	for (uint32_t i = 0; i < w->n_ifaces; i++) {
		struct way *way;

		if (!iface_receives(&w->ifaces[i], family) && &w->ifaces[i] != a->in)
			continue;
		way = list_add(&a->m->arena, &ways, sizeof(*way));
		*way = (struct way){.kind = world_is_own(w, &a->to) ? WAY_LOCAL : WAY_DIRECT,
		    .family = family,
		    .iif = w->ifaces[i].index,
		    .to = a->to};
	}
	return ways;
}

static void
prove_family(struct asked *a, uint8_t family)
{
	struct list ways = ways_asked(a, family);
	const struct way *v = ways.items;

	for (uint8_t p = 0; p < a->n_protos; p++)
		for (size_t i = 0; i < ways.n; i++) {
			if (a->in && v[i].iif != a->in->index)
				continue;
			a->any = true;
			prove_way(a, &v[i], a->protos[p]);
			if (a->out.len > 64 * 1024)
				mode_write(&a->out);
		}
}

int
mode_prove(struct mode *m)
{
	struct asked a = {.m = m};
	int r = parse_port(&a, m->opt.word);

	if (r == 0)
		r = parse_options(&a, &m->opt);
	if (r)
		return r;
	r = evaluator_new(&a.eval, &m->rules, &m->world, NULL);
	if (r < 0)
		return mode_cannot("prove: %s", strerror(-r));
	for (uint8_t family = 4; family <= 6; family += 2)
		if (!a.family || a.family == family)
			prove_family(&a, family);
	mode_write(&a.out);
	strbuf_fini(&a.out);
	evaluator_free(a.eval);
	if (!a.any)
		return mode_cannot("no way in: no interface that is up has such an address");
	return MODE_PROVEN;
}
