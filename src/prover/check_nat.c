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

static uint32_t
daddr_offset(uint8_t family)
{
	return family == 4 ? 16 : 24;
}

/* Writes a destination or its port, without NAT. */
static bool
op_rewrites(const struct op *op, uint8_t family)
{
	uint32_t at = op->u.load.offset, end = at + op->len, daddr = daddr_offset(family);

	if (op->kind != OP_PAYLOAD_SET)
		return false;
	if (op->u.load.base == NFT_PAYLOAD_TRANSPORT_HEADER)
		return at < 4 && end > 2;
	return op->u.load.base == NFT_PAYLOAD_NETWORK_HEADER &&
	       at < daddr + (family == 4 ? 4 : 16) && end > daddr;
}

static bool
chain_rewrites(const struct chain *chain, uint8_t family)
{
	if (chain->is_base && chain->hook == NF_INET_PRE_ROUTING && chain->type &&
	    chain->table->family != NFPROTO_NETDEV && !strcmp(chain->type, "nat"))
		return true;
	for (uint32_t i = 0; i < chain->n; i++)
		for (uint32_t k = 0; k < chain->rules[i].n; k++)
			if (op_rewrites(&chain->rules[i].ops[k], family))
				return true;
	return false;
}

static bool
table_counts(const struct table *t, uint8_t family)
{
	return !(t->flags & NFT_TABLE_F_DORMANT) && !t->own &&
	       (t->family == NFPROTO_INET || t->family == NFPROTO_NETDEV ||
		   t->family == (family == 4 ? NFPROTO_IPV4 : NFPROTO_IPV6));
}

bool
check_has_dnat(const struct ruleset *r, uint8_t family)
{
	for (uint32_t t = 0; t < r->n_tables; t++) {
		const struct table *table = &r->tables[t];

		for (uint32_t i = 0; table_counts(table, family) && i < table->n; i++)
			if (chain_rewrites(table->chains[i], family))
				return true;
	}
	return false;
}

/* Destinations that rules name: literals and elements that a loaded destination is compared with.
 */
struct named {
	struct check *c;
	uint8_t family;
	struct list found; /* struct addr */
	uint32_t rules;    /* looked at */
};

/* Of networks for documentation (RFC 5737, RFC 3849): stands for all hosts that no rule names. */
static const struct addr some_host[] = {
    {4, {203, 0, 113, 254}}, {6, {0x20, 0x01, 0x0d, 0xb8, 0xff, 0xff, [15] = 0xfe}}};

/* The address that has these bits where mask says so, and those of some host elsewhere. */
static void
name_addr(struct named *x, const uint8_t *bytes, const uint8_t mask[static 16])
{
	struct addr a = some_host[x->family == 6];
	const struct addr *all = x->found.items;

	for (unsigned i = 0; i < addr_size(&a); i++)
		if (mask[i])
			a.bytes[i] = (uint8_t)((a.bytes[i] & ~mask[i]) | (bytes[i] & mask[i]));
	for (size_t i = 0; i < x->found.n; i++)
		if (addr_equal(&all[i], &a))
			return;
	if (x->found.n >= CHECK_NAMED) {
		x->c->targets_cut = true;
		return;
	}
	*(struct addr *)list_add(x->c->arena, &x->found, sizeof(a)) = a;
}

static void
name_elements(struct named *x, const struct set *s, unsigned at, unsigned len)
{
	for (uint32_t i = 0; !s->unknown && i < s->n && !x->c->targets_cut; i++) {
		uint8_t mask[16] = {0};
		struct element el;

		set_element(s, i, &el);
		/* Of a range the bits that its ends share; its ends are bounds of what is alike. */
		for (unsigned k = 0; k < len; k++)
			mask[k] = (uint8_t) ~(el.lo[at + k] ^ el.hi[at + k]);
		name_addr(x, el.lo + at, mask);
	}
}

static bool
loads_daddr(const struct op *op, uint8_t family)
{
	return op->kind == OP_LOAD && op->u.load.kind == LOAD_PAYLOAD &&
	       op->u.load.base == NFT_PAYLOAD_NETWORK_HEADER &&
	       op->u.load.offset == daddr_offset(family) && op->len <= (family == 4 ? 4 : 16);
}

static void
name_rule(struct named *x, const struct rule *rule)
{
	unsigned at = 0, len = 0;
	uint8_t mask[16];

	for (uint32_t i = 0; i < rule->n; i++) {
		const struct op *op = &rule->ops[i];
		bool same = len && op->sreg == at;

		if (loads_daddr(op, x->family)) {
			at = op->dreg;
			len = op->len;
			memset(mask, 0, sizeof(mask));
			memset(mask, 0xff, len);
		} else if (same && op->kind == OP_BITWISE) {
			at = op->dreg;
			for (unsigned k = 0; k < len; k++)
				mask[k] &= op->u.bitwise.mask[k];
		} else if (same && op->kind == OP_CMP && op->len == len) {
			name_addr(x, op->u.cmp.data, mask);
		} else if (same && op->kind == OP_RANGE && op->len == len) {
			name_addr(x, op->u.range.from, mask);
			name_addr(x, op->u.range.to, mask);
		} else if (len && op->kind == OP_LOOKUP && op->u.lookup.set && op->sreg <= at &&
			   at + len <= (unsigned)op->sreg + op->u.lookup.set->key_len) {
			name_elements(x, op->u.lookup.set, at - op->sreg, len);
		}
	}
}

