/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* A build for the address sanitizer sets it to 1: then each piece is a block with its own red
 * zones. */
#ifndef ARENA_BLOCK_SIZE
#define ARENA_BLOCK_SIZE (64u << 10)
#endif

struct arena_block {
	struct arena_block *next;
	size_t used, room;
	max_align_t data[];
};

void
arena_fini(struct arena *a)
{
	while (a->head) {
		struct arena_block *next = a->head->next;

		free(a->head);
		a->head = next;
	}
	a->total = 0;
}

static void
arena_grow(struct arena *a, size_t n)
{
	size_t room = n > ARENA_BLOCK_SIZE ? n : ARENA_BLOCK_SIZE;
	struct arena_block *b;

	if (room > ARENA_MAX || a->total + room > ARENA_MAX)
		abort();
	b = calloc(1, sizeof(*b) + room);
	if (!b)
		abort();
	b->room = room;
	b->next = a->head;
	a->head = b;
	a->total += room;
}

void *
arena_alloc(struct arena *a, size_t n)
{
	void *p;

	if (n > ARENA_MAX)
		abort();
	n = (n + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
	if (!a->head || a->head->room - a->head->used < n)
		arena_grow(a, n);
	p = (char *)a->head->data + a->head->used;
	a->head->used += n;
	return p;
}

void *
arena_array(struct arena *a, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		abort();
	return arena_alloc(a, bytes);
}

char *
arena_dup(struct arena *a, const char *text, size_t n)
{
	char *copy = arena_alloc(a, n + 1);

	memcpy(copy, text, n);
	return copy;
}

char *
arena_printf(struct arena *a, const char *fmt, ...)
{
	_cleanup_(freep) char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		abort();
	return arena_dup(a, text, (size_t)n);
}

void *
list_add(struct arena *a, struct list *l, size_t size)
{
	if (l->n == l->room) {
		size_t room = l->room ? l->room * 2 : 8;
		void *items = arena_array(a, room, size);

		if (l->n)
			memcpy(items, l->items, l->n * size);
		l->items = items;
		l->room = room;
	}
	return (char *)l->items + l->n++ * size;
}
