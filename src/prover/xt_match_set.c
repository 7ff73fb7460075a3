/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * set, all five revisions: net/netfilter/xt_set.c. The sets are prover/ipset's.
 */
#include "prover/xt_match.h"

#include <linux/netfilter.h>
#include <linux/netfilter/xt_set.h>

static bool
set_read(struct xt_match *m, const struct xt_set_info *i)
{
	m->u.set.index = i->index;
	m->u.set.q.dim = i->dim;
	m->u.set.q.flags = i->flags;
	m->u.set.invert = i->flags & IPSET_INV_MATCH;
	return i->dim <= IPSET_DIM_MAX;
}

static bool
set0_read(struct xt_match *m, const void *info, struct arena *a)
{
	const struct xt_set_info_match_v0 *i = info;

	(void)a;
	return set_read(m, &(struct xt_set_info){.index = i->match_set.index,
			       .dim = i->match_set.u.compat.dim,
			       .flags = i->match_set.u.compat.flags});
}

static bool
set1_read(struct xt_match *m, const void *info, struct arena *a)
{
	const struct xt_set_info_match_v1 *i = info;

	(void)a;
	m->u.set.q.return_nomatch = i->match_set.flags & IPSET_RETURN_NOMATCH;
	return set_read(m, &i->match_set);
}

static bool
flags_read(struct xt_match *m, uint32_t flags, bool counters)
{
	uint32_t updates = IPSET_FLAG_SKIP_COUNTER_UPDATE | IPSET_FLAG_SKIP_SUBCOUNTER_UPDATE;

	m->u.set.q.return_nomatch = flags & IPSET_FLAG_RETURN_NOMATCH;
	m->u.set.counters = counters || (flags & IPSET_FLAG_MATCH_COUNTERS);
	return !(flags & ~(updates | IPSET_FLAG_RETURN_NOMATCH | IPSET_FLAG_MATCH_COUNTERS));
}

static bool
set3_read(struct xt_match *m, const void *info, struct arena *a)
{
	const struct xt_set_info_match_v3 *i = info;

	(void)a;
	return set_read(m, &i->match_set) &&
	       flags_read(m, i->flags,
		   i->packets.op != IPSET_COUNTER_NONE || i->bytes.op != IPSET_COUNTER_NONE);
}

static bool
set4_read(struct xt_match *m, const void *info, struct arena *a)
{
	const struct xt_set_info_match_v4 *i = info;

	(void)a;
	return set_read(m, &i->match_set) &&
	       flags_read(m, i->flags,
		   i->packets.op != IPSET_COUNTER_NONE || i->bytes.op != IPSET_COUNTER_NONE);
}

static struct outcome
set_ask(
    const struct xt_match *m, const struct env *env, const struct world *w, struct port_class *p)
{
	const struct ipset *s = ipset_by_index(w->ipsets, m->u.set.index);
	struct outcome o;

	if (!s || m->u.set.counters)
		return xt_maybe(m->why);
	o = ipset_ask(s, &m->u.set.q, env, w, p);
	return m->u.set.invert ? xt_not(o, env->family) : o;
}

const struct xt_kind xt_kinds_set[] = {
    {"set", 0, NFPROTO_IPV4, sizeof(struct xt_set_info_match_v0), set0_read, set_ask},
    {"set", 1, NFPROTO_UNSPEC, sizeof(struct xt_set_info_match_v1), set1_read, set_ask},
    {"set", 2, NFPROTO_UNSPEC, sizeof(struct xt_set_info_match_v1), set1_read, set_ask},
    {"set", 3, NFPROTO_UNSPEC, sizeof(struct xt_set_info_match_v3), set3_read, set_ask},
    {"set", 4, NFPROTO_UNSPEC, sizeof(struct xt_set_info_match_v4), set4_read, set_ask},
    {.name = NULL},
};
