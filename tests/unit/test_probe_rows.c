/* links: herald */
/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The parts of the fleet's probes that keep nothing: who asks whom and when, entries from outside,
 * and proof and probe side by side.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "herald/fleet.h"
#include "herald/probe_compare.h"
#include "herald/probe_plan.h"

#define HOUR (3600 * USEC_PER_SEC)

static struct addr
A(const char *text) {
	struct addr a;

	assert_int_equal(addr_parse(&a, text, strlen(text)), 0);
	return a;
}

/* --- the plan --- */

static void
each_pair_is_due_once_a_period_and_a_fleet_spreads_evenly(void **state)
{
	enum { HOSTS = 100, SLOTS = 60 };
	unsigned slots[SLOTS] = {0}, most = 0, least = UINT32_MAX;
	const usec_t start = 1000 * HOUR + 17;

	(void)state;
	for (int v = 0; v < HOSTS; v++)
		for (int t = 0; t < HOSTS; t++) {
			char vantage[16], target[16];
			uint64_t h;
			usec_t due;

			snprintf(vantage, sizeof(vantage), "web%d", v);
			snprintf(target, sizeof(target), "web%d", t);
			h = plan_hash(vantage, target);
			due = plan_next(h, HOUR, start);
			assert_in_range(due, start + 1, start + HOUR);
			assert_int_equal(due + HOUR, plan_next(h, HOUR, due));
			assert_int_equal(due, plan_next(h, HOUR, due - 1));
			assert_in_range(plan_soon(h, HOUR, start), start, start + HOUR - 1);
			slots[(due - start - 1) * SLOTS / HOUR]++;
		}
	for (int i = 0; i < SLOTS; i++) {
		most = slots[i] > most ? slots[i] : most;
		least = slots[i] < least ? slots[i] : least;
	}
	/* 10,000 pairs in 60 minutes: 167 in each on the average. */
	assert_in_range(least, 120, 167);
	assert_in_range(most, 167, 220);
	assert_int_not_equal(plan_hash("a", "b"), plan_hash("b", "a"));
}

struct names {
	const char *own, *target;
	int n;
	char text[16];
};

static const char *
next_name(void *ctx, uint32_t *i)
{
	struct names *x = ctx;

	while (*i < (uint32_t)x->n) {
		snprintf(x->text, sizeof(x->text), "web%u", (*i)++);
		if (strcmp(x->text, x->own) != 0 && strcmp(x->text, x->target) != 0)
			return x->text;
	}
	return NULL;
}

static unsigned
vantages_of(const char *target, int n, unsigned *load)
{
	unsigned all = 0;

	for (int v = 0; v < n; v++) {
		char own[16];
		struct names x = {.own = own, .target = target, .n = n};
		bool chosen;

		snprintf(own, sizeof(own), "web%d", v);
		chosen = strcmp(own, target) != 0 && plan_is_chosen(own, target, next_name, &x);
		all += chosen;
		if (load)
			load[v] += chosen;
	}
	return all;
}

static void
few_hosts_of_many_ask_a_target_and_all_of_few(void **state)
{
	enum { HOSTS = 300 };
	unsigned load[HOSTS] = {0};

	(void)state;
	for (int n = 2; n <= PLAN_VANTAGES + 1; n++)
		assert_int_equal(n - 1, vantages_of("web0", n, NULL));
	for (int t = 0; t < HOSTS; t++) {
		char target[16];

		snprintf(target, sizeof(target), "web%d", t);
		assert_int_equal(PLAN_VANTAGES, vantages_of(target, HOSTS, load));
	}
	for (int v = 0; v < HOSTS; v++)
		assert_in_range(load[v], 1, 3 * PLAN_VANTAGES);
}

/* --- entries --- */

#define GROUP(to, from, answer, expected, verdict, ports)                                          \
	"{\"to\":\"" to "\",\"from\":\"" from "\",\"answer\":\"" answer                            \
	"\",\"expected\":\"" expected "\",\"verdict\":\"" verdict "\"," ports "}"
#define ROW(to, proto, port, from, answer, expected, verdict)                                      \
	GROUP(to, from, answer, expected, verdict, "\"" proto "\":[" port "]")
#define ENTRY(rows) "{\"target\":\"web1\",\"at\":1700000000,\"rows\":[" rows "]}"
#define GOOD        ROW("192.0.2.1", "tcp", "389", "192.0.2.9", "open", "closed", "gap")

static int
read_entry(const char *text, struct probe_row rows[PROBE_ROWS])
{
	const char *target;
	json_t *root;
	int n = probe_entry_read(&root, &target, rows, text, strlen(text));

	if (n >= 0)
		assert_string_equal("web1", target);
	json_decref(root);
	return n;
}

static void
entries_are_read(void **state)
{
	static struct probe_row rows[PROBE_ROWS];
	struct addr to = A("2001:db8::1");

	(void)state;
	assert_int_equal(0, read_entry(ENTRY(""), rows));
	assert_int_equal(3, read_entry(ENTRY(GOOD "," ROW("2001:db8::1", "udp", "65535", "",
					   "unknown", "any", "unknown") "," ROW("192.0.2.1", "tcp",
					   "1", "192.0.2.9", "silent", "open", "shut out")),
				rows));
	assert_int_equal(5, read_entry(ENTRY(GROUP("192.0.2.1", "", "silent", "any", "ok",
					   "\"udp\":[514,1],\"tcp\":[389,636,25]")),
				rows));
	assert_int_equal(IPPROTO_TCP, rows[2].proto);
	assert_int_equal(25, rows[2].port);
	assert_int_equal(IPPROTO_UDP, rows[3].proto);
	assert_int_equal(514, rows[3].port);
	assert_int_equal(3, read_entry(ENTRY(GOOD "," ROW("2001:db8::1", "udp", "65535", "",
					   "unknown", "any", "unknown") "," ROW("192.0.2.1", "tcp",
					   "1", "192.0.2.9", "silent", "open", "shut out")),
				rows));
	assert_int_equal(VERDICT_GAP, rows[0].verdict);
	assert_int_equal(389, rows[0].port);
	assert_int_equal(EXPECTED_CLOSED, rows[0].expected);
	assert_true(addr_equal(&to, &rows[1].to));
	assert_int_equal(0, rows[1].from.family);
	assert_int_equal(IPPROTO_UDP, rows[1].proto);
	assert_int_equal(VERDICT_SHUT_OUT, rows[2].verdict);
}

