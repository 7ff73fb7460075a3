/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guardd/options.h"

#include <stddef.h>

#include "base/exe.h"
#include "base/options.h"

#define MEMBER(m) offsetof(struct options, m)

static const struct option_row rows[] = {
    {'c', "config", "FILE", "main configuration (" SYSCONFDIR "/guardd/guardd.yaml)", OPTION_PATH,
	MEMBER(main_file)},
    {'s', "share", "DIR", "shipped filters and rules (" DATADIR ")", OPTION_PATH, MEMBER(share)},
    {'e', "etc", "DIR", "local filters.d and rules.d (" SYSCONFDIR "/guardd)", OPTION_PATH,
	MEMBER(etc)},
    {'r', "runtime", "DIR", "control socket (/run/guardd)", OPTION_PATH, MEMBER(runtime)},
    {'S', "state", "DIR", "the book of bans (/var/lib/guardd)", OPTION_PATH, MEMBER(state)},
    {'u', "user", "NAME", "user to become when started by root (guardd)", OPTION_TEXT,
	MEMBER(user)},
    {'q', "quiet", NULL, "only warnings and worse", OPTION_FLAG, MEMBER(quiet)},
    {'C', "clean", NULL, "remove table inet guardd from the kernel, and exit", OPTION_FLAG,
	MEMBER(clean)},
    {0},
};

static const struct option_page page = {"guardd",
    "Guards this machine in the foreground: bans what the rules say, through nftables.",
    "guardd(8), guardctl(8), guardd.yaml(5)"};

int
options_parse(struct options *o, int argc, char **argv)
{
	static char share[4096];

	exe_share(share, sizeof(share));
	*o = (struct options){.main_file = SYSCONFDIR "/guardd/guardd.yaml",
	    .share = share,
	    .etc = SYSCONFDIR "/guardd",
	    .runtime = "/run/guardd",
	    .state = "/var/lib/guardd",
	    .user = "guardd"};
	return options_read(o, rows, &page, argc, argv);
}
