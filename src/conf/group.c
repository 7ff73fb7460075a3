/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf/group.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>

int
group_resolve(const char *host, struct arena *a, struct list *addrs)
{
	/* Without AI_ADDRCONFIG: a host's IPv6 address counts where this machine has none, too. */
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *found = NULL;
	int r = getaddrinfo(host, NULL, &hints, &found);

	if (r != 0)
		return r;
	for (const struct addrinfo *i = found; i; i = i->ai_next) {
		struct addr *addr = list_add(a, addrs, sizeof(*addr));

		if (addr_from_sockaddr(addr, i->ai_addr) < 0)
			addrs->n--;
	}
	freeaddrinfo(found);
	return 0;
}

static void
add_prefix(struct arena *a, struct list *l, const struct prefix *p, const char *name)
{
	struct named_prefix *known = l->items;

	for (size_t i = 0; i < l->n; i++) {
		if (!prefix_cmp(&known[i].prefix, p))
			return;
	}
	known = list_add(a, l, sizeof(*known));
	known->prefix = *p;
	known->name = name;
}

/* True for what was meant as an address, whether it is one or not. */
static bool
looks_numeric(const char *text)
{
	return strpbrk(text, ":/") || text[strspn(text, "0123456789.")] == '\0';
}

/* Told and false when the text is no prefix. */
static bool
read_prefix(struct diag *d, const struct text *t, struct prefix *out)
{
	char buf[ADDR_TEXT_MAX];
	int r = prefix_parse(out, t->s, strlen(t->s));

	if (r == -ERANGE)
		diag_error(d, node_place(t->node), "'%.60s' has host bits set; did you mean '%s'?",
		    t->s, prefix_format(out, buf));
	else if (r < 0)
		diag_error(d, node_place(t->node), "'%.60s' is no address and no prefix", t->s);
	return r == 0;
}

static void
count_address(struct group_host *h, const struct prefix *p)
{
	h->n4 += p->addr.family == 4;
	h->n6 += p->addr.family == 6;
}

/* Under a name that stands there twice the addresses are added up. */
static void
keep_host(struct group *g, struct arena *a, const struct group_host *h)
{
	struct group_host *known = g->hosts.items;

	for (size_t i = 0; i < g->hosts.n; i++) {
		if (strcmp(known[i].name, h->name))
			continue;
		known[i].n4 += h->n4;
		known[i].n6 += h->n6;
		return;
	}
	*(struct group_host *)list_add(a, &g->hosts, sizeof(*h)) = *h;
}

static int
compare_addrs(const void *x, const void *y)
{
	return addr_cmp(x, y);
}

/* The resolver's order changes from answer to answer: the image's must not. */
static void
add_host(
    struct group *g, struct arena *a, struct diag *d, const struct text *host, resolve_fn resolve)
{
	struct group_host counted = {.name = host->s};
	struct list addrs = {0};
	int r = resolve(host->s, a, &addrs);

	if (r != 0 || !addrs.n) {
		/* At boot the resolver may not be there yet: guarding without this host beats not
		 * guarding. */
		diag_warn(d, node_place(host->node),
		    "'%.60s' does not resolve (%s): left out of its group until the next reload",
		    host->s, r ? gai_strerror(r) : "it has no address");
		keep_host(g, a, &counted);
		return;
	}
	qsort(addrs.items, addrs.n, sizeof(struct addr), compare_addrs);
	for (size_t i = 0; i < addrs.n; i++) {
		struct prefix p = prefix_host((struct addr *)addrs.items + i);

		add_prefix(a, &g->prefixes, &p, host->s);
		count_address(&counted, &p);
	}
	keep_host(g, a, &counted);
}

static void
add_member(struct group *g, struct arena *a, struct diag *d, const struct group_member *m,
    resolve_fn resolve)
{
	struct group_host counted = {.name = m->name.s};
	bool is_host = false; /* a name for networks alone is none */
	struct prefix p;

	if (!m->name.s)
		return;
	for (size_t i = 0; i < m->addresses.n; i++) {
		if (!read_prefix(d, list_text(&m->addresses, i), &p))
			continue;
		add_prefix(a, &g->prefixes, &p, m->name.s);
		count_address(&counted, &p);
		is_host |= prefix_is_host(&p);
	}
	if (is_host)
		keep_host(g, a, &counted);
	if (node_get(m->node, "addresses"))
		return;
	if (!looks_numeric(m->name.s))
		add_host(g, a, d, &m->name, resolve);
	else if (read_prefix(d, &m->name, &p))
		add_prefix(a, &g->prefixes, &p, g->name.s);
}

void
groups_make(
    struct groups *g, struct arena *a, struct diag *d, const struct list *dict, resolve_fn resolve)
{
	const struct dict_entry *entries = dict->items;

	for (size_t i = 0; i < dict->n; i++) {
		struct group *group = list_add(a, &g->items, sizeof(*group));
		const struct group_member *members = entries[i].items.items;

		group->name = entries[i].name;
		group->node = entries[i].node;
		for (size_t m = 0; m < entries[i].items.n; m++) {
			add_member(group, a, d, &members[m], resolve);
			if (group->prefixes.n <= GROUP_PREFIXES_MAX)
				continue;
			diag_error(d, node_place(members[m].node),
			    "more than %d addresses in a group", GROUP_PREFIXES_MAX);
			break;
		}
	}
}

