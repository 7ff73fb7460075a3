/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "ctl/ask.h"
#include "ctl/expose_text.h"
#include "ctl/out_text.h"

static const char *
certainty(const char *confirmed)
{
	if (strcmp(confirmed, "same") == 0)
		return "yes";
	return strcmp(confirmed, "different") == 0 ? "NO" : "-";
}

static void
on_line(void *ctx, const char *line, json_t *o)
{
	struct out_table *t = ctx;
	const char *until = out_str(o, "until"), *state = out_str(o, "state");

	(void)line;
	out_table_row(t, out_str(o, "since"), *until ? until : "stands", out_str(o, "rule"),
	    out_str(o, "what"), state, certainty(out_str(o, "confirmed")),
	    *out_str(o, "changer") ? out_str(o, "changer") : "-", out_str(o, "text"));
	if (!*until)
		out_table_colour(t, 4, expose_colour(state));
}

static int
run(const struct globals *g, const struct args *a)
{
	static const char *const heads[] = {
	    "SINCE", "UNTIL", "RULE", "WHAT", "STATE", "CONFIRMED", "CHANGED BY", "TEXT", NULL};
	_cleanup_(strbuf_fini) struct strbuf request = {0};
	_cleanup_(out_table_fini) struct out_table t;
	bool all = args_flag(a, "all");
	int r;

	out_table_init(&t, 0, heads);
	ask_word(&request, "gaps");
	if (all)
		ask_word(&request, "all");
	r = ask_daemon(g, &request, g->json ? ask_print_raw : on_line, &t);
	if (r == EXIT_DONE && !g->json) {
		if (t.rows > 1)
			out_table_print(&t);
		else
			puts(all ? "no gap was ever seen" : "no gap stands");
	}
	return r;
}

const struct command cmd_gaps = {
    .name = "gaps",
    .group = "Exposure",
    .usage = "[--all]",
    .summary = "gaps that stand, since when, and which process opened them",
    .help = "--all shows those that ended, too. CONFIRMED: the kernel itself decided the "
	    "same way\nwhen the packet was tried in a copy of the rules.\n",
    .run = run,
};
