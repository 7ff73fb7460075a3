/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "judge/gaps.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
gap_free(struct gap *x)
{
	if (!x)
		return;
	free(x->rule);
	free(x->text);
	free(x->changer);
	free(x);
}

void
gaps_fini(struct gaps *g)
{
	for (uint32_t i = 0; i < g->n; i++)
		gap_free(g->items[i]);
	free(g->items);
	*g = (struct gaps){0};
}

/* Closed ones are no more than rows on their way to the book. */
struct gap *
gaps_find(struct gaps *g, uint64_t key)
{
	for (uint32_t i = 0; i < g->n; i++)
		if (g->items[i]->key == key && !g->items[i]->until)
			return g->items[i];
	return NULL;
}

/* x is g's on success. */
static int
add(struct gaps *g, struct gap *x)
{
	if (g->n == GAPS_MAX)
		return -ENOSPC;
	if (g->n == g->room) {
		uint32_t room = g->room ? g->room * 2 : 16;
		struct gap **items = realloc(g->items, room * sizeof(struct gap *));

		if (!items)
			return -ENOMEM;
		g->items = items;
		g->room = room;
	}
	g->items[g->n++] = x;
	return 0;
}

/* When what the proof shows came to be, as near as it is known. */
static usec_t
changed_at(const struct proof *p)
{
	return p->head->changed ? p->head->changed : p->head->made;
}

static void
changer_text(const struct proof_header *h, char buf[static 64])
{
	buf[0] = '\0';
	if (h->changed && h->changer[0])
		snprintf(buf, 64, "%.15s (pid %u)", h->changer, h->changer_pid);
}

static int
set_text(char **to, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		return -ENOMEM;
	free(*to);
	*to = copy;
	return 0;
}

/* What the cell says of it now. */
static int
follow(struct gap *x, const struct proof *p, const struct proof_cell *c)
{
	int r = set_text(&x->text, p->text + c->text);

	if (r < 0)
		return r;
	x->print = c->print;
	x->state = c->state;
	x->confirmed = c->confirmed;
	x->changed = true;
	return 0;
}

static int
open_gap(struct gaps *g, const struct proof *p, const struct proof_cell *c, struct gap **out)
{
	struct gap *x = calloc(1, sizeof(*x));
	char changer[64];
	int r = x ? 0 : -ENOMEM;

	if (r == 0) {
		*x = (struct gap){.key = c->key,
		    .since = changed_at(p),
		    .kind = c->kind,
		    .family = c->family,
		    .proto = c->proto,
		    .port = c->port,
		    .port_high = c->port_high};
		changer_text(p->head, changer);
		r = set_text(&x->rule, p->text + c->rule);
	}
	if (r == 0)
		r = set_text(&x->changer, changer);
	if (r == 0)
		r = follow(x, p, c);
	if (r == 0)
		r = add(g, x);
	if (r < 0)
		gap_free(x);
	else
		*out = x;
	return r;
}

/* What harmed nobody so far does from now on: a row for how it was, and since begins anew. Without
 * room for that row it keeps its time. */
static int
begin_anew(struct gaps *g, struct gap *x, const struct proof *p)
{
	usec_t at = changed_at(p) > x->since ? changed_at(p) : p->head->made;
	struct gap *was;
	char changer[64];
	int r;

	if (at <= x->since)
		return 0;
	was = malloc(sizeof(*was));
	if (!was)
		return -ENOMEM;
	*was = *x;
	was->rule = strdup(x->rule);
	was->text = strdup(x->text);
	was->changer = strdup(x->changer);
	was->until = at;
	was->changed = true;
	was->waiting = false;
	changer_text(p->head, changer);
	r = was->rule && was->text && was->changer ? set_text(&x->changer, changer) : -ENOMEM;
	if (r == 0)
		r = add(g, was);
	if (r < 0)
		gap_free(was);
	else
		x->since = at;
	return r == -ENOSPC ? 0 : r;
}

