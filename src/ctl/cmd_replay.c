/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

#include "ctl/ask.h"
#include "ctl/out_text.h"
#include "ctl/tool.h"

static void
on_line(void *ctx, const char *line, json_t *o)
{
	struct out_table *t = ctx;
	const char *until = out_str(o, "until");
	char points[32], level[32];

	(void)line;
	out_table_row(t, out_str(o, "time"), out_str(o, "prefix"), out_str(o, "rule"),
	    *until ? until : "for good", out_count(out_int(o, "points"), points),
	    out_count(out_int(o, "level"), level),
	    json_is_true(json_object_get(o, "dry_run")) ? "yes" : "");
}

/* reader --replay FILES | judge --replay, both on the same image. */
static int
pipeline(const struct globals *g, const struct args *a, int image, struct out_table *t)
{
	const char *filter = args_option(a, "filter");
	struct tool reader = {
	    .name = "guardd-reader", .args = {"--replay"}, .in = -1, .image = image};
	size_t n = 1;

	if (filter) {
		reader.args[n++] = "--filter";
		reader.args[n++] = filter;
	}
	for (size_t i = 0; i < a->n; i++)
		reader.args[n++] = a->words[i];
	return tool_replay(&reader, g->json ? ask_print_raw : on_line, t);
}

static int
run(const struct globals *g, const struct args *a)
{
	static const char *const heads[] = {
	    "TIME", "ADDRESS", "RULE", "UNTIL", "POINTS", "LEVEL", "DRY RUN", NULL};
	_cleanup_(closep) int image = tool_image(g);
	_cleanup_(out_table_fini) struct out_table t;
	int r;

	out_table_init(&t, 0x30, heads);
	if (image < 0)
		return EXIT_FAILED;
	r = pipeline(g, a, image, &t);
	if (r == EXIT_DONE && !g->json) {
		if (t.rows > 1)
			out_table_print(&t);
		else
			puts("the rules would have banned nobody");
	}
	return r;
}

const struct command cmd_replay = {
    .name = "replay",
    .group = "Filters",
    .usage = "FILE... [--filter NAME]",
    .summary = "what the rules would have banned, and when, by the lines' own time",
    .help = "Reads log files ('-' is standard input) with every filter, or the one named, and "
	    "applies the\n"
	    "rules to what they give, sorted by time. Nothing is banned.\n",
    .run = run,
};
