/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What the programs of channels left behind: processes that went into a session of their own and
 * became this process's children when their parents ended (PR_SET_CHILD_SUBREAPER). Comes in: the
 * kernel's list of children. Goes out: SIGKILL.
 */
#pragma once

#include <sys/types.h>

/* Ends every child but spare; to be called when no job runs. */
void strays_end(pid_t spare);