/* Not one row of an entry is taken in which anything is wrong. */
static void
hostile_entries_are_refused(void **state)
{
	static struct probe_row rows[PROBE_ROWS];
	static const char *const bad[] = {
	    "",
	    "x",
	    "[]",
	    "null",
	    "{}",
	    "{\"target\":\"web1\"}",
	    "{\"target\":\"web1\",\"rows\":{}}",
	    "{\"target\":7,\"rows\":[]}",
	    "{\"target\":\"web1\",\"target\":\"web2\",\"rows\":[]}",
	    "{\"target\":\"web\\u00001\",\"rows\":[]}",
	    ENTRY("7"),
	    ENTRY("null"),
	    ENTRY(GOOD ",{}"),
	    ENTRY(ROW("", "tcp", "1", "", "silent", "any", "ok")),
	    ENTRY(ROW("fe80::1%eth0", "tcp", "1", "", "silent", "any", "ok")),
	    ENTRY(ROW("192.0.2.1/8", "tcp", "1", "", "silent", "any", "ok")),
	    ENTRY(GROUP("192.0.2.1", "", "silent", "any", "ok", "\"tcp\":7")),
	    ENTRY(GROUP("192.0.2.1", "", "silent", "any", "ok", "\"tcp\":[1],\"udp\":{}")),
	    ENTRY(GROUP("192.0.2.1", "", "silent", "any", "ok", "\"tcp\":[1,[2]]")),
	    ENTRY(ROW("192.0.2.1", "tcp", "0", "", "silent", "any", "ok")),
	    ENTRY(ROW("192.0.2.1", "tcp", "65536", "", "silent", "any", "ok")),
	    ENTRY(ROW("192.0.2.1", "tcp", "-1", "", "silent", "any", "ok")),
	    ENTRY(ROW("192.0.2.1", "tcp", "1e9", "", "silent", "any", "ok")),
	    ENTRY(ROW("192.0.2.1", "tcp", "\"1\"", "", "silent", "any", "ok")),
	    ENTRY(ROW("192.0.2.1", "tcp", "1", "nobody", "silent", "any", "ok")),
	    ENTRY(ROW("192.0.2.1", "tcp", "1", "", "loud", "any", "ok")),
	    ENTRY(ROW("192.0.2.1", "tcp", "1", "", "silent", "maybe", "ok")),
	    ENTRY(ROW("192.0.2.1", "tcp", "1", "", "silent", "any", "fine")),
	    /* verdicts that the answer does not bear */
	    ENTRY(ROW("192.0.2.1", "tcp", "1", "", "silent", "closed", "gap")),
	    ENTRY(ROW("192.0.2.1", "tcp", "1", "", "open", "open", "gap")),
	    ENTRY(ROW("192.0.2.1", "tcp", "1", "", "open", "any", "gap")),
	    ENTRY(ROW("192.0.2.1", "tcp", "1", "", "open", "closed", "ok")),
	    ENTRY(ROW("192.0.2.1", "tcp", "1", "", "host-down", "closed", "ok")),
	    ENTRY(ROW("192.0.2.1", "tcp", "1", "", "silent", "open", "ok")),
	    ENTRY(ROW("192.0.2.1", "tcp", "1", "", "open", "open", "shut out")),
	    ENTRY(ROW("192.0.2.1", "tcp", "1", "", "silent", "closed", "shut out")),
	    ENTRY(ROW("192.0.2.1", "tcp", "1", "", "open", "closed", "unknown")),
	};
	struct strbuf text = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (read_entry(bad[i], rows) >= 0)
			fail_msg("taken: %s", bad[i]);
	strbuf_puts(&text, "{\"target\":\"web1\",\"rows\":[" GOOD ",");
	strbuf_puts(&text,
	    "{\"to\":\"192.0.2.1\",\"from\":\"\",\"answer\":\"silent\",\"expected\":\"any\","
	    "\"verdict\":\"ok\",\"tcp\":[1");
	for (int i = 1; i < PROBE_ROWS; i++)
		strbuf_puts(&text, ",1");
	strbuf_puts(&text, "]}]}");
	assert_int_equal(-EINVAL, read_entry(text.text, rows));
	strbuf_reset(&text);
	strbuf_puts(&text, ENTRY(GOOD));
	for (unsigned i = 0; i < FLEET_REPORT_MAX; i++)
		strbuf_puts(&text, " ");
	assert_int_equal(-EINVAL, read_entry(text.text, rows));
	strbuf_reset(&text);
	for (unsigned i = 0; i < FLEET_REPORT_MAX - 1; i++)
		strbuf_puts(&text, "[");
	assert_int_equal(-EINVAL, read_entry(text.text, rows));
	strbuf_fini(&text);
}

