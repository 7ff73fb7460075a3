/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

#include "ctl/ask.h"
#include "ctl/out_text.h"

static void
on_line(void *ctx, const char *line, json_t *o)
{
	char packets[32];

	(void)ctx;
	(void)line;
	printf("unbanned %s (%s); it had dropped %s packets\n", out_str(o, "prefix"),
	    out_str(o, "rule"), out_count(out_int(o, "packets"), packets));
}

static int
run(const struct globals *g, const struct args *a)
{
	_cleanup_(strbuf_fini) struct strbuf request = {0};

	ask_word(&request, "unban");
	ask_word(&request, a->words[0]);
	if (args_flag(a, "fleet"))
		ask_word(&request, "fleet");
	return ask_daemon(g, &request, g->json ? ask_print_raw : on_line, NULL);
}

const struct command cmd_unban = {
    .name = "unban",
    .group = "Bans",
    .usage = "PREFIX [--fleet]",
    .summary = "end the bans of an address or prefix, of every rule",
    .help = "An address also ends the ban of the IPv6 /64 that was banned for it; bans of wider "
	    "prefixes\n"
	    "that hold it stay and are named. Its tallies start anew.\n"
	    "With --fleet other hosts are told to end theirs, too.\n",
    .run = run,
};
