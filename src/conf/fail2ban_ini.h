/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One file of fail2ban's, as Python's configparser reads it with its settings there: sections,
 * `name = value` or `name: value`, continuation by indentation, comments. Comes in: the file's
 * text. Goes out: its sections with raw values and their lines. What is wrong is in the report, and
 * the rest is read on. Bounded: INI_SECTIONS, INI_OPTIONS in each.
 */
#pragma once

#include "conf/fail2ban.h"

#define INI_SECTIONS 2048
#define INI_OPTIONS  2048

struct ini {
	struct f2b_section defaults;
	struct list sections; /* of struct f2b_section *, in the order of their first headers */
};

/* text needs no NUL at its end; texts of the result live in the arena. */
struct ini *ini_parse(
    struct arena *a, struct f2b_report *report, const char *file, const char *text, size_t n);
/* NULL: there is none. Case counts. */
struct f2b_section *ini_section(const struct ini *ini, const char *name);
/* The same; made when it is not there. NULL: there are INI_SECTIONS. */
struct f2b_section *ini_section_add(struct arena *a, struct ini *ini, const char *name);

/* White space as Python's str.strip has it, of what is ASCII. */
bool ini_is_space(char c);
/* n bytes of text in the arena, with a-z for A-Z. */
char *ini_lower(struct arena *a, const char *text, size_t n);
