/* links: prover watcher */
/* SPDX-License-Identifier: GPL-2.0-or-later
 * Rulesets as the real kernel dumps them, and what becomes of a new connection. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "netns_dump.h"
#include "prover/eval.h"
#include "prover/xt.h"

#include <linux/if_packet.h>
#include <linux/netfilter/nf_tables.h>

#define HERE4 "192.0.2.1"
#define HERE6 "2001:db8::1"

/* A machine with an outer network, and one behind it that it forwards to. */
static const char *const machine[] = {
    "ip link add out0 type veth peer name out1",
    "ip link add in0 type veth peer name in1",
    "ip link set out0 up",
    "ip link set out1 up",
    "ip link set in0 up",
    "ip link set in1 up",
    "ip addr add " HERE4 "/24 dev out0",
    "ip addr add 172.17.0.1/16 dev in0",
    "ip -6 addr add " HERE6 "/64 dev out0 nodad",
    "ip -6 addr add fd00:17::1/64 dev in0 nodad",
    "ip route add default via 192.0.2.254",
    "ip -6 route add default via 2001:db8::fe",
    "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1",
    "sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.out0.rp_filter=0",
};

static bool have_netns;

static int
make_machine(void **state)
{
	(void)state;
	have_netns = netns_enter() == 0;
	for (size_t i = 0; have_netns && i < sizeof(machine) / sizeof(*machine); i++)
		if (system(machine[i]) != 0)
			return -1;
	return 0;
}

static void
load(const char *rules)
{
	FILE *p;

	assert_int_equal(system("nft flush ruleset"), 0);
	p = popen("nft -f -", "w");
	assert_non_null(p);
	/* The last statement of a block wants a new line. */
	for (const char *at = rules; *at; at++)
		fprintf(p, "%s%c", *at == '}' ? "\n" : "", *at);
	assert_int_equal(pclose(p), 0);
}

struct host {
	struct dump dump;
	struct arena arena, rules_arena;
	struct ruleset rules;
	struct world world;
	struct evaluator *eval;
	uint32_t iif;
};

static void
host_open(struct host *h, const char *rules, const struct eval_limits *limits)
{
	const char *what = NULL;
	int fd;

	memset(h, 0, sizeof(*h));
	load(rules);
	fd = netns_dump();
	assert_true(fd >= 0);
	assert_int_equal(dump_open(&h->dump, fd), 0);
	close(fd);
	h->rules.arena = &h->rules_arena;
	assert_int_equal(ruleset_read(&h->rules, &h->dump, &what), 0);
	assert_int_equal(world_read(&h->world, &h->dump, &h->arena, &what), 0);
	/* What the machine under the test has besides is not the question here. */
	h->world.n_mechanisms = 0;
	xt_mark_dynamic(&h->rules, &h->world);
	assert_int_equal(evaluator_new(&h->eval, &h->rules, &h->world, limits), 0);
	h->iif = world_iface_named(&h->world, "out0")->index;
}

static void
host_close(struct host *h)
{
	evaluator_free(h->eval);
	ruleset_fini(&h->rules);
	arena_fini(&h->arena);
	arena_fini(&h->rules_arena);
	dump_close(&h->dump);
}

static struct addr
addr(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(&a, text, strlen(text)), 0);
	return a;
}

static struct query
question(const struct host *h, uint8_t family, const char *proto, unsigned port)
{
	return (struct query){.family = family,
	    .proto = strcmp(proto, "tcp") == 0   ? IPPROTO_TCP
		     : strcmp(proto, "udp") == 0 ? IPPROTO_UDP
						 : IPPROTO_SCTP,
	    .dport = (uint16_t)port,
	    .daddr = addr(family == 4 ? HERE4 : HERE6),
	    .iif = h->iif,
	    .pkttype = PACKET_HOST};
}

static char
letter(const struct answer *a, u128 source)
{
	bool accept = srcset_has(&a->accept, source), drop = srcset_has(&a->drop, source);

	return accept && drop ? '?' : accept ? 'A' : drop ? 'D' : '-';
}

/* "SOURCE PROTO/PORT ANSWER": asked of all sources at once, and of this one alone. */
static void
ask(struct host *h, const char *rules, const char *line)
{
	char from[64], proto[8], got[2] = "", want;
	const char *why = "";
	struct srcset one;
	struct answer a;
	struct range r;
	struct query q;
	struct addr s;
	unsigned port;

	assert_int_equal(sscanf(line, "%63s %7[^/]/%u %c", from, proto, &port, &want), 4);
	s = addr(from);
	q = question(h, s.family, proto, port);
	eval_query(h->eval, &q, &a);
	got[0] = letter(&a, addr_number(&s));
	assert_in_range(port, a.ports.lo, a.ports.hi);
	answer_fini(&a);
	r = (struct range){addr_number(&s), addr_number(&s)};
	one = srcset_of(&(struct ranges){.v = &r, .n = 1});
	q.sources = &one;
	eval_query(h->eval, &q, &a);
	got[1] = letter(&a, addr_number(&s));
	why = a.n_whys ? a.whys[0] : "";
	answer_fini(&a);
	srcset_fini(&one);
	if (got[0] != want || got[1] != want)
		fail_msg("%s: got %c, alone %c (%s)\n%s", line, got[0], got[1], why, rules);
}

struct example {
	const char *rules, *lines[16];
};

#define INPUT(policy, body)                                                                        \
	"table inet t { chain in { type filter hook input priority 0; policy " policy "; " body    \
	"} }"

