/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf/expose.h"

#include <net/if.h>
#include <stddef.h>
#include <string.h>

#include "conf/port.h"

static const char *const listeners_words[] = {
    [EXPOSE_OPTIONAL] = "optional",
    [EXPOSE_REQUIRED] = "required",
    [EXPOSE_UNNAMED] = "unnamed",
    NULL,
};

static const struct field expose_fields[] = {
    {"expose", FIELD_NAME, true, .offset = offsetof(struct expose, name),
	.help = "its name, that of the file without .yaml"},
    {"enabled", FIELD_BOOL, .offset = offsetof(struct expose, enabled), .fallback = "yes",
	.help = "no leaves the rule out; the file then needs no other key but expose"},
    {"about", FIELD_TEXT, .offset = offsetof(struct expose, about), .fallback = "", .max = 200,
	.help = "what it is for, in a few words"},
    {"ports", FIELD_TEXTS, .offset = offsetof(struct expose, ports), .min = 1, .max = 128,
	.help = "tcp/389, udp/514, sctp/2905 or tcp/6000-6010, as the service has them"},
    {"only", FIELD_TEXTS, true, .offset = offsetof(struct expose, only), .max = 1024,
	.help = "groups and prefixes that may reach them, beside this host itself"},
    {"address", FIELD_TEXT, .offset = offsetof(struct expose, address), .min = 1, .max = 64,
	.help = "of this host; without it all of its addresses"},
    {"interface", FIELD_TEXT, .offset = offsetof(struct expose, interface), .min = 1, .max = 255,
	.help = "that packets come in by; without it all interfaces"},
    {"inside", FIELD_TEXTS, .offset = offsetof(struct expose, inside), .min = 1, .max = 64,
	.help = "interfaces whose hosts may reach the ports, too; * and ? for parts"},
    {"plaintext", FIELD_TEXTS, .offset = offsetof(struct expose, plaintext), .min = 1, .max = 128,
	.help = "those of the ports that carry plain text: a listener there is told"},
    {"listeners", FIELD_CHOICE, .offset = offsetof(struct expose, listeners),
	.fallback = "optional", .words = listeners_words,
	.help = "required: nothing listening is told; unnamed: for each listener that no other "
		"rule names, instead of ports"},
    {"containers", FIELD_BOOL, .offset = offsetof(struct expose, containers), .fallback = "yes",
	.help = "also ports of containers, published or at their own addresses"},
    {0},
};

static const struct schema schema = {"an expose rule", sizeof(struct expose), expose_fields, NULL};

const struct schema *
expose_schema(void)
{
	return &schema;
}

/* What did not read is told already: nothing more is said of it. */
static bool
listeners_are_wrong(const struct expose *x)
{
	const struct node *n = node_get(x->node, "listeners");

	return n && (n->kind != NODE_SCALAR || strcmp(n->text, listeners_words[x->listeners]));
}

static void
check_ports(struct expose *x, struct arena *a, struct diag *d)
{
	bool has = node_get(x->node, "ports") != NULL;

	x->port_ranges = ports_read(a, d, &x->ports);
	if (listeners_are_wrong(x))
		return;
	if (x->listeners == EXPOSE_UNNAMED && has)
		diag_error(d, node_place(node_at(x->node, "ports")),
		    "'listeners: unnamed' is for ports that no rule names: leave 'ports' out");
	if (x->listeners != EXPOSE_UNNAMED && !has)
		diag_error(d, node_place(x->node),
		    "an expose rule needs the key 'ports', or 'listeners: unnamed'");
}

/* False where an address or an interface keeps two rules apart. */
static bool
same_place(const struct expose *x, const struct expose *y)
{
	bool address = !x->local.family || !y->local.family || addr_equal(&x->local, &y->local);
	bool interface =
	    !x->interface.s || !y->interface.s || !strcmp(x->interface.s, y->interface.s);

	return address && interface;
}

