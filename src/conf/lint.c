/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf/lint.h"

#include <string.h>

#define FORGED                                                                                     \
	"here a client can put another address: end the pattern with $ and no catch-all after "    \
	"<addr>, or say more exactly what fits here"

#define WIDE_MIN 8 /* a repeat of fewer bytes holds no delimiter with an address */

struct linter {
	const struct lint_wants *wants;
	struct lint_finding *out;
	size_t n;
};

static void
tell(struct linter *l, const struct regex *at, const char *what)
{
	for (size_t i = 0; i < l->n; i++) {
		if (l->out[i].what == what)
			return;
	}
	if (l->n < LINT_FINDINGS_MAX)
		l->out[l->n++] = (struct lint_finding){what, at->offset};
}

static bool
is_named(const struct regex *r, const char *name)
{
	return r->kind == REGEX_GROUP && r->name && !strcmp(r->name, name);
}

static bool
contains(const struct regex *r, const char *name)
{
	if (is_named(r, name))
		return true;
	for (size_t i = 0; i < r->n; i++) {
		if (contains(r->items[i], name))
			return true;
	}
	return false;
}

/* --- the beginning --- */

enum reach {
	REACH_NO,      /* text may come before the anchor */
	REACH_THROUGH, /* takes no text, and no anchor was met */
	REACH_ANCHOR,
};

static enum reach
anchor_of(struct linter *l, const struct regex *r)
{
	enum reach sum = REACH_ANCHOR;

	switch (r->kind) {
	case REGEX_START:
		return REACH_ANCHOR;
	case REGEX_LOOK:
	case REGEX_WIDTH0:
		return REACH_THROUGH;
	case REGEX_SEQ:
		for (size_t i = 0; i < r->n; i++) {
			enum reach one = anchor_of(l, r->items[i]);

			if (one != REACH_THROUGH)
				return one;
		}
		return REACH_THROUGH;
	case REGEX_ALT:
		for (size_t i = 0; i < r->n; i++) {
			enum reach one = anchor_of(l, r->items[i]);

			sum = one < sum ? one : sum;
		}
		return sum;
	case REGEX_GROUP:
		return anchor_of(l, r->items[0]);
	case REGEX_REPEAT:
		return r->min ? anchor_of(l, r->items[0]) : REACH_NO;
	default:
		return REACH_NO;
	}
}

static void
check_start(struct linter *l, const struct regex *tree)
{
	const struct regex *at = tree;

	if (anchor_of(l, tree) == REACH_ANCHOR)
		return;
	for (size_t i = 0; tree->kind == REGEX_ALT && i < tree->n; i++) {
		if (anchor_of(l, tree->items[i]) != REACH_ANCHOR) {
			at = tree->items[i];
			break;
		}
	}
	tell(l, at,
	    tree->kind == REGEX_ALT
		? "this alternative must begin with ^, too: put them into ^(?:...|...)"
		: "a pattern must begin with ^: without it a client can put the text anywhere");
}

/* --- how often the address is in a match --- */

struct count {
	unsigned least, most; /* 2 stands for "several" */
};

static unsigned
at_most_two(unsigned v)
{
	return v > 2 ? 2 : v;
}

static struct count
count_named(const struct regex *r, const char *name)
{
	struct count c = {0, 0};

	if (is_named(r, name))
		return (struct count){1, 1};
	if (r->kind == REGEX_ALT)
		c.least = 2;
	for (size_t i = 0; i < r->n; i++) {
		struct count one = count_named(r->items[i], name);

		if (r->kind == REGEX_ALT) {
			c.least = one.least < c.least ? one.least : c.least;
			c.most = one.most > c.most ? one.most : c.most;
		} else {
			c.least = at_most_two(c.least + one.least);
			c.most = at_most_two(c.most + one.most);
		}
	}
	if (r->kind == REGEX_REPEAT) {
		c.least = r->min ? c.least : 0;
		c.most = r->max > 1 ? at_most_two(c.most * 2) : c.most;
	}
	if (r->kind == REGEX_LOOK)
		c.least = 0;
	return c;
}

/* The first node of a kind that holds the address, for the caret. */
static const struct regex *
find_holder(const struct regex *r, enum regex_kind kind)
{
	const struct regex *found;

	if (!contains(r, "addr"))
		return NULL;
	if (r->kind == kind)
		return r;
	for (size_t i = 0; i < r->n; i++) {
		found = find_holder(r->items[i], kind);
		if (found)
			return found;
	}
	return NULL;
}

static void
check_address(struct linter *l, const struct regex *tree)
{
	struct count addr = count_named(tree, "addr");
	const struct regex *look = find_holder(tree, REGEX_LOOK);
	const struct regex *repeat = find_holder(tree, REGEX_REPEAT);

	if (look)
		tell(l, look, "<addr> cannot stand in a lookaround");
	else if (addr.most == 0)
		tell(l, tree, "a pattern needs <addr>, the address of the offender");
	else if (addr.least == 0)
		tell(l, repeat ? repeat : tree, "this can match without <addr>");
	else if (addr.most > 1)
		tell(l, repeat ? repeat : tree,
		    "a match can have <addr> more than once: which one is the offender?");
}

