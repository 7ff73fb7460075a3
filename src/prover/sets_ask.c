/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Questions to a set's elements, prover/ir.h. What was asked once is kept: rules ask the same for
 * each port, address and path.
 */
#include <stdlib.h>
#include <string.h>

#include "prover/sets.h"

/* Answers kept per set, and ranges in them. */
#define SOURCES_MAX 1024
#define RANGES_MAX  (1u << 20)

static const uint8_t *
end_of(const struct set *s, const uint8_t *item)
{
	return s->store->has_end ? item + s->key_len : item;
}

void
set_element(const struct set *s, uint32_t i, struct element *e)
{
	const struct set_store *st = s->store;
	const uint8_t *item = store_item(st, i), *data = item + st->size - st->data_size;

	*e = (struct element){0};
	memcpy(e->lo, item, s->key_len);
	memcpy(e->hi, end_of(s, item), s->key_len);
	if (s->is_vmap)
		memcpy(&e->verdict, data, sizeof(e->verdict));
	else
		memcpy(e->data, data, s->data_len);
}

/* Whether the fields of a key are within an item's, but for the bytes offset..offset+len-1. */
static bool
item_has(const struct set *s, const uint8_t *item, const uint8_t *key, uint8_t offset, uint8_t len)
{
	const uint8_t *end = end_of(s, item);

	if (!s->store->has_end)
		return !memcmp(item, key, offset) &&
		       !memcmp(item + offset + len, key + offset + len,
			   (size_t)s->key_len - offset - len);
	for (uint8_t i = 0; i < s->n_fields; i++) {
		struct set_field f = s->fields[i];

		if (f.offset == offset && f.len <= len)
			continue;
		if (memcmp(key + f.offset, item + f.offset, f.len) < 0 ||
		    memcmp(key + f.offset, end + f.offset, f.len) > 0)
			return false;
	}
	return true;
}

bool
set_find(const struct set *s, const uint8_t *key, uint32_t *index)
{
	uint32_t lo = 0, hi = s->n;

	/* Items whose key is at most this one. */
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (memcmp(store_item(s->store, mid), key, s->key_len) <= 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	/* In all but concatenated intervals only the nearest can have it. */
	for (uint32_t i = lo; i-- > 0;) {
		if (item_has(s, store_item(s->store, i), key, 0, 0)) {
			*index = i;
			return true;
		}
		if (!s->store->has_end || s->n_fields == 1)
			break;
	}
	*index = s->n;
	return s->has_catchall;
}

static u128
number(const uint8_t *p, uint8_t len)
{
	u128 n = 0;

	for (uint8_t i = 0; i < len; i++)
		n = n << 8 | p[i];
	return n;
}

static struct ranges
find_sources(const struct set *s, const uint8_t *key, uint8_t offset, uint8_t len)
{
	struct ranges r = {.owned = true};
	uint32_t room = 0;

	for (uint32_t i = 0; i < s->n; i++) {
		const uint8_t *item = store_item(s->store, i);

		if (!item_has(s, item, key, offset, len) ||
		    memcmp(item + offset, end_of(s, item) + offset, len) > 0)
			continue;
		if (r.n == room) {
			room = room ? room * 2 : 16;
			r.v = realloc(r.v, room * sizeof(*r.v));
			if (!r.v)
				abort();
		}
		r.v[r.n].lo = number(item + offset, len);
		r.v[r.n++].hi = number(end_of(s, item) + offset, len);
	}
	r.n = ranges_tidy(r.v, r.n);
	if (r.n < room / 2) {
		struct range *less = realloc(r.v, (r.n + 1u) * sizeof(*r.v));

		r.v = less ? less : r.v;
	}
	return r;
}

struct ranges
set_sources(const struct set *s, const uint8_t *key, uint8_t offset, uint8_t len)
{
	struct set_store *st = s->store;
	struct sources want = {.offset = offset, .len = len};

	if (offset + len > s->key_len || len > sizeof(u128))
		return (struct ranges){0};
	memcpy(want.key, key, s->key_len);
	memset(want.key + offset, 0, len);
	for (uint32_t i = 0; i < st->n_sources; i++) {
		const struct sources *known = &st->sources[i];

		if (known->offset == offset && known->len == len &&
		    !memcmp(known->key, want.key, s->key_len))
			return (struct ranges){known->ranges.v, known->ranges.n, false};
	}
	want.ranges = find_sources(s, want.key, offset, len);
	if (st->n_sources == SOURCES_MAX || want.ranges.n > RANGES_MAX - st->n_ranges)
		return want.ranges;
	if ((st->n_sources & (st->n_sources - 1)) == 0) {
		size_t room = st->n_sources ? st->n_sources * 2u : 1;

		st->sources = realloc(st->sources, room * sizeof(*st->sources));
		if (!st->sources)
			abort();
	}
	st->sources[st->n_sources++] = want;
	st->n_ranges += want.ranges.n;
	return (struct ranges){want.ranges.v, want.ranges.n, false};
}

static void
mark(struct port_starts *p, uint32_t port)
{
	if (port < 65536)
		p->bits[port / 64] |= UINT64_C(1) << (port % 64);
}

/* A port field of its own, or bytes of keys that are single values. */
static bool
is_port_field(const struct set *s, uint8_t offset)
{
	if (!s->store->has_end)
		return true;
	for (uint8_t i = 0; i < s->n_fields; i++)
		if (s->fields[i].offset == offset && s->fields[i].len == 2)
			return true;
	return false;
}

static const struct port_starts *
port_starts(const struct set *s, uint8_t offset)
{
	struct set_store *st = s->store;
	struct port_starts *p;

	for (uint32_t i = 0; i < st->n_ports; i++)
		if (st->ports[i]->offset == offset)
			return st->ports[i];
	p = calloc(1, sizeof(*p));
	st->ports = realloc(st->ports, (st->n_ports + 1u) * sizeof(struct port_starts *));
	if (!p || !st->ports)
		abort();
	p->offset = offset;
	p->all = !is_port_field(s, offset);
	for (uint32_t i = 0; i < s->n && !p->all; i++) {
		const uint8_t *item = store_item(st, i);

		mark(p, (uint32_t)number(item + offset, 2));
		mark(p, (uint32_t)number(end_of(s, item) + offset, 2) + 1);
	}
	return st->ports[st->n_ports++] = p;
}

static bool
starts_at(const struct port_starts *p, uint32_t port)
{
	return p->all || p->bits[port / 64] >> (port % 64) & 1;
}

void
set_port_class(const struct set *s, uint8_t offset, uint16_t port, uint16_t *lo, uint16_t *hi)
{
	const struct port_starts *p;
	uint32_t from = port, to = port;

	if (s->unknown || offset + 2 > s->key_len)
		return;
	p = port_starts(s, offset);
	while (from > *lo && !starts_at(p, from))
		from--;
	while (to < *hi && !starts_at(p, to + 1))
		to++;
	*lo = (uint16_t)from;
	*hi = (uint16_t)to;
}
