/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "reader/position.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void
positions_init(struct positions *t)
{
	*t = (struct positions){0};
}

void
positions_fini(struct positions *t)
{
	free(t->items);
	*t = (struct positions){0};
}

void
positions_clear(struct positions *t)
{
	t->n = t->next = 0;
}

static struct msg_position *
find(const struct positions *t, uint64_t key)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->items[i].key == key)
			return &t->items[i];
	return NULL;
}

static int
grow(struct positions *t)
{
	size_t room = t->room ? t->room * 2 : 16;
	struct msg_position *grown = realloc(t->items, room * sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	t->items = grown;
	t->room = room;
	return 0;
}

int
positions_put(struct positions *t, const struct msg_position *p)
{
	struct msg_position *old = find(t, p->key);
	int r;

	if (!old && t->n == POSITIONS_MAX) {
		old = &t->items[t->next];
		t->next = (t->next + 1) % POSITIONS_MAX;
	}
	if (old) {
		*old = *p;
		return 0;
	}
	if (t->n == t->room) {
		r = grow(t);
		if (r < 0)
			return r;
	}
	t->items[t->n++] = *p;
	return 0;
}

void
positions_drop(struct positions *t, uint64_t key)
{
	struct msg_position *old = find(t, key);

	if (old)
		*old = t->items[--t->n];
}

const struct msg_position *
positions_find(const struct positions *t, uint64_t key)
{
	return find(t, key);
}

const struct msg_position *
positions_find_inode(const struct positions *t, uint8_t kind, uint64_t dev, uint64_t ino)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct msg_position *p = &t->items[i];

		if (p->kind == kind && ino && p->file.ino == ino && p->file.dev == dev)
			return p;
	}
	return NULL;
}

struct msg_position
position_standby(uint64_t key, uint8_t kind)
{
	struct msg_position p;

	memset(&p, 0, sizeof(p));
	p.key = key;
	p.kind = kind;
	return p;
}

bool
position_is_standby(const struct msg_position *p)
{
	struct msg_position empty = position_standby(p->key, p->kind);

	return memcmp(p, &empty, sizeof(empty)) == 0;
}
