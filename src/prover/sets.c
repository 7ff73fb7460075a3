/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "prover/sets.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "prover/ruleset.h"

#define SET_FLAGS   0x1ffu /* up to NFT_SET_EXPR */
#define SET_SCHEMA  "-SSwwwwwwnwqwbpwqnnsw"
#define DESC_SCHEMA "-wn"
#define LIST_SCHEMA "-SSnw"
#define ELEM_SCHEMA "-nnwqqbnpsnn"

void
set_make_unknown(struct set *s, const char *why)
{
	if (!s->unknown)
		s->why = why;
	s->unknown = true;
}

uint32_t
set_object_type(const struct set *s)
{
	return s->store->object_type;
}

/* The lengths of a concatenation's fields, each of which begins at a multiple of 4. */
static bool
read_fields(struct set *s, const struct nlattr *list)
{
	const struct nlattr *one;
	uint32_t offset = 0;

	s->n_fields = 0;
	mnl_attr_for_each_nested(one, list)
	{
		uint32_t max = sizeof(s->fields) / sizeof(*s->fields), len;
		struct got g;

		if (mnl_attr_get_type(one) != NFTA_LIST_ELEM || !got_nest(&g, one, "-W") ||
		    s->n_fields == max)
			return false;
		len = got_number(g.a[NFTA_SET_FIELD_LEN]);
		if (!len || len > REG_BYTES - offset)
			return false;
		s->fields[s->n_fields++] = (struct set_field){(uint8_t)offset, (uint8_t)len};
		offset += (len + 3) / 4 * 4;
	}
	return s->n_fields && offset == (s->key_len + 3u) / 4 * 4;
}

static void
read_description(struct reader *r, struct set *s, const struct nlattr *desc)
{
	struct got g;

	s->n_fields = 1;
	s->fields[0] = (struct set_field){0, s->key_len};
	if (!got_nest(&g, desc, DESC_SCHEMA))
		set_make_unknown(s, got_trouble(&g, r->a, "set description"));
	else if (g.a[NFTA_SET_DESC_CONCAT] && !read_fields(s, g.a[NFTA_SET_DESC_CONCAT]))
		set_make_unknown(s, arena_printf(r->a, "fields of set %s", s->name));
	else if (!g.a[NFTA_SET_DESC_CONCAT] && s->flags & NFT_SET_CONCAT)
		set_make_unknown(s, arena_printf(r->a, "fields of set %s", s->name));
}

/* NULL, or what elements carry that may keep them from matching. */
static const char *
bad_expression(struct reader *r, const struct nlattr *one, const struct nlattr *list)
{
	const struct nlattr *e;
	const char *name = NULL;

	if (one && !expr_is_harmless(r, one, &name))
		return name;
	if (list)
		mnl_attr_for_each_nested(e, list) if (!expr_is_harmless(r, e, &name)) return name;
	return NULL;
}

static void
read_doubts(struct reader *r, struct set *s, const struct got *g)
{
	const char *bad = bad_expression(r, g->a[NFTA_SET_EXPR], g->a[NFTA_SET_EXPRESSIONS]);

	if (s->table->doubt)
		set_make_unknown(s, s->table->doubt);
	if (g->state != GOT_ALL)
		set_make_unknown(s, got_trouble(g, r->a, "set"));
	if (s->flags & ~SET_FLAGS)
		set_make_unknown(s, arena_printf(r->a, "nft set flags 0x%x", s->flags));
	if (s->flags & NFT_SET_EVAL)
		set_make_unknown(s, arena_printf(r->a, "set %s is filled by packets", s->name));
	if (bad)
		set_make_unknown(s, arena_printf(r->a, "%s in set %s", bad, s->name));
}

