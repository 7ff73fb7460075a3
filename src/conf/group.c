/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "conf/group.h"

#include <errno.h>
#include <netdb.h>
#include <string.h>

int
group_resolve(const char *host, struct arena *a, struct list *addrs)
{
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
	struct list addrs = {0};
	int r = resolve(host->s, a, &addrs);

	if (r != 0 || !addrs.n) {
		/* At boot the resolver may not be there yet: guarding without this host beats not
		 * guarding. */
		diag_warn(d, node_place(host->node),
		    "'%.60s' does not resolve (%s): left out of its group until the next reload",
		    host->s, r ? gai_strerror(r) : "it has no address");
		return;
	}
	qsort(addrs.items, addrs.n, sizeof(struct addr), compare_addrs);
	for (size_t i = 0; i < addrs.n; i++) {
		struct prefix p = prefix_host((struct addr *)addrs.items + i);

		add_prefix(a, &g->prefixes, &p, host->s);
	}
}

static void
add_member(struct group *g, struct arena *a, struct diag *d, const struct group_member *m,
    resolve_fn resolve)
{
	struct prefix p;

	if (!m->name.s)
		return;
	for (size_t i = 0; i < m->addresses.n; i++) {
		if (read_prefix(d, list_text(&m->addresses, i), &p))
			add_prefix(a, &g->prefixes, &p, m->name.s);
	}
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
find_group(const struct groups *g, const char *name)
{
	const struct group *groups = g->items.items;

	for (size_t i = 0; i < g->items.n; i++) {
		if (!strcmp(groups[i].name.s, name))
			return &groups[i];
	}
	return NULL;
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

struct list
groups_flatten(const struct groups *g, struct arena *a, struct diag *d, const struct list *names)
{
	struct list out = {0};
	struct prefix p;

	for (size_t i = 0; i < names->n; i++) {
		const struct text *t = list_text(names, i);
		const struct group *group = find_group(g, t->s);
		const struct named_prefix *members = group ? group->prefixes.items : NULL;

		for (size_t m = 0; group && m < group->prefixes.n; m++)
			add_prefix(a, &out, &members[m].prefix, members[m].name);
		if (group)
			continue;
		if (!looks_numeric(t->s))
			fail_group(g, a, d, t);
		else if (read_prefix(d, t, &p))
			add_prefix(a, &out, &p, "");
	}
	return out;
}
