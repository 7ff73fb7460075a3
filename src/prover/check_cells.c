/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "prover/check.h"
#include "prover/finding.h"

bool
listener_is_loopback(const struct listener *l)
{
	return !l->any && addr_is_loopback(&l->addr);
}

static bool
binds(const struct listener *l, const struct addr *to)
{
	if (l->any)
		return l->family == to->family || (l->family == 6 && !l->v6only);
	return addr_equal(&l->addr, to);
}

/* Whether an address is of a namespace (UINT32_MAX: of any that is seen). */
static bool
netns_has(const struct world *w, uint32_t number, const struct addr *a)
{
	for (uint32_t i = 0; i < w->n_netns; i++)
		for (uint32_t k = 0; k < w->netns[i].n_addrs; k++)
			if ((number == UINT32_MAX || number == w->netns[i].number) &&
			    addr_equal(&w->netns[i].addrs[k], a))
				return true;
	return false;
}

const struct listener *
listener_at(const struct check *c, uint8_t proto, const struct addr *to, uint16_t port,
    const struct way *way, bool forwarded, bool *unseen)
{
	const struct world *w = c->world;

	*unseen = false;
	for (uint32_t i = 0; i < w->n_listeners; i++) {
		const struct listener *l = &w->listeners[i];

		if (l->port != port || l->proto != proto || !binds(l, to))
			continue;
		if (forwarded ? l->netns && netns_has(w, l->netns, to)
			      : !l->netns && (!l->iface || l->iface == way->iif))
			return l;
	}
	*unseen = c->opt.sockets_hidden || (forwarded && !netns_has(w, UINT32_MAX, to));
	return NULL;
}

static void
tidy(struct list *l)
{
	l->n = ranges_tidy(l->items, (uint32_t)l->n);
}

static void
add_range(struct arena *a, struct list *l, struct range r)
{
	*(struct range *)list_add(a, l, sizeof(r)) = r;
}

static const struct policy *
policy_of(struct check *c, const struct image_expose *e, uint8_t family)
{
	struct policy **all = c->policies.items, *p;
	struct list allowed = {0}, own = {0};
	_cleanup_(srcset_fini) struct srcset hosts = {0};
	struct ranges r;

	for (size_t i = 0; i < c->policies.n; i++)
		if (all[i]->rule == e && all[i]->family == family)
			return all[i];
	for (uint32_t i = 0; i < e->allowed.n; i++) {
		const struct prefix *x = &c->img->prefixes[e->allowed.first + i].prefix;

		if (x->addr.family == family)
			add_range(c->arena, &allowed, prefix_range(x));
	}
	for (uint32_t i = 0; i < c->world->n_addrs; i++) {
		const struct prefix x = prefix_host(&c->world->addrs[i].addr);

		if (x.addr.family == family)
			add_range(c->arena, &own, prefix_range(&x));
	}
	tidy(&allowed);
	tidy(&own);
	p = arena_alloc(c->arena, sizeof(*p));
	p->rule = e;
	p->family = family;
	r = (struct ranges){.v = allowed.items, .n = (uint32_t)allowed.n};
	hosts = srcset_of(&r);
	r = (struct ranges){.v = own.items, .n = (uint32_t)own.n};
	srcset_sub(&hosts, &r);
	p->hosts = srcset_ranges(&hosts);
	for (size_t i = 0; i < own.n; i++)
		add_range(c->arena, &allowed, r.v[i]);
	tidy(&allowed);
	p->allowed = (struct ranges){.v = allowed.items, .n = (uint32_t)allowed.n};
	*(struct policy **)list_add(c->arena, &c->policies, sizeof(p)) = p;
	return p;
}

static struct cell *
add_cell(struct check *c, enum proof_kind kind, const struct image_expose *e, uint8_t family,
    const struct image_port *p)
{
	struct cell *cell = list_add(c->arena, &c->cells, sizeof(*cell));

	*cell = (struct cell){.kind = kind,
	    .family = family,
	    .proto = p ? p->proto : 0,
	    .port = p ? p->low : 0,
	    .port_high = p ? p->high : 0,
	    .rule = e,
	    .name = image_str(c->img, e->name),
	    .host = "",
	    .text = ""};
	if (kind == PROOF_PORT || kind == PROOF_UNNAMED)
		cell->policy = policy_of(c, e, family);
	return cell;
}

static void
add_port_cells(struct check *c, const struct image_expose *e)
{
	for (uint32_t i = 0; i < e->ports.n; i++)
		for (uint8_t family = 4; family <= 6; family += 2)
			if (!e->address.family || e->address.family == family)
				add_cell(
				    c, PROOF_PORT, e, family, &c->img->ports[e->ports.first + i]);
}

static bool
is_named(const struct check *c, const struct listener *l)
{
	for (uint32_t i = 0; i < image_count(c->img, IMAGE_EXPOSES); i++) {
		const struct image_expose *e = &c->img->exposes[i];

		for (uint32_t k = 0; k < e->ports.n; k++) {
			const struct image_port *p = &c->img->ports[e->ports.first + k];

			if (p->proto == l->proto && p->low <= l->port && l->port <= p->high)
				return true;
		}
	}
	return false;
}

static bool
has_cell(
    const struct check *c, const struct image_expose *e, uint8_t family, const struct listener *l)
{
	const struct cell *cells = c->cells.items;

	for (size_t i = 0; i < c->cells.n; i++)
		if (cells[i].kind == PROOF_UNNAMED && cells[i].rule == e &&
		    cells[i].family == family && cells[i].proto == l->proto &&
		    cells[i].port == l->port)
			return true;
	return false;
}

