/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "herald/probes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "herald/alerts.h"
#include "herald/hands.h"
#include "herald/probe_plan.h"
#include "herald/probes_private.h"

#define SWEEP_EVERY (60 * USEC_PER_SEC)
/* Hosts that are looked up in the fleet at a time, to see who left. */
#define SWEEP_HOSTS 256
/* So long silent ports may keep a round, and the fleet its entry. */
#define ROUND_LASTS (120 * USEC_PER_SEC)
/* Where this host asks nobody itself. */
#define EVERY_ELSE (3600 * USEC_PER_SEC)

usec_t
probes_proof_age(const struct probes *p)
{
	usec_t every = p->herald->image.fleet->report, all = p->table.n * USEC_PER_SEC;

	return PROBES_STALE * (every > all ? every : all) + 2 * SWEEP_EVERY;
}

usec_t
probes_period(const struct probes *p)
{
	usec_t every = p ? p->herald->image.fleet->probe_every : 0, pairs;
	uint32_t n = p ? p->table.n : 0;

	/* Hosts are mostly of two kinds. */
	pairs = (usec_t)n * (n > 2 * PLAN_VANTAGES ? 2 * PLAN_VANTAGES : n);
	return every == 0 || every > pairs * USEC_PER_SEC ? every : pairs * USEC_PER_SEC;
}

usec_t
probes_entry_age(const struct probes *p)
{
	usec_t every = probes_period(p);

	return PROBES_STALE * (every ? every : EVERY_ELSE) + ROUND_LASTS;
}

bool
probes_view(const struct probes *p, const struct probe_host *host, usec_t now, struct view *v)
{
	struct fleet_host f;

	*v = (struct view){0};
	if (host == p->own && p->herald->have_proof)
		view_from_proof(v, &p->herald->proof);
	else if (host != p->own && fleet_find_host(p->herald->fleet, host->name, &f) && f.report)
		view_from_report(v, f.report, f.report_len, f.reported);
	return v->proven && now - v->made <= probes_proof_age(p);
}

const char *
probes_rule_of(void *probes, const struct probe_row *r)
{
	const struct image *img = &((const struct probes *)probes)->herald->image;

	for (uint32_t i = 0; i < image_count(img, IMAGE_EXPOSES); i++) {
		const struct image_expose *x = &img->exposes[i];

		for (uint32_t k = 0; k < x->ports.n; k++) {
			const struct image_port *port = &img->ports[x->ports.first + k];

			if (port->proto == r->proto && port->low <= r->port &&
			    r->port <= port->high)
				return image_str(img, x->name);
		}
	}
	return "";
}

/* --- alerts --- */

/* Those that this host can know: about itself what all saw, about others what it saw itself. */
static bool
is_ours(const struct probes *p, struct probe_host *target)
{
	return target == p->own || table_pair(target, p->own);
}

static void
raise(struct probes *p, struct probe_host *target, const struct view_cell *c,
    const struct compared *x, const char *subject)
{
	_cleanup_(strbuf_fini) struct strbuf words = {0};
	const struct alert_note note = {.kind = ALERT_DISAGREE,
	    .severity = x->row->verdict == VERDICT_GAP ? SEVERITY_CRITICAL : SEVERITY_WARNING,
	    .subject = subject};
	struct alert_note n = note;

	if (!raised_add(p, target, subject))
		return;
	compare_sentence(&words, target->name, c, x);
	n.words = words.text;
	alerts_raise(p->herald->alerts, &n);
}

static bool
is_among(const struct view *v, const struct probe_host *target, const char *subject)
{
	for (uint32_t i = 0; i < v->n; i++) {
		_cleanup_(strbuf_fini) struct strbuf s = {0};

		compare_subject(&s, target->name, &v->cells[i]);
		if (strcmp(s.text, subject) == 0)
			return true;
	}
	return false;
}

/* What was not heard of by now is not said any more: a herald that just started knows little. */
static bool
is_settled(const struct probes *p, usec_t now)
{
	return now - p->started > probes_entry_age(p);
}

/* What stands about cells that the proof does not have any more; all, where there is no proof. */
static void
end_others(struct probes *p, struct probe_host *target, const struct view *v)
{
	for (uint32_t i = target->n_raised; i-- > 0;)
		if (!v || !is_among(v, target, target->raised[i]))
			raised_end(p, target, target->raised[i],
			    v ? "the port is not in the proof any more"
			      : "there is no proof of these days to compare with");
}