static const struct group *
find_in(const struct list *l, const char *name)
{
	const struct group *groups = l->items;

	for (size_t i = 0; i < l->n; i++) {
		if (!strcmp(groups[i].name.s, name))
			return &groups[i];
	}
	return NULL;
}

const struct group *
groups_find(const struct groups *g, const char *name)
{
	return find_in(&g->items, name);
}

void
groups_resolve(
    struct groups *g, struct arena *a, struct diag *d, const struct list *names, resolve_fn resolve)
{
	for (size_t i = 0; i < names->n; i++) {
		const struct text *t = list_text(names, i);
		struct group *group;

		if (!strchr(t->s, '.') || looks_numeric(t->s) || find_in(&g->named, t->s))
			continue;
		group = list_add(a, &g->named, sizeof(*group));
		group->name = *t;
		group->node = t->node;
		add_host(group, a, d, t, resolve);
	}
}

static void
fail_group(const struct groups *g, struct arena *a, struct diag *d, const struct text *name)
{
	const struct group *groups = g->items.items;
	struct guess guess = {.word = name->s};

	for (size_t i = 0; i < g->items.n; i++)
		guess_try(&guess, groups[i].name.s);
	diag_error(d, node_place(name->node), "there is no group '%.60s'%s", name->s,
	    guess_text(&guess, a));
}

static void
add_all(struct arena *a, struct list *out, const struct group *group)
{
	const struct named_prefix *members = group->prefixes.items;

	for (size_t m = 0; m < group->prefixes.n; m++)
		add_prefix(a, out, &members[m].prefix, members[m].name);
}

struct list
groups_flatten(const struct groups *g, struct arena *a, struct diag *d, const struct list *names)
{
	struct list out = {0};
	struct prefix p;

	for (size_t i = 0; i < names->n; i++) {
		const struct text *t = list_text(names, i);
		const struct group *group = groups_find(g, t->s);

		if (!group)
			group = find_in(&g->named, t->s);
		if (group)
			add_all(a, &out, group);
		else if (!looks_numeric(t->s))
			fail_group(g, a, d, t);
		else if (read_prefix(d, t, &p))
			add_prefix(a, &out, &p, "");
	}
	return out;
}

struct list
groups_allow(const struct groups *g, struct arena *a, struct diag *d, const struct list *names)
{
	struct list known = {0};

	for (size_t i = 0; i < names->n; i++) {
		const struct text *t = list_text(names, i);

		if (strcmp(t->s, GROUP_INFRA) || groups_find(g, GROUP_INFRA))
			*(struct text *)list_add(a, &known, sizeof(*t)) = *t;
	}
	return groups_flatten(g, a, d, &known);
}

/* The single addresses of a group, of all its members or those of one name. Their number. */
static size_t
add_hosts(struct arena *a, struct list *out, const struct group *group, const char *name)
{
	const struct named_prefix *members = group->prefixes.items;
	size_t n = 0;

	for (size_t m = 0; m < group->prefixes.n; m++) {
		if (!prefix_is_host(&members[m].prefix) || (name && strcmp(members[m].name, name)))
			continue;
		add_prefix(a, out, &members[m].prefix, members[m].name);
		n++;
	}
	return n;
}

static bool
is_host(const struct group *group, const char *name)
{
	const struct group_host *hosts = group->hosts.items;

	for (size_t i = 0; i < group->hosts.n; i++) {
		if (!strcmp(hosts[i].name, name))
			return true;
	}
	return false;
}

static void
fail_host(const struct groups *g, struct arena *a, struct diag *d, const struct text *name)
{
	const struct group *groups = g->items.items;
	struct guess guess = {.word = name->s};

	for (size_t i = 0; i < g->items.n; i++) {
		const struct group_host *hosts = groups[i].hosts.items;

		guess_try(&guess, groups[i].name.s);
		for (size_t h = 0; h < groups[i].hosts.n; h++)
			guess_try(&guess, hosts[h].name);
	}
	diag_error(d, node_place(name->node),
	    "there is no group '%.60s', and no group has a host of that name%s", name->s,
	    guess_text(&guess, a));
}

/* False: no group has such a host. One that did not resolve is there, with no address. */
static bool
add_named_host(const struct groups *g, struct arena *a, struct list *out, const char *name)
{
	const struct group *groups = g->items.items;
	bool found = false;

	for (size_t i = 0; i < g->items.n; i++) {
		if (!is_host(&groups[i], name))
			continue;
		add_hosts(a, out, &groups[i], name);
		found = true;
	}
	return found;
}

static void
add_literal_host(struct arena *a, struct diag *d, struct list *out, const struct text *t)
{
	struct prefix p;

	if (!read_prefix(d, t, &p))
		return;
	if (prefix_is_host(&p))
		add_prefix(a, out, &p, "");
	else
		diag_error(d, node_place(t->node),
		    "'%.60s' is a network: only single hosts can be probed", t->s);
}

struct list
groups_hosts(const struct groups *g, struct arena *a, struct diag *d, const struct list *names)
{
	struct list out = {0};

	for (size_t i = 0; i < names->n; i++) {
		const struct text *t = list_text(names, i);
		const struct group *group = groups_find(g, t->s);

		if (group && !add_hosts(a, &out, group, NULL))
			diag_warn(d, node_place(t->node),
			    "group '%.60s' has no single host: none of it is probed", t->s);
		else if (!group && looks_numeric(t->s))
			add_literal_host(a, d, &out, t);
		else if (!group && !add_named_host(g, a, &out, t->s))
			fail_host(g, a, d, t);
	}
	return out;
}
