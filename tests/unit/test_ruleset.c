/* links: watcher prover */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "prover/ruleset.h"
#include "ruleset_load.h"

/* The kinds of a rule's ops, as letters. */
static const char *
shape(const struct rule *r)
{
	static const char letters[] = "nLI=RB<OS!MCPT%NDQ>xX?U";
	static char text[2][64];
	static int turn;
	char *t = text[turn ^= 1];

	for (uint32_t i = 0; i < r->n && i < 63; i++)
		t[i] = letters[r->ops[i].kind];
	t[r->n] = '\0';
	return t;
}

static void
expressions_become_ops(void **state)
{
	static const char *const rules[][2] = {
	    {"ct state established,related accept", "LB=!"},
	    {"ip saddr 10.20.0.0/16 tcp dport 22 accept", "L=L=L=L=!"},
	    {"ip saddr 10.16.0.0/12 drop", "L=LB=!"},
	    {"tcp dport 1000-2000 counter log drop", "L=L==nn!"},
	    {"tcp dport != 1000-2000 drop", "L=LR!"},
	    {"iifname \"eth*\" jump other", "L=!"},
	    {"meta mark set meta mark or 0x10", "LBM"},
	    {"ct mark set ct mark and 0xff", "LBC"},
	    {"meta priority set 1:2", "In"},
	    {"ip ttl set 64", "L=LBP"},
	    {"limit rate 5/second accept", "?!"},
	    {"tcp dport 22 limit rate 5/second counter", "L=L=nn"},
	    {"ct count 3 drop", "?!"},
	    {"quota over 10 mbytes drop", "?!"},
	    {"meta skuid 0 accept", "L=!"},
	    {"fib saddr . iif oif missing drop", "L=!"},
	    {"fib daddr type local accept", "L=!"},
	    {"rt classid 5 accept", "L=!"},
	    {"exthdr frag exists accept", "L=L=!"},
	    {"exthdr frag missing drop", "L=L=!"},
	    {"tcp option maxseg size 500 drop", "L=!"},
	    {"rt type 0 accept", "L=L=!"},
	    {"rt type 0 jump other", "L=L=!"},
	    {"rt type 0 meta mark set 1 drop", "L=L=IM!"},
	    /* Nobody's way in, and nobody's end but for who adds the header. */
	    {"rt type 0 drop", ""},
	    {"tcp dport 22 exthdr frag exists counter log drop", ""},
	    {"hbh hdrlength 1 limit rate 1/second reject", ""},
	    {"ip option lsrr type 131 drop", ""},
	    {"tcp option maxseg size set 1400", "In"},
	    {"tcp option maxseg size set 1400 accept", "I?!"},
	    {"numgen random mod 10 < 5 accept", "LO=!"},
	    {"jhash ip saddr mod 2 0 drop", "L=LL=!"},
	    {"osf name \"Linux\" accept", "L=!"},
	    {"socket transparent 1 accept", "L=!"},
	    {"meta l4proto tcp reject with tcp reset", "L=%"},
	    {"reject with icmpx type admin-prohibited", "%"},
	    {"ip dscp set cs1", "L=LBP"},
	    {"meta mark set ct mark lshift 3", "L<M"},
	    {"ct original proto-dst 80 accept", "L=!"},
	    {"ct helper set \"ftp-std\"", "n"},
	    {"counter name \"cnt\" accept", "n!"},
	    {"limit name \"lim\" accept", "?!"},
	    {"synproxy mss 1460 wscale 7 timestamp sack-perm", ">"},
	    {"dup to 192.0.2.77", "In"},
	    {"continue", "!"},
	};
	char text[8192] = "table inet t { counter cnt { }\n limit lim { rate 1/second; }\n"
			  "ct helper ftp-std { type \"ftp\" protocol tcp; }\n"
			  "chain other { }\nchain c {\n";
	static char known[64][256];
	struct loaded w;
	uint32_t n = 0;

	if (*state)
		skip();
	/* One at a time: kernels are built without some of these. */
	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++) {
		const char *family = strstr(rules[i][0], "dup to") ? "ip" : "inet";
		char command[9000];

		snprintf(command, sizeof(command),
		    "nft -c 'table %s t { counter cnt { }; limit lim { rate 1/second; }; ct helper "
		    "ftp-std { type \"ftp\" protocol tcp; }; chain other { }; chain c { type "
		    "filter "
		    "hook input priority 0; %s; }; }' 2>/dev/null",
		    strstr(rules[i][0], "dup to") ? "inet" : family, rules[i][0]);
		if (system(command))
			continue;
		strcat(strcat(text, rules[i][0]), "\n");
		snprintf(known[n++], sizeof(known[0]), "%s: %s", rules[i][0], rules[i][1]);
	}
	assert_true(n >= 25);
	strcat(text, "} }\n");
	loaded_make(&w, text);
	assert_int_equal(loaded_chain(&w, "t", "c")->n, n);
	for (uint32_t i = 0; i < n; i++)
		if (strcmp(
			shape(&loaded_chain(&w, "t", "c")->rules[i]), strrchr(known[i], ' ') + 1))
			fail_msg(
			    "%s, not %s", known[i], shape(&loaded_chain(&w, "t", "c")->rules[i]));
	loaded_fini(&w);
}

