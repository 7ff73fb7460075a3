/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "keeper/watch.h"

#include <errno.h>
#include <linux/filter.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define HEADER sizeof(struct nfgenmsg)

struct watch {
	struct nl *nl;
	struct event *event;
	watch_fn fn;
	void *ctx;
	bool ours, rules; /* in the transaction whose messages are being read */
};

static int
drop_own(int fd, uint32_t own_port)
{
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_pid)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(own_port), 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, 0),
	    BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(*code), code};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -errno
											   : 0;
}

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

	switch (nlh->nlmsg_type & 0xff) {
	case NFT_MSG_NEWGEN: /* the last of each transaction */
		if (w->ours || w->rules)
			w->fn(w->ctx, w->ours, w->rules,
			    nl_text(nl_attr(nlh, HEADER, NFTA_GEN_PROC_NAME)));
		w->ours = w->rules = false;
		return MNL_CB_OK;
	case NFT_MSG_NEWSETELEM:
	case NFT_MSG_DELSETELEM:
		elem_parse(nlh, on_elem, w);
		break;
	default:
		w->rules = true;
	}
	/* The first attribute of every object is its table's name. */
	w->ours |= g->nfgen_family == NFPROTO_INET &&
		   strcmp(nl_text(nl_attr(nlh, HEADER, NFTA_TABLE_NAME)), TABLE_NAME) == 0;
	return MNL_CB_OK;
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct watch *w = arg;
	int r;

	(void)fd;
	(void)what;
	while ((r = nl_read(w->nl, on_message, w)) != -EAGAIN)
		if (r == -ENOBUFS) /* unknown what was missed */
			w->fn(w->ctx, true, true, "");
}

int
watch_new(struct watch **out, struct event_base *base, uint32_t own_port, watch_fn fn, void *ctx)
{
	_cleanup_(watch_freep) struct watch *w = calloc(1, sizeof(*w));
	int r = w ? nl_new(&w->nl, NETLINK_NETFILTER, 1u << (NFNLGRP_NFTABLES - 1)) : -ENOMEM;

	if (r == 0)
		r = drop_own(w->nl->fd, own_port);
	if (r < 0)
		return r;
	w->fn = fn;
	w->ctx = ctx;
	w->event = event_new(base, w->nl->fd, EV_READ | EV_PERSIST, on_readable, w);
	if (!w->event || event_add(w->event, NULL) < 0)
		return -ENOMEM;
	*out = w;
	w = NULL;
	return 0;
}

void
watch_free(struct watch *w)
{
	if (!w)
		return;
	if (w->event)
		event_free(w->event);
	nl_free(w->nl);
	free(w);
}
