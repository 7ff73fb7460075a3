/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "prover/path_plan.h"

#include <linux/if_packet.h>
#include <linux/netfilter.h>

static void run_list(struct evaluator *e, const struct hook_list *l, struct states *s, bool nat);

/* *to := *from, which is empty then. */
static void
states_move(struct states *to, struct states *from)
{
	states_fini(to);
	*to = *from;
	*from = (struct states){0};
}

static void
states_append(struct evaluator *e, struct states *to, struct states *from)
{
	for (uint32_t i = 0; i < from->n; i++)
		states_add(e, to, &from->v[i].env, states_set(from, i));
	states_fini(from);
}

static struct states
states_copy(struct evaluator *e, struct states *s)
{
	struct states copy = {0};

	for (uint32_t i = 0; i < s->n; i++) {
		struct srcset set = srcset_copy(states_set(s, i));

		states_add(e, &copy, &s->v[i].env, &set);
	}
	return copy;
}

static void
set_place(struct env *env, const struct chain *c)
{
	bool netdev = c->table->family == NFPROTO_NETDEV;

	env->hook = c->hook;
	env->priority = c->priority;
	env->family_hook = netdev ? NFPROTO_NETDEV : env->family == 4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
}

static void
run_policy(struct evaluator *e, const struct chain *c, struct states *at_end, struct states *out)
{
	bool drop = c->policy == NF_DROP;

	if (at_end->n)
		eval_trail(e, NULL, c, NULL, drop ? "policy drop" : "policy accept");
	for (uint32_t i = 0; drop && i < at_end->n; i++)
		eval_drop(e, &at_end->v[i].env, states_set(at_end, i));
	if (drop)
		states_fini(at_end);
	else
		states_append(e, out, at_end);
}

/* Who is mapped already, or has no entry, is not asked by nat chains. */
static bool
passes_by(const struct env *env, bool nat, uint32_t hook)
{
	if (!nat)
		return false;
	return env->track != TRACK_NEW ||
	       (hook == NF_INET_PRE_ROUTING ? env->dnat : env->snat_done);
}

static void
run_base(struct evaluator *e, const struct chain *c, struct states *s, bool nat)
{
	struct states in = {0}, accepted = {0}, returned = {0};
	struct exits x = {.accepted = &accepted, .returned = &returned};

	for (uint32_t i = 0; i < s->n; i++) {
		struct state *one = &s->v[i];

		if (c->deep) {
			eval_both(e, pile_whole(&one->sources), "chains that call each other");
			continue;
		}
		if (passes_by(&one->env, nat, c->hook)) {
			states_add(e, &accepted, &one->env, pile_whole(&one->sources));
			continue;
		}
		set_place(&one->env, c);
		states_add(e, &in, &one->env, pile_whole(&one->sources));
	}
	if (in.n)
		eval_chain(e, c, &in, &x);
	run_policy(e, c, &returned, &accepted);
	states_move(s, &accepted);
}

static void
begin_tracking(struct evaluator *e, struct states *s)
{
	struct states out = {0};

	for (uint32_t i = 0; i < s->n; i++) {
		struct env *env = &s->v[i].env;

		if (env->track == TRACK_NONE) {
			env->track = TRACK_NEW;
			env->daddr_orig = env->daddr;
			env->dport_orig = env->dport;
			env->saddr_early = env->snat;
		}
		states_add(e, &out, env, states_set(s, i));
	}
	states_move(s, &out);
}

static void
run_item(struct evaluator *e, const struct hook_item *it, struct states *s, bool nat)
{
	unsigned family = e->q->family == 6;
	bool before = it->priority < 0;

	switch (it->kind) {
	case ITEM_CHAIN:
		run_base(e, it->chain, s, nat);
		break;
	case ITEM_CONNTRACK:
		begin_tracking(e, s);
		break;
	case ITEM_NAT:
		/* The list of its own hook: the only ones with nat chains. */
		e->in_dnat = before;
		run_list(e,
		    &e->plan->nat[family][before          ? NF_INET_PRE_ROUTING
					  : e->forwarding ? NF_INET_POST_ROUTING
							  : NF_INET_LOCAL_IN],
		    s, true);
		e->in_dnat = false;
		break;
	}
}

static void
run_order(struct evaluator *e, const struct hook_list *l, const struct hook_group *g,
    uint32_t order, struct states *s, bool nat)
{
	for (uint32_t i = 0; i < g->n; i++)
		run_item(e, &l->items[g->first + g->orders[order * g->n + i]], s, nat);
}

/* Chains whose order is not known: what may come out of any order may come out. */
static void
run_orders(struct evaluator *e, const struct hook_list *l, const struct hook_group *g,
    struct states *s, bool nat)
{
	struct states out = {0};

