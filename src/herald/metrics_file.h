/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The text as a file for node_exporter's textfile collector: replaced as a whole, so that nobody
 * reads half of it, and taken away at the end, so that nobody takes old figures for new ones.
 * Comes in: text. Goes out: PATH, readable by all; while it is written .NAME.new beside it. Bounded
 * by the text.
 */
#pragma once

#include <stddef.h>

/* Negative errno; then the old file stands. */
int metrics_file_write(const char *path, const char *text, size_t n);
void metrics_file_remove(const char *path);
