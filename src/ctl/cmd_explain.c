/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ctl/ask.h"
#include "ctl/explain_rule.h"
#include "ctl/out_text.h"
#include "ctl/tool.h"

static void
say_captures(json_t *captures)
{
	const char *name;
	json_t *c;

	json_object_foreach(captures, name, c)
	    printf("             %s = '%s'\n", name, out_str(c, "text"));
}

static void
on_line_step(json_t *o)
{
	printf("line         %s\n", out_str(o, "text"));
}

static void
on_header(json_t *o)
{
	const char *time = out_str(o, "time");

	printf(
	    "header       time %s, program '%s'\n", *time ? time : "none", out_str(o, "program"));
	printf(
	    "             the patterns see: %s\n", out_str(json_object_get(o, "message"), "text"));
	if (out_int(o, "repeat") > 1)
		printf("             repeated %lld times\n", (long long)out_int(o, "repeat"));
}

static void
on_no_header(json_t *o)
{
	(void)o;
	puts("header       none: taken as the message of one of the filter's programs");
}

static void
on_program(json_t *o)
{
	printf("program      '%s' is none of this filter's programs\n", out_str(o, "program"));
}

static void
on_literal(json_t *o)
{
	printf("literal      '%s' is there, so this pattern is tried\n", out_str(o, "text"));
}

static void
on_pattern(json_t *o)
{
	const char *answer = out_str(o, "answer");
	bool matched = strcmp(answer, "matched") == 0;

	printf("pattern      %s%s%s (%s, %s:%lld)\n", out_style(matched ? 'g' : '-'),
	    matched                        ? "matched"
	    : strcmp(answer, "limit") == 0 ? "NOT EXAMINED: match limit"
					   : "does not match",
	    out_style('-'), out_str(o, "kind"), out_str(o, "file"), (long long)out_int(o, "line"));
	printf("             %s\n", out_str(o, "pattern"));
	say_captures(json_object_get(o, "captures"));
}

static void
on_address(json_t *o)
{
	printf("address      '%s' is no address, so nobody can be blamed\n", out_str(o, "text"));
}

static void
on_date(json_t *o)
{
	const char *answer = out_str(o, "answer"), *text = out_str(o, "text");
	bool found = strcmp(answer, "found") == 0;

	printf("date         %s%s%s, time %s%s\n", *text ? "'" : "none", text, *text ? "'" : "",
	    out_str(o, "time"), found ? "" : " (the last one, or now)");
}

static void
on_content(json_t *o)
{
	printf("content      the patterns see: %s\n", out_str(o, "text"));
}

static void
on_session(json_t *o)
{
	printf("session      '%s'%s\n", out_str(o, "text"),
	    json_is_true(json_object_get(o, "noted")) ? ": noted, no offence of itself" : "");
}

static void
on_counted(json_t *o)
{
	if (!json_is_true(json_object_get(o, "banned")))
		printf(
		    "counted      '%s', which is no address: nobody is banned\n", out_str(o, "id"));
}

static void
on_hit(json_t *o, const char *what)
{
	const char *user = out_str(o, "user");

	printf("%-12s %s%s%s%s%s, %lld point%s, at %s%s\n", what, out_style('b'),
	    out_str(o, "address"), out_style('-'), *user ? ", user " : "", user,
	    (long long)out_int(o, "points"), out_int(o, "points") == 1 ? "" : "s",
	    out_str(o, "time"),
	    json_is_true(json_object_get(o, "dated")) ? "" : " (now: the line has no date)");
}

static void
on_offence(json_t *o)
{
	on_hit(o, "offence");
}

static void
on_forgive(json_t *o)
{
	on_hit(o, "success");
}

static void
on_no_literal(json_t *o)
{
	(void)o;
	puts("literal      none of this filter's texts is in the line: no pattern was tried");
}

