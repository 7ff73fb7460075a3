/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * fail2ban's date patterns as guardd's date templates. Comes in: a value of datepattern, one
 * pattern a line. Goes out: the templates of a stepwise filter (docs: steps, date), and what could
 * not be translated to the report. Bounded: F2B_DATES patterns.
 */
#pragma once

#include "conf/fail2ban.h"

#define F2B_DATES 64

/* A %-field or {word} of a pattern, and its counterpart. */
struct f2b_date_field {
	const char *text;
	const char *groups; /* the letters of the groups it is in the reference */
	size_t n_groups;
};

/* Its length at text; 0: there is none. */
size_t f2b_date_field(const char *text, struct f2b_date_field *out);
/* What a group that the pattern itself names is called in a template; NULL: it means nothing. */
const char *f2b_date_group(const char *name);

/*
 * Adds the templates (const char *, in the arena) of a value to out. 0, or 1 when some are left
 * out.
 */
int f2b_dates(
    struct arena *a, const struct f2b_value *value, struct list *out, struct f2b_report *report);
