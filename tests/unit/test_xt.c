/* links: prover watcher */
/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * iptables extensions as the kernel gives them back: iptables-nft writes rules of every kind into a
 * network namespace, the dump is read, and each rule's match is asked about several packets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "xt_rules.h"

#include <linux/if_packet.h>
#include <linux/netfilter/xt_mark.h>
#include <linux/netfilter/xt_tcpudp.h>

/* One rule in a chain of its own, and the packets that are asked about: words as in set_word, then
 * '=' and "yes", "no", "maybe" or the ranges of sources, exact; after '@' the ports it holds for.
 */
struct rule_case {
	int family;        /* 4, 6; 0: both */
	const char *table; /* NULL: filter */
	const char *args;  /* the extension alone */
	const char *asks[10];
};

#define TCP "-p tcp "

static const struct rule_case cases[] = {
    {0, NULL, "-m conntrack --ctstate NEW", {"= yes", "track=none = no", "track=untracked = no"}},
    {0, NULL, "-m conntrack --ctstate RELATED,ESTABLISHED", {"= no", "track=none = no"}},
    {0, NULL, "-m conntrack ! --ctstate RELATED,ESTABLISHED", {"= yes", "track=none = yes"}},
    {0, NULL, "-m conntrack --ctstate INVALID",
	{"= no", "track=none = yes", "track=untracked = no"}},
    {0, NULL, "-m conntrack --ctstate UNTRACKED",
	{"= no", "track=none = no", "track=untracked = yes"}},
    {0, NULL, "-m conntrack --ctstate DNAT", {"= no", "dnat=1 = yes", "track=none = no"}},
    {0, NULL, "-m conntrack ! --ctstate DNAT", {"= yes", "dnat=1 = no"}},
    {0, NULL, "-m conntrack --ctstate SNAT", {"= no", "snat=1 = yes"}},
    {0, NULL, "-m conntrack --ctstatus NONE", {"= no"}},
    {0, NULL, "-m conntrack --ctstatus CONFIRMED,ASSURED", {"= no", "track=none = no"}},
    {0, NULL, "-m conntrack ! --ctstatus EXPECTED", {"= yes", "track=none = no"}},
    {0, NULL, "-m conntrack --ctdir ORIGINAL", {"= yes", "track=none = no"}},
    {0, NULL, "-m conntrack --ctdir REPLY", {"= no"}},
    {0, NULL, "-m conntrack --ctexpire 10:20", {"= maybe", "track=none = no"}},
    {0, NULL, "-m conntrack --ctproto tcp", {"= yes", "proto=17 = no"}},
    {0, NULL, "-m conntrack --ctproto tcp --ctorigdstport 389",
	{"= no @0-388", "dport=389 = yes @389-389", "dport=500 = no @390-65535",
	    "dport=389 to=5000 = yes"}},
    {0, NULL, "-m conntrack --ctproto tcp ! --ctorigdstport 100:200",
	{"= yes @0-99", "dport=150 = no @100-200", "dport=201 = yes @201-65535"}},
    {0, NULL, "-m conntrack --ctproto tcp --ctreplsrcport 5000",
	{"dport=389 to=5000 = yes", "= no"}},
    {0, NULL, "-m conntrack --ctproto tcp --ctorigsrcport 1:1023", {"= maybe"}},
    {4, NULL, "-m conntrack --ctorigsrc 10.20.0.0/16",
	{"= 10.20.0.0-10.20.255.255", "snat=10.9.9.9 = 10.20.0.0-10.20.255.255"}},
    {4, NULL, "-m conntrack ! --ctorigsrc 10.20.0.0/16",
	{"= 0.0.0.0-10.19.255.255,10.21.0.0-255.255.255.255"}},
    {6, NULL, "-m conntrack --ctorigsrc 2001:db8:20::/48",
	{"= 2001:db8:20::-2001:db8:20:ffff:ffff:ffff:ffff:ffff"}},
    {4, NULL, "-m conntrack --ctorigdst 192.0.2.1",
	{"= yes", "daddr=192.0.2.7 = no", "natted=172.17.0.2 = yes"}},
    {4, NULL, "-m conntrack --ctreplsrc 172.17.0.2", {"= no", "natted=172.17.0.2 = yes"}},
    {4, NULL, "-m conntrack --ctrepldst 10.9.0.0/16",
	{"= 10.9.0.0-10.9.255.255", "snat=10.9.9.9 = yes", "snat=10.8.0.1 = no"}},
    {0, NULL, "-m state --state NEW", {"= yes", "track=none = no"}},
    {0, NULL, "-m state --state INVALID", {"= no", "track=none = yes"}},
    {0, NULL, "-m mark --mark 0x5/0xf",
	{"= no", "mark=0x25 = yes", "unknown=0x1 mark=0x4 = maybe", "unknown=0x2 mark=0x8 = no",
	    "unknown=0xf0 mark=0x5 = yes"}},
    {0, NULL, "-m mark ! --mark 0x5", {"= yes", "mark=5 = no"}},
    {0, NULL, "-m connmark --mark 7", {"= no", "ctmark=7 = yes", "ctmark=7 track=none = no"}},
    {0, NULL, "-m connmark ! --mark 7", {"= yes", "track=none = no"}},
    {0, NULL, TCP "-m multiport --dports 22,80:90,389",
	{"dport=80 = yes @80-90", "dport=85 = yes @80-90", "dport=91 = no @91-388",
	    "dport=389 = yes @389-389", "dport=400 = no @390-65535",
	    "dport=5 to=22 = yes @0-65535"}},
    {0, NULL, TCP "-m multiport ! --dports 22,80", {"dport=22 = no", "dport=23 = yes @23-79"}},
    {0, NULL, TCP "-m multiport --sports 1:1023", {"= maybe"}},
    {0, NULL, TCP "-m multiport --ports 80,443", {"dport=443 = yes", "dport=1 = maybe"}},
    {4, NULL, "-m iprange --src-range 10.30.0.1-10.30.0.77",
	{"= 10.30.0.1-10.30.0.77", "snat=10.30.0.5 = yes", "snat=10.31.0.5 = no",
	    "snat=1 = maybe"}},
    {4, NULL, "-m iprange ! --src-range 10.30.0.1-10.30.0.77",
	{"= 0.0.0.0-10.30.0.0,10.30.0.78-255.255.255.255"}},
    {4, NULL, "-m iprange --dst-range 192.0.2.1-192.0.2.5 --src-range 1.0.0.0-1.0.0.9",
	{"= 1.0.0.0-1.0.0.9", "daddr=192.0.2.6 = no"}},
    {6, NULL, "-m iprange --src-range 2001:db8:30::1-2001:db8:30::77",
	{"= 2001:db8:30::1-2001:db8:30::77"}},
    {0, NULL, "-m addrtype --dst-type LOCAL", {"local=1 = yes", "= no"}},
    {0, NULL, "-m addrtype ! --dst-type LOCAL", {"local=1 = no", "= yes"}},
    {0, NULL, "-m addrtype --dst-type MULTICAST", {"= no", "local=1 = no"}},
    {4, NULL, "-m addrtype --src-type MULTICAST", {"= 224.0.0.0-239.255.255.255"}},
    {4, NULL, "-m addrtype --src-type LOCAL",
	{"= 127.0.0.0-127.255.255.254,198.51.100.1-198.51.100.1"}},
    {6, NULL, "-m addrtype --src-type MULTICAST",
	{"= ff00::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}},
    {0, NULL, "-m pkttype --pkt-type broadcast", {"= no", "pkttype=1 = yes"}},
    {0, NULL, "-m pkttype ! --pkt-type broadcast", {"= yes", "pkttype=1 = no"}},
    {0, NULL, "-m mac --mac-source 02:00:00:00:00:07", {"= maybe", "iif=lo = no"}},
    {0, NULL, "-m physdev --physdev-in eth9", {"= no", "iif=br0 = maybe"}},
    {0, NULL, "-m physdev ! --physdev-in eth9", {"= yes", "iif=br0 = maybe"}},
    {0, NULL, "-m devgroup --src-group 7", {"= yes", "iif=lo = no"}},
    {0, NULL, "-m devgroup ! --src-group 0x3/0x3", {"= no", "iif=lo = yes"}},
    {0, NULL, "-m comment --comment x", {"= yes"}},
    {0, NULL, TCP "-m tcp --tcp-flags SYN,RST SYN --tcp-option 2", {"= maybe", "proto=17 = no"}},
    {0, NULL, TCP "-m tcp --tcp-option 2 --dport 90", {"= no", "dport=90 = maybe"}},
    {0, NULL, "-p sctp -m sctp --dport 60 --chunk-types any INIT",
	{"proto=132 dport=60 = yes", "proto=132 dport=61 = no @61-65535", "= no"}},
    {0, NULL, "-p sctp -m sctp --chunk-types only DATA", {"proto=132 = no"}},
    {0, NULL, "-p sctp -m sctp ! --chunk-types only DATA", {"proto=132 = yes"}},
    {0, NULL, "-p sctp -m sctp ! --dport 60", {"proto=132 dport=60 = no"}},
    {4, NULL, "-p icmp -m icmp --icmp-type echo-request", {"= no"}},
    {6, NULL, "-p icmpv6 -m icmpv6 --icmpv6-type echo-request", {"= no"}},
    {0, NULL, "-p esp -m esp --espspi 5", {"= no"}},
    {4, NULL, "-m set --match-set s4 src",
	{"= 10.0.0.0-10.0.255.255,10.2.0.0-10.255.255.255", "snat=10.0.0.1 = yes"}},
    {4, NULL, "-m set ! --match-set s4 src",
	{"= 0.0.0.0-9.255.255.255,10.1.0.0-10.1.255.255,11.0.0.0-255.255.255.255"}},
    {4, NULL, "-m set --match-set s4 dst", {"= no", "daddr=10.0.0.1 = yes"}},
    {4, NULL, "-m set --match-set s4 src --return-nomatch", {"= 10.1.0.0-10.1.255.255"}},
    {4, NULL, "-m set --match-set s4 src --packets-gt 5", {"= maybe"}},
    {4, NULL, "-m set --match-set p4 src,dst",
	{"dport=389 = 192.0.2.2-192.0.2.2 @389-389", "dport=390 = no @390-65535"}},
    {6, NULL, "-m set --match-set s6 src", {"= 2001:db8::-2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"}},
    {0, "raw", "-m rpfilter --invert", {"iif=lo = no"}},
    {4, "raw", "-m rpfilter", {"= 198.51.100.0-198.51.100.0,198.51.100.2-198.51.100.254"}},
    /* Nobody knows of these. */
    {0, NULL, "-m recent --name x --rcheck", {"= maybe"}},
    {0, NULL, TCP "-m hashlimit --hashlimit-name h --hashlimit-above 20/sec --hashlimit-mode srcip",
	{"= maybe"}},
    {0, NULL, TCP "-m connlimit --connlimit-above 10", {"= maybe"}},
    {0, NULL, "-m time --timestart 08:00 --timestop 18:00", {"= maybe"}},
    {0, NULL, "-m string --string foo --algo bm", {"= maybe"}},
    {0, NULL, "-m statistic --mode random --probability 0.5", {"= maybe"}},
    {0, NULL, "-m length --length 40:60", {"= maybe"}},
    {0, NULL, "-m u32 --u32 '6&0xFF=6'", {"= maybe"}},
    {0, NULL, "-m helper --helper ftp", {"= maybe"}},
    {0, NULL, "-m policy --dir in --pol ipsec", {"= maybe"}},
    {0, NULL, "-m dscp --dscp 0x10", {"= maybe"}},
    /* Whoever adds the header may get in. */
    {6, NULL, "-m rt --rt-type 0", {"= maybe"}},
    {6, NULL, "-m ipv6header --soft --header hop", {"= maybe"}},
    {0, NULL, "-m quota --quota 100000", {"= maybe"}},
    {0, NULL, "-m cpu --cpu 0", {"= maybe"}},
    {4, NULL, "-m ttl --ttl-gt 3", {"= maybe"}},
    {6, NULL, "-m hl --hl-gt 3", {"= maybe"}},
};
#define N_CASES (sizeof(cases) / sizeof(*cases))

/* The kernel, or iptables, has no such extension. */
static char missing[N_CASES][2];

static void
add_rules(void)
{
	for (size_t i = 0; i < N_CASES; i++)
		for (int six = 0; six < 2; six++) {
			const char *tool = six ? "ip6tables-nft" : "iptables-nft";
			const char *table = cases[i].table ? cases[i].table : "filter";

			if (cases[i].family && cases[i].family != (six ? 6 : 4))
				continue;
			missing[i][six] =
			    !xt_run("%s -t %s -N c%zu && %s -t %s -A c%zu %s 2>/dev/null", tool,
				table, i, tool, table, i, cases[i].args);
		}
}

/* What plain packets never have, whatever is asked of it. */
static const struct {
	const char *args;
	bool needs;
} header_cases[] = {
    {"-m rt --rt-type 0", true},
    {"-m rt ! --rt-type 2 --rt-segsleft 0:3", true},
    {"-m hbh --hbh-len 8", true},
    {"-m dst ! --dst-len 8", true},
    {"-m frag --fragid 1:5", true},
    {"-m ah --ahspi 5", true},
    {"-m ipv6header --soft --header hop", true},
    {"-m ipv6header --header hop,prot", true},
    {"-m ipv6header --header prot", false},
    {"-m ipv6header ! --header hop,prot", false},
    {"-m ipv6header --soft --header prot", false},
    {"-m ipv6header --soft ! --header prot", true},
    {"-m hl --hl-gt 3", false},
    {"-m comment --comment x", false},
};
#define N_HEADERS (sizeof(header_cases) / sizeof(*header_cases))
static char no_header[N_HEADERS];

static void
add_header_rules(void)
{
	for (size_t i = 0; i < N_HEADERS; i++)
		no_header[i] = !xt_run("ip6tables-nft -N h%zu && ip6tables-nft -A h%zu %s", i, i,
		    header_cases[i].args);
}

static int
begin(void **state)
{
	struct xt_rules *f = calloc(1, sizeof(*f));

	*state = f;
	f->fd = -1;
	if (!xt_enter())
		return 0;
	add_rules();
	add_header_rules();
	return xt_dump(f);
}

static struct addr
addr(const char *text)
{
	struct addr a;

	if (addr_parse(&a, text, strlen(text)) < 0)
		fail_msg("no address: %s", text);
	return a;
}

static void
set_word(struct env *e, const struct world *w, const char *key, const char *value)
{
	unsigned long n = strtoul(value, NULL, 0);

	if (!strcmp(key, "track"))
		e->track = !strcmp(value, "none") ? TRACK_NONE : TRACK_UNTRACKED;
	else if (!strcmp(key, "proto"))
		e->proto = (uint8_t)n;
	else if (!strcmp(key, "dport"))
		e->dport = e->dport_orig = (uint16_t)n;
	else if (!strcmp(key, "to")) { /* DNAT to another port */
		e->dport = (uint16_t)n;
		e->dnat = e->dnat_changed = true;
	} else if (!strcmp(key, "dnat"))
		e->dnat = e->dnat_changed = true;
	else if (!strcmp(key, "natted")) {
		e->dnat = e->dnat_changed = true;
		e->daddr = addr(value);
	} else if (!strcmp(key, "snat")) {
		e->snat = true;
		e->snat_addr_known = n > 1;
		if (n > 1)
			e->saddr_new = addr(value);
	} else if (!strcmp(key, "mark"))
		e->mark = (uint32_t)n;
	else if (!strcmp(key, "unknown"))
		e->mark_unknown = (uint32_t)n;
	else if (!strcmp(key, "ctmark"))
		e->ctmark = (uint32_t)n;
	else if (!strcmp(key, "pkttype"))
		e->pkttype = (uint8_t)n;
	else if (!strcmp(key, "daddr"))
		e->daddr = e->daddr_orig = addr(value);
	else if (!strcmp(key, "local"))
		e->daddr = e->daddr_orig = addr(e->family == 6 ? "2001:db8:51::1" : "198.51.100.1");
	else if (!strcmp(key, "iif"))
		e->iif = world_iface_named(w, value)->index;
	else
		fail_msg("what is %s?", key);
}

static struct env
env_of(const struct world *w, int family)
{
	struct env e = {.family = (uint8_t)family,
	    .proto = IPPROTO_TCP,
	    .track = TRACK_NEW,
	    .pkttype = PACKET_HOST,
	    .hook = NF_INET_LOCAL_IN};

	e.iif = world_iface_named(w, "eth0")->index;
	e.daddr = e.daddr_orig = addr(family == 6 ? "2001:db8:ff::1" : "192.0.2.1");
	return e;
}

static void
outcome_text(const struct outcome *o, uint8_t family, char *out, size_t n)
{
	static const char *const names[] = {
	    [OUT_NO] = "no", [OUT_YES] = "yes", [OUT_MAYBE] = "maybe"};
	char lo[ADDR_TEXT_MAX], hi[ADDR_TEXT_MAX];
	size_t at = 0;

	if (o->kind != OUT_SPLIT) {
		snprintf(out, n, "%s", names[o->kind]);
		return;
	}
	if (o->may.v != o->must.v)
		at += (size_t)snprintf(out, n, "not exact ");
	for (uint32_t i = 0; i < o->may.n && at < n; i++) {
		struct addr a = number_addr(family, o->may.v[i].lo);
		struct addr b = number_addr(family, o->may.v[i].hi);

		at += (size_t)snprintf(out + at, n - at, "%s%s-%s", i ? "," : "",
		    addr_format(&a, lo), addr_format(&b, hi));
	}
}

static void
ask(const struct xt_rules *f, size_t i, int family, const struct xt_match *m, const char *line)
{
	struct env e = env_of(&f->w, family);
	struct port_class ports = {0, 0xffff};
	struct outcome o;
	char words[160], got[1024], *at = words, *word, *want;

	snprintf(words, sizeof(words), "%s", line);
	want = strstr(words, "= ");
	*want = '\0';
	want += 2;
	while ((word = strsep(&at, " "))) {
		char *value = strchr(word, '=');

		if (!value)
			continue;
		*value = '\0';
		set_word(&e, &f->w, word, value + 1);
	}
	o = xt_match_ask(m, &e, &f->w, &ports);
	outcome_text(&o, (uint8_t)family, got, sizeof(got));
	if (o.kind == OUT_MAYBE)
		assert_non_null(o.why);
	if (strchr(want, '@'))
		snprintf(
		    got + strlen(got), sizeof(got) - strlen(got), " @%u-%u", ports.lo, ports.hi);
	assert_true(ports.lo <= e.dport_orig && ports.hi >= e.dport_orig);
	outcome_fini(&o);
	if (strcmp(got, want) != 0)
		fail_msg("case %zu family %d %s, %s: got %s", i, family, cases[i].args, line, got);
}

static void
matches_answer_like_the_kernel(void **state)
{
	struct xt_rules *f = *state;
	unsigned asked = 0;

	if (!f->have)
		skip();
	for (size_t i = 0; i < N_CASES; i++)
		for (int six = 0; six < 2; six++) {
			int family = six ? 6 : 4;
			const struct xt_match *m;
			char chain[16];
			struct xt_blob b;

			snprintf(chain, sizeof(chain), "c%zu", i);
			if ((cases[i].family && cases[i].family != family) || missing[i][six])
				continue;
			/* iptables-nft writes some as nft expressions; which ones depends on its
			 * version. */
			if (!xt_chain_blob(f, family, chain, true, &b))
				continue;
			m = xt_match_read(&f->arena, b.name, b.rev, b.info, b.n,
			    six ? NFPROTO_IPV6 : NFPROTO_IPV4);
			for (unsigned k = 0; cases[i].asks[k]; k++, asked++)
				ask(f, i, family, m, cases[i].asks[k]);
		}
	assert_true(asked > 150);
}

/* What iptables-nft itself writes as nft expressions, others may not. */
static void
marks_and_flags_by_hand(void **state)
{
	static const struct {
		struct xt_mark_mtinfo1 info;
		uint32_t mark, unknown;
		enum outcome_kind kind;
	} marks[] = {
	    {{0x5, 0xf, 0}, 0x25, 0, OUT_YES}, {{0x5, 0xf, 1}, 0x25, 0, OUT_NO},
	    {{0x5, 0xf, 0}, 0x4, 0x1, OUT_MAYBE}, {{0x5, 0xf, 0}, 0x8, 0x2, OUT_NO},
	    {{0x5, 0xf, 1}, 0x8, 0x2, OUT_YES}, {{0x5, 0xf, 0}, 0x5, 0xf0, OUT_YES},
	    {{0x15, 0xf, 0}, 0x15, 0, OUT_NO}, /* bits outside the mask */
	};
	static const struct {
		struct xt_tcp info;
		enum outcome_kind kind;
	} flags[] = {
	    {{.spts = {0, 65535}, .dpts = {0, 65535}, .flg_mask = 0x17, .flg_cmp = 2}, OUT_YES},
	    {{.spts = {0, 65535},
		 .dpts = {0, 65535},
		 .flg_mask = 0x17,
		 .flg_cmp = 2,
		 .invflags = XT_TCP_INV_FLAGS},
		OUT_NO},
	    {{.spts = {0, 65535}, .dpts = {0, 65535}, .flg_mask = 0x10, .flg_cmp = 0x10}, OUT_NO},
	    {{.spts = {0, 65535}, .dpts = {0, 65535}, .flg_mask = 0xc2, .flg_cmp = 2}, OUT_MAYBE},
	    {{.spts = {1, 65535}, .dpts = {0, 65535}}, OUT_MAYBE},
	    {{.spts = {0, 65535}, .dpts = {0, 79}}, OUT_NO},
	    {{.spts = {0, 65535}, .dpts = {0, 79}, .invflags = XT_TCP_INV_DSTPT}, OUT_YES},
	    {{.spts = {0, 65535}, .dpts = {80, 80}}, OUT_YES},
	};
	struct arena a = {0};
	struct world w = {0};
	struct env e = {.family = 4, .proto = IPPROTO_TCP, .dport = 80, .dport_orig = 80};
	struct port_class p = {0, 0xffff};

	(void)state;
	for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++) {
		e.mark = marks[i].mark;
		e.mark_unknown = marks[i].unknown;
		assert_int_equal(
		    xt_match_ask(xt_match_read(&a, "mark", 1, &marks[i].info, 16, 2), &e, &w, &p)
			.kind,
		    marks[i].kind);
	}
	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++)
		assert_int_equal(
		    xt_match_ask(xt_match_read(&a, "tcp", 0, &flags[i].info, 16, 2), &e, &w, &p)
			.kind,
		    flags[i].kind);
	arena_fini(&a);
}

