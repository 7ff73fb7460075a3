/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What an import gives: files, and a report of what became of each setting. Comes in: the lines of
 * guardd-conf. Goes out: the report as text, and files into a folder, none of which is replaced
 * unless that is asked for, and those that are the administrator's not even then. Bounded by what
 * guardd-conf writes.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/strbuf.h"

#define IMPORT_REPORT "import-report.txt"
#define IMPORT_MAIN   "guardd.yaml"

/* Each a JSON array of the objects of that type, as they came. */
struct import {
	json_t *files, *notes, *jails;
	json_t *summary; /* NULL: it did not come to an end */
};

void import_init(struct import *im);
void import_fini(struct import *im);
void import_take(struct import *im, json_t *object);
/*
 * Finds files that are the administrator's and stay, main_file among them (NULL: dir has it): what
 * they lack is in the report.
 */
void import_look(const struct import *im, const char *dir, const char *main_file);
/* from: the folder that was read. */
void import_text(const struct import *im, const char *from, struct strbuf *out);
/* What is to be added to files that stay; nothing when there is nothing. */
void import_left(const struct import *im, struct strbuf *out);
/*
 * Writes all files and the report below dir, which is made. 0; -EEXIST, with nothing written, when
 * one is there and force is not given; else negative errno. What is wrong is said.
 */
int import_write(const struct import *im, const char *dir, bool force, const struct strbuf *report);