static const struct example examples[] = {
    /* policies, plain addresses and prefixes, both families */
    {INPUT("accept", ""), {"198.51.100.1 tcp/22 A", "2001:db8:1::1 tcp/22 A"}},
    {INPUT("drop", ""), {"198.51.100.1 udp/22 D", "2001:db8:1::1 tcp/22 D"}},
    {INPUT("drop", "ip saddr 10.20.0.0/16 accept; ip saddr 10.30.0.0/20 accept;"),
	{"10.20.0.0 tcp/1 A", "10.20.255.255 tcp/1 A", "10.21.0.0 tcp/1 D", "10.19.255.255 tcp/1 D",
	    "10.30.15.255 tcp/1 A", "10.30.16.0 tcp/1 D", "2001:db8:1::1 tcp/1 D"}},
    {INPUT("drop", "ip6 saddr 2001:db8:1::/48 accept; ip6 saddr 2001:db8:4::/47 accept;"),
	{"2001:db8:1:ffff::1 tcp/1 A", "2001:db8:2:: tcp/1 D", "2001:db8:5::1 tcp/1 A",
	    "2001:db8:6::1 tcp/1 D", "10.0.0.1 tcp/1 D"}},
    {INPUT("accept", "ip saddr != 10.0.0.1-10.0.0.9 drop; ip6 saddr > 2001:db8:1:: drop;"),
	{"10.0.0.1 tcp/1 A", "10.0.0.9 tcp/1 A", "10.0.0.10 tcp/1 D", "10.0.0.0 tcp/1 D",
	    "2001:db8:1:: tcp/1 A", "2001:db8:1::1 tcp/1 D", "2001:db8::2 tcp/1 A"}},
    {INPUT("accept",
	 "ip saddr & 255.0.0.255 == 10.0.0.7 drop; ip saddr & 255.255.0.3 == 198.51.0.2 drop;"
	 "ip saddr & 0.0.0.3 == 0.0.0.1 ip saddr & 255.0.0.0 == 12.0.0.0 drop;"),
	{"10.1.2.7 tcp/1 D", "10.1.2.8 tcp/1 A", "11.1.2.7 tcp/1 A", "198.51.100.2 tcp/1 D",
	    "198.51.100.3 tcp/1 A", "198.51.100.6 tcp/1 D", "12.0.0.1 tcp/1 ?"}},
    /* a second chain is not asked once source NAT, of ports alone, too, was done */
    {"table ip a { chain i { type nat hook input priority 90; tcp dport 389 snat to :2000-3000; } "
     "}\n"
     "table ip b { chain i { type nat hook input priority 95; tcp dport { 389, 390 } drop; } }",
	{"198.51.100.1 tcp/389 A", "198.51.100.1 tcp/390 D"}},
    /* a source written into the header is the one that the kernel looks at */
    {"table ip a { chain p { type filter hook prerouting priority -300;"
     " ip saddr 127.0.0.0/8 ip saddr set 203.0.113.9; ip saddr 10.0.0.0/8 ip saddr set 127.0.0.1;"
     " ip saddr 11.0.0.0/8 ip saddr set 203.0.113.7; }\n"
     "chain o { type filter hook prerouting priority 0; tcp dport 391 ct original ip saddr "
     "203.0.113.7 drop; }\n"
     "chain n { type nat hook input priority 100; ip saddr 203.0.113.9 tcp dport 390 drop; } }",
	{"127.0.0.1 tcp/389 A", "127.0.0.1 tcp/390 D", "10.0.0.1 tcp/389 D", "12.0.0.1 tcp/389 A",
	    "11.0.0.1 tcp/391 ?"}},
    /* a map asked like a set */
    {"table inet t { map m { type ipv4_addr : mark; flags interval;"
     " elements = { 10.20.0.0/16 : 1, 203.0.113.9 : 2 }; }\n"
     "map v { type ipv4_addr : verdict; elements = { 10.20.0.1 : drop }; }\n"
     "map p { type inet_service : mark; elements = { 5 : 1 }; }\n"
     "chain in { type filter hook input priority 0; tcp dport 1 ip saddr != @m drop;"
     " tcp dport 2 ip saddr @m drop; tcp dport 3 ip saddr @v accept;"
     " tcp dport 3 ip saddr != @v drop; tcp dport 4-5 tcp dport != @p drop; } }",
	{"10.20.0.1 tcp/1 A", "203.0.113.9 tcp/1 A", "203.0.113.8 tcp/1 D", "203.0.113.9 tcp/2 D",
	    "203.0.113.8 tcp/2 A", "10.20.0.1 tcp/3 A", "10.20.0.2 tcp/3 D", "10.20.0.2 tcp/4 D",
	    "10.20.0.2 tcp/5 A"}},
    /* who puts an extension header in between gets past a rule that rests on the byte */
    {INPUT("accept", "ip6 nexthdr != tcp accept; tcp dport 1 drop;"), {"2001:db8:1::1 tcp/1 ?"}},
    {INPUT("drop", "ip6 nexthdr tcp tcp dport 1 accept; ip6 nexthdr udp accept;"
		   "ip6 nexthdr vmap { tcp : drop, 60 : accept };"),
	{"2001:db8:1::1 tcp/1 A", "2001:db8:1::1 tcp/2 ?", "2001:db8:1::1 udp/1 A"}},
    {INPUT("drop", "ip6 nexthdr udp accept; ip6 nexthdr { tcp, sctp } th dport 7 accept;"),
	{"2001:db8:1::1 tcp/1 D", "2001:db8:1::1 tcp/7 A"}},
    /* ports and protocols */
    {INPUT("drop", "tcp dport 20-25 accept; udp dport { 53, 123 } accept; th dport 7 accept;"
		   "tcp dport & 0xff00 == 0x1f00 accept;"),
	{"198.51.100.1 tcp/20 A", "198.51.100.1 tcp/25 A", "198.51.100.1 tcp/26 D",
	    "198.51.100.1 udp/22 D", "198.51.100.1 udp/123 A", "198.51.100.1 tcp/53 D",
	    "2001:db8:1::1 sctp/7 A", "2001:db8:1::1 udp/7 A", "198.51.100.1 tcp/8000 A",
	    "198.51.100.1 tcp/8192 D"}},
    {INPUT("accept",
	 "tcp flags & (fin|syn|rst|ack) != syn drop; tcp flags & (fin|syn) == fin|syn drop;"
	 "meta l4proto udp drop; ip protocol sctp drop;"),
	{"198.51.100.1 tcp/1 A", "198.51.100.1 udp/1 D", "198.51.100.1 sctp/1 D",
	    "2001:db8:1::1 sctp/1 A"}},
    /* what a sender may choose is not known */
    {INPUT("accept", "tcp sport < 1024 drop; udp length > 100 drop; ip ttl < 5 drop;"
		     "tcp flags == syn counter;"),
	{"198.51.100.1 tcp/1 ?", "198.51.100.1 udp/1 ?", "2001:db8:1::1 tcp/1 ?",
	    "2001:db8:1::1 sctp/1 A"}},
    {INPUT("drop", "limit rate 5/second accept; ip saddr 10.0.0.0/8 drop;"),
	{"198.51.100.1 tcp/1 ?", "10.1.1.1 tcp/1 ?"}},
    {INPUT("drop", "ip saddr 10.0.0.0/8 limit rate 5/second accept; ip saddr 10.1.0.0/16 accept;"),
	{"198.51.100.1 tcp/1 D", "10.2.1.1 tcp/1 ?", "10.1.1.1 tcp/1 A"}},
    /* sets: hash, interval, concatenated, inverted */
    {"table inet t { set a { type ipv4_addr; elements = { 10.0.0.1, 10.0.0.2, 10.0.0.5 } }\n"
     "set b { type ipv6_addr; flags interval; elements = { 2001:db8:1::/48, 2001:db8:3::5 } }\n"
     "set c { type ipv4_addr . inet_service; flags interval;"
     " elements = { 10.0.0.0/24 . 22, 10.0.1.5-10.0.1.9 . 80-90, 10.0.0.0/8 . 99 } }\n"
     "chain in { type filter hook input priority 0; policy drop; ip saddr @a tcp dport 1 accept;"
     "ip6 saddr @b accept; ip saddr . tcp dport @c accept; ip saddr != @a udp dport 9 accept; } }",
	{"10.0.0.1 tcp/1 A", "10.0.0.3 tcp/1 D", "10.0.0.5 tcp/1 A", "2001:db8:1:9::1 tcp/5 A",
	    "2001:db8:3::5 udp/5 A", "2001:db8:3::6 udp/5 D", "10.0.0.77 tcp/22 A",
	    "10.0.1.7 tcp/22 D", "10.0.1.7 tcp/85 A", "10.0.1.10 tcp/85 D", "10.200.1.1 tcp/99 A",
	    "10.200.1.1 udp/99 D", "10.0.0.2 udp/9 D", "10.0.0.3 udp/9 A"}},
    {INPUT("drop", "ip saddr & 255.255.255.0 { 10.0.1.0, 10.0.2.0 } accept;"
		   "ip saddr . tcp sport { 10.9.9.9 . 53 } accept;"),
	{"10.0.1.77 tcp/1 A", "10.0.2.0 tcp/1 A", "10.0.3.1 tcp/1 D", "10.9.9.9 tcp/1 ?",
	    "10.9.9.8 tcp/1 D"}},
    {"table inet t { set d { type ipv4_addr; flags dynamic,timeout; timeout 1h; }\n"
     "chain in { type filter hook input priority 0; policy accept; ip saddr @d drop; } }",
	{"10.0.0.1 tcp/1 ?", "2001:db8:1::1 tcp/1 A"}},
    /* verdict maps, data maps, jump, goto, return */
    {"table inet t { chain a { ip saddr 10.0.0.1 return; ip saddr 10.0.0.2 accept; }\n"
     "chain b { ip saddr 10.1.0.1 return; ip saddr 10.1.0.2 accept; }\n"
     "chain in { type filter hook input priority 0; policy drop;"
     "tcp dport vmap { 1 : jump a, 2 : goto b, 3 : drop, 4-6 : accept };"
     "ip saddr 10.0.0.0/8 accept; } }",
	{"10.0.0.1 tcp/1 A", "10.0.0.2 tcp/1 A", "11.0.0.2 tcp/1 D", "10.1.0.1 tcp/2 D",
	    "10.1.0.2 tcp/2 A", "10.1.0.3 tcp/2 D", "10.0.0.1 tcp/3 D", "11.0.0.1 tcp/5 A",
	    "10.9.9.9 udp/3 A"}},
    {"table inet t { map m { type ipv4_addr : verdict; flags interval;"
     " elements = { 10.0.0.0/24 : accept, 10.0.1.0/24 : drop, 10.0.2.0/24 : continue } }\n"
     "map k { type ipv6_addr : mark; flags interval;"
     " elements = { 2001:db8:1::/48 : 1, 2001:db8:2::/48 : 2, 2001:db8:3::/48 : 1 } }\n"
     "chain in { type filter hook input priority 0; policy drop; ip saddr vmap @m;"
     "ip saddr 10.0.0.0/16 accept; meta mark set ip6 saddr map @k; meta mark 1 accept; } }",
	{"10.0.0.5 tcp/1 A", "10.0.1.5 tcp/1 D", "10.0.2.5 tcp/1 A", "10.0.3.5 tcp/1 A",
	    "10.1.3.5 tcp/1 D", "2001:db8:1::5 tcp/1 A", "2001:db8:2::5 tcp/1 D",
	    "2001:db8:3::5 tcp/1 A", "2001:db8:4::5 tcp/1 D"}},
    /* interfaces; there is no outgoing one in input */
    {INPUT("drop",
	 "iifname \"out0\" ip saddr 10.0.0.1 accept; iifname \"ou*\" ip saddr 10.0.0.2 accept;"
	 "iifname \"in0\" accept; oifname \"in0\" accept; oif != \"in0\" ip saddr 10.0.0.3 accept;"
	 "iif lo accept; meta iifkind \"veth\" ip saddr 10.0.0.4 accept;"),
	{"10.0.0.1 tcp/1 A", "10.0.0.2 tcp/1 A", "10.0.0.3 tcp/1 A", "10.0.0.4 tcp/1 A",
	    "10.0.0.5 tcp/1 D"}},
    /* conntrack: an entry from -200 on; notrack; marks */
    {INPUT("drop", "ct state established,related accept; ct state invalid drop;"
		   "ct state new ct direction original ct original ip saddr 10.0.0.0/8 accept;"),
	{"10.0.0.1 tcp/1 A", "11.0.0.1 tcp/1 D"}},
    {"table inet t { chain raw { type filter hook prerouting priority -300; ct state invalid"
     " ip saddr 10.0.0.1 drop; ct direction original ip saddr 10.0.0.2 drop;"
     " ip saddr 10.0.0.3 notrack; ct mark set 7; }\n"
     "chain in { type filter hook input priority 0; ct state untracked drop; ct mark 7 drop;"
     " ct mark set 9; ct mark 9 ip saddr 10.0.0.5 drop; ct direction reply drop; } }",
	{"10.0.0.1 tcp/1 D", "10.0.0.2 tcp/1 A", "10.0.0.3 tcp/1 D", "10.0.0.4 tcp/1 A",
	    "10.0.0.5 tcp/1 D"}},
    {"table inet t { chain pre { type filter hook prerouting priority -150;"
     " ip saddr 10.0.0.0/8 meta mark set 0x10; ip6 saddr 2001:db8:1::/48 meta mark set 0x20; }\n"
     "chain in { type filter hook input priority 0; meta mark & 0xf0 == 0x10 drop;"
     " meta mark >= 0x20 meta mark <= 0x2f drop; } }",
	{"10.0.0.1 tcp/1 D", "11.0.0.1 tcp/1 A", "2001:db8:1::1 tcp/1 D", "2001:db8:2::1 tcp/1 A"}},
    /* accept ends its own chain alone; drop ends all */
    {"table inet a { chain in { type filter hook input priority -5; policy drop; accept; } }\n"
     "table ip b { chain in { type filter hook input priority 5; ip saddr 10.0.0.1 drop; } }\n"
     "table ip6 c { chain in { type filter hook input priority 5; policy drop; } }\n"
     "table inet d { flags dormant; chain in { type filter hook input priority 5; policy drop; } }",
	{"10.0.0.1 tcp/1 D", "10.0.0.2 tcp/1 A", "2001:db8:1::1 tcp/1 D"}},
    /* equal priority: in one table the later one first */
    {"table inet t { chain x { type filter hook input priority 0; meta mark set 1; }\n"
     "chain y { type filter hook input priority 0; meta mark 1 drop; } }",
	{"10.0.0.1 tcp/1 A"}},
    {"table inet t { chain y { type filter hook input priority 0; meta mark 1 drop; }\n"
     "chain x { type filter hook input priority 0; meta mark set 1; } }",
	{"10.0.0.1 tcp/1 D"}},
    /* ingress sees the packet before all else */
    {"table netdev t { chain i { type filter hook ingress device out0 priority 0;"
     " ip saddr 10.0.0.1 drop; ip6 saddr 2001:db8:1::/48 tcp dport 22 drop; } }\n"
     "table inet u { chain i { type filter hook ingress device out0 priority 5;"
     " ip saddr 10.0.0.2 drop; meta nfproto ipv6 ip6 saddr 2001:db8:2::/48 drop; } }",
	{"10.0.0.1 tcp/1 D", "10.0.0.2 tcp/1 D", "10.0.0.3 tcp/1 A", "2001:db8:1::1 tcp/22 D",
	    "2001:db8:1::1 tcp/23 A", "2001:db8:2::1 tcp/1 D"}},
    /* routes */
    {INPUT("accept", "fib saddr . iif oif missing drop; fib daddr type != local drop;"),
	{"10.0.0.1 tcp/1 A", "192.0.2.7 tcp/1 A", "172.17.3.4 tcp/1 D", "fd00:17::9 tcp/1 D",
	    "fe80::5 tcp/1 A", "2001:db8:1::1 tcp/1 A"}},
    {INPUT("drop", "fib saddr oifname \"in0\" accept;"),
	{"172.17.3.4 tcp/1 A", "10.0.0.1 tcp/1 D", "fd00:17::9 tcp/1 A"}},
    {INPUT("accept", "fib saddr type local drop; fib saddr type broadcast drop;"
		     "fib daddr oif exists drop;"),
	{"10.0.0.1 tcp/1 A", "2001:db8:1::1 tcp/1 A"}},
    /* sources the kernel drops */
    {INPUT("accept", ""),
	{"127.0.0.1 tcp/1 D", "224.0.0.1 tcp/1 D", "0.0.0.0 tcp/1 D", "0.0.0.1 tcp/1 A",
	    HERE4 " tcp/1 D", "::1 tcp/1 D", "ff02::1 tcp/1 D", "fe80::9 tcp/1 A"}},
    /* destination NAT: input or forward, by the new destination */
    {"table inet n { chain d { type nat hook prerouting priority -100;"
     " meta nfproto ipv4 tcp dport 80 dnat ip to 172.17.0.2:8080;"
     " meta nfproto ipv6 tcp dport 80 dnat ip6 to [fd00:17::2]:8080; tcp dport 81 redirect to "
     ":8081; }\n"
     "chain in { type filter hook input priority 0; policy drop; tcp dport 8081"
     " ct original proto-dst 81 ct status dnat accept; tcp dport 81 accept; }\n"
     "chain f { type filter hook forward priority 0; policy drop; ip saddr 10.0.0.1 accept;"
     " ip saddr 10.0.0.2 tcp dport 80 accept; ip saddr 10.0.0.3 ip daddr 172.17.0.2 tcp dport 8080"
     " oifname \"in0\" iifname \"out0\" accept;"
     " ip6 daddr fd00:17::2 tcp dport 8080 ct status dnat accept; } }",
	{"10.0.0.1 tcp/80 A", "10.0.0.2 tcp/80 D", "10.0.0.3 tcp/80 A", "10.0.0.4 tcp/80 D",
	    "2001:db8:1::1 tcp/80 A", "10.0.0.9 tcp/81 A", "2001:db8:1::1 tcp/81 A",
	    "10.0.0.9 tcp/82 D"}},
    /* nat runs at -100 whatever it says; what is untracked passes it by; postrouting */
    {"table ip n { chain d { type nat hook prerouting priority 50; tcp dport 80 dnat to "
     "172.17.0.2; }\n"
     "chain late { type filter hook prerouting priority 0; ip daddr 172.17.0.2 ip saddr 10.0.0.1 "
     "drop; }\n"
     "chain early { type filter hook prerouting priority -110; ip daddr 172.17.0.2 drop;"
     " ip saddr 10.0.0.4 drop; }\n"
     "chain raw { type filter hook prerouting priority -300; ip saddr 10.0.0.2 notrack; }\n"
     "chain in { type filter hook input priority 0; policy drop; }\n"
     "chain s { type nat hook postrouting priority 100; oifname \"in0\" snat to 172.17.0.1; }\n"
     "chain p { type filter hook postrouting priority 200; ip saddr != 172.17.0.1 drop;"
     " ct original ip saddr 10.0.0.5 drop; } }",
	{"10.0.0.1 tcp/80 D", "10.0.0.2 tcp/80 D", "10.0.0.3 tcp/80 A", "10.0.0.4 tcp/80 D",
	    "10.0.0.5 tcp/80 D"}},
    /* to one of several */
    {"table ip n { chain d { type nat hook prerouting priority -100; tcp dport 80 dnat to"
     " 172.17.0.2-172.17.0.3; }\n"
     "chain f { type filter hook forward priority 0; ip daddr 172.17.0.3 ip saddr 10.0.0.1 drop;"
     " ip daddr 172.17.0.4 drop; } }",
	{"10.0.0.1 tcp/80 ?", "10.0.0.2 tcp/80 A"}},
    {"table ip n { map m { type ipv4_addr . inet_service : ipv4_addr . inet_service;"
     " elements = { " HERE4 " . 80 : 172.17.0.2 . 8080 } }\n"
     "chain d { type nat hook prerouting priority -100; dnat ip to ip daddr . tcp dport map @m; }\n"
     "chain f { type filter hook forward priority 0; policy drop; tcp dport 8080 ip saddr 10.0.0.1"
     " accept; } }",
	{"10.0.0.1 tcp/80 A", "10.0.0.2 tcp/80 D", "10.0.0.2 tcp/81 A"}},
    /* the header is rewritten without an entry */
    {"table ip n { chain p { type filter hook prerouting priority -300; tcp dport 90 tcp dport set "
     "91; }\n"
     "chain in { type filter hook input priority 0; policy drop; tcp dport 91 accept; } }",
	{"10.0.0.1 tcp/90 A", "10.0.0.1 tcp/91 A", "10.0.0.1 tcp/92 D"}},
    {INPUT("drop", "reject; accept;"), {"10.0.0.1 tcp/1 D"}},
    {INPUT("drop", "meta skuid 0 accept; ip saddr 10.0.0.1 meta cpu 0 accept;"),
	{"10.0.0.1 tcp/1 ?", "10.0.0.2 tcp/1 ?"}},
};

