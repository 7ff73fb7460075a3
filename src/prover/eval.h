/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One packet with all sources at once: follows a new connection (or a datagram) through hooks, NAT
 * and routing, and answers which sources may get through and which may be dropped. The kernel's
 * order is in prover/path, one rule in prover/eval, iptables extensions in prover/xt_eval. Bounded
 * by struct eval_limits; past a bound the sources in question count as both.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "prover/ir.h"
#include "prover/world.h"

/* The packet as far as it is the same for all sources. What a sender chooses freely and no rule
 * should rest on (source port, TTL, length, MAC) is unknown. */
struct env {
	uint8_t family;             /* 4, 6 */
	uint8_t proto;              /* IPPROTO_TCP (a SYN), UDP, SCTP (an INIT) */
	uint16_t dport, dport_orig; /* dport_orig: before destination NAT */
	struct addr daddr, daddr_orig;
	uint32_t iif, oif;           /* interface indexes; 0 none (yet) */
	uint32_t mark, mark_unknown; /* bits of mark that are not known */
	uint32_t ctmark, ctmark_unknown;
	uint8_t track;        /* enum track */
	bool dnat, snat_done; /* a mapping was made; no second one of the kind */
	bool snat;            /* the header's source is another one than the set's */
	bool snat_addr_known; /* then saddr_new is what headers carry; the set stays the source's */
	bool saddr_early;     /* it was rewritten before conntrack saw it */
	struct addr saddr_new;
	uint8_t pkttype;      /* PACKET_HOST, PACKET_BROADCAST, PACKET_MULTICAST */
	uint8_t family_hook;  /* NFPROTO_* of the chain now run (meta nfproto is family) */
	uint32_t hook;        /* now run */
	int32_t priority;     /* of the chain now run: conntrack exists from -200 on */
	bool payload_unknown; /* header bytes were rewritten by a rule with an unknown value */
	/* Destination NAT to one of many targets, or to a value that is not known. */
	bool daddr_unknown, dport_unknown;
	bool dnat_changed; /* the mapping is another destination (IPS_DST_NAT) */
	/* Not 0: the sender has put an extension header before the transport header (IPv6), of the
	 * kind load_next_headers has: followed for who gets in so, not for who is dropped. */
	uint8_t extended;
	bool ct_touched; /* keys of the entry other than its mark were set: labels, helper, zone */
};

enum track {
	TRACK_NONE, /* before conntrack saw it: state reads as invalid, other keys break */
	TRACK_NEW,
	TRACK_UNTRACKED,
};

/* What an expression says: NO: for no source; YES: for all; SPLIT: for the sources in must surely,
 * in may perhaps; MAYBE: may all, must none. */
enum outcome_kind { OUT_NO, OUT_YES, OUT_SPLIT, OUT_MAYBE };
struct outcome {
	enum outcome_kind kind;
	struct ranges may, must; /* OUT_SPLIT; when exact must.v == may.v and only may is owned */
	const char *why;         /* not exact: what is unknown; NULL: exact */
};
void outcome_fini(struct outcome *o);

/* The ports around env.dport for which everything evaluated so far has the same answer; narrowed by
 * whatever looks at the port. */
struct port_class {
	uint16_t lo, hi;
};

/* One step of a path, for explanations. */
struct step {
	const struct rule *rule;   /* or NULL: a policy, or what text says */
	const struct chain *chain; /* or NULL */
	const char *text; /* "accept", "drop", "policy drop", "dnat to 172.17.0.2:5000", "routed to
			     docker0", "source dropped by the kernel: rp_filter of eth0" ... */
	const char *unknown; /* what is not known there; NULL */
};
struct trail {
	struct step steps[256];
	uint32_t n;
	bool cut;            /* there were more */
	struct arena *arena; /* of the texts */
};

/* Where accepted sources end. */
struct endpoint {
	struct addr addr; /* as delivered: behind destination NAT */
	uint16_t port;
	bool forwarded;
	bool
	    unknown; /* NAT leads to an address or port that nobody knows; the other may be right */
	uint32_t oif;
	struct srcset accept, drop; /* of the paths that lead there */
};

struct eval_limits {
	uint64_t steps;  /* operations over all; 0: default */
	uint32_t envs;   /* environments at once */
	uint32_t depth;  /* jumps */
	uint32_t values; /* of one map */
};

struct query {
	uint8_t family, proto;
	uint16_t dport;
	struct addr daddr;
	uint32_t iif;
	uint8_t pkttype;
	const struct srcset *sources; /* NULL: all of the family */
	struct trail *trail;          /* NULL, or where the steps go (for single sources) */
	bool until_nat; /* stop behind prerouting: only endpoints' addr and port are wanted */
};

struct answer {
	struct srcset accept, drop; /* may; both for one source: depends */
	struct endpoint *endpoints; /* distinct */
	uint32_t n_endpoints;
	/* The answer holds for all of these; but where an endpoint has the asked port, the other
	 * ones of the class have their own. */
	struct port_class ports;
	const char *whys[16]; /* distinct names of what was not exact where it mattered */
	uint32_t n_whys;
};

struct evaluator;
int evaluator_new(struct evaluator **out, const struct ruleset *r, const struct world *w,
    const struct eval_limits *limits);
void evaluator_free(struct evaluator *e);
DEFINE_FREEP(struct evaluator, evaluator_free)
void eval_query(struct evaluator *e, const struct query *q, struct answer *a);
void answer_fini(struct answer *a);
