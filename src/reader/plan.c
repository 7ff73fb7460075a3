/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/plan.h"

#include <errno.h>
#include <string.h>

/* The order within a filter; equal ones stay in file order. */
static const uint8_t order[] = {
    [PATTERN_REMEMBER] = 0,
    [PATTERN_IGNORE] = 1,
    [PATTERN_OFFENCE] = 2,
    [PATTERN_FORGIVE] = 2,
    [PATTERN_PREFIX] = 0,
};
#define ORDERS 3

static int
set_filter(struct plan_filter *f, const struct image *img, const struct lane_filter *as)
{
	const struct image_zone *zone;

	if (as->filter >= image_count(img, IMAGE_FILTERS) ||
	    (as->source != UINT32_MAX && as->source >= image_count(img, IMAGE_SOURCES)))
		return -EINVAL;
	f->as = *as;
	f->programs = img->filters[as->filter].programs;
	f->stepwise = img->filters[as->filter].lines > 0;
	if (as->source == UINT32_MAX) {
		f->header = f->programs.n > 0;
		zone = &img->zones[img->settings->zone];
	} else {
		f->header = img->sources[as->source].header == HEADER_SYSLOG;
		zone = &img->zones[img->sources[as->source].zone];
	}
	f->header &= !f->stepwise;
	f->zone.items = img->transitions + zone->transitions.first;
	f->zone.n = zone->transitions.n;
	return 0;
}

/* Literals too short for the scan are as good as none. */
static bool
has_literals(const struct image *img, const struct image_pattern *p)
{
	for (uint32_t i = 0; i < p->literals.n; i++)
		if (img->literals[p->literals.first + i].len < SCAN_LEAST)
			return false;
	return p->literals.n > 0;
}

static void
add_patterns(struct plan *plan, const struct image *img, uint32_t filter)
{
	struct plan_filter *f = &plan->filters[filter];
	struct span all = img->filters[f->as.filter].patterns;

	f->first = plan->n_patterns;
	for (int turn = 0; turn < ORDERS; turn++)
		for (uint32_t i = all.first; i < all.first + all.n; i++) {
			const struct image_pattern *p = &img->patterns[i];
			bool blind = !has_literals(img, p);

			if (order[p->kind] != turn)
				continue;
			plan->patterns[plan->n_patterns++] =
			    (struct plan_pattern){i, filter, blind};
			f->ignores |= blind && p->kind == PATTERN_IGNORE;
			plan->remembers |= p->kind == PATTERN_REMEMBER;
		}
	f->n = plan->n_patterns - f->first;
}

static size_t
count_patterns(const struct image *img, const struct lane_filter *filters, size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		if (filters[i].filter < image_count(img, IMAGE_FILTERS))
			count += img->filters[filters[i].filter].patterns.n;
	return count;
}

struct literals {
	struct scan_literal *items;
	size_t n;
};

/* The longest piece of a program's glob that the program has as it stands. */
static struct scan_literal
longest_piece(const char *glob)
{
	struct scan_literal best = {0};

	while (*glob) {
		size_t n = strcspn(glob, "*?");

		if (n > best.len) {
			best.text = glob;
			best.len = n;
		}
		glob += n + (glob[n] != '\0');
	}
	return best;
}

/* A line's program stands in the line, so that it can be looked for: false when one of them has
 * nothing to look for. */
static bool
add_programs(struct literals *out, const struct image *img, const struct plan *plan, uint32_t id)
{
	const struct plan_filter *f = &plan->filters[plan->patterns[id].filter];
	size_t before = out->n;

	for (uint32_t i = 0; f->header && i < f->programs.n; i++) {
		struct scan_literal l = longest_piece(image_list(img, f->programs, i));

		l.id = id;
		if (l.len < SCAN_LEAST) {
			out->n = before;
			return false;
		}
		out->items[out->n++] = l;
	}
	return out->n > before;
}

/* What is blind is woken by its program's name; by every line where there is none; by every
 * message, as a message's program stands beside it. A blind ignore pattern waits for another
 * pattern of its filter: without that there is nothing to ignore. */
static void
add_blind(struct literals *out, const struct image *img, struct plan *plan, uint32_t id)
{
	uint64_t bit = 1ull << id % 64;

	if (img->patterns[plan->patterns[id].pattern].kind == PATTERN_IGNORE)
		return;
	plan->wake[WAKE_MESSAGE][id / 64] |= bit;
	if (add_programs(out, img, plan, id))
		return;
	plan->wake[WAKE_LINE][id / 64] |= bit;
	plan->every_line = true;
}

static void
add_literals(struct literals *out, const struct image *img, const struct plan *plan, uint32_t id)
{
	struct span all = img->patterns[plan->patterns[id].pattern].literals;

	for (uint32_t k = 0; k < all.n; k++) {
		const struct image_literal *l = &img->literals[all.first + k];

		out->items[out->n++] = (struct scan_literal){
		    .text = image_str(img, l->text),
		    .len = l->len,
		    .caseless = l->caseless,
		    .id = id,
		};
	}
}

