/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "prover/eval_private.h"

#include "base/hash.h"

/* How a key's bytes are made. */
enum key_kind {
	KEY_CONST,
	KEY_SOURCE, /* the source as it is in one place, all else constant */
	KEY_MIXED,
};

struct key {
	enum key_kind kind;
	uint8_t bytes[REG_BYTES];
	uint8_t offset, len; /* KEY_SOURCE */
};

/* A growing array of ranges. */
struct growing {
	struct range *v;
	uint32_t n, room;
};

/* The sources that one value of a map is for. */
struct part {
	uint32_t element; /* one that has the value; the set's n: the catch-all */
	struct growing where;
	bool exact;
};
struct parts {
	struct part *v;
	uint32_t n, room;
	bool more; /* values beyond the limit were left out */
};
struct map_parts {
	struct map_parts *next;
	const struct set *set;
	struct parts parts;
};

static void
grow(void *items, uint32_t n, uint32_t *room, size_t size)
{
	void **v = items;

	if (n < *room)
		return;
	*room = *room ? *room * 2 : 4;
	*v = realloc(*v, *room * size);
	if (!*v)
		abort();
}

static void
parts_fini(struct parts *p)
{
	for (uint32_t i = 0; i < p->n; i++)
		free(p->v[i].where.v);
	free(p->v);
	*p = (struct parts){0};
}

void
maps_free(struct map_parts *m)
{
	while (m) {
		struct map_parts *next = m->next;

		parts_fini(&m->parts);
		free(m);
		m = next;
	}
}

static struct key
key_read(const struct evaluator *e, const struct regs *r, uint8_t at, uint8_t len)
{
	uint8_t size = e->q->family == 4 ? 4 : 16, seen = 0;
	struct key k = {.kind = KEY_CONST, .len = size};

	if (at + len > REG_BYTES) {
		k.kind = KEY_MIXED;
		return k;
	}
	for (uint8_t i = 0; i < len; i++) {
		struct byte b = r->b[at + i];

		k.bytes[i] = b.value;
		if (byte_known(b))
			continue;
		if (!seen)
			k.offset = i;
		if (b.source == 0xff && !b.value && b.from == seen && i == k.offset + seen)
			seen++;
		else
			k.kind = KEY_MIXED;
	}
	if (k.kind == KEY_CONST && seen)
		k.kind = seen == size ? KEY_SOURCE : KEY_MIXED;
	return k;
}

/* The ports whose answers this set does not tell apart. */
static void
lookup_ports(struct evaluator *e, const struct regs *r, const struct op *op)
{
	const struct set *s = op->u.lookup.set;
	uint8_t at = op->sreg;

	for (unsigned i = 0; i < s->key_len && at + i < REG_BYTES; i++) {
		struct byte b = r->b[at + i];
		bool pair = b.from == FROM_PORT_HIGH && i + 1 < s->key_len &&
			    r->b[at + i + 1].from == FROM_PORT_LOW;
		uint16_t lo = e->ports.lo, hi = e->ports.hi;

		if (b.source || b.from < FROM_PORT_HIGH)
			continue;
		if (!pair) {
			ports_pin(e);
			continue;
		}
		set_port_class(s, (uint8_t)i, e->q->dport, &lo, &hi);
		ports_cut(e, lo);
		ports_cut(e, hi + 1u);
		i++;
	}
}

/* Why a key is not exact: what is unknown in it, else the set itself. */
static const char *
key_why(const struct regs *r, const struct op *op)
{
	const struct set *s = op->u.lookup.set;

	for (unsigned i = op->sreg; i < (unsigned)op->sreg + s->key_len && i < REG_BYTES; i++)
		if (r->b[i].unknown)
			return regs_why(r, op->sreg, s->key_len);
	return s->name ? s->name : "a set without a name";
}

/* Whether one field of an element holds: for those in where (FIT_SOURCES), perhaps, and then only
 * for those in where if it was set (FIT_MAYBE). */
enum fit { FIT_NO, FIT_YES, FIT_MAYBE, FIT_SOURCES };

static bool
source_prefix(const struct byte *b, unsigned len, u128 *mask, uint8_t family)
{
	unsigned last = family == 4 ? 3 : 15;

	*mask = 0;
	for (unsigned i = 0; i < len; i++) {
		if (b[i].unknown || b[i].value || (b[i].source && b[i].from != i) || i > last)
			return false;
		*mask |= (u128)b[i].source << ((last - i) * 8);
	}
	return true;
}

