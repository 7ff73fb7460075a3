/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "prover/eval_private.h"

#include <linux/if_addr.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/rtnetlink.h>

/* Targets of one rule that are followed each for itself. */
#define TARGETS_MAX 16

/* What a mapping says. The kernel chooses within min and max. */
struct mapping {
	uint8_t kind; /* enum nat_kind */
	bool has_addr, addr_known, has_port, port_known;
	struct addr min, max;
	uint16_t port_min, port_max;
	uint32_t flags;
};

struct targets {
	struct addr addrs[TARGETS_MAX];
	uint16_t ports[TARGETS_MAX];
	unsigned n_addrs, n_ports; /* 0: not known */
};

static const char *const verbs[] = {
    [NAT_SOURCE] = "snat to",
    [NAT_DESTINATION] = "dnat to",
    [NAT_MASQUERADE] = "masquerade",
    [NAT_REDIRECT] = "redirect to",
};

static bool
read_addr(const struct run *r, int8_t reg, struct addr *out)
{
	*out = (struct addr){.family = r->env.family};
	return regs_get(&r->regs, (uint8_t)reg, (uint8_t)addr_size(out), out->bytes);
}

static bool
read_port(const struct run *r, int8_t reg, uint16_t *out)
{
	uint8_t b[2];

	if (!regs_get(&r->regs, (uint8_t)reg, 2, b))
		return false;
	*out = (uint16_t)(b[0] << 8 | b[1]);
	return true;
}

static struct mapping
mapping_read(const struct run *r, const struct nat *n)
{
	struct mapping m = {.kind = n->kind,
	    .flags = n->flags,
	    .has_addr = n->addr_min >= 0,
	    .has_port = n->port_min >= 0};

	if (m.has_addr)
		m.addr_known = read_addr(r, n->addr_min, &m.min) &&
			       read_addr(r, n->addr_max >= 0 ? n->addr_max : n->addr_min, &m.max);
	if (m.has_port)
		m.port_known =
		    read_port(r, n->port_min, &m.port_min) &&
		    read_port(r, n->port_max >= 0 ? n->port_max : n->port_min, &m.port_max);
	return m;
}

/* The prefix is changed, the rest stays. */
static struct addr
netmap(const struct mapping *m, const struct addr *old)
{
	struct addr a = *old;

	for (unsigned i = 0; i < addr_size(&a); i++) {
		uint8_t mask = (uint8_t) ~(m->min.bytes[i] ^ m->max.bytes[i]);

		a.bytes[i] = (uint8_t)((m->min.bytes[i] & mask) | (old->bytes[i] & ~mask));
	}
	return a;
}

/* ipv6_addr_scope: link-local and site-local, unicast and multicast; anything else is 0. */
static uint8_t
scope_of(const struct addr *a)
{
	uint8_t group = a->bytes[0] == 0xff ? a->bytes[1] & 0xf : 0;
	uint8_t local = a->bytes[0] == 0xfe ? a->bytes[1] & 0xc0 : 0;

	if (group == 2 || local == 0x80)
		return RT_SCOPE_LINK;
	return group == 5 || local == 0xc0 ? RT_SCOPE_SITE : RT_SCOPE_UNIVERSE;
}

/* The first address of the interface; to a destination of a narrow IPv6 scope, the first of that
 * (nf_nat_redirect_ipv6). */
static bool
redirect_addr(const struct run *r, struct addr *out)
{
	const struct world *w = r->e->world;
	uint8_t scope = r->env.family == 6 ? scope_of(&r->env.daddr) : 0;

	for (uint32_t i = 0; i < w->n_addrs; i++) {
		const struct local_addr *l = &w->addrs[i];

		if (l->iface != r->env.iif || l->addr.family != r->env.family ||
		    (l->addr.family == 6 && (l->flags & IFA_F_DADFAILED)))
			continue;
		if (scope && scope_of(&l->addr) != scope)
			continue;
		*out = l->addr;
		return true;
	}
	return false;
}

/* min..max one by one, when they are few. */
static unsigned
list_addrs(const struct mapping *m, struct addr *out)
{
	u128 lo = addr_number(&m->min), hi = addr_number(&m->max);
	unsigned n = 0;

	if (hi < lo || hi - lo >= TARGETS_MAX)
		return 0;
	for (u128 a = lo; a <= hi; a++)
		out[n++] = number_addr(m->min.family, a);
	return n;
}

static void
targets_of(const struct run *r, const struct mapping *m, struct targets *t)
{
	*t = (struct targets){.n_addrs = 1, .n_ports = 1};
	t->addrs[0] = r->env.daddr;
	t->ports[0] = r->env.dport;
	if (r->env.daddr_unknown && !m->has_addr)
		t->n_addrs = 0;
	if (r->env.dport_unknown && !m->has_port)
		t->n_ports = 0;
	if (m->has_addr && !m->addr_known)
		t->n_addrs = 0;
	else if (m->has_addr && m->flags & NF_NAT_RANGE_NETMAP)
		t->addrs[0] = netmap(m, &r->env.daddr);
	else if (m->has_addr)
		t->n_addrs = list_addrs(m, t->addrs);
	if (!m->has_port)
		return;
	if (m->flags & NF_NAT_RANGE_PROTO_OFFSET)
		ports_pin(r->e);
	if (!m->port_known || m->port_max < m->port_min || m->flags & NF_NAT_RANGE_PROTO_OFFSET ||
	    m->port_max - m->port_min >= TARGETS_MAX) {
		t->n_ports = 0;
		return;
	}
	t->n_ports = 0;
	for (uint32_t p = m->port_min; p <= m->port_max; p++)
		t->ports[t->n_ports++] = (uint16_t)p;
}

