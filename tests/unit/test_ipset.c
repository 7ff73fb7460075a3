/* links: prover watcher */
/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * ipsets of the real kernel: what it says of each packet (IPSET_CMD_TEST) against what the listing
 * gives, for random sets in which networks lie in one another.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/ipset/ip_set.h>
#include <linux/netfilter/nfnetlink.h>

#include "netns_dump.h"
#include "prover/ipset.h"

static uint64_t seed = 88172645463325252u;

static uint32_t
rnd(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 20) % n;
}

struct fixture {
	bool have; /* permission, and ipset */
	struct mnl_socket *nl;
	struct arena arena;
	struct world w;
	int fd;
	struct dump d;
	char last[32]; /* set made last */
};

static int
begin(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	f->fd = -1;
	if (netns_enter() < 0 || system("ipset list >/dev/null 2>&1") != 0)
		return 0;
	f->nl = mnl_socket_open(NETLINK_NETFILTER);
	f->have = f->nl && mnl_socket_bind(f->nl, 0, MNL_SOCKET_AUTOPID) == 0;
	return 0;
}

static void
drop_dump(struct fixture *f)
{
	if (f->fd >= 0) {
		dump_close(&f->d);
		close(f->fd);
	}
	f->fd = -1;
	arena_fini(&f->arena);
	memset(&f->w, 0, sizeof(f->w));
}

static int
end(void **state)
{
	struct fixture *f = *state;

	drop_dump(f);
	if (f->nl)
		mnl_socket_close(f->nl);
	free(f);
	return 0;
}

static struct fixture *
fixture(void **state)
{
	struct fixture *f = *state;

	if (!f->have)
		skip();
	return f;
}

/* Runs lines of "ipset restore". False: the kernel has no such type. */
static bool
restore(struct fixture *f, const char *lines)
{
	FILE *p;

	/* Members of a list cannot be destroyed. */
	assert_int_equal(system("ipset flush && ipset destroy"), 0);
	p = popen("ipset -! restore 2>/dev/null", "w");
	fputs(lines, p);
	if (pclose(p) != 0)
		return false;
	drop_dump(f);
	f->fd = netns_dump();
	assert_true(f->fd >= 0);
	assert_int_equal(dump_open(&f->d, f->fd), 0);
	return true;
}

static const struct ipset *
the_set(struct fixture *f, const char *name)
{
	const char *what;
	const struct ipset *s;

	f->w.ifaces = arena_array(&f->arena, 3, sizeof(struct iface));
	f->w.n_ifaces = 3;
	for (uint32_t i = 0; i < 3; i++) {
		const char *const names[] = {"eth0", "eth1", "veth7"};

		f->w.ifaces[i].index = i + 1;
		snprintf(f->w.ifaces[i].name, sizeof(f->w.ifaces[i].name), "%s", names[i]);
	}
	f->w.ipsets = ipset_read(&f->arena, &f->d, &what);
	assert_non_null(f->w.ipsets);
	s = ipset_by_name(f->w.ipsets, name);
	assert_non_null(s);
	assert_string_equal(ipset_name(s), name);
	return s;
}

/* What a test asks for. */
struct packet {
	struct addr a, b; /* first and second address */
	uint16_t port;
	uint8_t proto;
	const char *iface;
};

static void
put_addr(struct nlmsghdr *h, uint16_t attr, const struct addr *a)
{
	struct nlattr *n = mnl_attr_nest_start(h, attr);

	mnl_attr_put(h,
	    (a->family == 6 ? IPSET_ATTR_IPADDR_IPV6 : IPSET_ATTR_IPADDR_IPV4) |
		NLA_F_NET_BYTEORDER,
	    addr_size(a), a->bytes);
	mnl_attr_nest_end(h, n);
}

