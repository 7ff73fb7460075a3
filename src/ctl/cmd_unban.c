/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

#include "ctl/ask.h"
#include "ctl/out_text.h"

static void
on_line(void *ctx, const char *line, json_t *o)
{
	const char *rule = out_str(o, "rule");
	bool *any = ctx;
	char packets[32];

	(void)line;
	*any = true;
	printf("unbanned %s (%s); it had dropped %s packets\n", out_str(o, "prefix"),
	    *rule ? rule : out_str(o, "why"), out_count(out_int(o, "packets"), packets));
}

static int
run(const struct globals *g, const struct args *a)
{
	_cleanup_(strbuf_fini) struct strbuf request = {0};
	bool any = false;
	int r;

	ask_word(&request, "unban");
	ask_word(&request, a->words[0]);
	if (args_flag(a, "fleet"))
		ask_word(&request, "fleet");
	r = ask_daemon(g, &request, g->json ? ask_print_raw : on_line, &any);
	if (r == EXIT_DONE && !g->json && args_flag(a, "fleet"))
		printf("%sthe fleet is told\n", any ? "" : "no ban here; ");
	return r;
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
