/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "prover/suggest.h"

#include <inttypes.h>
#include <linux/netfilter.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"
#include "prover/finding.h"

struct lines {
	struct arena *arena;
	struct list all; /* const char * */
};

static void __attribute__((format(printf, 2, 3))) add_line(struct lines *l, const char *fmt, ...)
{
	_cleanup_(strbuf_fini) struct strbuf b = {0};
	va_list ap;

	va_start(ap, fmt);
	strbuf_vprintf(&b, fmt, ap);
	va_end(ap);
	*(const char **)list_add(l->arena, &l->all, sizeof(char *)) =
	    arena_dup(l->arena, b.text, b.len);
}

/* An nft identifier: the bytes it cannot have become '_'. */
static void
add_word(struct strbuf *b, const char *text)
{
	for (; *text; text++) {
		bool fine = (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') ||
			    (*text >= '0' && *text <= '9') || *text == '-' || *text == '.' ||
			    *text == '_';

		strbuf_add(b, fine ? text : "_", 1);
	}
}

struct elements {
	struct strbuf *b;
	uint8_t family;
	uint32_t n;
};

static bool
add_element(void *ctx, struct range r)
{
	struct elements *e = ctx;
	const struct addr lo = number_addr(e->family, r.lo), hi = number_addr(e->family, r.hi);
	char text[ADDR_TEXT_MAX];

	strbuf_printf(e->b, "%s%s", e->n++ ? ", " : "", addr_format(&lo, text));
	if (r.lo != r.hi)
		strbuf_printf(e->b, "-%s", addr_format(&hi, text));
	return true;
}

/* The words for a set of addresses: "192.0.2.1" or "{ ... }". */
static void
add_addresses(struct strbuf *b, uint8_t family, const struct srcset *s)
{
	struct elements e = {.b = b, .family = family};

	if (s->n != 1)
		strbuf_puts(b, "{ ");
	srcset_each(s, add_element, &e);
	if (s->n != 1)
		strbuf_puts(b, " }");
}

static const char *
ip_word(uint8_t family)
{
	return family == 4 ? "ip" : "ip6";
}

/* Not sent to this machine: closed at the address. */
static bool
by_address(const struct finding *f)
{
	return f->way.kind == WAY_DIRECT || f->way.kind == WAY_MAPPED;
}

/* A chain for each place that is closed, so that each suggestion can be loaded alone and again. */
static void
chain_name(struct strbuf *b, const struct cell *cell, const struct finding *f)
{
	char to[ADDR_TEXT_MAX];

	add_word(b, "c-"); /* nft names begin with a letter */
	add_word(b, cell->name);
	strbuf_printf(b, "-%s-%u-v%u", proto_name(cell->proto), f->port, cell->family);
	if (by_address(f)) {
		strbuf_puts(b, "-");
		add_word(b, addr_format(&f->way.to, to));
	}
}

static void
add_ports(struct strbuf *b, const struct cell *cell, const struct finding *f)
{
	/* A range is closed as a whole where packets have its own numbers. */
	if (f->port >= cell->port && f->port <= cell->port_high && cell->port != cell->port_high)
		strbuf_printf(
		    b, "%s dport %u-%u", proto_name(cell->proto), cell->port, cell->port_high);
	else if (f->shape == FOUND_MAPPED && !f->mapped && f->end_port != f->port)
		/* A rule writes the port: before this chain or behind it. */
		strbuf_printf(
		    b, "%s dport { %u, %u }", proto_name(cell->proto), f->port, f->end_port);
	else
		strbuf_printf(b, "%s dport %u", proto_name(cell->proto), f->port);
}

static void
add_destination(struct strbuf *b, const struct cell *cell, const struct finding *f)
{
	char to[ADDR_TEXT_MAX];

	if (by_address(f))
		strbuf_printf(
		    b, "%s daddr %s ", ip_word(cell->family), addr_format(&f->way.to, to));
	else if (addr_equal(&cell->rule->address, &f->way.to))
		strbuf_printf(b, "%s daddr %s ", ip_word(cell->family),
		    addr_format(&cell->rule->address, to));
	else
		strbuf_printf(b, "meta nfproto ipv%u fib daddr type %s ", cell->family,
		    cell->proto == IPPROTO_UDP ? "{ local, broadcast, multicast, anycast }"
		    : cell->family == 6        ? "{ local, anycast }"
					       : "local");
}

static void
close_gap(struct check *c, const struct cell *cell, const struct finding *f, struct lines *l)
{
	static const char table[] = "inet guardd_expose";
	_cleanup_(strbuf_fini) struct strbuf chain = {0}, set = {0}, elements = {0}, match = {0};
	_cleanup_(srcset_fini) struct srcset allowed = srcset_of(&cell->policy->allowed);
	struct elements e = {.b = &elements, .family = cell->family};

	chain_name(&chain, cell, f);
	add_word(&set, "s-");
	add_word(&set, cell->name);
	strbuf_printf(&set, "-v%u", cell->family);
	add_line(l, "add table %s", table);
	add_line(l, "add set %s %s { type %s; flags interval; }", table, set.text,
	    cell->family == 4 ? "ipv4_addr" : "ipv6_addr");
	add_line(l, "flush set %s %s", table, set.text);
	srcset_each(&allowed, add_element, &e);
	if (e.n)
		add_line(l, "add element %s %s { %s }", table, set.text, elements.text);
	add_line(l, "add chain %s %s { type filter hook prerouting priority -150; policy accept; }",
	    table, chain.text);
	add_line(l, "flush chain %s %s", table, chain.text);
	add_line(l, "add rule %s %s iif \"lo\" accept", table, chain.text);
	add_line(l, "add rule %s %s ct direction reply accept", table, chain.text);
	for (uint32_t i = 0; i < cell->rule->inside.n; i++)
		add_line(l, "add rule %s %s iifname \"%s\" accept", table, chain.text,
		    image_list(c->img, cell->rule->inside, i));
	add_line(l, "add rule %s %s %s saddr @%s accept", table, chain.text, ip_word(cell->family),
	    set.text);
	if (cell->rule->interface)
		strbuf_printf(&match, "iifname \"%s\" ", image_str(c->img, cell->rule->interface));
	add_destination(&match, cell, f);
	add_ports(&match, cell, f);
	add_line(l, "add rule %s %s %s counter drop comment \"guardd: %s\"", table, chain.text,
	    match.text, cell->name);
}

/* As nft reads it without quotes. Netlink takes any name, and root loads these lines: what nft
 * would read as more than a name is not suggested. */
static bool
is_identifier(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
	static const char more[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789-./";

	return *name && strchr(letters, *name) && !name[strspn(name, more)];
}

/* In the chain that refuses, before the rule that does. */
static void
let_in(const struct cell *cell, const struct finding *f, struct lines *l)
{
	const struct step *d = f->decided;
	_cleanup_(strbuf_fini) struct strbuf match = {0};
	const char *family, *table, *chain;
	bool behind_nat = f->mapped && d && f->mapped < d;
	char to[ADDR_TEXT_MAX];

	if (!d || !d->chain || d->chain->table->family == NFPROTO_NETDEV ||
	    !is_identifier(d->chain->table->name) || !is_identifier(d->chain->name))
		return;
	family = family_word(d->chain->table->family);
	table = d->chain->table->name;
	chain = d->chain->name;
	strbuf_printf(&match, "%s saddr ", ip_word(cell->family));
	add_addresses(&match, cell->family, &f->sources);
	/* Behind this machine there are others, too. */
	if (f->forwarded)
		strbuf_printf(&match, " %s daddr %s", ip_word(cell->family),
		    addr_format(behind_nat ? &f->end : &f->way.to, to));
	strbuf_printf(&match, " %s dport %u accept", proto_name(cell->proto),
	    behind_nat ? f->end_port : f->port);
	if (d->rule)
		add_line(l, "insert rule %s %s %s position %" PRIu64 " %s", family, table, chain,
		    d->rule->handle, match.text);
	else
		add_line(l, "add rule %s %s %s %s", family, table, chain, match.text);
}

void
suggest(struct check *c, const struct cell *cell, struct finding *f)
{
	struct lines l = {.arena = c->arena};

	if (f->shape == FOUND_SHUT_OUT)
		let_in(cell, f, &l);
	else
		close_gap(c, cell, f, &l);
	f->suggest = l.all.items;
	f->n_suggest = (uint32_t)l.all.n;
}
