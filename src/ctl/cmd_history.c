/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

#include "ctl/ask.h"
#include "ctl/out_text.h"

static void
on_line(void *ctx, const char *line, json_t *o)
{
	struct out_table *t = ctx;
	char packets[32], level[32];
	const char *ended = out_str(o, "ended"), *until = out_str(o, "until");

	(void)line;
	out_table_row(t, out_str(o, "since"),
	    *ended   ? ended
	    : *until ? until
		     : "for good",
	    out_str(o, "prefix"), out_str(o, "rule"), out_count(out_int(o, "level"), level),
	    out_count(out_int(o, "packets"), packets),
	    json_is_true(json_object_get(o, "dry_run")) ? "yes" : "", out_str(o, "why"));
}

static int
run(const struct globals *g, const struct args *a)
{
	static const char *const heads[] = {
	    "SINCE", "UNTIL", "ADDRESS", "RULE", "TIME", "DROPPED", "DRY RUN", "WHY", NULL};
	_cleanup_(strbuf_fini) struct strbuf request = {0};
	_cleanup_(out_table_fini) struct out_table t;
	int r;

	out_table_init(&t, 0x30, heads);
	ask_word(&request, "history");
	ask_word(&request, a->words[0]);
	r = ask_daemon(g, &request, g->json ? ask_print_raw : on_line, &t);
	if (r == EXIT_DONE && !g->json) {
		if (t.rows > 1)
			out_table_print(&t);
		else
			printf("no bans of %s are known\n", a->words[0]);
	}
	return r;
}

const struct command cmd_history = {
    .name = "history",
    .group = "Bans",
    .usage = "PREFIX",
    .summary = "all bans of an address or inside a prefix that the book still knows",
    .run = run,
};
