/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Running guardd's own executables from the tool, with the caller's rights: the configuration is
 * read by guardd-conf, log text by guardd-reader, verdicts by guardd-judge, exactly as in the
 * daemon.
 */
#pragma once

#include <sys/types.h>

#include "ctl/ask.h"

#define TOOL_ARGS 300

struct tool {
	const char *name;
	const char *args[TOOL_ARGS]; /* NULL-terminated; argv[0] is added */
	int in, out, image;          /* given as 0, 1 and FD_IMAGE; -1: inherited, or none */
};

/* pid or negative errno. */
pid_t tool_start(const struct tool *t);
/* Waits; the exit status, or EXIT_CANNOT when it was ended by a signal (which is said). */
int tool_wait(const struct tool *t, pid_t pid);
/* Runs guardd-conf into a fresh memfd: its descriptor, or -1 after guardd-conf has said why. */
int tool_image(const struct globals *g);
/* The same of one filter that is imported for it, "NAME[options]"; from: its configuration's
 * directory, NULL: where it is installed. */
int tool_image_import(const struct globals *g, const char *filter, const char *from);
/* guardd-conf with one more argument (--print, --check), its output to out (-1: ours); the exit
 * status. */
int tool_conf(const struct globals *g, const char *what, int out);
/*
 * guardd-reader --replay as reader has it, and guardd-judge --replay behind it on the same image.
 * Each ban goes to fn. An exit status.
 */
int tool_replay(struct tool *reader, ask_line_fn fn, void *ctx);
/* Starts t with its output in a pipe; *out is the reading end. */
pid_t tool_start_piped(struct tool *t, int *out);