static void
test_examples(void **state)
{
	(void)state;
	if (!have_netns)
		skip();
	for (size_t i = 0; i < sizeof(examples) / sizeof(*examples); i++) {
		const struct example *x = &examples[i];
		struct host h;

		host_open(&h, x->rules, NULL);
		for (size_t k = 0; k < 16 && x->lines[k]; k++)
			ask(&h, x->rules, x->lines[k]);
		host_close(&h);
	}
}

/* Whatever class an answer is said to hold for, each of its ports gives it. */
static void
test_port_classes_hold(void **state)
{
	static const char rules[] =
	    "table inet t { set s { type inet_service; flags interval; elements = { 100-110, 120 } "
	    "}\n"
	    "set c { type ipv4_addr . inet_service; flags interval;"
	    " elements = { 10.0.0.0/8 . 30-32, 10.9.0.0/16 . 40 } }\n"
	    "map m { type inet_service : mark; elements = { 70 : 1, 71 : 1 } }\n"
	    "chain in { type filter hook input priority 0; policy drop;"
	    " tcp dport 10 accept; tcp dport 20-22 accept; tcp dport != 1-200 accept;"
	    " tcp dport @s ip saddr 10.0.0.0/8 accept; ip saddr . tcp dport @c accept;"
	    " tcp dport & 0xf0 == 0x30 ip saddr 11.0.0.1 accept; tcp dport > 190 accept;"
	    " meta mark set tcp dport map @m; meta mark 1 accept; tcp dport vmap { 60-62 : accept "
	    "} } }";
	struct host h;

	(void)state;
	if (!have_netns)
		skip();
	host_open(&h, rules, NULL);
	for (unsigned port = 0; port < 260; port++) {
		struct query q = question(&h, 4, "tcp", port);
		struct answer a, b;

		eval_query(h.eval, &q, &a);
		assert_in_range(port, a.ports.lo, a.ports.hi);
		for (unsigned p = a.ports.lo; p <= a.ports.hi && p < 260; p++) {
			q.dport = (uint16_t)p;
			eval_query(h.eval, &q, &b);
			if (!srcset_equal(&a.accept, &b.accept) || !srcset_equal(&a.drop, &b.drop))
				fail_msg("port %u said %u-%u, but %u differs", port, a.ports.lo,
				    a.ports.hi, p);
			answer_fini(&b);
		}
		answer_fini(&a);
	}
	host_close(&h);
}

