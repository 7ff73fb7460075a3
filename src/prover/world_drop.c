/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <net/if.h>

#include "prover/fib.h"
#include "prover/world_sets.h"

/* Why the kernel drops a source itself. */
enum drop {
	DROP_NOT,
	DROP_MAYBE,
	DROP_GROUP,
	DROP_ZERO,
	DROP_LOOPBACK,
	DROP_OWN,
	DROP_BROADCAST,
	DROP_REVERSE,
	DROP_SCOPE,
	DROP_FAMILY,
	DROPS,
};
static const char *const drop_texts[DROPS] = {
    [DROP_MAYBE] = "perhaps, by the routes",
    [DROP_GROUP] = "a multicast or broadcast address",
    [DROP_ZERO] = "the unspecified address",
    [DROP_LOOPBACK] = "a loopback address",
    [DROP_OWN] = "an address of this machine",
    [DROP_BROADCAST] = "a broadcast address of a network",
    [DROP_REVERSE] = "reverse path filter (rp_filter)",
    [DROP_SCOPE] = "a link-local address is not forwarded",
    [DROP_FAMILY] = "the family is off on the interface",
};

/* What of the destination matters. */
enum dest { DEST_HOST, DEST_LOOPBACK, DEST_ALL, DEST_LOCAL_GROUP, DEST_GROUP };

struct drop_question {
	struct iface in; /* a copy: sysctls that are not known are tried both ways */
	uint8_t family;
	enum dest dest;
	uint32_t oif;
};

static enum dest
dest_of(const struct addr *d)
{
	u128 n = addr_number(d);

	if (d->family == 6)
		return n == 1 ? DEST_LOOPBACK : d->bytes[0] == 0xff ? DEST_GROUP : DEST_HOST;
	if (n == family_last(4))
		return DEST_ALL;
	if (d->bytes[0] == 127)
		return DEST_LOOPBACK;
	if (d->bytes[0] >> 4 != 0xe)
		return DEST_HOST;
	return n >> 8 == 0xe00000 ? DEST_LOCAL_GROUP : DEST_GROUP;
}

static bool
has_addr4(const struct world *w, uint32_t iface)
{
	for (uint32_t i = 0; i < w->n_addrs; i++)
		if (w->addrs[i].addr.family == 4 && w->addrs[i].iface == iface)
			return true;
	return false;
}

static bool
is_own4(const struct world *w, u128 a)
{
	for (uint32_t i = 0; i < w->n_addrs; i++)
		if (w->addrs[i].addr.family == 4 && addr_number(&w->addrs[i].addr) == a)
			return true;
	return false;
}

/* fib_validate_source: without rp_filter only own addresses are looked for, unless something in the
 * routes asks for the whole of it. */
static enum drop
validate4(const struct world *w, const struct drop_question *q, u128 a, const char **why)
{
	const struct fib_family *v = fib_family(w->fib, 4);
	const struct iface *in = &q->in;
	struct fib_hit hit;

	if (!in->rp_filter && !v->classids && (q->oif != in->index || !in->send_redirects)) {
		if (in->accept_local)
			return DROP_NOT;
		if (!v->foreign_local && !v->rules && v->dumped)
			return is_own4(w, a) ? DROP_OWN : DROP_NOT;
	}
	hit = fib_find4(w->fib, a, false);
	if (hit.unsure) {
		*why = hit.unsure;
		return DROP_MAYBE;
	}
	if (hit.type == RTN_UNSPEC || hit.type > RTN_MULTICAST)
		return in->rp_filter ? DROP_REVERSE : DROP_NOT;
	if (hit.type == RTN_LOCAL ? !in->accept_local : hit.type != RTN_UNICAST)
		return hit.type == RTN_LOCAL ? DROP_OWN : DROP_BROADCAST;
	if (fib_hit_uses(&hit, in->index) || (hit.type == RTN_LOCAL && (in->flags & IFF_LOOPBACK)))
		return DROP_NOT;
	if (!has_addr4(w, in->index))
		return in->rp_filter ? DROP_REVERSE : DROP_NOT;
	return in->rp_filter == 1 ? DROP_REVERSE : DROP_NOT;
}