/* Sources whose masked number is within lo and hi, when the mask is a prefix. */
static enum fit
fit_interval(const struct byte *b, unsigned len, const uint8_t *lo, const uint8_t *hi,
    uint8_t family, struct ranges *where)
{
	unsigned size = family == 4 ? 4 : 16;
	u128 mask, low, from = 0, to = 0, last = family_last(family);

	if (!source_prefix(b, len, &mask, family) || !mask)
		return FIT_MAYBE;
	low = (mask & -mask) - 1;
	if ((mask | low) != last)
		return FIT_MAYBE;
	for (unsigned i = 0; i < size; i++) {
		from = from << 8 | (i < len ? lo[i] : 0);
		to = to << 8 | (i < len ? hi[i] : 0xff);
	}
	/* Masked numbers have no low bits: the first at or above lo, the last at or below hi. */
	if (from & low) {
		if ((from | low) == last)
			return FIT_NO;
		from = (from | low) + 1;
	}
	to |= low;
	if (from > to)
		return FIT_NO;
	*where = (struct ranges){.v = malloc(sizeof(*where->v)), .n = 1, .owned = true};
	if (!where->v)
		abort();
	where->v[0] = (struct range){from, to};
	return FIT_SOURCES;
}

static enum fit
fit_value(
    const struct byte *b, unsigned len, const uint8_t *v, uint8_t family, struct ranges *where)
{
	unsigned last = family == 4 ? 3 : 15;
	u128 mask = 0, value = 0;
	bool unknown = false;

	for (unsigned i = 0; i < len; i++) {
		uint8_t diff = b[i].value ^ v[i];
		unsigned shift = (last - (b[i].from & 15)) * 8;

		if (diff & (uint8_t) ~(b[i].unknown | b[i].source))
			return FIT_NO;
		unknown |= b[i].unknown != 0;
		if (!b[i].source)
			continue;
		if ((value >> shift ^ diff) & (mask >> shift) & b[i].source)
			return FIT_NO;
		mask |= (u128)b[i].source << shift;
		value |= (u128)(diff & b[i].source) << shift;
	}
	if (!mask)
		return unknown ? FIT_MAYBE : FIT_YES;
	if (!masked_sources(family, mask, value, where))
		return FIT_MAYBE;
	return unknown ? FIT_MAYBE : FIT_SOURCES;
}

static enum fit
fit_field(const struct byte *b, unsigned len, const uint8_t *lo, const uint8_t *hi, uint8_t family,
    struct ranges *where)
{
	uint8_t bytes[REG_BYTES];

	if (memcmp(lo, hi, len) == 0)
		return fit_value(b, len, lo, family, where);
	for (unsigned i = 0; i < len; i++) {
		if (!byte_known(b[i]))
			return fit_interval(b, len, lo, hi, family, where);
		bytes[i] = b[i].value;
	}
	return memcmp(bytes, lo, len) >= 0 && memcmp(bytes, hi, len) <= 0 ? FIT_YES : FIT_NO;
}

/* All fields of an element together. */
static enum fit
fit_element(const struct set *s, const struct byte *key, const struct element *el, uint8_t family,
    struct ranges *where)
{
	bool maybe = false;

	for (unsigned f = 0; f < s->n_fields; f++) {
		uint8_t at = s->fields[f].offset, len = s->fields[f].len;
		struct ranges one = {0};
		enum fit fit = fit_field(key + at, len, el->lo + at, el->hi + at, family, &one);

		if (fit == FIT_NO) {
			ranges_fini(where);
			return FIT_NO;
		}
		/* The source in two fields: each alone is a bound. */
		maybe |= fit == FIT_MAYBE || (one.v && where->v);
		if (!where->v)
			*where = one;
		else
			ranges_fini(&one);
	}
	if (!maybe)
		return where->v ? FIT_SOURCES : FIT_YES;
	if (!where->v) {
		*where = (struct ranges){.v = malloc(sizeof(*where->v)), .n = 1, .owned = true};
		if (!where->v)
			abort();
		where->v[0] = (struct range){0, family_last(family)};
	}
	return FIT_MAYBE;
}

static bool
same_value(const struct set *s, const struct element *a, const struct element *b)
{
	if (s->is_vmap)
		return a->verdict.code == b->verdict.code && a->verdict.chain == b->verdict.chain;
	return memcmp(a->data, b->data, s->data_len) == 0;
}

static uint64_t
value_hash(const struct set *s, const struct element *el)
{
	uint64_t both[2] = {
	    (uint64_t)(uint32_t)el->verdict.code, (uint64_t)(uintptr_t)el->verdict.chain};

	return s->is_vmap ? hash_bytes(&hash_stable, both, sizeof(both))
			  : hash_bytes(&hash_stable, el->data, s->data_len);
}

static void
any_element(const struct set *s, uint32_t i, struct element *el)
{
	if (i < s->n)
		set_element(s, i, el);
	else
		*el = *s->catchall;
}

/* The part an element belongs to; NULL: more values than the limit. Sets that are no maps have one
 * part, of all. */
