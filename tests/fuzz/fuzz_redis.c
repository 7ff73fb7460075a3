/* links: herald */
/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Any bytes as what a Redis server answers, in pieces of any size: parsed or refused, within its
 * bound; an entry that is right in form is written again byte by byte. The first byte chooses the
 * pieces, and whether the rest is a reply or the line of one entry.
 */
#include <stdlib.h>
#include <string.h>

#include "herald/fleet_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void
check_line(const char *line, size_t n)
{
	_cleanup_(strbuf_fini) struct strbuf again = {0};
	struct entry e;

	if (entry_parse(&e, line, n) != ENTRY_GOOD)
		return;
	entry_write(&e, &again);
	if (again.len != n || memcmp(again.text, line, n) != 0 || e.serial == 0 ||
	    strlen(e.host) >= FLEET_HOST_MAX || (e.kind == ENTRY_BAN && e.ban.prefix.len == 0))
		abort();
}

static void
check_value(const struct value *v)
{
	const struct value *fields;
	struct entry_text text;
	struct entry_id id, last = {0, 0};
	bool wrong = false;

	for (uint32_t i = 0; fleet_entry_at(v, i, &id, &fields, &wrong); i++) {
		char out[REPLY_ID_MAX];
		struct entry_id again, before = entry_before(&id);

		if (entry_cmp_id(&before, &id) > 0 ||
		    entry_parse_id(&again, entry_format_id(&id, out), strlen(out)) < 0 ||
		    entry_cmp_id(&again, &id) != 0)
			abort();
		last = entry_cmp_id(&id, &last) > 0 ? id : last;
		if (entry_fields(fields, &text))
			check_line(text.line, text.line_len);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	size_t step = n > 0 ? 1 + data[0] % 64 : 1;
	struct value *v;
	struct reply *r;
	int e = 0;

	if (n > 0 && data[0] >= 192) {
		char *line = strndup((const char *)data + 1, n - 1);

		check_line(line, strlen(line));
		free(line);
		return 0;
	}
	if (reply_new(&r, 2048) < 0)
		abort();
	for (size_t at = 1; at < n && e == 0; at += step) {
		e = reply_feed(r, (const char *)data + at, step < n - at ? step : n - at);
		while (e == 0 && (e = reply_next(r, &v)) == 1) {
			check_value(v);
			value_free(v);
			e = 0;
		}
	}
	if (strlen(reply_last_id(r)) >= REPLY_ID_MAX)
		abort();
	reply_free(r);
	return 0;
}
