/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "base/hash.h"
#include "prover/ruleset.h"

static bool
fits(const struct nlattr *a, char type)
{
	uint16_t n = mnl_attr_get_payload_len(a);

	switch (type | 0x20) { /* lower case */
	case 'c':
		return n == 1;
	case 'h':
		return n == 2;
	case 'w':
	case 'r':
		return n == 4;
	case 'q':
		return n == 8;
	case 's':
		return n > 0;
	default:
		return true;
	}
}

static bool
got_fail(struct got *g, enum got_state state, unsigned number)
{
	g->state = state;
	g->number = (uint16_t)number;
	return false;
}

bool
got_read(struct got *g, const void *bytes, size_t n, const char *schema)
{
	const struct nlattr *a = bytes;
	size_t known = strlen(schema);
	bool all = true;

	*g = (struct got){0};
	while (n && n <= INT32_MAX && mnl_attr_ok(a, (int)n)) {
		unsigned type = mnl_attr_get_type(a);
		size_t step = MNL_ALIGN(a->nla_len);

		if (type >= known || schema[type] == '-' || !fits(a, schema[type]) ||
		    (g->a[type] && schema[type] != 'p'))
			all = all && got_fail(g, GOT_UNKNOWN, type);
		else
			g->a[type] = a;
		n -= step < n ? step : n;
		a = (const void *)((const uint8_t *)a + step);
	}
	if (n)
		return got_fail(g, GOT_BROKEN, 0);
	for (unsigned i = 0; i < known; i++)
		if (schema[i] >= 'A' && schema[i] <= 'Z' && !g->a[i])
			all = got_fail(g, GOT_MISSING, i);
	return all;
}

bool
got_nest(struct got *g, const struct nlattr *nest, const char *schema)
{
	if (nest)
		return got_read(
		    g, mnl_attr_get_payload(nest), mnl_attr_get_payload_len(nest), schema);
	return got_read(g, NULL, 0, schema);
}

const char *
got_trouble(const struct got *g, struct arena *a, const char *name)
{
	switch (g->state) {
	case GOT_UNKNOWN:
		return arena_printf(a, "nft %s attribute %u", name, g->number);
	case GOT_MISSING:
		return arena_printf(a, "nft %s without attribute %u", name, g->number);
	default:
		return arena_printf(a, "nft %s not well formed", name);
	}
}

uint32_t
got_number(const struct nlattr *a)
{
	if (!a)
		return 0;
	switch (mnl_attr_get_payload_len(a)) {
	case 1:
		return mnl_attr_get_u8(a);
	case 2:
		return ntohs(mnl_attr_get_u16(a));
	default:
		return ntohl(mnl_attr_get_u32(a));
	}
}

uint64_t
got_number64(const struct nlattr *a)
{
	return a ? be64toh(mnl_attr_get_u64(a)) : 0;
}

size_t
got_text_len(const struct nlattr *a)
{
	return a ? strnlen(mnl_attr_get_payload(a), mnl_attr_get_payload_len(a)) : 0;
}

const char *
got_text(const struct nlattr *a, struct arena *arena)
{
	return a ? arena_dup(arena, mnl_attr_get_payload(a), got_text_len(a)) : "";
}

bool
got_is(const struct nlattr *a, const char *text)
{
	size_t n = got_text_len(a);

	return a && n == strlen(text) && !memcmp(mnl_attr_get_payload(a), text, n);
}

uint8_t
got_value(const struct nlattr *a, void *out, size_t max)
{
	struct got g;
	size_t n;

	if (!a || !got_nest(&g, a, "-B"))
		return 0;
	n = mnl_attr_get_payload_len(g.a[NFTA_DATA_VALUE]);
	if (n > max)
		return 0;
	memcpy(out, mnl_attr_get_payload(g.a[NFTA_DATA_VALUE]), n);
	return (uint8_t)n;
}

struct name {
	const void *owner; /* NULL: an empty place (no owner is) */
	const char *text;
	void *value;
};

static uint64_t
name_hash(const void *owner, const char *text, size_t n)
{
	struct hash_key key = {(uintptr_t)owner, 0};

	return hash_bytes(&key, text, n);
}

