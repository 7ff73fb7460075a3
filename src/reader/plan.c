/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/plan.h"

#include <errno.h>

/* The order within a filter; equal ones stay in file order. */
static const uint8_t order[] = {
    [PATTERN_REMEMBER] = 0,
    [PATTERN_IGNORE] = 1,
    [PATTERN_OFFENCE] = 2,
    [PATTERN_FORGIVE] = 2,
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
	if (as->source == UINT32_MAX) {
		f->header = f->programs.n > 0;
		zone = &img->zones[img->settings->zone];
	} else {
		f->header = img->sources[as->source].header == HEADER_SYSLOG;
		zone = &img->zones[img->sources[as->source].zone];
	}
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
			bool always = !has_literals(img, p);

			if (order[p->kind] != turn)
				continue;
			plan->patterns[plan->n_patterns++] =
			    (struct plan_pattern){i, filter, always};
			f->always |= always;
			plan->always |= always;
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

static int
make_scan(struct plan *plan, const struct image *img)
{
	_cleanup_(freep) struct scan_literal *literals = NULL;
	size_t n = 0;

	for (size_t i = 0; i < plan->n_patterns; i++)
		n += img->patterns[plan->patterns[i].pattern].literals.n;
	literals = calloc(n + 1, sizeof *literals);
	if (!literals)
		return -ENOMEM;
	n = 0;
	for (size_t i = 0; i < plan->n_patterns; i++) {
		struct span all = img->patterns[plan->patterns[i].pattern].literals;

		for (uint32_t k = 0; k < all.n && !plan->patterns[i].always; k++) {
			const struct image_literal *l = &img->literals[all.first + k];

			literals[n++] = (struct scan_literal){
			    .text = image_str(img, l->text),
			    .len = l->len,
			    .caseless = l->caseless,
			    .id = i,
			};
		}
	}
	return scan_new(&plan->scan, literals, n);
}

int
plan_new(struct plan **out, const struct image *img, const struct lane_filter *filters, size_t n)
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
	r = make_scan(p, img);
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
