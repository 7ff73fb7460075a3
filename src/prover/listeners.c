/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "prover/listeners.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "prover/nlread.h"
#include "prover/world_parts.h"

#ifndef INET_DIAG_CGROUP_ID
#define INET_DIAG_CGROUP_ID 21
#endif
#ifndef IPPROTO_SCTP
#define IPPROTO_SCTP 132
#endif

/* Who holds a socket, and what a cgroup is called; sorted, searched by halves. */
struct owner {
	uint64_t inode;
	uint32_t netns, pid;
	const char *unit, *process;
};
struct cgroup {
	uint64_t id;
	const char *unit;
};
struct owner_index {
	struct owner *owners;
	struct cgroup *cgroups;
	size_t n_owners, n_cgroups;
};

static int
owner_order(const void *a, const void *b)
{
	const struct owner *x = a, *y = b;

	if (x->inode != y->inode)
		return x->inode < y->inode ? -1 : 1;
	return x->netns < y->netns ? -1 : x->netns > y->netns;
}

static int
cgroup_order(const void *a, const void *b)
{
	const struct cgroup *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

static struct owner_index *
read_owners(struct world *w, const struct dump *d)
{
	struct owner_index *index = arena_alloc(w->arena, sizeof(*index));
	const struct dump_record *r = NULL;
	struct list owners = {0}, cgroups = {0};

	while ((r = dump_next(d, r, DUMP_OWNER))) {
		const struct dump_owner *o = dump_data(r);
		struct owner *one = list_add(w->arena, &owners, sizeof(*one));
		const char *unit = world_text(w, r, sizeof(*o));

		*one = (struct owner){
		    .inode = o->inode,
		    .netns = o->netns,
		    .pid = o->pid,
		    .unit = world_unit(w->arena, unit),
		    .process = world_text(w, r, sizeof(*o) + strlen(unit) + 1),
		};
	}
	while ((r = dump_next(d, r, DUMP_CGROUP))) {
		struct cgroup *one = list_add(w->arena, &cgroups, sizeof(*one));

		one->id = ((const struct dump_cgroup *)dump_data(r))->id;
		one->unit = world_unit(w->arena, world_text(w, r, sizeof(struct dump_cgroup)));
	}
	index->owners = owners.items;
	index->n_owners = owners.n;
	index->cgroups = cgroups.items;
	index->n_cgroups = cgroups.n;
	if (owners.n)
		qsort(owners.items, owners.n, sizeof(struct owner), owner_order);
	if (cgroups.n)
		qsort(cgroups.items, cgroups.n, sizeof(struct cgroup), cgroup_order);
	return index;
}

static const struct owner *
owner_of(const struct owner_index *x, uint64_t inode, uint32_t netns)
{
	struct owner key = {.inode = inode, .netns = netns};

	return x->n_owners && inode
		   ? bsearch(&key, x->owners, x->n_owners, sizeof(key), owner_order)
		   : NULL;
}

static const char *
cgroup_unit(const struct owner_index *x, uint64_t id)
{
	struct cgroup key = {.id = id}, *found = NULL;

	if (x->n_cgroups && id)
		found = bsearch(&key, x->cgroups, x->n_cgroups, sizeof(key), cgroup_order);
	return found ? found->unit : "";
}

void
listeners_add(struct listener_reader *r, const struct listener *l, uint64_t cgroup)
{
	struct listener *new = list_add(r->world->arena, &r->found, sizeof(*new));
	const struct owner *o = owner_of(r->owner, l->inode, l->netns);
	const char *by_cgroup = cgroup_unit(r->owner, cgroup);

	*new = *l;
	new->any = addr_number(&l->addr) == 0;
	if (!new->unit)
		new->unit = "";
	new->process = "";
	if (o) {
		new->pid = o->pid;
		new->process = o->process;
		if (*o->unit)
			new->unit = o->unit;
	}
	/* systemd holds the sockets that it hands over; the cgroup then knows more. */
	if (*by_cgroup && (!*new->unit || strcmp(new->unit, "init.scope") == 0))
		new->unit = by_cgroup;
}

/* All addresses of an SCTP endpoint, each one a listener; false: none are told. */
static bool
add_sctp(
    struct listener_reader *r, struct listener *l, const struct nlattr *locals, uint64_t cgroup)
{
	const char *p = nlread_data(locals);
	size_t n = nlread_len(locals) / sizeof(struct sockaddr_storage);

	for (size_t i = 0; i < n; i++) {
		struct sockaddr_storage one;

		memcpy(&one, p + i * sizeof(one), sizeof(one));
		if (addr_from_sockaddr(&l->addr, (const struct sockaddr *)&one) < 0)
			continue;
		l->family = l->addr.family;
		listeners_add(r, l, cgroup);
	}
	return n > 0;
}

static bool
listens(const struct inet_diag_msg *m, uint8_t proto)
{
	static const uint8_t zero[16];

	if (!m->id.idiag_sport)
		return false;
	if (proto != IPPROTO_UDP)
		return m->idiag_state == TCP_LISTEN;
	return m->idiag_state == TCP_CLOSE && !m->id.idiag_dport &&
	       memcmp(m->id.idiag_dst, zero, m->idiag_family == AF_INET ? 4 : 16) == 0;
}

static int
read_socket(struct listener_reader *r, const struct nlmsghdr *h, uint8_t proto)
{
	const struct inet_diag_msg *m = nlread_fixed(h, sizeof(*m));
	const struct nlattr *tb[INET_DIAG_CGROUP_ID + 1];
	struct listener l;
	uint64_t cgroup = 0;

	if (!m || nlread_attrs(h, sizeof(*m), tb, INET_DIAG_CGROUP_ID) < 0)
		return -EINVAL;
	if (h->nlmsg_type != SOCK_DIAG_BY_FAMILY || !listens(m, proto))
		return 0;
	l = (struct listener){
	    .proto = proto,
	    .v6only = nlread_u8(tb[INET_DIAG_SKV6ONLY], 0),
	    .port = ntohs(m->id.idiag_sport),
	    .iface = m->id.idiag_if,
	    .inode = m->idiag_inode,
	    .uid = m->idiag_uid,
	};
	if (nlread_len(tb[INET_DIAG_CGROUP_ID]) >= sizeof(cgroup))
		memcpy(&cgroup, nlread_data(tb[INET_DIAG_CGROUP_ID]), sizeof(cgroup));
	if (proto == IPPROTO_SCTP && add_sctp(r, &l, tb[INET_DIAG_LOCALS], cgroup))
		return 0;
	/* A socket bound to ::ffff:a.b.c.d serves IPv4 alone: the address is folded into it. */
	if (addr_from_bytes(&l.addr, m->idiag_family, m->id.idiag_src) < 0)
		return -EINVAL;
	l.family = l.addr.family;
	listeners_add(r, &l, cgroup);
	return 0;
}

static int
read_sockets(struct listener_reader *r)
{
	const struct dump_record *rec = NULL;

	while ((rec = dump_next(r->dump, rec, DUMP_SOCKETS))) {
		uint8_t proto = (uint8_t)(rec->arg >> 8);
		const struct nlmsghdr *h;
		size_t at = 0;
		int more;

		if (proto != IPPROTO_TCP && proto != IPPROTO_UDP && proto != IPPROTO_SCTP)
			continue;
		while ((more = nlread_message(rec, &at, &h)) > 0)
			if (read_socket(r, h, proto) < 0)
				return -EINVAL;
		if (more < 0)
			return more;
	}
	return 0;
}

int
world_read_listeners(struct world *w, const struct dump *d, const char **what)
{
	struct listener_reader r = {.world = w, .dump = d, .owner = read_owners(w, d)};
	int e;

	*what = "sockets";
	e = read_sockets(&r);
	if (e == 0)
		e = listeners_read_netns(&r, what);
	w->listeners = r.found.items;
	w->n_listeners = (uint32_t)r.found.n;
	return e;
}
