/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The last lines of a source, for patterns that see several at once. Comes in: lines, each with its
 * newline; what a pattern matched. Goes out: the lines joined; after a match those it took, while
 * the others wait on. Bounded: a number of lines and of bytes; the oldest go first. Nothing is
 * allocated after step_lines_new.
 */
#pragma once

#include "reader/step_regex.h"

struct step_lines;

/* -ENOMEM. */
int step_lines_new(struct step_lines **out, uint16_t lines, size_t bytes);
void step_lines_free(struct step_lines *s);
DEFINE_FREEP(struct step_lines, step_lines_free)

/* The lines that are there now, the new one last; valid until the next call. A line longer than all
 * the room is alone. */
const char *step_lines_add(struct step_lines *s, const char *line, size_t n, size_t *len);
/* From now on this text stands for all lines. The lines as they were still count for
 * step_lines_take. */
void step_lines_replace(struct step_lines *s, const char *text, size_t n);
/* A pattern matched in the text (of step_lines_add or step_lines_replace): the lines that hold the
 * match are taken out, but for those it only passed over. */
void step_lines_take(struct step_lines *s, const char *text, const struct step_match *m);
/* What was taken. */
const char *step_lines_taken(const struct step_lines *s, size_t *n);
