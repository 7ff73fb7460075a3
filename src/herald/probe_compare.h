/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Proof and probes of one host side by side: for each of its cells what each vantage saw, and one
 * word for both. Comes in: a view, the pairs of the host. Goes out: words, and for cells that
 * disagree a sentence. Bounded by the table; nothing is kept.
 */
#pragma once

#include "base/strbuf.h"
#include "herald/probe_index.h"

/* Worst last. */
enum probe_word {
	WORD_AGREE,    /* both say that it is as the rules have it */
	WORD_QUIET,    /* the answer says nothing, and need not: UDP, nothing listens */
	WORD_UNASKED,  /* the proof is as it should be, and nobody may ask there */
	WORD_UNSEEN,   /* no host that may not get in has asked, or too long ago */
	WORD_UNKNOWN,  /* the probe cannot tell, or there is no proof, or it depends */
	WORD_DIFFERS,  /* the proof says worse than the probe: something else protects it */
	WORD_WAITS,    /* they disagree, seen once: it is asked again */
	WORD_SHUT_OUT, /* both say that somebody who may does not get in, or there is no proof */
	WORD_GAP,      /* both say that it is open, or there is no proof */
	WORD_DISAGREE, /* the probe says worse than the proof */
	PROBE_WORDS,
};
const char *probe_word_name(unsigned w);

/* Says other, and worse, than a proof of that state. */
bool compare_contradicts(uint8_t state, const struct probe_row *r);
/* The row of a pair that says most about a cell: one way in is enough for who may not, and for who
 * may. NULL: none is about it. */
const struct probe_row *compare_row(const struct view_cell *c, const struct probe_pair *p);
enum probe_word compare_words(uint8_t state, const struct probe_row *r);

/* A cell as a whole. */
struct compared {
	enum probe_word word;
	uint32_t vantages, outsiders; /* that have asked; of them those who may not get in */
	const struct probe_pair
	    *pair; /* whose word is the worst, by name the first; NULL: nobody */
	const struct probe_row *row;
	uint32_t same;         /* vantages with that word */
	uint32_t unknown, any; /* that cannot tell; to which anybody may */
	usec_t latest;         /* when the last one that can tell said it; 0: none */
};
/* only: this vantage alone; NULL: all. */
struct compared compare_cell(
    const struct view_cell *c, const struct probe_host *target, const struct probe_host *only);
/* All cells of v, whose index is x, at once. -ENOMEM. */
int compare_cells(struct compared *out, const struct view *v, const struct probe_index *x,
    const struct probe_host *target, const struct probe_host *only);

/* Counts for each row how often it has contradicted the view, with what was said since it was last
 * compared; x NULL: there is no view, and that is not counted later, either. True: one does for the
 * first time. */
bool compare_count(const struct probe_index *x, struct probe_pair *p);
/* Adds cells for rows that no cell of the view is about; rule_of gives a name or "". */
void compare_add_unproven(struct view *v, const struct probe_host *target,
    const char *(*rule_of)(void *ctx, const struct probe_row *r), void *ctx);

/* "web1 ldap tcp/389 IPv6": what an alert is about. */
void compare_subject(struct strbuf *out, const char *target, const struct view_cell *c);
void compare_sentence(
    struct strbuf *out, const char *target, const struct view_cell *c, const struct compared *x);