	for (uint32_t i = 0; i < s->n; i++) {
		eval_note(e, "the order of chains with equal priority", states_set(s, i));
		if (g->more)
			eval_both(
			    e, states_set(s, i), "the order of many chains with equal priority");
	}
	for (uint32_t o = 0; o < g->n_orders; o++) {
		struct states copy = states_copy(e, s);

		run_order(e, l, g, o, &copy, nat);
		states_append(e, &out, &copy);
	}
	states_move(s, &out);
}

static void
run_list(struct evaluator *e, const struct hook_list *l, struct states *s, bool nat)
{
	for (uint32_t i = 0; i < l->n_groups && s->n; i++) {
		const struct hook_group *g = &l->groups[i];

		if (g->n_orders == 1 && !g->more)
			run_order(e, l, g, 0, s, nat);
		else
			run_orders(e, l, g, s, nat);
	}
}

/* Something on the way that is not modelled may drop, and may mark. */
static void
may_drop(struct evaluator *e, struct states *s, const char *why, bool effects)
{
	for (uint32_t i = 0; i < s->n; i++) {
		eval_note(e, why, states_set(s, i));
		eval_drop(e, &s->v[i].env, states_set(s, i));
		if (effects) {
			s->v[i].env.mark = 0;
			s->v[i].env.mark_unknown = UINT32_MAX;
		}
	}
	if (s->n)
		eval_trail(e, NULL, NULL, why, "%s", why);
}

/* Interfaces that hand their packets on to another one, which is not in the dump. */
static bool
is_upper(const struct iface *i)
{
	static const char *const kinds[] = {"vlan", "macvlan", "ipvlan", "macsec"};

	for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++)
		if (strcmp(i->kind, kinds[k]) == 0)
			return true;
	return false;
}

/* What a frame meets below the interface it comes in by: the port of a bridge or bond, the device
 * of a VLAN. */
static void
below_interface(struct evaluator *e, struct states *s)
{
	const struct world *w = e->world;
	const struct iface *in = world_iface(w, e->q->iif);
	const struct hook_plan *p = e->plan;

	if (in && strcmp(in->kind, "bridge") == 0 && p->bridge)
		may_drop(e, s, p->bridge, p->bridge_effects);
	for (uint32_t i = 0; in && i < p->n_devices; i++) {
		const struct iface *below = world_iface(w, p->devices[i].index);

		if (!below || !p->devices[i].ingress.n || below == in)
			continue;
		if (below->master == in->index || is_upper(in))
			may_drop(e, s, "ingress chains of a device below",
			    p->devices[i].ingress.has_effects);
	}
}

static void
ingress(struct evaluator *e, struct states *s)
{
	const struct device_plan *d = plan_device(e->plan, e->q->iif);

	below_interface(e, s);
	if (d)
		run_list(e, &d->ingress, s, false);
}

static void
kernel_drops(struct evaluator *e, struct state *s, const char *text)
{
	eval_trail(e, NULL, NULL, NULL, "%s", text);
	eval_drop(e, &s->env, pile_whole(&s->sources));
	pile_fini(&s->sources);
}

/* As below, where a rule has written another source into the header. */
static void
drop_rewritten(struct evaluator *e, struct state *s, const struct addr_set *by)
{
	const struct env *env = &s->env;
	u128 n = addr_number(&env->saddr_new);

	if (env->snat_addr_known && ranges_has(by->must, n)) {
		kernel_drops(e, s, "rewritten source dropped by the kernel");
	} else if (!env->snat_addr_known || ranges_has(by->may, n)) {
		eval_note(e, "a rewritten source", pile_whole(&s->sources));
		eval_drop(e, env, pile_whole(&s->sources));
	}
}

/* Martians and reverse-path filter. */
static void
drop_sources(struct evaluator *e, struct state *s)
{
	const struct world *w = e->world;
	struct addr_set by = world_source_drop(w, &s->env.daddr, e->q->iif, s->env.oif);
	struct srcset in;
	u128 n;

	if (s->env.snat) {
		drop_rewritten(e, s, &by);
		return;
	}
	in = srcset_meet(pile_whole(&s->sources), by.may);
	if (srcset_empty(&in))
		return;
	if (e->q->trail && srcset_first(&in, &n)) {
		struct addr source = number_addr(e->q->family, n);

		eval_trail(e, NULL, NULL, by.may == by.must ? NULL : by.why,
		    "source dropped by the kernel: %s",
		    world_source_drop_why(w, &source, &s->env.daddr, e->q->iif, s->env.oif));
	}
	if (by.may != by.must)
		eval_note(e, by.why, &in);
	eval_drop(e, &s->env, &in);
	srcset_sub(pile_whole(&s->sources), by.must);
	srcset_fini(&in);
}