static void
values_and_registers_are_exact(void **state)
{
	static const uint8_t port[] = {0x03, 0xe8};
	struct loaded w;
	struct rule *r;

	if (*state)
		skip();
	loaded_make(&w,
	    "table inet t {\n"
	    "chain c { type filter hook input priority -5; policy drop;\n"
	    "ip saddr 10.20.0.0/16 tcp dport >= 1000 accept comment \"the one\"\n"
	    "ip saddr . tcp dport { 192.0.2.1 . 80 } jump d\n }\n"
	    "chain d { goto e; }\nchain e { reject with icmpx type admin-prohibited; }\n }\n");
	assert_true(loaded_chain(&w, "t", "c")->is_base);
	assert_string_equal(loaded_chain(&w, "t", "c")->type, "filter");
	assert_int_equal(loaded_chain(&w, "t", "c")->hook, NF_INET_LOCAL_IN);
	assert_int_equal(loaded_chain(&w, "t", "c")->priority, -5);
	assert_int_equal(loaded_chain(&w, "t", "c")->policy, NF_DROP);
	assert_false(loaded_chain(&w, "t", "d")->is_base);
	r = &loaded_chain(&w, "t", "c")->rules[0];
	assert_string_equal(shape(r), "L=L=L=L=!");
	assert_string_equal(r->comment, "the one");
	assert_int_equal(r->number, 1);
	assert_true(r->handle > 0);
	assert_int_equal(r->ops[2].u.load.kind, LOAD_PAYLOAD);
	assert_int_equal(r->ops[2].u.load.base, NFT_PAYLOAD_NETWORK_HEADER);
	assert_int_equal(r->ops[2].u.load.offset, 12);
	assert_int_equal(r->ops[2].len, 2);
	assert_int_equal(r->ops[7].u.cmp.op, NFT_CMP_GTE);
	assert_int_equal(r->ops[7].len, 2);
	assert_memory_equal(r->ops[7].u.cmp.data, port, 2);
	assert_int_equal(r->ops[8].u.verdict.code, NF_ACCEPT);
	r++;
	assert_null(r->comment);
	/* The second half of the concatenation goes into the next 4 bytes of the registers. */
	assert_int_equal(r->ops[4].dreg, 0);
	assert_int_equal(r->ops[5].dreg, 4);
	assert_int_equal(r->ops[6].kind, OP_LOOKUP);
	assert_int_equal(r->ops[6].len, 8);
	assert_int_equal(r->ops[7].u.verdict.code, NFT_JUMP);
	assert_ptr_equal(r->ops[7].u.verdict.chain, loaded_chain(&w, "t", "d"));
	r = &loaded_chain(&w, "t", "e")->rules[0];
	assert_int_equal(r->ops[0].u.reject.type, NFT_REJECT_ICMPX_UNREACH);
	assert_int_equal(r->ops[0].u.reject.code, NFT_REJECT_ICMPX_ADMIN_PROHIBITED);
	assert_int_equal(w.rules.n_rules, 4);
	for (uint32_t i = 0; i < w.rules.tables[0].n; i++)
		assert_false(w.rules.tables[0].chains[i]->deep);
	loaded_fini(&w);
}

static void
nat_carries_its_registers(void **state)
{
	struct loaded w;
	struct nat *n;

	if (*state)
		skip();
	loaded_make(&w, "table ip n {\n"
			"chain pre { type nat hook prerouting priority -100;\n"
			"tcp dport 80 dnat to 172.17.0.2:5000\n"
			"tcp dport 81 dnat to 10.0.0.1-10.0.0.9\n"
			"tcp dport 82 redirect to :389\n }\n"
			"chain post { type nat hook postrouting priority 100;\n"
			"masquerade\nsnat to 192.0.2.1\n } }\n");
	n = &loaded_chain(&w, "n", "pre")->rules[0].ops[6].u.nat;
	assert_string_equal(shape(&loaded_chain(&w, "n", "pre")->rules[0]), "L=L=IIN");
	assert_int_equal(n->kind, NAT_DESTINATION);
	assert_int_equal(n->family, NFPROTO_IPV4);
	assert_int_equal(n->addr_min, 0);
	assert_int_equal(n->port_min, 16);
	n = &loaded_chain(&w, "n", "pre")->rules[1].ops[6].u.nat;
	assert_int_equal(n->addr_max, 16);
	assert_int_equal(n->port_min, -1);
	n = &loaded_chain(&w, "n", "pre")->rules[2].ops[5].u.nat;
	assert_int_equal(n->kind, NAT_REDIRECT);
	assert_int_equal(n->addr_min, -1);
	assert_int_equal(n->port_min, 0);
	n = &loaded_chain(&w, "n", "post")->rules[0].ops[0].u.nat;
	assert_int_equal(n->kind, NAT_MASQUERADE);
	assert_int_equal(n->port_min, -1);
	n = &loaded_chain(&w, "n", "post")->rules[1].ops[1].u.nat;
	assert_int_equal(n->kind, NAT_SOURCE);
	loaded_fini(&w);
}

