/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The time from write() of a line to the kernel's notice that its address is in a set:
 *
 *	latency_events LOG EVENTS MICROSECONDS FIRST [bare]
 *
 * appends a failed login of a new offender so often, so far apart, and prints "log NANOSECONDS" for
 * each. With bare, each is followed, half way to the next, by an element added with libmnl in a
 * network namespace of its own, where nobody else listens: "bare NANOSECONDS". It runs with
 * real-time priority, so that what it measures is not its own wait for the processor.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "elements.h"

#define PATIENCE 20 /* seconds */

struct wanted {
	struct in6_addr key;
	size_t len;
	bool seen;
};

/* Of an IPv6 offender its /64 may be banned. */
static void
on_element(void *ctx, const char *table, const uint8_t *key, size_t len)
{
	struct wanted *w = ctx;

	(void)table;
	w->seen |= len == w->len && memcmp(key, &w->key, len == 16 ? 8 : len) == 0;
}

static uint64_t
wait_for(int fd, struct wanted *w, uint64_t began)
{
	while (!w->seen)
		if (!elements_read(fd, on_element, w))
			errx(1, "an element never came");
	return now_ns() - began;
}

/* A process number each: by it some tell one connection from another. */
static size_t
line_of(uint32_t i, const char *address, char line[256])
{
	struct timespec t;
	struct tm tm;
	char stamp[32];

	clock_gettime(CLOCK_REALTIME, &t);
	gmtime_r(&t.tv_sec, &tm);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
	return (size_t)snprintf(line, 256,
	    "%s.%06ld+00:00 host sshd[%u]: Failed password for root from %s port 4242 ssh2\n",
	    stamp, t.tv_nsec / 1000, 1000 + i, address);
}

static uint64_t
by_log(int log, int events, uint32_t i)
{
	struct wanted w = {.seen = false};
	char address[INET6_ADDRSTRLEN], line[256];
	uint64_t began;
	size_t n;

	offender(i, &w.key, &w.len, address);
	n = line_of(i, address, line);
	began = now_ns();
	if (write(log, line, n) != (ssize_t)n)
		err(1, "the log");
	return wait_for(events, &w, began);
}

/* A namespace with sets as they are in guardd's table. */
static void
enter_bare(void)
{
	static const char rules[] =
	    "add table inet bench\n"
	    "add set inet bench v4 { type ipv4_addr; flags timeout; counter; }\n"
	    "add set inet bench v6 { type ipv6_addr; flags timeout; counter; }\n";
	FILE *nft;

	if (unshare(CLONE_NEWNET) < 0 || !(nft = popen("nft -f -", "w")))
		err(1, "a network namespace");
	fputs(rules, nft);
	if (pclose(nft) != 0)
		errx(1, "nft could not make the sets");
}

static struct nlmsghdr *
message(char *at, int type, int flags, int family, int resource)
{
	struct nfgenmsg g = {.nfgen_family = (uint8_t)family, .res_id = htons((uint16_t)resource)};
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(at);

	nlh->nlmsg_type = (uint16_t)type;
	nlh->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	memcpy(mnl_nlmsg_put_extra_header(nlh, sizeof(g)), &g, sizeof(g));
	return nlh;
}

static uint64_t
by_hand(int sock, int events, uint32_t i)
{
	char buf[1024] __attribute__((aligned(8))), address[INET6_ADDRSTRLEN];
	struct wanted w = {.seen = false};
	struct nlattr *list, *e, *key;
	struct nlmsghdr *nlh;
	char *at = buf;
	uint64_t began;

	offender(i, &w.key, &w.len, address);
	began = now_ns();
	at += message(at, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES)->nlmsg_len;
	nlh = message(
	    at, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSETELEM, NLM_F_CREATE, NFPROTO_INET, 0);
	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_TABLE, "bench");
	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_SET, w.len == 4 ? "v4" : "v6");
	list = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_LIST_ELEMENTS);
	e = mnl_attr_nest_start(nlh, NFTA_LIST_ELEM);
	key = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_KEY);
	mnl_attr_put(nlh, NFTA_DATA_VALUE, w.len, &w.key);
	mnl_attr_nest_end(nlh, key);
	mnl_attr_put_u64(nlh, NFTA_SET_ELEM_TIMEOUT, htobe64(3600000));
	mnl_attr_nest_end(nlh, e);
	mnl_attr_nest_end(nlh, list);
	at += nlh->nlmsg_len;
	at += message(at, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES)->nlmsg_len;
	if (send(sock, buf, (size_t)(at - buf), 0) < 0)
		err(1, "the bare element");
	return wait_for(events, &w, began);
}

static void
sleep_until(uint64_t ns)
{
	struct timespec t = {(time_t)(ns / 1000000000), (long)(ns % 1000000000)};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		continue;
}

int
main(int argc, char **argv)
{
	int log, events, bare_events = -1, bare_sock = -1;
	uint64_t gap, next;
	uint32_t n, first;

	const struct sched_param first_of_all = {.sched_priority = 1};

	if (argc < 5)
		errx(2, "usage: latency_events LOG EVENTS MICROSECONDS FIRST [bare]");
	if (sched_setscheduler(0, SCHED_FIFO, &first_of_all) < 0)
		err(1, "real-time priority");
	log = open(argv[1], O_WRONLY | O_APPEND | O_CLOEXEC);
	if (log < 0)
		err(1, "%s", argv[1]);
	n = (uint32_t)atol(argv[2]);
	gap = (uint64_t)atol(argv[3]) * 1000;
	first = (uint32_t)atol(argv[4]);
	events = elements_open(NFNLGRP_NFTABLES);
	elements_patience(events, PATIENCE);
	if (argc > 5) {
		enter_bare();
		bare_events = elements_open(NFNLGRP_NFTABLES);
		elements_patience(bare_events, PATIENCE);
		bare_sock = elements_open(0);
	}
	next = now_ns();
	for (uint32_t i = 0; i < n; i++) {
		sleep_until(next);
		printf("log %lu\n", by_log(log, events, first + i));
		if (bare_sock >= 0) {
			sleep_until(next + gap / 2);
			printf("bare %lu\n", by_hand(bare_sock, bare_events, first + i));
		}
		next += gap;
		if (next < now_ns())
			next = now_ns();
	}
	return 0;
}
