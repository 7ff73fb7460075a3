/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nft/netlink.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

int
nl_new(struct nl **out, int bus, uint32_t groups)
{
	_cleanup_(nl_freep) struct nl *n = calloc(1, sizeof(*n));
	struct sockaddr_nl a = {.nl_family = AF_NETLINK, .nl_groups = groups};
	socklen_t len = sizeof(a);
	const int size = NL_BUFFER, one = 1;

	if (!n)
		return -ENOMEM;
	n->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, bus);
	if (n->fd < 0 || bind(n->fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    getsockname(n->fd, (struct sockaddr *)&a, &len) < 0)
		return -errno;
	n->port = a.nl_pid;
	/* Without CAP_NET_ADMIN, or with that of another user namespace, as large as net.core lets
	 * them be. */
	if (setsockopt(n->fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(n->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (setsockopt(n->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(n->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	setsockopt(n->fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one));
	*out = n;
	n = NULL;
	return 0;
}

void
nl_free(struct nl *n)
{
	if (!n)
		return;
	if (n->fd >= 0)
		close(n->fd);
	free(n);
}

ssize_t
nl_receive(struct nl *n)
{
	struct sockaddr_nl from = {0};
	struct iovec iov = {n->buf, sizeof(n->buf)};
	struct msghdr h = {
	    .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov, .msg_iovlen = 1};
	ssize_t r;

	/* Any process may send to a netlink port: only the kernel is heard. */
	do
		r = recvmsg(n->fd, &h, MSG_DONTWAIT);
	while ((r < 0 && errno == EINTR) || (r >= 0 && from.nl_pid != 0));
	if (r >= 0 && h.msg_flags & MSG_TRUNC)
		return -ENOBUFS;
	return r < 0 ? -errno : r;
}

int
nl_send(struct nl *n, void *bytes, size_t len)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct iovec iov = {bytes, len};
	struct msghdr h = {
	    .msg_name = &kernel, .msg_namelen = sizeof(kernel), .msg_iov = &iov, .msg_iovlen = 1};
	ssize_t r;

	do
		r = nl_receive(n);
	while (r >= 0 || r == -ENOBUFS);
	return sendmsg(n->fd, &h, 0) < 0 ? -errno : 0;
}

int
nl_ask(struct nl *n, struct nlmsghdr *request, mnl_cb_t cb, void *ctx)
{
	int r;

	request->nlmsg_seq = ++n->seq;
	request->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	r = nl_send(n, request, request->nlmsg_len);
	for (int more = 1; r == 0 && more > 0;) {
		ssize_t len = nl_receive(n);

		if (len < 0)
			return (int)len;
		more = mnl_cb_run(n->buf, (size_t)len, n->seq, n->port, cb, ctx);
		if (more < 0)
			r = -errno;
	}
	return r;
}

const struct nlattr *
nl_find(const void *bytes, size_t n, int type)
{
	const char *end = (const char *)bytes + n;

	for (const struct nlattr *a = bytes; mnl_attr_ok(a, (int)(end - (const char *)a));
	     a = mnl_attr_next(a))
		if (mnl_attr_get_type(a) == type)
			return a;
	return NULL;
}

const struct nlattr *
nl_attr(const struct nlmsghdr *nlh, size_t header, int type)
{
	size_t before = NLMSG_HDRLEN + MNL_ALIGN(header);

	if (nlh->nlmsg_len < before)
		return NULL;
	return nl_find((const char *)nlh + before, nlh->nlmsg_len - before, type);
}

const struct nlattr *
nl_inside(const struct nlattr *nest, int type)
{
	return nest ? nl_find(mnl_attr_get_payload(nest), mnl_attr_get_payload_len(nest), type)
		    : NULL;
}

const char *
nl_text(const struct nlattr *a)
{
	return a && mnl_attr_validate(a, MNL_TYPE_NUL_STRING) >= 0 ? mnl_attr_get_str(a) : "";
}

uint32_t
nl_be32(const struct nlattr *a)
{
	return a && mnl_attr_get_payload_len(a) == 4 ? ntohl(mnl_attr_get_u32(a)) : 0;
}

uint64_t
nl_be64(const struct nlattr *a)
{
	return a && mnl_attr_get_payload_len(a) == 8 ? be64toh(mnl_attr_get_u64(a)) : 0;
}
