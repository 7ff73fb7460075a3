/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf/literal.h"

#include <string.h>

#include "conf/literal_score.h"

#define EXACT_STRINGS_MAX 64 /* of a language that is followed through a sequence */
#define EXACT_BYTES_MAX   96 /* of one of its strings; longer ones are cut into pieces before */
#define SET_BYTES_MAX     8  /* members of a class that are tried one by one */
#define REPEAT_MAX        16 /* copies that are written out */

/* Any-of: every text of the language is one of these (exact), or holds one of these (found). */
struct strings {
	struct pattern_text *items;
	size_t n;
};

/*
 * What is known of a node's language. When it is not exact, each of its texts begins with one of
 * head and ends with one of tail; of a lookaround, the line goes on or stops here with them. n 0:
 * nothing is known.
 */
struct known {
	bool exact;
	struct strings all;        /* when exact: the whole language */
	struct strings head, tail; /* what touches the neighbours */
	struct strings found;
	int bits; /* how rare found is */
};

static struct known learn(struct arena *a, const struct regex *r);

static struct pattern_text
text_join(struct arena *a, const struct pattern_text *x, const struct pattern_text *y)
{
	struct pattern_text t = {arena_array(a, x->n + y->n, sizeof(*t.at)), x->n + y->n};

	if (x->n)
		memcpy(t.at, x->at, x->n * sizeof(*t.at));
	if (y->n)
		memcpy(t.at + x->n, y->at, y->n * sizeof(*t.at));
	return t;
}

static struct strings
strings_of(struct arena *a, size_t n)
{
	return (struct strings){arena_array(a, n, sizeof(struct pattern_text)), n};
}

/* The language that is the empty text alone. */
static struct known
known_empty(struct arena *a)
{
	return (struct known){.exact = true, .all = strings_of(a, 1)};
}

/* All of x followed by all of y; false when that would be too much. */
static bool
strings_cross(
    struct arena *a, const struct strings *x, const struct strings *y, struct strings *out)
{
	struct strings s;
	size_t n = 0;

	if (x->n * y->n > EXACT_STRINGS_MAX)
		return false;
	for (size_t i = 0; i < x->n; i++) {
		for (size_t j = 0; j < y->n; j++) {
			if (x->items[i].n + y->items[j].n > EXACT_BYTES_MAX)
				return false;
		}
	}
	s = strings_of(a, x->n * y->n);
	for (size_t i = 0; i < x->n; i++) {
		for (size_t j = 0; j < y->n; j++)
			s.items[n++] = text_join(a, &x->items[i], &y->items[j]);
	}
	*out = s;
	return true;
}

static struct strings
strings_union(struct arena *a, const struct strings *x, const struct strings *y)
{
	struct strings s = strings_of(a, x->n + y->n);

	if (x->n)
		memcpy(s.items, x->items, x->n * sizeof(*s.items));
	if (y->n)
		memcpy(s.items + x->n, y->items, y->n * sizeof(*s.items));
	return s;
}

/* Keeps a set of required strings when it is better than what k has. */
static void
offer(struct known *k, const struct strings *s)
{
	int bits = literal_bits(s->items, s->n);

	if (s->n > LITERAL_STRINGS_MAX || bits == 0)
		return;
	/* Of equals the later: what begins a line often begins all lines of its program. */
	if (k->found.n && (bits < k->bits || (bits == k->bits && s->n > k->found.n)))
		return;
	k->found = *s;
	k->bits = bits;
}

/* The members of a set: letters in both cases are one, marked. */
static struct known
learn_set(struct arena *a, const struct regex *r)
{
	struct known k = {.exact = true};
	uint16_t at[SET_BYTES_MAX];
	size_t n = 0;

	for (int c = 0; c < 256; c++) {
		bool upper = c >= 'A' && c <= 'Z', lower = c >= 'a' && c <= 'z';
		bool both = (upper || lower) && regex_set_has(r->set, (unsigned char)(c ^ 0x20));

		if (!regex_set_has(r->set, (unsigned char)c) || (upper && both))
			continue;
		if (n == SET_BYTES_MAX)
			return (struct known){0};
		at[n++] = (uint16_t)(c | (both ? TEXT_FOLD : 0));
	}
	k.all = strings_of(a, n);
	for (size_t i = 0; i < n; i++) {
		k.all.items[i].at = arena_array(a, 1, sizeof(*at));
		k.all.items[i].at[0] = at[i];
		k.all.items[i].n = 1;
	}
	return k;
}