/* The kernel's answer. */
static bool
kernel_says(struct fixture *f, const char *set, const struct packet *p)
{
	char buf[1024], answer[4096];
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct nfgenmsg *g;
	struct nlattr *n;
	const struct nlmsghdr *r;

	h->nlmsg_type = NFNL_SUBSYS_IPSET << 8 | IPSET_CMD_TEST;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	g = mnl_nlmsg_put_extra_header(h, sizeof(*g));
	g->nfgen_family = AF_INET;
	g->version = NFNETLINK_V0;
	mnl_attr_put_u8(h, IPSET_ATTR_PROTOCOL, IPSET_PROTOCOL);
	mnl_attr_put_strz(h, IPSET_ATTR_SETNAME, set);
	n = mnl_attr_nest_start(h, IPSET_ATTR_DATA);
	if (p->a.family)
		put_addr(h, IPSET_ATTR_IP, &p->a);
	if (p->b.family)
		put_addr(h, IPSET_ATTR_IP2, &p->b);
	if (p->proto) {
		mnl_attr_put_u16(h, IPSET_ATTR_PORT | NLA_F_NET_BYTEORDER, htons(p->port));
		mnl_attr_put_u8(h, IPSET_ATTR_PROTO, p->proto);
	}
	if (p->iface)
		mnl_attr_put_strz(h, IPSET_ATTR_IFACE, p->iface);
	mnl_attr_nest_end(h, n);
	assert_true(mnl_socket_sendto(f->nl, h, h->nlmsg_len) > 0);
	assert_true(mnl_socket_recvfrom(f->nl, answer, sizeof(answer)) > 0);
	r = (const void *)answer;
	assert_int_equal(r->nlmsg_type, NLMSG_ERROR);
	return ((const struct nlmsgerr *)mnl_nlmsg_get_payload(r))->error == 0;
}

static struct env
env_of(uint8_t family)
{
	struct env e = {.family = family, .proto = IPPROTO_TCP, .dport = 80, .dport_orig = 80};

	e.daddr.family = e.daddr_orig.family = family;
	e.iif = 1;
	return e;
}

static bool
outcome_has(const struct outcome *o, const struct addr *source)
{
	switch (o->kind) {
	case OUT_NO:
		return false;
	case OUT_YES:
		return true;
	case OUT_SPLIT:
		assert_ptr_equal(o->may.v, o->must.v);
		return ranges_has(&o->may, addr_number(source));
	default:
		fail_msg("not exact: %s", o->why);
	}
	return false;
}

/* An address of a small universe, in which networks of base_bits and more lie. */
static struct addr
small_addr(uint8_t family, uint32_t n)
{
	static const char *const base[] = {"10.20.30.0", "2001:db8::"};
	struct addr a;

	assert_int_equal(addr_parse(&a, base[family == 6], strlen(base[family == 6])), 0);
	a.bytes[addr_size(&a) - 1] = (uint8_t)n;
	a.bytes[addr_size(&a) - 2] += (uint8_t)(n >> 8);
	return a;
}

static void
small_net(uint8_t family, char *out, size_t n, unsigned shortest)
{
	struct addr a = small_addr(family, rnd(256));
	unsigned bits = addr_bits(&a);
	struct prefix p = prefix_of(&a, bits - rnd(shortest + 1));
	char text[ADDR_TEXT_MAX];

	snprintf(out, n, "%s/%u", addr_format(&p.addr, text), p.len);
}

static const uint16_t some_ports[] = {22, 80, 389, 514};
static const char *const some_ifaces[] = {"eth0", "eth1", "veth7"};

struct kind {
	const char *type, *options;
	unsigned nets, nets2; /* host bits of its networks at most */
	bool ip2, port, iface, nomatch;
};

static void
fill(struct kind const *k, uint8_t family, char *lines, size_t room, unsigned n)
{
	char *at = lines, *stop = lines + room, net[80];

	at += snprintf(at, (size_t)(stop - at), "create s %s family %s %s\n", k->type,
	    family == 6 ? "inet6" : "inet", k->options);
	while (n--) {
		small_net(family, net, sizeof(net), k->nets);
		at += snprintf(at, (size_t)(stop - at), "add s %s", net);
		if (k->port)
			at += snprintf(at, (size_t)(stop - at), ",%s:%u", rnd(3) ? "tcp" : "udp",
			    some_ports[rnd(4)]);
		if (k->ip2) {
			small_net(family, net, sizeof(net), k->nets2);
			at += snprintf(at, (size_t)(stop - at), ",%s", net);
		}
		if (k->iface && rnd(5) == 0)
			at += snprintf(at, (size_t)(stop - at), ",eth wildcard");
		else if (k->iface)
			at += snprintf(at, (size_t)(stop - at), ",%s", some_ifaces[rnd(3)]);
		if (k->nomatch && rnd(3) == 0)
			at += snprintf(at, (size_t)(stop - at), " nomatch");
		at += snprintf(at, (size_t)(stop - at), "\n");
		assert_true(at < stop);
	}
}

/* Asks for all sources of the universe, for a destination and port, in either direction of the
 * address parts. */
