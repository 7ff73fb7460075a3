/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * guardd-judge --replay: what the rules would have banned. Comes in: records of struct msg
 * (offences and successes, from guardd-reader --replay) on standard input, the image. Goes out: one
 * JSON line per ban on standard output, in the order of the lines' times, by the same tallies and
 * verdicts as the live judge, with each line's time as now. Bounded: REPLAY_MAX records.
 */
#pragma once

#define REPLAY_MAX (32u << 20)

/* What it calls of the kernel beside the common ones, for the sandbox; ends with -1. */
extern const int replay_calls[];

/* image: descriptor of it. The exit status. */
int replay_run(int image, int in, int out);