/* Seen once is not enough, and an answer that says nothing is no end; nor is what was said before
 * this life, of which only a part may have been read yet. */
static void
tell_cell(struct probes *p, struct probe_host *target, const struct view_cell *c, usec_t now)
{
	const struct probe_host *only = target == p->own ? NULL : p->own;
	_cleanup_(strbuf_fini) struct strbuf subject = {0};
	struct compared x = compare_cell(c, target, only, 0);

	compare_subject(&subject, target->name, c);
	if (x.word == WORD_DISAGREE)
		raise(p, target, c, &x, subject.text);
	else if (x.word == WORD_WAITS)
		return;
	else if (x.vantages == 0 && is_settled(p, now))
		raised_end(p, target, subject.text, "nobody has asked for long");
	else if (compare_cell(c, target, only, p->started).pair)
		raised_end(p, target, subject.text, "probe and proof agree again");
}

static void
tell(struct probes *p, struct probe_host *target, usec_t now)
{
	struct view v;

	if (!is_ours(p, target) && target->n_raised == 0)
		return;
	if (!probes_view(p, target, now, &v)) {
		view_fini(&v);
		if (is_settled(p, now))
			end_others(p, target, NULL);
		return;
	}
	for (struct probe_pair *pair = target->seen; pair; pair = pair->next)
		compare_count(&v, pair, false);
	for (uint32_t i = 0; i < v.n; i++)
		tell_cell(p, target, &v.cells[i], now);
	end_others(p, target, &v);
	view_fini(&v);
}

/* --- what is said --- */

struct probe_pair *
probes_take(struct probes *p, struct probe_host *target, struct probe_host *vantage, usec_t at,
    const struct probe_row *rows, uint32_t n, usec_t now)
{
	struct probe_pair *pair = NULL;
	struct view v;

	if (table_take(&p->table, target, vantage, at, rows, n) == 0)
		pair = table_pair(target, vantage);
	/* What was said before this life is not held against what is proven now. */
	if (at < p->started)
		return pair;
	if (pair && probes_view(p, target, now, &v))
		compare_count(&v, pair, true);
	if (pair)
		view_fini(&v);
	tell(p, target, now);
	return pair;
}

void
probes_on_entry(struct probes *p, const char *host, const char *json, size_t n)
{
	struct probe_row rows[PROBE_ROWS];
	usec_t now = clock_real(), at;
	struct probe_host *vantage, *target;
	struct fleet_host said, about;
	const char *name;
	json_int_t made;
	json_t *root;
	int r;

	if (!p || !fleet_find_host(p->herald->fleet, host, &said))
		return;
	at = said.last > 0 && said.last < now ? said.last : now;
	r = probe_entry_read(&root, &name, rows, json, n);
	target = r < 0                                             ? NULL
		 : strcmp(name, p->own->name) == 0                 ? p->own
		 : fleet_find_host(p->herald->fleet, name, &about) ? table_host(&p->table, name)
								   : NULL;
	vantage = target && strcmp(host, name) != 0 ? table_host(&p->table, host) : NULL;
	made = json_integer_value(json_object_get(root, "at"));
	json_decref(root);
	if (r < 0)
		p->table.refused++;
	/* What this host said itself is new to it only when that was in a former life. */
	if (!vantage || at < now - probes_entry_age(p) ||
	    (vantage == p->own && made >= p->started / USEC_PER_SEC))
		return;
	if (probes_take(p, target, vantage, at, rows, (uint32_t)r, now) && vantage == p->own)
		probes_plan(p, target, false, now);
}

/* --- hosts --- */

static bool
allows(const struct image *img, const struct image_expose *x, const struct addr *a)
{
	for (uint32_t i = 0; i < x->allowed.n; i++)
		if (prefix_has(&img->prefixes[x->allowed.first + i].prefix, a))
			return true;
	return false;
}

/* Hosts that the same rules let in are of one kind. */
static uint64_t
kind_of(const struct image *img, const struct probe_host *h)
{
	uint64_t kind = 1;

	for (uint32_t i = 0; i < image_count(img, IMAGE_EXPOSES); i++) {
		bool in = false;

		for (uint32_t k = 0; k < h->n_addrs && !in; k++)
			in = allows(img, &img->exposes[i], &h->addrs[k]);
		kind = kind * 1099511628211u + in;
	}
	return kind;
}

