/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What a guardctl command is: one table row, one function, one file (cmd_NAME.c). The usage line is
 * the parser, the help text and the completion at once.
 */
#pragma once

#include <stdbool.h>

#include "ctl/args.h"

/* Exit statuses, documented in guardctl(8). */
enum {
	EXIT_DONE = 0,
	EXIT_FAILED = 1, /* refused, an error in what was checked */
	EXIT_USAGE = 2,
	EXIT_CANNOT = 3, /* guardd is not there, or a file cannot be read */
	/* As monitoring plugins exit: check and what is scheduled. */
	EXIT_DEPENDS = 1,
	EXIT_GAP = 2,
};

/* Options that stand in front of every command. */
struct globals {
	bool json;
	const char *socket, *main_file, *share, *etc, *runtime, *herald;
};

struct command {
	const char *name;
	const char *group; /* heading in the help */
	/* "PREFIX [--for SPAN] [FILE]...": words in capitals are arguments, [--x] a flag, [--x Y]
	 * an option. */
	const char *usage;
	const char *summary; /* one line */
	const char *help;    /* more lines for guardctl COMMAND --help; may be NULL */
	bool plugin;         /* exits as a monitoring plugin: usage is EXIT_CANNOT, too */
	int (*run)(const struct globals *g, const struct args *a);
};

extern const struct command cmd_status, cmd_sources, cmd_list, cmd_ban, cmd_unban, cmd_history,
    cmd_explain, cmd_check, cmd_prove, cmd_listeners, cmd_probe, cmd_exposure, cmd_gaps, cmd_test,
    cmd_replay, cmd_import, cmd_config, cmd_check_config, cmd_reload, cmd_metrics, cmd_selfcheck,
    cmd_fleet, cmd_alert;