static void
test_port_class_is_wide_where_nothing_looks(void **state)
{
	struct host h;
	struct query q;
	struct answer a;

	(void)state;
	if (!have_netns)
		skip();
	host_open(&h, INPUT("drop", "tcp dport 22 accept; tcp dport { 80, 443 } accept;"), NULL);
	q = question(&h, 4, "tcp", 100);
	eval_query(h.eval, &q, &a);
	assert_int_equal(a.ports.lo, 81);
	assert_int_equal(a.ports.hi, 442);
	answer_fini(&a);
	q = question(&h, 4, "udp", 100);
	eval_query(h.eval, &q, &a);
	assert_int_equal(a.ports.lo, 0);
	assert_int_equal(a.ports.hi, 65535);
	answer_fini(&a);
	host_close(&h);
}

static void
test_endpoints(void **state)
{
	static const char rules[] =
	    "table ip n { chain d { type nat hook prerouting priority -100;"
	    " ip saddr 10.0.0.0/8 tcp dport 80 dnat to 172.17.0.2:8080; }\n"
	    "chain f { type filter hook forward priority 0; ip saddr 10.1.0.0/16 drop; } }";
	struct query q;
	struct answer a;
	struct host h;
	unsigned seen = 0;

	(void)state;
	if (!have_netns)
		skip();
	host_open(&h, rules, NULL);
	q = question(&h, 4, "tcp", 80);
	eval_query(h.eval, &q, &a);
	assert_int_equal(a.n_endpoints, 2);
	for (uint32_t i = 0; i < a.n_endpoints; i++) {
		const struct endpoint *p = &a.endpoints[i];
		struct addr in = addr("10.2.0.1"), dropped = addr("10.1.0.1"),
			    out = addr("11.0.0.1");

		seen |= 1u << p->forwarded;
		assert_int_equal(p->port, p->forwarded ? 8080 : 80);
		assert_int_equal(srcset_has(&p->accept, addr_number(&in)), p->forwarded);
		assert_int_equal(srcset_has(&p->drop, addr_number(&dropped)), p->forwarded);
		assert_int_equal(srcset_has(&p->accept, addr_number(&out)), !p->forwarded);
		if (p->forwarded)
			assert_int_equal(p->oif, world_iface_named(&h.world, "in0")->index);
	}
	assert_int_equal(seen, 3);
	answer_fini(&a);
	q.until_nat = true;
	eval_query(h.eval, &q, &a);
	assert_int_equal(a.n_endpoints, 2);
	answer_fini(&a);
	host_close(&h);
}