static unsigned
compare(struct fixture *f, const struct kind *k, const struct ipset *s, uint8_t family)
{
	struct ipset_question q = {.dim = 3};
	struct env e = env_of(family);
	struct port_class ports = {0, 0xffff};
	unsigned wrong = 0, flip = rnd(2);
	struct outcome o;

	e.daddr = small_addr(family, rnd(256));
	e.dport = e.dport_orig = rnd(4) ? some_ports[rnd(4)] : 81;
	e.proto = rnd(3) ? IPPROTO_TCP : IPPROTO_UDP;
	e.iif = 1 + rnd(3);
	q.flags = flip ? IPSET_DIM_ONE_SRC : k->port ? IPSET_DIM_THREE_SRC : IPSET_DIM_TWO_SRC;
	if (!k->ip2)
		q.flags = IPSET_DIM_ONE_SRC;
	if (k->iface)
		q.flags |= IPSET_DIM_TWO_SRC;
	if (k->ip2 && rnd(4) == 0) /* both the source */
		q.flags = IPSET_DIM_ONE_SRC | (k->port ? IPSET_DIM_THREE_SRC : IPSET_DIM_TWO_SRC);
	o = ipset_ask(s, &q, &e, &f->w, &ports);
	for (uint32_t n = 0; n < 300; n++) {
		struct addr source = small_addr(family, n);
		bool first = q.flags & IPSET_DIM_ONE_SRC;
		bool second = q.flags & (k->port ? IPSET_DIM_THREE_SRC : IPSET_DIM_TWO_SRC);
		struct packet p = {.a = first ? source : e.daddr};

		if (k->ip2)
			p.b = second ? source : e.daddr;
		if (k->port) {
			/* All of the class are the same. */
			p.port = some_ports[rnd(4)];
			if (p.port < ports.lo || p.port > ports.hi)
				p.port = n & 1 ? ports.lo : ports.hi;
			p.proto = e.proto;
		}
		if (k->iface)
			p.iface = some_ifaces[e.iif - 1];
		wrong += kernel_says(f, "s", &p) != outcome_has(&o, &source);
	}
	outcome_fini(&o);
	return wrong;
}

static void
random_sets_are_as_the_kernel_has_them(void **state)
{
	static const struct kind kinds[] = {
	    {.type = "hash:ip", .options = ""},
	    {.type = "hash:ip", .options = "netmask 28", .nets = 0},
	    {.type = "hash:net", .options = "", .nets = 9, .nomatch = true},
	    {.type = "hash:net", .options = "timeout 600", .nets = 9, .nomatch = true},
	    {.type = "hash:ip,port", .options = "", .port = true},
	    {.type = "hash:ip,port,ip", .options = "", .port = true, .ip2 = true},
	    {.type = "hash:ip,port,net",
		.options = "",
		.port = true,
		.ip2 = true,
		.nets2 = 8,
		.nomatch = true},
	    {.type = "hash:net,port", .options = "", .port = true, .nets = 8, .nomatch = true},
	    {.type = "hash:net,net",
		.options = "",
		.ip2 = true,
		.nets = 8,
		.nets2 = 8,
		.nomatch = true},
	    {.type = "hash:net,port,net",
		.options = "",
		.ip2 = true,
		.port = true,
		.nets = 8,
		.nets2 = 8,
		.nomatch = true},
	    {.type = "hash:net,iface", .options = "", .iface = true, .nets = 6},
	};
	struct fixture *f = fixture(state);
	static char lines[1 << 16];
	unsigned compared = 0;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		for (unsigned round = 0; round < 12; round++) {
			uint8_t family = round & 1 ? 6 : 4;
			const struct ipset *s;

			fill(&kinds[i], family, lines, sizeof(lines), 1 + rnd(120));
			if (!restore(f, lines)) /* not built into this kernel */
				break;
			s = the_set(f, "s");
			assert_null(ipset_unknown(s));
			for (unsigned n = 0; n < 12; n++) {
				unsigned wrong = compare(f, &kinds[i], s, family);

				if (wrong)
					fail_msg("%s family %u round %u: %u of 300 wrong\n%s",
					    kinds[i].type, family, round, wrong, lines);
				compared += 300;
			}
		}
	assert_true(compared >= 7 * 12 * 12 * 300);
}