/* --- forged addresses --- */

/* What is still to come behind a node: items from `next` on of a sequence, then the outer ones. */
struct rest {
	const struct regex *seq;
	size_t next;
	const struct rest *outer;
};

static bool
is_backslash(const struct regex *r)
{
	return r->kind == REGEX_SET && regex_set_has(r->set, '\\') && !regex_set_has(r->set, 'a') &&
	       !regex_set_has(r->set, '"');
}

/* In (?:[^"\\]|\\.)* what follows a backslash is escaped: the quote is not among its bytes. */
static void
add_bytes(const struct regex *r, uint64_t set[4])
{
	if (r->kind == REGEX_SET) {
		for (int w = 0; w < 4; w++)
			set[w] |= r->set[w];
	} else if (r->kind == REGEX_ANY) {
		memset(set, 0xff, 32);
	} else if (r->kind != REGEX_LOOK) {
		for (size_t i = 0; i < r->n; i++) {
			add_bytes(r->items[i], set);
			if (r->kind == REGEX_SEQ && i + 1 < r->n && is_backslash(r->items[i]) &&
			    r->items[i + 1]->kind == REGEX_SET)
				i++;
		}
	}
}

static bool
intersects(const uint64_t a[4], const uint64_t b[4])
{
	return (a[0] & b[0]) || (a[1] & b[1]) || (a[2] & b[2]) || (a[3] & b[3]);
}

/* True when an address of either family can be written with the bytes of a set. */
static bool
takes_address(const uint64_t set[4])
{
	bool digit = false;

	for (unsigned char c = '0'; c <= '9'; c++)
		digit |= regex_set_has(set, c);
	return digit && (regex_set_has(set, '.') || regex_set_has(set, ':'));
}

/* True for a repeat that holds a text of any length, whose bytes are then in set. */
static bool
is_wide(const struct regex *r, uint64_t set[4])
{
	memset(set, 0, 32);
	if (r->kind == REGEX_ANY) {
		memset(set, 0xff, 32);
		return true;
	}
	if (r->kind != REGEX_REPEAT || r->max < WIDE_MIN)
		return false;
	add_bytes(r, set);
	return true;
}

static bool
holds_wide(const struct regex *r)
{
	uint64_t set[4];

	if (is_wide(r, set))
		return true;
	for (size_t i = 0; i < r->n; i++) {
		if (holds_wide(r->items[i]))
			return true;
	}
	return false;
}

/*
 * A lookaround that looks far ahead, as in (?!.*rhost=.*rhost=): whoever writes one has thought of
 * forged text, and what it rules out is for the filter's examples to show.
 */
static bool
is_guard(const struct regex *r)
{
	bool found = false;

	if (r->kind != REGEX_LOOK)
		return false;
	for (size_t i = 0; i < r->n && !found; i++)
		found = holds_wide(r->items[i]);
	return found;
}

/* True when some text of r can be written with the bytes of set alone. */
static bool
coverable(const struct regex *r, const uint64_t set[4])
{
	bool any = false;

	switch (r->kind) {
	case REGEX_SET:
		return intersects(r->set, set);
	case REGEX_SEQ:
	case REGEX_GROUP:
		for (size_t i = 0; i < r->n; i++) {
			if (!coverable(r->items[i], set))
				return false;
		}
		return true;
	case REGEX_ALT:
		for (size_t i = 0; i < r->n; i++)
			any |= coverable(r->items[i], set);
		return any;
	case REGEX_REPEAT:
		return r->min == 0 || coverable(r->items[0], set);
	case REGEX_START:
		return false;
	default:
		return true;
	}
}

/*
 * One look at what a repeat can do: set is what it can take, from is what follows it. With tail the
 * question is whether a forged address can be read; without, whether the way to the address can be
 * written at all.
 */
struct walker {
	const uint64_t *set;
	const struct rest *from;
	bool tail;
};

enum tail {
	TAIL_STOPS, /* the pattern cannot go on behind a forged address */
	TAIL_GOES_ON,
	TAIL_SWALLOWS, /* a repeat takes the rest of the real line with it */
};

static enum tail tail_of_rest(const struct walker *w, const struct rest *rest);
static bool walk_rest(const struct walker *w, const struct rest *rest);

/* True for a repeat in the tail that can take the real text up to the real address, and that, too.
 */
static bool
swallows(const struct walker *w, const struct regex *r)
{
	uint64_t set[4];
	struct walker again = {set, w->from, false};

	return is_wide(r, set) && takes_address(set) && walk_rest(&again, w->from);
}