static struct part *
part_of(const struct evaluator *e, const struct set *s, struct parts *p, uint32_t *slots,
    uint32_t n_slots, const struct element *el, uint32_t i, bool exact)
{
	uint64_t at = s->is_map ? (value_hash(s, el) ^ exact) % n_slots : exact;

	for (; slots[at]; at = (at + 1) % n_slots) {
		struct part *old = &p->v[slots[at] - 1];
		struct element other;

		if (old->exact != exact)
			continue;
		if (!s->is_map)
			return old;
		set_element(s, old->element, &other);
		if (same_value(s, el, &other))
			return old;
	}
	if (p->n >= e->limits.values)
		return NULL;
	grow(&p->v, p->n, &p->room, sizeof(*p->v));
	p->v[p->n] = (struct part){.element = i, .exact = exact};
	slots[at] = ++p->n;
	return &p->v[p->n - 1];
}

static void
part_add(struct part *p, const struct ranges *where)
{
	for (uint32_t i = 0; i < where->n; i++) {
		grow(&p->where.v, p->where.n, &p->where.room, sizeof(*p->where.v));
		p->where.v[p->where.n++] = where->v[i];
	}
}

/* Every element of a set against a key: who gets which value. */
static struct parts
parts_read(const struct evaluator *e, const struct set *s, const struct byte *key)
{
	uint32_t n_slots = 2 * e->limits.values + 8;
	uint32_t *slots _cleanup_(freep) = calloc(n_slots, sizeof(*slots));
	struct range every = {0, family_last(e->q->family)};
	struct parts parts = {0};

	if (!slots)
		abort();
	for (uint32_t i = 0; i < s->n; i++) {
		struct ranges where = {0};
		struct element el;
		struct part *p;
		enum fit fit;

		set_element(s, i, &el);
		fit = fit_element(s, key, &el, e->q->family, &where);
		if (fit == FIT_NO)
			continue;
		if (fit == FIT_YES)
			where = (struct ranges){.v = &every, .n = 1};
		p = part_of(e, s, &parts, slots, n_slots, &el, i, fit != FIT_MAYBE);
		if (p)
			part_add(p, &where);
		else
			parts.more = true;
		ranges_fini(&where);
	}
	for (uint32_t i = 0; i < parts.n; i++)
		parts.v[i].where.n = ranges_tidy(parts.v[i].where.v, parts.v[i].where.n);
	return parts;
}

/* Of a map looked up by the source alone: made once. */
static const struct parts *
parts_kept(struct evaluator *e, const struct set *s, const struct byte *key)
{
	struct map_parts *m;

	for (m = e->maps; m; m = m->next)
		if (m->set == s)
			return &m->parts;
	m = calloc(1, sizeof(*m));
	if (!m)
		abort();
	*m = (struct map_parts){.next = e->maps, .set = s, .parts = parts_read(e, s, key)};
	e->maps = m;
	return &m->parts;
}

/* What an element gives: false when the rule does not go on at the next expression. */
static bool
use_element(struct run *r, const struct op *op, uint32_t index)
{
	const struct set *s = op->u.lookup.set;
	struct element el;

	any_element(s, index, &el);
	if (s->is_vmap)
		return run_verdict(r, &el.verdict);
	regs_put(&r->regs, op->dreg, el.data, s->data_len);
	return true;
}

/* Some of the sources go on with an element of theirs. */
static void
use_part(struct run *r, const struct op *op, uint32_t i, uint32_t index, struct srcset *set,
    const char *why)
{
	struct run part = {.e = r->e,
	    .rule = r->rule,
	    .x = r->x,
	    .next = r->next,
	    .unknown = why ? why : r->unknown,
	    .go = srcset_take(set),
	    .regs = r->regs};

	if (srcset_empty(&part.go))
		return;
	memcpy(&part.env, &r->env, sizeof(part.env));
	if (use_element(&part, op, index))
		run_ops(&part, i + 1);
	else
		run_leave(&part, &part.go);
}

static void
use_parts(struct run *r, const struct op *op, uint32_t i, const struct parts *parts)
{
	const struct set *s = op->u.lookup.set;
	const char *why = key_why(&r->regs, op);
	struct srcset rest = srcset_copy(&r->go);

	for (uint32_t k = 0; k < parts->n; k++) {
		const struct part *p = &parts->v[k];
		struct ranges where = {.v = p->where.v, .n = p->where.n};
		struct srcset in = srcset_meet(&r->go, &where);

		if (p->exact)
			srcset_sub(&rest, &where);
		else
			eval_note(r->e, why, &in);
		use_part(r, op, i, p->element, &in, p->exact ? NULL : why);
	}
	if (parts->more)
		eval_both(r->e, &rest, "a map with more values than the limit");
	srcset_fini(&r->go);
	if (s->has_catchall)
		use_part(r, op, i, s->n, &rest, NULL);
	else
		run_leave(r, &rest);
}