static void name_chain(struct named *x, const struct chain *chain, unsigned depth);

static void
name_called(struct named *x, const struct op *op, unsigned depth)
{
	const struct set *s = op->kind == OP_LOOKUP ? op->u.lookup.set : NULL;

	if (op->kind == OP_VERDICT)
		name_chain(x, op->u.verdict.chain, depth);
	for (uint32_t i = 0; s && s->is_vmap && !s->unknown && i < s->n; i++) {
		struct element el;

		set_element(s, i, &el);
		name_chain(x, el.verdict.chain, depth);
	}
	if (s && s->is_vmap && s->has_catchall)
		name_chain(x, s->catchall->verdict.chain, depth);
}

/* A chain and those it calls. */
static void
name_chain(struct named *x, const struct chain *chain, unsigned depth)
{
	if (!chain || chain->deep || depth > 16)
		return;
	for (uint32_t i = 0; i < chain->n && !x->c->targets_cut; i++) {
		const struct rule *rule = &chain->rules[i];

		if (++x->rules > CHECK_NAMED_RULES)
			x->c->targets_cut = true;
		name_rule(x, rule);
		for (uint32_t k = 0; k < rule->n; k++)
			name_called(x, &rule->ops[k], depth + 1);
	}
}

/* Where a packet's destination is mapped, or where a mark is set that says so. */
static bool
is_before_routing(const struct chain *c)
{
	if (!c->is_base)
		return false;
	if (c->table->family == NFPROTO_NETDEV)
		return c->hook == NF_NETDEV_INGRESS;
	return c->hook == NF_INET_PRE_ROUTING ||
	       (c->table->family == NFPROTO_INET && c->hook == NF_INET_INGRESS);
}

static bool
is_elsewhere(const struct world *w, const struct addr *a, uint32_t iif)
{
	enum addr_type type = world_route(w, a, iif, 0).type;

	return !world_is_own(w, a) && !addr_is_loopback(a) && type != ADDR_LOCAL &&
	       type != ADDR_MULTICAST && type != ADDR_BROADCAST;
}

void
check_mapped_ways(struct check *c, uint8_t family, struct list *ways)
{
	const struct world *w = c->world;
	static const uint8_t nothing[16];
	struct named x = {.c = c, .family = family};
	const struct addr *a;

	name_addr(&x, nothing, nothing);
	for (uint32_t t = 0; t < c->rules->n_tables; t++) {
		const struct table *table = &c->rules->tables[t];

		for (uint32_t i = 0; table_counts(table, family) && i < table->n; i++)
			if (is_before_routing(table->chains[i]))
				name_chain(&x, table->chains[i], 0);
	}
	a = x.found.items;
	for (size_t i = 0; i < x.found.n; i++)
		for (uint32_t k = 0; k < w->n_ifaces; k++) {
			const struct iface *in = &w->ifaces[k];

			if (!iface_receives(in, family) || !is_elsewhere(w, &a[i], in->index))
				continue;
			*(struct way *)list_add(c->arena, ways, sizeof(struct way)) =
			    (struct way){.kind = WAY_MAPPED,
				.family = family,
				.narrow = true,
				.iif = in->index,
				.to = a[i]};
		}
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
note_end(struct check *c, const struct addr *way_to, const struct endpoint *e, uint16_t lo,
    uint16_t hi, bool moved)
{
	if (!world_is_own(c->world, &e->addr) && !(way_to && addr_equal(way_to, &e->addr))) {
		if (e->unknown) {
			lo = 0;
			hi = UINT16_MAX;
		} else if (moved)
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

		moved = note_end(c, &way->to, e, lo, hi, moved);
		other |= e->unknown || (moved && is_protected(c, way, proto, e->port));
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

/* Not where all the world is: a namespace without a link to this one has addresses that mean other
 * hosts here. */
static bool
is_behind(const struct world *w, const struct addr *a, uint32_t oif)
{
	if (!oif || oif != ways_default_iface(w, a->family))
		return true;
	for (uint32_t i = 0; i < w->n_addrs; i++) {
		const struct prefix p = prefix_of(&w->addrs[i].addr, w->addrs[i].len);

		if (w->addrs[i].iface == oif && prefix_has(&p, a))
			return true;
	}
	return false;
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
			if (r.type != ADDR_LOCAL && r.oif != f->index &&
			    (!t[i].container || is_behind(w, &t[i].addr, r.oif)))
				ask_target(c, &t[i], proto, f->index);
		}
}
