/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "judge/formers.h"

#include <stdlib.h>
#include <string.h>

#define BITS_FIRST (1u << 13)
#define BITS_EACH  8

void
formers_start(struct formers *f, uint32_t n)
{
	uint32_t bits = BITS_FIRST;

	while (bits < FORMERS_BITS_MAX && bits / BITS_EACH < n)
		bits *= 2;
	formers_fini(f);
	f->words = calloc(bits / 64, sizeof(*f->words));
	f->bits = f->words ? bits : 0;
	f->key = hash_key_random();
}

void
formers_fini(struct formers *f)
{
	free(f->words);
	*f = (struct formers){0};
}

/* A hash modulo twice the bits is what it was, or that and the bits: so all is there twice. */
static void
grow(struct formers *f)
{
	size_t words = f->bits / 64;
	uint64_t *more = reallocarray(f->words, 2 * words, sizeof(*more));

	if (!more)
		return;
	memcpy(more + words, more, words * sizeof(*more));
	f->words = more;
	f->bits *= 2;
}

static uint32_t
bit_of(const struct formers *f, const struct prefix *p)
{
	return (uint32_t)hash_bytes(&f->key, p, sizeof(*p)) & (f->bits - 1);
}

void
formers_add(struct formers *f, const struct prefix *p)
{
	uint32_t bit;

	if (f->bits == 0)
		return;
	if (++f->n > f->bits / BITS_EACH && f->bits < FORMERS_BITS_MAX)
		grow(f);
	bit = bit_of(f, p);
	f->words[bit / 64] |= 1ull << bit % 64;
}

bool
formers_may(const struct formers *f, const struct prefix *p)
{
	uint32_t bit;

	if (f->bits == 0)
		return true;
	bit = bit_of(f, p);
	return f->words[bit / 64] >> bit % 64 & 1;
}
