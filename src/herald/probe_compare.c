/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "herald/probe_compare.h"

#include <string.h>

/* A probe may fall between a change and the proof of it: what is seen twice is told. */
#define ROUNDS_TOLD 2

const char *
probe_word_name(unsigned w)
{
	static const char *const names[PROBE_WORDS] = {
	    [WORD_AGREE] = "agree",
	    [WORD_QUIET] = "quiet",
	    [WORD_UNASKED] = "not asked",
	    [WORD_UNSEEN] = "unseen",
	    [WORD_UNKNOWN] = "unknown",
	    [WORD_DIFFERS] = "differs",
	    [WORD_WAITS] = "unconfirmed",
	    [WORD_SHUT_OUT] = "shut out",
	    [WORD_GAP] = "gap",
	    [WORD_DISAGREE] = "disagree",
	};

	return w < PROBE_WORDS ? names[w] : "unknown";
}

bool
compare_contradicts(uint8_t state, const struct probe_row *r)
{
	if (state >= VIEW_NO_STATE)
		return false;
	if (r->verdict == VERDICT_GAP)
		return state != PROOF_OPEN;
	/* Where it depends, or others get in too, that a few do not is no news. */
	return r->verdict == VERDICT_SHUT_OUT &&
	       (state == PROOF_PROVEN || state == PROOF_LATENT || state == PROOF_OPEN);
}

/* Silence is what most services do with an empty datagram, and what does not listen refuses. */
static bool
is_quiet(const struct probe_row *r)
{
	if (r->expected == EXPECTED_OPEN &&
	    (r->answer == ANSWER_REFUSED || r->answer == ANSWER_CLOSED))
		return true;
	return r->proto == IPPROTO_UDP && r->answer == ANSWER_UNKNOWN && r->from.family;
}

enum probe_word
compare_words(uint8_t state, const struct probe_row *r)
{
	if (compare_contradicts(state, r))
		return r->rounds >= ROUNDS_TOLD ? WORD_DISAGREE : WORD_WAITS;
	switch (r->verdict) {
	case VERDICT_GAP:
		return WORD_GAP;
	case VERDICT_SHUT_OUT:
		return WORD_SHUT_OUT;
	case VERDICT_UNKNOWN:
		return is_quiet(r) ? WORD_QUIET : WORD_UNKNOWN;
	default:
		break;
	}
	/* A rule for one interface: who may is not known from afar. */
	if (r->expected == EXPECTED_ANY)
		return WORD_QUIET;
	if (state == PROOF_OPEN && r->expected == EXPECTED_CLOSED)
		return WORD_DIFFERS;
	if (state == PROOF_SHUT_OUT && r->expected == EXPECTED_OPEN)
		return WORD_DIFFERS;
	return WORD_AGREE;
}

/* --- cells --- */

static unsigned
weight(const struct probe_row *r)
{
	switch (r->verdict) {
	case VERDICT_GAP:
		return 5;
	case VERDICT_OK:
		return r->expected == EXPECTED_OPEN ? 4 : 2;
	case VERDICT_SHUT_OUT:
		return 3;
	default:
		return 1;
	}
}

const struct probe_row *
compare_row(const struct view_cell *c, const struct probe_pair *p)
{
	const struct probe_row *best = NULL;

	for (uint32_t i = 0; i < p->n; i++)
		if (view_has(c, &p->rows[i]) && (!best || weight(&p->rows[i]) > weight(best)))
			best = &p->rows[i];
	return best;
}

/* What the proof alone says. */
static enum probe_word
word_of_proof(uint8_t state)
{
	static const enum probe_word words[PROOF_STATES + 1] = {
	    [PROOF_PROVEN] = WORD_AGREE,
	    [PROOF_LATENT] = WORD_AGREE,
	    [PROOF_DEPENDS] = WORD_UNKNOWN,
	    [PROOF_SHUT_OUT] = WORD_SHUT_OUT,
	    [PROOF_OPEN] = WORD_GAP,
	    [VIEW_NO_STATE] = WORD_UNKNOWN,
	};

	return words[state <= VIEW_NO_STATE ? state : VIEW_NO_STATE];
}

static void
take_word(
    struct compared *x, enum probe_word w, const struct probe_pair *p, const struct probe_row *r)
{
	if (x->pair && w < x->word)
		return;
	if (!x->pair || w > x->word) {
		x->word = w;
		x->same = 0;
		x->pair = NULL;
	}
	x->same++;
	if (!x->pair || strcmp(p->vantage->name, x->pair->vantage->name) < 0) {
		x->pair = p;
		x->row = r;
	}
}