/* Each rule is held against the kernel alone: two that differ on a port are never both met. */
static void
check_overlap(const struct expose *x, struct diag *d, const struct expose *other)
{
	struct image_port port;

	if (!same_place(x, other))
		return;
	for (size_t i = 0; i < x->ports.n; i++) {
		const struct text *t = list_text(&x->ports, i);

		if (!port_parse(t->s, &port) || !ports_touch(&other->port_ranges, &port))
			continue;
		diag_warn(d, node_place(t->node),
		    "'%.60s' is also in rule '%s' (%s): who may must be allowed by both", t->s,
		    other->name.s, other->node->file->path);
	}
}

static void
check_plaintext(struct expose *x, struct arena *a, struct diag *d)
{
	struct image_port port;

	x->plain_ranges = ports_read(a, d, &x->plaintext);
	for (size_t i = 0; i < x->plaintext.n; i++) {
		const struct text *t = list_text(&x->plaintext, i);

		if (port_parse(t->s, &port) && !ports_have(&x->port_ranges, &port))
			diag_error(
			    d, node_place(t->node), "'%.60s' is none of this rule's 'ports'", t->s);
	}
}

static void
check_address(struct expose *x, struct diag *d)
{
	const struct text *t = &x->address;

	if (t->s && addr_parse(&x->local, t->s, strlen(t->s)) < 0)
		diag_error(d, node_place(t->node), "'%.60s' is no address", t->s);
}

/* As the kernel takes names: 15 bytes without a slash or a blank. */
static void
check_interface(struct diag *d, const struct text *t)
{
	if (t->s && (strlen(t->s) >= IFNAMSIZ || strpbrk(t->s, "/ \t") || !strcmp(t->s, "..")))
		diag_error(d, node_place(t->node),
		    "'%.60s' is no interface: at most %d bytes, without '/' and blanks", t->s,
		    IFNAMSIZ - 1);
}

static bool
same_texts(const struct list *a, const struct list *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		if (strcmp(list_text(a, i)->s, list_text(b, i)->s))
			return false;
	}
	return true;
}

static void
collect_hosts(struct expose *x, struct arena *a, const struct groups *groups)
{
	for (size_t i = 0; i < x->only.n; i++) {
		const struct group *g = groups_find(groups, list_text(&x->only, i)->s);
		const struct group_host *hosts = g ? g->hosts.items : NULL;

		for (size_t h = 0; g && h < g->hosts.n; h++) {
			struct expose_host *item;

			if (!hosts[h].n4 && !hosts[h].n6)
				continue;
			item = list_add(a, &x->hosts, sizeof(*item));
			*item = (struct expose_host){g->name.s, hosts[h]};
		}
	}
}

static void
check_only(struct expose *x, struct arena *a, struct diag *d, const struct groups *groups,
    struct expose *const *others, size_t n)
{
	const struct node *only = node_get(x->node, "only");
	size_t errors = d->errors;

	if (only && only->kind == NODE_LIST && !only->n)
		diag_error(d, node_place(only),
		    "nobody may reach it: leave the rule out, or name who may");
	for (size_t i = 0; i < x->only.n; i++) {
		const struct text *t = list_text(&x->only, i);

		x->infra |= !strcmp(t->s, GROUP_INFRA);
		for (size_t j = 0; j < i; j++) {
			if (!strcmp(list_text(&x->only, j)->s, t->s))
				diag_error(d, node_place(t->node), "'%.60s' is here twice", t->s);
		}
	}
	for (size_t i = 0; i < n; i++) {
		if (d->errors || !same_texts(&others[i]->only, &x->only))
			continue;
		x->allowed = others[i]->allowed;
		x->hosts = others[i]->hosts;
		return;
	}
	x->allowed = groups_allow(groups, a, d, &x->only);
	if (d->errors == errors)
		collect_hosts(x, a, groups);
}

void
expose_check(struct expose *x, struct arena *a, struct diag *d, const struct groups *groups,
    struct expose *const *others, size_t n)
{
	check_ports(x, a, d);
	check_plaintext(x, a, d);
	check_only(x, a, d, groups, others, n);
	check_address(x, d);
	for (size_t i = 0; i < n; i++)
		check_overlap(x, d, others[i]);
	check_interface(d, &x->interface);
	for (size_t i = 0; i < x->inside.n; i++)
		check_interface(d, list_text(&x->inside, i));
}
