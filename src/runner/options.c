/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runner/options.h"

#include <stddef.h>

#include "base/options.h"

#define MEMBER(m) offsetof(struct runner_options, m)

static const struct option_row rows[] = {
    {'r', "runtime", "DIR", "sockets of its own (/run/guardd-herald)", OPTION_PATH,
	MEMBER(runtime)},
    {'S', "state", "DIR", "queue and memory (/var/lib/guardd-herald)", OPTION_PATH, MEMBER(state)},
    {'g', "guardd", "DIR", "runtime directory of guardd (/run/guardd)", OPTION_PATH,
	MEMBER(guardd)},
    {'u', "user", "NAME", "user to become when started by root (guardd-herald)", OPTION_TEXT,
	MEMBER(user)},
    {'q', "quiet", NULL, "only warnings and worse", OPTION_FLAG, MEMBER(quiet)},
    {0},
};

static const struct option_page page = {"guardd-runner",
    "Runs guardd-herald in the foreground: alerts, metrics and the fleet of a guardd.",
    "guardd-herald(8), guardd.yaml(5)"};

int
runner_options_parse(struct runner_options *o, int argc, char **argv)
{
	*o = (struct runner_options){.runtime = "/run/guardd-herald",
	    .state = "/var/lib/guardd-herald",
	    .guardd = "/run/guardd",
	    .user = "guardd-herald"};
	return options_read(o, rows, &page, argc, argv);
}