static bool
has_why(const struct answer *a, const char *part)
{
	for (uint32_t i = 0; i < a->n_whys; i++)
		if (strstr(a->whys[i], part))
			return true;
	return false;
}

static void
test_whys_name_only_what_mattered(void **state)
{
	struct host h;
	struct query q;
	struct answer a;

	(void)state;
	if (!have_netns)
		skip();
	host_open(&h,
	    INPUT("drop", "ip saddr 10.0.0.0/8 limit rate 1/second drop;"
			  "ip saddr 11.0.0.0/8 meta cpu 1 accept;"),
	    NULL);
	q = question(&h, 4, "tcp", 80);
	eval_query(h.eval, &q, &a);
	assert_true(has_why(&a, "cpu"));
	assert_false(has_why(&a, "limit")); /* dropped either way */
	answer_fini(&a);
	host_close(&h);
}

static void
test_trail_of_one_source(void **state)
{
	static const char rules[] =
	    "table ip n { chain d { type nat hook prerouting priority -100; tcp dport 80 dnat to"
	    " 172.17.0.2:8080; }\n"
	    "chain u { ip saddr 10.0.0.1 drop; }\n"
	    "chain f { type filter hook forward priority 0; jump u; } }";
	static const char *const want[] = {
	    "dnat to 172.17.0.2:8080", "routed to in0", "jump u", "drop"};
	struct arena arena = {0};
	struct trail t = {.arena = &arena};
	struct addr s = addr("10.0.0.1");
	struct range r = {addr_number(&s), addr_number(&s)};
	struct srcset one = srcset_of(&(struct ranges){.v = &r, .n = 1});
	struct query q;
	struct answer a;
	struct host h;
	unsigned at = 0;

	(void)state;
	if (!have_netns)
		skip();
	host_open(&h, rules, NULL);
	q = question(&h, 4, "tcp", 80);
	q.sources = &one;
	q.trail = &t;
	eval_query(h.eval, &q, &a);
	for (uint32_t i = 0; i < t.n && at < 4; i++)
		if (strcmp(t.steps[i].text, want[at]) == 0)
			at++;
	for (uint32_t i = 0; i < t.n && at < 4; i++)
		print_message(
		    "%s (%s)\n", t.steps[i].text, t.steps[i].unknown ? t.steps[i].unknown : "");
	assert_int_equal(at, 4);
	answer_fini(&a);
	srcset_fini(&one);
	arena_fini(&arena);
	host_close(&h);
}

