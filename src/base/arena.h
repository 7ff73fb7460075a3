/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Memory of one run of a process that ends (or of one task): handed out in pieces, given back all
 * at once. Comes in: sizes. Goes out: zeroed memory that lives as long as the arena. Bounded by
 * ARENA_MAX over all; past it, or when the system has none left, the process aborts: the inputs'
 * own bounds are far below it.
 */
#pragma once

#include <stddef.h>

#include "base/cleanup.h"

#define ARENA_MAX (256u << 20)

struct arena_block;

struct arena {
	struct arena_block *head;
	size_t total; /* bytes asked of the system */
};

void arena_fini(struct arena *a);
/* Zeroed, aligned for any type. Never NULL; n 0 gives a valid pointer. */
void *arena_alloc(struct arena *a, size_t n);
/* n items of size bytes each, zeroed. */
void *arena_array(struct arena *a, size_t n, size_t size);
/* A copy of n bytes with a NUL behind them. */
char *arena_dup(struct arena *a, const char *text, size_t n);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A growing array of items of one size, in an arena. Zero is the empty list. */
struct list {
	void *items;
	size_t n, room;
};

/* Adds a zeroed item of size bytes (the same for all items of a list) and returns it; items move.
 */
void *list_add(struct arena *a, struct list *l, size_t size);
