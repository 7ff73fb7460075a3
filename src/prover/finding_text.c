/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "prover/finding.h"

#include <linux/netfilter.h>
#include <string.h>

const char *
proto_name(uint8_t proto)
{
	return proto == IPPROTO_TCP    ? "tcp"
	       : proto == IPPROTO_UDP  ? "udp"
	       : proto == IPPROTO_SCTP ? "sctp"
				       : "?";
}

void
socket_say(struct strbuf *b, const struct addr *a, uint16_t port, bool any)
{
	char text[ADDR_TEXT_MAX];

	if (any)
		strbuf_printf(b, a->family == 6 ? "[::]:%u" : "0.0.0.0:%u", port);
	else
		strbuf_printf(b, a->family == 6 ? "[%s]:%u" : "%s:%u", addr_format(a, text), port);
}

static const char *
container_of(const struct check *c, const struct listener *l)
{
	for (uint32_t i = 0; l->netns && i < c->world->n_netns; i++)
		if (c->world->netns[i].number == l->netns && c->world->netns[i].name)
			return c->world->netns[i].name;
	return "";
}

void
listener_say(const struct check *c, struct strbuf *b, const struct listener *l)
{
	const char *container = container_of(c, l);

	if (*container)
		strbuf_printf(b, "container %s", container);
	else if (l->unit && *l->unit)
		strbuf_puts(b, l->unit);
	else if (l->process && *l->process)
		strbuf_puts(b, l->process);
	else if (l->pid)
		strbuf_printf(b, "pid %u", l->pid);
	else
		strbuf_printf(b, "a listener of uid %u", l->uid);
}

struct some {
	struct strbuf *b;
	uint32_t told, more;
	uint64_t ranges;
};

static bool
say_prefix(void *ctx, const struct prefix *p)
{
	struct some *s = ctx;
	char text[ADDR_TEXT_MAX];

	if (s->told >= 3) {
		s->more++;
		return false;
	}
	strbuf_printf(s->b, "%s%s", s->told++ ? ", " : "", prefix_format(p, text));
	return true;
}

struct say_ctx {
	struct some some;
	uint8_t family;
	u128 halves; /* of the addresses, counted in halves: no overflow */
};

static bool
say_range(void *ctx, struct range r)
{
	struct say_ctx *x = ctx;

	if (x->some.told < 3 && !x->some.more)
		range_prefixes(x->family, r, say_prefix, &x->some);
	else
		x->some.more++;
	return true;
}

static bool
count_range(void *ctx, struct range r)
{
	struct say_ctx *x = ctx;

	x->halves += (r.hi - r.lo) / 2 + 1;
	return true;
}

void
sources_say(struct strbuf *b, uint8_t family, const struct srcset *s, bool everyone)
{
	struct say_ctx x = {.family = family};
	_cleanup_(strbuf_fini) struct strbuf list = {0};

	x.some.b = &list;
	if (everyone) {
		strbuf_printf(b, "any IPv%u source", family);
		return;
	}
	srcset_each(s, count_range, &x);
	srcset_each(s, say_range, &x);
	if (x.halves > family_last(family) / 4) {
		strbuf_printf(b, "nearly any IPv%u source", family);
		return;
	}
	if (list.text)
		strbuf_puts(b, list.text);
	if (x.some.more)
		strbuf_printf(b, " and more (%llu ranges)", (unsigned long long)s->n);
}

const char *
family_word(uint8_t nfproto)
{
	static const char *const words[] = {[NFPROTO_INET] = "inet",
	    [NFPROTO_IPV4] = "ip",
	    [NFPROTO_ARP] = "arp",
	    [NFPROTO_NETDEV] = "netdev",
	    [NFPROTO_BRIDGE] = "bridge",
	    [NFPROTO_IPV6] = "ip6"};

	return nfproto < sizeof(words) / sizeof(*words) && words[nfproto] ? words[nfproto] : "?";
}

void
step_say(struct strbuf *b, const struct step *s)
{
	if (!s->chain) {
		strbuf_puts(b, s->text);
		return;
	}
	strbuf_printf(b, "table %s %s chain %s", family_word(s->chain->table->family),
	    s->chain->table->name, s->chain->name);
	if (s->rule)
		strbuf_printf(b, " rule %u", s->rule->number);
	else
		strbuf_puts(b, " policy");
}

static void
say_ifaces(const struct check *c, struct strbuf *b, const struct finding *f)
{
	strbuf_puts(b, " by ");
	for (uint32_t i = 0; i < f->n_ifaces; i++) {
		const struct iface *in = world_iface(c->world, f->ifaces[i]);

		if (i)
			strbuf_puts(b, i + 1 == f->n_ifaces ? " and " : ", ");
		strbuf_puts(b, in ? in->name : "?");
	}
}

static void
say_end(const struct check *c, struct strbuf *b, const struct finding *f)
{
	if (f->listener && !f->forwarded) {
		listener_say(c, b, f->listener);
		strbuf_puts(b, " on ");
		socket_say(b, &f->listener->addr, f->end_port, f->listener->any);
	} else {
		socket_say(b, &f->end, f->end_port, false);
		if (f->listener) {
			strbuf_puts(b, " (");
			listener_say(c, b, f->listener);
			strbuf_puts(b, ")");
		}
	}
}