static int
read_set(struct reader *r, uint8_t family, struct got *g)
{
	struct table *t = reader_table(r, family, g->a[NFTA_SET_TABLE]);
	uint32_t key_len = got_number(g->a[NFTA_SET_KEY_LEN]);
	uint32_t data_len = got_number(g->a[NFTA_SET_DATA_LEN]);
	struct set *s;

	if (!t) {
		r->what = "a set of a table that is not there";
		return -EINVAL;
	}
	s = &r->out->sets[r->out->n_sets++];
	s->table = t;
	s->name = got_text(g->a[NFTA_SET_NAME], r->a);
	s->flags = got_number(g->a[NFTA_SET_FLAGS]);
	s->store = arena_alloc(r->a, sizeof(*s->store));
	names_add(&r->sets, r->a, t, s->name, s);
	if (!key_len || key_len > REG_BYTES || data_len > REG_BYTES) {
		set_make_unknown(s, arena_printf(r->a, "lengths of set %s", s->name));
		key_len = data_len = 1;
	}
	s->key_len = (uint8_t)key_len;
	s->is_map = s->flags & NFT_SET_MAP;
	s->is_vmap = s->is_map && got_number(g->a[NFTA_SET_DATA_TYPE]) == NFT_DATA_VERDICT;
	s->data_len = s->is_map && !s->is_vmap ? (uint8_t)data_len : 0;
	s->store->object_type = s->flags & NFT_SET_OBJECT ? got_number(g->a[NFTA_SET_OBJ_TYPE]) : 0;
	s->store->data_size = s->is_vmap ? sizeof(struct verdict) : s->data_len;
	s->store->size = 1 + 2u * s->key_len + s->store->data_size;
	read_description(r, s, g->a[NFTA_SET_DESC]);
	if (!t->own)
		read_doubts(r, s, g);
	return 0;
}

int
sets_read(struct reader *r)
{
	r->out->sets = reader_room(r, reader_count(r, DUMP_NFT_SETS), sizeof(*r->out->sets));
	if (!r->out->sets)
		return -E2BIG;
	return reader_each(r, DUMP_NFT_SETS, NFT_MSG_NEWSET, SET_SCHEMA, read_set);
}

/* Room for one more item while reading. */
static uint8_t *
add_item(struct reader *r, struct set *s)
{
	struct set_store *st = s->store;

	if (st->n == st->room) {
		size_t room = st->room ? st->room * (size_t)2 : 4, more = room - st->room;

		if (room > UINT32_MAX / 2 || more > (ELEMENT_MAX - r->element_bytes) / st->size)
			return NULL;
		st->items = realloc(st->items, room * st->size);
		if (!st->items)
			abort();
		r->element_bytes += more * st->size;
		st->room = (uint32_t)room;
	}
	return memset(st->items + st->n++ * st->size, 0, st->size);
}

static const char *
read_data(struct reader *r, const struct set *s, const struct nlattr *data, uint8_t *out)
{
	uint8_t value[REG_BYTES] = {0};
	struct verdict v = {0};
	const char *bad = NULL;
	struct got g;

	if (s->is_vmap) {
		if (!data || !got_nest(&g, data, "-nN"))
			return "its data";
		bad = verdict_read(r, s->table, g.a[NFTA_DATA_VERDICT], &v);
		if (!bad && v.code == NF_QUEUE)
			bad = "queue";
		memcpy(out, &v, sizeof(v));
	} else if (s->data_len) {
		if (got_value(data, value, sizeof(value)) != s->data_len)
			bad = "its data";
		memcpy(out, value, s->data_len);
	}
	return bad;
}

static const char *
read_catchall(struct reader *r, struct set *s, const struct got *g)
{
	union {
		uint8_t bytes[REG_BYTES];
		struct verdict verdict;
	} data = {{0}};
	const char *bad = read_data(r, s, g->a[NFTA_SET_ELEM_DATA], data.bytes);

	s->has_catchall = true;
	s->catchall = arena_alloc(r->a, sizeof(*s->catchall));
	if (s->is_vmap)
		s->catchall->verdict = data.verdict;
	else
		memcpy(s->catchall->data, data.bytes, s->data_len);
	return bad;
}