static void
bitmaps_are_as_the_kernel_has_them(void **state)
{
	struct fixture *f = fixture(state);
	struct ipset_question q = {.dim = 1, .flags = IPSET_DIM_ONE_SRC};
	struct port_class ports = {0, 0xffff};
	struct env e = env_of(4);
	const struct ipset *s;
	struct outcome o;

	assert_true(restore(f, "create s bitmap:ip range 10.20.30.0/24 netmask 30\n"
			       "add s 10.20.30.7\nadd s 10.20.30.64\nadd s 10.20.30.252\n"));
	s = the_set(f, "s");
	o = ipset_ask(s, &q, &e, &f->w, &ports);
	for (uint32_t n = 0; n < 256; n++) {
		struct packet p = {.a = small_addr(4, n)};

		assert_int_equal(kernel_says(f, "s", &p), outcome_has(&o, &p.a));
	}
	outcome_fini(&o);

	assert_true(restore(f, "create s bitmap:port range 20-1000\nadd s 80\nadd s 389-391\n"));
	s = the_set(f, "s");
	q.flags = 0;
	for (unsigned port = 0; port < 500; port++) {
		e.dport = e.dport_orig = (uint16_t)port;
		e.proto = port & 1 ? IPPROTO_TCP : IPPROTO_UDP;
		e.family = port & 2 ? 6 : 4;
		ports = (struct port_class){0, 0xffff};
		o = ipset_ask(s, &q, &e, &f->w, &ports);
		assert_int_equal(
		    o.kind, port == 80 || (port >= 389 && port <= 391) ? OUT_YES : OUT_NO);
		assert_true(ports.lo <= port && ports.hi >= port);
	}
	e.proto = IPPROTO_SCTP; /* which bitmap:port never looks at */
	e.dport = e.dport_orig = 80;
	o = ipset_ask(s, &q, &e, &f->w, &ports);
	assert_int_equal(o.kind, OUT_NO);
	q.flags = IPSET_DIM_ONE_SRC;
	e.proto = IPPROTO_TCP;
	o = ipset_ask(s, &q, &e, &f->w, &ports);
	assert_int_equal(o.kind, OUT_MAYBE);
}

static void
expect(const struct ipset *s, const struct ipset_question *q, const struct env *e,
    const struct world *w, const char *source, enum outcome_kind kind)
{
	struct port_class ports = {0, 0xffff};
	struct outcome o = ipset_ask(s, q, e, w, &ports);
	struct addr a;
	u128 n;

	assert_int_equal(addr_parse(&a, source, strlen(source)), 0);
	n = addr_number(&a);
	if (o.kind == OUT_SPLIT) {
		bool may = ranges_has(&o.may, n), must = ranges_has(&o.must, n);

		assert_int_equal(must ? OUT_YES : may ? OUT_MAYBE : OUT_NO, kind);
	} else {
		assert_int_equal(o.kind, kind);
	}
	outcome_fini(&o);
}

static void
lists_ask_their_members(void **state)
{
	struct fixture *f = fixture(state);
	struct ipset_question q = {.dim = 2, .flags = IPSET_DIM_ONE_SRC};
	struct env e = env_of(4);
	const struct ipset *s;

	assert_true(restore(f, "create a hash:net\nadd a 10.0.0.0/8\nadd a 10.1.0.0/16 nomatch\n"
			       "create b hash:ip,port\nadd b 10.1.0.9,tcp:80\n"
			       "create c hash:net family inet6\nadd c ::/1\n"
			       "create l list:set\nadd l a\nadd l c\nadd l b\n"));
	s = the_set(f, "l");
	expect(s, &q, &e, &f->w, "10.2.0.1", OUT_YES);
	expect(s, &q, &e, &f->w, "10.1.0.1", OUT_NO);
	expect(s, &q, &e, &f->w, "10.1.0.9", OUT_YES);
	expect(s, &q, &e, &f->w, "11.0.0.1", OUT_NO);
	q.dim = 1; /* too few directions for b */
	expect(s, &q, &e, &f->w, "10.1.0.9", OUT_NO);
	q.return_nomatch = true;
	expect(s, &q, &e, &f->w, "10.1.0.9", OUT_YES);
	expect(s, &q, &e, &f->w, "10.2.0.1", OUT_NO);
	/* Rules that change a list change what it lists. */
	assert_null(ipset_unknown(ipset_by_name(f->w.ipsets, "a")));
	ipset_mark_dynamic(f->w.ipsets, 3);
	assert_non_null(ipset_unknown(s));
	assert_non_null(ipset_unknown(ipset_by_name(f->w.ipsets, "a")));
}

