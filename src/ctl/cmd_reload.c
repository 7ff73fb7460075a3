/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

#include "ctl/ask.h"
#include "ctl/out_text.h"

static void
on_line(void *ctx, const char *line, json_t *o)
{
	(void)ctx;
	(void)line;
	fprintf(stderr, "%s\n", out_str(o, "text"));
}

static int
run(const struct globals *g, const struct args *a)
{
	_cleanup_(strbuf_fini) struct strbuf request = {0};
	int r;

	(void)a;
	ask_word(&request, "reload");
	r = ask_daemon(g, &request, g->json ? ask_print_raw : on_line, NULL);
	if (r == EXIT_DONE && !g->json)
		puts("reloaded");
	return r;
}

const struct command cmd_reload = {
    .name = "reload",
    .group = "Service",
    .usage = "",
    .summary = "read the configuration again; one with errors changes nothing",
    .run = run,
};
