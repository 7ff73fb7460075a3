/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The dump without a daemon: guardd-watcher --dump FILE, and --dump -- PROGRAM ARGS. Comes in: the
 * caller's CAP_NET_ADMIN, used for one pass. Goes out: a file, or a program that has the sealed
 * dump at FD_DUMP and none of the caller's capabilities, nor a way to gain any; its uid stays.
 */
#pragma once

/* argv behind --dump. The exit status: 0, or BYHAND_FAILED with a line on standard error; does not
 * return when PROGRAM runs. */
int byhand_dump(int argc, char **argv);

#define BYHAND_FAILED 3