static void
add_unnamed_cells(struct check *c, const struct image_expose *e)
{
	for (uint32_t i = 0; i < c->world->n_listeners; i++) {
		const struct listener *l = &c->world->listeners[i];
		const struct image_port p = {.proto = l->proto, .low = l->port, .high = l->port};

		if (l->netns || listener_is_loopback(l) || is_named(c, l))
			continue;
		for (uint8_t family = 4; family <= 6; family += 2)
			if ((l->family == family || (l->any && l->family == 6 && !l->v6only)) &&
			    !has_cell(c, e, family, l))
				add_cell(c, PROOF_UNNAMED, e, family, &p)->listener = l;
	}
}

int
check_make_cells(struct check *c)
{
	bool found = false;

	for (uint32_t i = 0; i < image_count(c->img, IMAGE_EXPOSES); i++) {
		const struct image_expose *e = &c->img->exposes[i];

		if (c->opt.rule && strcmp(c->opt.rule, image_str(c->img, e->name)))
			continue;
		found = true;
		if (e->listeners == EXPOSE_UNNAMED)
			add_unnamed_cells(c, e);
		else
			add_port_cells(c, e);
	}
	return found || !c->opt.rule ? 0 : -ENOENT;
}

static void
say_plaintext(struct check *c, const struct image_expose *e, const struct listener *l)
{
	const struct image_port p = {.proto = l->proto, .low = l->port, .high = l->port};
	_cleanup_(strbuf_fini) struct strbuf b = {0};
	struct cell *cells = c->cells.items, *cell;

	for (size_t i = 0; i < c->cells.n; i++)
		if (cells[i].kind == PROOF_PLAINTEXT && cells[i].rule == e &&
		    cells[i].proto == l->proto && cells[i].port == l->port)
			return;
	cell = add_cell(c, PROOF_PLAINTEXT, e, 0, &p);
	cell->state = PROOF_LATENT;
	cell->listening = true;
	cell->listener = l;
	listener_say(c, &b, l);
	strbuf_puts(&b, " listens on ");
	socket_say(&b, &l->addr, l->port, l->any);
	strbuf_printf(&b,
	    ": %s port %u carries plain text, anyone on the way can read and forge it",
	    proto_name(l->proto), l->port);
	cell->text = arena_dup(c->arena, b.text, b.len);
}

static void
look_for_plaintext(struct check *c, const struct image_expose *e)
{
	for (uint32_t i = 0; i < e->plaintext.n; i++) {
		const struct image_port *p = &c->img->ports[e->plaintext.first + i];

		for (uint32_t k = 0; k < c->world->n_listeners; k++) {
			const struct listener *l = &c->world->listeners[k];

			if (l->proto != p->proto || l->port < p->low || l->port > p->high ||
			    listener_is_loopback(l) || (l->netns && !e->containers))
				continue;
			if (e->address.family && !binds(l, &e->address))
				continue;
			say_plaintext(c, e, l);
		}
	}
}

static void
look_for_dual_stack(struct check *c, const struct image_expose *e)
{
	for (uint32_t i = 0; i < e->hosts.n; i++) {
		const struct image_host *h = &c->img->hosts[e->hosts.first + i];
		const char *name = image_str(c->img, h->name), *group = image_str(c->img, h->group);
		const struct cell *cells = c->cells.items;
		struct cell *cell;
		bool told = false;

		if (!h->n4 == !h->n6)
			continue;
		/* One host is in many rules: the first tells it. */
		for (size_t k = 0; k < c->cells.n; k++)
			told |= cells[k].kind == PROOF_DUAL_STACK && !strcmp(cells[k].host, name);
		if (told)
			continue;
		cell = add_cell(c, PROOF_DUAL_STACK, e, h->n4 ? 6 : 4, NULL);
		cell->state = PROOF_LATENT;
		cell->host = name;
		cell->text = arena_printf(c->arena,
		    "host %s of group %s has no IPv%d address: what it is allowed in IPv%d, it is "
		    "not in IPv%d",
		    name, group, h->n4 ? 6 : 4, h->n4 ? 4 : 6, h->n4 ? 6 : 4);
	}
}

static void
look_for_absent(struct check *c, const struct image_expose *e)
{
	for (uint32_t i = 0; i < e->ports.n; i++) {
		const struct image_port *p = &c->img->ports[e->ports.first + i];
		const struct cell *cells = c->cells.items;
		bool listening = false;
		struct cell *cell;

		for (size_t k = 0; k < c->cells.n; k++)
			listening |= cells[k].kind == PROOF_PORT && cells[k].rule == e &&
				     cells[k].proto == p->proto && cells[k].port == p->low &&
				     cells[k].listening;
		if (listening)
			continue;
		cell = add_cell(c, PROOF_ABSENT, e, 0, p);
		cell->state = PROOF_SHUT_OUT;
		cell->text = arena_printf(c->arena,
		    "nothing listens on %s port %u%s, and rule %s requires it",
		    proto_name(p->proto), p->low,
		    p->low == p->high ? "" : arena_printf(c->arena, " to %u", p->high),
		    image_str(c->img, e->name));
	}
}

void
check_other_cells(struct check *c)
{
	for (uint32_t i = 0; i < image_count(c->img, IMAGE_EXPOSES); i++) {
		const struct image_expose *e = &c->img->exposes[i];

		if (c->opt.rule && strcmp(c->opt.rule, image_str(c->img, e->name)))
			continue;
		look_for_plaintext(c, e);
		look_for_dual_stack(c, e);
		if (e->listeners == EXPOSE_REQUIRED)
			look_for_absent(c, e);
	}
}
