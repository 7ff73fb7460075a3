/* links: prover watcher */
/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Targets as the kernel gives them back from rules of iptables-nft, and what they do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "xt_rules.h"

#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/x_tables.h>

/* One target in a chain of its own, and what it does in words of action_text. */
struct target_case {
	int family;
	const char *table, *args, *does;
};

static const struct target_case targets[] = {
    {0, "filter", "-j LOG --log-prefix x", "nothing"},
    {0, "filter", "-j NFLOG --nflog-group 5", "nothing"},
    {0, "filter", "-j AUDIT --type drop", "nothing"},
    {0, "filter", "-j TRACE", "nothing"},
    {4, "filter", "-j REJECT --reject-with icmp-admin-prohibited", "reject"},
    {6, "filter", "-j REJECT", "reject"},
    {0, "filter", "-p tcp -j REJECT --reject-with tcp-reset", "reject"},
    {0, "filter", "-j NFQUEUE --queue-num 3 --queue-bypass", "queue"},
    {0, "filter", "-j NFQUEUE --queue-balance 0:3", "queue"},
    {0, "filter", "-p tcp -j SYNPROXY --mss 1460", "stolen"},
    {4, "filter", "-j SET --add-set s4 src", "sets 0 65535"},
    {4, "filter", "-j SET --del-set p4 src,dst", "sets 65535 1"},
    {0, "mangle", "-j MARK --set-xmark 0x1/0x3", "mark 1/3"},
    {0, "mangle", "-j MARK --and-mark 0xf0", "mark 0/ffffff0f"},
    {0, "mangle", "-j CONNMARK --set-mark 5", "connmark 5/ffffffff"},
    {0, "mangle", "-j CONNMARK --save-mark --nfmask 0xf --ctmask 0xff", "save ff f"},
    {0, "mangle", "-j CONNMARK --restore-mark --nfmask 0xf --ctmask 0xff", "restore f ff"},
    {0, "mangle", "-j CLASSIFY --set-class 1:1", "nothing"},
    {0, "mangle", "-p tcp --syn -j TCPMSS --clamp-mss-to-pmtu", "nothing"},
    {0, "mangle", "-p tcp -j TCPOPTSTRIP --strip-options timestamp", "nothing"},
    {0, "mangle", "-p udp -j CHECKSUM --checksum-fill", "nothing"},
    {0, "mangle", "-j DSCP --set-dscp 10", "nothing"},
    {0, "mangle", "-j TOS --set-tos 0x10", "nothing"},
    {4, "mangle", "-j TTL --ttl-set 64", "nothing"},
    {6, "mangle", "-j HL --hl-set 64", "nothing"},
    {4, "mangle", "-p tcp -j ECN --ecn-tcp-remove", "nothing"},
    {4, "mangle", "-j TEE --gateway 198.51.100.7", "nothing"},
    {0, "mangle", "-j IDLETIMER --timeout 5 --label x", "nothing"},
    {0, "mangle", "-p tcp -j TPROXY --on-port 3128 --tproxy-mark 1", "stolen"},
    {4, "mangle", "-j SET --map-set s4 src --map-mark", "unknown xt SET --map-set"},
    {0, "raw", "-j CT --notrack", "notrack"},
    {0, "raw", "-j NOTRACK", "notrack"},
    {0, "raw", "-j CT --zone 5", "unknown xt CT zone"},
    {0, "raw", "-j CT --ctevents new", "nothing"},
    {4, "nat", "-p tcp -j DNAT --to-destination 172.18.0.5:5000",
	"nat 1 172.18.0.5-172.18.0.5 5000-5000"},
    {4, "nat", "-j DNAT --to-destination 172.18.0.5-172.18.0.9", "nat 1 172.18.0.5-172.18.0.9 0-0"},
    {6, "nat", "-p tcp -j DNAT --to-destination [2001:db8::5]:5000-5010",
	"nat 1 2001:db8::5-2001:db8::5 5000-5010"},
    {4, "nat", "-p tcp -j DNAT --to-destination 172.18.0.5:5000-5010/4000",
	"unknown xt DNAT with a port offset"},
    {4, "nat", "-j SNAT --to-source 192.0.2.9", "nat 0 192.0.2.9-192.0.2.9 0-0"},
    {6, "nat", "-j SNAT --to-source 2001:db8::9", "nat 0 2001:db8::9-2001:db8::9 0-0"},
    {0, "nat", "-j MASQUERADE", "nat 2 0-0"},
    {0, "nat", "-p tcp -j MASQUERADE --to-ports 1024-2048", "nat 2 1024-2048"},
    {0, "nat", "-p tcp -j REDIRECT --to-ports 389", "nat 3 389-389"},
    {0, "nat", "-j REDIRECT", "nat 3 0-0"},
    {4, "nat", "-j NETMAP --to 192.0.2.0/24", "nat 1 192.0.2.0-192.0.2.255 0-0"},
    {6, "nat", "-j NETMAP --to 2001:db8::/120", "nat 1 2001:db8::-2001:db8::ff 0-0"},
};
#define N_TARGETS (sizeof(targets) / sizeof(*targets))

