/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "prover/check.h"

#include <errno.h>
#include <fnmatch.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "prover/finding.h"

bool
iface_is_inside(const struct check *c, const struct image_expose *e, uint32_t iif)
{
	const struct iface *f = world_iface(c->world, iif);

	for (uint32_t i = 0; f && i < e->inside.n; i++)
		if (!fnmatch(image_list(c->img, e->inside, i), f->name, 0))
			return true;
	return false;
}

bool
cell_takes(const struct check *c, const struct cell *cell, const struct way *way)
{
	const struct image_expose *e = cell->rule;
	const struct iface *f = world_iface(c->world, way->iif);

	if (!cell->policy || cell->family != way->family)
		return false;
	if (e->interface && (!f || strcmp(image_str(c->img, e->interface), f->name)))
		return false;
	/* By another address NAT may lead to it. */
	if (e->address.family && !addr_equal(&e->address, &way->to))
		return way->kind == WAY_DIRECT ? e->containers : way->kind != WAY_GROUP;
	return true;
}

/* Whether a cell is about packets that were sent to one address and end at another. */
static bool
cell_takes_end(const struct cell *cell, const struct way *way, const struct addr *end)
{
	const struct addr *own = &cell->rule->address;

	if (way->kind == WAY_DIRECT)
		return true;
	if (own->family && !addr_equal(own, &way->to))
		return addr_equal(own, end);
	return way->kind != WAY_MAPPED || !addr_equal(end, &way->to);
}

static bool
same_finding(const struct finding *a, const struct finding *b)
{
	return a->state == b->state && a->shape == b->shape && a->forwarded == b->forwarded &&
	       a->unseen == b->unseen && a->listener == b->listener && a->port == b->port &&
	       a->end_port == b->end_port && (!a->forwarded || addr_equal(&a->end, &b->end)) &&
	       (a->way.kind == WAY_MAPPED) == (b->way.kind == WAY_MAPPED) &&
	       (a->way.kind != WAY_MAPPED || addr_equal(&a->way.to, &b->way.to)) &&
	       srcset_equal(&a->sources, &b->sources);
}

static void
add_iface(uint32_t *list, uint32_t *n, uint32_t room, uint32_t iif)
{
	for (uint32_t i = 0; i < *n; i++)
		if (list[i] == iif)
			return;
	if (*n < room)
		list[(*n)++] = iif;
}

/* Ports that are open to the same hundred thousand sources keep them once. */
static void
share_sources(const struct check *c, struct finding *f)
{
	const struct cell *cells = c->cells.items;

	for (size_t i = 0; i < c->cells.n; i++) {
		const struct finding *first = cells[i].findings.items;

		if (!cells[i].findings.n || cells[i].family != f->way.family ||
		    !srcset_equal(&first->sources, &f->sources))
			continue;
		srcset_fini(&f->sources);
		f->sources = srcset_copy(&first->sources);
		return;
	}
}

/* Takes f's sources. */
static void
add_finding(struct check *c, struct cell *cell, struct finding *f)
{
	struct finding *all = cell->findings.items;
	size_t n = cell->findings.n, i = 0;

	while (i < n && !same_finding(&all[i], f))
		i++;
	if (i < n) {
		add_iface(all[i].ifaces, &all[i].n_ifaces, 8, f->way.iif);
		all[i].n_ways++;
		srcset_fini(&f->sources);
		return;
	}
	share_sources(c, f);
	f->n_ways = 1;
	add_iface(f->ifaces, &f->n_ifaces, 8, f->way.iif);
	if (n < CHECK_FINDINGS) {
		*(struct finding *)list_add(c->arena, &cell->findings, sizeof(*f)) = *f;
		return;
	}
	/* Full: what is worse pushes the least out. */
	cell->n_more++;
	for (size_t k = i = 0; k < n; k++)
		if (all[k].state < all[i].state)
			i = k;
	if (all[i].state < f->state) {
		srcset_fini(&all[i].sources);
		all[i] = *f;
	} else {
		srcset_fini(&f->sources);
	}
}

/* Allowed sources that are accepted by an interface where nothing holds them to be true. */
static void
look_at_forgery(
    const struct check *c, struct cell *cell, const struct feed *f, const struct srcset *accept)
{
	const struct iface *in = world_iface(c->world, f->way->iif);
	_cleanup_(srcset_fini) struct srcset s = {0};

	if (cell->proto != IPPROTO_UDP || !in || (cell->family == 4 && in->rp_filter == 1))
		return;
	s = srcset_copy(accept);
	srcset_and(&s, &cell->policy->hosts);
	if (!srcset_empty(&s))
		add_iface(cell->forge, &cell->n_forge, 8, in->index);
}

