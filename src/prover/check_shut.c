/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "prover/check.h"
#include "prover/finding.h"

#define SHUT_PREFIXES 64 /* refused prefixes that are followed one by one */

static struct reach *
reach_of(struct check *c, struct cell *cell, uint16_t port)
{
	struct reach *r = cell->reaches.items;

	for (size_t i = 0; i < cell->reaches.n; i++)
		if (r[i].port == port)
			return &r[i];
	r = list_add(c->arena, &cell->reaches, sizeof(*r));
	r->port = port;
	return r;
}

/* The allowed hosts whose packets come in by the interface: by which packets to them leave. */
static struct srcset
expected_at(const struct check *c, const struct cell *cell, const struct way *way)
{
	struct srcset s = srcset_of(&cell->policy->hosts);

	srcset_and(&s, routed_by(c->world, cell->family, way->iif));
	srcset_sub(&s, world_source_drop(c->world, &way->to, way->iif, 0).may);
	return s;
}

void
check_reach(struct check *c, struct cell *cell, const struct feed *f, uint16_t port,
    const struct srcset *accept, const struct srcset *drop)
{
	_cleanup_(srcset_fini) struct srcset want = {0};
	struct reach_way *way;
	struct reach *r;

	if (f->way->narrow || f->way->kind != WAY_LOCAL || !cell->policy->hosts.n ||
	    cell->kind != PROOF_PORT)
		return;
	want = expected_at(c, cell, f->way);
	if (srcset_empty(&want))
		return;
	r = reach_of(c, cell, f->mapped_only ? cell->port : port);
	srcset_or_set(&r->want, &want);
	srcset_and_set(&want, accept);
	srcset_or_set(&r->may, &want);
	srcset_sub_set(&want, drop);
	srcset_or_set(&r->sure, &want);
	if (f->mapped_only)
		return;
	r->expected = true;
	way = list_add(c->arena, &r->ways, sizeof(*way));
	*way = (struct reach_way){.way = *f->way, .port = port};
}

struct refusal {
	struct check *c;
	struct cell *cell;
	const struct reach *reach;
	uint8_t state;
	uint32_t followed;
};

/* The way in by which a source is expected. */
static const struct reach_way *
way_for(const struct refusal *x, u128 source)
{
	const struct reach_way *w = x->reach->ways.items;

	for (size_t i = 0; i < x->reach->ways.n; i++)
		if (ranges_has(routed_by(x->c->world, x->cell->family, w[i].way.iif), source))
			return &w[i];
	return NULL;
}

static bool
same_step(const struct step *a, const struct step *b)
{
	if (!a || !b)
		return a == b;
	return a->rule == b->rule && a->chain == b->chain && !strcmp(a->text, b->text);
}

/* Sources that one rule refuses are one finding. */
static void
add_refused(struct refusal *x, const char *name, struct srcset *refused)
{
	struct finding *all = x->cell->findings.items, *f;
	struct trace t = {0};
	struct addr from;
	const struct reach_way *w;
	struct query q;

	if (!witness_pick(x->cell->family, refused, &from) || !(w = way_for(x, addr_number(&from))))
		return;
	q = way_query(&w->way);
	q.proto = x->cell->proto;
	q.dport = w->port;
	trace_source(x->c->eval, x->c->arena, &q, &from, &t);
	for (size_t i = 0; i < x->cell->findings.n; i++)
		if (all[i].shape == FOUND_SHUT_OUT && all[i].state == x->state &&
		    all[i].port == w->port && same_step(all[i].decided, t.decided)) {
			srcset_or_set(&all[i].sources, refused);
			if (*all[i].name && strcmp(all[i].name, name) &&
			    !strstr(all[i].name, " and others"))
				all[i].name =
				    arena_printf(x->c->arena, "%s and others", all[i].name);
			return;
		}
	if (x->cell->findings.n >= CHECK_FINDINGS) {
		x->cell->n_more++;
		return;
	}
	f = list_add(x->c->arena, &x->cell->findings, sizeof(*f));
	*f = (struct finding){.state = x->state,
	    .shape = FOUND_SHUT_OUT,
	    .way = w->way,
	    .port = w->port,
	    .end = t.end,
	    .end_port = t.end_port,
	    .sources = srcset_take(refused),
	    .name = name,
	    .decided = t.decided,
	    .n_ways = 1,
	    .n_ifaces = 1,
	    .ifaces = {w->way.iif}};
}

static void
add_refusals(struct refusal *x, struct srcset *left)
{
	const struct image_expose *e = x->cell->rule;

	for (uint32_t i = 0; i < e->allowed.n && !srcset_empty(left); i++) {
		const struct image_prefix *p = &x->c->img->prefixes[e->allowed.first + i];
		struct range r;
		const struct ranges one = {.v = &r, .n = 1};
		_cleanup_(srcset_fini) struct srcset part = {0};

		if (p->prefix.addr.family != x->cell->family)
			continue;
		r = prefix_range(&p->prefix);
		part = srcset_copy(left);
		srcset_and(&part, &one);
		if (srcset_empty(&part))
			continue;
		if (++x->followed > SHUT_PREFIXES)
			break;
		srcset_sub(left, &one);
		add_refused(x, image_str(x->c->img, p->name), &part);
	}
	if (!srcset_empty(left))
		add_refused(x, "", left);
}

void
check_shut_out(struct check *c, struct cell *cell)
{
	const struct reach *r = cell->reaches.items;

	for (size_t i = 0; i < cell->reaches.n; i++) {
		_cleanup_(srcset_fini) struct srcset refused = {0}, perhaps = {0};
		struct refusal x = {c, cell, &r[i], PROOF_SHUT_OUT, 0};

		if (!r[i].expected)
			continue;
		refused = srcset_copy(&r[i].want);
		srcset_sub_set(&refused, &r[i].may);
		perhaps = srcset_copy(&r[i].want);
		srcset_and_set(&perhaps, &r[i].may);
		srcset_sub_set(&perhaps, &r[i].sure);
		add_refusals(&x, &refused);
		x.state = PROOF_DEPENDS;
		add_refusals(&x, &perhaps);
	}
}
