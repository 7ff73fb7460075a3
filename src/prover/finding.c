/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "prover/finding.h"

#include <string.h>

#include "base/hash.h"
#include "prover/suggest.h"

/* Kept for documentation (RFC 5737, RFC 3849); what no host on the internet has. */
static const struct prefix ordinary[] = {{{4, {203, 0, 113}}, 24}, {{4, {198, 51, 100}}, 24},
    {{4, {192, 0, 2}}, 24}, {{6, {0x20, 0x01, 0x0d, 0xb8}}, 32}};
static const struct prefix reserved[] = {{{4, {0}}, 8}, {{4, {127}}, 8}, {{4, {169, 254}}, 16},
    {{4, {224}}, 3}, {{6, {0}}, 8}, {{6, {0xfe, 0x80}}, 10}, {{6, {0xfe, 0xc0}}, 10},
    {{6, {0xff}}, 8}};

struct pick {
	struct range largest;
	bool found;
};

static bool
keep_largest(void *ctx, struct range r)
{
	struct pick *p = ctx;

	if (!p->found || r.hi - r.lo > p->largest.hi - p->largest.lo)
		p->largest = r;
	p->found = true;
	return true;
}

static bool
pick_largest(const struct srcset *s, u128 *out)
{
	struct pick p = {0};

	srcset_each(s, keep_largest, &p);
	*out = p.largest.lo + (p.largest.hi - p.largest.lo) / 2;
	return p.found;
}

bool
witness_pick(uint8_t family, const struct srcset *s, struct addr *out)
{
	_cleanup_(srcset_fini) struct srcset left = srcset_copy(s);
	u128 n;

	for (size_t i = 0; i < sizeof(ordinary) / sizeof(*ordinary); i++) {
		struct range r = prefix_range(&ordinary[i]);
		const struct ranges one = {.v = &r, .n = 1};
		_cleanup_(srcset_fini) struct srcset some = {0};

		if (ordinary[i].addr.family != family)
			continue;
		some = srcset_copy(s);
		srcset_and(&some, &one);
		/* One that is easy to read, before the middle of what there is. */
		n = r.lo + 9;
		if (srcset_has(&some, n) || pick_largest(&some, &n)) {
			*out = number_addr(family, n);
			return true;
		}
	}
	for (size_t i = 0; i < sizeof(reserved) / sizeof(*reserved); i++) {
		struct range r = prefix_range(&reserved[i]);
		const struct ranges one = {.v = &r, .n = 1};

		if (reserved[i].addr.family == family)
			srcset_sub(&left, &one);
	}
	if (!pick_largest(&left, &n) && !pick_largest(s, &n))
		return false;
	*out = number_addr(family, n);
	return true;
}

static bool
starts(const char *text, const char *with)
{
	return text && !strncmp(text, with, strlen(with));
}

static bool
is_verdict(const struct step *s)
{
	static const char *const words[] = {
	    "accept", "drop", "reject", "policy", "source dropped", "dropped by", "queue"};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (starts(s->text, words[i]))
			return true;
	return false;
}

static bool
is_accept(const struct step *s)
{
	return starts(s->text, "accept") || starts(s->text, "policy accept");
}

/* The step that settled it: the drop, else the last accept of a rule (filters before NAT say less
 * than those behind it), else the last policy. */
static const struct step *
find_decided(const struct step *steps, uint32_t n, enum followed verdict)
{
	const struct step *best = NULL;

	for (uint32_t i = 0; i < n; i++) {
		const struct step *s = &steps[i];

		if (!is_verdict(s))
			continue;
		if (!(verdict & FOLLOW_ACCEPT)) {
			if (!is_accept(s))
				best = s;
			continue;
		}
		/* An accept in a NAT chain lets nothing in. */
		if (is_accept(s) &&
		    !(s->chain && s->chain->type && !strcmp(s->chain->type, "nat")) &&
		    (s->rule || !best || !best->rule))
			best = s;
	}
	/* The kernel's own reasons come last, in words. */
	return best || !n || (verdict & FOLLOW_ACCEPT) ? best : &steps[n - 1];
}

