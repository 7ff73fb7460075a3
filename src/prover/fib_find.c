/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <linux/if_addr.h>
#include <string.h>

#include "prover/fib.h"

/* Error routes: the lookup ends there. */
static bool
is_error(uint8_t type)
{
	return type == RTN_BLACKHOLE || type == RTN_UNREACHABLE || type == RTN_PROHIBIT ||
	       type == RTN_THROW || type == RTN_NAT || type == RTN_XRESOLVE;
}

static uint32_t
node_of(const struct fib_tree *t, u128 a)
{
	uint32_t lo = 0, hi = t->n_segs;

	while (hi - lo > 1) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (t->segs[mid].lo <= a)
			lo = mid;
		else
			hi = mid;
	}
	return t->n_segs ? t->segs[lo].node : 0;
}

static bool
hop_works(const struct fib *f, const struct fib_hop *hop, int family, bool ignore_linkstate)
{
	const struct iface *i;

	if (hop->flags & RTNH_F_DEAD)
		return false;
	if (ignore_linkstate || !(hop->flags & RTNH_F_LINKDOWN))
		return true;
	i = world_iface(f->world, hop->oif);
	return !i || !i->ignore_linkdown[family];
}

/* The first next hop that works; others by other interfaces make it one of many. */
static bool
take_hops(const struct fib *f, const struct fib_route *r, int family, bool ignore_linkstate,
    struct fib_hit *hit)
{
	bool found = false;

	for (uint32_t i = 0; i < r->n_hops; i++) {
		if (!hop_works(f, &r->hops[i], family, ignore_linkstate))
			continue;
		if (!found)
			hit->oif = r->hops[i].oif;
		else if (hit->oif != r->hops[i].oif)
			hit->many = true;
		found = true;
	}
	if (found) {
		hit->route = r;
		hit->type = r->type;
	}
	return found;
}

/* fib_table_lookup; the hit's prefix length in *len. */
static struct fib_hit
tree4(const struct fib *f, const struct fib_tree *t, u128 a, bool ignore_linkstate, uint8_t *len)
{
	struct fib_hit hit = {0};

	for (uint32_t at = node_of(t, a); at; at = t->nodes[at - 1].parent) {
		const struct fib_node *node = &t->nodes[at - 1];

		*len = node->len;
		for (uint32_t i = 0; i < node->n; i++) {
			const struct fib_route *r = &node->routes[i];

			if (r->tos) { /* the sender chooses it */
				hit.unsure = "routes by type of service";
				continue;
			}
			if (r->odd)
				hit.unsure = r->odd;
			if (is_error(r->type) || r->odd) {
				hit.route = r;
				hit.type = r->type;
				return hit;
			}
			if (take_hops(f, r, 0, ignore_linkstate, &hit))
				return hit;
		}
	}
	return hit;
}

static bool
ends(const struct fib_hit *h)
{
	return h->type != RTN_UNSPEC && h->type != RTN_THROW;
}

/* What is known of a family before any lookup: false when nothing is. */
static bool
readable(const struct fib_family *f, struct fib_hit *hit)
{
	if (f->dumped && (!f->policy || f->local_first))
		return true;
	*hit = (struct fib_hit){.unsure = f->why};
	return false;
}

struct fib_hit
fib_find4(const struct fib *f, u128 a, bool ignore_linkstate)
{
	const struct fib_family *v = &f->families[0];
	struct fib_hit local, main;
	uint8_t local_len = 0, main_len = 0;

	if (!readable(v, &local))
		return local;
	local = tree4(f, &v->trees[FIB_LOCAL], a, ignore_linkstate, &local_len);
	if (ends(&local) && v->rules)
		return local;
	if (v->policy) {
		local.unsure = v->why;
		return local;
	}
	main = tree4(f, &v->trees[FIB_MAIN], a, ignore_linkstate, &main_len);
	if (ends(&local)) {
		if (!main.route || main_len <= local_len)
			return local;
		if (v->one_tree)
			return main;
		local.unsure = "a route of table main inside of one of table local";
		return local;
	}
	if (!main.unsure)
		main.unsure = local.unsure;
	if (ends(&main))
		return main;
	local = tree4(f, &v->trees[FIB_DEFAULT], a, ignore_linkstate, &local_len);
	if (!local.unsure)
		local.unsure = main.unsure;
	if (local.type == RTN_THROW)
		local.type = RTN_UNSPEC;
	return local;
}

