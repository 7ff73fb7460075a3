/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A netlink socket and the attributes of its messages, on top of libmnl. Comes in: requests. Goes
 * out: the kernel's answers, which are all there when sendmsg returns: nothing here waits. Bounded:
 * NL_BUFFER per socket. Only who uses it links libmnl.
 */
#pragma once

#include <arpa/inet.h>
#include <libmnl/libmnl.h>

#include "base/cleanup.h"

#define NL_BUFFER (16 << 20) /* of the socket, either way: a limit, not memory held */

struct nl {
	int fd;
	uint32_t port, seq;
	uint8_t buf[65536];
};

/* bus: NETLINK_NETFILTER or NETLINK_ROUTE. groups: bit mask of multicast groups 1..32. */
int nl_new(struct nl **out, int bus, uint32_t groups);
void nl_free(struct nl *n);
DEFINE_FREEP(struct nl, nl_free)
/* Sends messages that carry their numbers, after dropping answers to earlier ones. */
int nl_send(struct nl *n, void *bytes, size_t len);
/* One datagram into n->buf: its length; -EAGAIN: no more; -ENOBUFS: some were lost. */
ssize_t nl_receive(struct nl *n);
/* A request (a dump when it has NLM_F_DUMP), each answer to cb. -EINTR: a dump changed meanwhile.
 */
int nl_ask(struct nl *n, struct nlmsghdr *request, mnl_cb_t cb, void *ctx);

/*
 * The first attribute of a type: in n bytes, in a message behind a header of some size, in another
 * attribute. NULL when there is none; NULL goes in, too. nl_text: "" then. nl_be32, nl_be64: 0.
 */
const struct nlattr *nl_find(const void *bytes, size_t n, int type);
const struct nlattr *nl_attr(const struct nlmsghdr *nlh, size_t header, int type);
const struct nlattr *nl_inside(const struct nlattr *nest, int type);
const char *nl_text(const struct nlattr *a);
uint32_t nl_be32(const struct nlattr *a);
uint64_t nl_be64(const struct nlattr *a);