/* ip_route_input_slow, ip_mc_validate_source */
static enum drop
drop4(const struct world *w, const struct drop_question *q, u128 a, const char **why)
{
	if (a >> 28 == 0xe || a == family_last(4))
		return DROP_GROUP;
	if (a == 0)
		return q->dest == DEST_ALL || q->dest == DEST_LOCAL_GROUP ? DROP_NOT : DROP_ZERO;
	if (a >> 24 == 127 && !q->in.route_localnet && q->dest != DEST_ALL &&
	    q->dest != DEST_LOOPBACK)
		return DROP_LOOPBACK;
	if (q->in.vrf_port) {
		*why = "VRF";
		return DROP_MAYBE;
	}
	return validate4(w, q, a, why);
}

/* ip6_rcv_core, ip6_forward */
static enum drop
drop6(const struct drop_question *q, u128 a)
{
	if (a == 1 && !(q->in.flags & IFF_LOOPBACK))
		return DROP_LOOPBACK;
	if (a >> 120 == 0xff)
		return DROP_GROUP;
	if (q->oif && q->oif != q->in.index) {
		if (a == 0)
			return DROP_ZERO;
		if (world_is_linklocal(a))
			return DROP_SCOPE;
	}
	return DROP_NOT;
}

static enum drop
drop_of(const struct world *w, const struct drop_question *q, u128 a, const char **why)
{
	struct drop_question strictest = *q, laxest = *q;
	enum drop most, least;

	if (!q->in.works[q->family == 6])
		return DROP_FAMILY;
	if (q->family == 6)
		return drop6(q, a);
	if (q->in.sysctls_known)
		return drop4(w, q, a, why);
	strictest.in.rp_filter = 1;
	strictest.in.accept_local = strictest.in.route_localnet = false;
	laxest.in.rp_filter = 0;
	laxest.in.accept_local = laxest.in.route_localnet = true;
	most = drop4(w, &strictest, a, why);
	least = drop4(w, &laxest, a, why);
	if ((most > DROP_MAYBE) == (least > DROP_MAYBE) && most != DROP_MAYBE &&
	    least != DROP_MAYBE)
		return least;
	*why = "the interface's rp_filter could not be read";
	return DROP_MAYBE;
}

static int
drop_test(const struct world *w, const void *ctx, u128 a, const char **why)
{
	enum drop d = drop_of(w, ctx, a, why);

	return d == DROP_MAYBE ? -1 : d != DROP_NOT;
}

static bool
ask(const struct world *w, const struct addr *daddr, uint32_t iif, uint32_t oif,
    struct drop_question *q)
{
	const struct iface *in = world_iface(w, iif);

	if (!in)
		return false;
	*q = (struct drop_question){
	    .in = *in, .family = daddr->family, .dest = dest_of(daddr), .oif = oif};
	return true;
}

struct addr_set
world_source_drop(const struct world *w, const struct addr *daddr, uint32_t iif, uint32_t oif)
{
	static const struct ranges none;
	struct drop_question q;
	struct set_key key = {.kind = SET_DROP, .family = daddr->family, .a = iif, .b = oif};

	if (!ask(w, daddr, iif, oif, &q)) /* made here */
		return (struct addr_set){&none, &none, NULL};
	key.c = q.dest;
	return world_sweep(w, &key, drop_test, &q);
}

const char *
world_source_drop_why(const struct world *w, const struct addr *source, const struct addr *daddr,
    uint32_t iif, uint32_t oif)
{
	struct drop_question q;
	const char *why = NULL;
	enum drop d;

	if (!ask(w, daddr, iif, oif, &q))
		return NULL;
	d = drop_of(w, &q, addr_number(source), &why);
	if (d == DROP_REVERSE)
		return arena_printf(w->arena, "reverse path filter (rp_filter %u on %s)",
		    q.in.rp_filter, q.in.name);
	return d == DROP_MAYBE && why ? why : drop_texts[d];
}