/* NULL, or what is not known about the element. */
static const char *
read_element(struct reader *r, struct set *s, const struct got *g, uint8_t *item)
{
	uint32_t flags = got_number(g->a[NFTA_SET_ELEM_FLAGS]), k = s->key_len;
	uint8_t key[REG_BYTES] = {0}, end[REG_BYTES] = {0};
	bool has_end = g->a[NFTA_SET_ELEM_KEY_END];

	if (got_value(g->a[NFTA_SET_ELEM_KEY], key, sizeof(key)) != k)
		return "its key";
	if (has_end && got_value(g->a[NFTA_SET_ELEM_KEY_END], end, sizeof(end)) != k)
		return "its key's end";
	memcpy(item + 1, key, k);
	memcpy(item + 1 + k, has_end ? end : key, k);
	if (flags & NFT_SET_ELEM_INTERVAL_END) {
		item[0] = RAW_INTERVAL_END;
		return NULL;
	}
	if (s->flags & NFT_SET_INTERVAL && !has_end && s->n_fields == 1)
		item[0] = RAW_INTERVAL;
	return read_data(r, s, g->a[NFTA_SET_ELEM_DATA], item + 1 + 2 * k);
}

static int
add_element(struct reader *r, struct set *s, const struct nlattr *elem)
{
	const uint32_t known = NFT_SET_ELEM_INTERVAL_END | NFT_SET_ELEM_CATCHALL;
	const char *bad = NULL;
	uint32_t flags;
	uint8_t *item;
	struct got g;

	if (!got_nest(&g, elem, ELEM_SCHEMA)) {
		set_make_unknown(s, got_trouble(&g, r->a, "set element"));
		return 0;
	}
	flags = got_number(g.a[NFTA_SET_ELEM_FLAGS]);
	if (flags & ~known) {
		bad = "its flags";
	} else if (flags & NFT_SET_ELEM_CATCHALL) {
		bad = read_catchall(r, s, &g);
	} else {
		item = add_item(r, s);
		if (!item) {
			r->what = "the sets are too big";
			return -E2BIG;
		}
		bad = read_element(r, s, &g, item);
	}
	if (!bad)
		bad = bad_expression(r, g.a[NFTA_SET_ELEM_EXPR], g.a[NFTA_SET_ELEM_EXPRESSIONS]);
	if (bad && !s->unknown)
		set_make_unknown(s, arena_printf(r->a, "%s in an element of set %s", bad, s->name));
	return 0;
}

static int
read_elements(struct reader *r, uint8_t family, struct got *g)
{
	const struct table *t = reader_table(r, family, g->a[NFTA_SET_ELEM_LIST_TABLE]);
	struct set *s = t ? names_find(&r->sets, t, g->a[NFTA_SET_ELEM_LIST_SET]) : NULL;
	const struct nlattr *list = g->a[NFTA_SET_ELEM_LIST_ELEMENTS], *elem;
	int e = 0;

	/* Without its set no rule can ask for them. */
	if (!s || t->own)
		return 0;
	if (g->state != GOT_ALL)
		set_make_unknown(s, got_trouble(g, r->a, "elements"));
	if (list)
		mnl_attr_for_each_nested(elem, list)
		{
			if (mnl_attr_get_type(elem) != NFTA_LIST_ELEM)
				set_make_unknown(s, "nft set element list");
			else if (e == 0)
				e = add_element(r, s, elem);
		}
	return e;
}

/* An item's number, and the beginning of its key, which mostly decides. */
struct place {
	uint64_t key;
	uint32_t i;
};

static int
place_order(const void *a, const void *b, void *ctx)
{
	const struct place *p = a, *q = b;
	const struct set *s = ctx;
	const uint8_t *x, *y;
	int d;

	if (p->key != q->key)
		return p->key < q->key ? -1 : 1;
	x = store_item(s->store, p->i);
	y = store_item(s->store, q->i);
	d = memcmp(x + 1, y + 1, s->key_len);
	return d ? d : (y[0] & RAW_INTERVAL_END) - (x[0] & RAW_INTERVAL_END);
}

