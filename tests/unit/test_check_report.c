/* links: ctl */
/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What guardctl makes of the prover's lines: the table, the sentences, the script and the exit
 * status. What is printed goes into a memfd.
 */
#include "ctl/check_report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "ctl/command.h"
#include "ctl/expose_text.h"

static const char head_line[] =
    "{\"type\":\"check\",\"made\":1,\"state\":\"open\",\"exit\":2,\"rules\":1240,\"elements\":7,"
    "\"no_infra\":true,\"containers_hidden\":true,\"mechanisms\":[\"XDP on eth0\"],"
    "\"mechanisms_more\":2,\"proven\":1,\"depends\":1,\"shut_out\":1,\"open\":1,\"other\":1}";

static const char *const cell_lines[] = {
    "{\"type\":\"cell\",\"kind\":\"port\",\"rule\":\"registry\",\"proto\":\"tcp\",\"port\":5000,"
    "\"port_high\":5000,\"family\":4,\"state\":\"open\",\"listening\":true,\"text\":\"anybody "
    "reaches the registry\",\"findings\":[{\"state\":\"open\",\"to\":\"192.0.2.1\",\"in\":\"eth0\","
    "\"port\":80,\"endpoint\":\"172.17.0.2:5000\",\"forwarded\":true,\"outside\":[\"0.0.0.0/1\","
    "\"128.0.0.0/2\"],\"outside_more\":12,\"witness\":{\"from\":\"203.0.113.9\",\"to\":"
    "\"192.0.2.1\",\"port\":80,\"proto\":\"tcp\",\"in\":\"eth0\",\"accepted\":true},\"text\":"
    "\"docker0's registry is published\",\"path\":[{\"table\":\"ip nat\",\"chain\":\"DOCKER\","
    "\"rule\":12,\"handle\":31,\"comment\":\"c\",\"does\":\"dnat to 172.17.0.2:5000\","
    "\"unknown\":null},{\"does\":\"routed to docker0\"}],\"listener\":{\"unit\":\"docker.service\","
    "\"process\":\"registry\",\"pid\":812,\"address\":\"[::]:5000\",\"container\":\"reg\"},"
    "\"suggest\":[\"nft add table inet x\",\"add rule inet x y drop\"]},{\"state\":\"open\","
    "\"text\":\"again\",\"suggest\":[\"add table inet x\"]}]}",
    "{\"type\":\"cell\",\"kind\":\"port\",\"rule\":\"ldap\",\"proto\":\"tcp\",\"port\":389,"
    "\"port_high\":390,\"family\":6,\"state\":\"shut out\",\"listening\":true,\"text\":\"pica01 is "
    "refused\",\"findings\":[{\"to\":\"2001:db8::1\",\"in\":\"eth0\",\"port\":389,\"refused\":"
    "[\"2001:db8::11\"],\"refused_name\":\"pica01\",\"text\":\"pica01 is refused\"}]}",
    "{\"type\":\"cell\",\"kind\":\"dual-stack\",\"rule\":\"ldap\",\"family\":0,\"state\":"
    "\"depends\",\"text\":\"pica02 has no IPv6 address\"}",
    "{\"type\":\"cell\",\"kind\":\"port\",\"rule\":\"ldap\",\"proto\":\"tcp\",\"port\":389,"
    "\"port_high\":390,\"family\":4,\"state\":\"proven\",\"listening\":true,\"text\":\"\"}",
};

struct capture {
	int kept, fd;
	char text[8192];
};

static void
capture_start(struct capture *c)
{
	fflush(stdout);
	c->kept = dup(STDOUT_FILENO);
	c->fd = memfd_create("stdout", MFD_CLOEXEC);
	assert_true(c->kept >= 0 && c->fd >= 0);
	assert_true(dup2(c->fd, STDOUT_FILENO) >= 0);
}

static void
capture_end(struct capture *c)
{
	ssize_t n;

	fflush(stdout);
	assert_true(dup2(c->kept, STDOUT_FILENO) >= 0);
	n = pread(c->fd, c->text, sizeof(c->text) - 1, 0);
	assert_true(n >= 0);
	c->text[n] = '\0';
	close(c->kept);
	close(c->fd);
}