/* Adds a branch's edge to that of all; a branch without one leaves none. */
static bool
add_edge(
    struct arena *a, struct strings *sum, const struct known *branch, const struct strings *edge)
{
	if (branch->exact)
		edge = &branch->all;
	if (edge->n == 0 || sum->n + edge->n > LITERAL_STRINGS_MAX)
		return false;
	*sum = strings_union(a, sum, edge);
	return true;
}

static struct known
learn_alternatives(struct arena *a, const struct regex *r)
{
	struct known k = {.exact = true};
	struct strings found = {0}, head = {0}, tail = {0};
	bool all_found = true, all_heads = true, all_tails = true;

	for (size_t i = 0; i < r->n; i++) {
		struct known b = learn(a, r->items[i]);

		if (k.exact && b.exact && k.all.n + b.all.n <= LITERAL_STRINGS_MAX)
			k.all = strings_union(a, &k.all, &b.all);
		else
			k.exact = false;
		all_heads = all_heads && add_edge(a, &head, &b, &b.head);
		all_tails = all_tails && add_edge(a, &tail, &b, &b.tail);
		if (b.exact)
			offer(&b, &b.all);
		all_found = all_found && b.found.n && found.n + b.found.n <= LITERAL_STRINGS_MAX;
		if (all_found)
			found = strings_union(a, &found, &b.found);
	}
	if (all_found)
		offer(&k, &found);
	if (!k.exact && all_heads)
		k.head = head;
	if (!k.exact && all_tails)
		k.tail = tail;
	return k;
}

/* Lengthens a run by the exact items from i on, each time a candidate. Returns where it ends. */
static size_t
grow(struct arena *a, const struct known *items, size_t n, size_t i, struct strings *run,
    struct known *k)
{
	struct strings wider;

	for (; i < n; i++) {
		if (items[i].head.n && strings_cross(a, run, &items[i].head, &wider))
			offer(k, &wider);
		if (!items[i].exact || !strings_cross(a, run, &items[i].all, run))
			break;
		offer(k, run);
	}
	return i;
}

/* What the texts end with, as far back as that is known. */
static struct strings
tail_of(struct arena *a, const struct known *items, size_t n)
{
	struct strings run = known_empty(a).all;

	while (n > 0 && items[n - 1].exact && strings_cross(a, &items[n - 1].all, &run, &run))
		n--;
	if (n > 0 && !items[n - 1].exact && items[n - 1].tail.n)
		strings_cross(a, &items[n - 1].tail, &run, &run);
	return run;
}

/* What a sequence of known items requires: every run of neighbours is a candidate. */
static struct known
learn_run(struct arena *a, const struct known *items, size_t n)
{
	struct known k = {0};

	if (n == 0)
		return known_empty(a);
	for (size_t i = 0; i < n; i++) {
		struct strings run = items[i].tail;
		size_t end;

		if (items[i].found.n)
			offer(&k, &items[i].found);
		if (run.n)
			grow(a, items, n, i + 1, &run, &k);
		run = known_empty(a).all;
		end = grow(a, items, n, i, &run, &k);
		if (i > 0)
			continue;
		k.exact = end == n;
		if (!k.exact && !items[end].exact && items[end].head.n)
			strings_cross(a, &run, &items[end].head, &run);
		if (k.exact)
			k.all = run;
		else
			k.head = run;
	}
	if (!k.exact)
		k.tail = tail_of(a, items, n);
	return k;
}

/* What must stand ahead or behind is in the line, too. */
static struct known
learn_look(struct arena *a, const struct regex *r)
{
	struct known k = known_empty(a), seen;

	if (r->look == LOOK_NOT)
		return k;
	seen = learn(a, r->items[0]);
	if (seen.exact)
		offer(&seen, &seen.all);
	k.found = seen.found;
	k.bits = seen.bits;
	if (r->look == LOOK_AHEAD)
		k.head = seen.exact ? seen.all : seen.head;
	else
		k.tail = seen.exact ? seen.all : seen.tail;
	return k;
}

static bool
is_plain(const struct known *k)
{
	return k->exact && k->all.n == 1 && !k->found.n && !k->head.n && !k->tail.n;
}

/* Adds what an item is, joined to the one before it where both are one plain text: fewer runs to
 * try. */