static struct place *
places_of(const struct set *s)
{
	size_t n = s->key_len < 8 ? s->key_len : 8;
	struct place *v = malloc((s->store->n + 1u) * sizeof(*v));

	if (!v)
		abort();
	for (uint32_t i = 0; i < s->store->n; i++) {
		uint64_t key = 0;

		memcpy(&key, store_item(s->store, i) + 1, n);
		v[i] = (struct place){be64toh(key), i};
	}
	return v;
}

/* The items' numbers in ascending order. The kernel hands trees out in descending order, and those
 * are only turned. */
static struct place *
sorted(struct set *s)
{
	uint32_t n = s->store->n, up = 1, down = 1;
	struct place *v = places_of(s);

	while (up < n && place_order(&v[up - 1], &v[up], s) <= 0)
		up++;
	while (down < n && place_order(&v[down - 1], &v[down], s) >= 0)
		down++;
	if (up >= n)
		return v;
	if (down < n) {
		qsort_r(v, n, sizeof(*v), place_order, s);
		return v;
	}
	for (uint32_t i = 0, k = n - 1; i < k; i++, k--) {
		struct place p = v[i];

		v[i] = v[k];
		v[k] = p;
	}
	return v;
}

/* The last key of an interval: the one before the next key in the tree, else the last of all. */
static void
set_interval_end(const struct set *s, const struct place *v, uint32_t i, uint8_t *end)
{
	const uint8_t *key = store_item(s->store, v[i].i) + 1;
	uint32_t next = i + 1;

	while (next < s->store->n && !memcmp(store_item(s->store, v[next].i) + 1, key, s->key_len))
		next++;
	if (next == s->store->n) {
		memset(end, 0xff, s->key_len);
		return;
	}
	memcpy(end, store_item(s->store, v[next].i) + 1, s->key_len);
	for (uint8_t k = s->key_len; k-- > 0 && end[k]-- == 0;)
		;
}

static void
pack(struct reader *r, struct set *s)
{
	struct set_store *st = s->store, old = *st;
	struct place *v = sorted(s);
	size_t k = s->key_len;

	st->has_end = false;
	for (uint32_t i = 0; i < old.n && !st->has_end; i++) {
		const uint8_t *item = store_item(&old, i);

		st->has_end = item[0] == RAW_INTERVAL || memcmp(item + 1, item + 1 + k, k);
	}
	st->size = k + (st->has_end ? k : 0) + st->data_size;
	st->items = malloc(old.n * st->size + 1);
	if (!st->items)
		abort();
	for (uint32_t i = 0; i < old.n; i++) {
		const uint8_t *item = store_item(&old, v[i].i);
		uint8_t *to = st->items + s->n * st->size;

		if (item[0] & RAW_INTERVAL_END)
			continue;
		s->n++;
		memcpy(to, item + 1, k);
		if (st->has_end) {
			memcpy(to + k, item + 1 + k, k);
			if (item[0] & RAW_INTERVAL)
				set_interval_end(
				    &(struct set){.key_len = s->key_len, .store = &old}, v, i,
				    to + k);
		}
		memcpy(to + st->size - st->data_size, item + 1 + 2 * k, st->data_size);
	}
	free(v);
	free(old.items);
	r->out->n_elements += s->n;
}

int
elements_read(struct reader *r)
{
	int e = reader_each(r, DUMP_NFT_ELEMENTS, NFT_MSG_NEWSETELEM, LIST_SCHEMA, read_elements);

	/* Also after an error: whoever asks finds items in their final form. */
	for (uint32_t i = 0; i < r->out->n_sets; i++)
		pack(r, &r->out->sets[i]);
	return e;
}

static void
store_fini(struct set_store *st)
{
	for (uint32_t i = 0; i < st->n_sources; i++)
		ranges_fini(&st->sources[i].ranges);
	for (uint32_t i = 0; i < st->n_ports; i++)
		free(st->ports[i]);
	free(st->sources);
	free(st->ports);
	free(st->items);
}

void
sets_fini(struct ruleset *r)
{
	for (uint32_t i = 0; i < r->n_sets; i++)
		if (r->sets[i].store)
			store_fini(r->sets[i].store);
}
