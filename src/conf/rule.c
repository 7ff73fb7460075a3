/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf/rule.h"

#include <stddef.h>
#include <string.h>

#include "conf/port.h"

#define MINUTE (60 * USEC_PER_SEC)
#define DAY    (86400 * USEC_PER_SEC)

static const struct field escalate_fields[] = {
    {"factor", FIELD_MILLI, .offset = offsetof(struct rule_escalate, factor), .fallback = "2",
	.min = 1000, .max = 1000000,
	.help = "each ban of a source is this many times the one before"},
    {"max", FIELD_SPAN, .offset = offsetof(struct rule_escalate, max), .fallback = "4w",
	.min = USEC_PER_SEC, .max = 3660 * DAY, .help = "no ban is longer"},
    {"forget", FIELD_SPAN, .offset = offsetof(struct rule_escalate, forget), .fallback = "30d",
	.min = MINUTE, .max = 3660 * DAY, .help = "a ban that ended this long ago is forgotten"},
    {0},
};

static const struct schema escalate_schema = {
    "escalate", sizeof(struct rule_escalate), escalate_fields, "factor"};

static const struct field prefix_fields[] = {
    {"hosts", FIELD_INT, .offset = offsetof(struct rule_prefix, hosts), .fallback = "8", .min = 2,
	.max = 1000, .help = "so many banned sources of one prefix ban all of it"},
    {"ipv4", FIELD_INT, .offset = offsetof(struct rule_prefix, ipv4), .fallback = "24", .min = 8,
	.max = 31, .help = "length of an IPv4 prefix"},
    {"ipv6", FIELD_INT, .offset = offsetof(struct rule_prefix, ipv6), .fallback = "48", .min = 16,
	.max = 63, .help = "length of an IPv6 prefix; a source is a /64"},
    {0},
};

static const struct schema prefix_schema = {
    "prefix", sizeof(struct rule_prefix), prefix_fields, "hosts"};

static const char *const distinct_words[] = {"none", "user", NULL};
static const char *const scope_words[] = {"host", "service", NULL};

static const struct field rule_fields[] = {
    {"ban", FIELD_NAME, true, .offset = offsetof(struct rule, name),
	.help = "its name, that of the file without .yaml"},
    {"enabled", FIELD_BOOL, .offset = offsetof(struct rule, enabled), .fallback = "yes",
	.help = "no leaves the rule out; the file then needs no other key but ban"},
    {"filters", FIELD_TEXTS, true, .offset = offsetof(struct rule, filters), .min = 1, .max = 64,
	.help = "whose offences count"},
    {"points", FIELD_INT, true, .offset = offsetof(struct rule, points), .min = 1, .max = 1000000,
	.help = "so many points ban a source"},
    {"within", FIELD_SPAN, true, .offset = offsetof(struct rule, within), .min = USEC_PER_SEC,
	.max = 366 * DAY, .help = "the time in which the points are counted"},
    {"for", FIELD_SPAN, true, .offset = offsetof(struct rule, duration), .min = USEC_PER_SEC,
	.max = 3660 * DAY, .help = "how long the first ban lasts"},
    {"escalate", FIELD_MAP, .offset = offsetof(struct rule, escalate), .sub = &escalate_schema,
	.help = "longer bans for those who come again"},
    {"forgive", FIELD_BOOL, .offset = offsetof(struct rule, forgive), .fallback = "no",
	.help = "a success clears what was counted"},
    {"distinct", FIELD_CHOICE, .offset = offsetof(struct rule, distinct), .fallback = "none",
	.words = distinct_words, .help = "user: each user name counts once within the time"},
    {"prefix", FIELD_MAP, .offset = offsetof(struct rule, prefix), .sub = &prefix_schema,
	.help = "ban a whole network when many of its hosts are"},
    {"scope", FIELD_CHOICE, .offset = offsetof(struct rule, scope), .fallback = "host",
	.words = scope_words, .help = "host: all traffic; service: only to ports"},
    {"ports", FIELD_TEXTS, .offset = offsetof(struct rule, ports), .min = 1, .max = 128,
	.help = "tcp/25 or udp/6000-6010, as they are on the wire; for scope service"},
    {"never_ban", FIELD_TEXTS, .offset = offsetof(struct rule, never_ban), .max = 1024,
	.help = "groups, prefixes and host names this rule spares, beside guardd.yaml's"},
    {"dry_run", FIELD_BOOL, .offset = offsetof(struct rule, dry_run), .fallback = "no",
	.help = "decide and tell, but ban nobody"},
    {0},
};

static const struct schema schema = {"a ban rule", sizeof(struct rule), rule_fields, NULL};

const struct schema *
rule_schema(void)
{
	return &schema;
}

static void
fail_filter(struct arena *a, struct diag *d, const struct list *filters, const struct text *name)
{
	struct filter *const *known = filters->items;
	struct guess g = {.word = name->s};

	for (size_t i = 0; i < filters->n; i++)
		guess_try(&g, known[i]->name.s);
	diag_error(
	    d, node_place(name->node), "there is no filter '%.60s'%s", name->s, guess_text(&g, a));
}

static void
find_filters(struct rule *r, struct arena *a, struct diag *d, const struct list *filters)
{
	struct filter *const *known = filters->items;

	for (size_t i = 0; i < r->filters.n; i++) {
		const struct text *name = list_text(&r->filters, i);
		size_t index = 0;

		for (size_t j = 0; j < i; j++) {
			if (!strcmp(list_text(&r->filters, j)->s, name->s))
				diag_error(d, node_place(name->node), "filter '%s' is here twice",
				    name->s);
		}
		while (index < filters->n && strcmp(known[index]->name.s, name->s))
			index++;
		if (index == filters->n)
			fail_filter(a, d, filters, name);
		else
			*(uint32_t *)list_add(a, &r->filter_indexes, sizeof(uint32_t)) =
			    (uint32_t)index;
	}
}

/* What did not read is told already: nothing more is said of it. */
static bool
scope_is_wrong(const struct rule *r)
{
	const struct node *n = node_get(r->node, "scope");

	return n && (n->kind != NODE_SCALAR || strcmp(n->text, scope_words[r->scope]));
}

static void
check_ports(struct rule *r, struct arena *a, struct diag *d)
{
	/* Rules with the same ports, however written, share one set in the kernel. */
	r->port_ranges = ports_read(a, d, &r->ports);
	if (r->scope == SCOPE_SERVICE && !node_get(r->node, "ports"))
		diag_error(d, node_place(node_at(r->node, "scope")), "scope service needs 'ports'");
	if (r->scope == SCOPE_HOST && r->ports.n && !scope_is_wrong(r))
		diag_error(d, node_place(node_at(r->node, "ports")),
		    "ports without 'scope: service' would have no effect");
}

static void
check_escalation(const struct rule *r, struct diag *d)
{
	if (r->escalate.node && r->escalate.max && r->escalate.max < r->duration)
		diag_error(d, node_place(node_at(r->escalate.node, "max")),
		    "'max' is shorter than the first ban ('for')");
}

void
rule_check(struct rule *r, struct arena *a, struct diag *d, const struct list *filters,
    const struct groups *groups)
{
	find_filters(r, a, d, filters);
	check_ports(r, a, d);
	check_escalation(r, d);
	r->never = groups_flatten(groups, a, d, &r->never_ban);
}
