/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "prover/ways.h"

#include <linux/if_packet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <net/if.h>
#include <string.h>

#define ANY_IP_MAX 16 /* ranges looked at by one interface */

bool
iface_receives(const struct iface *i, uint8_t family)
{
	return (i->flags & IFF_UP) && !(i->flags & IFF_LOOPBACK) && !i->master &&
	       i->works[family == 6];
}

const struct ranges *
routed_by(const struct world *w, uint8_t family, uint32_t oif)
{
	return world_fib_of_oif(w, &(struct fib_view){.family = family, .at = oif}, oif).may;
}

bool
addr_is_loopback(const struct addr *a)
{
	static const uint8_t one[16] = {[15] = 1};

	return a->family == 4 ? a->bytes[0] == 127 : !memcmp(a->bytes, one, 16);
}

bool
addr_is_link_local6(const struct addr *a)
{
	return a->family == 6 && a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}

bool
world_is_own(const struct world *w, const struct addr *a)
{
	if (a->family == 4 && addr_is_loopback(a))
		return true;
	for (uint32_t i = 0; i < w->n_addrs; i++)
		if (addr_equal(&w->addrs[i].addr, a))
			return true;
	return false;
}

uint32_t
ways_default_iface(const struct world *w, uint8_t family)
{
	uint32_t best = 0;
	u128 most = 0;

	for (uint32_t i = 0; i < w->n_ifaces; i++) {
		const struct iface *f = &w->ifaces[i];
		const struct ranges *r;
		u128 sum = 0;

		if (!iface_receives(f, family))
			continue;
		r = routed_by(w, family, f->index);
		for (uint32_t k = 0; k < r->n; k++)
			sum += (r->v[k].hi - r->v[k].lo) / 2 + 1; /* halves: no overflow */
		if (!best || sum > most) {
			best = f->index;
			most = sum;
		}
	}
	return best;
}

struct addr
ways_default_to(const struct world *w, uint8_t family, uint32_t iif)
{
	struct addr best = {0};
	int rank = 0;

	for (uint32_t i = 0; i < w->n_addrs; i++) {
		const struct local_addr *l = &w->addrs[i];
		int mine;

		if (l->addr.family != family || addr_is_loopback(&l->addr))
			continue;
		mine = addr_is_link_local6(&l->addr) ? 1 : l->scope ? 2 : 3;
		if (l->iface != iif) {
			if (mine == 1)
				continue;
			mine = 0;
		}
		if (!best.family || mine > rank) {
			best = l->addr;
			rank = mine;
		}
	}
	return best;
}

static void
add_way(struct arena *a, struct list *ways, enum way_kind kind, const struct addr *to, uint32_t iif,
    uint8_t pkttype, bool narrow)
{
	struct way *way = list_add(a, ways, sizeof(*way));

	*way = (struct way){.kind = kind,
	    .family = to->family,
	    .pkttype = pkttype,
	    .narrow = narrow,
	    .iif = iif,
	    .to = *to};
}

/* Not where its interface is down, or duplicate address detection failed. */
static bool
is_delivered(const struct world *w, const struct addr *to, uint32_t iif)
{
	enum addr_type t = world_route(w, to, iif, 0).type;

	return (t == ADDR_LOCAL || t == ADDR_UNKNOWN) && world_accepts_daddr(w, to, iif);
}

static void
add_to_iface(const struct world *w, struct arena *a, struct list *ways, uint8_t family,
    const struct iface *in, bool narrow, bool loopback)
{
	for (uint32_t i = 0; i < w->n_addrs; i++) {
		const struct local_addr *l = &w->addrs[i];
		bool lo = addr_is_loopback(&l->addr), link = addr_is_link_local6(&l->addr);

		if (l->addr.family != family || (lo || link) != narrow ||
		    (link && l->iface != in->index))
			continue;
		/* The kernel refuses 127/8 from outside when it routes, which is behind destination
		 * NAT; ::1 it refuses at once. */
		if (lo ? family == 6 || !(loopback || in->route_localnet)
		       : !is_delivered(w, &l->addr, in->index))
			continue;
		add_way(a, ways, WAY_LOCAL, &l->addr, in->index, PACKET_HOST, narrow);
	}
}

/* Addresses that table local delivers here without an interface having them (AnyIP): the first of
 * each range. */