static void
on_nearest(json_t *o)
{
	printf("nearest      %s:%lld got as far as byte %lld\n             the line goes on with:  "
	       "  %s\n"
	       "             the pattern goes on with: %s\n",
	    out_str(o, "file"), (long long)out_int(o, "line"), (long long)out_int(o, "at"),
	    out_str(o, "rest"), out_str(o, "pattern_rest"));
}

static void
on_nothing(json_t *o)
{
	(void)o;
	puts("result       no offence");
}

static const struct {
	const char *step;
	void (*show)(json_t *o);
} steps[] = {
    {"line", on_line_step},
    {"header", on_header},
    {"no_header", on_no_header},
    {"program", on_program},
    {"literal", on_literal},
    {"pattern", on_pattern},
    {"address", on_address},
    {"date", on_date},
    {"content", on_content},
    {"session", on_session},
    {"counted", on_counted},
    {"offence", on_offence},
    {"forgive", on_forgive},
    {"no_literal", on_no_literal},
    {"nearest", on_nearest},
    {"nothing", on_nothing},
};

static void
on_line(void *ctx, const char *line, json_t *o)
{
	const char *step = out_str(o, "step");

	if (ctx)
		explain_keep(ctx, o);
	if (explain_show(step, o))
		return;
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++)
		if (strcmp(step, steps[i].step) == 0) {
			steps[i].show(o);
			return;
		}
	fputs(line, stdout);
}

static void
on_raw(void *ctx, const char *line, json_t *o)
{
	if (ctx)
		explain_keep(ctx, o);
	ask_print_raw(NULL, line, o);
}

static void
hits_fini(struct explain_hits *h)
{
	strbuf_fini(&h->records);
}

/* The line for the reader's standard input; -1: it is our own standard input. */
static int
line_as_input(const char *line, int *fd)
{
	int fds[2];
	size_t n = strlen(line);

	*fd = -1;
	if (pipe(fds) < 0)
		return -errno;
	/* One pipe buffer holds every line that the reader takes. */
	if (n > 65535)
		n = 65535;
	if (write(fds[1], line, n) != (ssize_t)n) {
		close(fds[0]);
		close(fds[1]);
		return -EIO;
	}
	close(fds[1]);
	*fd = fds[0];
	return 0;
}

static int
run(const struct globals *g, const struct args *a)
{
	_cleanup_(closep) int image = tool_image(g), in = -1, out = -1;
	_cleanup_(hits_fini) struct explain_hits hits = {0};
	struct tool t = {
	    .name = "guardd-reader", .args = {"--explain", a->words[0]}, .in = -1, .image = image};
	const ask_line_fn show = g->json ? on_raw : on_line;
	bool known;
	pid_t pid;
	int r, s;

	if (image < 0)
		return EXIT_FAILED;
	if (a->n > 1 && line_as_input(a->words[1], &in) < 0)
		return EXIT_CANNOT;
	known = explain_filter(&hits, image, a->words[0]) == 0; /* the reader says what is wrong */
	t.in = in;
	pid = tool_start_piped(&t, &out);
	if (pid < 0)
		return EXIT_CANNOT;
	r = ask_read_lines(out, show, &hits);
	s = tool_wait(&t, pid);
	if (s == EXIT_DONE && r == EXIT_DONE && known)
		r = explain_rules(&hits, image, show);
	return s != EXIT_DONE ? s : r;
}

const struct command cmd_explain = {
    .name = "explain",
    .group = "Filters",
    .usage = "FILTER [LINE]",
    .summary = "the way of a line to the kernel, step by step, through the daemon's own code",
    .help =
	"LINE as it stands in the file, or the message alone; without it, standard input is "
	"read. Behind the filter's steps comes what each rule that counts it makes of the offence,"
	"\nand the element that the kernel would get. Nothing is banned, and no daemon is asked: "
	"what\nwas counted before, and this machine's own addresses, are not known here.\n",
    .run = run,
};