void
trace_source(struct evaluator *e, struct arena *a, const struct query *q, const struct addr *from,
    struct trace *out)
{
	const struct prefix host = prefix_host(from);
	struct range r = prefix_range(&host);
	const struct ranges one = {.v = &r, .n = 1};
	_cleanup_(srcset_fini) struct srcset s = srcset_of(&one);
	struct trail *trail = calloc(1, sizeof(*trail));
	struct query again = *q;
	struct answer answer;

	if (!trail)
		abort();
	trail->arena = a;
	again.sources = &s;
	again.trail = trail;
	eval_query(e, &again, &answer);
	*out = (struct trace){.n = trail->n, .end = q->daddr, .end_port = q->dport};
	out->verdict = (srcset_empty(&answer.accept) ? 0 : FOLLOW_ACCEPT) |
		       (srcset_empty(&answer.drop) ? 0 : FOLLOW_DROP);
	out->steps = arena_array(a, trail->n, sizeof(*out->steps));
	if (trail->n)
		memcpy(out->steps, trail->steps, trail->n * sizeof(*out->steps));
	out->decided = find_decided(out->steps, out->n, out->verdict);
	for (uint32_t i = 0; i < out->n; i++)
		if (starts(out->steps[i].text, "dnat") || starts(out->steps[i].text, "redirect"))
			out->mapped = &out->steps[i];
	if (answer.n_endpoints) {
		out->end = answer.endpoints[0].addr;
		out->end_port = answer.endpoints[0].port;
	}
	answer_fini(&answer);
	free(trail);
}

/* True when outside everything that the kernel drops itself nothing is left but the allowed. */
static bool
is_everyone(const struct check *c, const struct cell *cell, const struct finding *f)
{
	_cleanup_(srcset_fini) struct srcset rest = srcset_all(cell->family);
	struct addr_set d;

	srcset_sub_set(&rest, &f->sources);
	srcset_sub(&rest, &cell->policy->allowed);
	d = world_source_drop(c->world, &f->end, f->way.iif, f->forwarded ? f->oif : 0);
	srcset_sub(&rest, d.may);
	return srcset_empty(&rest);
}

static struct query
query_of(const struct cell *cell, const struct finding *f)
{
	struct query q = way_query(&f->way);

	q.proto = cell->proto;
	q.dport = f->port;
	return q;
}

/* What the single source really meets; a set that does not hold for its own witness is no proof. */
static void
check_witness(struct finding *f, enum followed verdict)
{
	bool in = f->shape != FOUND_SHUT_OUT;
	enum followed want = in ? FOLLOW_ACCEPT : FOLLOW_DROP;

	f->witness.accepted = in;
	if (verdict == want || f->state == PROOF_DEPENDS || f->state == PROOF_LATENT)
		return;
	/* The set and the single source were evaluated by one model; where they differ, neither is
	 * a proof. */
	f->state = PROOF_DEPENDS;
	if (!f->n_whys)
		f->whys[f->n_whys++] = verdict == FOLLOW_BOTH
					   ? "the rules do not settle the witness"
					   : "the witness itself is decided otherwise";
}

void
finding_explain(struct check *c, const struct cell *cell, struct finding *f)
{
	const struct query q = query_of(cell, f);
	const struct iface *in = world_iface(c->world, f->way.iif);
	struct trace t = {0};

	f->witness = (struct proof_witness){.to = f->way.to, .port = f->port, .proto = cell->proto};
	if (in)
		memcpy(f->witness.iface, in->name, sizeof(in->name));
	f->witness.iface[sizeof(f->witness.iface) - 1] = 0;
	f->everyone = f->shape != FOUND_SHUT_OUT && is_everyone(c, cell, f);
	if (witness_pick(cell->family, &f->sources, &f->witness.from)) {
		trace_source(c->eval, c->arena, &q, &f->witness.from, &t);
		check_witness(f, t.verdict);
		f->path = t.steps;
		f->n_path = t.n;
		f->decided = t.decided;
		f->mapped = t.mapped;
		if (f->shape == FOUND_SHUT_OUT) {
			f->end = t.end;
			f->end_port = t.end_port;
		}
	}
	finding_say(c, cell, f);
	if (c->opt.suggest)
		suggest(c, cell, f);
}

