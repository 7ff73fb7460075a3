/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The kernel's notices of new set elements, for the helpers of the benchmark. Comes in: messages of
 * NFNLGRP_NFTABLES. Goes out: each new element's key, at most 16 bytes, and the table it is in. A
 * notice that the socket lost ends the helper: its figures would be wrong. Bounded by the socket's
 * buffer, which is as large as the kernel lets root make it.
 */
#pragma once

#include <arpa/inet.h> /* before linux/netfilter.h, which would define the same */
#include <err.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

#define ELEMENTS_BUFFER (512 << 20)

typedef void (*element_fn)(void *ctx, const char *table, const uint8_t *key, size_t len);

static inline uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* A netlink socket, of a group or (0) of none. */
static inline int
elements_open(unsigned group)
{
	struct sockaddr_nl a = {
	    .nl_family = AF_NETLINK, .nl_groups = group ? 1u << (group - 1) : 0};
	const int size = ELEMENTS_BUFFER;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		err(1, "netlink");
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		err(1, "receive buffer");
	return fd;
}

static inline const struct nlattr *
attr_in(const void *bytes, size_t n, int type)
{
	const char *end = (const char *)bytes + n;

	for (const struct nlattr *a = bytes; mnl_attr_ok(a, (int)(end - (const char *)a));
	     a = mnl_attr_next(a))
		if (mnl_attr_get_type(a) == type)
			return a;
	return NULL;
}

static inline const struct nlattr *
attr_inside(const struct nlattr *a, int type)
{
	return a ? attr_in(mnl_attr_get_payload(a), mnl_attr_get_payload_len(a), type) : NULL;
}

static inline void
elements_of(const struct nlmsghdr *nlh, element_fn fn, void *ctx)
{
	const size_t head = NLMSG_HDRLEN + MNL_ALIGN(sizeof(struct nfgenmsg));
	const char *bytes = (const char *)nlh + head;
	const struct nlattr *table, *list, *e;

	if (nlh->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSETELEM) ||
	    nlh->nlmsg_len < head)
		return;
	table = attr_in(bytes, nlh->nlmsg_len - head, NFTA_SET_ELEM_LIST_TABLE);
	list = attr_in(bytes, nlh->nlmsg_len - head, NFTA_SET_ELEM_LIST_ELEMENTS);
	if (!table || !list)
		return;
	mnl_attr_for_each_nested(e, list)
	{
		const struct nlattr *key =
		    attr_inside(attr_inside(e, NFTA_SET_ELEM_KEY), NFTA_DATA_VALUE);

		if (key && mnl_attr_get_payload_len(key) <= 16)
			fn(ctx, mnl_attr_get_str(table), mnl_attr_get_payload(key),
			    mnl_attr_get_payload_len(key));
	}
}

/* How long elements_read waits. */
static inline void
elements_patience(int fd, int seconds)
{
	const struct timeval t = {.tv_sec = seconds};

	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)) < 0)
		err(1, "receive timeout");
}

/* Waits for one packet of notices and gives its elements to fn. False: none came. */
static inline bool
elements_read(int fd, element_fn fn, void *ctx)
{
	static char buf[1 << 16] __attribute__((aligned(8)));
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)buf;
	ssize_t got = recv(fd, buf, sizeof(buf), MSG_TRUNC);
	int len;

	if (got < 0 && errno == EAGAIN)
		return false;
	if (got < 0 || (size_t)got > sizeof(buf))
		err(1, "the kernel's notices");
	len = (int)got;
	for (; mnl_nlmsg_ok(nlh, len); nlh = mnl_nlmsg_next(nlh, &len))
		elements_of(nlh, fn, ctx);
	return true;
}

/* The offender of a number: IPv4 and IPv6 in turn, each IPv6 one in a /64 of its own. */
static inline void
offender(uint32_t i, struct in6_addr *key, size_t *len, char text[INET6_ADDRSTRLEN])
{
	uint32_t n = i / 2;

	memset(key, 0, sizeof(*key));
	*len = i % 2 ? 16 : 4;
	if (i % 2) {
		snprintf(text, INET6_ADDRSTRLEN, "2a01:%x:%x:1::", 1 + (n >> 16), n & 0xffff);
		inet_pton(AF_INET6, text, key);
		snprintf(text, INET6_ADDRSTRLEN, "2a01:%x:%x:1::%x", 1 + (n >> 16), n & 0xffff,
		    1 + n % 9);
	} else {
		snprintf(text, INET6_ADDRSTRLEN, "%u.%u.%u.%u", 20 + (n >> 24), n >> 16 & 255,
		    n >> 8 & 255, n & 255);
		inet_pton(AF_INET, text, key);
	}
}
