/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "judge/exposure.h"
#include "judge/requests.h"
#include "judge/text.h"

#define PROOF_PATIENCE 15000 /* milliseconds: the biggest rulesets take seconds */
#define GAPS_SHOWN     10000

/* --- exposure: a new proof, or the last one when none comes --- */

struct asking {
	uint32_t id; /* of the question */
	char rule[64];
};

static void
add_line(struct strbuf *out, const char *json)
{
	strbuf_puts(out, json);
	strbuf_puts(out, "\n");
}

/* A cell whose object did not fit into the proof has its sentence still. */
static void
add_cell(struct strbuf *out, const struct proof *p, const struct proof_cell *cell)
{
	struct json j;

	if (cell->json) {
		add_line(out, p->text + cell->json);
		return;
	}
	json_begin(&j, out);
	json_text(&j, "type", "cell");
	json_text(&j, "kind", proof_kind_name(cell->kind));
	json_text(&j, "rule", p->text + cell->rule);
	json_int(&j, "port", cell->port);
	json_int(&j, "port_high", cell->port_high);
	json_int(&j, "family", cell->family);
	json_text(&j, "state", proof_state_name(cell->state));
	json_text(&j, "text", p->text + cell->text);
	json_end(&j);
}

static void
show_proof(struct request *q, const struct asking *a)
{
	const struct court *c = request_context(q);
	_cleanup_(strbuf_fini) struct strbuf out = {0};
	const char *trouble;
	const struct proof *p = exposure_proof(c->exposure, &trouble);
	uint32_t shown = 0;

	if (!p) {
		request_done(q, REQUEST_FAILED, "there is no proof yet%s%s", trouble ? ": " : "",
		    trouble ? trouble : "");
		return;
	}
	add_line(&out, p->text + p->head->head);
	for (uint32_t i = 0; i < p->head->n; i++) {
		const struct proof_cell *cell = &p->cells[i];

		if (*a->rule && strcmp(a->rule, p->text + cell->rule) != 0)
			continue;
		add_cell(&out, p, cell);
		shown++;
	}
	if (*a->rule && !shown) {
		request_done(q, REQUEST_FAILED, "no expose rule %s is in force", a->rule);
		return;
	}
	request_write(q, &out);
	if (trouble)
		request_done(q, REQUEST_FAILED, "this is an older proof: %s", trouble);
	else
		request_done(q, REQUEST_DONE, NULL);
}

static void
on_answer(struct request *q, const struct msg *m)
{
	const struct asking *a = request_state(q);

	if (m->type == MSG_PROOF && m->id >= a->id)
		show_proof(q, a);
}

static void
on_late(struct request *q)
{
	show_proof(q, request_state(q));
}

void
request_exposure(struct request *q, char *const *words, unsigned n)
{
	static const struct request_ops ops = {.on_answer = on_answer, .on_late = on_late};
	struct court *c = request_context(q);
	struct asking *a = calloc(1, sizeof(*a));

	if (!a) {
		request_done(q, REQUEST_FAILED, "no memory");
		return;
	}
	if (n > 0)
		strncat(a->rule, words[0], sizeof(a->rule) - 1);
	a->id = exposure_ask(c->exposure);
	request_keep(q, &ops, a, free);
	if (a->id)
		request_wait(q, PROOF_PATIENCE);
	else
		show_proof(q, a);
}

/* --- gaps: what stands, and what stood --- */

static void
add_gap(void *ctx, const struct gap *g)
{
	static const char *const confirmed[] = {
	    [CONFIRM_NONE] = "none", [CONFIRM_SAME] = "same", [CONFIRM_DIFFERENT] = "different"};
	struct strbuf *out = ctx;
	char name[128], time[40];
	struct json j;

	json_begin(&j, out);
	json_text(&j, "type", "gap");
	json_text(&j, "rule", g->rule);
	json_text(&j, "kind", proof_kind_name(g->kind));
	json_text(&j, "what", gap_name(g, name));
	json_text(&j, "state", proof_state_name(g->state));
	json_text(&j, "since", clock_format(g->since, 0, time));
	json_text(&j, "until", g->until ? clock_format(g->until, 0, time) : NULL);
	json_text(&j, "text", g->text);
	json_text(&j, "confirmed", confirmed[g->confirmed]);
	json_text(&j, "changer", g->changer);
	json_int(&j, "told", g->times);
	json_end(&j);
}

void
request_gaps(struct request *q, char *const *words, unsigned n)
{
	struct court *c = request_context(q);
	const struct gaps *gaps = exposure_gaps(c->exposure);
	_cleanup_(strbuf_fini) struct strbuf out = {0};
	int r = 0;

	if (n > 0 && strcmp(words[0], "all") != 0) {
		request_done(q, REQUEST_USAGE, "gaps [all]");
		return;
	}
	/* What ended is in the book alone; what stands may not be there yet. */
	if (n > 0 && book_is_behind(c->book))
		court_commit(c);
	if (n > 0)
		r = book_gaps(c->book, true, GAPS_SHOWN, add_gap, &out);
	for (uint32_t i = 0; n == 0 && i < gaps->n; i++)
		if (!gaps->items[i]->until)
			add_gap(&out, gaps->items[i]);
	request_write(q, &out);
	if (r < 0)
		request_done(q, REQUEST_FAILED, "the book cannot be read: %s", book_error(c->book));
	else
		request_done(q, REQUEST_DONE, NULL);
}
