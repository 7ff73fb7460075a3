/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "judge/figures.h"

#include <errno.h>
#include <string.h>

#include "judge/court.h"
#include "judge/joined.h"

/* 8 bytes: the low half of a time is enough for an answer within an hour. */
struct open {
	uint32_t slot, arrived;
};

struct figures_writer {
	struct figures *at, own;
	uint64_t commits;
	uint32_t n_named;               /* rules that have their row */
	struct open open[FIGURES_OPEN]; /* by slot; arrived 0: free */
};

int
figures_new(struct figures_writer **out)
{
	struct figures_writer *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->at = &f->own;
	*out = f;
	return 0;
}

void
figures_free(struct figures_writer *f)
{
	free(f);
}

const struct figures *
figures_shown(const struct figures_writer *f)
{
	return f->at;
}

/* The supervisor's part stays. */
void
figures_show(struct figures_writer *f, struct figures *shared)
{
	const size_t own = offsetof(struct figures, started);

	memset((char *)shared + own, 0, sizeof(*shared) - own);
	f->at = shared;
	f->n_named = 0;
}

/* --- from a line to the kernel --- */

static struct open *
open_of(struct figures_writer *f, uint32_t slot)
{
	return &f->open[slot & (FIGURES_OPEN - 1)];
}

void
figures_on_ban(struct figures_writer *f, uint32_t slot, usec_t arrived)
{
	if (arrived > 0)
		*open_of(f, slot) = (struct open){slot, (uint32_t)arrived | 1};
}

static unsigned
bucket_of(usec_t span)
{
	unsigned i = 0;

	while (i < FIGURES_LATENCY && span > (usec_t)1 << (FIGURES_LATENCY_FIRST + i))
		i++;
	return i;
}

void
figures_on_banned(struct figures_writer *f, uint32_t slot, bool in)
{
	struct open *o = open_of(f, slot);
	usec_t span;

	if (o->arrived == 0 || o->slot != slot)
		return;
	span = (uint32_t)clock_mono() - o->arrived;
	o->arrived = 0;
	if (!in)
		return;
	f->at->latency_us += (uint64_t)span;
	f->at->latency[bucket_of(span)]++;
	f->at->latency_n++;
}

/* --- the turn --- */

void
figures_on_commit(struct figures_writer *f)
{
	f->commits++;
}

static void
show_rule(struct figures_rule *to, const struct court *c, uint16_t rule)
{
	const struct rule_counts *n = &c->rules.slots[rule].counts;
	const struct bans_counts held = bans_of_rule(c->bans, rule);

	to->offences = n->offences;
	to->bans = n->bans;
	to->spared = n->spared;
	to->packets = held.packets;
	to->bytes = held.bytes;
	to->held = held.held;
	to->dry = held.dry;
	to->tallies = tallies_of_rule(c->tallies, rule);
}

/* A slot's rule is always the same; guardd's own are not shown. */
static void
name_rules(struct figures_writer *f, const struct rules *rules, uint32_t n)
{
	for (; f->n_named < n; f->n_named++) {
		const struct rule *r = &rules->slots[f->n_named];
		struct figures_rule *to = &f->at->rules[f->n_named];

		if (!r->builtin || f->n_named == RULE_MANUAL)
			snprintf(to->name, sizeof(to->name), "%s", r->name);
	}
	f->at->n_rules = n;
}

static void
show_rules(struct figures_writer *f, const struct court *c)
{
	uint32_t n = c->rules.n < FIGURES_RULES ? c->rules.n : FIGURES_RULES;
	uint64_t dry = 0;

	name_rules(f, &c->rules, n);
	for (uint16_t i = 0; i < n; i++)
		show_rule(&f->at->rules[i], c, i);
	for (uint16_t i = 0; i < c->rules.n; i++)
		dry += bans_of_rule(c->bans, i).dry;
	f->at->bans_dry = dry;
}

static void
show_counts(struct figures *to, const struct verdict_counts *n)
{
	to->offences = n->offences;
	to->discarded_old = n->discarded_old;
	to->spared = n->spared;
	to->hidden = n->hidden;
	to->future = n->future;
	to->undated = n->undated;
	to->forgiven = n->forgiven;
	to->bans_made = n->bans;
	to->refused_full = n->refused;
}

void
figures_turn(struct figures_writer *f, const struct court *c)
{
	struct figures *to = f->at;

	to->version = FIGURES_VERSION;
	to->started = c->started;
	to->config_made = c->image.head->made;
	show_counts(to, &c->verdict.counts);
	to->tallies = tallies_count(c->tallies);
	to->tallies_max = c->image.settings->tallies_max;
	to->evicted = tallies_evicted(c->tallies);
	to->bans = bans_held(c->bans);
	to->bans_max = c->image.settings->bans_max;
	to->in_kernel = enforce_is_connected(c->enforce) ? bans_in_kernel(c->bans) : 0;
	to->refused_kernel = enforce_refused(c->enforce);
	to->repairs = enforce_repairs(c->enforce);
	to->foreign = foreign_held(joined_foreign(c->joined));
	memcpy(to->taken, joined_foreign(c->joined)->taken, sizeof(to->taken));
	to->book_ok = book_is_open(c->book) && !c->book_trouble;
	to->table_ok = enforce_is_synced(c->enforce) && to->refused_kernel == 0;
	to->book_commits = f->commits;
	show_rules(f, c);
}