static bool
hash_range(void *ctx, struct range r)
{
	strbuf_add(ctx, (const char *)&r, sizeof(r));
	return true;
}

/* A set of banned hosts within the outside grows and shrinks all day: only a small outside counts
 * address by address. */
static void
print_finding(
    struct strbuf *b, const struct check *c, const struct cell *cell, const struct finding *f)
{
	char end[ADDR_TEXT_MAX];

	strbuf_printf(b, "%d %d %s %u %u %d|", f->state, f->shape, addr_format(&f->end, end),
	    f->end_port, f->port, f->unseen);
	for (uint32_t i = 0; i < f->n_ifaces; i++) {
		const struct iface *in = world_iface(c->world, f->ifaces[i]);

		strbuf_printf(b, "%s|", in ? in->name : "");
	}
	if (f->listener)
		strbuf_printf(b, "%s|%s|", f->listener->unit ? f->listener->unit : "",
		    f->listener->process ? f->listener->process : "");
	if (f->decided && f->decided->chain)
		strbuf_printf(b, "%s|%s|", f->decided->chain->table->name, f->decided->chain->name);
	for (uint32_t i = 0; i < f->n_whys; i++)
		strbuf_printf(b, "%s|", f->whys[i]);
	if (f->everyone || f->sources.n > 64)
		strbuf_printf(b, "most of %d", cell->family);
	else
		srcset_each(&f->sources, hash_range, b);
}

static void
set_hashes(const struct check *c, struct cell *cell)
{
	const struct finding *f = cell->findings.items;
	_cleanup_(strbuf_fini) struct strbuf b = {0};

	strbuf_printf(&b, "%s/%s/%s/%u/%u-%u/%s", cell->name, proof_kind_name(cell->kind), "cell",
	    cell->proto, cell->port, cell->port_high, cell->host);
	strbuf_printf(&b, "/%u", cell->family);
	cell->key = hash_bytes(&hash_stable, b.text, b.len);
	strbuf_printf(&b, "/%u/", cell->state);
	for (size_t i = 0; i < cell->findings.n; i++)
		print_finding(&b, c, cell, &f[i]);
	if (cell->listener)
		strbuf_printf(&b, "%s", cell->listener->unit ? cell->listener->unit : "");
	cell->print = hash_bytes(&hash_stable, b.text, b.len);
}

static void
say_forgery(struct check *c, struct cell *cell)
{
	_cleanup_(strbuf_fini) struct strbuf b = {0};

	if (*cell->text)
		strbuf_printf(&b, "%s; ", cell->text);
	strbuf_puts(&b, "the source of an allowed datagram can be forged by");
	for (uint32_t i = 0; i < cell->n_forge; i++) {
		const struct iface *in = world_iface(c->world, cell->forge[i]);

		strbuf_printf(&b, "%s %s", i ? "," : "", in ? in->name : "?");
	}
	cell->text = arena_dup(c->arena, b.text, b.len);
}

static void
say_unnamed(struct check *c, struct cell *cell)
{
	_cleanup_(strbuf_fini) struct strbuf b = {0};

	listener_say(c, &b, cell->listener);
	strbuf_puts(&b, " on ");
	socket_say(&b, &cell->listener->addr, cell->port, cell->listener->any);
	strbuf_printf(&b, " (%s) is named by no rule; ", proto_name(cell->proto));
	if (cell->findings.n)
		strbuf_puts(&b, cell->text);
	else
		strbuf_printf(&b, "no outside IPv%u source reaches it", cell->family);
	cell->text = arena_dup(c->arena, b.text, b.len);
}

void
cell_explain(struct check *c, struct cell *cell)
{
	struct finding *f = cell->findings.items;
	size_t n = cell->findings.n;

	if (n && !*cell->text) {
		cell->text = n + cell->n_more == 1 ? f[0].text
						   : arena_printf(c->arena, "%s (and %zu more)",
							 f[0].text, n - 1 + cell->n_more);
	}
	if (cell->kind == PROOF_UNNAMED)
		say_unnamed(c, cell);
	if (cell->n_forge && cell->listening)
		say_forgery(c, cell);
	set_hashes(c, cell);
}