/* Addresses as the text has them now. */
static void
take_addresses(struct probes *p, struct probe_host *h, const char *text, size_t n)
{
	struct addr now[TABLE_ADDRESSES];
	uint32_t found = view_addresses(now, text, n);

	if (found == h->n_addrs && memcmp(now, h->addrs, found * sizeof(*now)) == 0)
		return;
	memcpy(h->addrs, now, found * sizeof(*now));
	h->n_addrs = found;
	h->kind = kind_of(&p->herald->image, h);
}

static void
follow_own_proof(struct probes *p)
{
	const struct herald *h = p->herald;
	const char *text;

	if (!h->have_proof || h->proof.head->made == p->own_made)
		return;
	text = proof_inventory(&h->proof);
	p->own_made = h->proof.head->made;
	take_addresses(p, p->own, text, strlen(text));
}

/* A proof with other states is looked at from outside soon. */
static bool
has_changed(struct probes *p, struct probe_host *host, usec_t now)
{
	uint64_t before = host->print;
	struct view v;

	if (probes_view(p, host, now, &v))
		host->print = v.print;
	view_fini(&v);
	return before && host->print != before;
}

void
probes_on_report(struct probes *p, const char *name)
{
	usec_t now = clock_real();
	struct probe_host *host;
	struct fleet_host f;
	bool changed;

	if (!p)
		return;
	follow_own_proof(p);
	if (strcmp(name, p->own->name) == 0) {
		tell(p, p->own, now);
		return;
	}
	if (!fleet_find_host(p->herald->fleet, name, &f) || !f.report)
		return;
	host = table_host(&p->table, name);
	if (!host)
		return;
	take_addresses(p, host, f.report, f.report_len);
	changed = is_ours(p, host) && has_changed(p, host, now);
	if (is_ours(p, host))
		tell(p, host, now);
	if (changed || host->due == 0)
		probes_plan(p, host, changed, now);
}

/* --- all --- */

static void
sweep(struct probes *p, usec_t now)
{
	uint32_t slices = p->table.n / SWEEP_HOSTS + 1;
	usec_t before = now - probes_entry_age(p);
	struct fleet_host f;

	follow_own_proof(p);
	p->sweeps++;
	for (uint32_t i = p->table.n; i-- > 0;) {
		struct probe_host *h = p->table.hosts[i];

		table_age(&p->table, h, before);
		if (h->refused < before)
			h->refused = 0;
		if (h == p->own || h->n_raised > 0)
			tell(p, h, now);
		if (h == p->own || i % slices != p->sweeps % slices ||
		    (h->n_raised > 0 && !is_settled(p, now)) ||
		    fleet_find_host(p->herald->fleet, h->name, &f))
			continue;
		end_others(p, h, NULL);
		table_forget(&p->table, h);
	}
	p->swept = now;
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct probes *p = arg;
	usec_t now = clock_real();

	(void)fd;
	(void)what;
	if (now - p->swept >= SWEEP_EVERY || now < p->swept)
		sweep(p, now);
	probes_go_on(p, now);
}

int
probes_new(struct probes **out, struct herald *h)
{
	struct probes *p = calloc(1, sizeof(*p));
	usec_t now = clock_real();
	int r;

	if (!p)
		return -ENOMEM;
	p->herald = h;
	p->swept = p->started = now;
	table_init(&p->table, fleet_own_name(h->fleet));
	p->own = table_host(&p->table, p->table.own);
	p->tick = evtimer_new(h->base, on_tick, p);
	if (!p->own || !p->tick) {
		probes_free(p);
		return -ENOMEM;
	}
	r = raised_load(p);
	if (r < 0) {
		probes_free(p);
		return r;
	}
	follow_own_proof(p);
	probes_go_on(p, now);
	*out = p;
	return 0;
}

void
probes_free(struct probes *p)
{
	if (!p)
		return;
	if (p->run.running)
		hands_forget(p->herald->hands, p);
	if (p->tick)
		event_free(p->tick);
	table_fini(&p->table);
	free(p);
}

void
probes_count(const struct probes *p, struct probes_counts *out)
{
	*out = (struct probes_counts){0};
	if (!p)
		return;
	out->rounds = p->rounds;
	out->questions = p->questions;
	out->cells = table_rows(&p->table);
	for (uint32_t i = 0; i < p->table.n; i++) {
		struct probe_host *h = p->table.hosts[i];
		const struct probe_pair *pair = table_pair(h, p->own);

		out->disagree += h->n_raised;
		for (uint32_t k = 0; pair && k < pair->n; k++)
			out->gaps += pair->rows[k].verdict == VERDICT_GAP;
	}
}
