/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Asking other hosts' ports the plain way: connects and datagrams, without privilege, and what came
 * back told apart (IP_RECVERR, IPV6_RECVERR: ip(7)). Comes in: addresses and ports. Goes out: one
 * answer each. Bounded: PROBE_MAX questions of PROBE_TRIES each, PROBE_FLIGHT sockets, at most
 * PROBE_RATE a second; one to a host every PROBE_PACE, of one that sends ICMP errors again every
 * PROBE_SLOW.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/clock.h"

#define PROBE_MAX    16384
#define PROBE_FLIGHT 512 /* RLIMIT_NOFILE has to hold them */
#define PROBE_RATE   200 /* questions a second to all hosts together */
#define PROBE_PACE   (100 * USEC_PER_MSEC)
/* A host sends about one ICMP error a second to each address (icmp_ratelimit, after a burst). */
#define PROBE_SLOW  (1100 * USEC_PER_MSEC)
#define PROBE_AGAIN (1200 * USEC_PER_MSEC) /* pause before a silent port is asked again */
#define PROBE_WAIT  (2 * USEC_PER_SEC)
/* The last time; three rounds of ARP or neighbour discovery, one a second, end within it. */
#define PROBE_LAST  (3500 * USEC_PER_MSEC)
#define PROBE_TRIES 3

enum probe_answer {
	PROBE_SILENT,      /* TCP: nothing came; a full accept queue looks the same */
	PROBE_OPEN,        /* SYN-ACK */
	PROBE_REFUSED,     /* RST: nothing listens, or a firewall sends one */
	PROBE_PROHIBITED,  /* ICMP says a firewall refused it */
	PROBE_UNREACHABLE, /* ICMP, or this machine's own routes, say there is no way */
	PROBE_HOST_DOWN,   /* nobody answers to that address, or to the gateway's, on the link */
	PROBE_ANSWERED,    /* UDP: something came back */
	PROBE_CLOSED,      /* UDP: port unreachable, from the host itself */
	PROBE_UNKNOWN,     /* UDP: silence says nothing; or it could not be asked */
	PROBE_ANSWERS,
};

struct probe {
	struct addr to;
	uint32_t scope; /* interface of a link-local address; 0 none */
	uint16_t port;
	uint8_t proto; /* IPPROTO_TCP, IPPROTO_UDP */
	/* The answer: */
	uint8_t answer;   /* enum probe_answer */
	struct addr from; /* own address that was used; family 0: none */
	struct addr by;   /* who sent the ICMP error; family 0: nobody */
	uint32_t rtt;     /* microseconds; 0: nothing came back */
	/* Inside: */
	int fd;
	uint8_t tries;
	bool done;
	usec_t sent, next;
	uint32_t host; /* the first question to the same address; that one has the next two */
	bool limited;  /* it sends ICMP errors */
	usec_t free;   /* when it may be asked again */
};

/* Asks all, at most rate questions a second (1..PROBE_RATE), repeated ones too; returns when each
 * has its answer. Negative errno: could not begin. */
int probe_run(struct probe *p, uint32_t n, uint32_t rate);
const char *probe_answer_name(enum probe_answer a);
