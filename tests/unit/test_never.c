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

#include "keeper/never.h"
#include "keeper/turn.h"
#include "wire/msg.h"

static struct prefix
prefix(const char *text)
{
	struct prefix p;

	assert_int_equal(prefix_parse(&p, text, strlen(text)), 0);
	return p;
}

static void
test_resolvers(void **state)
{
	static struct never_list l;
	static const char *const expect[] = {"192.0.2.53", "2001:db8::53", "192.0.2.54"};

	(void)state;
	never_add_resolvers(&l,
	    "# nameserver 192.0.2.1\nsearch example.org\nnameserver 192.0.2.53\n"
	    "nameserver\t 2001:db8::53%eth0 # local\nnameservers 192.0.2.2\n"
	    "nameserver nonsense\nnameserver 192.0.2.53\nnameserver ::ffff:192.0.2.54");
	assert_int_equal(l.n, 3);
	for (size_t i = 0; i < l.n; i++) {
		struct prefix p = prefix(expect[i]);

		assert_int_equal(prefix_cmp(&l.own[i].prefix, &p), 0);
		assert_int_equal(l.own[i].kind, OWN_RESOLVER);
	}
	never_add_resolvers(&l, "");
	never_add_resolvers(&l, "nameserver");
	assert_int_equal(l.n, 3);
}

static struct msg answered;

static void
on_answer(void *ctx, const struct msg *m)
{
	(*(int *)ctx)++;
	answered = *m;
}

/* Asks for a ban while the table is not there: what is not spared is answered with -EPERM. */
static const struct msg_banned *
ask(const char *text, const char *host, uint32_t scope)
{
	static struct turn t;
	static struct table table = {.scopes = 2};
	static struct banset banset;
	struct prefixset never;
	struct msg m = {.type = MSG_BAN, .id = 77};
	int answers = 0;

	prefixset_init(&never);
	for (const char *const *p = (const char *const[]){"127.0.0.0/8", "::1", "192.0.2.0/28",
		 "203.0.113.9", "2001:db8:aa:1::7", NULL};
	     *p; p++) {
		struct prefix x = prefix(*p);

		prefixset_add(&never, &x);
	}
	prefixset_seal(&never);
	t.table = &table;
	t.banset = &banset;
	t.never = &never;
	t.answer = on_answer;
	t.ctx = &answers;
	m.u.ban.prefix = prefix(text);
	if (host)
		m.u.ban.host = prefix(host).addr;
	m.u.ban.scope = scope;
	m.u.ban.until = USEC_NEVER;
	turn_add(&t, &m, -EPERM, 0);
	turn_commit(&t, 0);
	assert_int_equal(answers, 1);
	assert_int_equal(answered.type, MSG_BANNED);
	assert_int_equal(answered.id, 77);
	prefixset_fini(&never);
	return &answered.u.banned;
}

static void
test_never_ban_addresses_are_spared(void **state)
{
	static const struct {
		const char *prefix, *host;
		int status;
		const char *answer;
	} cases[] = {
	    {"192.0.2.5", NULL, BANNED_NEVER, "192.0.2.0/28"},
	    {"192.0.2.16", NULL, -EPERM, "192.0.2.16"},
	    {"192.0.2.0/24", NULL, BANNED_NEVER, "192.0.2.0/28"},
	    {"192.0.2.0/24", "192.0.2.77", -EPERM, "192.0.2.77"},
	    {"192.0.2.0/24", "192.0.2.7", BANNED_NEVER, "192.0.2.0/28"},
	    {"0.0.0.0/0", "198.51.100.1", -EPERM, "198.51.100.1"},
	    {"127.0.0.1", NULL, BANNED_NEVER, "127.0.0.0/8"},
	    {"::1", "::1", BANNED_NEVER, "::1"},
	    {"2001:db8:aa:1::/64", "2001:db8:aa:1::8", -EPERM, "2001:db8:aa:1::8"},
	    {"2001:db8:aa:1::/64", "2001:db8:aa:1::7", BANNED_NEVER, "2001:db8:aa:1::7"},
	    {"2001:db8:aa::/48", NULL, BANNED_NEVER, "2001:db8:aa:1::7"},
	    {"2001:db8:aa:2::/64", "2001:db8:aa:2::1", -EPERM, "2001:db8:aa:2::/64"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct msg_banned *got = ask(cases[i].prefix, cases[i].host, 0);
		struct prefix expect = prefix(cases[i].answer);

		if (got->status != cases[i].status || prefix_cmp(&got->prefix, &expect) != 0)
			fail_msg("%s: status %d", cases[i].prefix, got->status);
	}
}

static void
test_requests_that_make_no_sense_are_refused(void **state)
{
	(void)state;
	assert_int_equal(ask("198.51.100.1", NULL, 2)->status, -EINVAL);
	assert_int_equal(ask("198.51.100.1", NULL, 1)->status, -EPERM);
	assert_int_equal(ask("198.51.100.0/24", "203.0.113.1", 0)->status, -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_resolvers),
	    cmocka_unit_test(test_never_ban_addresses_are_spared),
	    cmocka_unit_test(test_requests_that_make_no_sense_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
