/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "prover/srcset.h"

#include <stdlib.h>
#include <string.h>

/* Ranges in a chunk at most. Two chunks that stand side by side hold more than this together,
 * wherever a set was written, so that cutting does not leave many small ones. */
#define CHUNK_MAX 256u
#define LAST      (~(u128)0)

struct srcchunk {
	uint32_t refs, n, room;
	struct range v[];
};

static void *
must(void *p)
{
	if (!p)
		abort();
	return p;
}

static const struct range *
first_of(const struct srcchunk *c)
{
	return &c->v[0];
}

static const struct range *
last_of(const struct srcchunk *c)
{
	return &c->v[c->n - 1];
}

static struct srcchunk *
chunk_new(uint32_t room)
{
	struct srcchunk *c = must(malloc(sizeof(*c) + room * sizeof(c->v[0])));

	*c = (struct srcchunk){.refs = 1, .room = room};
	return c;
}

static struct srcchunk *
chunk_ref(struct srcchunk *c)
{
	c->refs++;
	return c;
}

static void
chunk_unref(struct srcchunk *c)
{
	if (--c->refs == 0)
		free(c);
}

static void
add_chunk(struct srcset *s, struct srcchunk *c)
{
	if (s->n_chunks == s->room) {
		s->room = s->room ? s->room * 2 : 4;
		s->chunks = must(realloc(s->chunks, s->room * sizeof(*s->chunks)));
	}
	s->chunks[s->n_chunks++] = c;
	s->n += c->n;
}

/* The last chunk, the set's own, with room for more. */
static struct srcchunk *
writable_last(struct srcset *s, uint32_t more)
{
	struct srcchunk **at = &s->chunks[s->n_chunks - 1], *c = *at;
	uint32_t room = c->room;

	while (room < c->n + more)
		room = room < CHUNK_MAX / 2 ? room * 2 + 2 : CHUNK_MAX;
	if (c->refs > 1) {
		struct srcchunk *copy = chunk_new(room);

		memcpy(copy->v, c->v, c->n * sizeof(c->v[0]));
		copy->n = c->n;
		chunk_unref(c);
		c = copy;
	} else if (room > c->room) {
		c = must(realloc(c, sizeof(*c) + room * sizeof(c->v[0])));
		c->room = room;
	}
	return *at = c;
}

/* Whether there is a number between the end of one range and the beginning of another. */
static bool
is_apart(u128 hi, u128 lo)
{
	return lo > hi && lo - hi > 1;
}

/* Appends a range that begins behind all others, or touches the last. */
static void
put_range(struct srcset *s, struct range r)
{
	struct srcchunk *c = s->n_chunks ? s->chunks[s->n_chunks - 1] : NULL;

	if (c && !is_apart(last_of(c)->hi, r.lo)) {
		if (r.hi > last_of(c)->hi) {
			c = writable_last(s, 0);
			c->v[c->n - 1].hi = r.hi;
		}
		return;
	}
	if (!c || c->n == CHUNK_MAX) {
		c = chunk_new(1);
		c->v[c->n++] = r;
		add_chunk(s, c);
		return;
	}
	c = writable_last(s, 1);
	c->v[c->n++] = r;
	s->n++;
}

/* Appends a chunk behind all ranges, touching none; the reference is taken. */
static void
put_chunk(struct srcset *s, struct srcchunk *c)
{
	struct srcchunk *last = s->n_chunks ? s->chunks[s->n_chunks - 1] : NULL;

	if (!last || last->n + c->n > CHUNK_MAX) {
		add_chunk(s, c);
		return;
	}
	last = writable_last(s, c->n);
	memcpy(last->v + last->n, c->v, c->n * sizeof(c->v[0]));
	last->n += c->n;
	s->n += c->n;
	chunk_unref(c);
}

/* Appends chunks from..to-1 of a set that gives them up. */
static void
move_run(struct srcset *s, const struct srcset *from, uint32_t a, uint32_t b)
{
	/* The first ones may join; then the pointers are all there is to move. */
	while (
	    a < b && s->n_chunks && s->chunks[s->n_chunks - 1]->n + from->chunks[a]->n <= CHUNK_MAX)
		put_chunk(s, from->chunks[a++]);
	while (a < b)
		add_chunk(s, from->chunks[a++]);
}

