/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "ctl/ask.h"
#include "ctl/out_text.h"

static void
show_state(const char *what, const char *state)
{
	bool fine = strcmp(state, "ok") == 0;

	printf("%-10s %s%s%s\n", what, out_style(fine ? 'g' : 'r'), state, out_style('-'));
}

static void
on_line(void *ctx, const char *line, json_t *o)
{
	char span[40], a[32], b[32], c[32];
	int64_t bans = out_int(o, "bans"), in_force = out_int(o, "in_force");

	(void)ctx;
	(void)line;
	printf("guardd %s, up %s\n", out_str(o, "version"),
	    clock_format_span(out_int(o, "uptime_s") * USEC_PER_SEC, span));
	show_state("table", out_str(o, "table"));
	show_state("book", out_str(o, "book"));
	printf("%-10s %s in the book, %s in force in the kernel%s\n", "bans", out_count(bans, a),
	    out_count(in_force, b),
	    bans == in_force ? "" : " (the rest is being sent, or was refused)");
	printf("%-10s %s live; %s offences counted, %s too old, %s from never-ban addresses\n",
	    "sources", out_count(out_int(o, "sources_live"), a),
	    out_count(out_int(o, "offences"), b), out_count(out_int(o, "discarded_old"), c),
	    out_count(out_int(o, "spared"), span));
	printf("%-10s %s of %s; %s gave way to others\n", "tallies",
	    out_count(out_int(o, "tallies"), a), out_count(out_int(o, "tallies_max"), b),
	    out_count(out_int(o, "evicted"), c));
	printf("%-10s %s filters, %s rules; %s\n", "config", out_count(out_int(o, "filters"), a),
	    out_count(out_int(o, "rules"), b), out_str(o, "config"));
}

static int
run(const struct globals *g, const struct args *a)
{
	_cleanup_(strbuf_fini) struct strbuf request = {0};

	(void)a;
	ask_word(&request, "status");
	return ask_daemon(g, &request, g->json ? ask_print_raw : on_line, NULL);
}

const struct command cmd_status = {
    .name = "status",
    .group = "Bans",
    .usage = "",
    .summary = "whether guardd guards, and how much",
    .run = run,
};
