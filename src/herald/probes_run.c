/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "herald/hands.h"
#include "herald/probe_plan.h"
#include "herald/probes_private.h"

/* A pair that was never asked is asked within this, or within its period; one that is to be looked
 * at again, within that. */
#define FIRST_WITHIN (300 * USEC_PER_SEC)
#define AGAIN_WITHIN (60 * USEC_PER_SEC)
/* Questions of one run take so long: a herald that ends waits for it. */
#define RUN_SECONDS 20
/* Beside what its questions take, three times each. */
#define RUN_PATIENCE 120 /* seconds */
#define BUSY_AGAIN   (5 * USEC_PER_SEC)
#define TICK_MAX     (60 * USEC_PER_SEC)
#define RANGE_MAX    16 /* as the prover has it */

/* --- when --- */

static usec_t
shorter(usec_t a, usec_t b)
{
	return a < b ? a : b;
}

static void
set_timer(struct probes *p, usec_t now)
{
	usec_t due = now + TICK_MAX;
	struct timeval tv;

	for (uint32_t i = 0; !p->run.running && i < p->table.n; i++)
		if (p->table.hosts[i]->due)
			due = shorter(due, p->table.hosts[i]->due);
	due = due > now ? due - now : 0;
	tv = (struct timeval){.tv_sec = due / USEC_PER_SEC, .tv_usec = due % USEC_PER_SEC};
	evtimer_add(p->tick, &tv);
}

void
probes_plan(struct probes *p, struct probe_host *host, bool soon, usec_t now)
{
	usec_t every = probes_period(p), due;
	uint64_t hash = plan_hash(p->own->name, host->name);
	struct probe_pair *pair = table_pair(host, p->own);

	if (every == 0 || host == p->own)
		return;
	if (soon)
		due = plan_soon(hash, shorter(every, AGAIN_WITHIN), now);
	else if (pair)
		due = plan_next(hash, every, pair->at);
	else
		due = plan_soon(hash, shorter(every, FIRST_WITHIN), now);
	if (!soon || !host->due || due < host->due)
		host->due = due;
	set_timer(p, now);
}

void
probes_ask_again(struct probes *p, struct probe_host *host, usec_t now)
{
	host->due = shorter(host->due, now + shorter(probes_period(p), AGAIN_WITHIN));
	set_timer(p, now);
}

/* --- who --- */

struct others {
	const struct probe_table *table;
	const struct probe_host *own, *target;
};

static const char *
next_other(void *ctx, uint32_t *i)
{
	const struct others *o = ctx;

	while (*i < o->table->n) {
		const struct probe_host *h = o->table->hosts[(*i)++];

		if (h != o->own && h != o->target && h->kind == o->own->kind && h->n_addrs > 0)
			return h->name;
	}
	return NULL;
}

static bool
is_fresh(const struct probes *p, const struct probe_host *host, usec_t now)
{
	struct fleet_host f;

	return fleet_find_host(p->herald->fleet, host->name, &f) && f.reported > 0 &&
	       now - f.reported <= probes_proof_age(p);
}

bool
probes_is_within(const struct probes *p, const struct addr *a)
{
	const struct image *img = &p->herald->image;

	return image_covers(img, img->fleet->probe_within, a);
}

static bool
may_ask(const struct probes *p, const struct addr *a)
{
	for (uint32_t i = 0; i < p->own->n_addrs; i++)
		if (addr_equal(&p->own->addrs[i], a))
			return false;
	return probes_is_within(p, a);
}

/* NAME=ADDRESS,ADDRESS; how many addresses. */
static uint32_t
put_target(const struct probes *p, struct strbuf *out, const struct probe_host *host)
{
	size_t before = out->len;
	char text[ADDR_TEXT_MAX];
	uint32_t n = 0;

	strbuf_printf(out, "%s", host->name);
	for (uint32_t i = 0; i < host->n_addrs; i++)
		if (may_ask(p, &host->addrs[i]))
			strbuf_printf(
			    out, "%s%s", n++ ? "," : "=", addr_format(&host->addrs[i], text));
	strbuf_puts(out, "\n");
	if (n == 0)
		out->text[out->len = before] = '\0';
	return n;
}

