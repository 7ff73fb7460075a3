/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "prover/check.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

/* An address behind this machine with the ports that lead somewhere there. */
struct target {
	struct addr addr;
	uint16_t lo, hi;
	bool container; /* seen as a namespace's address; else as a target of NAT */
};

bool
check_has_dnat(const struct ruleset *r, uint8_t family)
{
	for (uint32_t t = 0; t < r->n_tables; t++) {
		const struct table *table = &r->tables[t];

		if ((table->flags & NFT_TABLE_F_DORMANT) ||
		    (table->family != NFPROTO_INET &&
			table->family != (family == 4 ? NFPROTO_IPV4 : NFPROTO_IPV6)))
			continue;
		for (uint32_t i = 0; i < table->n; i++) {
			const struct chain *chain = table->chains[i];

			if (chain->is_base && chain->hook == NF_INET_PRE_ROUTING && chain->type &&
			    !strcmp(chain->type, "nat"))
				return true;
		}
	}
	return false;
}

static void
add_target(struct check *c, const struct addr *a, uint16_t lo, uint16_t hi, bool container)
{
	struct target *all = c->targets.items, *t;

	for (size_t i = 0; i < c->targets.n; i++)
		if (addr_equal(&all[i].addr, a) && all[i].lo == lo && all[i].hi == hi &&
		    all[i].container == container)
			return;
	if (c->targets.n >= CHECK_TARGETS) {
		c->targets_cut = true;
		return;
	}
	t = list_add(c->arena, &c->targets, sizeof(*t));
	*t = (struct target){*a, lo, hi, container};
}

/* A public port that leads to a protected one under another number: the whole way. */
static void
feed_public(struct check *c, const struct way *way, uint8_t proto, uint16_t port)
{
	struct query q = way_query(way);
	struct cell *cells = c->cells.items;
	struct answer a;
	struct caps caps;

	q.proto = proto;
	q.dport = port;
	ways_query(c->eval, c->world, &q, &a, &caps);
	for (size_t i = 0; i < c->cells.n; i++)
		if (cells[i].proto == proto && cell_takes(c, &cells[i], way))
			check_feed(c, &cells[i],
			    &(struct feed){.way = way,
				.q = &q,
				.a = &a,
				.caps = &caps,
				.port = port,
				.last = port,
				.mapped_only = true});
	answer_fini(&a);
}

static bool
is_protected(const struct check *c, const struct way *way, uint8_t proto, uint16_t port)
{
	const struct cell *cells = c->cells.items;

	for (size_t i = 0; i < c->cells.n; i++)
		if (cells[i].proto == proto && cells[i].port <= port &&
		    port <= cells[i].port_high && cell_takes(c, &cells[i], way))
			return true;
	return false;
}

/* moved: NAT gives the whole class one number; else it leaves the numbers alone. */
static bool
note_end(struct check *c, const struct endpoint *e, uint16_t lo, uint16_t hi, bool moved)
{
	if (!world_is_own(c->world, &e->addr)) {
		if (moved)
			lo = hi = e->port;
		add_target(c, &e->addr, lo, hi, false);
	}
	return moved;
}

/* The number at both ends of the class tells a rewritten port from one that was left alone. */
static bool
is_moved(const struct answer *high, const struct endpoint *e, uint16_t lo, uint16_t hi)
{
	if (e->port != lo)
		return true;
	if (lo == hi)
		return false;
	for (uint32_t i = 0; i < high->n_endpoints; i++)
		if (addr_equal(&high->endpoints[i].addr, &e->addr) && high->endpoints[i].port == hi)
			return false;
	return true;
}

static void
sweep_class(struct check *c, const struct way *way, uint8_t proto, const struct answer *low,
    uint16_t lo, uint16_t hi)
{
	struct query q = way_query(way);
	struct answer high = {0};
	bool other = false;

	q.proto = proto;
	q.dport = hi;
	q.until_nat = true;
	if (hi > lo)
		eval_query(c->eval, &q, &high);
	for (uint32_t i = 0; i < low->n_endpoints; i++) {
		const struct endpoint *e = &low->endpoints[i];
		bool moved = is_moved(&high, e, lo, hi);

		other |= note_end(c, e, lo, hi, moved) && is_protected(c, way, proto, e->port);
	}
	if (hi > lo)
		answer_fini(&high);
	/* hi, too: where the class begins with the very number it is mapped to. */
	if (other)
		feed_public(c, way, proto, hi);
}

