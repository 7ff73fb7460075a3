/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

#include "ctl/ask.h"
#include "ctl/out_text.h"

static void
on_line(void *ctx, const char *line, json_t *o)
{
	(void)ctx;
	(void)line;
	puts(out_str(o, "text"));
}

static int
run(const struct globals *g, const struct args *a)
{
	_cleanup_(strbuf_fini) struct strbuf request = {0};

	(void)a;
	ask_word(&request, "metrics");
	return ask_herald(g, &request, g->json ? ask_print_raw : on_line, NULL);
}

const struct command cmd_metrics = {
    .name = "metrics",
    .group = "Service",
    .usage = "",
    .summary = "all counters of guardd and its herald, as OpenMetrics text",
    .help = "The same text is served at /metrics of the socket in guardd-herald's runtime\n"
	    "directory, of metrics.listen, and written to metrics.file.\n",
    .run = run,
};
