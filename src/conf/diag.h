/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What is wrong with the configuration, and where. Comes in: a place and a text, from every module
 * that reads or checks. Goes out: "FILE:LINE:COLUMN: error: TEXT" with the line and a caret, on a
 * stream. Bounded: DIAG_SHOWN entries are kept, the rest are only counted.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"

#define DIAG_SHOWN 50

/* A point in a file; line and column count from 1, column in characters. line 0: the file as a
 * whole. */
struct place {
	const char *file;
	uint32_t line, column;
	const char *text; /* the line, not NUL-terminated; NULL: none to show */
	size_t len;
};

struct diag_entry {
	struct place place;
	bool warning;
	const char *message;
};

struct diag {
	struct arena *arena; /* holds the texts; places point into the files' own memory */
	struct diag_entry shown[DIAG_SHOWN];
	size_t n_shown, errors, warnings;
};

void diag_error(struct diag *d, struct place at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Told, but the configuration is taken. */
void diag_warn(struct diag *d, struct place at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Writes all that is kept, then how many more there are. */
void diag_print(const struct diag *d, FILE *out);

/* Finds the word most like another one, for "did you mean". Start from {.word = ...}. */
struct guess {
	const char *word;
	const char *best; /* NULL: nothing is near */
	unsigned distance;
};

void guess_try(struct guess *g, const char *candidate);
/* "; did you mean 'X'?", or "" when nothing is near. The text lives in the arena. */
const char *guess_text(const struct guess *g, struct arena *a);