/* What a prover printed becomes an entry that reads back: what is not in order first, the rest as
 * far as there is room; lines of other targets and other text are nothing to it. */
static void
entries_are_made_of_what_the_prover_prints(void **state)
{
	static struct probe_row rows[PROBE_ROWS];
	struct strbuf out = {0}, entry = {0};
	json_t *lines, *root;
	const char *target;
	int n;

	(void)state;
	strbuf_puts(
	    &out, "guardd-prover: web1: 8.8.8.8 is not in fleet.probe.within\n{\"broken\n{}\n");
	for (int i = 1; i <= 1500; i++)
		strbuf_printf(&out,
		    "{\"type\":\"probe\",\"target\":\"%s\",\"address\":\"2001:db8::%x\",\"family\":"
		    "6,"
		    "\"proto\":\"%s\",\"port\":%d,\"rule\":\"a\\\"b\",\"from\":\"2001:db8::9\","
		    "\"answer\":\"%s\",\"by\":\"\",\"expected\":\"closed\",\"verdict\":\"%s\"}\n",
		    i % 100 ? "web1" : "web2", i % 100 ? i : 1, i % 2 ? "tcp" : "udp", i,
		    i == 1450 ? "answered" : "refused", i == 1450 ? "gap" : "ok");
	lines = probe_lines(out.text, out.len);
	assert_int_equal(1500, json_array_size(lines));
	assert_int_equal(15, probe_entry_write(&entry, "web2", 5 * USEC_PER_SEC, lines));
	assert_null(strstr(entry.text, "\"cut\""));
	/* What they have in common stands once. */
	assert_in_range(entry.len, 1, 300);
	strbuf_reset(&entry);
	n = (int)probe_entry_write(&entry, "web1", 5 * USEC_PER_SEC, lines);
	assert_in_range(n, 300, 800);
	assert_in_range(entry.len, 1, FLEET_REPORT_MAX);
	assert_non_null(strstr(entry.text, "\"cut\":true"));
	assert_null(strchr(entry.text, '\n'));
	assert_int_equal(n, probe_entry_read(&root, &target, rows, entry.text, entry.len));
	assert_int_equal(1450, rows[0].port);
	assert_int_equal(IPPROTO_UDP, rows[0].proto);
	assert_int_equal(1, rows[1].port);
	json_decref(root);
	json_decref(lines);
	strbuf_fini(&entry);
	strbuf_fini(&out);
}

/* --- reports --- */

static void
states_and_addresses_of_a_report(void **state)
{
	static const char report[] =
	    "{\"exposure\":\"open\",\"proof_age_s\":7,\"cells\":["
	    "{\"rule\":\"ldap\",\"proto\":\"tcp\",\"port\":389,\"family\":4,\"state\":\"proven\"},"
	    "{\"rule\":\"x11\",\"proto\":\"tcp\",\"port\":6000,\"port_high\":6010,\"family\":6,"
	    "\"state\":\"open\"},"
	    "7,null,{},{\"rule\":\"ldap\",\"proto\":\"tcp\",\"port\":70000,\"family\":4,\"state\":"
	    "\"open\"},"
	    "{\"rule\":\"ldap\",\"proto\":\"tcp\",\"port\":389,\"family\":5,\"state\":\"open\"},"
	    "{\"rule\":\"ldap\",\"proto\":\"tcp\",\"port\":389,\"family\":4,\"state\":\"fine\"}],"
	    "\"addresses\":[{\"address\":\"192.0.2.1\"},{\"address\":\"192.0.2.1\"},"
	    "{\"address\":\"2001:db8::1\"},{\"address\":\"127.0.0.1\"},{\"address\":\"::1\"},"
	    "{\"address\":\"0.0.0.0\"},{\"address\":\"255.255.255.255\"},{\"address\":\"224.0.0."
	    "1\"},"
	    "{\"address\":\"169.254.1.1\"},{\"address\":\"fe80::1\"},{\"address\":\"ff02::1\"},"
	    "{\"address\":\"fe80::1%eth0\"},{\"address\":\"::\"},{\"address\":7},7,\"192.0.2.2\"]}";
	struct addr addrs[TABLE_ADDRESSES], v6 = A("2001:db8::1");
	struct probe_row r = {.to = v6, .proto = IPPROTO_TCP, .port = 6010};
	struct view v;

	(void)state;
	view_from_report(&v, report, strlen(report), 1000 * USEC_PER_SEC);
	assert_true(v.proven);
	assert_int_equal(993 * USEC_PER_SEC, v.made);
	assert_int_equal(2, v.n);
	assert_string_equal("ldap", v.cells[0].rule);
	assert_int_equal(PROOF_PROVEN, v.cells[0].state);
	assert_false(view_has(&v.cells[0], &r));
	assert_true(view_has(&v.cells[1], &r));
	r.port = 6011;
	assert_false(view_has(&v.cells[1], &r));
	view_fini(&v);
	assert_int_equal(2, view_addresses(addrs, report, strlen(report)));
	assert_true(addr_equal(&addrs[1], &v6));
	view_from_report(&v, "{\"exposure\":\"unknown\",\"cells\":[]}", 34, 1000);
	assert_false(v.proven);
	view_fini(&v);
	view_from_report(&v, NULL, 0, 1000);
	assert_false(v.proven);
	view_fini(&v);
}

/* --- side by side --- */