static void
tables_keep_their_flags_and_devices(void **state)
{
	struct loaded w;
	struct chain *c;

	if (*state)
		skip();
	loaded_make(&w,
	    "table ip sleeping { flags dormant; chain c { type filter hook input priority 0; "
	    "policy drop; } }\n"
	    "table netdev nd { chain in { type filter hook ingress device lo priority -500; ip "
	    "saddr 10.0.0.0/8 drop; } }\n"
	    "table inet guardd { set s { type ipv4_addr; elements = { 10.0.0.1 } } }\n"
	    "table inet filter { chain c { } }\n");
	for (uint32_t i = 0; i < w.rules.n_tables; i++) {
		const struct table *t = &w.rules.tables[i];

		assert_int_equal(t->flags, strcmp(t->name, "sleeping") ? 0 : NFT_TABLE_F_DORMANT);
		assert_int_equal(t->own, !strcmp(t->name, "guardd"));
		assert_null(t->doubt);
	}
	c = loaded_chain(&w, "nd", "in");
	assert_int_equal(c->table->family, NFPROTO_NETDEV);
	assert_int_equal(c->hook, NF_NETDEV_INGRESS);
	assert_string_equal(c->devs[0], "lo");
	assert_null(c->devs[1]);
	assert_int_equal(loaded_set(&w, "s")->n, 0);
	assert_false(loaded_set(&w, "s")->unknown);
	loaded_fini(&w);
}

static void
loops_of_verdict_maps_are_followed(void **state)
{
	struct loaded w;
	struct element e;
	struct set *s;

	if (*state)
		skip();
	loaded_make(&w,
	    "table inet t {\n"
	    "map m { type inet_service : verdict; elements = { 22 : jump a, 80 : goto b, 81 : "
	    "drop, * : accept } }\n"
	    "chain a { return; }\nchain b { jump a; }\n"
	    "chain c { type filter hook input priority 0; tcp dport vmap @m; } }\n");
	s = loaded_set(&w, "m");
	assert_true(s->is_map && s->is_vmap && s->has_catchall);
	assert_int_equal(s->n, 3);
	set_element(s, 0, &e);
	assert_int_equal(e.verdict.code, NFT_JUMP);
	assert_ptr_equal(e.verdict.chain, loaded_chain(&w, "t", "a"));
	set_element(s, 2, &e);
	assert_int_equal(e.verdict.code, NF_DROP);
	assert_int_equal(s->catchall->verdict.code, NF_ACCEPT);
	assert_false(loaded_chain(&w, "t", "c")->deep);
	loaded_fini(&w);
}

/* nft asks for one byte to be turned in units of two, which turns nothing. */
static void
a_length_below_the_unit_turns_nothing(void **state)
{
	struct loaded w;
	struct rule *r;
	bool seen = false;

	if (*state)
		skip();
	loaded_make(&w, "table inet t { chain c {\n"
			"ip6 saddr . meta l4proto . th dport { 2001:db8::/64 . tcp . 389 } accept\n"
			"} }\n");
	r = &loaded_chain(&w, "t", "c")->rules[0];
	for (uint32_t i = 0; i < r->n; i++) {
		const struct op *op = &r->ops[i];

		assert_int_not_equal(op->kind, OP_UNKNOWN);
		if (op->kind == OP_BYTEORDER) {
			seen = true;
			assert_int_equal(op->len, 1);
			assert_int_equal(op->u.byteorder.size, 2);
		}
		if (op->kind == OP_LOOKUP) {
			assert_false(op->u.lookup.set->unknown);
			assert_int_equal(op->u.lookup.set->n_fields, 3);
		}
	}
	/* Newer ones leave it out. */
	if (!seen)
		print_message("this nft does not write it\n");
	loaded_fini(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(expressions_become_ops),
	    cmocka_unit_test(values_and_registers_are_exact),
	    cmocka_unit_test(nat_carries_its_registers),
	    cmocka_unit_test(tables_keep_their_flags_and_devices),
	    cmocka_unit_test(loops_of_verdict_maps_are_followed),
	    cmocka_unit_test(a_length_below_the_unit_turns_nothing),
	};

	return cmocka_run_group_tests(tests, loaded_enter, NULL);
}
