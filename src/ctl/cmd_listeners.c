/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "ctl/expose_text.h"
#include "ctl/out_text.h"
#include "ctl/prove_run.h"

/* With the families it serves: "::" takes IPv4, too, unless the socket says otherwise. */
static const char *
families(json_t *o)
{
	if (out_int(o, "family") == 4)
		return "IPv4";
	if (json_is_true(json_object_get(o, "v6only")) || strcmp(out_str(o, "address"), "::") != 0)
		return "IPv6";
	return "both";
}

static void
on_line(void *ctx, const char *line, json_t *o)
{
	_cleanup_(strbuf_fini) struct strbuf port = {0}, process = {0};
	struct out_table *t = ctx;
	const char *container = out_str(o, "container");
	char uid[24];

	(void)line;
	expose_port(&port, o);
	snprintf(uid, sizeof(uid), "%lld", (long long)out_int(o, "uid"));
	strbuf_puts(&process, out_str(o, "process"));
	if (out_int(o, "pid") > 0)
		strbuf_printf(
		    &process, "%spid %lld", process.len ? ", " : "", (long long)out_int(o, "pid"));
	out_table_row(t, port.text, families(o), out_str(o, "address"), out_str(o, "interface"),
	    *container ? container : out_str(o, "unit"), process.text ? process.text : "", uid,
	    *container                ? "container"
	    : out_int(o, "netns") > 0 ? "other namespace"
				      : "");
}

static int
run(const struct globals *g, const struct args *a)
{
	static const char *const heads[] = {
	    "PORT", "FAMILY", "ADDRESS", "INTERFACE", "UNIT", "PROCESS", "UID", "WHERE", NULL};
	_cleanup_(out_table_fini) struct out_table t;
	struct prove_run p = {.in = -1, .image = -1, .fn = g->json ? ask_print_raw : on_line};
	int r;

	(void)a;
	out_table_init(&t, 0x40, heads);
	p.ctx = &t;
	prove_run_add(&p, "--listeners");
	r = prove_run(&p);
	if (r != EXIT_DONE)
		return EXIT_CANNOT;
	if (!g->json && t.rows > 1)
		out_table_print(&t);
	else if (!g->json)
		puts("nothing listens");
	return EXIT_DONE;
}

const struct command cmd_listeners = {
    .name = "listeners",
    .group = "Exposure",
    .usage = "",
    .summary = "what listens, here and in containers: unit or container, and process",
    .run = run,
};
