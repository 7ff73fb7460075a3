/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "prover/eval_private.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

void
run_leave(struct run *r, struct srcset *set)
{
	states_add(r->e, r->next, &r->env, set);
}

/* The rest of the rule is tried, and so is the rule's end. */
void
run_maybe(struct run *r, const char *why)
{
	struct srcset out = srcset_copy(&r->go);

	eval_note(r->e, why, &r->go);
	r->unknown = why;
	run_leave(r, &out);
}

/* in: who may go on; of the others none stays. */
static void
split_exact(struct run *r, const struct ranges *yes, bool inverted)
{
	struct srcset in = srcset_meet(&r->go, yes);

	srcset_sub(&r->go, yes);
	if (inverted) {
		run_leave(r, &in);
		return;
	}
	run_leave(r, &r->go);
	r->go = in;
}

static void
split_inexact(struct run *r, const struct outcome *o)
{
	struct srcset in = srcset_meet(&r->go, &o->may), unsure = srcset_copy(&in);

	srcset_sub(&r->go, &o->may);
	run_leave(r, &r->go);
	srcset_sub(&unsure, &o->must);
	eval_note(r->e, o->why, &unsure);
	r->unknown = o->why;
	run_leave(r, &unsure);
	r->go = in;
}

void
run_condition(struct run *r, struct outcome *o, bool inverted)
{
	switch (o->kind) {
	case OUT_YES:
	case OUT_NO:
		if ((o->kind == OUT_YES) == inverted)
			run_leave(r, &r->go);
		break;
	case OUT_MAYBE:
		run_maybe(r, o->why);
		break;
	case OUT_SPLIT:
		if (!o->why)
			split_exact(r, &o->may, inverted);
		else if (inverted)
			run_maybe(r, o->why);
		else
			split_inexact(r, o);
		break;
	}
	outcome_fini(o);
}

static void
text_of(const struct run *r, const char *text)
{
	eval_trail(r->e, r->rule, r->rule->chain, r->unknown, "%s", text);
}

bool
run_drop(struct run *r, const char *text)
{
	text_of(r, text);
	eval_drop(r->e, &r->env, &r->go);
	srcset_fini(&r->go);
	return false;
}

bool
run_accept(struct run *r, const char *text)
{
	text_of(r, text);
	states_add(r->e, r->x->accepted, &r->env, &r->go);
	return false;
}

bool
run_both(struct run *r, const char *why)
{
	text_of(r, why);
	eval_both(r->e, &r->go, why);
	srcset_fini(&r->go);
	return false;
}

/* Into another chain; who returns goes on behind this rule, or, after a goto, where this chain's
 * end goes on. */
static bool
run_chain(struct run *r, const struct chain *c, bool back)
{
	struct states in = {0}, returned = {0};
	struct exits x = *r->x;

	if (!c || c->deep || r->x->depth >= r->e->limits.depth)
		return run_both(r, c ? "chains that call each other" : "a chain that is not there");
	eval_trail(
	    r->e, r->rule, r->rule->chain, r->unknown, "%s %s", back ? "jump" : "goto", c->name);
	states_add(r->e, &in, &r->env, &r->go);
	x.depth++;
	if (back)
		x.returned = &returned;
	eval_chain(r->e, c, &in, &x);
	for (uint32_t i = 0; i < returned.n; i++)
		states_add(r->e, r->next, &returned.v[i].env, states_set(&returned, i));
	states_fini(&returned);
	return false;
}

bool
run_verdict(struct run *r, const struct verdict *v)
{
	switch (v->code) {
	case NFT_CONTINUE:
		return true;
	case NFT_BREAK:
		run_leave(r, &r->go);
		return false;
	case NF_ACCEPT:
		return run_accept(r, "accept");
	case NF_DROP:
		return run_drop(r, "drop");
	case NFT_RETURN:
		text_of(r, "return");
		states_add(r->e, r->x->returned, &r->env, &r->go);
		return false;
	case NFT_JUMP:
	case NFT_GOTO:
		return run_chain(r, v->chain, v->code == NFT_JUMP);
	default:
		return run_both(r, "a verdict that is not known");
	}
}

/* The same packet with an extension header goes on by itself, from this very expression. */
static void
fork_extended(struct run *r, uint32_t i)
{
	struct env extended;

	memcpy(&extended, &r->env, sizeof(extended));
	eval_note(r->e, "ip6 nexthdr", &r->go);
	for (extended.extended = 1; extended.extended <= NEXT_HEADERS; extended.extended++) {
		struct srcset set = srcset_copy(&r->go);

		run_fork(r, i, &set, &extended, &r->regs, "ip6 nexthdr");
	}
}

