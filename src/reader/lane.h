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

struct engine {
	const struct image *img;
	struct pattern **patterns; /* as IMAGE_PATTERNS */
	uint32_t n_patterns;
	struct pattern_room *room;
	struct plan **plans; /* list of those in use; the engine itself stays const to lanes */
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
	struct stamp_cache stamps;
	bool utc;
	uint8_t *hits;    /* per pattern of the plan: a literal was found */
	uint8_t *touched; /* per filter of the plan: one of its patterns was hit */
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
