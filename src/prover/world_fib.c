/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <linux/netfilter/xt_addrtype.h>
#include <linux/netfilter/xt_rpfilter.h>
#include <string.h>

#include "prover/fib.h"
#include "prover/world_sets.h"

bool
world_is_linklocal(u128 a)
{
	return a >> 118 == 0xfe80 >> 6;
}

static bool
is_multicast4(u128 a)
{
	return a >> 28 == 0xe;
}

static bool
is_multicast6(u128 a)
{
	return a >> 120 == 0xff;
}

/* ipv6_addr_type: neither the unspecified address nor an IPv4-mapped one counts as unicast. */
static bool
is_unicast6(u128 a)
{
	return a != 0 && a >> 32 != 0xffff && !is_multicast6(a);
}

/* The kernel looks these up on one interface (rt6_need_strict with an interface given). */
static bool
is_scoped6(u128 a)
{
	return world_is_linklocal(a) || (is_multicast6(a) && (a >> 112 & 0xf) == 2);
}

static bool
in_vrf(const struct world *w, uint32_t dev)
{
	const struct iface *f = world_iface(w, dev);

	return f && f->vrf_port;
}

static enum addr_type
type4(const struct world *w, u128 a, uint32_t dev, const char **why)
{
	struct fib_hit hit;

	if (a == 0 || a == family_last(4))
		return ADDR_BROADCAST;
	if (is_multicast4(a))
		return ADDR_MULTICAST;
	if (in_vrf(w, dev)) {
		*why = "VRF";
		return ADDR_UNKNOWN;
	}
	hit = fib_find4_local(w->fib, a);
	if (hit.unsure) {
		*why = hit.unsure;
		return ADDR_UNKNOWN;
	}
	if (hit.type == RTN_UNSPEC || hit.type > RTN_MULTICAST)
		return ADDR_UNICAST;
	if (dev && (!hit.route || !hit.route->n_hops || hit.route->hops[0].oif != dev))
		return ADDR_UNICAST;
	return (enum addr_type)hit.type;
}

/* Only the kernel's own anycast routes count as such; others are delivered, but look like unicast.
 */
static bool
is_anycast_route(const struct fib_hit *hit)
{
	return hit->type == RTN_ANYCAST && !hit->route->foreign;
}

/* ipv6_anycast_destination: also the first address of an on-link prefix (RFC 4291, 2.6.1). */
static bool
is_anycast6(const struct fib_hit *hit, u128 a)
{
	const struct fib_route *r = hit->route;

	if (is_anycast_route(hit))
		return true;
	return r && r->len < 127 && r->lo == a && !(r->n_hops && r->hops[0].gateway);
}

static enum addr_type
type6(const struct world *w, const struct fib_view *v, u128 a, const char **why)
{
	bool strict = is_scoped6(a);
	struct addr x = number_addr(6, a);
	struct fib_hit hit;

	if (in_vrf(w, v->dev ? v->dev : v->at)) {
		*why = "VRF";
		return ADDR_UNKNOWN;
	}
	hit = fib_find6(w->fib, a, !strict ? 0 : v->dev ? v->dev : v->at, strict);
	if (hit.unsure) {
		*why = hit.unsure;
		return ADDR_UNKNOWN;
	}
	switch (hit.type) {
	case RTN_BLACKHOLE:
		return ADDR_BLACKHOLE;
	case RTN_PROHIBIT:
		return ADDR_PROHIBIT;
	case RTN_UNSPEC:
	case RTN_UNREACHABLE:
		return ADDR_UNREACHABLE;
	}
	if (is_anycast6(&hit, a))
		return ADDR_ANYCAST;
	if (v->dev ? fib_own6(w, &x, v->dev, true) : hit.type == RTN_LOCAL)
		return ADDR_LOCAL;
	return is_multicast6(a) ? ADDR_MULTICAST : is_unicast6(a) ? ADDR_UNICAST : ADDR_UNSPEC;
}

static enum addr_type
type_of(const struct world *w, const struct fib_view *v, u128 a, const char **why)
{
	return v->family == 4 ? type4(w, a, v->dev, why) : type6(w, v, a, why);
}

enum addr_type
world_fib_type(const struct world *w, const struct fib_view *v, const struct addr *a)
{
	const char *why = NULL;

	return type_of(w, v, addr_number(a), &why);
}

struct type_question {
	const struct fib_view *view;
	enum addr_type type;
};

