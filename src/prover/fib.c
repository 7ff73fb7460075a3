/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "prover/fib.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "prover/nlread.h"
#include "prover/world_parts.h"

#ifndef FRA_DSCP
#define FRA_DSCP 26
#endif

static const uint32_t tree_tables[FIB_TREES] = {RT_TABLE_LOCAL, RT_TABLE_MAIN, RT_TABLE_DEFAULT};

static u128
number_of(const struct nlattr *a, uint8_t family)
{
	struct addr x = {.family = family};

	if (a)
		memcpy(x.bytes, nlread_data(a), addr_size(&x));
	return addr_number(&x);
}

static int
read_multipath(struct world *w, struct fib_route *r, const struct nlattr *mp)
{
	const char *p = nlread_data(mp);
	size_t left = nlread_len(mp);
	struct list hops = {0};

	while (left >= sizeof(struct rtnexthop)) {
		const struct rtnexthop *nh = (const struct rtnexthop *)p;
		size_t step = RTNH_ALIGN((size_t)nh->rtnh_len);
		struct fib_hop *hop;

		if (nh->rtnh_len < sizeof(*nh) || nh->rtnh_len > left)
			return -EINVAL;
		hop = list_add(w->arena, &hops, sizeof(*hop));
		hop->oif = (uint32_t)nh->rtnh_ifindex;
		hop->flags = nh->rtnh_flags;
		hop->gateway = nh->rtnh_len > sizeof(*nh);
		if (step >= left)
			break;
		p += step;
		left -= step;
	}
	r->hops = hops.items;
	r->n_hops = (uint32_t)hops.n;
	return 0;
}

static int
read_hops(struct world *w, struct fib_route *r, const struct rtmsg *m, const struct nlattr **tb)
{
	if (tb[RTA_MULTIPATH])
		return read_multipath(w, r, tb[RTA_MULTIPATH]);
	if (!tb[RTA_OIF]) {
		/* An IPv4 error route has no interface; anything else has its next hops in an
		 * object that the kernel did not write out. */
		if (tb[RTA_NH_ID] && r->type == RTN_UNICAST)
			r->odd = "a route by a nexthop object";
		return 0;
	}
	r->hops = arena_alloc(w->arena, sizeof(*r->hops));
	r->hops->oif = nlread_u32(tb[RTA_OIF], 0);
	r->hops->flags = (uint8_t)m->rtm_flags;
	r->hops->gateway = tb[RTA_GATEWAY] || tb[RTA_VIA];
	r->n_hops = 1;
	return 0;
}

/* 1: *r is a route; 0: not one for lookups. */
static int
read_route(struct world *w, struct fib_route *r, const struct nlmsghdr *h, uint8_t *family)
{
	const struct rtmsg *m = nlread_fixed(h, sizeof(*m));
	const struct nlattr *tb[RTA_MAX + 1];
	const struct rta_cacheinfo *ci;
	unsigned bits;

	if (!m || nlread_attrs(h, sizeof(*m), tb, RTA_MAX) < 0)
		return -EINVAL;
	if (h->nlmsg_type != RTM_NEWROUTE ||
	    (m->rtm_family != AF_INET && m->rtm_family != AF_INET6) ||
	    (m->rtm_flags & RTM_F_CLONED))
		return 0;
	*family = m->rtm_family == AF_INET ? 4 : 6;
	bits = *family == 4 ? 32 : 128;
	if (m->rtm_dst_len > bits || (tb[RTA_DST] && nlread_len(tb[RTA_DST]) != bits / 8))
		return -EINVAL;
	ci = nlread_len(tb[RTA_CACHEINFO]) >= sizeof(*ci) ? nlread_data(tb[RTA_CACHEINFO]) : NULL;
	if (ci && ci->rta_expires < 0)
		return 0;
	*r = (struct fib_route){
	    .lo = number_of(tb[RTA_DST], *family),
	    .len = m->rtm_dst_len,
	    .type = m->rtm_type,
	    .table = nlread_u32(tb[RTA_TABLE], m->rtm_table),
	    .metric = nlread_u32(tb[RTA_PRIORITY], 0),
	    .tos = *family == 4 ? m->rtm_tos : 0,
	    .pref = (uint8_t)(nlread_u8(tb[RTA_PREF], 0) ^ 2),
	    .foreign = m->rtm_protocol != RTPROT_KERNEL,
	    .classid = tb[RTA_FLOW] != NULL,
	    .odd = m->rtm_src_len ? "a route by source address" : NULL,
	};
	return read_hops(w, r, m, tb) < 0 ? -EINVAL : 1;
}

