/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What is inside a scan, for the two files that make and run it (scan_new.c, scan.c). Comes in: the
 * literals and where their windows begin. Goes out: nothing, others use reader/scan.h. Bounded: a
 * bitmap and buckets of fixed size; one window a literal and stride.
 */
#pragma once

#include <string.h>

#include "reader/scan.h"
#include "reader/scan_masks.h"

/* ASCII letters to lower case; other bytes fall together, which compare sorts out. */
#define SCAN_FOLD        0x20202020u
#define SCAN_WINDOW      4
#define SCAN_BITMAP_BITS 16
#define SCAN_BUCKET_BITS 10

/*
 * With a stride of s, text is looked at in every s-th place only, and each literal has s windows in
 * a row in the table, one of which must fall on such a place. A literal of three bytes is in the
 * table with every fourth byte there is.
 */
struct scan_window {
	uint32_t value; /* of the folded bytes, as loaded */
	uint32_t last;  /* the literal's last ones likewise: what stands there is seldom the same */
	uint32_t literal;
	uint16_t at; /* where in the literal */
	uint16_t len;
};

struct scan {
	uint32_t bitmap[1u << (SCAN_BITMAP_BITS - 5)];
	uint32_t buckets[(1u << SCAN_BUCKET_BITS) + 1]; /* where each begins in windows */
	struct scan_window *windows;                    /* sorted by bucket */
	struct scan_literal *literals;
	size_t n_windows, n_literals;
	unsigned stride;
	bool tail;           /* a literal of three bytes may stand at the very end */
	scan_masks_fn masks; /* NULL: the portable scan */
	uint32_t passes;     /* of a million places, as far as the sample tells */
	struct scan_tables tables;
};

static inline uint32_t
scan_load(const char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof v);
	return v | SCAN_FOLD;
}

static inline uint32_t
scan_slot(uint32_t v)
{
	return (v * 0x9e3779b1u) >> (32 - SCAN_BITMAP_BITS);
}

static inline uint32_t
scan_bucket(uint32_t hash)
{
	return hash >> (SCAN_BITMAP_BITS - SCAN_BUCKET_BITS);
}

static inline bool
scan_marked(const struct scan *s, uint32_t hash)
{
	return s->bitmap[hash >> 5] >> (hash & 31) & 1;
}
