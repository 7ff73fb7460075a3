/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The cells of a view by port, so that what is seen from outside finds its cells without looking at
 * all of them. Comes in: a view. Goes out: for a row the cells that are about it, and their states.
 * Bounded: two parts a cell of the view, INDEX_SAME cells a part; where more cells are about one
 * port, the states are those of all.
 */
#pragma once

#include "herald/probe_view.h"

#define INDEX_SAME 32

/* Ports from one on that the same cells are about. */
struct index_part {
	uint32_t key;   /* of the first port */
	uint32_t first; /* of cells */
	uint16_t n;
	uint8_t states; /* a bit for each of enum proof_state, and VIEW_NO_STATE */
};

struct probe_index {
	struct index_part *parts; /* by key */
	uint32_t n;
	uint16_t *cells; /* places in the view */
};

/* -ENOMEM; index_fini is right then, too. */
int index_new(struct probe_index *x, const struct view *v);
void index_fini(struct probe_index *x);
/* NULL: no cell is about it. */
const struct index_part *index_find(const struct probe_index *x, const struct probe_row *r);
