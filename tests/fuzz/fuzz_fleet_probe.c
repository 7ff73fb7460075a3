/* links: herald */
/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Any bytes as what another host says: an entry of what it saw, a report, lines of a prover. What
 * is taken of an entry is written and read again as it was; nothing is read or written out of
 * bounds.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "herald/probe_compare.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
check_rows(const struct probe_row *rows, int n)
{
	for (int i = 0; i < n; i++)
		if (rows[i].answer >= PROBE_ANSWERS || rows[i].expected >= PROBE_EXPECTED ||
		    rows[i].verdict >= PROBE_VERDICTS || rows[i].port == 0 ||
		    compare_words(PROOF_PROVEN, &rows[i]) >= PROBE_WORDS)
			abort();
}

static void
check_lines(const char *text, size_t n)
{
	_cleanup_(strbuf_fini) struct strbuf entry = {0};
	static struct probe_row rows[PROBE_ROWS];
	json_t *lines = probe_lines(text, n), *root;
	uint32_t written = probe_entry_write(&entry, "web1", 5, lines);
	const char *target;

	if (probe_entry_read(&root, &target, rows, entry.text, entry.len) != (int)written)
		abort();
	json_decref(root);
	json_decref(lines);
}

/* Members of a row by the bytes' choice, so that whole rows come about. */
static void
make_rows(struct strbuf *out, const uint8_t *data, size_t n)
{
	static const struct {
		const char *key, *words[8];
	} members[] = {
	    {"type", {"\"probe\"", "7"}},
	    {"target", {"\"web1\"", "\"web2\"", "\"\"", "null"}},
	    {"address", {"\"192.0.2.1\"", "\"2001:db8::1\"", "\"::ffff:192.0.2.1\"", "\"x\"",
			    "\"\"", "\"fe80::1%1\"", "{}"}},
	    {"proto", {"\"tcp\"", "\"udp\"", "\"sctp\"", "1"}},
	    {"port", {"1", "65535", "0", "65536", "-1", "1e3", "\"1\"", "99999999999999999999"}},
	    {"to", {"\"192.0.2.1\"", "\"2001:db8::1\"", "\"\"", "7"}},
	    {"tcp", {"[1,2,65535]", "[]", "[0]", "7", "[\"1\"]", "[65536]", "{}"}},
	    {"udp", {"[53]", "[53,53]", "[-1]", "null"}},
	    {"rule", {"\"ldap\"", "\"\\u0000\"", "[]", "\"\\ud800\""}},
	    {"from", {"\"192.0.2.9\"", "\"\"", "\"?\"", "null"}},
	    {"answer", {"\"open\"", "\"silent\"", "\"refused\"", "\"answered\"", "\"unknown\"",
			   "\"host-down\"", "\"loud\""}},
	    {"expected", {"\"closed\"", "\"open\"", "\"any\"", "\"\""}},
	    {"verdict", {"\"gap\"", "\"ok\"", "\"shut out\"", "\"unknown\"", "\"GAP\""}},
	};
	const size_t all = sizeof(members) / sizeof(*members);

	for (size_t i = 0; i < n; i++) {
		const char *word = members[i % all].words[data[i] % 8];

		strbuf_printf(out, "%s\"%s\":%s%s", i % all ? "," : "{", members[i % all].key,
		    word ? word : "true", i % all == all - 1 ? "}\n" : "");
	}
}

static void
check_entry(const char *text, size_t n)
{
	static struct probe_row rows[PROBE_ROWS];
	const char *target;
	json_t *root;

	check_rows(rows, probe_entry_read(&root, &target, rows, text, n));
	json_decref(root);
}

/* The same rows as groups of an entry. */
static void
check_groups(const struct strbuf *lines)
{
	_cleanup_(strbuf_fini) struct strbuf entry = {0};

	strbuf_puts(&entry, "{\"target\":\"web1\",\"rows\":[");
	for (size_t i = 0; i < lines->len; i++)
		strbuf_add(&entry, lines->text[i] == '\n' ? "," : lines->text + i, 1);
	strbuf_puts(&entry, "{\"to\":\"192.0.2.1\"}]}");
	check_entry(entry.text, entry.len);
	/* Where the last line is whole, those alone. */
	if (lines->len && lines->text[lines->len - 1] == '\n') {
		entry.len -= strlen(",{\"to\":\"192.0.2.1\"}]}");
		entry.text[entry.len] = '\0';
		strbuf_puts(&entry, "]}");
		check_entry(entry.text, entry.len);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	_cleanup_(strbuf_fini) struct strbuf made = {0};
	struct addr addrs[TABLE_ADDRESSES];
	const char *text = (const char *)data;
	struct view v;

	check_entry(text, n);
	view_from_report(&v, text, n, 1000);
	if (v.n > VIEW_CELLS)
		abort();
	view_fini(&v);
	if (view_addresses(addrs, text, n) > TABLE_ADDRESSES)
		abort();
	check_lines(text, n);
	make_rows(&made, data, n);
	check_lines(made.text ? made.text : "", made.len);
	check_groups(&made);
	return 0;
}