static bool
map_run(struct run *r, const struct op *op, uint32_t i, const struct key *key)
{
	struct evaluator *e = r->e;
	const struct set *s = op->u.lookup.set;
	const struct byte *b = r->regs.b + op->sreg;
	struct parts own;
	uint32_t index;

	if (key->kind == KEY_CONST) {
		if (set_find(s, key->bytes, &index))
			return use_element(r, op, index);
		run_leave(r, &r->go);
		return false;
	}
	if (key->kind == KEY_SOURCE && s->n_fields == 1) {
		use_parts(r, op, i, parts_kept(e, s, b));
		return false;
	}
	own = parts_read(e, s, b);
	use_parts(r, op, i, &own);
	parts_fini(&own);
	return false;
}

static struct ranges
growing_ranges(const struct growing *g)
{
	return (struct ranges){.v = g->v, .n = ranges_tidy(g->v, g->n), .owned = true};
}

/* A key of masked, unknown and other bytes: who surely and who perhaps is in the set. */
static struct outcome
mixed_key(struct run *r, const struct op *op)
{
	const struct set *s = op->u.lookup.set;
	struct parts parts = parts_read(r->e, s, r->regs.b + op->sreg);
	struct outcome o = {.kind = OUT_SPLIT};
	struct part may = {0}, must = {0};
	bool more = parts.more;

	for (uint32_t k = 0; k < parts.n; k++) {
		const struct part *p = &parts.v[k];
		const struct ranges where = {.v = p->where.v, .n = p->where.n};

		part_add(&may, &where);
		if (p->exact)
			part_add(&must, &where);
		else
			o.why = key_why(&r->regs, op);
	}
	parts_fini(&parts);
	o.may = growing_ranges(&may.where);
	o.must = growing_ranges(&must.where);
	if (more) {
		outcome_fini(&o);
		return outcome_of(OUT_MAYBE, "a map with more values than the limit");
	}
	if (!o.may.n) {
		outcome_fini(&o);
		o.kind = OUT_NO;
	}
	return o;
}

static bool
set_run(struct run *r, const struct op *op, const struct key *key)
{
	const struct set *s = op->u.lookup.set;
	struct outcome o = {.kind = OUT_SPLIT};
	uint32_t index;

	if (key->kind == KEY_CONST)
		o.kind = set_find(s, key->bytes, &index) ? OUT_YES : OUT_NO;
	else if (s->has_catchall)
		o.kind = OUT_YES;
	else if (key->kind == KEY_SOURCE)
		o.may = o.must = set_sources(s, key->bytes, key->offset, key->len);
	else
		o = mixed_key(r, op);
	run_condition(r, &o, op->u.lookup.inverted);
	return true;
}

static bool
unknown_set(struct run *r, const struct op *op)
{
	const struct set *s = op->u.lookup.set;
	const char *why = s && s->why ? s->why : op->name ? op->name : "a set that is not known";

	if (s && s->is_vmap) {
		eval_both(r->e, &r->go, why);
		run_maybe(r, why);
	} else {
		run_maybe(r, why);
		regs_put_unknown(&r->regs, op->dreg, s && s->data_len ? s->data_len : 16, why);
	}
	return true;
}

bool
lookup_run(struct run *r, const struct op *op, uint32_t i)
{
	const struct set *s = op->u.lookup.set;
	struct key key;

	if (!s || s->unknown)
		return unknown_set(r, op);
	key = key_read(r->e, &r->regs, op->sreg, s->key_len);
	lookup_ports(r->e, &r->regs, op);
	/* Of a map that is asked without a destination only the keys count. */
	return op->u.lookup.has_dreg ? map_run(r, op, i, &key) : set_run(r, op, &key);
}

enum lookup_quick
lookup_dry(struct evaluator *e, struct regs *r, const struct op *op)
{
	const struct set *s = op->u.lookup.set;
	struct key key;
	uint32_t index;
	bool found;

	if (!s || s->unknown)
		return LOOKUP_STOP;
	key = key_read(e, r, op->sreg, s->key_len);
	if (key.kind != KEY_CONST) {
		if (s->is_map && op->u.lookup.has_dreg)
			regs_put_unknown(r, op->dreg, s->data_len, NULL);
		return s->is_vmap ? LOOKUP_STOP : LOOKUP_GOES_ON;
	}
	lookup_ports(e, r, op);
	found = set_find(s, key.bytes, &index);
	if (found == op->u.lookup.inverted)
		return LOOKUP_NO;
	if (s->is_vmap)
		return LOOKUP_STOP;
	if (s->is_map && op->u.lookup.has_dreg) {
		struct element el;

		any_element(s, index, &el);
		regs_put(r, op->dreg, el.data, s->data_len);
	}
	return LOOKUP_GOES_ON;
}