/* The kernel, or iptables, has no such extension. */
static char no_target[N_TARGETS][2];

static const char *
hook_of(const char *table, const char *args)
{
	if (strstr(args, "SNAT") || strstr(args, "MASQ") || strstr(args, "CLASSIFY"))
		return "POSTROUTING";
	return strcmp(table, "filter") ? "PREROUTING" : "INPUT";
}

/* Some targets are allowed only where a base chain leads to them. */
static void
add_targets(void)
{
	for (size_t i = 0; i < N_TARGETS; i++)
		for (int six = 0; six < 2; six++) {
			const char *tool = six ? "ip6tables-nft" : "iptables-nft";
			const struct target_case *c = &targets[i];

			if (c->family && c->family != (six ? 6 : 4))
				continue;
			no_target[i][six] = !xt_run("%s -t %s -N t%zu && %s -t %s -A %s -j t%zu && "
						    "%s -t %s -A t%zu %s 2>/dev/null",
			    tool, c->table, i, tool, c->table, hook_of(c->table, c->args), i, tool,
			    c->table, i, c->args);
		}
}

static int
begin(void **state)
{
	struct xt_rules *f = calloc(1, sizeof(*f));

	*state = f;
	f->fd = -1;
	if (!xt_enter())
		return 0;
	add_targets();
	return xt_dump(f);
}

static void
action_text(const struct xt_action *a, char *out, size_t n)
{
	static const char *const names[] = {[XT_NOTHING] = "nothing",
	    [XT_REJECT] = "reject",
	    [XT_NOTRACK] = "notrack",
	    [XT_QUEUE] = "queue",
	    [XT_STOLEN] = "stolen"};
	char lo[ADDR_TEXT_MAX], hi[ADDR_TEXT_MAX];

	switch (a->effect) {
	case XT_MARK:
		snprintf(out, n, "mark %x/%x", a->value, a->mask);
		break;
	case XT_CONNMARK:
		snprintf(out, n, "connmark %x/%x", a->value, a->mask);
		break;
	case XT_SAVE_MARK:
		snprintf(out, n, "save %x %x", a->mask, a->mask2);
		break;
	case XT_RESTORE_MARK:
		snprintf(out, n, "restore %x %x", a->mask, a->mask2);
		break;
	case XT_DYNAMIC:
		snprintf(out, n, "sets %u %u", a->value, a->mask);
		break;
	case XT_UNKNOWN:
		snprintf(out, n, "unknown %s", a->name);
		break;
	case XT_NAT:
		if (a->nat.min.family)
			snprintf(out, n, "nat %u %s-%s %u-%u", a->nat.kind,
			    addr_format(&a->nat.min, lo), addr_format(&a->nat.max, hi),
			    a->nat.port_min, a->nat.port_max);
		else
			snprintf(
			    out, n, "nat %u %u-%u", a->nat.kind, a->nat.port_min, a->nat.port_max);
		break;
	default:
		snprintf(out, n, "%s", names[a->effect] ? names[a->effect] : "?");
	}
}