static void
test_past_a_bound_sources_count_as_both(void **state)
{
	struct eval_limits few = {.steps = 3}, envs = {.envs = 2};
	struct host h;
	struct query q;
	struct answer a;
	struct addr s = addr("10.0.0.1");

	(void)state;
	if (!have_netns)
		skip();
	host_open(
	    &h, INPUT("drop", "tcp dport 1 accept; tcp dport 2 accept; tcp dport 3 accept;"), &few);
	q = question(&h, 4, "tcp", 80);
	eval_query(h.eval, &q, &a);
	assert_int_equal(letter(&a, addr_number(&s)), '?');
	assert_true(has_why(&a, "more steps"));
	answer_fini(&a);
	host_close(&h);
	host_open(&h,
	    INPUT("drop", "meta mark set ip saddr map { 10.0.0.0 : 1, 10.0.0.1 : 2, 10.0.0.2 : 3,"
			  " 10.0.0.3 : 4, 10.0.0.4 : 5 }; meta mark 2 accept;"),
	    &envs);
	eval_query(h.eval, &q, &a);
	assert_true(srcset_has(&a.accept, addr_number(&s)));
	assert_true(srcset_has(&a.drop, addr_number(&(struct addr){4, {10, 0, 0, 4}})));
	answer_fini(&a);
	host_close(&h);
}