/* True when each offence of a stepwise filter has literals, so that they can wake it. */
static bool
offences_see(const struct plan *plan, const struct image *img, const struct plan_filter *f)
{
	for (uint32_t i = f->first; i < f->first + f->n; i++)
		if (img->patterns[plan->patterns[i].pattern].kind == PATTERN_OFFENCE &&
		    plan->patterns[i].blind)
			return false;
	return true;
}

/* A stepwise filter tries its patterns in order, whichever of them wakes it: all its offences, else
 * the prefix, which each line has to fit, else every line. */
static void
add_stepwise(
    struct literals *out, const struct image *img, struct plan *plan, const struct plan_filter *f)
{
	bool see = offences_see(plan, img, f), woken = see;

	for (uint32_t i = f->first; i < f->first + f->n; i++) {
		uint8_t kind = img->patterns[plan->patterns[i].pattern].kind;

		if (kind == PATTERN_IGNORE || (kind == PATTERN_PREFIX && see))
			continue;
		add_literals(out, img, plan, i);
		woken |= kind == PATTERN_PREFIX && !plan->patterns[i].blind;
	}
	if (!f->n)
		return;
	plan->wake[WAKE_MESSAGE][f->first / 64] |= 1ull << f->first % 64;
	if (woken)
		return;
	plan->wake[WAKE_LINE][f->first / 64] |= 1ull << f->first % 64;
	plan->every_line = true;
}

/* True when a rule that counts the filter's offences also forgives. */
static bool
is_forgiven(const struct image *img, uint32_t filter)
{
	for (uint32_t r = 0; r < image_count(img, IMAGE_RULES); r++) {
		struct span all = img->rules[r].filters;

		for (uint32_t i = all.first; img->rules[r].forgive && i < all.first + all.n; i++)
			if (img->rule_filters[i] == filter)
				return true;
	}
	return false;
}

/* What is to be ignored must first be hit by another pattern. A success that no rule asks for, and
 * there are many, is tried only to settle a line that another pattern woke. */
static void
choose_wakers(struct plan *plan, const struct image *img, bool spare)
{
	for (size_t i = 0; i < plan->n_patterns; i++) {
		const struct plan_filter *f = &plan->filters[plan->patterns[i].filter];
		uint8_t kind = img->patterns[plan->patterns[i].pattern].kind;

		if (!f->stepwise && kind == PATTERN_IGNORE)
			continue;
		if (spare && kind == PATTERN_FORGIVE && !is_forgiven(img, f->as.filter))
			continue;
		plan->wakers[i / 64] |= 1ull << i % 64;
	}
}

static size_t
count_literals(const struct plan *plan, const struct image *img)
{
	size_t n = 0;

	for (size_t i = 0; i < plan->n_patterns; i++)
		n += img->patterns[plan->patterns[i].pattern].literals.n +
		     plan->filters[plan->patterns[i].filter].programs.n;
	return n;
}

static int
make_scan(struct plan *plan, const struct image *img, bool spare)
{
	_cleanup_(freep) struct scan_literal *items =
	    calloc(count_literals(plan, img) + 1, sizeof *items);
	struct literals literals = {items, 0};

	plan->wakers = calloc(plan_words(plan) + 1, sizeof(uint64_t));
	for (int i = 0; i < WAKES; i++) {
		plan->wake[i] = calloc(plan_words(plan) + 1, sizeof(uint64_t));
		if (!plan->wake[i])
			return -ENOMEM;
	}
	if (!items || !plan->wakers)
		return -ENOMEM;
	choose_wakers(plan, img, spare);
	for (size_t i = 0; i < plan->n_filters; i++)
		if (plan->filters[i].stepwise)
			add_stepwise(&literals, img, plan, &plan->filters[i]);
	for (size_t i = 0; i < plan->n_patterns; i++)
		if (plan->filters[plan->patterns[i].filter].stepwise)
			continue;
		else if (plan->patterns[i].blind)
			add_blind(&literals, img, plan, i);
		else
			add_literals(&literals, img, plan, i);
	return scan_new(&plan->scan, literals.items, literals.n);
}

int
plan_new(struct plan **out, const struct image *img, bool spare, const struct lane_filter *filters,
    size_t n)
{
	_cleanup_(plan_freep) struct plan *p = calloc(1, sizeof *p);
	int r;

	if (!p)
		return -ENOMEM;
	p->filters = calloc(n + 1, sizeof *p->filters);
	p->patterns = calloc(count_patterns(img, filters, n) + 1, sizeof *p->patterns);
	if (!p->filters || !p->patterns)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		r = set_filter(&p->filters[i], img, &filters[i]);
		if (r < 0)
			return r;
		p->n_filters = i + 1;
		add_patterns(p, img, i);
	}
	r = make_scan(p, img, spare);
	if (r < 0)
		return r;
	*out = p;
	p = NULL;
	return 0;
}

void
plan_free(struct plan *p)
{
	if (!p)
		return;
	scan_free(p->scan);
	for (int i = 0; i < WAKES; i++)
		free(p->wake[i]);
	free(p->wakers);
	free(p->filters);
	free(p->patterns);
	free(p);
}

bool
plan_is_for(const struct plan *p, const struct lane_filter *filters, size_t n)
{
	if (p->n_filters != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (p->filters[i].as.filter != filters[i].filter ||
		    p->filters[i].as.source != filters[i].source)
			return false;
	return true;
}
