/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "ctl/ask.h"
#include "ctl/out_text.h"
#include "ctl/tool.h"

struct report {
	struct out_table patterns, addresses;
	bool any_address;
	size_t misses;
};

static void
on_pattern(struct report *r, json_t *o)
{
	char hits[32], place[512];

	snprintf(
	    place, sizeof(place), "%s:%lld", out_str(o, "file"), (long long)out_int(o, "line"));
	out_table_row(&r->patterns, out_count(out_int(o, "hits"), hits), out_str(o, "kind"), place,
	    out_str(o, "pattern"));
}

static void
on_address(struct report *r, json_t *o)
{
	char offences[32], points[32], forgives[32];

	r->any_address = true;
	out_table_row(&r->addresses, out_count(out_int(o, "offences"), offences),
	    out_count(out_int(o, "points"), points), out_count(out_int(o, "forgives"), forgives),
	    out_str(o, "address"));
}

static void
on_total(json_t *o)
{
	char lines[32], candidates[32], matched[32], unexamined[32];

	printf("%s lines, %s candidates, %s matched, %s not examined\n",
	    out_count(out_int(o, "lines"), lines), out_count(out_int(o, "candidates"), candidates),
	    out_count(out_int(o, "matched"), matched),
	    out_count(out_int(o, "unexamined"), unexamined));
}

static void
on_line(void *ctx, const char *line, json_t *o)
{
	struct report *r = ctx;
	const char *type = out_str(o, "type");

	(void)line;
	if (strcmp(type, "pattern") == 0)
		on_pattern(r, o);
	else if (strcmp(type, "address") == 0)
		on_address(r, o);
	else if (strcmp(type, "total") == 0)
		on_total(o);
	else if (strcmp(type, "near_miss") == 0)
		printf("%s%s:%lld: %s\n",
		    r->misses++ ? ""
				: "lines that only just missed (a pattern's text was there):\n",
		    out_str(o, "file"), (long long)out_int(o, "line"), out_str(o, "text"));
}

static int
test_logs(const struct globals *g, const struct args *a, int image)
{
	static const char *const pattern_heads[] = {"HITS", "KIND", "PLACE", "PATTERN", NULL};
	static const char *const address_heads[] = {
	    "OFFENCES", "POINTS", "SUCCESSES", "ADDRESS", NULL};
	_cleanup_(closep) int out = -1;
	struct tool t = {.name = "guardd-reader", .args = {"--test"}, .in = -1, .image = image};
	struct report report = {0};
	pid_t pid;
	int r, s;

	for (size_t i = 0; i < a->n; i++)
		t.args[1 + i] = a->words[i];
	pid = tool_start_piped(&t, &out);
	if (pid < 0)
		return EXIT_CANNOT;
	out_table_init(&report.patterns, 1, pattern_heads);
	out_table_init(&report.addresses, 7, address_heads);
	r = ask_read_lines(out, g->json ? ask_print_raw : on_line, &report);
	s = tool_wait(&t, pid);
	if (s == EXIT_DONE && r == EXIT_DONE && !g->json) {
		puts("");
		out_table_print(&report.patterns);
		if (report.any_address) {
			puts("");
			out_table_print(&report.addresses);
		}
	}
	out_table_fini(&report.patterns);
	out_table_fini(&report.addresses);
	return s != EXIT_DONE ? s : r;
}

static void
on_summary(void *ctx, const char *line, json_t *o)
{
	(void)ctx;
	(void)line;
	printf("%lld examples of %lld filters, %lld failed\n", (long long)out_int(o, "examples"),
	    (long long)out_int(o, "filters"), (long long)out_int(o, "failed"));
}

static int
test_examples(const struct globals *g, const struct args *a, int image)
{
	_cleanup_(closep) int out = -1;
	struct tool t = {
	    .name = "guardd-reader", .args = {"--examples", "-v"}, .in = -1, .image = image};
	pid_t pid;
	int r, s;

	if (a->n > 0)
		t.args[2] = a->words[0];
	pid = tool_start_piped(&t, &out);
	if (pid < 0)
		return EXIT_CANNOT;
	r = ask_read_lines(out, g->json ? ask_print_raw : on_summary, NULL);
	s = tool_wait(&t, pid);
	return s != EXIT_DONE ? s : r;
}

static int
run(const struct globals *g, const struct args *a)
{
	_cleanup_(closep) int image = tool_image(g);

	if (image < 0)
		return EXIT_FAILED;
	return a->n > 1 ? test_logs(g, a, image) : test_examples(g, a, image);
}

const struct command cmd_test = {
    .name = "test",
    .group = "Filters",
    .usage = "[FILTER] [FILE]...",
    .summary = "run the examples of all filters or of one; or a filter over log files",
    .help = "Over log files it tells the hits of each pattern, the addresses, and the lines that "
	    "only just\n"
	    "missed: those that hold a pattern's text, but do not match. '-' is standard input.\n",
    .run = run,
};