/* The first chunk from i on that ends at x or behind; n_chunks: none. */
static uint32_t
chunk_at(const struct srcset *s, uint32_t i, u128 x)
{
	uint32_t lo = i, hi = s->n_chunks, step = 1;

	/* Gallop: the next is mostly near. */
	while (lo + step < hi && last_of(s->chunks[lo + step])->hi < x) {
		lo += step;
		step *= 2;
	}
	if (lo + step < hi)
		hi = lo + step;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (last_of(s->chunks[mid])->hi < x)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The first range from i on that ends at x or behind; n: none. */
static uint32_t
range_at(const struct range *v, uint32_t n, uint32_t i, u128 x)
{
	uint32_t lo = i, hi = n, step = 1;

	while (lo + step < hi && v[lo + step].hi < x) {
		lo += step;
		step *= 2;
	}
	if (lo + step < hi)
		hi = lo + step;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (v[mid].hi < x)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* A place among sorted ranges, of a plain array or of a set. */
struct cursor {
	const struct srcset *set; /* or NULL */
	uint32_t block;
	const struct range *v; /* of the block */
	uint32_t n, i;
};

static bool
at_end(const struct cursor *c)
{
	return c->i == c->n;
}

static void
enter_block(struct cursor *c, uint32_t block)
{
	c->block = block;
	c->i = c->n = 0;
	if (block < c->set->n_chunks) {
		c->v = c->set->chunks[block]->v;
		c->n = c->set->chunks[block]->n;
	}
}

static struct cursor
cursor_of_set(const struct srcset *s)
{
	struct cursor c = {.set = s};

	enter_block(&c, 0);
	return c;
}

/* To the first range that ends at x or behind; never back. */
static void
seek(struct cursor *c, u128 x)
{
	if (at_end(c) || c->v[c->i].hi >= x)
		return;
	if (c->set && c->v[c->n - 1].hi < x)
		enter_block(c, chunk_at(c->set, c->block, x));
	if (!at_end(c))
		c->i = range_at(c->v, c->n, c->i, x);
}

static void
step_on(struct cursor *c)
{
	if (++c->i == c->n && c->set)
		enter_block(c, c->block + 1);
}

static const struct range *
here(const struct cursor *c)
{
	return &c->v[c->i];
}

/* Whether a cursor stands at the beginning of a chunk that is this very one. */
static bool
is_same(const struct cursor *c, const struct srcchunk *chunk)
{
	return c->set && c->i == 0 && c->v == chunk->v;
}

/* Appends n ranges that stand behind all others and touch none, but perhaps the first. */
static void
put_run(struct srcset *s, const struct range *v, uint32_t n)
{
	while (n) {
		struct srcchunk *c;
		uint32_t room;

		put_range(s, *v++);
		n--;
		c = s->chunks[s->n_chunks - 1];
		room = CHUNK_MAX - c->n < n ? CHUNK_MAX - c->n : n;
		if (!room)
			continue;
		c = writable_last(s, room);
		memcpy(c->v + c->n, v, room * sizeof(*v));
		c->n += room;
		s->n += room;
		v += room;
		n -= room;
	}
}

static void
cut_chunk(struct srcset *out, const struct srcchunk *chunk, struct cursor *c)
{
	for (uint32_t i = 0; i < chunk->n; i++) {
		struct range r = chunk->v[i];
		bool left = true;
		uint32_t next;

		/* What ends before the next cut stays as it is. */
		seek(c, r.lo);
		next = at_end(c) ? chunk->n : range_at(chunk->v, chunk->n, i, here(c)->lo);
		if (next > i) {
			put_run(out, chunk->v + i, next - i);
			i = next - 1;
			continue;
		}

		for (seek(c, r.lo); left && !at_end(c) && here(c)->lo <= r.hi; seek(c, r.lo)) {
			struct range cut = *here(c);

			if (cut.lo > r.lo)
				put_range(out, (struct range){r.lo, cut.lo - 1});
			left = cut.hi < r.hi;
			if (left)
				r.lo = cut.hi + 1;
		}
		if (left)
			put_range(out, r);
	}
}

static void
keep_of_chunk(struct srcset *out, const struct srcchunk *chunk, struct cursor *c)
{
	for (uint32_t i = 0; i < chunk->n; i++) {
		struct range r = chunk->v[i];

		for (seek(c, r.lo); !at_end(c) && here(c)->lo <= r.hi; step_on(c)) {
			struct range k = *here(c);

			put_range(out,
			    (struct range){k.lo > r.lo ? k.lo : r.lo, k.hi < r.hi ? k.hi : r.hi});
			if (k.hi >= r.hi)
				break;
		}
	}
}

static void
unref_run(const struct srcset *s, uint32_t a, uint32_t b)
{
	while (a < b)
		chunk_unref(s->chunks[a++]);
}

static void
replace(struct srcset *s, struct srcset *by)
{
	free(s->chunks);
	*s = *by;
}

static void
subtract(struct srcset *s, struct cursor c)
{
	struct srcset out = {0};
	uint32_t i = 0, next;

	while (i < s->n_chunks) {
		struct srcchunk *chunk = s->chunks[i];

		seek(&c, first_of(chunk)->lo);
		if (at_end(&c) || here(&c)->lo > last_of(chunk)->hi) {
			next = at_end(&c) ? s->n_chunks : chunk_at(s, i, here(&c)->lo);
			if (!i && next == s->n_chunks)
				return;
			if (!out.room) {
				out.room = s->n_chunks + 4;
				out.chunks = must(malloc(out.room * sizeof(*out.chunks)));
			}
			move_run(&out, s, i, next);
			i = next;
			continue;
		}
		if (!is_same(&c, chunk))
			cut_chunk(&out, chunk, &c);
		chunk_unref(chunk);
		i++;
	}
	replace(s, &out);
}

/* The first chunk behind i that is not all inside a range. */
static uint32_t
chunks_inside(const struct srcset *s, uint32_t i, struct range r)
{
	uint32_t next = i;

	while (next < s->n_chunks && last_of(s->chunks[next])->hi <= r.hi)
		next++;
	return next;
}

static void
intersect(struct srcset *s, struct cursor c)
{
	struct srcset out = {0};
	uint32_t i = 0, next;

	while (i < s->n_chunks) {
		struct srcchunk *chunk = s->chunks[i];

		seek(&c, first_of(chunk)->lo);
		if (at_end(&c) || here(&c)->lo > last_of(chunk)->hi) {
			next = at_end(&c) ? s->n_chunks : chunk_at(s, i, here(&c)->lo);
			unref_run(s, i, next);
			i = next;
			continue;
		}
		if (here(&c)->lo <= first_of(chunk)->lo && here(&c)->hi >= last_of(chunk)->hi) {
			next = chunks_inside(s, i, *here(&c));
			move_run(&out, s, i, next);
			i = next;
			continue;
		}
		if (is_same(&c, chunk)) {
			put_chunk(&out, chunk);
		} else {
			keep_of_chunk(&out, chunk, &c);
			chunk_unref(chunk);
		}
		i++;
	}
	replace(s, &out);
}

struct srcset
srcset_meet(const struct srcset *s, const struct ranges *r)
{
	struct cursor a = cursor_of_set(s), b = {.v = r->v, .n = r->n};
	struct srcset out = {0};

	while (!at_end(&a) && !at_end(&b)) {
		struct range x = *here(&a), y = *here(&b);

		if (x.hi < y.lo) {
			seek(&a, y.lo);
		} else if (y.hi < x.lo) {
			seek(&b, x.lo);
		} else if (a.i == 0 && y.lo <= x.lo && a.v[a.n - 1].hi <= y.hi) {
			uint32_t next = chunks_inside(s, a.block, y);

			for (uint32_t i = a.block; i < next; i++)
				put_chunk(&out, chunk_ref(s->chunks[i]));
			enter_block(&a, next);
		} else {
			put_range(&out,
			    (struct range){x.lo > y.lo ? x.lo : y.lo, x.hi < y.hi ? x.hi : y.hi});
			step_on(x.hi <= y.hi ? &a : &b);
		}
	}
	return out;
}

void
srcset_sub(struct srcset *s, const struct ranges *r)
{
	subtract(s, (struct cursor){.v = r->v, .n = r->n});
}

void
srcset_and(struct srcset *s, const struct ranges *r)
{
	intersect(s, (struct cursor){.v = r->v, .n = r->n});
}

void
srcset_sub_set(struct srcset *s, const struct srcset *o)
{
	if (s == o)
		srcset_fini(s);
	else
		subtract(s, cursor_of_set(o));
}

void
srcset_and_set(struct srcset *s, const struct srcset *o)
{
	if (s != o)
		intersect(s, cursor_of_set(o));
}

/* Takes the whole chunk a cursor is at the beginning of, when all of it comes before the other's
 * next range and behind what is out. */
static bool
take_chunk(struct srcset *out, struct cursor *a, const struct cursor *b)
{
	struct srcchunk *c;

	if (at_end(a) || a->i)
		return false;
	c = a->set->chunks[a->block];
	if (!at_end(b) && !is_apart(last_of(c)->hi, here(b)->lo))
		return false;
	if (out->n_chunks &&
	    !is_apart(last_of(out->chunks[out->n_chunks - 1])->hi, first_of(c)->lo))
		return false;
	put_chunk(out, chunk_ref(c));
	enter_block(a, a->block + 1);
	return true;
}

void
srcset_or_set(struct srcset *s, const struct srcset *o)
{
	struct srcset out = {0};
	struct cursor a, b;

	if (s == o || !o->n_chunks)
		return;
	if (!s->n_chunks) {
		srcset_fini(s);
		*s = srcset_copy(o);
		return;
	}
	a = cursor_of_set(s);
	b = cursor_of_set(o);
	while (!at_end(&a) || !at_end(&b)) {
		struct cursor *lower;

		if (!at_end(&a) && a.i == 0 && is_same(&b, s->chunks[a.block]))
			enter_block(&b, b.block + 1);
		if (take_chunk(&out, &a, &b) || take_chunk(&out, &b, &a))
			continue;
		lower = at_end(&b) || (!at_end(&a) && here(&a)->lo <= here(&b)->lo) ? &a : &b;
		put_range(&out, *here(lower));
		step_on(lower);
	}
	srcset_fini(s);
	*s = out;
}

void
srcset_fini(struct srcset *s)
{
	unref_run(s, 0, s->n_chunks);
	free(s->chunks);
	*s = (struct srcset){0};
}

struct srcset
srcset_all(uint8_t family)
{
	struct srcset s = {0};

	put_range(&s, (struct range){0, family_last(family)});
	return s;
}

struct srcset
srcset_of(const struct ranges *r)
{
	struct srcset s = {0};

	for (uint32_t i = 0; i < r->n; i++)
		put_range(&s, r->v[i]);
	return s;
}

struct srcset
srcset_copy(const struct srcset *s)
{
	struct srcset copy = {.n_chunks = s->n_chunks, .room = s->n_chunks, .n = s->n};

	if (!s->n_chunks)
		return copy;
	copy.chunks = must(malloc(s->n_chunks * sizeof(*s->chunks)));
	for (uint32_t i = 0; i < s->n_chunks; i++)
		copy.chunks[i] = chunk_ref(s->chunks[i]);
	return copy;
}

struct srcset
srcset_take(struct srcset *s)
{
	struct srcset taken = *s;

	*s = (struct srcset){0};
	return taken;
}

bool
srcset_empty(const struct srcset *s)
{
	return s->n == 0;
}

bool
srcset_has(const struct srcset *s, u128 n)
{
	struct cursor c = cursor_of_set(s);

	seek(&c, n);
	return !at_end(&c) && here(&c)->lo <= n;
}

bool
srcset_equal(const struct srcset *a, const struct srcset *b)
{
	struct cursor x = cursor_of_set(a), y = cursor_of_set(b);

	if (a->n != b->n)
		return false;
	while (!at_end(&x)) {
		if (x.i == 0 && y.i == 0 && x.v == y.v) {
			enter_block(&x, x.block + 1);
			enter_block(&y, y.block + 1);
			continue;
		}
		if (here(&x)->lo != here(&y)->lo || here(&x)->hi != here(&y)->hi)
			return false;
		step_on(&x);
		step_on(&y);
	}
	return true;
}

void
srcset_each(const struct srcset *s, bool (*fn)(void *ctx, struct range r), void *ctx)
{
	for (struct cursor c = cursor_of_set(s); !at_end(&c); step_on(&c))
		if (!fn(ctx, *here(&c)))
			return;
}

struct ranges
srcset_ranges(const struct srcset *s)
{
	struct ranges r = {.owned = true};

	r.v = must(malloc((s->n + 1) * sizeof(*r.v)));
	for (uint32_t i = 0; i < s->n_chunks; i++) {
		memcpy(r.v + r.n, s->chunks[i]->v, s->chunks[i]->n * sizeof(*r.v));
		r.n += s->chunks[i]->n;
	}
	return r;
}

/* What a witness is taken from: an address of the Internet, else a private one, else any. Numbers
 * below 2^32 are taken for IPv4. */
static const struct range ordinary[] = {
    {(u128)0x2000 << 112, ((u128)0x4000 << 112) - 1},
    {0x01000000, 0x09ffffff},
    {0x0b000000, 0x643fffff},
    {0x64800000, 0x7effffff},
    {0x80000000, 0xa9fdffff},
    {0xa9ff0000, 0xac0fffff},
    {0xac200000, 0xc0a7ffff},
    {0xc0a90000, 0xdfffffff},
    {(u128)0xfc00 << 112, ((u128)0xfe00 << 112) - 1},
    {0x0a000000, 0x0affffff},
    {0x64400000, 0x647fffff},
    {0xac100000, 0xac1fffff},
    {0xc0a80000, 0xc0a8ffff},
    {0xa9fe0000, 0xa9feffff},
    {0, LAST},
};

bool
srcset_first(const struct srcset *s, u128 *out)
{
	for (size_t i = 0; i < sizeof(ordinary) / sizeof(*ordinary); i++) {
		struct cursor c = cursor_of_set(s);
		struct range r;

		seek(&c, ordinary[i].lo);
		if (at_end(&c) || here(&c)->lo > ordinary[i].hi)
			continue;
		r = *here(&c);
		*out = r.lo > ordinary[i].lo ? r.lo : ordinary[i].lo;
		/* Not the address of a network itself, if there is another. */
		if (*out % 256 == 0 && *out < r.hi && *out < ordinary[i].hi)
			++*out;
		return true;
	}
	return false;
}
