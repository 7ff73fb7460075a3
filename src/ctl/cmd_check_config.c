/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "ctl/tool.h"

static int
run(const struct globals *g, const struct args *a)
{
	_cleanup_(closep) int image = tool_image(g);
	struct tool t = {
	    .name = "guardd-reader", .args = {"--examples"}, .in = -1, .out = -1, .image = image};
	pid_t pid;
	int r;

	(void)a;
	if (image < 0)
		return EXIT_FAILED;
	pid = tool_start(&t);
	r = pid < 0 ? EXIT_CANNOT : tool_wait(&t, pid);
	if (r == EXIT_DONE)
		puts(g->json ? "{\"config\":\"ok\"}" : "the configuration is fine");
	return r;
}

const struct command cmd_check_config = {
    .name = "check-config",
    .group = "Service",
    .usage = "",
    .summary = "read the configuration and run every example, as a reload would",
    .run = run,
};
