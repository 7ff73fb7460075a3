/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What was found, as JSON lines for guardctl and as wire/proof.h for the judge. Comes in: a check
 * that has run. Goes out: text in a strbuf, or a memfd's content. Bounded by REPORT_PREFIXES a list
 * and PROOF_MAX.
 */
#pragma once

#include "base/json_write.h"
#include "dump/dump.h"
#include "prover/check.h"
#include "prover/finding.h"

#define REPORT_PREFIXES 32
#define REPORT_RANGES   4096

/* {"type":"check"...} */
void report_head(struct strbuf *out, const struct check *c, const struct dump *d);
/* {"type":"cell"...}; details: the paths and suggestions that were made. */
void report_cell(struct strbuf *out, const struct check *c, const struct cell *cell, bool details);
/* key: list of prefixes, the largest first; key_more: number of those left out (at least). */
void report_sources(struct json *j, const char *key, uint8_t family, const struct srcset *s);
void report_path(struct json *j, const struct step *steps, uint32_t n);
void report_strings(struct json *j, const char *key, const char *const *texts, uint32_t n);
void report_listener(struct json *j, const struct world *w, const struct listener *l);
/* The object of proof_inventory, without a newline. */
void report_inventory(struct strbuf *out, const struct world *w);
/* wire/proof.h, written to fd. Negative errno. */
int report_wire(int fd, const struct check *c, const struct dump *d);