struct compared
compare_cell(const struct view_cell *c, const struct probe_host *target,
    const struct probe_host *only, usec_t since)
{
	struct compared x = {.word = WORD_UNSEEN};
	enum probe_word proof = word_of_proof(c->state), w;
	uint32_t unknown = 0, any = 0;

	for (const struct probe_pair *p = target->seen; p; p = p->next) {
		const struct probe_row *r = NULL;

		if (p->at >= since && (!only || p->vantage == only))
			r = compare_row(c, p);
		if (!r)
			continue;
		x.vantages++;
		w = compare_words(c->state, r);
		/* Who has no way there takes nothing from what another one saw. */
		if (w == WORD_UNKNOWN) {
			unknown++;
			continue;
		}
		x.outsiders += r->expected == EXPECTED_CLOSED;
		any += r->expected == EXPECTED_ANY;
		take_word(&x, w, p, r);
	}
	if (x.outsiders == 0 && any == 0 && x.word <= WORD_UNSEEN)
		x.word = unknown ? WORD_UNKNOWN : WORD_UNSEEN;
	/* What only the probe knows to be better stays as it is. */
	if (x.word != WORD_DIFFERS && proof > x.word)
		x.word = proof;
	return x;
}

/* --- from one entry or proof to the next --- */

void
compare_count(const struct view *v, struct probe_pair *p, bool said)
{
	for (uint32_t i = 0; i < p->n; i++) {
		struct probe_row *r = &p->rows[i];
		bool contradicts = false;

		for (uint32_t k = 0; k < v->n; k++)
			if (view_has(&v->cells[k], r))
				contradicts |= compare_contradicts(v->cells[k].state, r);
		if (!contradicts)
			r->rounds = 0;
		else if (said && r->rounds < UINT8_MAX)
			r->rounds++;
	}
}

void
compare_add_unproven(struct view *v, const struct probe_host *target,
    const char *(*rule_of)(void *ctx, const struct probe_row *r), void *ctx)
{
	for (const struct probe_pair *p = target->seen; p; p = p->next)
		for (uint32_t i = 0; i < p->n; i++) {
			const struct probe_row *r = &p->rows[i];
			struct view_cell c = {.state = VIEW_NO_STATE,
			    .proto = r->proto,
			    .family = r->to.family,
			    .port = r->port,
			    .port_high = r->port};
			bool there = false;

			for (uint32_t k = 0; k < v->n && !there; k++)
				there = view_has(&v->cells[k], r);
			if (there)
				continue;
			strncpy(c.rule, rule_of(ctx, r), sizeof(c.rule) - 1);
			view_add(v, &c);
		}
}

/* --- words --- */

static void
put_port(struct strbuf *out, const struct view_cell *c)
{
	strbuf_printf(out, "%s/%u",
	    c->proto == IPPROTO_TCP   ? "tcp"
	    : c->proto == IPPROTO_UDP ? "udp"
				      : "sctp",
	    c->port);
	if (c->port_high != c->port)
		strbuf_printf(out, "-%u", c->port_high);
}

void
compare_subject(struct strbuf *out, const char *target, const struct view_cell *c)
{
	strbuf_printf(out, "%s %s ", target, c->rule);
	put_port(out, c);
	strbuf_printf(out, " IPv%u", c->family);
}

void
compare_sentence(
    struct strbuf *out, const char *target, const struct view_cell *c, const struct compared *x)
{
	const struct probe_row *r = x->row;
	const char *vantage = x->pair->vantage->name;
	char to[ADDR_TEXT_MAX], from[ADDR_TEXT_MAX] = "?";

	addr_format(&r->to, to);
	if (r->from.family)
		addr_format(&r->from, from);
	strbuf_puts(out, vantage);
	if (x->same > 1)
		strbuf_printf(out, " and %u more hosts", x->same - 1);
	if (r->verdict == VERDICT_GAP)
		strbuf_printf(out,
		    " (%s) reached port %u of %s at %s, which rule %s does not allow", from,
		    r->port, target, to, c->rule);
	else
		strbuf_printf(out,
		    " (%s) did not get to port %u of %s at %s (%s), which rule %s allows", from,
		    r->port, target, to, probe_answer_word(r->answer), c->rule);
	strbuf_printf(out, "; the proof of %s says %s", target,
	    c->state < VIEW_NO_STATE ? proof_state_name(c->state) : "nothing");
}