static int
has_type(const struct world *w, const void *ctx, u128 a, const char **why)
{
	const struct type_question *q = ctx;
	enum addr_type t = type_of(w, q->view, a, why);

	return t == ADDR_UNKNOWN ? -1 : t == q->type;
}

struct addr_set
world_fib_of_type(const struct world *w, const struct fib_view *v, enum addr_type t)
{
	struct type_question q = {v, t};
	struct set_key key = {.kind = SET_TYPE,
	    .family = v->family,
	    .a = v->dev,
	    .b = v->family == 6 && !v->dev ? v->at : 0,
	    .c = (uint32_t)t};

	return world_sweep(w, &key, has_type, &q);
}

/* -1: not known. */
static int64_t
hit_oif(const struct fib_hit *hit, uint32_t dev, const char **why)
{
	if (hit->unsure) {
		*why = hit->unsure;
		return -1;
	}
	if (dev)
		return fib_hit_uses(hit, dev) ? dev : 0;
	if (hit->many) {
		*why = "a route with several next hops";
		return -1;
	}
	return hit->oif;
}

static int64_t
oif4(const struct world *w, const struct fib_view *v, u128 a, const char **why)
{
	struct fib_hit hit;

	/* A host that has no address yet asks everybody. */
	if (a == 0 && v->other) {
		u128 o = addr_number(v->other);

		if (o == family_last(4) || o >> 8 == 0xe00000)
			return v->at;
	}
	hit = fib_find4(w->fib, a, true);
	if (!hit.unsure &&
	    (hit.type == RTN_UNSPEC || hit.type == RTN_LOCAL || hit.type > RTN_MULTICAST))
		return 0;
	return hit_oif(&hit, v->dev, why);
}

static int64_t
oif6(const struct world *w, const struct fib_view *v, u128 a, const char **why)
{
	bool strict = is_scoped6(a);
	uint32_t oif = !strict ? 0 : v->dev ? v->dev : v->at;
	struct fib_hit hit = fib_match6(w->fib, a, oif, strict, v->other);

	if (!hit.unsure && (hit.type == RTN_UNSPEC || hit.type == RTN_LOCAL ||
			       is_anycast_route(&hit) || hit.type > RTN_MULTICAST))
		return 0;
	/* One of several next hops is chosen before it is compared with dev. */
	if (hit.many && !hit.unsure && v->dev && !fib_hit_uses(&hit, v->dev))
		return 0;
	if (hit.many || hit.unsure)
		return hit_oif(&hit, 0, why);
	return !v->dev || hit.oif == v->dev ? hit.oif : 0;
}

static int64_t
oif_of(const struct world *w, const struct fib_view *v, u128 a, const char **why)
{
	if (in_vrf(w, v->dev ? v->dev : v->at)) {
		*why = "VRF";
		return -1;
	}
	return v->family == 4 ? oif4(w, v, a, why) : oif6(w, v, a, why);
}

int64_t
world_fib_oif(const struct world *w, const struct fib_view *v, const struct addr *a)
{
	const char *why = NULL;

	return oif_of(w, v, addr_number(a), &why);
}

struct oif_question {
	const struct fib_view *view;
	uint32_t oif;
};

static int
has_oif(const struct world *w, const void *ctx, u128 a, const char **why)
{
	const struct oif_question *q = ctx;
	int64_t oif = oif_of(w, q->view, a, why);

	if (oif >= 0)
		return oif == (int64_t)q->oif;
	/* With an interface named, the answer is it or none. */
	return q->view->dev && q->oif && q->oif != q->view->dev ? 0 : -1;
}

struct addr_set
world_fib_of_oif(const struct world *w, const struct fib_view *v, uint32_t oif)
{
	struct oif_question q = {v, oif};
	struct set_key key = {
	    .kind = SET_OIF, .family = v->family, .a = v->dev, .b = v->at, .c = oif};

	if (v->other)
		key.other = *v->other;
	return world_sweep(w, &key, has_oif, &q);
}

struct xt_question {
	uint8_t family;
	uint16_t mask;
	uint32_t dev;
};

#define XT_BY_ROUTE (XT_ADDRTYPE_LOCAL | XT_ADDRTYPE_ANYCAST | XT_ADDRTYPE_UNREACHABLE)

