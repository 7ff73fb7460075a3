/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>

#include "base/cleanup.h"
#include "ctl/probe_report.h"
#include "ctl/tool.h"

static int
run(const struct globals *g, const struct args *a)
{
	bool peers = args_flag(a, "peers");
	_cleanup_(closep) int image = -1;
	struct probe_report report;
	int r;

	if (!peers && a->n == 0) {
		fputs("guardctl probe: name whom to ask, or --peers\n", stderr);
		return EXIT_CANNOT;
	}
	image = tool_image(g);
	if (image < 0)
		return EXIT_CANNOT;
	probe_report_init(&report);
	r = probe_report_ask(&report, g, image, a, peers);
	if (!g->json && json_array_size(report.rows) > 0) {
		probe_report_table(&report);
		puts("");
		probe_report_brief(&report);
	}
	probe_report_fini(&report);
	return r;
}

const struct command cmd_probe = {
    .name = "probe",
    .group = "Exposure",
    .usage = "[TARGET]... [--peers]",
    .summary = "ask the protected ports of other hosts, against what the rules allow from here",
    .help =
	"TARGET is a group, a host of one, an address, or a name that resolves; --peers are those\n"
	"of the configuration. Each TCP and UDP port of the expose rules is asked by a plain\n"
	"connection or an empty datagram, from here, in both families, slowly; a silent one three\n"
	"times. Exit status: 0 as the rules have it, 1 something unknown, 2 a gap, or this host "
	"is\n"
	"shut out, 3 could not run.\n",
    .plugin = true,
    .run = run,
};
