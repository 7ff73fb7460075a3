/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "prover/eval_private.h"

#include <errno.h>

#define STEPS_DEFAULT  50000000
#define ENVS_DEFAULT   256
#define DEPTH_DEFAULT  16 /* the kernel's own bound of jumps */
#define VALUES_DEFAULT 4096

int
evaluator_new(struct evaluator **out, const struct ruleset *r, const struct world *w,
    const struct eval_limits *limits)
{
	struct evaluator *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	e->ruleset = r;
	e->world = w;
	if (limits)
		e->limits = *limits;
	if (!e->limits.steps)
		e->limits.steps = STEPS_DEFAULT;
	if (!e->limits.envs)
		e->limits.envs = ENVS_DEFAULT;
	if (!e->limits.depth)
		e->limits.depth = DEPTH_DEFAULT;
	if (!e->limits.values)
		e->limits.values = VALUES_DEFAULT;
	plan_new(e);
	*out = e;
	return 0;
}

void
evaluator_free(struct evaluator *e)
{
	if (!e)
		return;
	maps_free(e->maps);
	free(e->places);
	arena_fini(&e->arena);
	free(e);
}

static void
begin(struct evaluator *e, const struct query *q)
{
	e->q = q;
	e->steps = 0;
	e->ports = (struct port_class){0, UINT16_MAX};
	e->n_notes = e->n_places = 0;
	e->routed = e->forwarding = false;
}

/* Endpoints with sets of their own. */
static void
take_places(struct evaluator *e, struct answer *a)
{
	a->n_endpoints = e->n_places;
	a->endpoints = calloc(e->n_places + 1, sizeof(*a->endpoints));
	if (!a->endpoints)
		abort();
	for (uint32_t i = 0; i < e->n_places; i++) {
		struct place *p = &e->places[i];

		a->endpoints[i] = p->at;
		a->endpoints[i].accept = pile_take(&p->accept);
		a->endpoints[i].drop = pile_take(&p->drop);
		srcset_or_set(&a->accept, &a->endpoints[i].accept);
	}
}

/* Sources about which nobody knows anything are taken to end where the packet was sent. */
static void
place_both(struct evaluator *e)
{
	struct srcset both = pile_take(&e->both);
	struct env env;

	if (srcset_empty(&both))
		return;
	memset(&env, 0, sizeof(env));
	env.daddr = e->q->daddr;
	env.dport = e->q->dport;
	e->routed = true;
	eval_accept(e, &env, &both);
	eval_drop(e, &env, &both);
	srcset_fini(&both);
}

static void
cap_drop(struct evaluator *e, struct answer *a, const char *why)
{
	eval_note(e, why, &a->accept);
	srcset_or_set(&a->drop, &a->accept);
	for (uint32_t i = 0; i < a->n_endpoints; i++)
		srcset_or_set(&a->endpoints[i].drop, &a->endpoints[i].accept);
}

static void
cap_accept(struct evaluator *e, struct answer *a, const char *why)
{
	eval_note(e, why, &a->drop);
	srcset_or_set(&a->accept, &a->drop);
	/* The endpoints were made with room for one more. Who was dropped before routing is taken
	 * to come out at the first. */
	if (!a->n_endpoints) {
		a->endpoints[0] = (struct endpoint){.addr = e->q->daddr, .port = e->q->dport};
		a->n_endpoints = 1;
	}
	srcset_or_set(&a->endpoints[0].drop, &a->drop);
	for (uint32_t i = 0; i < a->n_endpoints; i++)
		srcset_or_set(&a->endpoints[i].accept, &a->endpoints[i].drop);
}

/* What the rules do not show caps what they prove. */
static void
apply_mechanisms(struct evaluator *e, struct answer *a)
{
	for (uint32_t i = 0; i < e->world->n_mechanisms; i++) {
		const struct mechanism *m = &e->world->mechanisms[i];

		if ((m->family && m->family != e->q->family) || (m->iface && m->iface != e->q->iif))
			continue;
		if (m->may_drop && !srcset_empty(&a->accept))
			cap_drop(e, a, m->name);
		if (m->may_accept && !srcset_empty(&a->drop))
			cap_accept(e, a, m->name);
	}
}

/* Only what was not exact for sources that depend is worth a word. */
static void
take_notes(struct evaluator *e, struct answer *a)
{
	struct srcset depends = srcset_copy(&a->accept);

	srcset_and_set(&depends, &a->drop);
	for (uint32_t i = 0; i < e->n_notes; i++) {
		struct srcset where = pile_take(&e->notes[i].where);

		if (!srcset_empty(&depends))
			srcset_and_set(&where, &depends);
		else
			srcset_fini(&where);
		if (!srcset_empty(&where) && a->n_whys < sizeof(a->whys) / sizeof(*a->whys))
			a->whys[a->n_whys++] = e->notes[i].why;
		srcset_fini(&where);
	}
	srcset_fini(&depends);
}

void
eval_query(struct evaluator *e, const struct query *q, struct answer *a)
{
	memset(a, 0, sizeof(*a));
	begin(e, q);
	path_run(e);
	place_both(e);
	take_places(e, a);
	a->drop = pile_take(&e->drop);
	if (!q->until_nat)
		apply_mechanisms(e, a);
	take_notes(e, a);
	a->ports = e->ports;
	e->q = NULL;
}

void
answer_fini(struct answer *a)
{
	srcset_fini(&a->accept);
	srcset_fini(&a->drop);
	for (uint32_t i = 0; i < a->n_endpoints; i++) {
		srcset_fini(&a->endpoints[i].accept);
		srcset_fini(&a->endpoints[i].drop);
	}
	free(a->endpoints);
	memset(a, 0, sizeof(*a));
}
