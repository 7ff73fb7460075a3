/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Lines that another program had not read yet when it stopped: guardd reads new files from their
 * end. Comes in: how far a file was read, and the sum of its first line. Goes out: the bans that
 * the rules make of what stands behind. Bounded: one file at a time, with the reader's own bounds.
 */
#pragma once

#include "ctl/ask.h"

/*
 * Hands each ban of the filter's rules to fn, as replay prints them, which ctx goes to. head: the
 * sum of the file's first line, "" when it had none; when the file begins otherwise it was rotated,
 * and is read whole. The exit status; a file that is not there is nothing to read.
 */
int import_lines(int image, const char *filter, const char *path, const char *head,
    long long offset, ask_line_fn fn, void *ctx);
/* The same of the filter's journal, from that second on. */
int import_journal(int image, const char *filter, long long since, ask_line_fn fn, void *ctx);
