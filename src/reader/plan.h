/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What lanes with the same filters share: in which order their patterns are tried, and the literals
 * that make a line a candidate. Comes in: the image, checked; a lane's filters. Goes out: arrays
 * for reader/match.c, which alone looks into them. Bounded by the image.
 */
#pragma once

#include "reader/match.h"
#include "reader/scan.h"
#include "reader/stamp.h"

struct plan_filter {
	struct lane_filter as;
	uint32_t first,
	    n; /* in plan.patterns: remember, ignore, then offences and forgive in file order */
	struct span programs; /* IMAGE_STRINGS_LIST */
	bool header;          /* lines begin with a syslog header */
	bool ignores;         /* holds an ignore pattern without literals */
	bool stepwise;        /* reader/steps.h; prefix, ignore, offences */
	struct stamp_zone zone;
};

struct plan_pattern {
	uint32_t pattern; /* IMAGE_PATTERNS */
	uint32_t filter;  /* in plan.filters */
	bool blind;       /* no literals */
};

/* One bit a pattern. */
enum plan_wake {
	WAKE_LINE,    /* tried on every line */
	WAKE_MESSAGE, /* tried on every message of the filter's programs */
	WAKES,
};

struct plan {
	struct plan *next; /* of the engine's list */
	unsigned users;
	struct plan_filter *filters;
	struct plan_pattern *patterns;
	size_t n_filters, n_patterns;
	struct scan *scan; /* ids are indices into patterns */
	uint64_t *wake[WAKES];
	uint64_t *wakers; /* one bit a pattern: alone it is reason enough to look at the line */
	bool every_line;  /* a bit of WAKE_LINE is set */
	bool remembers;   /* one of the patterns is PATTERN_REMEMBER */
};

/* 64-bit words for one bit a pattern. */
static inline size_t
plan_words(const struct plan *p)
{
	return (p->n_patterns + 63) / 64;
}

/* spare: as engine_spare (reader/match.h). -EINVAL for a filter or source that is not in the
 * image, -ENOMEM. */
int plan_new(struct plan **out, const struct image *img, bool spare,
    const struct lane_filter *filters, size_t n);
void plan_free(struct plan *p);
DEFINE_FREEP(struct plan, plan_free)

/* True when the plan was made of exactly these. */
bool plan_is_for(const struct plan *p, const struct lane_filter *filters, size_t n);