static int
take_cell(struct gaps *g, const struct proof *p, const struct proof_cell *c,
    const struct gaps_ops *ops, void *ctx)
{
	struct gap *x = gaps_find(g, c->key);
	enum gap_event what = GAP_CHANGED;
	int r = 0;

	if (!x) {
		r = open_gap(g, p, c, &x);
		what = GAP_OPENED;
	} else if (x->state != c->state || x->print != c->print) {
		if (x->state == PROOF_LATENT && c->state > PROOF_LATENT)
			r = begin_anew(g, x, p);
		if (r == 0)
			r = follow(x, p, c);
	} else {
		x->seen = true;
		return 0;
	}
	if (r == -ENOSPC)
		g->left_out++;
	if (r < 0)
		return r == -ENOSPC ? 0 : r;
	x->seen = true;
	ops->on_event(ctx, x, what);
	return 0;
}

/* A proof's cells are a few hundred at most; looking for each among as many is cheap. */
int
gaps_take(struct gaps *g, const struct proof *p, const struct gaps_ops *ops, void *ctx)
{
	int r = 0;

	memset(g->standing, 0, sizeof(g->standing));
	g->left_out = 0;
	for (uint32_t i = 0; i < g->n; i++)
		g->items[i]->seen = false;
	for (uint32_t i = 0; r == 0 && i < p->head->n; i++) {
		const struct proof_cell *c = &p->cells[i];

		if (c->kind == PROOF_PORT || c->kind == PROOF_UNNAMED)
			g->standing[c->state]++;
		/* A finding of another kind has no state of its own: that it is there says it. */
		if (c->state != PROOF_PROVEN || c->kind != PROOF_PORT)
			r = take_cell(g, p, c, ops, ctx);
	}
	for (uint32_t i = 0; r == 0 && i < g->n; i++) {
		struct gap *x = g->items[i];

		if (x->seen || x->until)
			continue;
		x->until = changed_at(p);
		x->changed = true;
		x->waiting = false;
		ops->on_event(ctx, x, GAP_CLOSED);
	}
	return r;
}

int
gaps_load(struct gaps *g, const struct gap *from)
{
	struct gap *x;
	int r;

	if (gaps_find(g, from->key))
		return -EEXIST;
	x = malloc(sizeof(*x));
	if (!x)
		return -ENOMEM;
	*x = *from;
	x->changed = false;
	r = add(g, x);
	if (r < 0)
		free(x);
	return r;
}

void
gaps_saved(struct gaps *g)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < g->n; i++) {
		struct gap *x = g->items[i];

		x->changed = false;
		if (x->until)
			gap_free(x);
		else
			g->items[n++] = x;
	}
	g->n = n;
}

bool
gaps_changed(const struct gaps *g)
{
	for (uint32_t i = 0; i < g->n; i++)
		if (g->items[i]->changed)
			return true;
	return false;
}

void
gaps_change_all(struct gaps *g)
{
	for (uint32_t i = 0; i < g->n; i++)
		g->items[i]->changed = true;
}

const struct gap *
gaps_worst(const struct gaps *g)
{
	const struct gap *worst = NULL;

	for (uint32_t i = 0; i < g->n; i++) {
		const struct gap *x = g->items[i];

		if (x->until || x->state <= PROOF_LATENT)
			continue;
		if (!worst || x->state > worst->state ||
		    (x->state == worst->state && x->since < worst->since))
			worst = x;
	}
	return worst;
}

static const char *
proto_name(uint8_t proto)
{
	return proto == IPPROTO_TCP ? "tcp" : proto == IPPROTO_UDP ? "udp" : "sctp";
}

const char *
gap_name(const struct gap *g, char buf[static 128])
{
	int n = snprintf(buf, 128, "%.60s", g->rule);

	if (g->proto)
		n += snprintf(buf + n, 128 - (size_t)n, " %s/%u", proto_name(g->proto), g->port);
	if (g->proto && g->port_high > g->port)
		n += snprintf(buf + n, 128 - (size_t)n, "-%u", g->port_high);
	if (g->family)
		n += snprintf(buf + n, 128 - (size_t)n, " IPv%u", g->family);
	if (g->kind != PROOF_PORT)
		snprintf(buf + n, 128 - (size_t)n, " %s", proof_kind_name(g->kind));
	return buf;
}

bool
gap_is_told(const struct gap *g)
{
	return g->state > PROOF_LATENT || (g->kind != PROOF_PORT && g->kind != PROOF_UNNAMED);
}
