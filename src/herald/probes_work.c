/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "herald/alerts.h"
#include "herald/probes_private.h"

/* Whatever is said of a host, it is looked at no more often. */
#define WORK_EVERY USEC_PER_SEC
/* Then the others of the herald have their turn, for so many times what it took. */
#define WORK_TURN (4 * USEC_PER_MSEC)
#define WORK_REST 4

/* --- alerts --- */

bool
probes_is_ours(const struct probes *p, struct probe_host *target)
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

bool
probes_is_settled(const struct probes *p, usec_t now)
{
	return now - p->started > probes_entry_age(p);
}

static void
mark_among(bool stands[TABLE_RAISED], const struct probe_host *target, const struct view_cell *c)
{
	_cleanup_(strbuf_fini) struct strbuf s = {0};

	compare_subject(&s, target->name, c);
	for (uint32_t i = 0; i < target->n_raised; i++)
		stands[i] |= strcmp(s.text, target->raised[i]) == 0;
}

void
probes_end_others(struct probes *p, struct probe_host *target, const struct view *v)
{
	bool stands[TABLE_RAISED] = {false};

	for (uint32_t i = 0; v && target->n_raised > 0 && i < v->n; i++)
		mark_among(stands, target, &v->cells[i]);
	/* From behind: the last one takes the place of one that ends. */
	for (uint32_t i = target->n_raised; i-- > 0;)
		if (!stands[i])
			raised_end(p, target, target->raised[i],
			    v ? "the port is not in the proof any more"
			      : "there is no proof of these days to compare with");
}

/* Seen once is not enough, and an answer that says nothing is no end; nor is what was said before
 * this life, of which only a part may have been read yet. */
static void
tell_cell(struct probes *p, struct probe_host *target, const struct view_cell *c,
    const struct compared *x, usec_t now)
{
	_cleanup_(strbuf_fini) struct strbuf subject = {0};

	if (x->word == WORD_WAITS || (x->word != WORD_DISAGREE && target->n_raised == 0))
		return;
	compare_subject(&subject, target->name, c);
	if (x->word == WORD_DISAGREE)
		raise(p, target, c, x, subject.text);
	else if (x->vantages == 0 && probes_is_settled(p, now))
		raised_end(p, target, subject.text, "nobody has asked for long");
	else if (x->latest >= p->started)
		raised_end(p, target, subject.text, "probe and proof agree again");
}

static void
tell(struct probes *p, struct probe_host *target, const struct view *v, const struct probe_index *x,
    usec_t now)
{
	_cleanup_(freep) struct compared *all = calloc(v->n + 1, sizeof(*all));
	const struct probe_host *only = target == p->own ? NULL : p->own;

	if (!all || compare_cells(all, v, x, target, only) < 0)
		return;
	for (uint32_t i = 0; i < v->n; i++)
		tell_cell(p, target, &v->cells[i], &all[i], now);
	probes_end_others(p, target, v);
}

/* --- one host --- */

struct named {
	const struct probes *probes;
	const struct probe_index *cells;
};

static bool
is_named(void *ctx, const struct probe_row *r)
{
	const struct named *n = ctx;

	return index_find(n->cells, r) || probes_has_rule(n->probes, r);
}

/* The view is fresh: alerts can be told from it. */
static void
compare(struct probes *p, struct probe_host *target, const struct view *v,
    const struct probe_index *x, bool fresh, usec_t now)
{
	struct named named = {p, x};
	bool first = false;

	/* Without a proof it is not known what the host has. */
	if (v->proven)
		table_trim(&p->table, target, is_named, &named);
	for (struct probe_pair *pair = target->seen; pair; pair = pair->next)
		if (compare_count(fresh ? x : NULL, pair) && pair->vantage == p->own)
			first = true;
	if (first)
		probes_ask_again(p, target, now);
	if (!probes_is_ours(p, target) && target->n_raised == 0)
		return;
	if (fresh)
		tell(p, target, v, x, now);
	else if (probes_is_settled(p, now))
		probes_end_others(p, target, NULL);
}

static void
look_at(struct probes *p, struct probe_host *target, usec_t now)
{
	struct view v;
	bool fresh = probes_view(p, target, now, &v);
	struct probe_index x;

	if (index_new(&x, &v) == 0)
		compare(p, target, &v, &x, fresh, now);
	index_fini(&x);
	view_fini(&v);
}

/* --- those with news, one after the other --- */

static void
set_timer(struct probes *p, usec_t now)
{
	usec_t at = p->marked.rest_until;
	struct timeval tv;

	if (!p->marked.first)
		return;
	if (at < p->marked.first->worked + WORK_EVERY)
		at = p->marked.first->worked + WORK_EVERY;
	at = at > now ? at - now : 0;
	tv = (struct timeval){.tv_sec = at / USEC_PER_SEC, .tv_usec = at % USEC_PER_SEC};
	evtimer_add(p->marked.timer, &tv);
}

void
probes_mark(struct probes *p, struct probe_host *host)
{
	struct probe_host **last = p->marked.first ? &p->marked.last->next : &p->marked.first;

	if (host->marked)
		return;
	host->marked = true;
	host->next = NULL;
	*last = p->marked.last = host;
	if (p->marked.first == host)
		set_timer(p, clock_mono());
}

void
probes_unmark(struct probes *p, struct probe_host *host)
{
	struct probe_host *before = NULL, **at = &p->marked.first;

	if (!host->marked)
		return;
	for (; *at != host; at = &before->next)
		before = *at;
	*at = host->next;
	if (p->marked.last == host)
		p->marked.last = before;
	host->marked = false;
}

void
probes_work(struct probes *p)
{
	usec_t begun = clock_mono(), now = begun, real = clock_real();
	struct probe_host *host;

	/* Who was marked first was mostly looked at first, too. */
	while ((host = p->marked.first) && now - begun < WORK_TURN &&
	       host->worked + WORK_EVERY <= now) {
		probes_unmark(p, host);
		host->worked = now;
		look_at(p, host, real);
		now = clock_mono();
	}
	p->marked.rest_until = now + WORK_REST * (now - begun);
	set_timer(p, now);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	probes_work(arg);
}

bool
probes_work_begin(struct probes *p)
{
	p->marked.timer = evtimer_new(p->herald->base, on_timer, p);
	return p->marked.timer;
}

void
probes_work_end(struct probes *p)
{
	if (p->marked.timer)
		event_free(p->marked.timer);
}
