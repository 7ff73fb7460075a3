/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <linux/netfilter/nfnetlink_hook.h>
#include <stdlib.h>
#include <string.h>

#include "prover/ruleset.h"

/* Attributes that newer kernels add say nothing about the order. */
#define HOOK_SCHEMA "-wwsssnpppppppp"
#define INFO_SCHEMA "-nwpppppppp"
#define DESC_SCHEMA "-SCS"

/* More base chains than this at all hooks together: their order counts as not known. */
#define ORDER_MAX 4096

/* The base chains at one hook of one family (and device), as the kernel runs them. */
struct hook_list {
	uint32_t arg;
	char dev[16];
	struct list chains; /* struct place * */
	size_t head;
};

struct place {
	struct chain *chain;
	uint32_t lists, heads; /* how many it is in, and at the head of */
};

struct order {
	struct reader *r;
	struct list lists; /* struct hook_list * */
	struct list places;
	size_t n;
};

static struct hook_list *
list_for(struct order *o, uint32_t arg, const struct nlattr *dev)
{
	struct hook_list **all = o->lists.items, *l;

	for (size_t i = 0; i < o->lists.n; i++)
		if (all[i]->arg == arg && (dev ? got_is(dev, all[i]->dev) : !all[i]->dev[0]))
			return all[i];
	l = arena_alloc(o->r->a, sizeof(*l));
	l->arg = arg;
	if (dev)
		strncat(l->dev, mnl_attr_get_payload(dev),
		    got_text_len(dev) < 15 ? got_text_len(dev) : 15);
	*(struct hook_list **)list_add(o->r->a, &o->lists, sizeof(l)) = l;
	return l;
}

static struct place *
place_of(struct order *o, struct chain *c)
{
	struct place **all = o->places.items, *p;

	for (size_t i = 0; i < o->places.n; i++)
		if (all[i]->chain == c)
			return all[i];
	p = arena_alloc(o->r->a, sizeof(*p));
	p->chain = c;
	*(struct place **)list_add(o->r->a, &o->places, sizeof(p)) = p;
	return p;
}

static void
add_hook(struct order *o, uint32_t arg, const struct nlmsghdr *nlh)
{
	size_t n = mnl_nlmsg_get_payload_len(nlh);
	const uint8_t *p = mnl_nlmsg_get_payload(nlh);
	struct got g, info, desc;
	const struct table *t;
	struct place *place;
	struct hook_list *l;
	struct chain *c;

	if (n < sizeof(struct nfgenmsg) ||
	    !got_read(&g, p + sizeof(struct nfgenmsg), n - sizeof(struct nfgenmsg), HOOK_SCHEMA) ||
	    !g.a[NFNLA_HOOK_CHAIN_INFO] ||
	    !got_nest(&info, g.a[NFNLA_HOOK_CHAIN_INFO], INFO_SCHEMA) ||
	    got_number(info.a[NFNLA_HOOK_INFO_TYPE]) != NFNL_HOOK_TYPE_NFTABLES ||
	    !got_nest(&desc, info.a[NFNLA_HOOK_INFO_DESC], DESC_SCHEMA))
		return;
	t = reader_table(
	    o->r, (uint8_t)got_number(desc.a[NFNLA_CHAIN_FAMILY]), desc.a[NFNLA_CHAIN_TABLE]);
	c = t ? names_find(&o->r->chains, t, desc.a[NFNLA_CHAIN_NAME]) : NULL;
	if (!c || !c->is_base)
		return;
	l = list_for(o, arg, g.a[NFNLA_HOOK_DEV]);
	place = place_of(o, c);
	*(struct place **)list_add(o->r->a, &l->chains, sizeof(place)) = place;
	place->lists++;
	o->n++;
}

static void
add_hooks(struct order *o)
{
	for (const struct dump_record *d = NULL; (d = dump_next(o->r->dump, d, DUMP_NFT_HOOKS));) {
		const struct nlmsghdr *nlh = dump_data(d);
		int left = (int)d->len;

		for (; reader_message_ok(nlh, left) && o->n < ORDER_MAX;
		     nlh = mnl_nlmsg_next(nlh, &left))
			if (nlh->nlmsg_type == (NFNL_SUBSYS_HOOK << 8 | NFNL_MSG_HOOK_GET))
				add_hook(o, d->arg, nlh);
	}
}

static struct place *
head_of(const struct hook_list *l)
{
	return l->head < l->chains.n ? ((struct place **)l->chains.items)[l->head] : NULL;
}

/* An inet chain is at the hooks of two families: a chain comes next when it is at the head of each
 * list that has it. What lists contradict each other about stays without a place. */
