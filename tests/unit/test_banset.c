/* links: keeper */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nft/banset.h"

#define MODEL 512

/* An interval set as the kernel has it: no two entries may overlap, and what is deleted must be
 * there. */
struct model {
	struct banned_prefix in[MODEL];
	int n;
};

static void
apply(void *ctx, bool add, const struct banned_prefix *p)
{
	struct model *m = ctx;
	int at = -1;

	for (int i = 0; i < m->n; i++) {
		bool same =
		    m->in[i].scope == p->scope && prefix_cmp(&m->in[i].prefix, &p->prefix) == 0;

		if (same)
			at = i;
		if (add && m->in[i].scope == p->scope &&
		    prefix_overlaps(&m->in[i].prefix, &p->prefix))
			fail_msg("an overlapping entry was added");
	}
	if (add) {
		assert_true(m->n < MODEL);
		m->in[m->n++] = *p;
	} else {
		assert_true(at >= 0);
		m->in[at] = m->in[--m->n];
	}
}

static struct banned_prefix
entry(const char *text, usec_t until, uint32_t scope)
{
	struct banned_prefix e = {.until = until, .scope = scope};

	assert_int_equal(prefix_parse(&e.prefix, text, strlen(text)), 0);
	return e;
}

static bool
shows(const struct model *m, const char *text, uint32_t scope)
{
	struct banned_prefix e = entry(text, 0, scope);

	for (int i = 0; i < m->n; i++)
		if (m->in[i].scope == scope && prefix_cmp(&m->in[i].prefix, &e.prefix) == 0)
			return true;
	return false;
}

static void
ban(struct banset *b, struct model *m, const char *text, usec_t until, usec_t now)
{
	struct banned_prefix e = entry(text, until, 0);

	assert_int_equal(banset_ban(b, &e, now, apply, m), 0);
}

static void
unban(struct banset *b, struct model *m, const char *text, usec_t now)
{
	struct banned_prefix e = entry(text, 0, 0), *found = banset_find(b, 0, &e.prefix);

	assert_non_null(found);
	banset_unban(b, found, now, apply, m);
}

static void
test_kinds(void **state)
{
	static const struct {
		const char *text;
		enum set_kind kind;
	} cases[] = {{"192.0.2.1", SET_HOST4}, {"192.0.2.0/24", SET_PREFIX4},
	    {"192.0.2.0/31", SET_PREFIX4}, {"2001:db8::1", SET_HOST6}, {"2001:db8::/64", SET_NET6},
	    {"2001:db8::/48", SET_PREFIX6}, {"2001:db8::/65", SET_PREFIX6},
	    {"2001:db8::/127", SET_PREFIX6}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct banned_prefix e = entry(cases[i].text, 0, 0);

		assert_int_equal(set_kind(&e.prefix), cases[i].kind);
	}
}

static void
overlap(const char *wide, const char *small, const char *inside, const char *beside)
{
	struct banset b = {0};
	struct model m = {0};

	ban(&b, &m, small, 1000, 0);
	ban(&b, &m, beside, 1000, 0);
	ban(&b, &m, wide, 500, 0);
	ban(&b, &m, inside, 2000, 0);
	assert_true(shows(&m, wide, 0));
	assert_int_equal(m.n, 1);
	unban(&b, &m, wide, 10);
	assert_true(shows(&m, small, 0) && shows(&m, beside, 0));
	assert_false(shows(&m, inside, 0));
	unban(&b, &m, small, 10);
	assert_true(shows(&m, inside, 0));
	/* What was over when the wide one went does not come back. */
	ban(&b, &m, wide, 9000, 10);
	unban(&b, &m, wide, 1500);
	assert_false(shows(&m, beside, 0));
	assert_true(shows(&m, inside, 0));
	free(b.items);
}

static void
test_the_widest_stands_for_all_v4(void **state)
{
	(void)state;
	overlap("10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24", "10.200.0.0/16");
}

static void
test_the_widest_stands_for_all_v6(void **state)
{
	(void)state;
	overlap("2001:db8::/32", "2001:db8:1::/48", "2001:db8:1:100::/56", "2001:db8:ffff::/48");
}

static void
test_a_wide_one_that_ends_brings_back_what_it_hid(void **state)
{
	const usec_t s = USEC_PER_SEC;
	struct banset b = {0};
	struct model m = {0};

	(void)state;
	ban(&b, &m, "10.1.0.0/16", 100 * s, 0);
	ban(&b, &m, "10.2.0.0/16", 5 * s, 0);
	ban(&b, &m, "10.0.0.0/8", 50 * s, 0);
	assert_in_range(banset_next(&b), 49 * s, 50 * s);
	banset_expire(&b, 10 * s, apply, &m);
	assert_true(shows(&m, "10.0.0.0/8", 0));
	banset_expire(&b, 50 * s, apply, &m);
	assert_true(shows(&m, "10.1.0.0/16", 0));
	assert_int_equal(m.n, 1);
	assert_true(banset_next(&b) == USEC_NEVER);
	free(b.items);
}