/* match_lookup_rt6 */
static int
xt_route6(const struct world *w, const struct xt_question *q, u128 a, const char **why)
{
	struct addr x = number_addr(6, a);
	struct fib_hit hit = fib_find6(w->fib, a, q->dev, q->dev != 0);
	uint16_t is = 0;

	if (hit.unsure || in_vrf(w, q->dev)) {
		*why = hit.unsure ? hit.unsure : "VRF";
		return -1;
	}
	if (hit.type == RTN_UNSPEC || hit.type > RTN_MULTICAST)
		return !!(q->mask & XT_ADDRTYPE_UNREACHABLE);
	if (q->dev ? fib_own6(w, &x, q->dev, true) : hit.type == RTN_LOCAL)
		is |= XT_ADDRTYPE_LOCAL;
	if (is_anycast6(&hit, a))
		is |= XT_ADDRTYPE_ANYCAST;
	return !!(q->mask & is);
}

static int
xt_test(const struct world *w, const void *ctx, u128 a, const char **why)
{
	const struct xt_question *q = ctx;

	if (q->family == 4) {
		enum addr_type t = type4(w, a, q->dev, why);

		return t == ADDR_UNKNOWN ? -1 : !!(q->mask & 1u << t);
	}
	if (((q->mask & XT_ADDRTYPE_MULTICAST) && !is_multicast6(a)) ||
	    ((q->mask & XT_ADDRTYPE_UNICAST) && !is_unicast6(a)) ||
	    ((q->mask & XT_ADDRTYPE_UNSPEC) && a != 0))
		return 0;
	return q->mask & XT_BY_ROUTE ? xt_route6(w, q, a, why) : 1;
}

struct addr_set
world_xt_addrtype(const struct world *w, uint8_t family, uint16_t mask, uint32_t dev)
{
	struct xt_question q = {family, mask, dev};
	struct set_key key = {.kind = SET_XT_TYPE, .family = family, .a = dev, .c = mask};

	return world_sweep(w, &key, xt_test, &q);
}

int
world_xt_addrtype_has(const struct world *w, const struct addr *a, uint16_t mask, uint32_t dev)
{
	struct xt_question q = {a->family, mask, dev};
	const char *why = NULL;

	return xt_test(w, &q, addr_number(a), &why);
}

struct rpf_question {
	const struct addr *daddr;
	uint32_t iif;
	uint8_t flags;
};

/* A hit of the reverse lookup, as ipt_rpfilter.c and ip6t_rpfilter.c judge it. */
static int
rpf_hit(const struct rpf_question *q, const struct fib_hit *hit, const char **why)
{
	bool loose = q->flags & XT_RPFILTER_LOOSE;

	if (hit->unsure) {
		*why = hit->unsure;
		return -1;
	}
	if (hit->type == RTN_UNSPEC || hit->type > RTN_MULTICAST)
		return 0;
	if (hit->type == RTN_LOCAL) {
		if (!(q->flags & XT_RPFILTER_ACCEPT_LOCAL))
			return 0;
		if (q->daddr->family == 6)
			return 1;
	} else if (q->daddr->family == 4 ? hit->type != RTN_UNICAST : is_anycast_route(hit)) {
		return 0;
	}
	if (loose || !fib_hit_uses(hit, q->iif))
		return loose;
	if (q->daddr->family == 6 && hit->many) {
		*why = "a route with several next hops";
		return -1;
	}
	return q->daddr->family == 4 || hit->oif == q->iif;
}

static int
rpf_test(const struct world *w, const void *ctx, u128 a, const char **why)
{
	const struct rpf_question *q = ctx;
	u128 d = addr_number(q->daddr);
	struct fib_hit hit;
	bool strict;

	if (in_vrf(w, q->iif)) {
		*why = "VRF";
		return -1;
	}
	if (q->daddr->family == 4) {
		if (a == 0 && (d == family_last(4) || d >> 8 == 0xe00000))
			return 1;
		hit = fib_find4(w->fib, a, true);
		return rpf_hit(q, &hit, why);
	}
	if (a == 0)
		return 1;
	strict = world_is_linklocal(a);
	hit = fib_match6(w->fib, a, strict || !(q->flags & XT_RPFILTER_LOOSE) ? q->iif : 0, strict,
	    is_multicast6(d) ? NULL : q->daddr);
	return rpf_hit(q, &hit, why);
}

struct addr_set
world_xt_rpfilter(const struct world *w, const struct addr *daddr, uint32_t iif, uint8_t flags)
{
	struct rpf_question q = {daddr, iif, flags};
	struct set_key key = {.kind = SET_RPFILTER,
	    .family = daddr->family,
	    .a = iif,
	    .c = flags & (XT_RPFILTER_LOOSE | XT_RPFILTER_ACCEPT_LOCAL),
	    .other = *daddr};

	return world_sweep(w, &key, rpf_test, &q);
}