static void
trail_target(const struct run *r, const struct mapping *m, const struct env *env)
{
	char text[ADDR_TEXT_MAX];
	const char *verb = verbs[m->kind];
	bool six = env->family == 6;

	if (!r->e->q->trail)
		return;
	addr_format(&env->daddr, text);
	if (env->daddr_unknown || env->dport_unknown)
		eval_trail(r->e, r->rule, r->rule->chain, "target", "%s an unknown target", verb);
	else
		eval_trail(r->e, r->rule, r->rule->chain, r->unknown, "%s %s%s%s:%u", verb,
		    six ? "[" : "", text, six ? "]" : "", env->dport);
}

static void
one_target(struct run *r, const struct mapping *m, const struct env *env, struct srcset *set)
{
	struct env to;

	memcpy(&to, env, sizeof(to));
	to.dnat = true;
	to.dnat_changed = !addr_equal(&to.daddr, &r->env.daddr) || to.dport != r->env.dport;
	trail_target(r, m, &to);
	states_add(r->e, r->x->accepted, &to, set);
}

/* Each of the targets may be the one. */
static bool
destination(struct run *r, const struct mapping *m)
{
	struct targets t;
	struct env env;
	unsigned addrs, ports;

	targets_of(r, m, &t);
	if (t.n_addrs * t.n_ports > TARGETS_MAX)
		t.n_ports = 0;
	addrs = t.n_addrs ? t.n_addrs : 1;
	ports = t.n_ports ? t.n_ports : 1;
	if (addrs * ports > 1)
		eval_note(r->e, "NAT to one of several targets", &r->go);
	if (!t.n_addrs || !t.n_ports)
		eval_note(r->e, "NAT to an unknown target", &r->go);
	for (unsigned i = 0; i < addrs * ports; i++) {
		struct srcset set = srcset_copy(&r->go);

		memcpy(&env, &r->env, sizeof(env));
		env.daddr_unknown = !t.n_addrs;
		env.dport_unknown = !t.n_ports;
		if (t.n_addrs)
			env.daddr = t.addrs[i / ports];
		env.dport = t.n_ports ? t.ports[i % ports] : 0;
		one_target(r, m, &env, &set);
	}
	srcset_fini(&r->go);
	return false;
}

static bool
source(struct run *r, const struct mapping *m)
{
	struct env *env = &r->env;

	eval_trail(r->e, r->rule, r->rule->chain, r->unknown, "%s",
	    m->kind == NAT_MASQUERADE ? "masquerade" : "snat");
	env->snat_done = true;
	if (m->kind == NAT_MASQUERADE || m->has_addr) {
		bool one =
		    m->kind != NAT_MASQUERADE && m->addr_known && addr_equal(&m->min, &m->max);

		env->snat = true;
		env->snat_addr_known = one;
		env->saddr_new = one ? m->min : (struct addr){0};
	}
	states_add(r->e, r->x->accepted, env, &r->go);
	return false;
}

static bool
map_it(struct run *r, struct mapping *m)
{
	if (r->env.track != TRACK_NEW)
		return true;
	if (m->kind == NAT_SOURCE || m->kind == NAT_MASQUERADE)
		return source(r, m);
	if (m->kind == NAT_REDIRECT) {
		if (!redirect_addr(r, &m->min))
			return run_drop(r, "redirect: the interface has no address");
		m->max = m->min;
		m->has_addr = m->addr_known = true;
		m->flags &= ~(uint32_t)NF_NAT_RANGE_NETMAP;
	}
	return destination(r, m);
}

bool
nat_run(struct run *r, const struct op *op)
{
	const struct nat *n = &op->u.nat;
	uint8_t family = r->env.family == 4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
	struct mapping m;

	/* In an inet table a mapping of the other family does nothing. */
	if ((n->family == NFPROTO_IPV4 || n->family == NFPROTO_IPV6) && n->family != family)
		return true;
	m = mapping_read(r, n);
	return map_it(r, &m);
}

bool
nat_xt_run(struct run *r, const struct xt_action *a)
{
	struct mapping m = {.kind = a->nat.kind,
	    .flags = a->nat.flags,
	    .has_addr = a->nat.min.family != 0,
	    .addr_known = true,
	    .has_port = a->nat.port_min != 0,
	    .port_known = true,
	    .min = a->nat.min,
	    .max = a->nat.max.family ? a->nat.max : a->nat.min,
	    .port_min = a->nat.port_min,
	    .port_max = a->nat.port_max ? a->nat.port_max : a->nat.port_min};

	return map_it(r, &m);
}
