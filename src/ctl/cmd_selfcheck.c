/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

#include "ctl/ask.h"
#include "ctl/out_text.h"

static void
on_line(void *ctx, const char *line, json_t *o)
{
	(void)ctx;
	(void)line;
	printf("%8.3f ms  %s\n", (double)out_int(o, "us") / 1000, out_str(o, "step"));
	fflush(stdout);
}

static int
run(const struct globals *g, const struct args *a)
{
	_cleanup_(strbuf_fini) struct strbuf request = {0};
	int r;

	(void)a;
	ask_word(&request, "selfcheck");
	r = ask_daemon(g, &request, g->json ? ask_print_raw : on_line, NULL);
	if (r == EXIT_DONE && !g->json)
		puts("a line in a log reaches the kernel, in IPv4 and in IPv6");
	return r;
}

const struct command cmd_selfcheck = {
    .name = "selfcheck",
    .group = "Service",
    .usage = "",
    .summary = "send a made-up line through every process to the kernel and out again",
    .help = "The line names an address that no network carries (192.0.0.8, RFC 7600, and one of "
	    "100::/64,\n"
	    "RFC 6666). It is written to a real file, read, matched, counted, banned, found in the "
	    "kernel's\n"
	    "set, and taken out again. Exit status 1 names the step that did not answer.\n",
    .run = run,
};