static bool
load_op(struct run *r, const struct op *op, uint32_t i)
{
	if (load_sees_next_header(&r->env, op))
		fork_extended(r, i);
	switch (eval_load(r->e, &r->env, &r->regs, op)) {
	case LOADED:
		return true;
	case LOADED_OR_NOT:
		run_maybe(r, op->name ? op->name : "a header that may be missing");
		return true;
	case LOAD_SPLITS:
		fib_split(r, op, i);
		return false;
	case LOAD_BROKE:
		break;
	}
	run_leave(r, &r->go);
	return false;
}

static bool
condition_op(struct run *r, struct outcome o)
{
	run_condition(r, &o, false);
	return true;
}

/* It may do anything; the paths behind it are followed all the same, for where they lead. */
bool
run_unknown(struct run *r, const char *why)
{
	text_of(r, why);
	eval_both(r->e, &r->go, why);
	if (r->e->in_dnat) {
		struct srcset mapped = srcset_copy(&r->go);
		struct env env;

		memcpy(&env, &r->env, sizeof(env));
		env.dnat = env.daddr_unknown = env.dport_unknown = true;
		states_add(r->e, r->x->accepted, &env, &mapped);
	}
	run_maybe(r, why);
	r->env.mark = r->env.ctmark = 0;
	r->env.mark_unknown = r->env.ctmark_unknown = UINT32_MAX;
	r->regs = regs_unknown;
	return true;
}

/* The user's program may accept, drop, or hand it on. */
bool
run_queue(struct run *r, const char *why)
{
	eval_note(r->e, why, &r->go);
	eval_drop(r->e, &r->env, &r->go);
	r->unknown = why;
	return run_accept(r, "queue");
}

static struct outcome
xt_match_op(struct run *r, const struct op *op)
{
	struct port_class *ports = &r->e->ports, scratch = {0, UINT16_MAX};
	bool other = r->env.dport != r->e->q->dport;
	struct outcome o =
	    xt_match_ask(op->u.xt_match, &r->env, r->e->world, other ? &scratch : ports);

	/* What it says of a rewritten port is not of the asked one; it may have seen that, too. */
	if (other && (scratch.lo != 0 || scratch.hi != UINT16_MAX))
		ports_pin(r->e);
	return o;
}

/* One expression; false: nobody is left to go on here. */
static bool
run_op(struct run *r, const struct op *op, uint32_t i)
{
	switch ((enum op_kind)op->kind) {
	case OP_NOTHING:
		return true;
	case OP_LOAD:
		return load_op(r, op, i);
	case OP_IMMEDIATE:
		regs_put(&r->regs, op->dreg, op->u.data, op->len);
		return true;
	case OP_CMP:
		return condition_op(r, cmp_op(r->e, &r->regs, op, false));
	case OP_RANGE:
		return condition_op(r, range_op(r->e, &r->regs, op, false));
	case OP_BITWISE:
		regs_bitwise(&r->regs, op);
		return true;
	case OP_SHIFT:
		regs_shift(&r->regs, op);
		return true;
	case OP_BYTEORDER:
		regs_byteorder(&r->regs, op);
		return true;
	case OP_LOOKUP:
		return lookup_run(r, op, i);
	case OP_VERDICT:
		return run_verdict(r, &op->u.verdict);
	case OP_META_SET:
		return meta_set_run(r, op);
	case OP_CT_SET:
		return ct_set_run(r, op);
	case OP_PAYLOAD_SET:
		return payload_set_run(r, op);
	case OP_NOTRACK:
		return notrack_run(r);
	case OP_REJECT:
		return run_drop(r, "reject");
	case OP_NAT:
		return nat_run(r, op);
	case OP_QUEUE:
		return run_queue(r, op->name ? op->name : "queue");
	case OP_STOLEN:
		return run_both(r, op->name ? op->name : "taken off the path");
	case OP_XT_MATCH:
		return condition_op(r, xt_match_op(r, op));
	case OP_XT_TARGET:
		return xt_target_run(r, op);
	case OP_DYNSET:
	case OP_MAY:
		run_maybe(r, op->name);
		return true;
	case OP_UNKNOWN:
		break;
	}
	return run_unknown(r, op->name ? op->name : "an expression that is not known");
}

void
run_ops(struct run *r, uint32_t i)
{
	for (; i < r->rule->n && !srcset_empty(&r->go); i++) {
		r->e->steps++;
		if (!run_op(r, &r->rule->ops[i], i))
			break;
	}
	/* Whoever is left came to the end of the rule. */
	run_leave(r, &r->go);
}

void
run_fork(struct run *r, uint32_t i, struct srcset *set, const struct env *env,
    const struct regs *regs, const char *why)
{
	struct run part;

	if (srcset_empty(set)) {
		srcset_fini(set);
		return;
	}
	part = (struct run){.e = r->e,
	    .rule = r->rule,
	    .x = r->x,
	    .next = r->next,
	    .unknown = why ? why : r->unknown,
	    .go = srcset_take(set),
	    .regs = *regs};
	memcpy(&part.env, env, sizeof(*env));
	run_ops(&part, i);
}