void
check_sweep(struct check *c, const struct way *way, uint8_t proto)
{
	uint32_t classes = 0;

	for (uint32_t p = 1, hi; p <= 65535; p = hi + 1) {
		struct query q = way_query(way);
		struct answer a;

		q.proto = proto;
		q.dport = (uint16_t)p;
		q.until_nat = true;
		eval_query(c->eval, &q, &a);
		hi = a.ports.hi < p ? p : a.ports.hi;
		sweep_class(c, way, proto, &a, (uint16_t)p, (uint16_t)hi);
		answer_fini(&a);
		if (++classes >= CHECK_SEGMENTS) {
			c->sweep_cut = true;
			break;
		}
	}
}

static void
add_containers(struct check *c, uint8_t family, uint8_t proto)
{
	for (uint32_t i = 0; i < c->world->n_listeners; i++) {
		const struct listener *l = &c->world->listeners[i];

		if (!l->netns || l->proto != proto || listener_is_loopback(l))
			continue;
		for (uint32_t n = 0; n < c->world->n_netns; n++) {
			const struct netns *ns = &c->world->netns[n];

			for (uint32_t k = 0; ns->number == l->netns && k < ns->n_addrs; k++)
				if (ns->addrs[k].family == family)
					add_target(c, &ns->addrs[k], l->port, l->port, true);
		}
	}
}

static void
ask_direct(struct check *c, struct cell *cell, const struct way *way, uint16_t lo, uint16_t hi)
{
	for (uint32_t p = lo, last; p <= hi; p = last + 1) {
		struct query q = way_query(way);
		struct answer a;
		struct caps caps;

		q.proto = cell->proto;
		q.dport = (uint16_t)p;
		ways_query(c->eval, c->world, &q, &a, &caps);
		last = a.ports.hi < p ? p : a.ports.hi > hi ? hi : a.ports.hi;
		check_feed(c, cell,
		    &(struct feed){.way = way,
			.q = &q,
			.a = &a,
			.caps = &caps,
			.port = (uint16_t)p,
			.last = (uint16_t)last,
			.seen_only = true});
		answer_fini(&a);
	}
}

static void
ask_target(struct check *c, const struct target *t, uint8_t proto, uint32_t iif)
{
	struct cell *cells = c->cells.items;
	const struct way way = {.kind = WAY_DIRECT,
	    .family = t->addr.family,
	    .narrow = true,
	    .iif = iif,
	    .to = t->addr};

	for (size_t i = 0; i < c->cells.n; i++) {
		struct cell *cell = &cells[i];
		uint16_t lo = t->lo > cell->port ? t->lo : cell->port,
			 hi = t->hi < cell->port_high ? t->hi : cell->port_high;

		if (cell->proto == proto && lo <= hi && cell_takes(c, cell, &way) &&
		    (!t->container || cell->rule->containers))
			ask_direct(c, cell, &way, lo, hi);
	}
}

void
check_direct(struct check *c, uint8_t family, uint8_t proto)
{
	const struct world *w = c->world;
	const struct target *t;

	add_containers(c, family, proto);
	t = c->targets.items;
	for (size_t i = 0; i < c->targets.n; i++)
		for (uint32_t k = 0; k < w->n_ifaces; k++) {
			const struct iface *f = &w->ifaces[k];
			struct route_answer r;

			if (!iface_receives(f, family))
				continue;
			r = world_route(w, &t[i].addr, f->index, 0);
			/* Within its own bridge a packet does not pass this machine's routing. */
			if (r.type != ADDR_LOCAL && r.oif != f->index)
				ask_target(c, &t[i], proto, f->index);
		}
}
