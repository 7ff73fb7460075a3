/* links: prover */
/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Listings written by hand: types that not every kernel has, and what a newer one may say.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/ipset/ip_set.h>
#include <linux/netfilter/nfnetlink.h>

#include "prover/ipset.h"

struct listing {
	char buf[1 << 16];
	struct nlmsghdr *h;
	struct nlattr *adt;
	struct arena arena;
	struct ipsets *sets;
	int fd;
	struct dump d;
};

static void
message(struct listing *l)
{
	struct nfgenmsg *g;

	memset(l, 0, sizeof(*l));
	l->h = mnl_nlmsg_put_header(l->buf);
	l->h->nlmsg_type = NFNL_SUBSYS_IPSET << 8 | IPSET_CMD_LIST;
	g = mnl_nlmsg_put_extra_header(l->h, sizeof(*g));
	g->nfgen_family = AF_INET;
	mnl_attr_put_u8(l->h, IPSET_ATTR_PROTOCOL, 7);
	mnl_attr_put_strz(l->h, IPSET_ATTR_SETNAME, "s");
}

static void
begin(struct listing *l, const char *type, uint32_t elements)
{
	struct nlattr *n;

	message(l);
	mnl_attr_put_strz(l->h, IPSET_ATTR_TYPENAME, type);
	mnl_attr_put_u8(l->h, IPSET_ATTR_FAMILY, NFPROTO_IPV4);
	mnl_attr_put_u16(l->h, IPSET_ATTR_INDEX, htons(3));
	n = mnl_attr_nest_start(l->h, IPSET_ATTR_DATA);
	mnl_attr_put_u32(l->h, IPSET_ATTR_ELEMENTS, htonl(elements));
	mnl_attr_put_u32(l->h, IPSET_ATTR_MARKMASK, 0xff);
	mnl_attr_nest_end(l->h, n);
	l->adt = mnl_attr_nest_start(l->h, IPSET_ATTR_ADT);
}

static void
put_addr(struct listing *l, uint16_t attr, uint32_t addr)
{
	struct nlattr *n = mnl_attr_nest_start(l->h, attr);

	mnl_attr_put_u32(l->h, IPSET_ATTR_IPADDR_IPV4, htonl(addr));
	mnl_attr_nest_end(l->h, n);
}

struct member {
	uint32_t a, b;
	uint8_t len, len2;
	bool nomatch;
	uint16_t port;
	uint32_t mark;
};

static void
add(struct listing *l, const struct member *m)
{
	struct nlattr *n = mnl_attr_nest_start(l->h, IPSET_ATTR_DATA);

	put_addr(l, IPSET_ATTR_IP, m->a);
	mnl_attr_put_u8(l->h, IPSET_ATTR_CIDR, m->len);
	if (m->len2) {
		put_addr(l, IPSET_ATTR_IP2, m->b);
		mnl_attr_put_u8(l->h, IPSET_ATTR_CIDR2, m->len2);
	}
	if (m->port) {
		mnl_attr_put_u16(l->h, IPSET_ATTR_PORT, htons(m->port));
		mnl_attr_put_u8(l->h, IPSET_ATTR_PROTO, IPPROTO_TCP);
	}
	if (m->mark)
		mnl_attr_put_u32(l->h, IPSET_ATTR_MARK, htonl(m->mark));
	if (m->nomatch)
		mnl_attr_put_u32(l->h, IPSET_ATTR_CADT_FLAGS, htonl(IPSET_FLAG_NOMATCH));
	mnl_attr_nest_end(l->h, n);
}

static const struct ipset *
finish(struct listing *l)
{
	_cleanup_(dump_writer_freep) struct dump_writer *w = NULL;
	struct dump_header head = {0};
	const char *what;

	if (l->adt)
		mnl_attr_nest_end(l->h, l->adt);
	assert_int_equal(dump_writer_new(&w), 0);
	assert_int_equal(dump_put(w, DUMP_IPSETS, 0, NULL, 0, l->buf, l->h->nlmsg_len), 0);
	assert_int_equal(dump_writer_seal(w, &head, &l->fd), 0);
	assert_int_equal(dump_open(&l->d, l->fd), 0);
	l->sets = ipset_read(&l->arena, &l->d, &what);
	return ipset_by_index(l->sets, 3);
}

static void
drop(struct listing *l)
{
	dump_close(&l->d);
	close(l->fd);
	arena_fini(&l->arena);
}

/* Of the member networks that hold both addresses, the one with the longest first network, then
 * the longest second. */
static bool
model(const struct member *v, size_t n, uint32_t a, uint32_t b, uint16_t port)
{
	const struct member *best = NULL;

	for (size_t i = 0; i < n; i++) {
		if ((a ^ v[i].a) >> (32 - v[i].len) || (b ^ v[i].b) >> (32 - v[i].len2) ||
		    v[i].port != port)
			continue;
		if (!best || v[i].len > best->len ||
		    (v[i].len == best->len && v[i].len2 > best->len2))
			best = &v[i];
	}
	return best && !best->nomatch;
}

static uint64_t seed = 4101842887655102017u;

static uint32_t
rnd(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 20) % n;
}

static void
random_member(struct member *m, bool port)
{
	*m = (struct member){.len = (uint8_t)(24 + rnd(9)), .len2 = (uint8_t)(24 + rnd(9))};
	m->nomatch = rnd(3) == 0;
	m->port = port ? (uint16_t)(80 + rnd(2)) : 0;
	m->a = (0x0a000000 | rnd(256)) & ~0u << (32 - m->len);
	m->b = (0x0a000000 | rnd(256)) & ~0u << (32 - m->len2);
}

