/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Tables for people: columns as wide as their widest cell, colour only on a terminal.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OUT_COLUMNS 12

struct out_table {
	size_t columns, rows, room;
	char **cells;   /* rows * columns, owned; the first row is the heading */
	char *colours;  /* of the cells, as for out_style; 0: none */
	unsigned right; /* bit mask of columns that are set flush right */
};

/* heads: NULL-terminated. */
void out_table_init(struct out_table *t, unsigned right, const char *const *heads);
void out_table_fini(struct out_table *t);
/* One row: exactly as many texts as there are columns; control bytes are shown as '?'. */
void out_table_row(struct out_table *t, ...);
/* The colour of a cell of the last row, as for out_style. */
void out_table_colour(struct out_table *t, size_t column, char kind);
void out_table_print(const struct out_table *t);
/* Text that starts and ends an emphasis on a terminal, else "". kind: 'b'old, 'r'ed, 'y'ellow,
 * 'g'reen, '-' end. */
const char *out_style(char kind);

/* Members of an answer; missing ones are "" or 0. */
const char *out_str(json_t *o, const char *key);
int64_t out_int(json_t *o, const char *key);
/* "1,234", "12.3 MB", "in 59m", "3m ago". buf is returned. */
const char *out_count(int64_t n, char buf[static 32]);
const char *out_bytes(int64_t n, char buf[static 32]);
