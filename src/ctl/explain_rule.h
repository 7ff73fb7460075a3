/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The second half of guardctl explain: what the rules make of the offences and successes that the
 * reader found. Comes in: the reader's steps, as JSON. Goes out: the same as records of struct msg
 * to guardd-judge --explain, whose steps are shown. Bounded: EXPLAIN_HITS.
 */
#pragma once

#include <stdint.h>

#include "ctl/ask.h"

#define EXPLAIN_HITS 65536

struct explain_hits {
	struct strbuf records; /* of struct msg */
	uint32_t filter;       /* its number in the image */
};

/* The number of a filter by its name. -ENOENT; -EINVAL: the image cannot be read. */
int explain_filter(struct explain_hits *h, int image, const char *name);
/* Keeps a step of the reader where it is an offence or a success. */
void explain_keep(struct explain_hits *h, json_t *step);
/* Runs guardd-judge on what was kept and shows each line by fn. An exit status. */
int explain_rules(const struct explain_hits *h, int image, ask_line_fn fn);
/* Shows one step of the judge's for people; false: it is none. */
bool explain_show(const char *name, json_t *step);
