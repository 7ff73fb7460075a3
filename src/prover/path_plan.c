/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "prover/path_plan.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

/* linux/netfilter_ipv4.h: the same numbers for IPv6. */
#define PRIORITY_CONNTRACK (-200)
#define PRIORITY_NAT_DST   (-100)
#define PRIORITY_NAT_SRC   100

static bool chain_effects(const struct chain *c, unsigned depth);

static bool
verdict_effects(const struct verdict *v, unsigned depth)
{
	return v->chain && chain_effects(v->chain, depth + 1);
}

static bool
map_effects(const struct set *s, unsigned depth)
{
	struct element el;

	if (!s || !s->is_vmap)
		return false;
	for (uint32_t i = 0; i < s->n; i++) {
		set_element(s, i, &el);
		if (verdict_effects(&el.verdict, depth))
			return true;
	}
	return s->has_catchall && verdict_effects(&s->catchall->verdict, depth);
}

static bool
target_effects(const struct op *op)
{
	switch (xt_target_action(op->u.xt_target)->effect) {
	case XT_NOTHING:
	case XT_ACCEPT:
	case XT_DROP:
	case XT_REJECT:
		return false;
	default:
		return true;
	}
}

static bool
op_effects(const struct op *op, unsigned depth)
{
	switch ((enum op_kind)op->kind) {
	case OP_META_SET:
	case OP_CT_SET:
	case OP_PAYLOAD_SET:
	case OP_NOTRACK:
	case OP_NAT:
	case OP_UNKNOWN:
	case OP_STOLEN:
		return true;
	case OP_XT_TARGET:
		return target_effects(op);
	case OP_VERDICT:
		return verdict_effects(&op->u.verdict, depth);
	case OP_LOOKUP:
		return map_effects(op->u.lookup.set, depth);
	default:
		return false;
	}
}

static bool
chain_effects(const struct chain *c, unsigned depth)
{
	if (c->deep || depth > 32)
		return true;
	for (uint32_t i = 0; i < c->n; i++)
		for (uint32_t k = 0; k < c->rules[i].n; k++)
			if (op_effects(&c->rules[i].ops[k], depth))
				return true;
	return false;
}

/* Items while a list is made. */
struct making {
	struct evaluator *e;
	struct list items; /* struct hook_item */
};

static void
add_item(struct making *m, enum item_kind kind, const struct chain *c, int32_t priority)
{
	struct hook_item *it = list_add(&m->e->arena, &m->items, sizeof(*it));

	*it = (struct hook_item){.kind = kind,
	    .chain = c,
	    .priority = priority,
	    .has_effects = kind != ITEM_CHAIN || chain_effects(c, 0)};
}

/* Whether a is known to run before b, both of one priority: as the kernel said, or, in one table,
 * the later made one first. */
static bool
runs_before(const struct hook_item *a, const struct hook_item *b)
{
	if (!a->chain || !b->chain || a == b)
		return false;
	if (a->chain->order >= 0 && b->chain->order >= 0)
		return a->chain->order < b->chain->order;
	return a->chain->table == b->chain->table && a->chain->handle > b->chain->handle;
}

static int
by_priority(const void *a, const void *b)
{
	const struct hook_item *x = a, *y = b;

	if (x->priority != y->priority)
		return x->priority < y->priority ? -1 : 1;
	if (x->chain && y->chain && x->chain->order >= 0 && y->chain->order >= 0)
		return x->chain->order - y->chain->order;
	return 0;
}

/* All orders of a group that what is known allows, up to a bound. */
struct ordering {
	const struct hook_item *items;
	uint32_t n, placed, at[64];
	bool used[64];
	struct hook_group *g;
};

static bool
may_come(const struct ordering *o, uint32_t i)
{
	if (o->used[i])
		return false;
	for (uint32_t k = 0; k < o->n; k++)
		if (!o->used[k] && runs_before(&o->items[k], &o->items[i]))
			return false;
	return true;
}

static void
order_all(struct ordering *o, uint32_t most)
{
	struct hook_group *g = o->g;

	if (o->placed == o->n) {
		if (g->n_orders == most) {
			g->more = most == ORDERS_MAX;
			return;
		}
		memcpy(g->orders + g->n_orders++ * o->n, o->at, o->n * sizeof(*o->at));
		return;
	}
	for (uint32_t i = 0; i < o->n && !g->more; i++) {
		if (!may_come(o, i))
			continue;
		o->used[i] = true;
		o->at[o->placed++] = i;
		order_all(o, most);
		o->placed--;
		o->used[i] = false;
		if (most == 1 && g->n_orders)
			return;
	}
}

static void
make_group(struct evaluator *e, const struct hook_item *items, struct hook_group *g)
{
	struct ordering o = {.items = items + g->first, .g = g};
	bool effects = false;

	/* More than fit: one order, and the rest is said to be unknown. */
	o.n = g->n;
	for (uint32_t i = 0; i < g->n; i++)
		effects |= o.items[i].has_effects;
	g->orders = arena_array(&e->arena, (size_t)ORDERS_MAX * g->n, sizeof(*g->orders));
	if (g->n > sizeof(o.used)) {
		for (uint32_t i = 0; i < g->n; i++)
			g->orders[i] = i;
		g->n_orders = 1;
		g->more = true;
		return;
	}
	/* Filters that change nothing give the same in any order: dropped is dropped. */
	order_all(&o, effects ? ORDERS_MAX : 1);
}