static void
test_a_ban_is_never_made_shorter(void **state)
{
	struct banned_prefix e = entry("10.1.0.0/16", 0, 0);
	struct banset b = {0};
	struct model m = {0};

	(void)state;
	ban(&b, &m, "10.1.0.0/16", 1000, 0);
	ban(&b, &m, "10.1.0.0/16", 500, 0);
	assert_int_equal(banset_find(&b, 0, &e.prefix)->until, 1000);
	ban(&b, &m, "10.1.0.0/16", USEC_NEVER, 0);
	ban(&b, &m, "10.1.0.0/16", 5000, 0);
	assert_true(banset_find(&b, 0, &e.prefix)->until == USEC_NEVER);
	assert_true(m.in[0].until == USEC_NEVER);
	free(b.items);
}

static void
test_scopes_are_apart_and_can_be_renumbered(void **state)
{
	static const uint32_t map[] = {0, UINT32_MAX, 1};
	struct banset b = {0};
	struct model m = {0};

	(void)state;
	for (uint32_t scope = 0; scope < 3; scope++) {
		struct banned_prefix wide = entry("10.0.0.0/8", 1000, scope);
		struct banned_prefix small = entry("10.9.0.0/16", 1000, scope);

		assert_int_equal(banset_ban(&b, &small, 0, apply, &m), 0);
		if (scope == 2)
			assert_int_equal(banset_ban(&b, &wide, 0, apply, &m), 0);
	}
	assert_true(shows(&m, "10.9.0.0/16", 0) && shows(&m, "10.9.0.0/16", 1));
	assert_false(shows(&m, "10.9.0.0/16", 2));
	banset_renumber(&b, map, 3);
	assert_int_equal(b.n, 3);
	assert_non_null(banset_cover(&b, 1, &m.in[0].prefix));
	assert_null(banset_cover(&b, 2, &m.in[0].prefix));
	free(b.items);
}

static void
test_full_is_refused_and_ended_ones_give_way(void **state)
{
	struct banset b = {0};
	struct banned_prefix e = entry("10.0.0.0/24", 1000, 0);

	(void)state;
	for (uint32_t i = 0; i < BANSET_MAX; i++) {
		struct model m = {0};

		e.prefix.addr.bytes[0] = (uint8_t)(1 + (i >> 16));
		e.prefix.addr.bytes[1] = (uint8_t)(i >> 8);
		e.prefix.addr.bytes[2] = (uint8_t)i;
		assert_int_equal(banset_ban(&b, &e, 0, apply, &m), 0);
		assert_int_equal(m.n, 1);
	}
	e.prefix.addr.bytes[0] = 200;
	assert_int_equal(banset_ban(&b, &e, 0, NULL, NULL), -ENOSPC);
	e.until = 9000;
	{
		struct model m = {0};

		assert_int_equal(banset_ban(&b, &e, 2000, apply, &m), 0);
	}
	assert_int_equal(b.n, 1);
	free(b.items);
}

/* Whatever happens: the kernel's set never overlaps (apply fails), and holds exactly the widest. */
static void
test_random_changes_keep_the_cover(void **state)
{
	struct banset b = {0};
	struct model m = {0};
	unsigned seed = 7;

	(void)state;
	for (int step = 0; step < 20000; step++) {
		struct banned_prefix e = {
		    .until = USEC_NEVER, .scope = (uint32_t)(rand_r(&seed) % 2)};
		struct addr a = {
		    4, {10, (uint8_t)(rand_r(&seed) % 4 * 64), (uint8_t)(rand_r(&seed) % 4 * 64)}};
		struct banned_prefix *found;

		if (rand_r(&seed) % 2)
			a = (struct addr){6, {0x20, (uint8_t)(rand_r(&seed) % 4 * 64),
						 (uint8_t)(rand_r(&seed) % 4)}};
		e.prefix = prefix_of(&a, (unsigned)(6 + rand_r(&seed) % 18));
		found = banset_find(&b, e.scope, &e.prefix);
		if (found && rand_r(&seed) % 2)
			banset_unban(&b, found, 0, apply, &m);
		else
			assert_int_equal(banset_ban(&b, &e, 0, apply, &m), 0);
		for (uint32_t i = 0; i < b.n; i++) {
			bool covered = false;

			for (uint32_t k = 0; k < b.n; k++)
				covered |= k != i && b.items[k].scope == b.items[i].scope &&
					   prefix_covers(&b.items[k].prefix, &b.items[i].prefix);
			if (b.items[i].shown == covered)
				fail_msg("step %d: shown %d, covered %d", step, b.items[i].shown,
				    covered);
		}
	}
	free(b.items);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_kinds),
	    cmocka_unit_test(test_the_widest_stands_for_all_v4),
	    cmocka_unit_test(test_the_widest_stands_for_all_v6),
	    cmocka_unit_test(test_a_wide_one_that_ends_brings_back_what_it_hid),
	    cmocka_unit_test(test_a_ban_is_never_made_shorter),
	    cmocka_unit_test(test_scopes_are_apart_and_can_be_renumbered),
	    cmocka_unit_test(test_full_is_refused_and_ended_ones_give_way),
	    cmocka_unit_test(test_random_changes_keep_the_cover),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