static void
what_a_proof_and_a_probe_say_together(void **state)
{
	static const struct {
		uint8_t state, proto, answer, expected, verdict;
		enum probe_word once, twice;
	} rows[] = {
	    {PROOF_PROVEN, 6, ANSWER_SILENT, EXPECTED_CLOSED, VERDICT_OK, WORD_AGREE, WORD_AGREE},
	    {PROOF_PROVEN, 6, ANSWER_OPEN, EXPECTED_OPEN, VERDICT_OK, WORD_AGREE, WORD_AGREE},
	    {PROOF_PROVEN, 6, ANSWER_OPEN, EXPECTED_CLOSED, VERDICT_GAP, WORD_WAITS, WORD_DISAGREE},
	    {PROOF_LATENT, 6, ANSWER_OPEN, EXPECTED_CLOSED, VERDICT_GAP, WORD_WAITS, WORD_DISAGREE},
	    {PROOF_DEPENDS, 6, ANSWER_OPEN, EXPECTED_CLOSED, VERDICT_GAP, WORD_WAITS,
		WORD_DISAGREE},
	    {PROOF_SHUT_OUT, 6, ANSWER_OPEN, EXPECTED_CLOSED, VERDICT_GAP, WORD_WAITS,
		WORD_DISAGREE},
	    {PROOF_OPEN, 6, ANSWER_OPEN, EXPECTED_CLOSED, VERDICT_GAP, WORD_GAP, WORD_GAP},
	    {VIEW_NO_STATE, 6, ANSWER_OPEN, EXPECTED_CLOSED, VERDICT_GAP, WORD_GAP, WORD_GAP},
	    {PROOF_PROVEN, 6, ANSWER_SILENT, EXPECTED_OPEN, VERDICT_SHUT_OUT, WORD_WAITS,
		WORD_DISAGREE},
	    {PROOF_OPEN, 6, ANSWER_SILENT, EXPECTED_OPEN, VERDICT_SHUT_OUT, WORD_WAITS,
		WORD_DISAGREE},
	    {PROOF_SHUT_OUT, 6, ANSWER_SILENT, EXPECTED_OPEN, VERDICT_SHUT_OUT, WORD_SHUT_OUT,
		WORD_SHUT_OUT},
	    {PROOF_DEPENDS, 6, ANSWER_SILENT, EXPECTED_OPEN, VERDICT_SHUT_OUT, WORD_SHUT_OUT,
		WORD_SHUT_OUT},
	    {PROOF_OPEN, 6, ANSWER_SILENT, EXPECTED_CLOSED, VERDICT_OK, WORD_DIFFERS, WORD_DIFFERS},
	    {PROOF_SHUT_OUT, 6, ANSWER_OPEN, EXPECTED_OPEN, VERDICT_OK, WORD_DIFFERS, WORD_DIFFERS},
	    {PROOF_PROVEN, 17, ANSWER_UNKNOWN, EXPECTED_CLOSED, VERDICT_UNKNOWN, WORD_QUIET,
		WORD_QUIET},
	    {PROOF_PROVEN, 6, ANSWER_REFUSED, EXPECTED_OPEN, VERDICT_UNKNOWN, WORD_QUIET,
		WORD_QUIET},
	    {PROOF_PROVEN, 6, ANSWER_HOST_DOWN, EXPECTED_CLOSED, VERDICT_UNKNOWN, WORD_UNKNOWN,
		WORD_UNKNOWN},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct probe_row r = {.proto = rows[i].proto,
		    .answer = rows[i].answer,
		    .expected = rows[i].expected,
		    .verdict = rows[i].verdict,
		    .from = A("192.0.2.9"),
		    .rounds = 1};

		assert_int_equal(rows[i].once, compare_words(rows[i].state, &r));
		r.rounds = 2;
		assert_int_equal(rows[i].twice, compare_words(rows[i].state, &r));
	}
}

/* Of several addresses one that outsiders reach is a gap, and one that insiders reach is enough;
 * without an outsider it is unseen. */