struct end {
	struct addr addr;
	uint16_t port;
	bool forwarded;
	bool unknown; /* as in struct endpoint */
	uint32_t oif;
};

static void
add_outside(struct check *c, struct cell *cell, const struct feed *f, const struct end *end,
    uint16_t port, uint16_t end_port, const struct listener *l, bool unseen,
    const struct srcset *outside, const struct srcset *drop)
{
	_cleanup_(srcset_fini) struct srcset sure = srcset_copy(outside);
	bool listening = l || unseen;
	struct finding one = {.way = *f->way,
	    .shape = f->way->kind == WAY_DIRECT ? FOUND_DIRECT
		     : end->forwarded || end_port != port || !addr_equal(&end->addr, &f->way->to)
			 ? FOUND_MAPPED
			 : FOUND_LOCAL,
	    .forwarded = end->forwarded,
	    .unseen = unseen,
	    .port = port,
	    .end = end->addr,
	    .end_port = end_port,
	    .oif = end->oif,
	    .listener = l};

	srcset_sub_set(&sure, drop);
	if (!srcset_empty(&sure) && !end->unknown) {
		one.state = listening ? PROOF_OPEN : PROOF_LATENT;
		one.sources = srcset_take(&sure);
	} else {
		/* Where nothing listens, too: what is not known may also lead elsewhere. */
		one.state = PROOF_DEPENDS;
		one.sources = srcset_copy(outside);
		one.n_whys = f->a->n_whys;
		memcpy(one.whys, f->a->whys, sizeof(one.whys));
		if (!one.n_whys && end->unknown)
			one.whys[one.n_whys++] = "NAT to an unknown target";
	}
	add_finding(c, cell, &one);
}

/* One port where packets end: listeners decide whether it is open or latent. */
static bool
feed_port(struct check *c, struct cell *cell, const struct feed *f, const struct end *end,
    uint16_t port, uint16_t end_port, bool always, const struct srcset *accept,
    const struct srcset *outside)
{
	bool unseen = false;
	const struct listener *l =
	    listener_at(c, cell->proto, &end->addr, end_port, f->way, end->forwarded, &unseen);

	if (!l && !unseen && !always)
		return false;
	if (l || unseen) {
		cell->listening = true;
		check_reach(c, cell, f, port, accept, end->unknown ? accept : &f->a->drop);
	} else if (f->seen_only || f->way->kind == WAY_GROUP) {
		return false;
	}
	if (!srcset_empty(outside))
		add_outside(c, cell, f, end, port, end_port, l, unseen, outside, &f->a->drop);
	return l || unseen;
}

/* The ports of [f->port, f->last] where something listens, each; where nothing does, the first. */
static void
feed_end(struct check *c, struct cell *cell, const struct feed *f, const struct end *end,
    const struct srcset *accept)
{
	const struct world *w = c->world;
	_cleanup_(srcset_fini) struct srcset outside = {0};
	bool any = false, moved = end->port != f->port;
	bool mapped = moved || (f->way->kind == WAY_MAPPED && !addr_equal(&end->addr, &f->way->to));

	if (f->mapped_only &&
	    ((!mapped && !end->unknown) || end->port < cell->port || end->port > cell->port_high))
		return;
	if (!end->unknown && !cell_takes_end(cell, f->way, &end->addr))
		return;
	if (!iface_is_inside(c, cell->rule, f->way->iif)) {
		outside = srcset_copy(accept);
		srcset_sub(&outside, &cell->policy->allowed);
	}
	if (moved || f->port == f->last || c->opt.sockets_hidden) {
		feed_port(c, cell, f, end, f->port, end->port, true, accept, &outside);
	} else {
		for (uint32_t p = f->port, i; p <= f->last; p++) {
			for (i = 0; i < w->n_listeners && w->listeners[i].port != p; i++)
				;
			if (i < w->n_listeners || (end->forwarded && p == f->port))
				any |= feed_port(c, cell, f, end, (uint16_t)p, (uint16_t)p, false,
				    accept, &outside);
		}
		if (!any)
			feed_port(c, cell, f, end, f->port, f->port, true, accept, &outside);
	}
	look_at_forgery(c, cell, f, accept);
}