static void
push_known(struct arena *a, struct list *l, struct known k)
{
	struct known *last = l->n ? (struct known *)l->items + l->n - 1 : NULL;
	bool plain = is_plain(&k);

	if (plain && k.all.items[0].n == 0)
		return;
	if (plain && last && is_plain(last) &&
	    last->all.items[0].n + k.all.items[0].n <= EXACT_BYTES_MAX / 2) {
		struct pattern_text joined = text_join(a, &last->all.items[0], &k.all.items[0]);

		/* The copies of a repeat share their strings: these are new. */
		last->all = strings_of(a, 1);
		last->all.items[0] = joined;
		return;
	}
	*(struct known *)list_add(a, l, sizeof(k)) = k;
}

/* A repeat as a sequence: its copies, and a gap where there may be more of them. */
static void
push_repeat(struct arena *a, struct list *l, const struct regex *r)
{
	struct known one = learn(a, r->items[0]), empty = known_empty(a);
	uint32_t copies = r->min < REPEAT_MAX ? r->min : REPEAT_MAX;
	bool gap = r->max > r->min || copies < r->min;

	if (r->min == 0 && r->max == 1 && one.exact && one.all.n < EXACT_STRINGS_MAX) {
		push_known(a, l,
		    (struct known){.exact = true, .all = strings_union(a, &empty.all, &one.all)});
		return;
	}
	for (uint32_t i = 0; i < copies; i++)
		push_known(a, l, one);
	if (!gap)
		return;
	*(struct known *)list_add(a, l, sizeof(one)) = (struct known){0};
	/* What ends with x+ ends with an x, so that the last copy touches what follows. */
	if (copies)
		push_known(a, l, one);
}

static void
push_sequence(struct arena *a, struct list *l, const struct regex *seq)
{
	for (size_t i = 0; i < seq->n; i++) {
		const struct regex *r = seq->items[i];

		if (r->kind == REGEX_REPEAT)
			push_repeat(a, l, r);
		else if (r->kind == REGEX_SEQ)
			push_sequence(a, l, r);
		else if (r->kind == REGEX_GROUP && r->items[0]->kind == REGEX_SEQ)
			push_sequence(a, l, r->items[0]);
		else
			push_known(a, l, learn(a, r));
	}
}

static struct known
learn_sequence(struct arena *a, const struct regex *r)
{
	struct regex *alone[] = {(struct regex *)(uintptr_t)r};
	struct regex wrap = {.kind = REGEX_SEQ, .items = alone, .n = 1};
	struct list items = {0};

	push_sequence(a, &items, r->kind == REGEX_SEQ ? r : &wrap);
	return learn_run(a, items.items, items.n);
}

static struct known
learn(struct arena *a, const struct regex *r)
{
	switch (r->kind) {
	case REGEX_SET:
		return learn_set(a, r);
	case REGEX_SEQ:
	case REGEX_REPEAT:
		return learn_sequence(a, r);
	case REGEX_ALT:
		return learn_alternatives(a, r);
	case REGEX_GROUP:
		return learn(a, r->items[0]);
	case REGEX_ANY:
		return (struct known){0};
	case REGEX_LOOK:
		return learn_look(a, r);
	case REGEX_START:
	case REGEX_END:
	case REGEX_WIDTH0:
		break;
	}
	return known_empty(a);
}

/* True when every line with b has a in it, too. */
static bool
covers(const struct literal *a, const struct literal *b)
{
	if (a->len > b->len || (b->caseless && !a->caseless))
		return false;
	for (size_t i = 0; i + a->len <= b->len; i++) {
		if (a->caseless ? !strncasecmp(b->text + i, a->text, a->len)
				: !memcmp(b->text + i, a->text, a->len))
			return true;
	}
	return false;
}

/* Drops what another literal makes needless. */
static size_t
reduce(struct literal *l, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		bool needed = true;

		for (size_t j = 0; j < n && needed; j++) {
			if (j != i && covers(&l[j], &l[i]))
				needed = j > i && covers(&l[i], &l[j]);
		}
		if (needed)
			l[kept++] = l[i];
	}
	return kept;
}

void
literal_choose(struct arena *a, const struct regex *tree, struct literal **out, size_t *n)
{
	struct known k = learn(a, tree);
	struct literal *l;

	if (k.exact)
		offer(&k, &k.all);
	l = arena_array(a, k.found.n, sizeof(*l));
	for (size_t i = 0; i < k.found.n; i++)
		literal_cut(a, &k.found.items[i], &l[i]);
	*out = l;
	*n = reduce(l, k.found.n);
}