static void
cells_over_vantages_and_addresses(void **state)
{
	struct view_cell c = {.rule = "ldap",
	    .state = PROOF_PROVEN,
	    .proto = IPPROTO_TCP,
	    .family = 6,
	    .port = 389,
	    .port_high = 389};
	struct probe_row row = {.to = A("2001:db8::1"),
	    .from = A("2001:db8::9"),
	    .proto = IPPROTO_TCP,
	    .port = 389,
	    .answer = ANSWER_SILENT,
	    .expected = EXPECTED_OPEN,
	    .verdict = VERDICT_SHUT_OUT,
	    .rounds = 2};
	struct probe_table t;
	struct probe_host *target, *in, *out;
	struct probe_row rows[2] = {row, row};
	struct strbuf words = {0};
	struct compared x;

	(void)state;
	table_init(&t, "own");
	target = table_host(&t, "web1");
	in = table_host(&t, "in");
	out = table_host(&t, "out");
	target->n_addrs = 2;
	target->addrs[0] = A("2001:db8::1");
	target->addrs[1] = A("2001:db8::2");
	x = compare_cell(&c, target, NULL);
	assert_int_equal(WORD_UNSEEN, x.word);
	c.state = PROOF_OPEN;
	assert_int_equal(WORD_GAP, compare_cell(&c, target, NULL).word);
	c.state = PROOF_PROVEN;
	rows[1].to = target->addrs[1];
	assert_int_equal(0, table_take(&t, target, in, 1, rows, 2));
	table_pair(target, in)->rows[0].rounds = table_pair(target, in)->rows[1].rounds = 2;
	assert_int_equal(WORD_DISAGREE, compare_cell(&c, target, NULL).word);
	rows[1].answer = ANSWER_OPEN;
	rows[1].verdict = VERDICT_OK;
	assert_int_equal(0, table_take(&t, target, in, 1, rows, 2));
	x = compare_cell(&c, target, NULL);
	assert_int_equal(WORD_UNSEEN, x.word);
	assert_int_equal(1, x.vantages);
	for (int i = 0; i < 2; i++) {
		rows[i].answer = ANSWER_REFUSED;
		rows[i].expected = EXPECTED_CLOSED;
		rows[i].verdict = VERDICT_OK;
	}
	assert_int_equal(0, table_take(&t, target, out, 1, rows, 2));
	assert_int_equal(WORD_AGREE, compare_cell(&c, target, NULL).word);
	c.state = PROOF_OPEN;
	assert_int_equal(WORD_DIFFERS, compare_cell(&c, target, NULL).word);
	c.state = PROOF_PROVEN;
	/* One without IPv6 takes nothing from what another one saw, and sees nothing alone. */
	rows[0].answer = ANSWER_UNREACHABLE;
	rows[0].expected = EXPECTED_ANY;
	rows[0].verdict = VERDICT_UNKNOWN;
	assert_int_equal(0, table_take(&t, target, table_host(&t, "blind"), 1, rows, 1));
	x = compare_cell(&c, target, NULL);
	assert_int_equal(WORD_AGREE, x.word);
	assert_int_equal(3, x.vantages);
	assert_int_equal(1, x.outsiders);
	x = compare_cell(&c, target, table_host(&t, "blind"));
	assert_int_equal(WORD_UNKNOWN, x.word);
	assert_int_equal(0, x.outsiders);
	/* A rule for one interface cannot be held against what is seen from afar. */
	rows[0].answer = ANSWER_OPEN;
	rows[0].verdict = VERDICT_OK;
	assert_int_equal(0, table_take(&t, target, table_host(&t, "blind"), 1, rows, 1));
	assert_int_equal(WORD_QUIET, compare_cell(&c, target, table_host(&t, "blind")).word);
	rows[1].answer = ANSWER_OPEN;
	rows[1].verdict = VERDICT_GAP;
	assert_int_equal(0, table_take(&t, target, out, 1, rows, 2));
	table_pair(target, out)->rows[1].rounds = 2;
	x = compare_cell(&c, target, NULL);
	assert_int_equal(WORD_DISAGREE, x.word);
	assert_int_equal(1, x.outsiders);
	compare_subject(&words, "web1", &c);
	assert_string_equal("web1 ldap tcp/389 IPv6", words.text);
	strbuf_reset(&words);
	compare_sentence(&words, "web1", &c, &x);
	assert_string_equal(
	    "out (2001:db8::9) reached port 389 of web1 at 2001:db8::2, which rule ldap "
	    "does not allow; the proof of web1 says proven",
	    words.text);
	assert_int_equal(WORD_UNSEEN, compare_cell(&c, target, in).word);
	strbuf_fini(&words);
	table_fini(&t);
}

/* --- many cells --- */

#define MANY 200

/* Cells of one port and of ranges that lie in, over and beside each other, in any order. */
static void
put_many(struct view *v, unsigned *seed)
{
	*v = (struct view){.proven = true};
	for (int i = 0; i < MANY; i++) {
		unsigned x = *seed = *seed * 1103515245u + 12345u;
		struct view_cell c = {.state = (uint8_t)((x >> 8) % PROOF_STATES),
		    .proto = x >> 12 & 1 ? IPPROTO_TCP : IPPROTO_UDP,
		    .family = x >> 13 & 1 ? 4 : 6,
		    .port = (uint16_t)(x >> 14 & 0xff)};

		c.port_high = (uint16_t)(c.port + (x >> 22 & 1 ? 0 : x >> 23 & 0x0f));
		if (i == 7)
			c.port_high = 65535;
		if (i == 9)
			c.port_high = (uint16_t)(c.port ? c.port - 1 : 0);
		view_add(v, &c);
	}
}

static bool
part_has(const struct probe_index *x, const struct index_part *part, uint32_t cell)
{
	for (uint32_t i = 0; part && i < part->n; i++)
		if (x->cells[part->first + i] == cell)
			return true;
	return false;
}

static void
an_index_finds_the_cells_that_are_about_a_row(void **state)
{
	unsigned seed = 1;
	struct probe_index x;
	struct view v;

	(void)state;
	put_many(&v, &seed);
	assert_int_equal(0, index_new(&x, &v));
	for (unsigned i = 0; i < 4 * 300; i++) {
		struct probe_row r = {.to = i & 1 ? A("2001:db8::1") : A("192.0.2.1"),
		    .proto = i & 2 ? IPPROTO_TCP : IPPROTO_UDP,
		    .port = (uint16_t)(i / 4 < 299 ? i / 4 : 65535)};
		const struct index_part *part = index_find(&x, &r);
		unsigned n = 0, states = 0;

		for (uint32_t k = 0; k < v.n; k++) {
			assert_int_equal(view_has(&v.cells[k], &r), part_has(&x, part, k));
			if (view_has(&v.cells[k], &r)) {
				n++;
				states |= 1u << v.cells[k].state;
			}
		}
		assert_int_equal(n, part ? part->n : 0);
		assert_int_equal(states, part ? part->states : 0);
	}
	index_fini(&x);
	view_fini(&v);
	/* Of more cells about one port some are found, and the states of all. */
	for (uint32_t i = 0; i < INDEX_SAME + 9; i++) {
		struct view_cell c = {.proto = IPPROTO_TCP, .family = 4, .port = 7, .port_high = 7};

		c.state = i < INDEX_SAME ? PROOF_PROVEN : PROOF_OPEN;
		view_add(&v, &c);
	}
	assert_int_equal(0, index_new(&x, &v));
	assert_int_equal(2, x.n);
	assert_int_equal(INDEX_SAME, x.parts[0].n);
	assert_int_equal(1 << PROOF_PROVEN | 1 << PROOF_OPEN, x.parts[0].states);
	assert_int_equal(0, x.parts[1].n);
	index_fini(&x);
	view_fini(&v);
	assert_int_equal(0, index_new(&x, &v));
	assert_null(index_find(&x, &(struct probe_row){.proto = IPPROTO_TCP, .port = 7}));
	index_fini(&x);
}