static void
add_any_ip(const struct world *w, struct arena *a, struct list *ways, uint8_t family,
    const struct iface *in)
{
	const struct fib_view v = {.family = family, .at = in->index};
	const struct ranges *r = world_fib_of_type(w, &v, ADDR_LOCAL).may;

	for (uint32_t i = 0, n = 0; i < r->n && n < ANY_IP_MAX; i++) {
		struct addr to = number_addr(family, r->v[i].lo);
		u128 at = r->v[i].lo;

		/* Behind as many own ones as there are comes another, but for loopback. */
		for (uint32_t k = 0; k <= w->n_addrs && world_is_own(w, &to) && at < r->v[i].hi;
		     k++)
			to = number_addr(family, ++at);
		if (world_is_own(w, &to) || addr_is_loopback(&to) ||
		    !is_delivered(w, &to, in->index))
			continue;
		add_way(a, ways, WAY_LOCAL, &to, in->index, PACKET_HOST, true);
		n++;
	}
}

struct list
ways_in(const struct world *w, struct arena *a, uint8_t family, bool loopback)
{
	uint32_t first = ways_default_iface(w, family);
	struct list ways = {0};

	for (int pass = 0; pass < 4; pass++)
		for (uint32_t i = 0; i < w->n_ifaces; i++) {
			const struct iface *f = &w->ifaces[i];

			if (!iface_receives(f, family) || (f->index == first) != !(pass & 1))
				continue;
			add_to_iface(w, a, &ways, family, f, pass & 2, loopback);
			if (pass & 2)
				add_any_ip(w, a, &ways, family, f);
		}
	return ways;
}

static void
add_subnet_broadcasts(
    const struct world *w, struct arena *a, const struct iface *f, struct list *ways)
{
	for (uint32_t i = 0; i < w->n_addrs; i++) {
		const struct local_addr *l = &w->addrs[i];
		struct prefix p = prefix_of(&l->addr, l->len);
		struct addr last = prefix_last(&p);

		if (l->addr.family == 4 && l->iface == f->index && l->len < 31 &&
		    world_fib_type(w, &(struct fib_view){.family = 4, .at = f->index}, &last) ==
			ADDR_BROADCAST)
			add_way(a, ways, WAY_GROUP, &last, f->index, PACKET_BROADCAST, true);
	}
}

/* The lowest address of a network is all of its routers' (RFC 4291). */
static void
add_router_anycast(const struct world *w, struct arena *a, const struct iface *f, struct list *ways)
{
	for (uint32_t i = 0; i < w->n_addrs; i++) {
		const struct local_addr *l = &w->addrs[i];
		struct prefix p = prefix_of(&l->addr, l->len);

		if (l->addr.family == 6 && l->iface == f->index && l->len < 127 &&
		    !addr_is_link_local6(&l->addr) &&
		    world_route(w, &p.addr, f->index, 0).type == ADDR_ANYCAST)
			add_way(a, ways, WAY_GROUP, &p.addr, f->index, PACKET_HOST, true);
	}
}

void
ways_groups(const struct world *w, struct arena *a, uint8_t family, struct list *ways)
{
	static const struct addr all4 = {4, {255, 255, 255, 255}}, hosts4 = {4, {224, 0, 0, 1}},
				 hosts6 = {6, {0xff, 0x02, [15] = 1}};

	for (uint32_t i = 0; i < w->n_ifaces; i++) {
		const struct iface *f = &w->ifaces[i];

		if (!iface_receives(f, family))
			continue;
		if (family == 6) {
			add_way(a, ways, WAY_GROUP, &hosts6, f->index, PACKET_MULTICAST, true);
			add_router_anycast(w, a, f, ways);
			continue;
		}
		add_way(a, ways, WAY_GROUP, &all4, f->index, PACKET_BROADCAST, true);
		add_way(a, ways, WAY_GROUP, &hosts4, f->index, PACKET_MULTICAST, true);
		add_subnet_broadcasts(w, a, f, ways);
	}
}

static bool
ranges_equal(const struct ranges *a, const struct ranges *b)
{
	return a == b || (a->n == b->n && !memcmp(a->v, b->v, a->n * sizeof(*a->v)));
}

