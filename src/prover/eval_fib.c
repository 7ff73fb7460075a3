/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "prover/eval_private.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#define FIB_WHY "fib: routes are not known"

/* The address that is looked up; NULL: the source's, or not known. */
static const struct addr *
fixed_addr(const struct env *env, bool source)
{
	if (source)
		return env->snat && env->snat_addr_known ? &env->saddr_new : NULL;
	return env->daddr_unknown ? NULL : &env->daddr;
}

static struct fib_view
view_of(const struct env *env, const struct op *op)
{
	bool source = op->u.load.flags & NFTA_FIB_F_SADDR;
	struct fib_view v = {.family = env->family, .other = fixed_addr(env, !source)};
	bool in = op->u.load.flags & NFTA_FIB_F_IIF, out = op->u.load.flags & NFTA_FIB_F_OIF;

	v.dev = in ? env->iif : out ? env->oif : 0;
	v.at = env->hook == NF_INET_POST_ROUTING && env->oif ? env->oif : env->iif;
	return v;
}

static void
put_oif(const struct evaluator *e, struct regs *r, const struct op *op, uint32_t oif)
{
	const struct iface *dev = world_iface(e->world, oif);
	uint8_t present = oif != 0;
	char name[16] = "";

	if (op->u.load.flags & NFTA_FIB_F_PRESENT) {
		regs_put(r, op->dreg, &present, 1);
	} else if (op->u.load.key == NFT_FIB_RESULT_OIF) {
		regs_put_word(r, op->dreg, oif, 0, NULL);
	} else {
		memcpy(name, dev ? dev->name : "", dev ? strnlen(dev->name, 15) : 0);
		regs_put(r, op->dreg, name, sizeof(name));
	}
}

enum load_result
load_fib(struct evaluator *e, const struct env *env, struct regs *r, const struct op *op)
{
	bool source = op->u.load.flags & NFTA_FIB_F_SADDR;
	const struct addr *a = fixed_addr(env, source);
	struct fib_view v = view_of(env, op);
	int64_t value;

	regs_put_unknown(r, op->dreg, op->len, op->name ? op->name : "fib");
	if (source && !env->snat)
		return LOAD_SPLITS;
	if (!a)
		return LOADED;
	if (op->u.load.key == NFT_FIB_RESULT_ADDRTYPE) {
		value = world_fib_type(e->world, &v, a);
		if (value != ADDR_UNKNOWN)
			regs_put_word(r, op->dreg, (uint32_t)value, 0, NULL);
	} else {
		value = world_fib_oif(e->world, &v, a);
		if (value >= 0)
			put_oif(e, r, op, (uint32_t)value);
	}
	return LOADED;
}

/* The sources that get one value go on with regs; those that surely do leave rest. */
static void
split_off(struct run *r, uint32_t i, const struct addr_set *by, const struct regs *regs,
    struct srcset *rest)
{
	struct srcset in = srcset_meet(&r->go, by->may);
	const char *why = by->may == by->must ? NULL : by->why ? by->why : FIB_WHY;

	srcset_sub(rest, by->must);
	if (why)
		eval_note(r->e, why, &in);
	run_fork(r, i + 1, &in, &r->env, regs, why);
}

void
fib_split(struct run *r, const struct op *op, uint32_t i)
{
	const struct world *w = r->e->world;
	struct fib_view v = view_of(&r->env, op);
	bool type = op->u.load.key == NFT_FIB_RESULT_ADDRTYPE;
	uint32_t n = type ? ADDR_PROHIBIT + 1 : w->n_ifaces + 1;
	struct srcset rest = srcset_copy(&r->go);
	struct regs regs = r->regs;

	for (uint32_t k = 0; k < n && !srcset_empty(&rest); k++) {
		uint32_t dev = k ? w->ifaces[k - 1 < w->n_ifaces ? k - 1 : 0].index : 0;
		struct addr_set by;

		if (!type && v.dev && dev && dev != v.dev)
			continue;
		if (type) {
			by = world_fib_of_type(w, &v, (enum addr_type)k);
			regs_put_word(&regs, op->dreg, k, 0, NULL);
		} else {
			by = world_fib_of_oif(w, &v, dev);
			put_oif(r->e, &regs, op, dev);
		}
		split_off(r, i, &by, &regs, &rest);
	}
	srcset_fini(&r->go);
	regs_put_unknown(&regs, op->dreg, op->len, FIB_WHY);
	run_fork(r, i + 1, &rest, &r->env, &regs, NULL);
}
