/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "herald/probe_compare.h"

#include <errno.h>
#include <stdlib.h>
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

/* The first row of that key or behind it. */
static uint32_t
first_row(const struct probe_pair *p, uint32_t key)
{
	uint32_t low = 0, high = p->n;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (probe_row_key(&p->rows[mid]) < key)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static const struct probe_row *
heavier(const struct probe_row *best, const struct probe_row *r)
{
	return !best || probe_row_weight(r) > probe_row_weight(best) ? r : best;
}

const struct probe_row *
compare_row(const struct view_cell *c, const struct probe_pair *p)
{
	uint32_t last = probe_key(c->proto, c->family, c->port_high);
	const struct probe_row *best = NULL;

	for (uint32_t i = first_row(p, probe_key(c->proto, c->family, c->port));
	     i < p->n && probe_row_key(&p->rows[i]) <= last; i++)
		best = heavier(best, &p->rows[i]);
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

/* What one vantage saw of a cell. */
static void
add_seen(struct compared *x, uint8_t state, const struct probe_pair *p, const struct probe_row *r)
{
	enum probe_word w = compare_words(state, r);

	x->vantages++;
	/* Who has no way there takes nothing from what another one saw. */
	if (w == WORD_UNKNOWN) {
		x->unknown++;
		return;
	}
	x->outsiders += r->expected == EXPECTED_CLOSED;
	x->any += r->expected == EXPECTED_ANY;
	x->latest = p->at > x->latest ? p->at : x->latest;
	take_word(x, w, p, r);
}

static void
add_proof(struct compared *x, uint8_t state)
{
	enum probe_word proof = word_of_proof(state);

	if (x->outsiders == 0 && x->any == 0 && x->word <= WORD_UNSEEN)
		x->word = x->unknown ? WORD_UNKNOWN : WORD_UNSEEN;
	/* What only the probe knows to be better stays as it is. */
	if (x->word != WORD_DIFFERS && proof > x->word)
		x->word = proof;
}

struct compared
compare_cell(
    const struct view_cell *c, const struct probe_host *target, const struct probe_host *only)
{
	struct compared x = {.word = WORD_UNSEEN};

	for (const struct probe_pair *p = target->seen; p; p = p->next) {
		const struct probe_row *r = !only || p->vantage == only ? compare_row(c, p) : NULL;

		if (r)
			add_seen(&x, c->state, p, r);
	}
	add_proof(&x, c->state);
	return x;
}

/* Room for what one pair says of each cell. */
struct said {
	const struct probe_row **best; /* by cell */
	uint16_t *cells;               /* those that have one */
	uint32_t n;
};

static void
find_best(struct said *s, const struct probe_index *x, const struct probe_pair *p)
{
	s->n = 0;
	for (uint32_t i = 0; i < p->n; i++) {
		const struct index_part *part = index_find(x, &p->rows[i]);

		for (uint32_t k = 0; part && k < part->n; k++) {
			uint16_t c = x->cells[part->first + k];

			if (!s->best[c])
				s->cells[s->n++] = c;
			s->best[c] = heavier(s->best[c], &p->rows[i]);
		}
	}
}

int
compare_cells(struct compared *out, const struct view *v, const struct probe_index *x,
    const struct probe_host *target, const struct probe_host *only)
{
	_cleanup_(freep) const struct probe_row **best = calloc(v->n + 1, sizeof(*best));
	_cleanup_(freep) uint16_t *cells = calloc(v->n + 1, sizeof(*cells));
	struct said s = {best, cells, 0};

	if (!best || !cells)
		return -ENOMEM;
	for (uint32_t i = 0; i < v->n; i++)
		out[i] = (struct compared){.word = WORD_UNSEEN};
	for (const struct probe_pair *p = target->seen; p; p = p->next) {
		if (only && p->vantage != only)
			continue;
		find_best(&s, x, p);
		for (uint32_t i = 0; i < s.n; i++) {
			uint16_t c = cells[i];

			add_seen(&out[c], v->cells[c].state, p, best[c]);
			best[c] = NULL;
		}
	}
	for (uint32_t i = 0; i < v->n; i++)
		add_proof(&out[i], v->cells[i].state);
	return 0;
}

/* --- from one entry or proof to the next --- */

static bool
contradicts_any(const struct index_part *part, const struct probe_row *r)
{
	for (uint8_t state = 0; part && state < VIEW_NO_STATE; state++)
		if (part->states >> state & 1 && compare_contradicts(state, r))
			return true;
	return false;
}

bool
compare_count(const struct probe_index *x, struct probe_pair *p)
{
	bool first = false;

	for (uint32_t i = 0; i < p->n; i++) {
		struct probe_row *r = &p->rows[i];
		unsigned rounds = r->rounds + r->news;

		if (x) {
			if (!contradicts_any(index_find(x, r), r))
				rounds = 0;
			r->rounds = rounds < UINT8_MAX ? (uint8_t)rounds : UINT8_MAX;
			first |= r->news && r->rounds == 1;
		}
		r->news = 0;
	}
	return first;
}

#define PORTS 65536

/* Adds the cell of a row, unless its port is among those that were looked at. */
static void
add_unproven(struct view *v, const struct probe_row *r, bool *ports,
    const char *(*rule_of)(void *ctx, const struct probe_row *r), void *ctx)
{
	bool *port =
	    &ports[((r->proto == IPPROTO_UDP) * 2 + (r->to.family == 6)) * PORTS + r->port];
	struct view_cell c = {.state = VIEW_NO_STATE,
	    .proto = r->proto,
	    .family = r->to.family,
	    .port = r->port,
	    .port_high = r->port};

	if (*port)
		return;
	*port = true;
	strncpy(c.rule, rule_of(ctx, r), sizeof(c.rule) - 1);
	view_add(v, &c);
}

void
compare_add_unproven(struct view *v, const struct probe_host *target,
    const char *(*rule_of)(void *ctx, const struct probe_row *r), void *ctx)
{
	_cleanup_(freep) bool *ports = calloc(4 * PORTS, sizeof(*ports));
	struct probe_index x;

	if (index_new(&x, v) < 0)
		return;
	for (const struct probe_pair *p = target->seen; ports && p; p = p->next)
		for (uint32_t i = 0; i < p->n; i++)
			if (!index_find(&x, &p->rows[i]))
				add_unproven(v, &p->rows[i], ports, rule_of, ctx);
	index_fini(&x);
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