size_t
ways_alike(const struct world *w, struct way *ways, size_t n)
{
	const struct addr_set first = world_source_drop(w, &ways[0].to, ways[0].iif, 0);
	size_t same = 1;

	if (ways[0].kind != WAY_LOCAL || addr_is_loopback(&ways[0].to))
		return 1;
	for (size_t i = 1; i < n; i++) {
		const struct way way = ways[i];
		struct addr_set d;

		if (way.kind != WAY_LOCAL || way.iif != ways[0].iif || addr_is_loopback(&way.to))
			continue;
		d = world_source_drop(w, &way.to, way.iif, 0);
		if (!ranges_equal(first.may, d.may) || !ranges_equal(first.must, d.must))
			continue;
		ways[i] = ways[same];
		ways[same++] = way;
	}
	return same;
}

/* Ops that look at sources, ports or interfaces alone, or at nothing. What is not listed may look
 * at anything. */
static bool
op_sees_daddr(const struct op *op, uint8_t family)
{
	/* Where the destination begins in the header. */
	const uint32_t daddr = family == 4 ? 16 : 24;

	switch ((enum op_kind)op->kind) {
	case OP_NOTHING:
	case OP_IMMEDIATE:
	case OP_CMP:
	case OP_RANGE:
	case OP_BITWISE:
	case OP_SHIFT:
	case OP_BYTEORDER:
	case OP_LOOKUP:
	case OP_VERDICT:
	case OP_META_SET:
	case OP_REJECT:
	case OP_MAY:
		return false;
	case OP_LOAD:
		break;
	default:
		return true;
	}
	if (op->u.load.kind == LOAD_PAYLOAD)
		return op->u.load.base != NFT_PAYLOAD_TRANSPORT_HEADER &&
		       (op->u.load.base != NFT_PAYLOAD_NETWORK_HEADER ||
			   op->u.load.offset + op->len > daddr);
	if (op->u.load.kind == LOAD_META)
		return op->u.load.key == NFT_META_PKTTYPE;
	return op->u.load.kind != LOAD_CT || op->u.load.key != NFT_CT_STATE;
}

static bool
chain_sees_daddr(const struct chain *c, uint8_t family)
{
	for (uint32_t k = 0; k < c->n; k++)
		for (uint32_t o = 0; o < c->rules[k].n; o++)
			if (op_sees_daddr(&c->rules[k].ops[o], family))
				return true;
	return false;
}

bool
ruleset_sees_daddr(const struct ruleset *r, uint8_t family)
{
	const uint8_t other = family == 4 ? NFPROTO_IPV6 : NFPROTO_IPV4;

	for (uint32_t t = 0; t < r->n_tables; t++)
		for (uint32_t i = 0; r->tables[t].family != other && i < r->tables[t].n; i++)
			if (chain_sees_daddr(r->tables[t].chains[i], family))
				return true;
	return false;
}

struct query
way_query(const struct way *way)
{
	return (struct query){
	    .family = way->family, .daddr = way->to, .iif = way->iif, .pkttype = way->pkttype};
}

struct caps
caps_of(const struct world *w, uint8_t family, uint32_t iif)
{
	struct caps c = {0};

	for (uint32_t i = 0; i < w->n_mechanisms; i++) {
		const struct mechanism *m = &w->mechanisms[i];

		if ((m->family && m->family != family) || (m->iface && m->iface != iif) ||
		    (!m->may_drop && !m->may_accept))
			continue;
		c.may_drop |= m->may_drop;
		c.may_accept |= m->may_accept;
		if (c.n < sizeof(c.names) / sizeof(*c.names))
			c.names[c.n++] = m->name;
	}
	return c;
}

static void
add_why(struct answer *a, const char *why)
{
	for (uint32_t i = 0; i < a->n_whys; i++)
		if (!strcmp(a->whys[i], why))
			return;
	if (a->n_whys < sizeof(a->whys) / sizeof(*a->whys))
		a->whys[a->n_whys++] = why;
}

static void
replace(struct srcset *s, const struct query *q)
{
	srcset_fini(s);
	*s = q->sources ? srcset_copy(q->sources) : srcset_all(q->family);
}

void
ways_query(struct evaluator *e, const struct world *w, const struct query *q, struct answer *a,
    struct caps *caps)
{
	struct caps c = caps_of(w, q->family, q->iif);

	eval_query(e, q, a);
	if (caps)
		*caps = c;
	for (uint32_t i = 0; i < c.n; i++)
		add_why(a, c.names[i]);
	if (c.may_drop)
		replace(&a->drop, q);
	if (c.may_accept)
		replace(&a->accept, q);
}
