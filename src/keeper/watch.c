/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "keeper/watch.h"

#include <errno.h>
#include <linux/filter.h>
#include <string.h>
#include <sys/socket.h>

static void
on_elem(void *ctx, const struct elem_state *s)
{
	struct watch *w = ctx;

	w->rules |= s->data_len > 0;
}

static int
on_message(const struct nlmsghdr *nlh, void *data)
{
	struct watch *w = data;
	const struct nfgenmsg *g = mnl_nlmsg_get_payload(nlh);
	int type = nlh->nlmsg_type & 0xff;

	if (type == NFT_MSG_NEWGEN) { /* the last of each transaction */
		if (w->ours || w->rules)
			w->changed(w->ctx, w->ours, w->rules,
			    nl_text(nl_attr(nlh, NFT_HEADER, NFTA_GEN_PROC_NAME)));
		w->ours = w->rules = false;
		return MNL_CB_OK;
	}
	if (type == NFT_MSG_NEWSETELEM || type == NFT_MSG_DELSETELEM)
		elem_parse(nlh, on_elem, w);
	else
		w->rules = true;
	/* The first attribute of every object is its table's name. */
	w->ours |= g->nfgen_family == NFPROTO_INET &&
		   strcmp(nl_text(nl_attr(nlh, NFT_HEADER, NFTA_TABLE_NAME)), TABLE_NAME) == 0;
	return MNL_CB_OK;
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct watch *w = arg;
	ssize_t n;

	(void)fd;
	(void)what;
	while ((n = nl_receive(w->nl)) > 0 || n == -ENOBUFS) {
		if (n > 0)
			mnl_cb_run(w->nl->buf, (size_t)n, 0, 0, on_message, w);
		else
			w->changed(w->ctx, true, true, "");
	}
}

int
watch_start(struct watch *w, struct event_base *base, uint32_t own_port)
{
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_pid)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(own_port), 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, 0),
	    BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(*code), code};
	int r = nl_new(&w->nl, NETLINK_NETFILTER, 1u << (NFNLGRP_NFTABLES - 1));

	if (r < 0)
		return r;
	if (setsockopt(w->nl->fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0)
		return -errno;
	w->event = event_new(base, w->nl->fd, EV_READ | EV_PERSIST, on_readable, w);
	return w->event && event_add(w->event, NULL) == 0 ? 0 : -ENOMEM;
}
