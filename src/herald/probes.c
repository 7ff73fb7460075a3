/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "herald/probes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

bool
probes_has_rule(const struct probes *p, const struct probe_row *r)
{
	return p->ports[r->proto == IPPROTO_UDP][r->port / 8] >> r->port % 8 & 1;
}

static void
take_port(struct probes *p, const struct image_port *port)
{
	uint8_t *bits = p->ports[port->proto == IPPROTO_UDP];

	if (port->proto != IPPROTO_TCP && port->proto != IPPROTO_UDP)
		return;
	for (uint32_t k = port->low; k <= port->high; k++)
		bits[k / 8] |= (uint8_t)(1 << k % 8);
}

static void
take_rules(struct probes *p)
{
	const struct image *img = &p->herald->image;

	for (uint32_t i = 0; i < image_count(img, IMAGE_EXPOSES); i++) {
		const struct image_expose *x = &img->exposes[i];

		for (uint32_t k = 0; k < x->ports.n; k++)
			take_port(p, &img->ports[x->ports.first + k]);
	}
}

/* --- what is said --- */

struct probe_pair *
probes_take(struct probes *p, struct probe_host *target, struct probe_host *vantage, usec_t at,
    const struct probe_row *rows, uint32_t n)
{
	struct probe_pair *pair = NULL;

	if (table_take(&p->table, target, vantage, at, rows, n) == 0)
		pair = table_pair(target, vantage);
	/* What was said before this life is not held against what is proven now. */
	for (uint32_t i = 0; pair && at >= p->started && i < pair->n; i++)
		pair->rows[i].news += pair->rows[i].news < UINT8_MAX;
	probes_mark(p, target);
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
	if (probes_take(p, target, vantage, at, rows, (uint32_t)r) && vantage == p->own)
		probes_plan(p, target, false, now);
}

/* --- hosts --- */

/* Hosts that the same rules let in are of one kind. */
static uint64_t
kind_of(const struct image *img, const struct probe_host *h)
{
	uint64_t kind = 1;

	for (uint32_t i = 0; i < image_count(img, IMAGE_EXPOSES); i++) {
		bool in = false;

		for (uint32_t k = 0; k < h->n_addrs && !in; k++)
			in = image_covers(img, img->exposes[i].allowed, &h->addrs[k]);
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

/* The proof has other states: what was seen of the former ones is not held against them. */
static bool
has_changed(struct probes *p, struct probe_host *host, usec_t now)
{
	uint64_t before = host->print;
	struct view v;
	bool changed;

	if (probes_view(p, host, now, &v))
		host->print = v.print;
	view_fini(&v);
	changed = before && host->print != before;
	for (struct probe_pair *pair = host->seen; changed && pair; pair = pair->next)
		compare_count(NULL, pair);
	return changed;
}

void
probes_on_report(struct probes *p, const char *name)
{
	usec_t now = clock_real();
	struct probe_host *host;
	struct fleet_host f;
	bool changed, ours;

	if (!p)
		return;
	follow_own_proof(p);
	if (strcmp(name, p->own->name) == 0) {
		has_changed(p, p->own, now);
		probes_mark(p, p->own);
		return;
	}
	if (!fleet_find_host(p->herald->fleet, name, &f) || !f.report)
		return;
	host = table_host(&p->table, name);
	if (!host)
		return;
	take_addresses(p, host, f.report, f.report_len);
	ours = probes_is_ours(p, host);
	changed = (ours || host->marked) && has_changed(p, host, now) && ours;
	if (ours)
		probes_mark(p, host);
	/* Other states are looked at from outside soon. */
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
			probes_mark(p, h);
		if (h == p->own || i % slices != p->sweeps % slices ||
		    (h->n_raised > 0 && !probes_is_settled(p, now)) ||
		    fleet_find_host(p->herald->fleet, h->name, &f))
			continue;
		probes_end_others(p, h, NULL);
		probes_unmark(p, h);
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
	if (!p->own || !p->tick || !probes_work_begin(p)) {
		probes_free(p);
		return -ENOMEM;
	}
	r = raised_load(p);
	if (r < 0) {
		probes_free(p);
		return r;
	}
	take_rules(p);
	follow_own_proof(p);
	has_changed(p, p->own, now);
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
	probes_work_end(p);
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
