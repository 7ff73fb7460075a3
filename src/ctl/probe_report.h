/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Asking other hosts' protected ports, and what is said of it for people. Comes in: the
 * configuration image, names (resolved here: the prover asks no resolver), the prover's JSON lines.
 * Goes out: a table and a sentence for each gap. Bounded by the prover's own limits.
 */
#pragma once

#include <jansson.h>

#include "ctl/command.h"

struct probe_report {
	json_t *rows; /* array */
};

void probe_report_init(struct probe_report *r);
void probe_report_fini(struct probe_report *r);
/*
 * Asks the targets (a: NULL for none) and, where peers, those of the configuration. The exit status
 * of the whole; what could not be done was said on standard error. With g->json the lines are
 * printed, too.
 */
int probe_report_ask(
    struct probe_report *r, const struct globals *g, int image, const struct args *a, bool peers);
void probe_report_table(const struct probe_report *r);
/* A sentence for each row that is a gap or shuts somebody out, and the numbers. */
void probe_report_brief(const struct probe_report *r);
/* Whether a row is in order. */
bool probe_is_ok(json_t *row);