struct fib_hit
fib_find4_local(const struct fib *f, u128 a)
{
	const struct fib_family *v = &f->families[0];
	struct fib_hit local = {0}, main;
	uint8_t local_len = 0, main_len = 0;

	/* Rules do not matter to it, only whether the tables are split. */
	if (!v->dumped) {
		local.unsure = v->why;
		return local;
	}
	local = tree4(f, &v->trees[FIB_LOCAL], a, false, &local_len);
	if (v->rules || !ends(&local))
		return local;
	main = tree4(f, &v->trees[FIB_MAIN], a, false, &main_len);
	if (!main.route || main_len <= local_len)
		return local;
	if (v->one_tree)
		return main;
	local.unsure = "a route of table main inside of one of table local";
	return local;
}

/* One next hop of several of the same metric: the best score wins, equal ones by turns. */
struct choice {
	const struct fib_route *route;
	uint32_t oif;
	int score;
	bool many, types;
};

static void
choose(struct choice *c, const struct fib_route *r, uint32_t oif, int score)
{
	if (c->route && score < c->score)
		return;
	if (!c->route || score > c->score) {
		*c = (struct choice){.route = r, .oif = oif, .score = score};
		return;
	}
	c->many |= c->oif != oif;
	c->types |= c->route->type != r->type;
}

/* rt6_score_route for all next hops of a route; a route without any (an error) has the interface
 * lo's. */
static void
score_route(
    const struct fib *f, const struct fib_route *r, uint32_t oif, bool strict, struct choice *c)
{
	struct choice own = {0};

	for (uint32_t i = 0; i < r->n_hops; i++) {
		bool match = !oif || r->hops[i].oif == oif;

		if ((strict && !match) || !hop_works(f, &r->hops[i], 1, false))
			continue;
		choose(&own, r, r->hops[i].oif, (match ? 2 : 0) | r->pref << 2);
	}
	/* Siblings are one route: the flow's hash takes any of them, once one was good. */
	for (uint32_t i = 0; own.route && r->n_hops > 1 && i < r->n_hops; i++)
		own.many |= r->hops[i].oif != own.oif;
	if (!own.route)
		return;
	choose(c, r, own.oif, own.score);
	if (c->route == r)
		c->many |= own.many;
}

static struct fib_hit
select6(const struct fib *f, const struct fib_tree *t, u128 a, uint32_t oif, bool strict)
{
	struct fib_hit hit = {0};

	for (uint32_t at = node_of(t, a); at; at = t->nodes[at - 1].parent) {
		const struct fib_node *node = &t->nodes[at - 1];
		struct choice c = {0};

		for (uint32_t i = 0; i < node->n; i++) {
			const struct fib_route *r = &node->routes[i];

			if (c.route && r->metric != c.route->metric)
				break;
			if (r->odd) {
				hit.unsure = r->odd;
				continue;
			}
			score_route(f, r, oif, strict, &c);
		}
		if (!c.route)
			continue;
		hit.route = c.route;
		hit.type = c.route->type;
		hit.oif = c.oif;
		hit.many = c.many;
		if (c.types)
			hit.unsure = "several routes of the same metric";
		return hit;
	}
	return hit;
}

/* Local, then main, unless rules say otherwise. */
typedef struct fib_hit (*lookup6)(
    const struct fib *f, const struct fib_tree *t, u128 a, uint32_t oif, bool strict, void *ctx);