static void
keep(struct check_report *r, const char *line)
{
	json_t *o = json_loads(line, 0, NULL);

	assert_non_null(o);
	check_report_keep(r, line, o);
	json_decref(o);
}

static void
fill(struct check_report *r)
{
	check_report_init(r);
	keep(r, head_line);
	for (size_t i = 0; i < sizeof(cell_lines) / sizeof(*cell_lines); i++)
		keep(r, cell_lines[i]);
}

static void
assert_has(const struct capture *c, const char *part)
{
	if (!strstr(c->text, part))
		fail_msg("'%s' is not in:\n%s", part, c->text);
}

static void
the_table_has_both_families_in_a_row(void **unused)
{
	struct check_report r;
	struct capture c;

	(void)unused;
	fill(&r);
	capture_start(&c);
	check_report_print(&r, false);
	capture_end(&c);
	assert_int_equal(strncmp(c.text,
			     "RULE      PORT         IPV4    IPV6      LISTENING\n"
			     "registry  tcp/5000     open    -         IPv4\n"
			     "ldap      tcp/389-390  proven  shut out  yes\n"
			     "\nregistry tcp/5000 IPv4 open: anybody reaches the registry\n",
			     200),
	    0);
	check_report_fini(&r);
}

static void
findings_say_what_an_administrator_acts_on(void **unused)
{
	struct check_report r;
	struct capture c;

	(void)unused;
	fill(&r);
	capture_start(&c);
	check_report_print(&r, false);
	capture_end(&c);
	assert_has(&c,
	    "    - docker0's registry is published\n"
	    "      sources   0.0.0.0/1, 128.0.0.0/2 (and 12 more)\n"
	    "      way in    to 192.0.2.1:80 by eth0\n"
	    "      leads to  172.17.0.2:5000, forwarded\n"
	    "      listener  container reg, process registry (pid 812), at [::]:5000\n"
	    "      witness   tcp from 203.0.113.9 to 192.0.2.1:80 by eth0 is accepted\n");
	assert_has(&c, "ldap tcp/389-390 IPv6 shut out: pica01 is refused\n"
		       "      way in    to [2001:db8::1]:389 by eth0\n"
		       "      refused   pica01: 2001:db8::11\n");
	assert_has(&c, "ldap (dual-stack) depends: pica02 has no IPv6 address\n");
	assert_has(&c,
	    "open: 1 open, 1 shut out, 1 depends, 1 proven, 1 other (1,240 nft rules, 7 "
	    "set elements)\n"
	    "not shown by nft, so that a proof depends on it: XDP on eth0 (and 2 more)\n");
	assert_has(&c, "no group infra is configured: only this host itself");
	assert_null(strstr(c.text, "chain DOCKER"));
	assert_null(strstr(c.text, "add table"));
	check_report_fini(&r);
}

static void
explained_findings_have_their_path(void **unused)
{
	struct check_report r;
	struct capture c;

	(void)unused;
	fill(&r);
	capture_start(&c);
	check_report_print(&r, true);
	capture_end(&c);
	assert_has(&c,
	    "      path      table ip nat chain DOCKER rule 12 (handle 31) \"c\": dnat to "
	    "172.17.0.2:5000\n"
	    "                routed to docker0\n");
	check_report_fini(&r);
}