static bool
is_twin(const struct member *v, const struct member *m)
{
	return v->a == m->a && v->b == m->b && v->len == m->len && v->len2 == m->len2 &&
	       v->port == m->port;
}

static size_t
random_members(struct listing *l, struct member *v, size_t n, bool port)
{
	size_t have = 0;

	while (have < n) {
		bool twin = false;

		random_member(&v[have], port);
		for (size_t i = 0; i < have; i++)
			twin = twin || is_twin(&v[i], &v[have]);
		if (!twin)
			add(l, &v[have++]);
	}
	return have;
}

static void
sets_of_two_networks_take_the_longest_first(void **state)
{
	static struct listing l;

	(void)state;
	for (unsigned round = 0; round < 200; round++) {
		struct member v[40];
		bool port = round & 1;
		uint8_t two = port ? IPSET_DIM_THREE_SRC : IPSET_DIM_TWO_SRC;
		struct ipset_question q = {.dim = 3,
		    .flags = round % 3 == 0   ? IPSET_DIM_ONE_SRC
			     : round % 3 == 1 ? two
					      : two | IPSET_DIM_ONE_SRC};
		struct env e = {.family = 4, .proto = IPPROTO_TCP, .dport = 80, .dport_orig = 80};
		struct port_class ports = {0, 0xffff};
		uint32_t d = 0x0a000000 | rnd(256);
		const struct ipset *s;
		struct outcome o;

		begin(&l, port ? "hash:net,port,net" : "hash:net,net", 0);
		(void)random_members(&l, v, 40, port);
		s = finish(&l);
		assert_non_null(s);
		assert_null(ipset_unknown(s));
		e.daddr = number_addr(4, d);
		o = ipset_ask(s, &q, &e, NULL, &ports);
		assert_true(o.kind == OUT_NO || (o.kind == OUT_SPLIT && o.may.v == o.must.v));
		for (uint32_t x = 0x0a000000 - 2; x < 0x0a000000 + 260; x++)
			assert_int_equal(o.kind == OUT_SPLIT && ranges_has(&o.may, x),
			    model(v, 40, q.flags & IPSET_DIM_ONE_SRC ? x : d, q.flags & two ? x : d,
				port ? 80 : 0));
		outcome_fini(&o);
		drop(&l);
	}
}

static void
marks_count_under_the_sets_mask(void **state)
{
	static struct listing l;
	struct ipset_question q = {.dim = 2, .flags = IPSET_DIM_ONE_SRC};
	struct env e = {.family = 4, .mark = 0x705};
	struct port_class ports = {0, 0xffff};
	const struct ipset *s;
	struct outcome o;

	(void)state;
	begin(&l, "hash:ip,mark", 1);
	add(&l, &(struct member){.a = 0x0a000001, .len = 32, .mark = 5});
	s = finish(&l);
	o = ipset_ask(s, &q, &e, NULL, &ports);
	assert_int_equal(o.kind, OUT_SPLIT);
	assert_ptr_equal(o.may.v, o.must.v);
	outcome_fini(&o);
	e.mark_unknown = 1;
	o = ipset_ask(s, &q, &e, NULL, &ports);
	assert_int_equal(o.kind, OUT_SPLIT);
	assert_int_equal(o.must.n, 0);
	assert_string_equal(o.why, "ipset s");
	outcome_fini(&o);
	e.mark = 6;
	o = ipset_ask(s, &q, &e, NULL, &ports);
	assert_int_equal(o.kind, OUT_NO);
	drop(&l);
}

static void
what_is_not_understood_makes_a_set_unknown(void **state)
{
	static const struct {
		const char *type, *why;
		uint32_t elements;
		uint16_t attr;
	} odd[] = {
	    {"hash:vlan", "ipset s: type hash:vlan", 0, 0},
	    {"hash:net", "ipset s: elements are missing", 2, 0},
	    {"hash:net", "ipset s: an element of a newer kernel", 0, 40},
	    {"hash:net,net", "ipset s: an element of a newer kernel", 0, 0}, /* no second one */
	    {"hash:net", NULL, 1, 0},
	};
	static struct listing l;

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
		struct port_class ports = {0, 0xffff};
		struct ipset_question q = {.dim = 3};
		struct env e = {.family = 4};
		const struct ipset *s;
		struct nlattr *n;

		begin(&l, odd[i].type, odd[i].elements);
		n = mnl_attr_nest_start(l.h, IPSET_ATTR_DATA);
		put_addr(&l, IPSET_ATTR_IP, 0x0a000000);
		mnl_attr_put_u8(l.h, IPSET_ATTR_CIDR, 8);
		if (odd[i].attr)
			mnl_attr_put_u32(l.h, odd[i].attr, 1);
		mnl_attr_nest_end(l.h, n);
		s = finish(&l);
		assert_non_null(s);
		if (odd[i].why) {
			assert_string_equal(ipset_unknown(s), odd[i].why);
			assert_int_equal(ipset_ask(s, &q, &e, NULL, &ports).kind, OUT_MAYBE);
		} else {
			assert_null(ipset_unknown(s));
		}
		drop(&l);
	}
}

static void
a_message_without_its_head_is_refused(void **state)
{
	static struct listing l;

	(void)state;
	message(&l);
	assert_null(finish(&l));
	assert_null(l.sets);
	drop(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sets_of_two_networks_take_the_longest_first),
	    cmocka_unit_test(marks_count_under_the_sets_mask),
	    cmocka_unit_test(what_is_not_understood_makes_a_set_unknown),
	    cmocka_unit_test(a_message_without_its_head_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