static void
test_mechanisms_cap_the_answer(void **state)
{
	struct mechanism m[] = {{.name = "some program", .may_drop = true},
	    {.name = "a door", .family = 6, .may_accept = true}};
	struct addr s4 = addr("10.0.0.1"), s6 = addr("2001:db8:1::1");
	struct host h;
	struct query q;
	struct answer a;

	(void)state;
	if (!have_netns)
		skip();
	host_open(&h, INPUT("drop", "ip saddr 10.0.0.0/8 accept;"), NULL);
	h.world.mechanisms = m;
	h.world.n_mechanisms = 2;
	q = question(&h, 4, "tcp", 80);
	eval_query(h.eval, &q, &a);
	assert_int_equal(letter(&a, addr_number(&s4)), '?');
	assert_true(has_why(&a, "some program"));
	assert_false(has_why(&a, "a door"));
	s4 = addr("11.0.0.1");
	assert_int_equal(letter(&a, addr_number(&s4)), 'D');
	answer_fini(&a);
	q = question(&h, 6, "tcp", 80);
	eval_query(h.eval, &q, &a);
	assert_int_equal(letter(&a, addr_number(&s6)), '?');
	answer_fini(&a);
	host_close(&h);
}

/* What this machine's nft cannot make: rules of two operations in front of a chain's first rule. */
static char
ask_ops(struct host *h, struct op *ops, uint32_t n, const char *from)
{
	struct chain *c = h->rules.tables[0].chains[0];
	struct rule old = c->rules[0], made = {.chain = c, .number = 1, .n = n, .ops = ops};
	struct addr s = addr(from);
	struct query q = question(h, s.family, "tcp", 80);
	struct answer a;
	char got;

	c->rules[0] = made;
	eval_query(h->eval, &q, &a);
	got = letter(&a, addr_number(&s));
	answer_fini(&a);
	c->rules[0] = old;
	return got;
}

