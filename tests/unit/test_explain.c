/* links: judge keeper */
/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * guardd-judge --explain: what it says of a rule must be what the judge does, and the set it names
 * the keeper's.
 */
#include "judge/explain.h"

#include <sys/mman.h>

#include "base/log.h"
#include "judge_world.h"
#include "keeper/table.h"

static char out[65536];

static struct image_build *
standard(void)
{
	struct image_build *b = image_build_new();
	struct image_service service = {.name = image_build_str(b, "mail")};

	for (int i = 0; i < 3; i++)
		image_build_filter(
		    b, &(struct build_filter){.name = (const char *[]){"sshd", "mail", "none"}[i]});
	service.ports.first = image_build_add(
	    b, IMAGE_PORTS, &(struct image_port){.proto = 6, .low = 25, .high = 25});
	image_build_add(b, IMAGE_PORTS, &(struct image_port){.proto = 17, .low = 4, .high = 7});
	service.ports.n = 2;
	image_build_add(b, IMAGE_SERVICES, &service);
	image_build_rule(b, &(struct build_rule){.name = "ssh",
				.filters = {0},
				.n_filters = 1,
				.points = 5,
				.duration = 36 * HOUR,
				.factor_milli = 2000,
				.duration_max = 14 * DAY});
	image_build_rule(b, &(struct build_rule){.name = "mail",
				.filters = {1},
				.n_filters = 1,
				.points = 1,
				.forgive = true,
				.dry_run = true,
				.scope = 1});
	image_build_settings(b)->never = (struct span){image_build_prefix(b, "198.51.100.0/24"), 2};
	image_build_prefix(b, "2001:db8:77::1");
	image_build_settings(b)->proxies = (struct span){image_build_prefix(b, "192.0.2.80"), 1};
	return b;
}

static const char *
explain(enum msg_type type, uint32_t filter, const char *source, unsigned points, usec_t time)
{
	struct image_build *b = standard();
	int image = image_build_fd(b), in = memfd_create("in", 0), answer = memfd_create("out", 0);
	struct msg m = {.type = (uint16_t)type};
	ssize_t n;

	m.u.offence = offence(filter, source, time);
	m.u.offence.points = (uint16_t)points;
	assert_int_equal(write(in, &m, sizeof(m)), sizeof(m));
	lseek(in, 0, SEEK_SET);
	assert_int_equal(explain_run(image, in, answer), 0);
	n = pread(answer, out, sizeof(out) - 1, 0);
	assert_true(n >= 0);
	out[n] = '\0';
	close(image);
	close(in);
	close(answer);
	image_build_free(b);
	return out;
}

static void
assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("no %s in: %s", part, text);
}

static void
a_rule_is_told_with_the_element_it_makes(void **unused)
{
	usec_t now = clock_real();
	const char *text = explain(MSG_OFFENCE, 0, "203.0.113.7", 2, now);

	(void)unused;
	assert_has(text, "{\"step\":\"rule\",\"rule\":\"ssh\",\"kind\":\"offence\"");
	assert_has(text, "\"verdict\":\"counts\",\"source\":\"203.0.113.7\",\"never\":null,"
			 "\"points\":2");
	assert_has(text, "\"threshold\":5,\"within\":\"10m\",\"for\":\"1d12h\",\"for_longest\":"
			 "\"2w\",\"scope\":\"host\",\"ports\":[]");
	assert_has(text, "\"lines\":3,\"set\":\"host4\",\"element\":\"203.0.113.7 timeout 1d12h\"");
	text = explain(MSG_OFFENCE, 0, "2001:db8:7::9", 5, now);
	assert_has(text, "\"verdict\":\"bans\",\"source\":\"2001:db8:7::/64\"");
	assert_has(text, "\"set\":\"net6\",\"element\":\"2001:db8:7:: timeout 1d12h\"");
	assert_has(explain(MSG_OFFENCE, 0, "203.0.113.7", 2, now - HOUR), "\"verdict\":\"old\"");
}

static void
a_service_has_sets_and_ports_of_its_own(void **unused)
{
	const char *text = explain(MSG_OFFENCE, 1, "203.0.113.7", 1, clock_real());

	(void)unused;
	assert_has(text, "\"scope\":\"mail\",\"ports\":[\"tcp/25\",\"udp/4-7\"]");
	assert_has(text, "\"dry_run\":true");
	assert_has(text, "\"set\":\"host4_mail\"");
	text = explain(MSG_FORGIVE, 1, "2001:db8:7::9", 1, clock_real());
	assert_has(text, "\"verdict\":\"clears\",\"source\":\"2001:db8:7::/64\"");
	assert_null(strstr(text, "\"set\""));
	assert_has(
	    explain(MSG_FORGIVE, 0, "203.0.113.7", 1, clock_real()), "\"verdict\":\"ignored\"");
}

static void
those_who_are_never_banned_are_told_with_the_entry(void **unused)
{
	usec_t now = clock_real();

	(void)unused;
	assert_has(explain(MSG_OFFENCE, 0, "198.51.100.7", 1, now),
	    "\"verdict\":\"never\",\"source\":null,\"never\":\"198.51.100.0/24\"");
	assert_has(
	    explain(MSG_OFFENCE, 0, "2001:db8:77::1", 1, now), "\"never\":\"2001:db8:77::1\"");
	/* Their neighbour is banned alone. */
	assert_has(explain(MSG_OFFENCE, 0, "2001:db8:77::2", 1, now),
	    "\"set\":\"host6\",\"element\":\"2001:db8:77::2 timeout 1d12h\"");
	assert_has(explain(MSG_OFFENCE, 0, "192.0.2.80", 1, now),
	    "{\"step\":\"hidden\",\"address\":\"192.0.2.80\"}");
	assert_has(explain(MSG_OFFENCE, 2, "203.0.113.7", 1, now),
	    "{\"step\":\"no_rule\",\"address\":\"203.0.113.7\"}");
	assert_string_equal(explain(MSG_POSITION, 0, "203.0.113.7", 1, now), "");
}

static void
the_sets_are_the_keepers(void **unused)
{
	static const char *const prefixes[] = {"203.0.113.7", "203.0.113.0/24", "2001:db8::1",
	    "2001:db8::/64", "2001:db8::/48", "::/0", "0.0.0.0/0", "2001:db8::/65"};
	struct image_build *b = standard();
	struct image img;
	struct table t = {0};

	(void)unused;
	image_build_open(b, &img);
	assert_int_equal(table_configure(&t, &img), 0);
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
		struct prefix p = prefix(prefixes[i]);
		char name[64];

		assert_string_equal(explain_set(&p), table_set_name(&t, 0, set_kind(&p)));
		snprintf(name, sizeof(name), "%s_mail", explain_set(&p));
		assert_string_equal(name, table_set_name(&t, 1, set_kind(&p)));
	}
	image_close(&img);
	image_build_free(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_rule_is_told_with_the_element_it_makes),
	    cmocka_unit_test(a_service_has_sets_and_ports_of_its_own),
	    cmocka_unit_test(those_who_are_never_banned_are_told_with_the_entry),
	    cmocka_unit_test(the_sets_are_the_keepers),
	};

	log_init("test", LOG_EMERG);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
