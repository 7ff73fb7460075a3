/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What guardctl check says for people. Comes in: the prover's JSON lines, from a run of it or from
 * the daemon, worst first. Goes out: a table rule x port x family and the findings as sentences, or
 * a script for nft that closes what is open. Everything is kept until the end.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

struct check_report {
	json_t *head;  /* the line about the check as a whole; NULL: none came */
	json_t *cells; /* array */
};

void check_report_init(struct check_report *r);
void check_report_fini(struct check_report *r);
/* An ask_line_fn; ctx is the report. */
void check_report_keep(void *ctx, const char *line, json_t *o);
/* The worst of the cells, as an exit status. */
int check_report_exit(const struct check_report *r);
/* explain: with the path of every finding, and latent ones in full. */
void check_report_print(const struct check_report *r, bool explain);
/* A line for each cell that is not in order, and the summary. */
void check_report_brief(const struct check_report *r);
/* Everything but nft's lines is a comment. */
void check_report_script(const struct check_report *r);