/* Any other size, name or revision is unknown by its name. */
static void
what_is_not_known_is_maybe(void **state)
{
	static const struct {
		const char *name;
		uint32_t rev;
		size_t n;
		const char *why;
	} unknown[] = {
	    {"conntrack", 3, 8, "xt conntrack of 8 bytes"},
	    {"conntrack", 4, 168, "xt conntrack"},
	    {"mark", 1, 0, "xt mark of 0 bytes"},
	    {"mark", 1, 24, "xt mark of 24 bytes"},
	    {"newthing", 0, 16, "xt newthing"},
	    {"", 0, 0, "xt "},
	};
	struct arena a = {0};
	static const char bytes[512];
	struct env e = {.family = 4, .proto = IPPROTO_TCP};
	struct world w = {0};
	struct port_class p = {0, 0xffff};

	(void)state;
	for (size_t i = 0; i < sizeof(unknown) / sizeof(*unknown); i++) {
		const struct xt_match *m = xt_match_read(
		    &a, unknown[i].name, unknown[i].rev, bytes, unknown[i].n, NFPROTO_IPV4);
		struct outcome o = xt_match_ask(m, &e, &w, &p);

		assert_int_equal(o.kind, OUT_MAYBE);
		assert_string_equal(o.why, unknown[i].why);
	}
	arena_fini(&a);
}

static void
matches_that_need_a_header_say_so(void **state)
{
	struct xt_rules *f = *state;
	unsigned asked = 0;

	if (!f->have)
		skip();
	for (size_t i = 0; i < N_HEADERS; i++) {
		const struct xt_match *m;
		char chain[16];
		struct xt_blob b;

		snprintf(chain, sizeof(chain), "h%zu", i);
		if (no_header[i] || !xt_chain_blob(f, 6, chain, true, &b))
			continue;
		m = xt_match_read(&f->arena, b.name, b.rev, b.info, b.n, NFPROTO_IPV6);
		if (xt_match_needs_header(m) != header_cases[i].needs)
			fail_msg("%s", header_cases[i].args);
		asked++;
	}
	assert_true(asked > 8);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(matches_answer_like_the_kernel),
	    cmocka_unit_test(matches_that_need_a_header_say_so),
	    cmocka_unit_test(marks_and_flags_by_hand),
	    cmocka_unit_test(what_is_not_known_is_maybe),
	};

	return cmocka_run_group_tests(tests, begin, xt_end);
}