void
check_feed(struct check *c, struct cell *cell, const struct feed *f)
{
	const struct end plain = {f->way->to, f->port, f->way->kind == WAY_DIRECT, false, 0};

	/* What brings packets past the rules leads to where they were sent. */
	if ((f->caps->may_accept || !f->a->n_endpoints) && !f->mapped_only)
		feed_end(c, cell, f, &plain, &f->a->accept);
	for (uint32_t i = 0; i < f->a->n_endpoints; i++) {
		const struct endpoint *e = &f->a->endpoints[i];
		struct end end = {e->addr, e->port, e->forwarded, e->unknown, e->oif};

		/* The answer is for q's port and address; NAT that left them alone leaves all of
		 * the class alone, and all addresses that are the same to the rules. */
		if (e->port == f->q->dport)
			end.port = f->port;
		if (addr_equal(&e->addr, &f->q->daddr))
			end.addr = f->way->to;
		/* It may be any of the cell's. */
		if (e->unknown)
			end.port = f->mapped_only ? cell->port : f->port;
		feed_end(c, cell, f, &end, &e->accept);
	}
}

/* Ways in that are the same to the rules, and the last answer for them. */
struct asking {
	struct way *ways;
	size_t n;
	struct answer a;
	struct query q;
	struct caps caps;
	bool have;
};

static bool
group_listens(const struct check *c, const struct cell *cell, const struct way *way)
{
	for (uint32_t i = 0; i < c->world->n_listeners; i++) {
		const struct listener *l = &c->world->listeners[i];

		if ((l->any || addr_equal(&l->addr, &way->to)) && !l->netns &&
		    l->proto == cell->proto && l->port >= cell->port && l->port <= cell->port_high)
			return true;
	}
	return c->opt.sockets_hidden;
}

static bool
is_asked(const struct check *c, const struct cell *cell, const struct way *way)
{
	/* Where nothing listens, a datagram to all is nobody's. */
	return cell_takes(c, cell, way) && (way->kind != WAY_GROUP || group_listens(c, cell, way));
}

static void
ask_port(struct check *c, struct asking *x, uint8_t proto, uint16_t port)
{
	if (x->have && port >= x->a.ports.lo && port <= x->a.ports.hi)
		return;
	if (x->have)
		answer_fini(&x->a);
	x->q = way_query(&x->ways[0]);
	x->q.proto = proto;
	x->q.dport = port;
	ways_query(c->eval, c->world, &x->q, &x->a, &x->caps);
	x->have = true;
}

/* All classes of ports that a cell has. */
static void
ask_cell(struct check *c, struct cell *cell, struct asking *x)
{
	uint32_t segments = 0;

	for (uint32_t p = cell->port, last; p <= cell->port_high; p = last + 1) {
		ask_port(c, x, cell->proto, (uint16_t)p);
		last = x->a.ports.hi < p ? p : x->a.ports.hi;
		if (last > cell->port_high)
			last = cell->port_high;
		if (++segments >= CHECK_SEGMENTS && last < cell->port_high)
			c->sweep_cut = true;
		for (size_t i = 0; i < x->n; i++)
			if (is_asked(c, cell, &x->ways[i]))
				check_feed(c, cell,
				    &(struct feed){.way = &x->ways[i],
					.q = &x->q,
					.a = &x->a,
					.caps = &x->caps,
					.port = (uint16_t)p,
					.last = (uint16_t)last});
		if (c->sweep_cut)
			break;
	}
}

static void
ask_ways(struct check *c, struct way *ways, size_t n, uint8_t proto)
{
	struct cell *cells = c->cells.items;
	struct asking x = {.ways = ways, .n = n};

	for (size_t i = 0; i < c->cells.n; i++) {
		bool asked = false;

		for (size_t k = 0; k < n; k++)
			asked |= is_asked(c, &cells[i], &ways[k]);
		if (asked && cells[i].proto == proto)
			ask_cell(c, &cells[i], &x);
	}
	if (x.have)
		answer_fini(&x.a);
}

static bool
wants_proto(const struct check *c, uint8_t family, uint8_t proto)
{
	const struct cell *cells = c->cells.items;

	for (size_t i = 0; i < c->cells.n; i++)
		if (cells[i].policy && cells[i].family == family && cells[i].proto == proto)
			return true;
	return false;
}

static void
ask_family(struct check *c, uint8_t family, uint8_t proto)
{
	bool dnat = check_has_dnat(c->rules, family);
	bool plain = !dnat && !ruleset_sees_daddr(c->rules, family);
	struct list ways = ways_in(c->world, c->arena, family, dnat);
	struct way *v;

	if (proto == IPPROTO_UDP)
		ways_groups(c->world, c->arena, family, &ways);
	if (dnat)
		check_mapped_ways(c, family, &ways);
	c->targets = (struct list){0};
	v = ways.items;
	for (size_t i = 0, n; i < ways.n; i += n) {
		n = plain ? ways_alike(c->world, &v[i], ways.n - i) : 1;
		ask_ways(c, &v[i], n, proto);
		if (dnat && v[i].kind != WAY_GROUP)
			check_sweep(c, &v[i], proto);
	}
	check_direct(c, family, proto);
}

