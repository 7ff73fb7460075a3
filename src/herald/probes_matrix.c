/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/json_write.h"
#include "herald/probes_private.h"
#include "wire/control.h"

/* Vantages shown of a cell: the worst, then by name. */
#define SHOWN_MAX 32
/* So long the fleet has to tell what it said since it was last read. */
#define LOOK_MS 300

struct paging {
	struct herald *herald;
	char host[FLEET_HOST_MAX]; /* whose cells are written, or were last; "" none yet */
	uint32_t cell;             /* how many of them are written */
	bool one;                  /* it alone */
	bool begun;
};

struct seen {
	const struct probe_pair *pair;
	const struct probe_row *row;
	enum probe_word word;
};

static int
worse_first(const void *a, const void *b)
{
	const struct seen *x = a, *y = b;

	if (x->word != y->word)
		return x->word < y->word ? 1 : -1;
	return strcmp(x->pair->vantage->name, y->pair->vantage->name);
}

static void
put_seen(struct json *j, const struct seen *s, usec_t now)
{
	const struct probe_row *r = s->row;
	char text[ADDR_TEXT_MAX];

	json_object_begin(j, NULL);
	json_text(j, "vantage", s->pair->vantage->name);
	json_text(j, "address", addr_format(&r->to, text));
	json_text(j, "from", r->from.family ? addr_format(&r->from, text) : "");
	json_text(j, "answer", probe_answer_word(r->answer));
	json_text(j, "expected", probe_expected_word(r->expected));
	json_text(j, "verdict", probe_verdict_word(r->verdict));
	json_text(j, "state", probe_word_name(s->word));
	json_int(j, "age_s", now > s->pair->at ? (now - s->pair->at) / USEC_PER_SEC : 0);
	json_object_end(j);
}

static void
put_vantages(struct json *j, const struct view_cell *c, const struct probe_host *target, usec_t now)
{
	_cleanup_(freep) struct seen *all = NULL;
	uint32_t n = 0, room = 0;

	for (const struct probe_pair *p = target->seen; p; p = p->next)
		room++;
	all = calloc(room ? room : 1, sizeof(*all));
	for (const struct probe_pair *p = target->seen; all && p; p = p->next) {
		const struct probe_row *r = compare_row(c, p);

		if (r)
			all[n++] = (struct seen){p, r, compare_words(c->state, r)};
	}
	if (all)
		qsort(all, n, sizeof(*all), worse_first);
	json_list_begin(j, "vantages");
	for (uint32_t i = 0; i < n && i < SHOWN_MAX; i++)
		put_seen(j, &all[i], now);
	json_list_end(j);
	json_int(j, "vantages_more", n > SHOWN_MAX ? n - SHOWN_MAX : 0);
}

/* The configuration lets nobody ask: a host that it does not name, or a family that the host does
 * not have. One family that is named, and the other forgotten, is no such thing. */
static bool
is_asked(const struct probes *p, const struct probe_host *target, uint8_t family)
{
	bool within = false, has = false;

	for (uint32_t i = 0; i < target->n_addrs; i++) {
		within |= probes_is_within(p, &target->addrs[i]);
		has |= target->addrs[i].family == family;
	}
	return within && has;
}

static void
put_cell(struct strbuf *out, const struct probes *p, const struct view *v,
    const struct view_cell *c, const struct probe_host *target, bool fresh, usec_t now)
{
	_cleanup_(strbuf_fini) struct strbuf text = {0};
	struct compared x = compare_cell(c, target, NULL);
	struct json j;

	if (x.word == WORD_UNSEEN && !is_asked(p, target, c->family))
		x.word = WORD_UNASKED;
	/* More was seen than there was room for. */
	if (target->refused && x.word < WORD_UNKNOWN)
		x.word = WORD_UNKNOWN;
	if (x.row && (x.row->verdict == VERDICT_GAP || x.row->verdict == VERDICT_SHUT_OUT))
		compare_sentence(&text, target->name, c, &x);
	json_begin(&j, out);
	json_text(&j, "type", "cell");
	json_text(&j, "host", target->name);
	json_text(&j, "rule", c->rule);
	json_text(&j, "proto",
	    c->proto == IPPROTO_TCP   ? "tcp"
	    : c->proto == IPPROTO_UDP ? "udp"
				      : "sctp");
	json_int(&j, "port", c->port);
	json_int(&j, "port_high", c->port_high);
	json_int(&j, "family", c->family);
	json_text(&j, "proof", c->state < VIEW_NO_STATE ? proof_state_name(c->state) : NULL);
	json_int(&j, "proof_age_s", now > v->made ? (now - v->made) / USEC_PER_SEC : 0);
	json_bool(&j, "proof_stale", !fresh);
	json_text(&j, "state", probe_word_name(x.word));
	json_int(&j, "asked", x.vantages);
	json_int(&j, "outsiders", x.outsiders);
	json_text(&j, "text", text.text ? text.text : "");
	put_vantages(&j, c, target, now);
	json_end(&j);
}

