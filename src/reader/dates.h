/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The date of a line of a stepwise filter: which of the forms fits, where it stands and what time
 * it means. Comes in: the forms of the image, compiled once; a line as whole UTF-8, hostile; the
 * source's zone. Goes out: the part that is cut out, and usec of the epoch. Pure: the same line
 * gives the same time at the same now. Bounded: DATES_LINE_MAX bytes of a line are looked at; the
 * match limit.
 */
#pragma once

#include "base/cleanup.h"
#include "reader/stamp.h"

#define DATE_PCRE2_OPTIONS                                                                         \
	(PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF | PCRE2_DUPNAMES | PCRE2_NEVER_BACKSLASH_C)
#define DATES_LINE_MAX 8192

struct dates;

/* Compiles all forms of the image (JIT). On -EINVAL *error is a text, which the caller frees. */
int dates_new(struct dates **out, const struct image *img, char **error);
void dates_free(struct dates *d);
DEFINE_FREEP(struct dates, dates_free)

enum date_answer {
	DATE_NONE,    /* no form fits */
	DATE_EMPTY,   /* one that stands for "no date" does */
	DATE_INVALID, /* it looks like one, but there is no such day, or nothing in it is a date */
	DATE_FOUND,
};

struct date_found {
	size_t at, len; /* what is cut out, when a form fits */
	uint32_t form;  /* IMAGE_DATES */
	usec_t time;    /* DATE_FOUND */
};

/*
 * Tries the forms of the span (IMAGE_DATE_LISTS) in order. One that is anchored to the line's start
 * or end and fits is it; so is the last one, and one that begins with the line's first or second
 * character; else the one that begins first.
 */
enum date_answer dates_find(const struct dates *d, struct span forms, const char *line, size_t n,
    const struct stamp_zone *zone, usec_t now, struct stamp_cache *cache, struct date_found *out);