static struct fib_hit
by_tables6(const struct fib *f, u128 a, uint32_t oif, bool strict, lookup6 fn, void *ctx)
{
	const struct fib_family *v = &f->families[1];
	struct fib_hit local, main;

	if (!readable(v, &local))
		return local;
	local = fn(f, &v->trees[FIB_LOCAL], a, oif, strict, ctx);
	if (ends(&local))
		return local;
	if (v->policy) {
		local.unsure = v->why;
		return local;
	}
	main = fn(f, &v->trees[FIB_MAIN], a, oif, strict, ctx);
	if (!main.unsure)
		main.unsure = local.unsure;
	if (main.type == RTN_THROW)
		main.type = RTN_UNSPEC;
	return main;
}

static struct fib_hit
select6_fn(
    const struct fib *f, const struct fib_tree *t, u128 a, uint32_t oif, bool strict, void *ctx)
{
	(void)ctx;
	return select6(f, t, a, oif, strict);
}

struct fib_hit
fib_find6(const struct fib *f, u128 a, uint32_t oif, bool strict)
{
	return by_tables6(f, a, oif, strict, select6_fn, NULL);
}

bool
fib_own6(const struct world *w, const struct addr *a, uint32_t dev, bool strict)
{
	for (uint32_t i = 0; i < w->n_addrs; i++) {
		const struct local_addr *l = &w->addrs[i];

		if (!addr_equal(&l->addr, a) || (l->flags & IFA_F_DADFAILED))
			continue;
		if (!dev || l->iface == dev || (!strict && l->scope < RT_SCOPE_LINK))
			return true;
	}
	return false;
}

/* The first next hop of the interface wanted, else of the one with the address other; *first: the
 * very first. */
static bool
match_node(const struct fib *f, const struct fib_node *node, uint32_t oif, bool strict,
    const struct addr *other, struct fib_hit *hit)
{
	for (uint32_t i = 0; i < node->n; i++) {
		const struct fib_route *r = &node->routes[i];

		if (r->odd)
			hit->unsure = r->odd;
		for (uint32_t k = 0; k < r->n_hops && !r->odd; k++) {
			if (r->hops[k].flags & RTNH_F_DEAD)
				continue;
			if (oif ? r->hops[k].oif != oif
				: other && !fib_own6(f->world, other, r->hops[k].oif, strict))
				continue;
			hit->route = r;
			hit->type = r->type;
			hit->oif = r->hops[k].oif;
			for (uint32_t j = 0; !oif && j < r->n_hops; j++)
				hit->many |= r->hops[j].oif != hit->oif;
			return true;
		}
	}
	return false;
}

static struct fib_hit
match6(const struct fib *f, const struct fib_tree *t, u128 a, uint32_t oif, bool strict, void *ctx)
{
	struct fib_hit hit = {0};

	for (uint32_t at = node_of(t, a); at; at = t->nodes[at - 1].parent) {
		const struct fib_node *node = &t->nodes[at - 1];

		if (match_node(f, node, oif, strict, ctx, &hit))
			return hit;
		if (oif && strict)
			continue;
		/* No interface fits: the first one. */
		for (uint32_t i = 0; i < node->n && i < 1; i++)
			if (!node->routes[i].odd && take_hops(f, &node->routes[i], 1, true, &hit)) {
				hit.many &= !oif;
				return hit;
			}
	}
	return hit;
}

struct fib_hit
fib_match6(const struct fib *f, u128 a, uint32_t oif, bool strict, const struct addr *other)
{
	return by_tables6(f, a, oif, strict, match6, (void *)other);
}

bool
fib_hit_uses(const struct fib_hit *h, uint32_t dev)
{
	for (uint32_t i = 0; h->route && i < h->route->n_hops; i++)
		if (h->route->hops[i].oif == dev)
			return true;
	return false;
}