/* Rows of any sound kind, several of which are about one place. */
static uint32_t
put_rows(struct probe_row rows[PROBE_ROWS], unsigned *seed)
{
	static const struct probe_row kinds[] = {
	    {.answer = ANSWER_OPEN, .expected = EXPECTED_CLOSED, .verdict = VERDICT_GAP},
	    {.answer = ANSWER_OPEN, .expected = EXPECTED_OPEN, .verdict = VERDICT_OK},
	    {.answer = ANSWER_SILENT, .expected = EXPECTED_OPEN, .verdict = VERDICT_SHUT_OUT},
	    {.answer = ANSWER_SILENT, .expected = EXPECTED_CLOSED, .verdict = VERDICT_OK},
	    {.answer = ANSWER_SILENT, .expected = EXPECTED_ANY, .verdict = VERDICT_OK},
	    {.answer = ANSWER_HOST_DOWN, .expected = EXPECTED_ANY, .verdict = VERDICT_UNKNOWN},
	};

	for (uint32_t i = 0; i < PROBE_ROWS / 4; i++) {
		unsigned x = *seed = *seed * 1103515245u + 12345u;

		rows[i] = kinds[(x >> 8) % (sizeof(kinds) / sizeof(*kinds))];
		rows[i].to = x >> 12 & 1 ? A("2001:db8::1") : A("192.0.2.1");
		rows[i].proto = x >> 13 & 1 ? IPPROTO_TCP : IPPROTO_UDP;
		rows[i].port = (uint16_t)(x >> 14 & 0xff);
	}
	return PROBE_ROWS / 4;
}

static void
target_of_both_families(struct probe_table *t)
{
	struct probe_host *target;

	table_init(t, "own");
	target = table_host(t, "web1");
	target->n_addrs = 2;
	target->addrs[0] = A("2001:db8::1");
	target->addrs[1] = A("192.0.2.1");
}

static void
all_cells_at_once_are_as_each_by_itself(void **state)
{
	struct probe_row rows[PROBE_ROWS];
	struct compared all[MANY], one;
	unsigned seed = 5, words = 0;
	struct probe_host *target;
	struct probe_table t;
	struct probe_index x;
	struct view v;

	(void)state;
	target_of_both_families(&t);
	target = table_find(&t, "web1");
	put_many(&v, &seed);
	assert_int_equal(0, index_new(&x, &v));
	for (int i = 0; i < 6; i++) {
		char name[16];
		uint32_t n = put_rows(rows, &seed);

		snprintf(name, sizeof(name), "from%d", i);
		assert_int_equal(0, table_take(&t, target, table_host(&t, name), 5 + i, rows, n));
	}
	for (int i = 0; i < 2; i++) {
		const struct probe_host *only = i ? table_find(&t, "from3") : NULL;

		assert_int_equal(0, compare_cells(all, &v, &x, target, only));
		for (uint32_t k = 0; k < v.n; k++) {
			one = compare_cell(&v.cells[k], target, only);
			words |= 1u << one.word;
			assert_memory_equal(&one, &all[k], offsetof(struct compared, row));
			assert_int_equal(one.same, all[k].same);
			assert_int_equal(one.latest, all[k].latest);
			assert_int_equal(one.row != NULL, all[k].row != NULL);
			if (one.row)
				assert_memory_equal(one.row, all[k].row, sizeof(*one.row));
		}
	}
	assert_true(words & 1u << WORD_WAITS && words & 1u << WORD_SHUT_OUT &&
		    words & 1u << WORD_UNKNOWN && words & 1u << WORD_AGREE);
	index_fini(&x);
	view_fini(&v);
	table_fini(&t);
}

/* As by each row and each cell, one by one. */
static void
rows_are_held_against_all_their_cells(void **state)
{
	struct probe_row rows[PROBE_ROWS];
	struct probe_table t;
	struct probe_index x;
	struct probe_pair *p;
	unsigned seed = 9, counted = 0;
	struct view v;

	(void)state;
	target_of_both_families(&t);
	put_many(&v, &seed);
	assert_int_equal(0, index_new(&x, &v));
	table_take(
	    &t, table_find(&t, "web1"), table_host(&t, "out"), 5, rows, put_rows(rows, &seed));
	p = table_pair(table_find(&t, "web1"), table_find(&t, "out"));
	for (uint32_t i = 0; i < p->n; i++) {
		p->rows[i].rounds = (uint8_t)(i % 2 ? 254 : 0);
		p->rows[i].news = (uint8_t)(i % 3);
	}
	assert_true(compare_count(&x, p));
	for (uint32_t i = 0; i < p->n; i++) {
		unsigned rounds = (i % 2 ? 254 : 0) + i % 3;
		bool contradicts = false;

		for (uint32_t k = 0; k < v.n; k++)
			contradicts |= view_has(&v.cells[k], &p->rows[i]) &&
				       compare_contradicts(v.cells[k].state, &p->rows[i]);
		assert_int_equal(!contradicts ? 0 : rounds < 255 ? rounds : 255, p->rows[i].rounds);
		assert_int_equal(0, p->rows[i].news);
		counted += p->rows[i].rounds == 1;
	}
	assert_true(counted > 0);
	/* Said before, or compared with nothing: no first time. */
	assert_false(compare_count(&x, p));
	for (uint32_t i = 0; i < p->n; i++)
		p->rows[i].news = 1;
	assert_false(compare_count(NULL, p));
	assert_false(compare_count(&x, p));
	index_fini(&x);
	view_fini(&v);
	table_fini(&t);
}

