/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What is inside an engine and a lane, for the two files that make and run them (engine.c,
 * match.c). Comes in: the image and the plan of a lane's filters. Goes out: nothing, others use
 * reader/match.h. Bounded: one entry per pattern and filter; the line under work points into the
 * caller's block.
 */
#pragma once

#include "reader/header.h"
#include "reader/match.h"
#include "reader/pattern.h"
#include "reader/plan.h"
#include "reader/remember.h"
#include "reader/steps.h"

/* Clocks of two processes, and one reading of the clock for a whole turn, differ by less. A line
 * that is ahead by no more keeps its own time, so that reading it again gives the same. */
#define FUTURE_SLACK (2 * USEC_PER_SEC)

struct engine {
	const struct image *img;
	struct pattern **patterns; /* as IMAGE_PATTERNS */
	uint32_t n_patterns;
	struct pattern_room *room;
	struct steps_code *steps; /* has the patterns of stepwise filters, patterns NULL for them */
	bool spare;               /* engine_spare */
	struct plan **plans;      /* list of those in use; the engine itself stays const to lanes */
};

/* The line that is looked at, from its first literal on. */
struct pending {
	const char *text;
	size_t len;
	size_t start, end; /* in the block, end behind the newline */
	bool open;
	bool hit, matched, candidate, unexamined;
	int header_cut; /* 0: not tried yet, 1: cut, -1: there is none */
	struct header header;
};

struct lane {
	const struct engine *e;
	struct plan *plan;
	struct remember *memory; /* NULL: no pattern remembers */
	struct steps *steps;     /* NULL: no filter is stepwise */
	struct stamp_cache stamps;
	bool utc;
	uint64_t *hits; /* one bit a pattern of the plan: a literal was found */
	void (*on_step)(void *ctx, const struct lane_step *s);
	void *step_ctx;
	/* of the running call */
	const char *block;
	size_t from, to;
	const struct lane_message *message;
	const struct lane_sink *sink;
	usec_t now;
	struct pending line;
};