static void
test_made_operations(void **state)
{
	static const struct op accept = {.kind = OP_VERDICT, .u.verdict.code = 1};
	static const struct op drop = {.kind = OP_VERDICT, .u.verdict.code = 0};
	static const struct op word = {.kind = OP_IMMEDIATE, .len = 4, .u.data = {0, 0, 0, 0x80}};
	static const struct op set_mark = {
	    .kind = OP_META_SET, .u.set = {.key = NFT_META_MARK, .is_known = true}};
	static const struct op shift_left = {.kind = OP_SHIFT, .len = 4, .u.shift = {.by = 1}};
	static const struct op is_zero = {.kind = OP_CMP, .len = 4, .u.cmp.op = NFT_CMP_EQ};
	static const struct op source4 = {
	    .kind = OP_LOAD, .len = 4, .u.load = {.kind = LOAD_PAYLOAD, .base = 1, .offset = 12}};
	static const struct op odd = {.kind = OP_BITWISE,
	    .len = 4,
	    .u.bitwise = {.mask = {0xff, 0xff, 0xff, 1}, .xor = {10, 0, 0, 1}}};
	static const struct op back = {
	    .kind = OP_BYTEORDER, .len = 4, .u.byteorder = {.op = NFT_BYTEORDER_HTON, .size = 4}};
	static const struct op five = {.kind = OP_IMMEDIATE, .len = 1, .u.data = {5}};
	static const struct op half = {
	    .kind = OP_BYTEORDER, .len = 1, .u.byteorder = {.op = NFT_BYTEORDER_HTON, .size = 2}};
	static const struct op is_five = {
	    .kind = OP_CMP, .len = 1, .u.cmp = {.op = NFT_CMP_EQ, .data = {5}}};
	static const struct {
		struct op ops[5];
		uint32_t n;
		const char *from;
		char want;
	} made[] = {
	    {{{.kind = OP_QUEUE}}, 1, "10.0.0.1", '?'},
	    {{{.kind = OP_STOLEN, .name = "fwd"}}, 1, "10.0.0.1", '?'},
	    {{{.kind = OP_UNKNOWN, .name = "inner"}}, 1, "2001:db8:1::1", '?'},
	    {{{.kind = OP_MAY, .name = "limit"}, accept}, 2, "10.0.0.1", '?'},
	    {{{.kind = OP_MAY, .name = "limit"}, drop}, 2, "10.0.0.1", 'D'},
	    {{accept}, 1, "10.0.0.1", 'A'},
	    {{{.kind = OP_VERDICT, .u.verdict.code = NFT_CONTINUE}, accept}, 2, "10.0.0.1", 'A'},
	    {{{.kind = OP_VERDICT, .u.verdict.code = NFT_BREAK}, accept}, 2, "10.0.0.1", 'D'},
	    {{{.kind = OP_VERDICT, .u.verdict.code = NFT_JUMP}}, 1, "10.0.0.1", '?'},
	    {{{.kind = OP_VERDICT, .u.verdict.code = 99}}, 1, "10.0.0.1", '?'},
	    /* a register that was never written */
	    {{is_zero, accept}, 2, "10.0.0.1", '?'},
	    /* the top bit is shifted out of the word */
	    {{word, shift_left, is_zero, accept}, 4, "10.0.0.1", 'A'},
	    {{word, is_zero, accept}, 3, "10.0.0.1", 'D'},
	    {{word, set_mark, drop}, 3, "10.0.0.1", 'D'},
	    /* (source & 255.255.255.1) ^ 10.0.0.1 is 0 */
	    {{source4, odd, is_zero, accept}, 4, "10.0.0.77", 'A'},
	    {{source4, odd, is_zero, accept}, 4, "10.0.0.78", 'D'},
	    {{source4, odd, back, is_zero, accept}, 5, "10.0.0.1", 'A'},
	    {{source4, odd, back, is_zero, accept}, 5, "10.0.1.1", 'D'},
	    /* no whole unit: the kernel leaves the register as it is */
	    {{five, half, is_five, accept}, 4, "10.0.0.1", 'A'},
	    /* a header base that is not known may be missing */
	    {{{.kind = OP_LOAD, .len = 4, .u.load = {.kind = LOAD_PAYLOAD, .base = 9}}, accept}, 2,
		"10.0.0.1", '?'},
	    {{{.kind = OP_LOAD, .len = 4, .u.load = {.kind = LOAD_BREAKS}}, accept}, 2, "10.0.0.1",
		'?'},
	    {{{.kind = OP_LOAD, .len = 4, .u.load = {.kind = LOAD_ANY}}, accept}, 2, "10.0.0.1",
		'A'},
	};
	struct host h;

	(void)state;
	if (!have_netns)
		skip();
	host_open(&h, INPUT("drop", "ip saddr 203.0.113.99 drop;"), NULL);
	for (size_t i = 0; i < sizeof(made) / sizeof(*made); i++) {
		struct op ops[5];
		char got;

		memcpy(ops, made[i].ops, sizeof(ops));
		got = ask_ops(&h, ops, made[i].n, made[i].from);
		if (got != made[i].want)
			fail_msg(
			    "case %zu, %s: got %c, not %c", i, made[i].from, got, made[i].want);
	}
	host_close(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_examples),
	    cmocka_unit_test(test_port_classes_hold),
	    cmocka_unit_test(test_port_class_is_wide_where_nothing_looks),
	    cmocka_unit_test(test_endpoints),
	    cmocka_unit_test(test_whys_name_only_what_mattered),
	    cmocka_unit_test(test_trail_of_one_source),
	    cmocka_unit_test(test_past_a_bound_sources_count_as_both),
	    cmocka_unit_test(test_made_operations),
	    cmocka_unit_test(test_mechanisms_cap_the_answer),
	};

	return cmocka_run_group_tests(tests, make_machine, NULL);
}
