/* links: ctl */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/explain_rule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "wire/msg.h"

static void
keep(struct explain_hits *h, const char *text)
{
	json_t *o = json_loads(text, 0, NULL);

	assert_non_null(o);
	explain_keep(h, o);
	json_decref(o);
}

static void
the_readers_hits_become_records(void **unused)
{
	struct explain_hits h = {.filter = 7};
	struct msg m[2];
	struct addr want;

	(void)unused;
	keep(&h, "{\"step\":\"line\",\"text\":\"x\"}");
	keep(&h, "{\"step\":\"offence\",\"address\":\"no address\",\"points\":1}");
	keep(&h, "{\"step\":\"offence\",\"address\":\"203.0.113.7\",\"user\":\"root\",\"points\":2,"
		 "\"time\":\"2026-11-18T11:06:40.250000Z\",\"future\":true}");
	keep(&h, "{\"step\":\"forgive\",\"address\":\"2001:db8::7\",\"user\":null,\"points\":0,"
		 "\"time\":\"2026-11-18T11:06:40Z\",\"future\":false}");
	assert_int_equal(h.records.len, sizeof(m));
	memcpy(m, h.records.text, sizeof(m));
	assert_int_equal(m[0].type, MSG_OFFENCE);
	assert_int_equal(m[0].u.offence.filter, 7);
	assert_int_equal(m[0].u.offence.points, 2);
	assert_int_equal(m[0].u.offence.flags, OFFENCE_HAS_USER | OFFENCE_FUTURE);
	assert_int_equal(m[0].u.offence.time, 1795000000 * USEC_PER_SEC + 250000);
	assert_int_equal(addr_parse(&want, "203.0.113.7", 11), 0);
	assert_true(addr_equal(&m[0].u.offence.addr, &want));
	assert_int_equal(m[1].type, MSG_FORGIVE);
	assert_int_equal(m[1].u.offence.flags, 0);
	assert_int_equal(m[1].u.offence.time, 1795000000 * USEC_PER_SEC);
	assert_int_equal(addr_parse(&want, "2001:db8::7", 11), 0);
	assert_true(addr_equal(&m[1].u.offence.addr, &want));
	strbuf_fini(&h.records);
}

static void
more_hits_than_the_bound_are_left_out(void **unused)
{
	struct explain_hits h = {0};
	json_t *o = json_loads("{\"step\":\"offence\",\"address\":\"2001:db8::7\"}", 0, NULL);

	(void)unused;
	for (uint32_t i = 0; i < EXPLAIN_HITS + 5; i++)
		explain_keep(&h, o);
	assert_int_equal(h.records.len, EXPLAIN_HITS * sizeof(struct msg));
	json_decref(o);
	strbuf_fini(&h.records);
}

static void
only_the_judges_steps_are_its_own(void **unused)
{
	json_t *o = json_loads("{}", 0, NULL);

	(void)unused;
	assert_false(explain_show("literal", o));
	assert_true(explain_show("no_rule", o));
	json_decref(o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_readers_hits_become_records),
	    cmocka_unit_test(more_hits_than_the_bound_are_left_out),
	    cmocka_unit_test(only_the_judges_steps_are_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