static enum tail
tail_of(const struct walker *w, const struct regex *r)
{
	enum tail one, sum = TAIL_STOPS;

	if (is_guard(r))
		return TAIL_STOPS;
	if (swallows(w, r))
		return TAIL_SWALLOWS;
	switch (r->kind) {
	case REGEX_END:
		return TAIL_STOPS;
	case REGEX_SET:
		return intersects(r->set, w->set) ? TAIL_GOES_ON : TAIL_STOPS;
	case REGEX_SEQ:
		return tail_of_rest(w, &(struct rest){r, 0, NULL});
	case REGEX_GROUP:
		return tail_of(w, r->items[0]);
	case REGEX_ALT:
		for (size_t i = 0; i < r->n; i++) {
			one = tail_of(w, r->items[i]);
			sum = one > sum ? one : sum;
		}
		return sum;
	case REGEX_REPEAT:
		one = tail_of(w, r->items[0]);
		return r->min == 0 && one == TAIL_STOPS ? TAIL_GOES_ON : one;
	default:
		return TAIL_GOES_ON;
	}
}

static enum tail
tail_of_rest(const struct walker *w, const struct rest *rest)
{
	for (; rest; rest = rest->outer) {
		for (size_t i = rest->next; i < rest->seq->n; i++) {
			enum tail one = tail_of(w, rest->seq->items[i]);

			if (one != TAIL_GOES_ON)
				return one;
		}
	}
	return TAIL_GOES_ON;
}

static bool
is_byte(const struct regex *seq, size_t i, char c)
{
	const struct regex *r = i < seq->n ? seq->items[i] : NULL;

	return r && r->kind == REGEX_SET && regex_set_has(r->set, (unsigned char)c) &&
	       !regex_set_has(r->set, (unsigned char)(c ^ 1));
}

/* JSON's writers escape quotes, so that no client can write a key, "name":, for another. */
static bool
is_json_key(const struct regex *seq, size_t i)
{
	size_t start = ++i;

	if (!is_byte(seq, start - 1, '"'))
		return false;
	while (i < seq->n && seq->items[i]->kind == REGEX_SET && !is_byte(seq, i, '"') &&
	       !regex_set_has(seq->items[i]->set, ' '))
		i++;
	return i > start && is_byte(seq, i, '"') && is_byte(seq, i + 1, ':');
}

/* Steps into a node that holds the address: by any branch that does. */
static bool
walk_into(const struct walker *w, const struct regex *r, const struct rest *behind)
{
	if (is_named(r, "addr"))
		return !w->tail || tail_of_rest(w, behind) != TAIL_STOPS;
	if (r->kind == REGEX_SEQ)
		return walk_rest(w, &(struct rest){r, 0, behind});
	for (size_t i = 0; i < r->n; i++) {
		if (contains(r->items[i], "addr") && walk_into(w, r->items[i], behind))
			return true;
	}
	return false;
}

/* True when all up to an address can be written with the set (and then the tail does not stop). */
static bool
walk_rest(const struct walker *w, const struct rest *rest)
{
	for (; rest; rest = rest->outer) {
		for (size_t i = rest->next; i < rest->seq->n; i++) {
			const struct regex *item = rest->seq->items[i];
			struct rest behind = {rest->seq, i + 1, rest->outer};

			if (contains(item, "addr"))
				return walk_into(w, item, &behind);
			if (is_json_key(rest->seq, i) || !coverable(item, w->set))
				return false;
		}
	}
	return false;
}

/* Dates and session names are the server's own words: no client writes them. */
static bool
is_trusted(const struct regex *r)
{
	return is_named(r, "addr") || is_named(r, "time") || is_named(r, "session");
}

static void
check_forging(struct linter *l, const struct regex *r, const struct rest *rest)
{
	uint64_t set[4];
	struct walker w = {set, rest, true};

	/* A backreference takes no more than its group did. */
	if (is_trusted(r) || r->kind == REGEX_LOOK || r->kind == REGEX_ANY)
		return;
	if (is_wide(r, set)) {
		if (takes_address(set) && walk_rest(&w, rest))
			tell(l, r, FORGED);
		return;
	}
	for (size_t i = 0; i < r->n; i++) {
		struct rest inner = {r, i + 1, rest};

		if (r->kind == REGEX_SEQ && is_guard(r->items[i]))
			return;
		check_forging(l, r->items[i], r->kind == REGEX_SEQ ? &inner : rest);
	}
}

size_t
lint_pattern(const struct regex *tree, const struct lint_wants *wants,
    struct lint_finding out[static LINT_FINDINGS_MAX])
{
	struct linter l = {wants, out, 0};

	check_start(&l, tree);
	if (wants->address)
		check_address(&l, tree);
	if (wants->session && !count_named(tree, "session").least)
		tell(&l, tree, "this can match without <session>");
	if (wants->forging)
		check_forging(&l, tree, NULL);
	return l.n;
}
