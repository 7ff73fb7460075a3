/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "ctl/ask.h"
#include "ctl/out_text.h"
#include "ctl/tool.h"

#define FOREIGN "fail2ban" /* the option, and what such a filter is called then */

struct report {
	struct out_table patterns, addresses;
	bool foreign; /* the answer is as that program's own tool gives it */
	bool any_address;
	size_t misses;
	int64_t offences, ignored; /* hits of patterns */
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

/* Patterns that nothing was found by are left out, as they are by the hundred. */
static void
on_foreign_pattern(struct report *r, json_t *o)
{
	const char *kind = out_str(o, "kind");
	int64_t hits = out_int(o, "hits");
	char text[32];

	if (strcmp(kind, "offence") == 0)
		r->offences += hits;
	else if (strcmp(kind, "ignore") == 0)
		r->ignored += hits;
	if (hits)
		out_table_row(&r->patterns, out_count(hits, text), kind, out_str(o, "pattern"));
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
on_foreign_total(const struct report *r, json_t *o)
{
	int64_t lines = out_int(o, "lines"), matched = out_int(o, "matched");
	char n[6][32];

	printf("%s lines, %s ignored, %s matched, %s missed\n", out_count(lines, n[0]),
	    out_count(r->ignored, n[1]), out_count(matched, n[2]),
	    out_count(lines - r->ignored - matched, n[3]));
	printf("%s hits of failregex, %s without a date, %s not examined\n",
	    out_count(r->offences, n[0]), out_count(out_int(o, "undated"), n[4]),
	    out_count(out_int(o, "unexamined"), n[5]));
}

static void
on_line(void *ctx, const char *line, json_t *o)
{
	struct report *r = ctx;
	const char *type = out_str(o, "type");

	(void)line;
	if (strcmp(type, "pattern") == 0)
		(r->foreign ? on_foreign_pattern : on_pattern)(r, o);
	else if (strcmp(type, "total") == 0 && r->foreign)
		on_foreign_total(r, o);
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

/* foreign: all words are files, and the filter is the image's only one. */
static int
test_logs(const struct globals *g, const struct args *a, int image, bool foreign)
{
	static const char *const pattern_heads[] = {"HITS", "KIND", "PLACE", "PATTERN", NULL};
	static const char *const foreign_heads[] = {"HITS", "KIND", "PATTERN", NULL};
	static const char *const address_heads[] = {
	    "OFFENCES", "POINTS", "SUCCESSES", "ADDRESS", NULL};
	_cleanup_(closep) int out = -1;
	struct tool t = {.name = "guardd-reader", .args = {"--test"}, .in = -1, .image = image};
	struct report report = {.foreign = foreign};
	pid_t pid;
	int r, s;

	if (foreign)
		t.args[1] = FOREIGN;
	for (size_t i = 0; i < a->n; i++)
		t.args[1 + foreign + i] = a->words[i];
	pid = tool_start_piped(&t, &out);
	if (pid < 0)
		return EXIT_CANNOT;
	out_table_init(&report.patterns, 1, foreign ? foreign_heads : pattern_heads);
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
test_foreign(const struct globals *g, const struct args *a, const char *filter)
{
	_cleanup_(closep) int image = -1;

	if (a->n == 0) {
		fprintf(stderr, "guardctl test: --" FOREIGN " %s takes log files\n", filter);
		return EXIT_USAGE;
	}
	image = tool_image_import(g, filter, args_option(a, "from"));
	return image < 0 ? EXIT_FAILED : test_logs(g, a, image, true);
}

static int
run(const struct globals *g, const struct args *a)
{
	const char *foreign = args_option(a, FOREIGN);
	_cleanup_(closep) int image = foreign ? -1 : tool_image(g);

	if (foreign)
		return test_foreign(g, a, foreign);
	if (image < 0)
		return EXIT_FAILED;
	return a->n > 1 ? test_logs(g, a, image, false) : test_examples(g, a, image);
}

const struct command cmd_test = {
    .name = "test",
    .group = "Filters",
    .usage = "[--" FOREIGN " FILTER] [--from DIR] [FILTER] [FILE]...",
    .summary = "run the examples of all filters or of one; or a filter over log files",
    .help = "Over log files it tells the hits of each pattern, the addresses, and the lines that "
	    "only just\n"
	    "missed: those that hold a pattern's text, but do not match. '-' is standard input.\n"
	    "--" FOREIGN " runs a filter of " FOREIGN
	    "'s over the files, as NAME[OPTION=VALUE,...], without\n"
	    "importing it; --from: out of another directory than /etc/" FOREIGN ".\n",
    .run = run,
};