/* Prefixes ascending and the shorter first; within one as the kernel has them: the strictest TOS,
 * then the lowest metric. */
static int
route_order(const void *a, const void *b)
{
	const struct fib_route *x = a, *y = b;

	if (x->table != y->table)
		return x->table < y->table ? -1 : 1;
	if (x->lo != y->lo)
		return x->lo < y->lo ? -1 : 1;
	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	if (x->tos != y->tos)
		return x->tos > y->tos ? -1 : 1;
	if (x->metric != y->metric)
		return x->metric < y->metric ? -1 : 1;
	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static u128
last_of(const struct fib_route *r, uint8_t family)
{
	unsigned bits = family == 4 ? 32 : 128;

	return r->len < bits ? r->lo | family_last(family) >> r->len : r->lo;
}

static void
make_nodes(
    struct arena *a, struct fib_tree *t, const struct fib_route *v, uint32_t n, uint8_t family)
{
	uint32_t distinct = 0;

	for (uint32_t i = 0; i < n; i++)
		distinct += !i || v[i].lo != v[i - 1].lo || v[i].len != v[i - 1].len;
	t->nodes = arena_array(a, distinct, sizeof(*t->nodes));
	for (uint32_t i = 0; i < n; i++) {
		struct fib_node *last = t->n_nodes ? &t->nodes[t->n_nodes - 1] : NULL;

		if (last && last->lo == v[i].lo && last->len == v[i].len) {
			last->n++;
			continue;
		}
		t->nodes[t->n_nodes++] = (struct fib_node){.lo = v[i].lo,
		    .hi = last_of(&v[i], family),
		    .routes = &v[i],
		    .n = 1,
		    .len = v[i].len};
	}
}

static void
add_seg(struct fib_tree *t, u128 lo, uint32_t node)
{
	if (t->n_segs && t->segs[t->n_segs - 1].lo == lo)
		t->segs[t->n_segs - 1].node = node;
	else
		t->segs[t->n_segs++] = (struct fib_seg){.lo = lo, .node = node};
}

/* Ends the prefixes that lie before lo; returns the one that is open there. */
static uint32_t
close_before(struct fib_tree *t, uint32_t open, u128 lo)
{
	while (open && t->nodes[open - 1].hi < lo) {
		u128 behind = t->nodes[open - 1].hi + 1;

		open = t->nodes[open - 1].parent;
		add_seg(t, behind, open);
	}
	return open;
}

static void
make_tree(
    struct arena *a, struct fib_tree *t, const struct fib_route *v, uint32_t n, uint8_t family)
{
	uint32_t open = 0;

	make_nodes(a, t, v, n, family);
	t->segs = arena_array(a, 2 * (size_t)t->n_nodes + 1, sizeof(*t->segs));
	add_seg(t, 0, 0);
	for (uint32_t i = 0; i < t->n_nodes; i++) {
		open = close_before(t, open, t->nodes[i].lo);
		t->nodes[i].parent = open;
		open = i + 1;
		add_seg(t, t->nodes[i].lo, open);
	}
	while (open) {
		u128 hi = t->nodes[open - 1].hi;

		open = t->nodes[open - 1].parent;
		if (hi < family_last(family))
			add_seg(t, hi + 1, open);
	}
}

static void
make_trees(struct world *w, struct fib_family *f, struct fib_route *v, uint32_t n, uint8_t family)
{
	if (n)
		qsort(v, n, sizeof(*v), route_order);
	for (unsigned k = 0; k < FIB_TREES; k++) {
		uint32_t from = 0, to;

		while (from < n && v[from].table < tree_tables[k])
			from++;
		for (to = from; to < n && v[to].table == tree_tables[k];)
			to++;
		make_tree(w->arena, &f->trees[k], v + from, to - from, family);
	}
	for (uint32_t i = 0; i < n; i++) {
		f->foreign_local |= v[i].type == RTN_LOCAL && v[i].foreign;
		f->classids |= v[i].classid;
	}
}

static int
bound_order(const void *a, const void *b)
{
	const u128 *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Where something changes that does not come from a route: IPv4 0.0.0.0, 127/8, 224/4, broadcast;
 * IPv6 ::, ::1, mapped, the upper half of the lowest /64 (addresses with an IPv4 one inside),
 * fe80::/10, fec0::/10, fc00::/7, ff00::/8. */
static const char *const special_bounds[] = {"0.0.0.0", "0.0.0.1", "127.0.0.0", "128.0.0.0",
    "224.0.0.0", "240.0.0.0", "255.255.255.255", "::", "::1", "::2", "::1:0:0:0",
    "fc00::", "fe00::", "fe80::", "fec0::", "ff00::"};

static void
add_bound(struct fib_family *f, u128 n, uint8_t family)
{
	if (n <= family_last(family))
		f->bounds[f->n_bounds++] = n;
}

static void
make_bounds(struct world *w, struct fib_family *f, uint8_t family)
{
	size_t n = 2 * sizeof(special_bounds) / sizeof(*special_bounds) + 2 * (size_t)w->n_addrs;
	uint32_t kept = 0;

	for (unsigned k = 0; k < FIB_TREES; k++)
		n += f->trees[k].n_segs + (size_t)f->trees[k].n_nodes;
	f->bounds = arena_array(w->arena, n + 2, sizeof(*f->bounds));
	for (unsigned k = 0; k < FIB_TREES; k++) {
		for (uint32_t i = 0; i < f->trees[k].n_segs; i++)
			add_bound(f, f->trees[k].segs[i].lo, family);
		/* A prefix's own address is its subnet-router anycast address in IPv6. */
		for (uint32_t i = 0; i < f->trees[k].n_nodes && family == 6; i++)
			add_bound(f, f->trees[k].nodes[i].lo + 1, family);
	}
	for (size_t i = 0; i < sizeof(special_bounds) / sizeof(*special_bounds); i++) {
		struct addr a;

		if (addr_parse(&a, special_bounds[i], strlen(special_bounds[i])) == 0 &&
		    a.family == family)
			add_bound(f, addr_number(&a), family);
	}
	for (uint32_t i = 0; i < w->n_addrs; i++)
		if (w->addrs[i].addr.family == family) {
			add_bound(f, addr_number(&w->addrs[i].addr), family);
			add_bound(f, addr_number(&w->addrs[i].addr) + 1, family);
		}
	if (family == 6) { /* ::ffff:0:0/96, which addr_parse would fold into IPv4 */
		add_bound(f, (u128)0xffff << 32, family);
		add_bound(f, (u128)0x10000 << 32, family);
	}
	qsort(f->bounds, f->n_bounds, sizeof(*f->bounds), bound_order);
	for (uint32_t i = 0; i < f->n_bounds; i++)
		if (!kept || f->bounds[kept - 1] != f->bounds[i])
			f->bounds[kept++] = f->bounds[i];
	f->n_bounds = kept;
}

/* What a policy rule is. */
enum rule_kind { RULE_LOCAL, RULE_MAIN, RULE_DEFAULT, RULE_L3MDEV, RULE_OTHER };

static const struct {
	uint32_t priority, table;
	enum rule_kind kind;
} standard_rules[] = {
    {0, RT_TABLE_LOCAL, RULE_LOCAL},
    {32766, RT_TABLE_MAIN, RULE_MAIN},
    {32767, RT_TABLE_DEFAULT, RULE_DEFAULT},
};

/* Attributes that do not narrow whom a rule is for. */
static bool
rule_is_plain(const struct fib_rule_hdr *m, const struct nlattr **tb, unsigned max)
{
	if (m->dst_len || m->src_len || m->tos || m->flags || m->action != FR_ACT_TO_TBL)
		return false;
	for (unsigned i = 1; i <= max; i++)
		if (tb[i] && i != FRA_PRIORITY && i != FRA_TABLE && i != FRA_PROTOCOL &&
		    i != FRA_PAD && i != FRA_SUPPRESS_PREFIXLEN && i != FRA_L3MDEV)
			return false;
	return nlread_u32(tb[FRA_SUPPRESS_PREFIXLEN], UINT32_MAX) == UINT32_MAX;
}

static enum rule_kind
rule_kind(const struct fib_rule_hdr *m, const struct nlattr **tb, unsigned max, uint32_t priority)
{
	uint32_t table = nlread_u32(tb[FRA_TABLE], m->table);

	if (!rule_is_plain(m, tb, max))
		return RULE_OTHER;
	/* Matters for interfaces in a VRF only, which are unknown anyway. */
	if (nlread_u8(tb[FRA_L3MDEV], 0))
		return RULE_L3MDEV;
	for (size_t i = 0; i < sizeof(standard_rules) / sizeof(*standard_rules); i++)
		if (priority == standard_rules[i].priority && table == standard_rules[i].table)
			return standard_rules[i].kind;
	return RULE_OTHER;
}

/* Highest attribute looked at: new kinds that narrow a rule must be seen as attributes. */
#define RULE_ATTRS (FRA_DSCP + 8)

struct rules_seen {
	bool any, local, main, dflt;
};

static int
read_rule(struct world *w, struct rules_seen seen[2], const struct nlmsghdr *h)
{
	const struct fib_rule_hdr *m = nlread_fixed(h, sizeof(*m));
	const struct nlattr *tb[RULE_ATTRS + 1];
	uint32_t priority;
	struct fib_family *f;
	struct rules_seen *s;
	enum rule_kind kind;

	if (!m || nlread_attrs(h, sizeof(*m), tb, RULE_ATTRS) < 0)
		return -EINVAL;
	if (h->nlmsg_type != RTM_NEWRULE || (m->family != AF_INET && m->family != AF_INET6))
		return 0;
	f = &w->fib->families[m->family == AF_INET6];
	s = &seen[m->family == AF_INET6];
	priority = nlread_u32(tb[FRA_PRIORITY], 0);
	kind = rule_kind(m, tb, RULE_ATTRS, priority);
	if (kind == RULE_LOCAL && !s->any)
		f->local_first = true;
	s->any = true;
	s->local |= kind == RULE_LOCAL;
	s->main |= kind == RULE_MAIN;
	s->dflt |= kind == RULE_DEFAULT;
	f->rules |= kind == RULE_L3MDEV || kind == RULE_OTHER;
	if (kind == RULE_OTHER && !f->policy) {
		f->policy = true;
		f->why = arena_printf(w->arena, "policy routing (ip rule %u)", priority);
	}
	return 0;
}

static int
read_policy(struct world *w, const struct dump *d)
{
	struct rules_seen seen[2] = {0};
	const struct dump_record *r = NULL;

	while ((r = dump_next(d, r, DUMP_POLICY))) {
		const struct nlmsghdr *h;
		size_t at = 0;
		int more;

		while ((more = nlread_message(r, &at, &h)) > 0)
			if (read_rule(w, seen, h) < 0)
				return -EINVAL;
		if (more < 0)
			return more;
	}
	for (int i = 0; i < 2; i++) {
		struct fib_family *f = &w->fib->families[i];

		if (!seen[i].any) {
			f->dumped = false;
			f->why = "the routing rules could not be read";
		} else if (!f->policy &&
			   (!seen[i].local || !seen[i].main || (i == 0 && !seen[i].dflt))) {
			f->policy = f->rules = true;
			f->why = "policy routing (a standard ip rule is missing)";
		}
	}
	return 0;
}

/* The prefixes that /proc/net/fib_triestat counts in a table; -1: not told. */
static long
counted_prefixes(const char *text, size_t n, const char *table)
{
	static const char count[] = "Prefixes:";
	_cleanup_(freep) char *copy = strndup(text, n);
	const char *at = copy ? strstr(copy, table) : NULL;

	at = at ? strstr(at, count) : NULL;
	return at ? strtol(at + sizeof(count) - 1, NULL, 10) : -1;
}

/* Both tables count all prefixes while they are one. */
static void
find_one_tree(struct fib_family *f, const struct dump *d)
{
	long own = 0, both, told;
	size_t n = 0;
	const char *text = world_file(d, "/proc/net/fib_triestat", &n);

	for (uint32_t i = 0; i < f->trees[FIB_LOCAL].n_nodes; i++)
		own += f->trees[FIB_LOCAL].nodes[i].n;
	both = own;
	for (uint32_t i = 0; i < f->trees[FIB_MAIN].n_nodes; i++)
		both += f->trees[FIB_MAIN].nodes[i].n;
	told = text ? counted_prefixes(text, n, "Local:") : -1;
	if (both == own || f->rules || told < 0)
		return;
	f->one_tree = told == both;
	f->rules = told == own;
}

/* Two passes, so that a full routing table takes its memory once. */
static int
each_route(struct world *w, const struct dump *d, struct fib_route *out[2], uint32_t n[2])
{
	const struct dump_record *r = NULL;

	n[0] = n[1] = 0;
	while ((r = dump_next(d, r, DUMP_ROUTES))) {
		const struct nlmsghdr *h;
		size_t at = 0;
		int more;

		while ((more = nlread_message(r, &at, &h)) > 0) {
			struct fib_route one;
			uint8_t family = 0;
			const struct rtmsg *m = nlread_fixed(h, sizeof(*m));

			if (!out[0]) {
				n[m && m->rtm_family == AF_INET6]++;
				continue;
			}
			more = read_route(w, &one, h, &family);
			if (more < 0)
				return more;
			if (more == 0)
				continue;
			one.seq = n[family == 6];
			out[family == 6][n[family == 6]++] = one;
		}
		if (more < 0)
			return more;
		w->fib->families[r->arg == AF_INET6].dumped = true;
	}
	return 0;
}

/* An IPv6 address has no local route while duplicate address detection runs (long, on a bridge
 * without carrier), nor for a moment behind that. It will have one without a word that anybody
 * waits for, so that each counts as if it had. */
static void
add_own6(struct world *w, struct fib_route *v, uint32_t *n)
{
	for (uint32_t i = 0; i < w->n_addrs; i++) {
		const struct local_addr *l = &w->addrs[i];
		const struct iface *f = world_iface(w, l->iface);

		if (l->addr.family != 6 || (l->flags & IFA_F_DADFAILED) || !f ||
		    !(f->flags & IFF_UP))
			continue;
		v[*n] = (struct fib_route){.lo = addr_number(&l->addr),
		    .table = RT_TABLE_LOCAL,
		    .seq = *n,
		    .n_hops = 1,
		    .hops = arena_alloc(w->arena, sizeof(struct fib_hop)),
		    .len = 128,
		    .type = RTN_LOCAL,
		    .pref = 2};
		v[(*n)++].hops->oif = l->iface;
	}
}

int
world_read_routes(struct world *w, const struct dump *d, const char **what)
{
	struct fib_route *routes[2] = {0};
	uint32_t n[2];
	int r;

	*what = "routes";
	w->fib = arena_alloc(w->arena, sizeof(*w->fib));
	w->fib->world = w;
	r = each_route(w, d, routes, n);
	if (r < 0)
		return r;
	for (int i = 0; i < 2; i++) {
		routes[i] = arena_array(w->arena, n[i] + 1 + (size_t)w->n_addrs, sizeof(**routes));
		if (!w->fib->families[i].dumped)
			w->fib->families[i].why = "the routes could not be read";
	}
	r = each_route(w, d, routes, n);
	if (r < 0)
		return r;
	add_own6(w, routes[1], &n[1]);
	for (int i = 0; i < 2; i++) {
		make_trees(w, &w->fib->families[i], routes[i], n[i], i ? 6 : 4);
		make_bounds(w, &w->fib->families[i], i ? 6 : 4);
	}
	*what = "routing rules";
	r = read_policy(w, d);
	find_one_tree(&w->fib->families[0], d);
	return r;
}
