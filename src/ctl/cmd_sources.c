/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "ctl/ask.h"
#include "ctl/out_text.h"

#define LAG_TEXT 160

struct shown {
	struct out_table table;
	bool all;
	size_t absent;
};

/* "1.2 GB, behind for 40s, at lines 2h old" */
static void
lag_text(json_t *o, char out[static LAG_TEXT])
{
	int64_t bytes = out_int(o, "lag_bytes"), age = out_int(o, "age_s");
	char text[40];
	int n = 0;

	out[0] = 0;
	if (bytes > 0 || !json_is_true(json_object_get(o, "behind")))
		n = snprintf(out, LAG_TEXT, "%s", out_bytes(bytes, text));
	if (!json_is_true(json_object_get(o, "behind")))
		return;
	n += snprintf(out + n, LAG_TEXT - (size_t)n, "%sbehind for %s", n ? ", " : "",
	    clock_format_span(out_int(o, "behind_s") * USEC_PER_SEC, text));
	if (age > 0)
		snprintf(out + n, LAG_TEXT - (size_t)n, ", at lines %s old",
		    clock_format_span(age * USEC_PER_SEC, text));
}

static void
on_line(void *ctx, const char *line, json_t *o)
{
	struct shown *s = ctx;
	char lines[32], candidates[32], matched[32], unexamined[32], lag[LAG_TEXT], lost[32];
	char state[128];
	const char *error = out_str(o, "error");

	(void)line;
	if (!s->all && strcmp(out_str(o, "state"), "absent") == 0) {
		s->absent++;
		return;
	}
	lag_text(o, lag);
	snprintf(state, sizeof(state), "%s%s%s", out_str(o, "state"), *error ? ": " : "", error);
	out_table_row(&s->table, out_str(o, "name"), out_str(o, "kind"), state,
	    out_count(out_int(o, "lines"), lines), out_count(out_int(o, "candidates"), candidates),
	    out_count(out_int(o, "matched"), matched),
	    out_count(out_int(o, "unexamined"), unexamined), out_count(out_int(o, "lost"), lost),
	    lag);
}

static int
run(const struct globals *g, const struct args *a)
{
	static const char *const heads[] = {"SOURCE", "KIND", "STATE", "LINES", "CANDIDATES",
	    "MATCHED", "NOT EXAMINED", "LOST", "LAG", NULL};
	_cleanup_(strbuf_fini) struct strbuf request = {0};
	struct shown shown = {.all = args_flag(a, "all")};
	int r;

	out_table_init(&shown.table, 0xf8, heads);
	ask_word(&request, "sources");
	r = ask_daemon(g, &request, g->json ? ask_print_raw : on_line, &shown);
	if (r == EXIT_DONE && !g->json) {
		out_table_print(&shown.table);
		if (shown.absent)
			printf("%zu more are not there (yet); --all shows them\n", shown.absent);
	}
	out_table_fini(&shown.table);
	return r;
}

const struct command cmd_sources = {
    .name = "sources",
    .group = "Bans",
    .usage = "[--all]",
    .summary = "what is read: lines, matches, what could not be examined, lag",
    .help =
	"CANDIDATES are the lines that a pattern looked at, MATCHED those that gave an offence "
	"or a\n"
	"success, NOT EXAMINED those over 64 KiB or over the match limit, LOST how often something "
	"went\n"
	"before it was read, LAG what is not read yet, and for how long.\n",
    .run = run,
};
