/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Groups of a regex in the translation: their numbers and names, and what refers to them. Only for
 * fail2ban_regex*.c. Comes in: the text at a place. Goes out: its counterpart, onto the run's text.
 * Bounded by the text.
 */
#pragma once

#include "conf/fail2ban_regex_parts.h"

struct regex_group {
	const char *name; /* the text's own; NULL: none */
	bool closed;
};

/* Counts a group that is written otherwise, and is closed. 0 or -EINVAL. */
int regex_group_add(struct regex_run *t, size_t at, const char *name);
/* Opens a group that captures; name NULL: without one. The index, or -EINVAL. */
int regex_group_open(struct regex_run *t, size_t at, const char *name);
void regex_group_close(struct regex_run *t, int index);
/* A name up to `end`, which is passed; NULL with the failure set. */
const char *regex_group_read_name(struct regex_run *t, char end);
/* (?P=name), its name read. */
int regex_group_refer(struct regex_run *t, size_t at, const char *name);
/* \1: t->at is at the digit. */
int regex_group_refer_number(struct regex_run *t);
/* (?(name)...: the condition alone, t->at behind its parenthesis. */
int regex_group_condition(struct regex_run *t);
