/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "judge/slab.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A free item: family 0, then the next free slot. */
struct free_item {
	uint8_t none[4];
	uint32_t next;
};

static size_t
chunks_for(uint32_t max)
{
	return ((size_t)max + SLAB_CHUNK - 1) / SLAB_CHUNK;
}

int
slab_init(struct slab *s, size_t item, uint32_t max)
{
	*s = (struct slab){.item = item, .unused = SLAB_NONE};
	return slab_limit(s, max);
}

void
slab_fini(struct slab *s)
{
	for (size_t i = 0; i < chunks_for(s->high); i++)
		free(s->chunks[i]);
	free(s->chunks);
	s->chunks = NULL;
	s->high = s->n = s->max = 0;
}

int
slab_limit(struct slab *s, uint32_t max)
{
	void **chunks;

	if (max < s->high)
		max = s->high;
	if (chunks_for(max) > chunks_for(s->max)) {
		chunks = realloc(s->chunks, chunks_for(max) * sizeof(*chunks));
		if (!chunks)
			return -ENOMEM;
		s->chunks = chunks;
	}
	s->max = max;
	return 0;
}

static int
slab_raise(struct slab *s)
{
	if (s->high >= s->max)
		return -ENOSPC;
	if (s->high % SLAB_CHUNK == 0) {
		void *chunk = calloc(SLAB_CHUNK, s->item);

		if (!chunk)
			return -ENOMEM;
		s->chunks[s->high / SLAB_CHUNK] = chunk;
	}
	s->high++;
	return 0;
}

int
slab_take(struct slab *s, uint32_t *slot)
{
	int r;

	if (s->unused != SLAB_NONE) {
		struct free_item *f = slab_item(s, s->unused);

		*slot = s->unused;
		s->unused = f->next;
		memset(f, 0, s->item);
	} else {
		*slot = s->high;
		r = slab_raise(s);
		if (r < 0)
			return r;
	}
	s->n++;
	return 0;
}

int
slab_take_at(struct slab *s, uint32_t slot)
{
	int r;

	if (slot < s->high)
		return -EEXIST;
	if (slot >= s->max)
		return -ENOSPC;
	while (s->high < slot) {
		r = slab_raise(s);
		if (r < 0)
			return r;
		s->n++;
		slab_give(s, s->high - 1);
	}
	r = slab_raise(s);
	if (r == 0)
		s->n++;
	return r;
}

void
slab_give(struct slab *s, uint32_t slot)
{
	struct free_item *f = slab_item(s, slot);

	memset(f, 0, s->item);
	f->next = s->unused;
	s->unused = slot;
	s->n--;
}