/* Which rule lets it in; where none speaks of it, that. */
static void
say_decided(struct strbuf *b, const struct cell *cell, const struct finding *f)
{
	const struct step *d = f->decided;

	if (d && d->chain && d->rule) {
		strbuf_puts(b, ": accepted by ");
		step_say(b, d);
	} else if (d && d->chain) {
		strbuf_printf(b, ": table %s %s has no rule for it (chain %s, policy accept)",
		    family_word(d->chain->table->family), d->chain->table->name, d->chain->name);
	} else {
		strbuf_printf(b, ": no table has a chain that looks at IPv%u packets to %s",
		    cell->family, f->forwarded ? "forwarded ports" : "this machine");
	}
}

static void
say_whys(struct strbuf *b, const struct finding *f)
{
	for (uint32_t i = 0; i < f->n_whys && i < 4; i++)
		strbuf_printf(b, "%s%s", i ? ", " : "", f->whys[i]);
	if (f->n_whys > 4)
		strbuf_printf(b, " and %u more", f->n_whys - 4);
}

/* As a person would write it: an own address, which is no outside source, does not tear a network
 * apart. */
static void
say_sources(
    const struct check *c, struct strbuf *b, const struct cell *cell, const struct finding *f)
{
	_cleanup_(srcset_fini) struct srcset s = srcset_copy(&f->sources);

	for (uint32_t i = 0; i < c->world->n_addrs; i++) {
		const struct prefix own = prefix_host(&c->world->addrs[i].addr);
		struct range r = prefix_range(&own);
		const struct ranges one = {.v = &r, .n = 1};
		_cleanup_(srcset_fini) struct srcset add = {0};

		if (own.addr.family != cell->family || !srcset_has(&s, r.lo - 1) ||
		    !srcset_has(&s, r.lo + 1))
			continue;
		add = srcset_of(&one);
		srcset_or_set(&s, &add);
	}
	sources_say(b, cell->family, &s, f->everyone);
}

static void
say_published(const struct check *c, struct strbuf *b, const struct cell *cell,
    const struct finding *f, const char *verb)
{
	const struct iface *out = world_iface(c->world, f->oif);

	if (f->forwarded)
		strbuf_printf(b, "%s's %s is published: INPUT is never consulted; ",
		    out ? out->name : "a neighbour", cell->name);
	say_sources(c, b, cell, f);
	strbuf_puts(b, verb);
	say_end(c, b, f);
	if (f->port != f->end_port)
		strbuf_printf(b, " as port %u", f->port);
	if (f->mapped) {
		strbuf_puts(b, " by ");
		step_say(b, f->mapped);
	} else {
		say_ifaces(c, b, f);
	}
}

static void
say_outside(
    const struct check *c, struct strbuf *b, const struct cell *cell, const struct finding *f)
{
	bool sure = f->state != PROOF_DEPENDS;
	const char *verb = f->state == PROOF_LATENT ? " would reach " : " reaches ";

	if (!sure)
		strbuf_puts(b, "not proven: perhaps ");
	if (f->shape == FOUND_MAPPED && (f->forwarded || f->mapped)) {
		say_published(c, b, cell, f, verb);
	} else {
		say_sources(c, b, cell, f);
		strbuf_puts(b, verb);
		if (f->shape == FOUND_DIRECT)
			strbuf_puts(b, "the container's own address ");
		if (f->state == PROOF_LATENT)
			strbuf_printf(b, "%s port %u", proto_name(cell->proto), f->end_port);
		else
			say_end(c, b, f);
		if (f->way.kind == WAY_GROUP)
			strbuf_puts(b, " by broadcast or multicast");
		say_ifaces(c, b, f);
		if (sure)
			say_decided(b, cell, f);
	}
	if (f->state == PROOF_LATENT)
		strbuf_puts(b, "; nothing listens there yet");
	if (f->unseen)
		strbuf_puts(b, " (what listens there cannot be seen)");
	if (!sure) {
		strbuf_puts(b, "; it depends on ");
		say_whys(b, f);
	}
}

static void
say_refused(struct strbuf *b, const struct cell *cell, const struct finding *f)
{
	sources_say(b, cell->family, &f->sources, false);
	if (f->name && *f->name)
		strbuf_printf(b, " (%s)", f->name);
	strbuf_puts(b, f->state == PROOF_DEPENDS ? " is perhaps refused" : " is refused");
	if (f->decided) {
		strbuf_puts(b, " by ");
		step_say(b, f->decided);
	}
	if (f->state == PROOF_DEPENDS) {
		strbuf_puts(b, "; it depends on ");
		say_whys(b, f);
	}
}

void
finding_say(struct check *c, const struct cell *cell, struct finding *f)
{
	_cleanup_(strbuf_fini) struct strbuf b = {0};

	if (f->shape == FOUND_SHUT_OUT)
		say_refused(&b, cell, f);
	else
		say_outside(c, &b, cell, f);
	f->text = arena_dup(c->arena, b.text, b.len);
}