static struct hook_list
make_list(struct making *m)
{
	struct hook_list l = {.items = m->items.items, .n = (uint32_t)m->items.n};
	struct list groups = {0};

	if (l.n)
		qsort(l.items, l.n, sizeof(*l.items), by_priority);
	for (uint32_t i = 0, n; i < l.n; i += n) {
		struct hook_group *g = list_add(&m->e->arena, &groups, sizeof(*g));

		for (n = 1; i + n < l.n && l.items[i + n].priority == l.items[i].priority;)
			n++;
		*g = (struct hook_group){.first = i, .n = n};
		make_group(m->e, l.items, g);
	}
	for (uint32_t i = 0; i < l.n; i++)
		l.has_effects |= l.items[i].has_effects;
	l.groups = groups.items;
	l.n_groups = (uint32_t)groups.n;
	return l;
}

/* Calls fn for each base chain that counts. */
static void
each_base(struct evaluator *e, void (*fn)(void *ctx, const struct chain *c), void *ctx)
{
	for (uint32_t t = 0; t < e->ruleset->n_tables; t++) {
		const struct table *table = &e->ruleset->tables[t];

		if ((table->flags & NFT_TABLE_F_DORMANT) || table->own)
			continue;
		for (uint32_t i = 0; i < table->n; i++)
			if (table->chains[i]->is_base)
				fn(ctx, table->chains[i]);
	}
}

struct hook_filter {
	struct making m;
	unsigned family; /* 0 IPv4, 1 IPv6 */
	uint32_t hook;
	bool nat;
	const struct iface *dev; /* of netdev and ingress chains */
};

static void
add_inet(void *ctx, const struct chain *c)
{
	struct hook_filter *f = ctx;
	uint8_t own = f->family ? NFPROTO_IPV6 : NFPROTO_IPV4;
	bool nat = c->type && strcmp(c->type, "nat") == 0;

	if (c->table->family != NFPROTO_INET && c->table->family != own)
		return;
	if (c->hook == f->hook && nat == f->nat)
		add_item(&f->m, ITEM_CHAIN, c, c->priority);
}

static bool
has_device(const struct chain *c, const char *name)
{
	for (const char *const *d = c->devs; d && *d; d++) {
		size_t n = strlen(*d);

		if (strcmp(*d, name) == 0 ||
		    (n && (*d)[n - 1] == '*' && strncmp(*d, name, n - 1) == 0))
			return true;
	}
	return false;
}

/* f->hook: NF_NETDEV_INGRESS or _EGRESS. */
static void
add_netdev(void *ctx, const struct chain *c)
{
	struct hook_filter *f = ctx;
	bool netdev = c->table->family == NFPROTO_NETDEV && c->hook == f->hook;
	bool inet = c->table->family == NFPROTO_INET && c->hook == NF_INET_INGRESS &&
		    f->hook == NF_NETDEV_INGRESS;

	if ((netdev || inet) && has_device(c, f->dev->name))
		add_item(&f->m, ITEM_CHAIN, c, c->priority);
}

static void
add_bridge(void *ctx, const struct chain *c)
{
	struct evaluator *e = ctx;

	if (c->table->family != NFPROTO_BRIDGE || (c->policy == NF_ACCEPT && !c->n))
		return;
	e->plan->bridge = arena_printf(&e->arena, "bridge table %s", c->table->name);
	e->plan->bridge_effects |= chain_effects(c, 0);
}

static void
plan_hook(struct evaluator *e, unsigned family, uint32_t hook)
{
	struct hook_filter nat = {.m.e = e, .family = family, .hook = hook, .nat = true};
	struct hook_filter f = {.m.e = e, .family = family, .hook = hook};
	struct hook_plan *p = e->plan;

	each_base(e, add_inet, &nat);
	p->nat[family][hook] = make_list(&nat.m);
	each_base(e, add_inet, &f);
	if (hook == NF_INET_PRE_ROUTING)
		add_item(&f.m, ITEM_CONNTRACK, NULL, PRIORITY_CONNTRACK);
	if (p->nat[family][hook].n)
		add_item(&f.m, ITEM_NAT, NULL,
		    hook == NF_INET_PRE_ROUTING ? PRIORITY_NAT_DST : PRIORITY_NAT_SRC);
	p->hooks[family][hook] = make_list(&f.m);
}

static void
plan_devices(struct evaluator *e)
{
	const struct world *w = e->world;
	struct list devices = {0};

	for (uint32_t i = 0; i < w->n_ifaces; i++) {
		struct hook_filter in = {.m.e = e, .hook = NF_NETDEV_INGRESS};
		struct hook_filter out = {.m.e = e, .hook = NF_NETDEV_EGRESS};
		struct device_plan *d;

		in.dev = out.dev = &w->ifaces[i];
		each_base(e, add_netdev, &in);
		each_base(e, add_netdev, &out);
		if (!in.m.items.n && !out.m.items.n)
			continue;
		d = list_add(&e->arena, &devices, sizeof(*d));
		*d = (struct device_plan){.index = w->ifaces[i].index,
		    .ingress = make_list(&in.m),
		    .egress = make_list(&out.m)};
	}
	e->plan->devices = devices.items;
	e->plan->n_devices = (uint32_t)devices.n;
}

const struct device_plan *
plan_device(const struct hook_plan *p, uint32_t index)
{
	for (uint32_t i = 0; i < p->n_devices; i++)
		if (p->devices[i].index == index)
			return &p->devices[i];
	return NULL;
}

int
plan_new(struct evaluator *e)
{
	e->plan = arena_alloc(&e->arena, sizeof(*e->plan));
	for (unsigned family = 0; family < 2; family++)
		for (uint32_t hook = 0; hook < HOOKS; hook++)
			plan_hook(e, family, hook);
	plan_devices(e);
	each_base(e, add_bridge, e);
	return 0;
}