static struct name *
name_place(const struct names *n, const void *owner, const char *text, size_t len)
{
	uint64_t i = name_hash(owner, text, len);

	for (;; i++) {
		struct name *at = &n->v[i & (n->room - 1)];

		if (!at->owner ||
		    (at->owner == owner && strlen(at->text) == len && !memcmp(at->text, text, len)))
			return at;
	}
}

void
names_add(struct names *n, struct arena *a, const void *owner, const char *name, void *value)
{
	struct name *at;

	if (n->n * 2 >= n->room) {
		struct names bigger = {.n = n->n, .room = n->room ? n->room * 2 : 16};

		bigger.v = arena_array(a, bigger.room, sizeof(*bigger.v));
		for (uint32_t i = 0; i < n->room; i++)
			if (n->v[i].owner)
				*name_place(&bigger, n->v[i].owner, n->v[i].text,
				    strlen(n->v[i].text)) = n->v[i];
		*n = bigger;
	}
	at = name_place(n, owner, name, strlen(name));
	n->n += !at->owner;
	*at = (struct name){owner, name, value};
}

void *
names_find(const struct names *n, const void *owner, const struct nlattr *name)
{
	if (!n->room || !name)
		return NULL;
	return name_place(n, owner, mnl_attr_get_payload(name), got_text_len(name))->value;
}

void *
reader_room(struct reader *r, size_t n, size_t size)
{
	size_t used = r->a->total - r->arena_before;

	if (used > RULESET_MAX || n > (RULESET_MAX - used) / size) {
		r->what = "the ruleset is too big";
		return NULL;
	}
	return arena_array(r->a, n, size);
}

int
reader_refuse(struct reader *r, const struct got *g, const char *name)
{
	r->what = got_trouble(g, r->a, name);
	return -EINVAL;
}

bool
reader_message_ok(const struct nlmsghdr *nlh, int left)
{
	/* libmnl takes lengths past 2^31 for negative ones. */
	return mnl_nlmsg_ok(nlh, left) && nlh->nlmsg_len <= (uint32_t)left;
}

int
reader_each(struct reader *r, enum dump_kind kind, uint8_t type, const char *schema, reader_fn *fn)
{
	for (const struct dump_record *d = NULL; (d = dump_next(r->dump, d, kind));) {
		const struct nlmsghdr *nlh = dump_data(d);
		int left = (int)d->len;

		for (; reader_message_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
			const struct nfgenmsg *nfg = mnl_nlmsg_get_payload(nlh);
			size_t n = mnl_nlmsg_get_payload_len(nlh);
			struct got g;
			int e;

			if (!reader_room(r, 0, 1))
				return -E2BIG;
			if (nlh->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | type) ||
			    n < sizeof(*nfg)) {
				r->what = "a message of another type";
				return -EINVAL;
			}
			got_read(&g, nfg + 1, n - sizeof(*nfg), schema);
			if (g.state == GOT_MISSING || g.state == GOT_BROKEN)
				return reader_refuse(r, &g, "message");
			e = fn(r, nfg->nfgen_family, &g);
			if (e < 0)
				return e;
		}
		/* The last one may lack its padding. */
		if (left > 0) {
			r->what = "a message that is cut off";
			return -EINVAL;
		}
	}
	return 0;
}

uint32_t
reader_count(const struct reader *r, enum dump_kind kind)
{
	uint32_t count = 0;

	for (const struct dump_record *d = NULL; (d = dump_next(r->dump, d, kind));) {
		const struct nlmsghdr *nlh = dump_data(d);
		int left = (int)d->len;

		for (; reader_message_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left))
			count++;
	}
	return count;
}

/* Families are owners of tables: a place for each number. */
static const uint8_t families[256];

void
reader_add_table(struct reader *r, struct table *t)
{
	names_add(&r->tables, r->a, &families[t->family], t->name, t);
}

struct table *
reader_table(const struct reader *r, uint8_t family, const struct nlattr *name)
{
	return names_find(&r->tables, &families[family], name);
}
