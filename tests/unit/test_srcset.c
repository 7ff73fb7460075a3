/* links: prover */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "prover/srcset.h"

#define UNIVERSE 4096

/* The naive model: a bit per number. */
struct model {
	bool has[UNIVERSE];
};

static uint32_t seed = 1;

static uint32_t
rnd(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed % n;
}

/* Spread over the whole of 128 bits when wide: ends of the space included. */
static u128
number(uint32_t i, bool wide)
{
	return wide ? ((u128)i << 116) + (i == UNIVERSE - 1 ? 0 : i) : i;
}

static u128
number_end(uint32_t i, bool wide)
{
	if (!wide)
		return i;
	return i == UNIVERSE - 1 ? ~(u128)0 : number(i + 1, true) - 1;
}

static struct ranges
random_ranges(struct model *m, uint32_t most, uint32_t longest, bool wide)
{
	struct ranges r = {.owned = true, .n = rnd(most + 1)};

	*m = (struct model){0};
	r.v = malloc((r.n + 1) * sizeof(*r.v));
	for (uint32_t i = 0; i < r.n; i++) {
		uint32_t from = rnd(UNIVERSE), to = from + rnd(longest);

		to = to < UNIVERSE ? to : UNIVERSE - 1;
		r.v[i] = (struct range){number(from, wide), number_end(to, wide)};
		for (uint32_t k = from; k <= to; k++)
			m->has[k] = true;
	}
	r.n = ranges_tidy(r.v, r.n);
	return r;
}

static void
check(const struct srcset *s, const struct model *m, bool wide)
{
	struct ranges r = srcset_ranges(s);
	uint32_t k = 0, runs = 0;

	for (uint32_t i = 0; i < UNIVERSE; i++)
		runs += m->has[i] && (!i || !m->has[i - 1]);
	assert_int_equal(s->n, runs);
	assert_int_equal(r.n, runs);
	for (uint32_t i = 0; i < UNIVERSE; i++) {
		if (m->has[i] && (!i || !m->has[i - 1]))
			assert_true(r.v[k].lo == number(i, wide));
		if (m->has[i] && (i == UNIVERSE - 1 || !m->has[i + 1]))
			assert_true(r.v[k++].hi == number_end(i, wide));
	}
	for (int i = 0; i < 20; i++) {
		uint32_t x = rnd(UNIVERSE);

		assert_int_equal(srcset_has(s, number(x, wide)), m->has[x]);
		assert_int_equal(ranges_has(&r, number_end(x, wide)), m->has[x]);
	}
	assert_int_equal(srcset_empty(s), runs == 0);
	ranges_fini(&r);
}

#define KEPT 6

struct kept {
	struct srcset set;
	struct model model;
};

static void
change(struct kept *a, const struct kept *b, bool wide)
{
	struct srcset old;
	uint32_t op = rnd(9), most = rnd(3) ? 8 : 700;
	struct model m;
	struct ranges r = random_ranges(&m, most, rnd(2) ? 3 : 300, wide);

	switch (op) {
	case 0:
		srcset_sub(&a->set, &r);
		break;
	case 1:
		srcset_and(&a->set, &r);
		break;
	case 2:
		srcset_sub_set(&a->set, &b->set);
		m = b->model;
		break;
	case 3:
		srcset_and_set(&a->set, &b->set);
		m = b->model;
		break;
	case 4:
	case 5:
		srcset_or_set(&a->set, &b->set);
		m = b->model;
		break;
	case 6:
		old = srcset_take(&a->set);
		a->set = srcset_copy(a == b ? &old : &b->set);
		srcset_fini(&old);
		m = b->model;
		break;
	case 7:
		old = srcset_take(&a->set);
		a->set = srcset_meet(&old, &r);
		srcset_fini(&old);
		break;
	default:
		srcset_fini(&a->set);
		a->set = srcset_of(&r);
		break;
	}
	for (uint32_t i = 0; i < UNIVERSE; i++) {
		bool *h = &a->model.has[i];

		*h = op == 0 || op == 2              ? *h && !m.has[i]
		     : op == 1 || op == 3 || op == 7 ? *h && m.has[i]
		     : op == 4 || op == 5            ? *h || m.has[i]
						     : m.has[i];
	}
	ranges_fini(&r);
}

/* Copies share chunks: each change is also checked not to show in the others. */
static void
sets_are_what_a_bit_per_number_says(void **state)
{
	(void)state;
	for (int wide = 0; wide < 2; wide++) {
		struct kept *k = calloc(KEPT, sizeof(*k));

		for (int turn = 0; turn < 3000; turn++) {
			struct kept *a = &k[rnd(KEPT)], *b = &k[rnd(KEPT)];

			change(a, b, wide);
			check(&a->set, &a->model, wide);
			check(&b->set, &b->model, wide);
			assert_int_equal(srcset_equal(&a->set, &b->set),
			    !memcmp(&a->model, &b->model, sizeof(a->model)));
			if (turn % 50 == 0)
				for (int i = 0; i < KEPT; i++)
					check(&k[i].set, &k[i].model, wide);
		}
		for (int i = 0; i < KEPT; i++)
			srcset_fini(&k[i].set);
		free(k);
	}
}

static struct ranges
every_other(uint32_t n, uint32_t step)
{
	struct ranges r = {.v = malloc(n * sizeof(*r.v)), .n = n, .owned = true};

	for (uint32_t i = 0; i < n; i++)
		r.v[i] = (struct range){(u128)i * step, (u128)i * step + step / 2};
	return r;
}