/* A host without a proof, and of which nobody saw anything. */
static void
put_nothing(struct strbuf *out, const char *host, const char *why)
{
	struct json j;

	json_begin(&j, out);
	json_text(&j, "type", "host");
	json_text(&j, "host", host);
	json_text(&j, "state", probe_word_name(WORD_UNKNOWN));
	json_text(&j, "text", why);
	json_end(&j);
}

static void
put_head(struct strbuf *out, const struct probes *p, usec_t now)
{
	const struct image_fleet *f = p->herald->image.fleet;
	struct json j;

	json_begin(&j, out);
	json_text(&j, "type", "fleet-exposure");
	json_text(&j, "host", p->own->name);
	json_int(&j, "at", now / USEC_PER_SEC);
	json_int(&j, "every_s", probes_period(p) / USEC_PER_SEC);
	json_int(&j, "per_second", f->probe_per_second);
	json_int(&j, "hosts", p->table.n);
	json_int(&j, "rows", table_rows(&p->table));
	json_int(&j, "refused", (int64_t)p->table.refused);
	json_int(&j, "rounds", (int64_t)p->rounds);
	json_int(&j, "questions", (int64_t)p->questions);
	json_bool(&j, "asking", p->run.running);
	json_text(&j, "trouble", *p->trouble ? p->trouble : NULL);
	json_end(&j);
}

/* A proof that is no longer fresh says nothing to compare with. */
static void
forget_states(struct view *v)
{
	for (uint32_t i = 0; i < v->n; i++)
		v->cells[i].state = VIEW_NO_STATE;
}

/* Cells of the page's host, as many as the client has room for; false: some are left. */
static bool
write_host(struct request *q, struct paging *g, usec_t now)
{
	struct probes *p = g->herald->probes;
	struct probe_host *target = table_host(&p->table, g->host);
	_cleanup_(strbuf_fini) struct strbuf out = {0};
	struct view v;
	bool fresh, all;

	if (!target)
		return true;
	fresh = probes_view(p, target, now, &v);
	if (!fresh)
		forget_states(&v);
	compare_add_unproven(&v, target, probes_rule_of, p);
	if (v.n == 0 && g->cell == 0) {
		put_nothing(&out, target->name,
		    fresh ? "no rule names a port" : "there is no proof of these days");
		request_write(q, &out);
		g->cell = 1;
	}
	while (g->cell < v.n && request_has_room(q)) {
		put_cell(&out, p, &v, &v.cells[g->cell++], target, fresh, now);
		request_write(q, &out);
	}
	all = g->cell >= v.n;
	view_fini(&v);
	return all;
}

static bool
next_host(struct paging *g)
{
	struct fleet_host f;

	if (g->one || !fleet_next_host(g->herald->fleet, g->host, &f))
		return false;
	memcpy(g->host, f.name, sizeof(g->host));
	g->cell = 0;
	return true;
}

static void
go_on(struct request *q)
{
	struct paging *g = request_state(q);
	usec_t now = clock_real();

	while (g->begun) {
		if (!write_host(q, g, now) || !request_has_room(q))
			return;
		if (!next_host(g)) {
			request_done(q, REQUEST_DONE, NULL);
			return;
		}
	}
}

static void
begin(struct request *q)
{
	struct paging *g = request_state(q);
	_cleanup_(strbuf_fini) struct strbuf head = {0};

	put_head(&head, g->herald->probes, clock_real());
	request_write(q, &head);
	if (!*g->host && !next_host(g)) {
		request_done(q, REQUEST_DONE, NULL);
		return;
	}
	g->begun = true;
	go_on(q);
}

void
probes_request_matrix(struct request *q, char *const *words, unsigned n)
{
	static const struct request_ops ops = {.on_room = go_on, .on_late = begin};
	struct herald *h = request_context(q);
	struct fleet_host f;
	struct paging *g;

	if (!h->fleet || !h->probes) {
		request_done(q, REQUEST_FAILED, "no fleet is configured (fleet: in guardd.yaml)");
		return;
	}
	if (n > 0 && strcmp(words[0], h->probes->own->name) != 0 &&
	    !fleet_find_host(h->fleet, words[0], &f)) {
		request_done(q, REQUEST_FAILED, "no host of that name is known in the fleet");
		return;
	}
	g = calloc(1, sizeof(*g));
	if (!g) {
		request_done(q, REQUEST_FAILED, "out of memory");
		return;
	}
	*g = (struct paging){.herald = h, .one = n > 0};
	if (n > 0)
		strncpy(g->host, words[0], sizeof(g->host) - 1);
	request_keep(q, &ops, g, free);
	fleet_look(h->fleet);
	request_wait(q, LOOK_MS);
}
