/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Rules of iptables-nft in a network namespace of the test's own, and their matches and targets as
 * the kernel gives them back in a dump. Comes in: what a test adds between xt_enter and xt_dump.
 * Goes out: the bytes of one rule's extension. The namespace ends with the process.
 */
#pragma once

#include <netinet/in.h>

#include "netns_dump.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>

#include "prover/ipset.h"
#include "prover/nlread.h"
#include "prover/xt.h"

struct xt_rules {
	bool have;
	struct arena arena;
	struct world w;
	struct dump d;
	int fd;
};

static inline bool
xt_run(const char *fmt, ...)
{
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	return system(line) == 0;
}

/* False: not permitted here, or no iptables or ipset: skip. */
static inline bool
xt_enter(void)
{
	static const char setup[] =
	    "ip link add eth0 type veth peer name eth0p && ip link set eth0 up group 7 && "
	    "ip link set eth0p up && ip addr add 198.51.100.1/24 dev eth0 && "
	    "ip addr add 2001:db8:51::1/64 dev eth0 nodad && ip link add br0 type bridge && "
	    "ipset create s4 hash:net counters && ipset add s4 10.0.0.0/8 && "
	    "ipset add s4 10.1.0.0/16 nomatch && ipset create p4 hash:ip,port && "
	    "ipset add p4 192.0.2.2,tcp:389 && ipset create s6 hash:net family inet6 && "
	    "ipset add s6 2001:db8::/32";

	return netns_enter() == 0 &&
	       xt_run("iptables-nft -V >/dev/null && ipset list >/dev/null") && xt_run("%s", setup);
}

static inline int
xt_dump(struct xt_rules *f)
{
	const char *what = "";

	f->fd = netns_dump();
	if (f->fd < 0 || dump_open(&f->d, f->fd) < 0 ||
	    world_read(&f->w, &f->d, &f->arena, &what) < 0) {
		fprintf(stderr, "dump: %d %s\n", f->fd, what);
		return -1;
	}
	if (!f->w.ipsets)
		f->w.ipsets = ipset_read(&f->arena, &f->d, &what);
	f->have = true;
	return 0;
}

static inline int
xt_end(void **state)
{
	struct xt_rules *f = *state;

	if (f->fd >= 0) {
		dump_close(&f->d);
		close(f->fd);
	}
	arena_fini(&f->arena);
	free(f);
	return 0;
}

/* The first match of a rule's expressions with a name that is not "comment", or "comment" if
 * wanted; the target, when match is false. */
struct xt_blob {
	char name[32];
	uint32_t rev;
	const void *info;
	size_t n;
};

static inline bool
xt_expression_blob(const struct nlattr *elem, bool match, struct xt_blob *b)
{
	const struct nlattr *e[NFTA_EXPR_MAX + 1], *x[NFTA_MATCH_MAX + 1];
	char name[16];

	assert_int_equal(nlread_nested(elem, e, NFTA_EXPR_MAX), 0);
	nlread_text(e[NFTA_EXPR_NAME], name, sizeof(name));
	if (strcmp(name, match ? "match" : "target") != 0)
		return false;
	assert_int_equal(nlread_nested(e[NFTA_EXPR_DATA], x, NFTA_MATCH_MAX), 0);
	nlread_text(x[NFTA_MATCH_NAME], b->name, sizeof(b->name));
	b->rev = nlread_be32(x[NFTA_MATCH_REV], 99);
	b->info = nlread_data(x[NFTA_MATCH_INFO]);
	b->n = nlread_len(x[NFTA_MATCH_INFO]);
	return true;
}

static inline bool
xt_rule_blob(const struct nlattr *exprs, bool match, struct xt_blob *b)
{
	const char *p = nlread_data(exprs);

	for (size_t at = 0; at + sizeof(struct nlattr) <= nlread_len(exprs);) {
		const struct nlattr *a = (const void *)(p + at);

		if (xt_expression_blob(a, match, b))
			return true;
		at += NLA_ALIGN((size_t)a->nla_len);
	}
	return false;
}

/* Of the rule in a chain. */
static inline bool
xt_chain_blob(
    const struct xt_rules *f, int family, const char *chain, bool match, struct xt_blob *b)
{
	for (const struct dump_record *r = NULL; (r = dump_next(&f->d, r, DUMP_NFT_RULES));) {
		const struct nlmsghdr *h;

		for (size_t at = 0; nlread_message(r, &at, &h) > 0;) {
			const struct nfgenmsg *g = nlread_fixed(h, sizeof(*g));
			const struct nlattr *tb[NFTA_RULE_MAX + 1];
			char name[32];

			assert_int_equal(nlread_attrs(h, sizeof(*g), tb, NFTA_RULE_MAX), 0);
			nlread_text(tb[NFTA_RULE_CHAIN], name, sizeof(name));
			if (strcmp(name, chain) == 0 &&
			    g->nfgen_family == (family == 6 ? NFPROTO_IPV6 : NFPROTO_IPV4))
				return xt_rule_blob(tb[NFTA_RULE_EXPRESSIONS], match, b);
		}
	}
	return false;
}
