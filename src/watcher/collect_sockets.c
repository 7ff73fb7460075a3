/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "watcher/collect_pass.h"

void
pass_add_socket(struct pass *p, uint64_t inode, uint32_t netns)
{
	if (!inode || pass_room((void **)&p->sockets, p->n_sockets, &p->room_sockets,
			  sizeof(*p->sockets), MAX_SOCKETS))
		return;
	p->sockets[p->n_sockets++] = (struct socket_seen){.inode = inode, .netns = netns};
}

static bool
keep_socket(struct pass *p, const struct nlmsghdr *nlh)
{
	const struct inet_diag_msg *m = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *a;
	uint64_t id;

	if (nlh->nlmsg_type != SOCK_DIAG_BY_FAMILY || nlh->nlmsg_len < NLMSG_LENGTH(sizeof(*m)))
		return true;
	pass_add_socket(p, m->idiag_inode, 0);
	a = nl_attr(nlh, sizeof(*m), INET_DIAG_CGROUP_ID);
	if (!a || mnl_attr_get_payload_len(a) != sizeof(id))
		return true;
	id = mnl_attr_get_u64(a);
	/* Neighbours are often of one service. */
	if (p->n_cgroups && p->cgroups[p->n_cgroups - 1] == id)
		return true;
	if (pass_room((void **)&p->cgroups, p->n_cgroups, &p->room_cgroups, sizeof(*p->cgroups),
		MAX_SOCKETS) == 0)
		p->cgroups[p->n_cgroups++] = id;
	return true;
}

void
part_sockets(struct pass *p)
{
	/* A UDP socket without a peer is in the state that TCP calls closed. */
	static const struct {
		uint8_t protocol, state;
		const char *name;
	} protocols[] = {
	    {IPPROTO_TCP, TCP_LISTEN, "tcp"},
	    {IPPROTO_UDP, TCP_CLOSE, "udp"},
	    {IPPROTO_SCTP, TCP_LISTEN, "sctp"},
	};
	static const uint8_t families[] = {AF_INET, AF_INET6};

	for (size_t i = 0; i < 2 * sizeof(protocols) / sizeof(*protocols); i++) {
		uint8_t family = families[i % 2], protocol = protocols[i / 2].protocol;
		_Alignas(struct nlmsghdr) char buf[256] = {0}, name[16];
		struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
		struct inet_diag_req_v2 *q;
		int r;

		nlh->nlmsg_type = SOCK_DIAG_BY_FAMILY;
		nlh->nlmsg_flags = NLM_F_DUMP;
		q = mnl_nlmsg_put_extra_header(nlh, sizeof(*q));
		q->sdiag_family = family;
		q->sdiag_protocol = protocol;
		q->idiag_states = 1u << protocols[i / 2].state;
		r = pass_ask_again(p, p->c->diag, nlh, DUMP_SOCKETS,
		    (uint32_t)protocol << 8 | family, keep_socket, NULL);
		snprintf(name, sizeof(name), "%s%c", protocols[i / 2].name,
		    family == AF_INET ? '4' : '6');
		/* SCTP need not be there, and then nobody listens; the others must tell. */
		if (r < 0 && !(r == -ENOENT && protocol == IPPROTO_SCTP))
			pass_failed(p, DUMP_SOCKETS, r, name);
	}
}