static const char *
rule_of_none(void *ctx, const struct probe_row *r)
{
	(*(int *)ctx)++;
	assert_in_range(r->port, 1, 3);
	return "none";
}

static void
ports_without_a_cell_are_added_once(void **state)
{
	struct probe_row rows[6] = {{.proto = IPPROTO_TCP, .port = 1},
	    {.proto = IPPROTO_TCP, .port = 2}, {.proto = IPPROTO_UDP, .port = 1},
	    {.proto = IPPROTO_TCP, .port = 1}, {.proto = IPPROTO_TCP, .port = 3},
	    {.proto = IPPROTO_TCP, .port = 4}};
	struct view_cell c = {.proto = IPPROTO_TCP, .family = 4, .port = 4, .port_high = 4};
	struct probe_table t;
	struct view v = {0};
	int asked = 0;

	(void)state;
	target_of_both_families(&t);
	for (int i = 0; i < 6; i++)
		rows[i].to = i == 3 ? A("2001:db8::1") : A("192.0.2.1");
	table_take(&t, table_find(&t, "web1"), table_host(&t, "a"), 5, rows, 6);
	table_take(&t, table_find(&t, "web1"), table_host(&t, "b"), 5, rows, 6);
	view_add(&v, &c);
	compare_add_unproven(&v, table_find(&t, "web1"), rule_of_none, &asked);
	assert_int_equal(6, v.n);
	assert_int_equal(5, asked);
	for (int i = 1; i < 6; i++) {
		assert_int_equal(VIEW_NO_STATE, v.cells[i].state);
		assert_string_equal("none", v.cells[i].rule);
		for (int k = 0; k < i; k++)
			assert_memory_not_equal(&v.cells[i], &v.cells[k], sizeof(v.cells[i]));
	}
	view_fini(&v);
	table_fini(&t);
}

/* --- the table --- */

static struct probe_host *
numbered(struct probe_table *t, const char *what, int i)
{
	char name[32];
	struct probe_host *h;

	snprintf(name, sizeof(name), "%s%d", what, i);
	h = table_host(t, name);
	assert_non_null(h);
	h->n_addrs = 1;
	h->addrs[0] = A("192.0.2.1");
	return h;
}

/* Hosts that say whatever they like take no room from what concerns this host, and one of them not
 * all from the others. */
static void
the_table_is_bounded(void **state)
{
	static struct probe_row rows[PROBE_ROWS];
	struct probe_table t;
	struct probe_host *own, *one, *target;
	uint32_t refused = 0;

	(void)state;
	for (int i = 0; i < PROBE_ROWS; i++)
		rows[i] = (struct probe_row){
		    .to = A("192.0.2.1"), .proto = IPPROTO_TCP, .port = (uint16_t)(i + 1)};
	table_init(&t, "own");
	own = numbered(&t, "own", 0);
	strcpy(t.own, own->name);
	one = numbered(&t, "liar", 0);
	for (int i = 0; i < 100; i++)
		refused +=
		    table_take(&t, numbered(&t, "web", i), one, 5, rows, PROBE_ROWS) == -ENOSPC;
	assert_in_range(one->said, TABLE_SHARE - PROBE_ROWS, TABLE_SHARE);
	assert_in_range(refused, 50, 99);
	for (int i = 1; i < 60; i++)
		for (int k = 0; k < 10; k++)
			table_take(&t, numbered(&t, "web", k), numbered(&t, "liar", i), 5, rows,
			    PROBE_ROWS);
	assert_in_range(t.rows[PART_OTHERS], PROBES_CELLS / 2 - PROBE_ROWS, PROBES_CELLS / 2);
	assert_true(numbered(&t, "web", 0)->refused > 0);
	for (int i = 0; i < 300; i++) {
		table_take(&t, own, numbered(&t, "liar", i), 5, rows, PROBE_ROWS);
		table_take(&t, numbered(&t, "web", i), own, 5, rows, PROBE_ROWS);
	}
	assert_in_range(t.rows[PART_OF_US], PROBES_CELLS / 4 - PROBE_ROWS, PROBES_CELLS / 4);
	assert_in_range(t.rows[PART_BY_US], PROBES_CELLS / 4 - PROBE_ROWS, PROBES_CELLS / 4);
	assert_in_range(table_rows(&t), PROBES_CELLS - 3 * PROBE_ROWS, PROBES_CELLS);
	/* The same again takes no more. */
	refused = table_rows(&t);
	assert_int_equal(0, table_take(&t, numbered(&t, "web", 0), own, 5, rows, PROBE_ROWS));
	assert_int_equal(refused, table_rows(&t));
	/* Rows about addresses of somebody else are none. */
	target = numbered(&t, "web", 0);
	target->addrs[0] = A("192.0.2.2");
	assert_int_equal(0, table_take(&t, target, own, 5, rows, PROBE_ROWS));
	assert_null(table_pair(target, own));
	assert_int_equal(refused - PROBE_ROWS, table_rows(&t));
	for (uint32_t i = 0; i < t.n; i++)
		table_age(&t, t.hosts[i], 6);
	assert_int_equal(0, table_rows(&t));
	assert_int_equal(0, one->said);
	table_fini(&t);
}