static void
what_a_sender_chooses_is_never_sure(void **state)
{
	struct fixture *f = fixture(state);
	struct ipset_question q = {.dim = 2, .flags = IPSET_DIM_ONE_SRC | IPSET_DIM_TWO_SRC};
	struct env e = env_of(4);
	const struct ipset *s;

	assert_true(restore(f, "create p hash:net,port\nadd p 10.0.0.0/8,tcp:80\n"
			       "add p 10.1.0.0/16,tcp:80 nomatch\nadd p 11.0.0.0/8,udp:80\n"
			       "create m bitmap:ip,mac range 10.0.0.0/24\n"
			       "add m 10.0.0.1,02:00:00:00:00:01\nadd m 10.0.0.2\n"));
	s = the_set(f, "p");
	expect(s, &q, &e, &f->w, "10.2.0.1", OUT_MAYBE);
	expect(s, &q, &e, &f->w, "10.1.0.1", OUT_MAYBE);
	expect(s, &q, &e, &f->w, "11.0.0.1", OUT_NO);
	s = ipset_by_name(f->w.ipsets, "m");
	expect(s, &q, &e, &f->w, "10.0.0.1", OUT_MAYBE);
	expect(s, &q, &e, &f->w, "10.0.0.2", OUT_MAYBE);
	expect(s, &q, &e, &f->w, "10.0.0.3", OUT_NO);
	/* Behind source NAT headers carry the new address for all. */
	e.snat = e.snat_addr_known = true;
	assert_int_equal(addr_parse(&e.saddr_new, "10.0.0.1", 8), 0);
	expect(s, &q, &e, &f->w, "192.0.2.1", OUT_MAYBE);
	q.flags = IPSET_DIM_ONE_SRC;
	s = ipset_by_name(f->w.ipsets, "p");
	expect(s, &q, &e, &f->w, "192.0.2.1", OUT_YES);
	e.snat_addr_known = false;
	expect(s, &q, &e, &f->w, "10.2.0.1", OUT_MAYBE);
}

static void
rules_find_a_set_by_its_index(void **state)
{
	struct fixture *f = fixture(state);

	assert_true(restore(f, "create a hash:ip\ncreate b hash:ip\ncreate c list:set\n"));
	(void)the_set(f, "a");
	assert_string_equal(ipset_name(ipset_by_index(f->w.ipsets, 0)), "a");
	assert_string_equal(ipset_name(ipset_by_index(f->w.ipsets, 1)), "b");
	assert_string_equal(ipset_name(ipset_by_index(f->w.ipsets, 2)), "c");
	assert_null(ipset_by_index(f->w.ipsets, 3));
	assert_null(ipset_by_index(f->w.ipsets, 65535));
	assert_null(ipset_by_name(f->w.ipsets, "d"));
}

/* More than a message holds. */
static void
a_big_set_comes_in_several_messages(void **state)
{
	struct fixture *f = fixture(state);
	struct ipset_question q = {.dim = 1, .flags = IPSET_DIM_ONE_SRC};
	struct env e = env_of(4);
	_cleanup_(freep) char *lines = malloc(4 << 20);
	char *at = lines;
	const struct ipset *s;
	struct outcome o;
	struct port_class ports = {0, 0xffff};

	at += sprintf(at, "create s hash:net maxelem 200000\n");
	for (unsigned i = 0; i < 100000; i++) /* no two are neighbours */
		at += sprintf(at, "add s 10.%u.%u.%u/32\n", i >> 15, i >> 7 & 255, i << 1 & 255);
	assert_true(restore(f, lines));
	s = the_set(f, "s");
	assert_null(ipset_unknown(s));
	o = ipset_ask(s, &q, &e, &f->w, &ports);
	assert_int_equal(o.kind, OUT_SPLIT);
	assert_int_equal(o.may.n, 100000);
	assert_false(o.may.owned); /* kept for the next question */
	outcome_fini(&o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(random_sets_are_as_the_kernel_has_them),
	    cmocka_unit_test(bitmaps_are_as_the_kernel_has_them),
	    cmocka_unit_test(lists_ask_their_members),
	    cmocka_unit_test(what_a_sender_chooses_is_never_sure),
	    cmocka_unit_test(rules_find_a_set_by_its_index),
	    cmocka_unit_test(a_big_set_comes_in_several_messages),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
