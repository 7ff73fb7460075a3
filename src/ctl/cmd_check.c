/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "ctl/check_report.h"
#include "ctl/out_text.h"
#include "ctl/prove_run.h"
#include "ctl/tool.h"
#include "wire/image.h"

struct check {
	const struct globals *g;
	const char *rule; /* NULL: all */
	bool explain, suggest;
	bool daemon; /* its proof has everything: what was not asked for is left out */
	struct check_report report;
};

static void
drop_unasked(const struct check *c, json_t *o)
{
	json_t *f;
	size_t i;

	json_array_foreach(json_object_get(o, "findings"), i, f)
	{
		if (!c->explain)
			json_object_del(f, "path");
		if (!c->suggest)
			json_object_del(f, "suggest");
	}
}

static void
on_line(void *ctx, const char *line, json_t *o)
{
	struct check *c = ctx;

	if (c->daemon)
		drop_unasked(c, o);
	check_report_keep(&c->report, line, o);
	if (!c->g->json)
		return;
	if (c->daemon) {
		json_dumpf(o, stdout, JSON_COMPACT);
		puts("");
	} else {
		fputs(line, stdout);
	}
}

/* Told and false when the configuration has no such rule. */
static bool
rule_is_there(const char *rule, int fd)
{
	_cleanup_(strbuf_fini) struct strbuf names = {0};
	struct image img;
	bool found = false;

	if (image_open(&img, fd) < 0)
		return false;
	for (uint32_t i = 0; i < image_count(&img, IMAGE_EXPOSES); i++) {
		const char *name = image_str(&img, img.exposes[i].name);

		found |= strcmp(name, rule) == 0;
		strbuf_printf(&names, "%s%s", i ? ", " : "", name);
	}
	if (!found)
		fprintf(stderr, "guardctl: there is no expose rule '%s'; there are: %s\n", rule,
		    names.len ? names.text : "none");
	image_close(&img);
	return found;
}

static int
check_here(struct check *c)
{
	_cleanup_(closep) int image = tool_image(c->g);
	struct prove_run p = {.in = -1, .image = image, .fn = on_line, .ctx = c};

	if (image < 0 || (c->rule && !rule_is_there(c->rule, image)))
		return EXIT_CANNOT;
	prove_run_add(&p, "--check");
	if (c->rule)
		prove_run_add(&p, c->rule);
	if (c->explain)
		prove_run_add(&p, "--explain");
	if (c->suggest)
		prove_run_add(&p, "--suggest");
	return prove_run(&p);
}

/* The last proof of the running daemon. */
static int
check_daemon(struct check *c)
{
	_cleanup_(strbuf_fini) struct strbuf request = {0};
	json_t *exit;
	int r;

	c->daemon = true;
	ask_word(&request, "exposure");
	if (c->rule)
		ask_word(&request, c->rule);
	r = ask_daemon(c->g, &request, on_line, c);
	/* A refusal for another reason has said it. */
	if (r == EXIT_CANNOT || r == EXIT_USAGE)
		fputs("guardctl: check needs root, or a running guardd that you may ask\n", stderr);
	if (r != EXIT_DONE)
		return EXIT_CANNOT;
	exit = json_object_get(c->report.head, "exit");
	if (c->rule || !json_is_integer(exit))
		return check_report_exit(&c->report);
	return (int)json_integer_value(exit);
}

static void
print(const struct check *c)
{
	usec_t age = clock_real() - out_int(c->report.head, "made");
	char text[40];

	if (c->suggest) {
		check_report_script(&c->report);
		return;
	}
	check_report_print(&c->report, c->explain);
	if (c->daemon)
		printf("proved by guardd %s ago\n", clock_format_span(age > 0 ? age : 0, text));
}

static int
run(const struct globals *g, const struct args *a)
{
	struct check c = {.g = g,
	    .rule = a->n > 0 ? a->words[0] : NULL,
	    .explain = args_flag(a, "explain"),
	    .suggest = args_flag(a, "suggest")};
	int r;

	check_report_init(&c.report);
	r = prove_may() ? check_here(&c) : check_daemon(&c);
	/* Without its first line whatever ended had another reason, whose status means another
	 * thing. */
	if (!c.report.head)
		r = EXIT_CANNOT;
	else if (!g->json)
		print(&c);
	check_report_fini(&c.report);
	return r > EXIT_CANNOT ? EXIT_CANNOT : r;
}

const struct command cmd_check = {
    .name = "check",
    .group = "Exposure",
    .usage = "[RULE] [--explain] [--suggest]",
    .summary = "who can reach the protected ports, against what the rules allow",
    .help =
	"States: proven; latent (others would get through, nothing listens); depends (named "
	"things\n"
	"keep it from a proof); shut out (an allowed host is refused); open (others get through).\n"
	"--explain shows the path of each finding, --suggest a script for 'nft -f -' that closes\n"
	"what is open. Exit status: 0 proven or latent, 1 depends, 2 open or shut out, 3 could "
	"not\n"
	"run.\n",
    .plugin = true,
    .run = run,
};
