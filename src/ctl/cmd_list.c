/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "ctl/ask.h"
#include "ctl/out_text.h"

static const char *
remaining(json_t *o, char buf[static 40])
{
	if (json_is_null(json_object_get(o, "until")))
		return "for good";
	return clock_format_span(out_int(o, "remaining_s") * USEC_PER_SEC, buf);
}

static const char *
state_of(json_t *o)
{
	if (json_is_true(json_object_get(o, "dry_run")))
		return "dry run";
	return json_is_true(json_object_get(o, "in_force")) ? "in force" : "NOT in force";
}

static void
on_line(void *ctx, const char *line, json_t *o)
{
	struct out_table *t = ctx;
	char left[40], packets[32], bytes[32];

	(void)line;
	out_table_row(t, out_str(o, "prefix"), out_str(o, "rule"), out_str(o, "scope"), state_of(o),
	    remaining(o, left), out_count(out_int(o, "packets"), packets),
	    out_bytes(out_int(o, "bytes"), bytes), out_str(o, "why"));
}

static int
run(const struct globals *g, const struct args *a)
{
	static const char *const heads[] = {
	    "ADDRESS", "RULE", "SCOPE", "STATE", "REMAINING", "DROPPED", "BYTES", "WHY", NULL};
	static const char *const words[] = {"rule", "limit"};
	_cleanup_(strbuf_fini) struct strbuf request = {0};
	_cleanup_(out_table_fini) struct out_table t;
	int r;

	out_table_init(&t, 0x70, heads);
	ask_word(&request, "list");
	if (a->n > 0)
		ask_word(&request, a->words[0]);
	for (size_t i = 0; i < 2; i++) {
		const char *value = args_option(a, words[i]);

		if (value) {
			ask_word(&request, words[i]);
			ask_word(&request, value);
		}
	}
	r = ask_daemon(g, &request, g->json ? ask_print_raw : on_line, &t);
	if (r == EXIT_DONE && !g->json) {
		if (t.rows > 1)
			out_table_print(&t);
		else
			puts("no bans");
	}
	return r;
}

const struct command cmd_list = {
    .name = "list",
    .group = "Bans",
    .usage = "[PREFIX] [--rule NAME] [--limit N]",
    .summary = "bans in force, what each has dropped, how long and why",
    .help =
	"PREFIX shows the bans of an address, or all inside a prefix. DROPPED and BYTES are the\n"
	"kernel's own counters of the element. 'NOT in force' says that the kernel has not (yet)\n"
	"taken the ban; guardd keeps trying and its log says why.\n",
    .run = run,
};
