/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

#include "base/strbuf.h"
#include "ctl/tool.h"

static int
run(const struct globals *g, const struct args *a)
{
	(void)a;
	return tool_conf(g, "--print");
}

const struct command cmd_config = {
    .name = "config",
    .group = "Service",
    .usage = "",
    .summary = "the effective configuration, as YAML that reads back equal",
    .run = run,
};
