/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "prover/eval_private.h"

#include <stdarg.h>

#define PILE_LAST (PILE_LEVELS - 1)

/* Ranges that a level holds before it is joined with the next. */
static uint64_t
level_room(unsigned i)
{
	return (uint64_t)128 << (3 * i);
}

void
pile_add(struct pile *p, const struct srcset *s)
{
	unsigned i = 0;

	while (i < PILE_LAST && s->n > level_room(i))
		i++;
	srcset_or_set(&p->level[i], s);
	for (; i < PILE_LAST && p->level[i].n > level_room(i); i++) {
		srcset_or_set(&p->level[i + 1], &p->level[i]);
		srcset_fini(&p->level[i]);
	}
}

struct srcset *
pile_whole(struct pile *p)
{
	for (unsigned i = 0; i < PILE_LAST; i++) {
		if (srcset_empty(&p->level[i]))
			continue;
		srcset_or_set(&p->level[i + 1], &p->level[i]);
		srcset_fini(&p->level[i]);
	}
	return &p->level[PILE_LAST];
}

struct srcset
pile_take(struct pile *p)
{
	return srcset_take(pile_whole(p));
}

void
pile_fini(struct pile *p)
{
	for (unsigned i = 0; i < PILE_LEVELS; i++)
		srcset_fini(&p->level[i]);
}

bool
env_equal(const struct env *a, const struct env *b)
{
	/* Environments begin zeroed and are copied whole, padding and all. */
	return memcmp(a, b, sizeof(*a)) == 0;
}

void
states_fini(struct states *s)
{
	for (uint32_t i = 0; i < s->n; i++)
		pile_fini(&s->v[i].sources);
	free(s->v);
	*s = (struct states){0};
}

static void
states_put(struct states *s, const struct env *env, struct srcset *set)
{
	struct state *at;

	if (s->n == s->room) {
		s->room = s->room ? s->room * 2 : 4;
		s->v = realloc(s->v, s->room * sizeof(*s->v));
		if (!s->v)
			abort();
	}
	at = &s->v[s->n++];
	memcpy(&at->env, env, sizeof(*env));
	at->sources = (struct pile){0};
	at->sources.level[PILE_LAST] = srcset_take(set);
}

static struct state *
states_find(struct states *s, const struct env *env)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (env_equal(&s->v[i].env, env))
			return &s->v[i];
	return NULL;
}

/* Past the limit of environments marks are given up; what differs in more counts as both. */
static void
states_add_coarse(struct evaluator *e, struct states *s, const struct env *env, struct srcset *set)
{
	struct env coarse;
	struct state *same;

	memcpy(&coarse, env, sizeof(coarse));
	coarse.mark = coarse.ctmark = 0;
	coarse.mark_unknown = coarse.ctmark_unknown = UINT32_MAX;
	eval_note(e, "more environments than the limit", set);
	same = states_find(s, &coarse);
	if (same)
		pile_add(&same->sources, set);
	else if (s->n < 2 * e->limits.envs)
		states_put(s, &coarse, set);
	else
		eval_both(e, set, "more environments than the limit");
	srcset_fini(set);
}

void
states_add(struct evaluator *e, struct states *s, const struct env *env, struct srcset *set)
{
	struct state *same;

	if (srcset_empty(set)) {
		srcset_fini(set);
		return;
	}
	same = states_find(s, env);
	if (!same && s->n >= e->limits.envs) {
		states_add_coarse(e, s, env, set);
		return;
	}
	if (!same) {
		states_put(s, env, set);
		return;
	}
	pile_add(&same->sources, set);
	srcset_fini(set);
}

void
eval_note(struct evaluator *e, const char *why, const struct srcset *where)
{
	struct note *n = e->notes;

	if (!why)
		why = "something without a name";
	for (; n < e->notes + e->n_notes; n++)
		if (n->why == why || strcmp(n->why, why) == 0)
			break;
	if (n == e->notes + e->n_notes) {
		if (e->n_notes == NOTES_MAX)
			return;
		e->n_notes++;
		*n = (struct note){.why = why};
	}
	pile_add(&n->where, where);
}

static struct place *
place_of(struct evaluator *e, const struct env *env)
{
	bool forwarded = env->oif != 0, unknown = env->daddr_unknown || env->dport_unknown;
	struct place *p = e->places;

	for (; p < e->places + e->n_places; p++)
		if (p->at.port == env->dport && p->at.forwarded == forwarded &&
		    p->at.unknown == unknown && p->at.oif == env->oif &&
		    addr_equal(&p->at.addr, &env->daddr))
			return p;
	if (e->n_places == e->places_room) {
		e->places_room = e->places_room ? e->places_room * 2 : 4;
		e->places = realloc(e->places, e->places_room * sizeof(*e->places));
		if (!e->places)
			abort();
	}
	p = &e->places[e->n_places++];
	*p = (struct place){.at = {.addr = env->daddr,
				.port = env->dport,
				.forwarded = forwarded,
				.unknown = unknown,
				.oif = env->oif}};
	return p;
}

void
eval_drop(struct evaluator *e, const struct env *env, const struct srcset *set)
{
	/* A plain packet decides that. */
	if (env->extended)
		return;
	pile_add(&e->drop, set);
	if (e->routed)
		pile_add(&place_of(e, env)->drop, set);
}

void
eval_accept(struct evaluator *e, const struct env *env, const struct srcset *set)
{
	if (!srcset_empty(set))
		pile_add(&place_of(e, env)->accept, set);
}

void
eval_both(struct evaluator *e, const struct srcset *set, const char *why)
{
	eval_note(e, why, set);
	pile_add(&e->drop, set);
	pile_add(&e->both, set);
}

void
eval_trail(struct evaluator *e, const struct rule *rule, const struct chain *chain,
    const char *unknown, const char *fmt, ...)
{
	struct trail *t = e->q->trail;
	char text[160];
	va_list ap;

	if (!t)
		return;
	if (t->n == sizeof(t->steps) / sizeof(*t->steps)) {
		t->cut = true;
		return;
	}
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	t->steps[t->n++] = (struct step){.rule = rule,
	    .chain = chain,
	    .text = arena_dup(t->arena, text, strlen(text)),
	    .unknown = unknown};
}

void
ports_cut(struct evaluator *e, uint32_t b)
{
	if (b > e->ports.lo && b <= e->q->dport)
		e->ports.lo = (uint16_t)b;
	else if (b > e->q->dport && b <= e->ports.hi)
		e->ports.hi = (uint16_t)(b - 1);
}

void
ports_pin(struct evaluator *e)
{
	e->ports.lo = e->ports.hi = e->q->dport;
}