static int
by_state(const void *a, const void *b)
{
	const struct finding *x = a, *y = b;

	if (x->state != y->state)
		return (int)y->state - (int)x->state;
	return (int)x->shape - (int)y->shape;
}

static int
by_worst(const void *a, const void *b)
{
	const struct cell *x = a, *y = b;

	if (x->state != y->state)
		return (int)y->state - (int)x->state;
	if (x->kind != y->kind)
		return (int)x->kind - (int)y->kind;
	if (x->rule != y->rule)
		return x->rule < y->rule ? -1 : 1;
	if (x->port != y->port)
		return (int)x->port - (int)y->port;
	return x->proto != y->proto ? (int)x->proto - (int)y->proto
				    : (int)x->family - (int)y->family;
}

/* The worst of its findings, once their witnesses were followed. */
static void
settle(struct check *c, struct cell *cell)
{
	struct finding *f = cell->findings.items;

	for (size_t k = 0; k < cell->findings.n; k++) {
		finding_explain(c, cell, &f[k]);
		if (f[k].state > cell->state)
			cell->state = f[k].state;
	}
	if (cell->findings.n)
		qsort(f, cell->findings.n, sizeof(*f), by_state);
	if (cell->kind == PROOF_UNNAMED && cell->state == PROOF_PROVEN)
		cell->state = PROOF_LATENT;
	if ((c->sweep_cut || c->targets_cut) && cell->policy && cell->state < PROOF_DEPENDS) {
		cell->state = PROOF_DEPENDS;
		cell->text =
		    c->sweep_cut
			? "not proven: destination NAT tells too many ports apart to look at all"
			: "not proven: destination NAT leads to too many addresses to look at all";
	}
	cell_explain(c, cell);
	if (cell->kind == PROOF_PORT)
		c->counts[cell->state]++;
	else
		c->other++;
	if (cell->state > c->state)
		c->state = cell->state;
}

int
check_run(struct check *c, const struct image *img, const struct ruleset *r, const struct world *w,
    struct arena *a, const struct check_options *opt)
{
	static const uint8_t protos[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP};
	struct cell *cells;
	int rc;

	*c = (struct check){.img = img, .rules = r, .world = w, .arena = a, .opt = *opt};
	rc = check_make_cells(c);
	if (rc < 0)
		return rc;
	rc = evaluator_new(&c->eval, r, w, NULL);
	if (rc < 0)
		return rc;
	for (uint8_t family = 4; family <= 6; family += 2)
		for (size_t i = 0; i < sizeof(protos); i++)
			if (wants_proto(c, family, protos[i]))
				ask_family(c, family, protos[i]);
	cells = c->cells.items;
	for (size_t i = 0; i < c->cells.n; i++)
		check_shut_out(c, &cells[i]);
	check_other_cells(c);
	cells = c->cells.items;
	for (size_t i = 0; i < c->cells.n; i++)
		settle(c, &cells[i]);
	if (c->cells.n)
		qsort(cells, c->cells.n, sizeof(*cells), by_worst);
	return 0;
}

static void
cell_fini(struct cell *cell)
{
	struct finding *f = cell->findings.items;
	struct reach *r = cell->reaches.items;

	for (size_t i = 0; i < cell->findings.n; i++)
		srcset_fini(&f[i].sources);
	for (size_t i = 0; i < cell->reaches.n; i++) {
		srcset_fini(&r[i].want);
		srcset_fini(&r[i].may);
		srcset_fini(&r[i].sure);
	}
}

void
check_fini(struct check *c)
{
	struct cell *cells = c->cells.items;
	struct policy **p = c->policies.items;

	for (size_t i = 0; i < c->cells.n; i++)
		cell_fini(&cells[i]);
	for (size_t i = 0; i < c->policies.n; i++) {
		ranges_fini(&p[i]->allowed);
		ranges_fini(&p[i]->hosts);
	}
	evaluator_free(c->eval);
	memset(c, 0, sizeof(*c));
}

int
check_exit(const struct check *c)
{
	return c->state >= PROOF_SHUT_OUT ? 2 : c->state == PROOF_DEPENDS ? 1 : 0;
}
