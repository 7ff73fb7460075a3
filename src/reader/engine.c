/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "reader/lane.h"

static int
compile_all(struct engine *e, char **error)
{
	uint32_t groups = 1;
	int r;

	for (uint32_t i = 0; i < e->n_patterns; i++) {
		const struct image_pattern *p = &e->img->patterns[i];

		if (e->img->filters[p->filter].lines)
			continue;
		r = pattern_new(&e->patterns[i], image_str(e->img, p->regex), p->caseless, error);
		if (r < 0)
			return r;
		if (pattern_groups(e->patterns[i]) > groups)
			groups = pattern_groups(e->patterns[i]);
	}
	return pattern_room_new(&e->room, groups);
}

int
engine_new(struct engine **out, const struct image *img, char **error)
{
	_cleanup_(engine_freep) struct engine *e = calloc(1, sizeof *e);
	int r;

	*error = NULL;
	if (!e)
		return -ENOMEM;
	e->img = img;
	e->n_patterns = image_count(img, IMAGE_PATTERNS);
	e->patterns = calloc(e->n_patterns + 1, sizeof(*e->patterns));
	e->plans = calloc(1, sizeof(*e->plans));
	if (!e->patterns || !e->plans)
		return -ENOMEM;
	r = compile_all(e, error);
	if (r == 0)
		r = steps_code_new(&e->steps, img, error);
	if (r < 0)
		return r;
	*out = e;
	e = NULL;
	return 0;
}

void
engine_free(struct engine *e)
{
	if (!e)
		return;
	for (uint32_t i = 0; e->patterns && i < e->n_patterns; i++)
		pattern_free(e->patterns[i]);
	free(e->patterns);
	free(e->plans);
	pattern_room_free(e->room);
	steps_code_free(e->steps);
	free(e);
}

void
engine_spare(struct engine *e)
{
	e->spare = true;
}

/* The plan for these filters, shared with the other lanes that have the same. */
static int
plan_take(struct plan **out, const struct engine *e, const struct lane_filter *filters, size_t n)
{
	int r;

	for (struct plan *p = *e->plans; p; p = p->next)
		if (plan_is_for(p, filters, n)) {
			p->users++;
			*out = p;
			return 0;
		}
	r = plan_new(out, e->img, e->spare, filters, n);
	if (r < 0)
		return r;
	(*out)->users = 1;
	(*out)->next = *e->plans;
	*e->plans = *out;
	return 0;
}

static void
plan_give(const struct engine *e, struct plan *plan)
{
	struct plan **link = e->plans;

	if (!plan || --plan->users)
		return;
	while (*link != plan)
		link = &(*link)->next;
	*link = plan->next;
	plan_free(plan);
}

int
lane_new(struct lane **out, const struct engine *e, const struct lane_filter *filters, size_t n)
{
	_cleanup_(lane_freep) struct lane *l = calloc(1, sizeof *l);
	int r;

	if (!l)
		return -ENOMEM;
	l->e = e;
	r = plan_take(&l->plan, e, filters, n);
	if (r < 0)
		return r;
	l->hits = calloc(plan_words(l->plan) + 1, sizeof *l->hits);
	if (!l->hits)
		return -ENOMEM;
	r = steps_new(&l->steps, e->steps, e->img, l->plan);
	if (r < 0)
		return r;
	if (l->plan->remembers) {
		r = remember_new(&l->memory, REMEMBER_SESSIONS);
		if (r < 0)
			return r;
	}
	*out = l;
	l = NULL;
	return 0;
}

void
lane_free(struct lane *l)
{
	if (!l)
		return;
	plan_give(l->e, l->plan);
	remember_free(l->memory);
	steps_free(l->steps);
	free(l->hits);
	free(l);
}

void
lane_trace(struct lane *l, void (*on_step)(void *ctx, const struct lane_step *s), void *ctx)
{
	l->on_step = on_step;
	l->step_ctx = ctx;
}

void
lane_utc(struct lane *l)
{
	l->utc = true;
}

uint64_t
lane_forgotten(const struct lane *l)
{
	return (l->memory ? remember_evicted(l->memory) : 0) +
	       (l->steps ? steps_forgotten(l->steps) : 0);
}