/* nft reads it: each line once, and all else behind a '#'. */
static void
the_script_is_one_for_nft(void **unused)
{
	struct check_report r;
	struct capture c;
	char *save = NULL;
	int lines = 0;

	(void)unused;
	fill(&r);
	keep(&r,
	    "{\"type\":\"cell\",\"kind\":\"port\",\"state\":\"depends\",\"text\":\"two\\nlines\"}");
	capture_start(&c);
	check_report_script(&r);
	capture_end(&c);
	assert_has(&c, "\nadd table inet x\nadd rule inet x y drop\n");
	assert_has(&c, "# registry tcp/5000 IPv4 open: anybody reaches the registry\n");
	for (char *l = strtok_r(c.text, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
		lines += *l != '#';
	assert_int_equal(lines, 2);
	check_report_fini(&r);
}

static void
a_script_without_lines_says_so(void **unused)
{
	struct check_report r;
	struct capture c;

	(void)unused;
	check_report_init(&r);
	keep(&r, head_line);
	capture_start(&c);
	check_report_script(&r);
	capture_end(&c);
	assert_has(&c, "# nothing that nft rules could close\n");
	check_report_fini(&r);
}

static void
the_exit_status_is_that_of_the_worst(void **unused)
{
	static const struct {
		const char *state;
		int exit;
	} cases[] = {{"proven", 0}, {"latent", 0}, {"depends", 1}, {"shut out", 2}, {"open", 2},
	    {"something new", 3}};
	char line[80];

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct check_report r;

		check_report_init(&r);
		assert_int_equal(check_report_exit(&r), 0);
		keep(&r, "{\"type\":\"cell\",\"state\":\"proven\"}");
		snprintf(
		    line, sizeof(line), "{\"type\":\"cell\",\"state\":\"%s\"}", cases[i].state);
		keep(&r, line);
		keep(&r, "{\"type\":\"cell\",\"state\":\"latent\"}");
		assert_int_equal(check_report_exit(&r), cases[i].exit);
		check_report_fini(&r);
	}
}

/* What depends is neither accepted nor dropped; other kinds have a host or a listener of their own.
 */
static void
cells_of_every_kind_are_told(void **unused)
{
	struct check_report r;
	struct capture c;

	(void)unused;
	check_report_init(&r);
	keep(&r, head_line);
	keep(&r,
	    "{\"type\":\"cell\",\"kind\":\"port\",\"rule\":\"a\",\"proto\":\"udp\",\"port\":514,"
	    "\"port_high\":514,\"family\":6,\"state\":\"depends\",\"text\":\"rests on a limit\","
	    "\"why\":[\"limit\"],\"forgeable\":[\"eth0\",\"eth1\"],\"findings\":[{\"to\":"
	    "\"2001:db8::1\",\"port\":514,\"in\":\"eth0\",\"ways\":3,\"endpoint\":"
	    "\"[2001:db8::1]:514\",\"forwarded\":false,\"witness\":{\"from\":\"2001:db8::9\","
	    "\"to\":"
	    "\"2001:db8::1\",\"port\":514,\"proto\":\"udp\",\"in\":\"eth0\",\"accepted\":null},"
	    "\"why\":[\"limit\"]}],\"findings_more\":7}");
	keep(&r, "{\"type\":\"cell\",\"kind\":\"dual-stack\",\"rule\":\"a\",\"host\":\"pica02\","
		 "\"state\":\"depends\",\"text\":\"no IPv6 address\"}");
	keep(&r,
	    "{\"type\":\"cell\",\"kind\":\"unnamed\",\"rule\":\"a\",\"proto\":\"tcp\",\"port\":22,"
	    "\"port_high\":22,\"state\":\"open\",\"text\":\"no rule\",\"listener\":{\"unit\":"
	    "\"ssh.service\",\"process\":\"\",\"pid\":0,\"address\":\"[::]:22\"}}");
	capture_start(&c);
	check_report_print(&r, false);
	capture_end(&c);
	assert_has(&c,
	    "a udp/514 IPv6 depends: rests on a limit\n"
	    "      way in    to [2001:db8::1]:514 by eth0 (and 2 more)\n"
	    "      depends   limit\n"
	    "      witness   udp from 2001:db8::9 to [2001:db8::1]:514 by eth0 is accepted, "
	    "or not\n"
	    "    - 7 more, which are left out\n"
	    "      forgeable the source of a datagram that comes in by eth0, eth1 can be "
	    "forged\n");
	assert_has(&c, "a pica02 (dual-stack) depends: no IPv6 address\n");
	assert_has(
	    &c, "a tcp/22 (unnamed) open: no rule\n      listener  ssh.service, at [::]:22\n");
	check_report_fini(&r);
}

static void
proven_cells_are_told_when_there_is_something_to_know(void **unused)
{
	struct check_report r;
	struct capture c;

	(void)unused;
	check_report_init(&r);
	keep(&r, head_line);
	keep(&r, "{\"type\":\"cell\",\"kind\":\"port\",\"rule\":\"a\",\"proto\":\"udp\",\"port\":1,"
		 "\"family\":4,\"state\":\"proven\",\"text\":\"can be forged\"}");
	keep(&r, "{\"type\":\"cell\",\"kind\":\"port\",\"rule\":\"a\",\"proto\":\"udp\",\"port\":2,"
		 "\"family\":4,\"state\":\"proven\",\"text\":\"\"}");
	capture_start(&c);
	check_report_print(&r, false);
	capture_end(&c);
	assert_has(&c, "\na udp/1 IPv4 proven: can be forged\n\n");
	assert_null(strstr(c.text, "udp/2 IPv4"));
	check_report_fini(&r);
}

/* Of a member that is missing, or of another type, nothing is said. */
static void
lines_without_members_are_no_trouble(void **unused)
{
	static const char *const lines[] = {"{\"type\":\"cell\"}",
	    "{\"type\":\"cell\",\"kind\":\"port\",\"findings\":7,\"why\":\"x\"}",
	    "{\"type\":\"cell\",\"kind\":\"port\",\"state\":\"open\",\"findings\":[{},7,{\"path\":["
	    "{}],"
	    "\"outside\":[null],\"witness\":[],\"suggest\":[null]}]}",
	    "{\"type\":\"check\"}", "{}"};
	struct check_report r;
	struct capture c;

	(void)unused;
	check_report_init(&r);
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		keep(&r, lines[i]);
	assert_non_null(r.head);
	capture_start(&c);
	check_report_print(&r, true);
	check_report_script(&r);
	capture_end(&c);
	assert_has(&c, "(0 nft rules, 0 set elements)");
	check_report_fini(&r);
}

static void
lists_are_cut_and_what_is_left_out_is_counted(void **unused)
{
	static const struct {
		const char *list;
		int more;
		size_t shown;
		const char *want;
	} cases[] = {
	    {"[]", 0, EXPOSE_LIST_ALL, "none"},
	    {"[\"a\"]", 0, 1, "a"},
	    {"[\"a\",\"b\",\"c\"]", 0, EXPOSE_LIST_ALL, "a, b, c"},
	    {"[\"a\",\"b\",\"c\"]", 0, 2, "a, b (and 1 more)"},
	    {"[\"a\",\"b\",\"c\"]", 4, 2, "a, b (and 5 more)"},
	    {"[\"a\",\"b\"]", 4, 2, "a, b (and 4 more)"},
	};

	(void)unused;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		json_t *list = json_loads(cases[i].list, 0, NULL);
		struct strbuf b = {0};

		expose_list(&b, list, cases[i].more, cases[i].shown);
		assert_string_equal(b.text, cases[i].want);
		json_decref(list);
		strbuf_fini(&b);
	}
}

static void
steps_without_a_place_are_their_words(void **unused)
{
	struct strbuf b = {0};
	json_t *o =
	    json_loads("{\"table\":\"ip filter\",\"chain\":\"INPUT\",\"does\":\"policy drop\","
		       "\"unknown\":\"xt u32\"}",
		0, NULL);

	(void)unused;
	expose_step(&b, o);
	assert_string_equal(b.text, "table ip filter chain INPUT: policy drop; not known: xt u32");
	json_decref(o);
	strbuf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_table_has_both_families_in_a_row),
	    cmocka_unit_test(findings_say_what_an_administrator_acts_on),
	    cmocka_unit_test(explained_findings_have_their_path),
	    cmocka_unit_test(the_script_is_one_for_nft),
	    cmocka_unit_test(a_script_without_lines_says_so),
	    cmocka_unit_test(the_exit_status_is_that_of_the_worst),
	    cmocka_unit_test(cells_of_every_kind_are_told),
	    cmocka_unit_test(proven_cells_are_told_when_there_is_something_to_know),
	    cmocka_unit_test(lines_without_members_are_no_trouble),
	    cmocka_unit_test(lists_are_cut_and_what_is_left_out_is_counted),
	    cmocka_unit_test(steps_without_a_place_are_their_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