static void
to_local(struct evaluator *e, struct state *s, enum addr_type type, struct states *out)
{
	bool shared = type == ADDR_BROADCAST || type == ADDR_MULTICAST;

	/* TCP answers to packets for this host alone. */
	if (s->env.proto == IPPROTO_TCP && (shared || s->env.pkttype != PACKET_HOST)) {
		kernel_drops(e, s, "dropped by the kernel: TCP to a group");
		return;
	}
	if (!world_accepts_daddr(e->world, &s->env.daddr, e->q->iif)) {
		kernel_drops(e, s, "dropped by the kernel: not an address of this interface");
		return;
	}
	drop_sources(e, s);
	eval_trail(e, NULL, NULL, NULL, "delivered here");
	states_add(e, out, &s->env, pile_whole(&s->sources));
}

static void
to_forward(struct evaluator *e, struct state *s, uint32_t oif, struct states *out)
{
	const struct iface *dev = world_iface(e->world, oif);

	s->env.oif = oif;
	if (s->env.pkttype != PACKET_HOST) {
		kernel_drops(e, s, "dropped by the kernel: forwarding to a group");
		return;
	}
	drop_sources(e, s);
	eval_trail(e, NULL, NULL, NULL, "routed to %s", dev ? dev->name : "an unknown interface");
	states_add(e, out, &s->env, pile_whole(&s->sources));
}

static void
route(struct evaluator *e, struct state *s, struct states *local, struct states *forward)
{
	struct route_answer a;

	if (s->env.daddr_unknown) {
		eval_trail(e, NULL, NULL, "NAT to an unknown target", "routed somewhere");
		eval_note(e, "NAT to an unknown target", pile_whole(&s->sources));
		eval_drop(e, &s->env, pile_whole(&s->sources));
		eval_accept(e, &s->env, pile_whole(&s->sources));
		return;
	}
	a = world_route(e->world, &s->env.daddr, e->q->iif, s->env.mark);
	switch (a.type) {
	case ADDR_LOCAL:
	case ADDR_BROADCAST:
	case ADDR_MULTICAST:
	case ADDR_ANYCAST:
		to_local(e, s, a.type, local);
		break;
	case ADDR_UNICAST:
		to_forward(e, s, a.oif, forward);
		break;
	case ADDR_UNKNOWN:
		eval_trail(e, NULL, NULL, a.why ? a.why : "routing", "routed somewhere");
		eval_both(e, pile_whole(&s->sources), a.why ? a.why : "routing");
		break;
	default:
		kernel_drops(e, s, a.why ? a.why : "no route");
		break;
	}
}

static void
accept_all(struct evaluator *e, struct states *s)
{
	for (uint32_t i = 0; i < s->n; i++)
		eval_accept(e, &s->v[i].env, states_set(s, i));
	states_fini(s);
}

/* Bridges and egress chains of where it leaves. */
static void
leave_interface(struct evaluator *e, struct states *s)
{
	struct states out = {0};

	for (uint32_t i = 0; i < s->n; i++) {
		uint32_t oif = s->v[i].env.oif;
		const struct iface *dev = world_iface(e->world, oif);
		const struct device_plan *d = plan_device(e->plan, oif);
		struct states one = {0};

		states_add(e, &one, &s->v[i].env, states_set(s, i));
		if (d)
			run_list(e, &d->egress, &one, false);
		if (dev && strcmp(dev->kind, "bridge") == 0 && e->plan->bridge)
			may_drop(e, &one, e->plan->bridge, false);
		states_append(e, &out, &one);
	}
	states_move(s, &out);
}

static struct states
first_state(struct evaluator *e)
{
	const struct query *q = e->q;
	struct srcset set = q->sources ? srcset_copy(q->sources) : srcset_all(q->family);
	struct states s = {0};
	struct env env;

	memset(&env, 0, sizeof(env));
	env.family = q->family;
	env.proto = q->proto;
	env.dport = env.dport_orig = q->dport;
	env.daddr = env.daddr_orig = q->daddr;
	env.iif = q->iif;
	env.pkttype = q->pkttype;
	states_add(e, &s, &env, &set);
	return s;
}

void
path_run(struct evaluator *e)
{
	const struct hook_list *hooks = e->plan->hooks[e->q->family == 6];
	struct states s = first_state(e), local = {0}, forward = {0};

	ingress(e, &s);
	run_list(e, &hooks[NF_INET_PRE_ROUTING], &s, false);
	if (e->q->until_nat) {
		accept_all(e, &s);
		return;
	}
	e->routed = true;
	for (uint32_t i = 0; i < s.n; i++)
		route(e, &s.v[i], &local, &forward);
	states_fini(&s);
	run_list(e, &hooks[NF_INET_LOCAL_IN], &local, false);
	accept_all(e, &local);
	e->forwarding = true;
	run_list(e, &hooks[NF_INET_FORWARD], &forward, false);
	run_list(e, &hooks[NF_INET_POST_ROUTING], &forward, false);
	leave_interface(e, &forward);
	accept_all(e, &forward);
}
