/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Date templates of stepwise filters: a word for a usual form, or a regex with fields as
 * strptime(3) has them. Comes in: one template's text. Goes out: the forms it stands for, as
 * regexes whose named groups are the parts of a date and whose group 1 is what is cut out of the
 * line. Pure but for the arena. Bounded: DATE_WRITTEN_MAX bytes, DATE_FORMS_MAX forms of one
 * template.
 */
#pragma once

#include <stdbool.h>

#include "base/arena.h"

#define DATE_WRITTEN_MAX 1024
#define DATE_FORMS_MAX   64

struct date_form {
	const char *regex;
	const char *written; /* the template, of a word the form that it stands for */
	bool anchored;       /* to the line's start or end */
	/* What is cut begins with the line, or behind at most two characters that are no letters or
	 * digits. */
	bool at_start;
};

struct date_error {
	const char *what;
	size_t offset; /* in the template */
};

/* Adds the template's forms to a list of struct date_form. 0, or -EINVAL with *error filled. */
int date_expand(struct list *forms, struct arena *a, const char *written, struct date_error *error);