static bool
is_even(void *ctx, const struct probe_row *r)
{
	(*(int *)ctx)++;
	return r->port % 2 == 0;
}

static void
rows_that_are_not_kept(void **state)
{
	struct probe_row rows[4] = {{.port = 1}, {.port = 2}, {.port = 3}, {.port = 4}};
	struct probe_host *target, *one, *two;
	struct probe_table t;
	int asked = 0;

	(void)state;
	table_init(&t, "own");
	for (int i = 0; i < 4; i++)
		rows[i].to = A("192.0.2.1");
	target = numbered(&t, "web", 0);
	one = numbered(&t, "a", 0);
	two = numbered(&t, "b", 0);
	assert_int_equal(0, table_take(&t, target, one, 5, rows, 4));
	assert_int_equal(0, table_take(&t, target, two, 5, rows, 1));
	assert_int_equal(5, table_rows(&t));
	table_trim(&t, target, is_even, &asked);
	assert_int_equal(5, asked);
	assert_int_equal(2, table_rows(&t));
	assert_int_equal(2, one->said);
	assert_int_equal(0, two->said);
	assert_null(table_pair(target, two));
	assert_int_equal(2, table_pair(target, one)->n);
	assert_int_equal(4, table_pair(target, one)->rows[1].port);
	table_fini(&t);
}

/* What is said again, in whatever order, is counted on; of several about one place what says most
 * stands. */
static void
rows_that_are_said_again(void **state)
{
	struct probe_row rows[PROBE_ROWS] = {0};
	struct probe_host *target, *one;
	struct probe_table t;
	struct probe_pair *p;

	(void)state;
	table_init(&t, "own");
	target = numbered(&t, "web", 0);
	one = numbered(&t, "a", 0);
	for (int i = 0; i < 100; i++)
		rows[i] = (struct probe_row){.to = A("192.0.2.1"),
		    .proto = IPPROTO_TCP,
		    .port = (uint16_t)(i % 50 + 1),
		    .verdict = i % 50 % 2 == i / 50 ? VERDICT_GAP : VERDICT_SHUT_OUT};
	assert_int_equal(0, table_take(&t, target, one, 5, rows, 100));
	p = table_pair(target, one);
	assert_int_equal(50, p->n);
	for (uint32_t i = 0; i < p->n; i++) {
		assert_int_equal(i + 1, p->rows[i].port);
		assert_int_equal(VERDICT_GAP, p->rows[i].verdict);
		p->rows[i].rounds = (uint8_t)i;
		p->rows[i].news = (uint8_t)(i + 1);
	}
	for (int i = 0; i < 60; i++) {
		rows[i].port = (uint16_t)(60 - i);
		rows[i].verdict = i < 55 ? VERDICT_GAP : VERDICT_SHUT_OUT;
	}
	assert_int_equal(0, table_take(&t, target, one, 6, rows, 60));
	p = table_pair(target, one);
	assert_int_equal(60, p->n);
	for (uint32_t i = 0; i < 60; i++) {
		assert_int_equal(i < 5 || i >= 50 ? 0 : i, p->rows[i].rounds);
		assert_int_equal(i < 5 || i >= 50 ? 0 : i + 1, p->rows[i].news);
	}
	table_fini(&t);
}

static void
hosts_that_leave(void **state)
{
	struct probe_row row = {.to = A("192.0.2.1"), .proto = IPPROTO_TCP, .port = 1};
	struct probe_host *a, *b, *c;
	struct probe_table t;

	(void)state;
	table_init(&t, "a0");
	c = numbered(&t, "c", 0);
	a = numbered(&t, "a", 0);
	b = numbered(&t, "b", 0);
	assert_ptr_equal(a, table_find(&t, "a0"));
	assert_ptr_equal(b, table_host(&t, "b0"));
	assert_null(table_find(&t, "b"));
	assert_null(table_host(&t, ""));
	assert_int_equal(0, table_take(&t, b, c, 1, &row, 1));
	assert_int_equal(0, table_take(&t, c, b, 1, &row, 1));
	assert_int_equal(0, table_take(&t, a, c, 1, &row, 1));
	assert_int_equal(3, table_rows(&t));
	table_forget(&t, c);
	assert_int_equal(0, table_rows(&t));
	assert_null(table_find(&t, "c0"));
	assert_int_equal(2, t.n);
	assert_null(a->seen);
	assert_null(b->seen);
	table_fini(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_pair_is_due_once_a_period_and_a_fleet_spreads_evenly),
	    cmocka_unit_test(few_hosts_of_many_ask_a_target_and_all_of_few),
	    cmocka_unit_test(entries_are_read),
	    cmocka_unit_test(hostile_entries_are_refused),
	    cmocka_unit_test(entries_are_made_of_what_the_prover_prints),
	    cmocka_unit_test(states_and_addresses_of_a_report),
	    cmocka_unit_test(what_a_proof_and_a_probe_say_together),
	    cmocka_unit_test(cells_over_vantages_and_addresses),
	    cmocka_unit_test(an_index_finds_the_cells_that_are_about_a_row),
	    cmocka_unit_test(all_cells_at_once_are_as_each_by_itself),
	    cmocka_unit_test(rows_are_held_against_all_their_cells),
	    cmocka_unit_test(ports_without_a_cell_are_added_once),
	    cmocka_unit_test(the_table_is_bounded),
	    cmocka_unit_test(rows_that_are_not_kept),
	    cmocka_unit_test(rows_that_are_said_again),
	    cmocka_unit_test(hosts_that_leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
