/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "ctl/ask.h"
#include "ctl/out_text.h"

static void
on_line(void *ctx, const char *line, json_t *o)
{
	const char *until = out_str(o, "until");

	(void)ctx;
	(void)line;
	printf("banned %s %s%s: %s\n", out_str(o, "prefix"), *until ? "until " : "for good", until,
	    json_is_true(json_object_get(o, "in_force")) ? "in force in the kernel"
							 : "NOT in force yet, see guardd's log");
}

static void
on_status(void *ctx, const char *line, json_t *o)
{
	(void)ctx;
	(void)line;
	puts(strcmp(out_str(o, "herald"), "away") == 0
		 ? "the fleet is told when guardd-herald runs: systemctl start guardd-herald"
		 : "the fleet is told; hosts that trust this one for rule manual take it");
}

/* Whom the herald tells, and when, is not in the answer. */
static void
tell_fleet(const struct globals *g)
{
	_cleanup_(strbuf_fini) struct strbuf request = {0};

	ask_word(&request, "status");
	ask_daemon(g, &request, on_status, NULL);
}

static int
run(const struct globals *g, const struct args *a)
{
	_cleanup_(strbuf_fini) struct strbuf request = {0};
	const char *span = args_option(a, "for"), *because = args_option(a, "because");
	int r;

	ask_word(&request, "ban");
	ask_word(&request, a->words[0]);
	if (span) {
		ask_word(&request, "for");
		ask_word(&request, span);
	}
	if (because) {
		ask_word(&request, "because");
		ask_word(&request, because);
	}
	if (args_flag(a, "fleet"))
		ask_word(&request, "fleet");
	r = ask_daemon(g, &request, g->json ? ask_print_raw : on_line, NULL);
	if (r == EXIT_DONE && !g->json && args_flag(a, "fleet"))
		tell_fleet(g);
	return r;
}

const struct command cmd_ban = {
    .name = "ban",
    .group = "Bans",
    .usage = "PREFIX [--for SPAN] [--because TEXT] [--fleet]",
    .summary = "drop all traffic of an address or prefix",
    .help =
	"SPAN is like 30m, 12h, 4w; without it the ban is for good. An IPv6 address bans its host\n"
	"alone, write ADDRESS/64 for its network. Never-ban addresses are refused, with the "
	"reason.\n"
	"With --fleet other hosts are told; a host bans it as far as it trusts this one.\n",
    .run = run,
};