static void
a_big_set_that_is_cut_a_little_keeps_its_chunks(void **state)
{
	struct ranges big = every_other(300000, 10), few = every_other(32, 90000);
	struct srcset a = srcset_of(&big), b = srcset_copy(&a), c;
	uint32_t shared = 0;

	(void)state;
	srcset_sub(&b, &few);
	for (uint32_t i = 0, k = 0; i < a.n_chunks; i++) {
		while (k < b.n_chunks && b.chunks[k] != a.chunks[i])
			k++;
		if (k == b.n_chunks)
			k = 0;
		else
			shared++;
	}
	/* 32 cuts of 45,000 numbers touch the chunks at their ends, and what they hold goes. */
	assert_true(shared > a.n_chunks / 3);
	assert_true(b.n_chunks <= a.n_chunks);
	/* Many cuts do not leave crumbs. */
	c = srcset_copy(&a);
	for (uint32_t i = 0; i < 3000; i++) {
		struct range r = {(u128)rnd(3000000), 0};
		struct ranges one = {&r, 1, false};

		r.hi = r.lo + 3;
		srcset_sub(&c, &one);
	}
	assert_true(c.n_chunks <= 2 * (c.n / 256 + 1));
	srcset_or_set(&c, &a);
	assert_true(srcset_equal(&c, &a));
	srcset_fini(&a);
	srcset_fini(&b);
	srcset_fini(&c);
	ranges_fini(&big);
	ranges_fini(&few);
}

static void
numbers_are_addresses_in_host_order(void **state)
{
	static const char *const texts[] = {
	    "0.0.0.0", "192.0.2.7", "255.255.255.255", "::", "2001:db8::1", "ffff::ffff"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct addr a, b;

		assert_int_equal(addr_parse(&a, texts[i], strlen(texts[i])), 0);
		b = number_addr(a.family, addr_number(&a));
		assert_true(addr_equal(&a, &b));
	}
	assert_true(family_last(4) == UINT32_MAX);
	assert_true(family_last(6) == ~(u128)0);
}

struct cover {
	struct range r;
	u128 next;
	uint32_t n;
	uint8_t family;
};

static bool
cover_add(void *ctx, const struct prefix *p)
{
	struct cover *c = ctx;
	struct range r = prefix_range(p);

	assert_int_equal(p->addr.family, c->family);
	assert_true(r.lo == c->next && r.hi <= c->r.hi);
	c->next = r.hi + 1;
	c->n++;
	return r.hi < c->r.hi;
}

static void
ranges_become_prefixes(void **state)
{
	static const struct {
		uint8_t family;
		struct range r;
		uint32_t n;
	} cases[] = {
	    {4, {0, UINT32_MAX}, 1},
	    {4, {1, UINT32_MAX}, 32},
	    {4, {0, UINT32_MAX - 1}, 32},
	    {4, {0x0a000000, 0x0affffff}, 1},
	    {4, {5, 5}, 1},
	    {4, {UINT32_MAX, UINT32_MAX}, 1},
	    {6, {0, ~(u128)0}, 1},
	    {6, {1, ~(u128)0}, 128},
	    {6, {(u128)1 << 127, ~(u128)0}, 1},
	    {6, {~(u128)0, ~(u128)0}, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct cover c = {cases[i].r, cases[i].r.lo, 0, cases[i].family};

		range_prefixes(c.family, c.r, cover_add, &c);
		assert_int_equal(c.n, cases[i].n);
		assert_true(c.next == c.r.hi + 1);
	}
}

static void
a_complement_is_the_rest(void **state)
{
	(void)state;
	for (int i = 0; i < 200; i++) {
		struct model m;
		struct ranges r = random_ranges(&m, 40, 300, true), n = ranges_not(&r, 6), b;
		struct srcset s = srcset_of(&r), o = srcset_of(&n), all = srcset_all(6);

		srcset_and(&s, &n);
		assert_true(srcset_empty(&s));
		srcset_fini(&s);
		s = srcset_of(&r);
		srcset_or_set(&s, &o);
		assert_true(srcset_equal(&s, &all));
		b = ranges_not(&n, 6);
		assert_int_equal(b.n, r.n);
		assert_memory_equal(b.v, r.v, r.n * sizeof(*r.v));
		ranges_fini(&r);
		ranges_fini(&n);
		ranges_fini(&b);
		srcset_fini(&s);
		srcset_fini(&o);
		srcset_fini(&all);
	}
}

static void
a_witness_is_an_ordinary_address(void **state)
{
	static const struct {
		uint8_t family;
		struct range r[2];
		u128 want;
	} cases[] = {
	    {4, {{0, UINT32_MAX}, {0, UINT32_MAX}}, 0x01000001},
	    {4, {{0, 0x00ffffff}, {0x0a000000, 0x0affffff}}, 0x0a000001},
	    {4, {{0x7f000000, 0x7fffffff}, {0xe0000005, 0xe0000005}}, 0x7f000001},
	    {4, {{0x0a000000, 0x0affffff}, {0xcb007109, 0xcb007109}}, 0xcb007109},
	    {6, {{0, 99}, {(u128)0x20010db8 << 96, (u128)0x20010db9 << 96}},
		((u128)0x20010db8 << 96) + 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct ranges r = {(struct range *)(uintptr_t)cases[i].r, 2, false};
		struct srcset s = srcset_of(&r);
		u128 got;

		assert_true(srcset_first(&s, &got));
		assert_true(got == cases[i].want);
		srcset_fini(&s);
		assert_false(srcset_first(&s, &got));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sets_are_what_a_bit_per_number_says),
	    cmocka_unit_test(a_big_set_that_is_cut_a_little_keeps_its_chunks),
	    cmocka_unit_test(numbers_are_addresses_in_host_order),
	    cmocka_unit_test(ranges_become_prefixes),
	    cmocka_unit_test(a_complement_is_the_rest),
	    cmocka_unit_test(a_witness_is_an_ordinary_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
