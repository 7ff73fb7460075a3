/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "prover/eval_private.h"

enum scan { SCAN_NO, SCAN_ON, SCAN_RUN };

static enum scan
scan_outcome(struct outcome o)
{
	enum scan s = o.kind == OUT_NO ? SCAN_NO : SCAN_ON;

	outcome_fini(&o);
	return s;
}

static enum scan
scan_load(struct evaluator *e, const struct env *env, struct regs *r, const struct op *op)
{
	if (load_sees_next_header(env, op)) {
		/* A packet with an extension header may go on where the plain one does not. */
		regs_put_unknown(r, op->dreg, op->len, op->name);
		return SCAN_ON;
	}
	return eval_load(e, env, r, op) == LOAD_BROKE ? SCAN_NO : SCAN_ON;
}

static enum scan
scan_lookup(struct evaluator *e, struct regs *r, const struct op *op)
{
	switch (lookup_dry(e, r, op)) {
	case LOOKUP_NO:
		return SCAN_NO;
	case LOOKUP_GOES_ON:
		return SCAN_ON;
	case LOOKUP_STOP:
		break;
	}
	return SCAN_RUN;
}

static enum scan
scan_op(struct evaluator *e, const struct env *env, struct regs *r, const struct op *op)
{
	switch ((enum op_kind)op->kind) {
	case OP_NOTHING:
	case OP_MAY:
	case OP_DYNSET:
	case OP_XT_MATCH:
		return SCAN_ON;
	case OP_LOAD:
		return scan_load(e, env, r, op);
	case OP_IMMEDIATE:
		regs_put(r, op->dreg, op->u.data, op->len);
		return SCAN_ON;
	case OP_CMP:
		return scan_outcome(cmp_op(e, r, op, true));
	case OP_RANGE:
		return scan_outcome(range_op(e, r, op, true));
	case OP_BITWISE:
		regs_bitwise(r, op);
		return SCAN_ON;
	case OP_SHIFT:
		regs_shift(r, op);
		return SCAN_ON;
	case OP_BYTEORDER:
		regs_byteorder(r, op);
		return SCAN_ON;
	case OP_LOOKUP:
		return scan_lookup(e, r, op);
	default:
		return SCAN_RUN;
	}
}

/* Most rules are not for this packet, whoever sent it: that is seen without touching the sources,
 * by the constant conditions in front of the first effect. */
static bool
rule_skips(struct evaluator *e, const struct rule *rule, const struct env *env)
{
	struct regs regs = regs_unknown;

	for (uint32_t i = 0; i < rule->n; i++) {
		enum scan s;

		e->steps++;
		s = scan_op(e, env, &regs, &rule->ops[i]);
		if (s != SCAN_ON)
			return s == SCAN_NO;
	}
	return true; /* no effect at all */
}

static void
rule_run(struct evaluator *e, const struct rule *rule, struct state *s, struct states *next,
    const struct exits *x)
{
	struct run r;

	r.e = e;
	r.rule = rule;
	r.x = x;
	r.next = next;
	r.unknown = NULL;
	r.go = pile_take(&s->sources);
	r.regs = regs_unknown;
	memcpy(&r.env, &s->env, sizeof(r.env));
	run_ops(&r, 0);
}

/* Tries a rule with all states; those it is not for stay in place. */
static void
rule_try(struct evaluator *e, const struct rule *rule, struct states *in, const struct exits *x)
{
	struct states next = {0};
	uint32_t kept = 0;

	for (uint32_t i = 0; i < in->n; i++) {
		struct state *s = &in->v[i];

		if (!rule_skips(e, rule, &s->env)) {
			rule_run(e, rule, s, &next, x);
			continue;
		}
		if (kept != i)
			in->v[kept] = *s;
		kept++;
	}
	if (kept == in->n)
		return;
	in->n = kept;
	for (uint32_t i = 0; i < next.n; i++)
		states_add(e, in, &next.v[i].env, states_set(&next, i));
	states_fini(&next);
}

static bool
too_long(struct evaluator *e, struct states *in)
{
	if (e->steps <= e->limits.steps)
		return false;
	for (uint32_t i = 0; i < in->n; i++)
		eval_both(e, states_set(in, i), "more steps than the limit");
	states_fini(in);
	return true;
}

void
eval_chain(struct evaluator *e, const struct chain *c, struct states *in, const struct exits *x)
{
	for (uint32_t i = 0; i < c->n && in->n; i++) {
		if (too_long(e, in))
			return;
		rule_try(e, &c->rules[i], in, x);
	}
	for (uint32_t i = 0; i < in->n; i++)
		states_add(e, x->returned, &in->v[i].env, states_set(in, i));
	states_fini(in);
}
