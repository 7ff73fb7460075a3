/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Finds many literals at once in a whole block, which is where most lines end. Comes in: the
 * literals of a lane's patterns, once; then blocks of hostile bytes. Goes out: every place where a
 * literal stands. Each literal is looked for by four of its bytes, case folded: vector masks say
 * where such may begin (scan_masks.h), or the portable scan looks at every few bytes; a bitmap of
 * 64 Kbit sorts out, what passes it is compared. Bounded: SCAN_LITERALS; nothing is allocated after
 * scan_new, and 3 bytes are the least a literal has.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

#define SCAN_LITERALS 16384
#define SCAN_LEAST    3

struct scan;

/* text stays the caller's and must outlive the scan; with caseless it is in lower case. */
struct scan_literal {
	const char *text;
	uint16_t len;
	bool caseless;
	uint32_t id; /* for the callback; need not be unique */
};

/* -EINVAL for a literal that is too short, -E2BIG for too many, -ENOMEM. n may be 0. */
int scan_new(struct scan **out, const struct scan_literal *literals, size_t n);
void scan_free(struct scan *s);
DEFINE_FREEP(struct scan, scan_free)

/* at: offset of the literal's first byte. Hits come with their windows ascending: those of an
 * earlier line before those of a later one, but within a line in no order of at. */
typedef void (*scan_hit_fn)(void *ctx, uint32_t id, size_t at);
/* Nothing behind text + n is read. */
void scan_run(const struct scan *s, const char *text, size_t n, scan_hit_fn hit, void *ctx);

/* Ways to scan that this CPU has, which all find the same: best first, "portable" last, then NULL.
 */
const char *const *scan_variants(void);
/* For tests: the variant of every scan_new from now on, NULL for the best. -ENOENT. */
int scan_force(const char *name);

/* How many newlines there are. */
size_t scan_newlines(const char *text, size_t n);
