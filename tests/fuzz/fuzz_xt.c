/* links: prover */
/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Any bytes as a match, a target, or a listing of ipsets. Nothing is read out of bounds; ranges
 * that come out are sorted and disjoint, what must is in what may, and the asked port stays in its
 * class.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "prover/ipset.h"
#include "prover/xt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char *const names[] = {"conntrack", "state", "mark", "connmark", "iprange", "addrtype",
    "rpfilter", "comment", "pkttype", "mac", "physdev", "devgroup", "tcp", "udp", "sctp",
    "multiport", "set", "icmp", "ipv6header", "other"};
static const char *const targets[] = {"MARK", "CONNMARK", "CT", "DNAT", "SNAT", "MASQUERADE",
    "REDIRECT", "SET", "LOG", "NETMAP", "other"};

static void
check_ranges(const struct ranges *r, uint8_t family)
{
	for (uint32_t i = 0; i < r->n; i++)
		if (r->v[i].lo > r->v[i].hi || r->v[i].hi > family_last(family) ||
		    (i && r->v[i].lo <= r->v[i - 1].hi))
			abort();
}

static void
check_outcome(struct outcome *o, const struct env *e, const struct port_class *p)
{
	if (p->lo > e->dport_orig || p->hi < e->dport_orig)
		abort();
	if (o->kind == OUT_MAYBE && !o->why)
		abort();
	if (o->kind == OUT_SPLIT) {
		check_ranges(&o->may, e->family);
		check_ranges(&o->must, e->family);
		for (uint32_t i = 0; i < o->must.n; i++)
			if (!ranges_has(&o->may, o->must.v[i].lo) ||
			    !ranges_has(&o->may, o->must.v[i].hi))
				abort();
	}
	outcome_fini(o);
}

static struct env
env_of(uint8_t bits, uint8_t more)
{
	struct env e = {.family = bits & 1 ? 6 : 4,
	    .proto = bits & 2   ? IPPROTO_TCP
		     : bits & 4 ? IPPROTO_UDP
				: IPPROTO_SCTP,
	    .dport = more,
	    .track = bits >> 6 == 3 ? TRACK_NONE : bits >> 6,
	    .dnat = bits & 8,
	    .snat = bits & 16,
	    .snat_addr_known = (bits & 48) == 48,
	    .mark_unknown = more,
	    .iif = bits & 3};

	e.dport_orig = e.dnat ? (uint16_t)(more << 3) : e.dport;
	e.daddr.family = e.daddr_orig.family = e.saddr_new.family = e.family;
	e.daddr.bytes[0] = e.saddr_new.bytes[0] = more;
	return e;
}

static void
sets(struct arena *a, struct world *w, const uint8_t *data, size_t n)
{
	_cleanup_(dump_writer_freep) struct dump_writer *writer = NULL;
	_cleanup_(closep) int fd = -1;
	struct dump_header head = {0};
	const char *what;
	struct dump d;

	if (dump_writer_new(&writer) < 0 ||
	    dump_put(writer, DUMP_IPSETS, 0, NULL, 0, data, n) < 0 ||
	    dump_writer_seal(writer, &head, &fd) < 0 || dump_open(&d, fd) < 0)
		return;
	w->ipsets = ipset_read(a, &d, &what);
	if (!w->ipsets && !what)
		abort();
	dump_close(&d);
}

static void
ask_sets(const struct world *w, const struct env *e, uint8_t flags)
{
	for (uint16_t i = 0; i < 8; i++) {
		const struct ipset *s = ipset_by_index(w->ipsets, i);
		struct ipset_question q = {.dim = 3, .flags = flags, .return_nomatch = flags & 64};

		for (unsigned again = 0; s && again < 2; again++) {
			struct port_class p = {0, 0xffff};
			struct outcome o = ipset_ask(s, &q, e, w, &p);

			check_outcome(&o, e, &p);
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct arena a = {0};
	struct iface ifaces[3] = {{.index = 1, .name = "lo"}, {.index = 2, .name = "eth0"},
	    {.index = 3, .name = "br0", .kind = "bridge"}};
	struct world w = {.ifaces = ifaces, .n_ifaces = 3};
	struct port_class p = {0, 0xffff};
	const struct xt_match *m;
	struct outcome o;
	struct env e;

	if (n < 4)
		return 0;
	e = env_of(data[0], data[1]);
	if (data[2] & 128) {
		sets(&a, &w, data + 4, n - 4);
		ask_sets(&w, &e, data[2] & 127);
	} else if (strcmp(names[data[2] % 20], "addrtype") &&
		   strcmp(names[data[2] % 20], "rpfilter")) {
		m = xt_match_read(
		    &a, names[data[2] % 20], data[3] % 6, data + 4, n - 4, e.family == 6 ? 10 : 2);
		o = xt_match_ask(m, &e, &w, &p);
		check_outcome(&o, &e, &p);
	}
	xt_target_action(xt_target_read(&a, targets[data[2] % 11], data[3] % 4, data + 4, n - 4,
	    e.family == 6 ? 10 : 2, data[3] / 4 % 6 - 1));
	arena_fini(&a);
	return 0;
}