static void
merge(struct order *o)
{
	struct hook_list **all = o->lists.items;
	bool found = true;

	for (size_t i = 0; i < o->lists.n; i++)
		if (head_of(all[i]))
			head_of(all[i])->heads++;
	for (int32_t next = 0; found;) {
		found = false;
		for (size_t i = 0; i < o->lists.n; i++) {
			struct place *p = head_of(all[i]);

			if (!p || p->heads < p->lists)
				continue;
			p->chain->order = next++;
			found = true;
			for (size_t k = 0; k < o->lists.n; k++)
				if (head_of(all[k]) == p) {
					all[k]->head++;
					if (head_of(all[k]))
						head_of(all[k])->heads++;
				}
		}
	}
}

int
order_read(struct reader *r)
{
	struct order o = {.r = r};

	add_hooks(&o);
	if (o.n < ORDER_MAX)
		merge(&o);
	return 0;
}

/* The graph of jumps: chains, then verdict maps, as nodes. */
struct edge {
	uint32_t from, to;
};
struct graph {
	struct reader *r;
	struct names nodes; /* by the chain or set, with the name "" */
	struct list edges;
	uint32_t n;
};

static uint32_t
node_of(struct graph *g, const void *thing)
{
	static const struct {
		struct nlattr head;
		char text[4];
	} empty = {{.nla_len = sizeof(struct nlattr) + 1}, ""};
	void *known = names_find(&g->nodes, thing, &empty.head);

	if (known)
		return (uint32_t)((uintptr_t)known - 1);
	names_add(&g->nodes, g->r->a, thing, "", (void *)(uintptr_t)(g->n + 1));
	return g->n++;
}

static void
add_edge(struct graph *g, uint32_t from, const void *to)
{
	struct edge *e;

	if (!to || !reader_room(g->r, 0, 1))
		return;
	e = list_add(g->r->a, &g->edges, sizeof(*e));
	e->from = from;
	e->to = node_of(g, to);
}

static void
add_chain_edges(struct graph *g, const struct chain *c)
{
	uint32_t from = node_of(g, c);

	for (uint32_t i = 0; i < c->n; i++)
		for (uint32_t k = 0; k < c->rules[i].n; k++) {
			const struct op *op = &c->rules[i].ops[k];

			if (op->kind == OP_VERDICT)
				add_edge(g, from, op->u.verdict.chain);
			else if (op->kind == OP_LOOKUP && op->u.lookup.set->is_vmap)
				add_edge(g, from, op->u.lookup.set);
		}
}

static void
add_set_edges(struct graph *g, const struct set *s)
{
	uint32_t from = node_of(g, s);
	const struct chain *last = NULL;
	struct element e;

	for (uint32_t i = 0; i < s->n; i++) {
		set_element(s, i, &e);
		if (e.verdict.chain != last)
			add_edge(g, from, e.verdict.chain);
		last = e.verdict.chain;
	}
	if (s->has_catchall)
		add_edge(g, from, s->catchall->verdict.chain);
}

/* Takes away nodes that no edge leaves, or enters, until none is left: what stays is in a loop or
 * between two. */
static void
peel(const struct graph *g, bool *gone)
{
	const struct edge *e = g->edges.items;
	uint32_t *out = calloc(g->n + 1u, sizeof(*out)), *in = calloc(g->n + 1u, sizeof(*in));
	bool more = true;

	if (!out || !in)
		abort();
	while (more) {
		more = false;
		memset(out, 0, g->n * sizeof(*out));
		memset(in, 0, g->n * sizeof(*in));
		for (size_t i = 0; i < g->edges.n; i++)
			if (!gone[e[i].from] && !gone[e[i].to]) {
				out[e[i].from]++;
				in[e[i].to]++;
			}
		for (uint32_t i = 0; i < g->n; i++)
			if (!gone[i] && (!out[i] || !in[i]))
				gone[i] = more = true;
	}
	free(out);
	free(in);
}

int
loops_find(struct reader *r)
{
	struct graph g = {.r = r};
	struct chain **all = r->all_chains.items;
	bool *gone;

	for (size_t i = 0; i < r->all_chains.n; i++)
		add_chain_edges(&g, all[i]);
	for (uint32_t i = 0; i < r->out->n_sets; i++)
		if (r->out->sets[i].is_vmap)
			add_set_edges(&g, &r->out->sets[i]);
	gone = reader_room(r, g.n, sizeof(*gone));
	if (!gone)
		return -E2BIG;
	peel(&g, gone);
	for (size_t i = 0; i < r->all_chains.n; i++)
		all[i]->deep = !gone[node_of(&g, all[i])];
	return 0;
}
