/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A finding in words: its witness, the path of it through the rules, the sentence an administrator
 * acts on. Comes in: findings of prover/check. Goes out: the same, filled in. Bounded by the number
 * of findings: one evaluation of a single source each.
 */
#pragma once

#include "base/strbuf.h"
#include "prover/check.h"

/* Sentence, key and print of a cell whose findings are explained. */
void cell_explain(struct check *c, struct cell *cell);
/* Witness, path, sentence, suggestion; a witness that is decided otherwise makes it "depends". */
void finding_explain(struct check *c, const struct cell *cell, struct finding *f);
/* finding_text.c */
void finding_say(struct check *c, const struct cell *cell, struct finding *f);
/* "any IPv4 source", "203.0.113.0/24 and 2 more". */
void sources_say(struct strbuf *b, uint8_t family, const struct srcset *s, bool everyone);
/* "table ip nat chain DOCKER rule 12" */
void step_say(struct strbuf *b, const struct step *s);
/* "slapd.service", "container web", "slapd", "pid 7" or "uid 107". */
void listener_say(const struct check *c, struct strbuf *b, const struct listener *l);
/* "[::]:389" */
void socket_say(struct strbuf *b, const struct addr *a, uint16_t port, bool any);
const char *proto_name(uint8_t proto);
/* "ip", "inet"... of NFPROTO_*. */
const char *family_word(uint8_t nfproto);

/* An ordinary source out of a set: one kept for documentation when there is one, else the middle of
 * the largest range, without those that nobody has if that is possible. False: the set is empty. */
bool witness_pick(uint8_t family, const struct srcset *s, struct addr *out);
/* Follows one source; the steps are the arena's. The answer is returned in two bits. */
enum followed { FOLLOW_NOTHING = 0, FOLLOW_ACCEPT = 1, FOLLOW_DROP = 2, FOLLOW_BOTH = 3 };
struct trace {
	enum followed verdict;
	struct step *steps;
	uint32_t n;
	const struct step *decided, *mapped;
	struct addr end; /* behind NAT; what was asked when that is not known */
	uint16_t end_port;
};
void trace_source(struct evaluator *e, struct arena *a, const struct query *q,
    const struct addr *from, struct trace *out);