static void
targets_do_what_the_kernel_does(void **state)
{
	struct xt_rules *f = *state;
	unsigned read = 0;

	if (!f->have)
		skip();
	for (size_t i = 0; i < N_TARGETS; i++)
		for (int six = 0; six < 2; six++) {
			int family = six ? 6 : 4;
			const struct xt_target *t;
			char chain[16], got[200];
			struct xt_blob b;

			snprintf(chain, sizeof(chain), "t%zu", i);
			if ((targets[i].family && targets[i].family != family) ||
			    no_target[i][six] || !xt_chain_blob(f, family, chain, false, &b))
				continue;
			t = xt_target_read(&f->arena, b.name, b.rev, b.info, b.n,
			    six ? NFPROTO_IPV6 : NFPROTO_IPV4, NF_INET_PRE_ROUTING);
			action_text(xt_target_action(t), got, sizeof(got));
			if (strcmp(got, targets[i].does) != 0)
				fail_msg("%s family %d revision %u: got %s", targets[i].args,
				    family, b.rev, got);
			read++;
		}
	assert_true(read > 50);
}

/* NETMAP changes what the hook may change; where the hook does not show, nobody knows. */
static void
netmap_is_by_hook(void **state)
{
	static const struct {
		int hook;
		const char *does;
	} hooks[] = {
	    {NF_INET_PRE_ROUTING, "nat 1 192.0.2.0-192.0.2.255 0-0"},
	    {NF_INET_LOCAL_IN, "nat 0 192.0.2.0-192.0.2.255 0-0"},
	    {NF_INET_POST_ROUTING, "nat 0 192.0.2.0-192.0.2.255 0-0"},
	    {-1, "unknown xt NETMAP behind a jump"},
	};
	union {
		struct nf_nat_ipv4_multi_range_compat range;
		char bytes[XT_ALIGN(sizeof(struct nf_nat_ipv4_multi_range_compat))];
	} info = {.range = {.rangesize = 1,
		      .range[0] = {.flags = NF_NAT_RANGE_MAP_IPS,
			  .min_ip = htonl(0xc0000200),
			  .max_ip = htonl(0xc00002ff)}}};
	struct arena a = {0};
	char got[200];

	(void)state;
	for (size_t i = 0; i < sizeof(hooks) / sizeof(*hooks); i++) {
		action_text(xt_target_action(xt_target_read(
				&a, "NETMAP", 0, &info, sizeof(info), NFPROTO_IPV4, hooks[i].hook)),
		    got, sizeof(got));
		assert_string_equal(got, hooks[i].does);
	}
	arena_fini(&a);
}

/* A rule's target SET makes its set unknown wherever it is asked. */
static void
sets_that_rules_change_are_unknown(void **state)
{
	struct xt_rules *f = *state;
	struct op op = {.kind = OP_XT_TARGET};
	struct rule rule = {.ops = &op, .n = 1};
	struct chain chain = {.rules = &rule, .n = 1}, *chains = &chain;
	struct table table = {.chains = &chains, .n = 1};
	struct ruleset r = {.tables = &table, .n_tables = 1};
	struct xt_blob b;
	size_t i = 0;

	if (!f->have)
		skip();
	while (strcmp(targets[i].does, "sets 0 65535") != 0)
		i++;
	if (no_target[i][0])
		skip();
	{
		char name[16];

		snprintf(name, sizeof(name), "t%zu", i);
		assert_true(xt_chain_blob(f, 4, name, false, &b));
	}
	op.u.xt_target = xt_target_read(&f->arena, b.name, b.rev, b.info, b.n, NFPROTO_IPV4, -1);
	assert_null(ipset_unknown(ipset_by_name(f->w.ipsets, "s4")));
	xt_mark_dynamic(&r, &f->w);
	assert_string_equal(
	    ipset_unknown(ipset_by_name(f->w.ipsets, "s4")), "ipset s4, which rules change");
	assert_null(ipset_unknown(ipset_by_name(f->w.ipsets, "p4")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(targets_do_what_the_kernel_does),
	    cmocka_unit_test(netmap_is_by_hook),
	    cmocka_unit_test(sets_that_rules_change_are_unknown),
	};

	return cmocka_run_group_tests(tests, begin, xt_end);
}