static struct probe_host *
first_due(const struct probes *p, usec_t now)
{
	struct probe_host *first = NULL;

	for (uint32_t i = 0; i < p->table.n; i++) {
		struct probe_host *h = p->table.hosts[i];

		if (h->due && h->due <= now && (!first || h->due < first->due))
			first = h;
	}
	return first;
}

/* Questions that an address is asked, at most. */
static uint32_t
questions(const struct image *img)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < image_count(img, IMAGE_EXPOSES); i++)
		for (uint32_t k = 0; k < img->exposes[i].ports.n; k++) {
			const struct image_port *port =
			    &img->ports[img->exposes[i].ports.first + k];

			n += port->high - port->low < RANGE_MAX ? port->high - port->low + 1u : 2;
		}
	return n;
}

/* --- asking --- */

/* What came of one target: to the fleet, and into the table as the others have it. */
static void
take_target(struct probes *p, const char *name, json_t *lines, usec_t now)
{
	_cleanup_(strbuf_fini) struct strbuf entry = {0};
	struct probe_host *target = table_find(&p->table, name);
	struct probe_row rows[PROBE_ROWS];
	const char *of;
	json_t *root;
	int n;

	if (!target || probe_entry_write(&entry, name, p->run.began, lines) == 0)
		return;
	n = probe_entry_read(&root, &of, rows, entry.text, entry.len);
	json_decref(root);
	if (n <= 0)
		return;
	fleet_say_probe(p->herald->fleet, name, entry.text);
	p->questions += (uint32_t)n;
	probes_take(p, target, p->own, now, rows, (uint32_t)n);
}

static void
say_trouble(struct probes *p, int status, const char *output)
{
	if (status < 0)
		snprintf(p->trouble, sizeof(p->trouble), "guardd-prover: %s", strerror(-status));
	else
		snprintf(p->trouble, sizeof(p->trouble), "%.*s", (int)strcspn(output, "\n"),
		    *output ? output : "guardd-prover said nothing");
}

static void
on_done(void *ctx, int status, const char *output, size_t n)
{
	usec_t now = clock_real();
	struct probes *p = ctx;
	json_t *lines = probe_lines(output, n);

	p->run.running = false;
	p->rounds++;
	p->trouble[0] = '\0';
	if (json_array_size(lines) == 0)
		say_trouble(p, status, output);
	for (uint32_t i = 0; i < p->run.n; i++)
		take_target(p, p->run.names[i], lines, now);
	json_decref(lines);
	probes_go_on(p, now);
}

static void
start(struct probes *p, const struct strbuf *input, uint32_t asked, usec_t now)
{
	uint32_t rate = p->herald->image.fleet->probe_per_second;
	unsigned patience = RUN_PATIENCE + 3 * asked / (rate ? rate : 1);
	int r = hands_run(
	    p->herald->hands, RUN_PROBE, 0, patience, input->text, input->len, on_done, p);

	p->run.running = r == 0;
	p->run.began = now;
	for (uint32_t i = 0; r < 0 && i < p->run.n; i++) {
		struct probe_host *h = table_find(&p->table, p->run.names[i]);

		h->due = now + BUSY_AGAIN;
	}
}

static void
ask_due(struct probes *p, usec_t now)
{
	const struct image_fleet *f = p->herald->image.fleet;
	uint32_t each = questions(&p->herald->image), asked = 0;
	_cleanup_(strbuf_fini) struct strbuf input = {0};
	struct probe_host *h;

	p->run.n = 0;
	/* Without a proof it is not known which addresses are this host's own. */
	while (each > 0 && p->own_made > 0 && p->run.n < PROBES_BATCH &&
	       asked < f->probe_per_second * RUN_SECONDS && (h = first_due(p, now))) {
		struct others o = {&p->table, p->own, h};
		uint32_t n = 0;

		h->due = plan_next(plan_hash(p->own->name, h->name), probes_period(p), now);
		if (is_fresh(p, h, now) && plan_is_chosen(p->own->name, h->name, next_other, &o))
			n = put_target(p, &input, h);
		if (n > 0)
			strcpy(p->run.names[p->run.n++], h->name);
		asked += n * each;
	}
	if (p->run.n > 0)
		start(p, &input, asked, now);
}

void
probes_go_on(struct probes *p, usec_t now)
{
	if (!p->run.running && p->herald->image.fleet->probe_every > 0)
		ask_due(p, now);
	set_timer(p, now);
}
