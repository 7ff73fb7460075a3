/* links: prover */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <linux/netfilter/nfnetlink_hook.h>

#include "prover/ruleset.h"
#include "ruleset_build.h"

/* Rulesets that no kernel at hand would say: newer attributes, loops, hooks in their order. */
static _Alignas(8) uint8_t bytes[1 << 16];

struct read {
	struct dump dump;
	struct arena arena;
	struct ruleset rules;
	const char *what;
};

static int
finish(struct read *r, struct builder *b)
{
	*r = (struct read){.rules.arena = &r->arena};
	assert_int_equal(dump_from_bytes(&r->dump, bytes, build_end(b)), 0);
	return ruleset_read(&r->rules, &r->dump, &r->what);
}

static void
fini(struct read *r)
{
	ruleset_fini(&r->rules);
	arena_fini(&r->arena);
}

static void
table(struct builder *b, uint8_t family, const char *name)
{
	build_message(b, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWTABLE, family);
	build_text(b, NFTA_TABLE_NAME, name);
}

static void
chain(struct builder *b, uint8_t family, const char *of, const char *name)
{
	build_message(b, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWCHAIN, family);
	build_text(b, NFTA_CHAIN_TABLE, of);
	build_text(b, NFTA_CHAIN_NAME, name);
}

static void
hook(struct builder *b, uint32_t number)
{
	build_open(b, NFTA_CHAIN_HOOK);
	build_u32(b, NFTA_HOOK_HOOKNUM, number);
	build_u32(b, NFTA_HOOK_PRIORITY, 0);
	build_close(b);
	build_text(b, NFTA_CHAIN_TYPE, "filter");
}

static void
rule(struct builder *b, uint8_t family, const char *of, const char *in)
{
	build_message(b, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE, family);
	build_text(b, NFTA_RULE_TABLE, of);
	build_text(b, NFTA_RULE_CHAIN, in);
	build_open(b, NFTA_RULE_EXPRESSIONS);
}

static void
jump(struct builder *b, const char *in, const char *to)
{
	rule(b, NFPROTO_INET, "t", in);
	build_expr(b, "immediate");
	build_u32(b, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	build_open(b, NFTA_IMMEDIATE_DATA);
	build_open(b, NFTA_DATA_VERDICT);
	build_u32(b, NFTA_VERDICT_CODE, (uint32_t)NFT_JUMP);
	build_text(b, NFTA_VERDICT_CHAIN, to);
	build_close(b);
	build_close(b);
	build_close(b);
	build_close(b);
	build_close(b);
}

/* A chain whose one rule is one cmp, and one attribute more. */
static void
compare(struct builder *b, uint16_t extra)
{
	build_begin(b, bytes, sizeof(bytes));
	build_record(b, DUMP_NFT_TABLES, 0);
	table(b, NFPROTO_INET, "t");
	build_record(b, DUMP_NFT_CHAINS, 0);
	chain(b, NFPROTO_INET, "t", "c");
	build_record(b, DUMP_NFT_RULES, 0);
	rule(b, NFPROTO_INET, "t", "c");
	build_expr(b, "cmp");
	build_u32(b, NFTA_CMP_SREG, NFT_REG_1);
	build_u32(b, NFTA_CMP_OP, NFT_CMP_EQ);
	build_open(b, NFTA_CMP_DATA);
	build_u32(b, NFTA_DATA_VALUE, 7);
	build_close(b);
	if (extra)
		build_u32(b, extra, 1);
	build_close(b);
	build_close(b);
	build_close(b);
}

static void
an_attribute_that_is_not_known_makes_it_unknown_by_name(void **state)
{
	static const struct {
		uint16_t extra;
		uint8_t kind;
		const char *name;
	} cases[] = {
	    {0, OP_CMP, "cmp"}, {4, OP_UNKNOWN, "nft cmp attribute 4"},
	    {NFTA_CMP_OP, OP_UNKNOWN, "nft cmp attribute 2"}, /* twice */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct builder b;
		struct read r;
		const struct op *op;

		compare(&b, cases[i].extra);
		assert_int_equal(finish(&r, &b), 0);
		op = &r.rules.tables[0].chains[0]->rules[0].ops[0];
		assert_int_equal(op->kind, cases[i].kind);
		assert_string_equal(op->name, cases[i].name);
		fini(&r);
	}
}

static void
expressions_that_are_not_known_are_named(void **state)
{
	static const char *const names[] = {"inner", "brand_new"},
				 *want[] = {"inner", "nft brand_new"};
	struct builder b;
	struct read r;

	(void)state;
	for (int i = 0; i < 2; i++) {
		compare(&b, 0);
		rule(&b, NFPROTO_INET, "t", "c");
		build_expr(&b, names[i]);
		build_close(&b);
		build_close(&b);
		build_close(&b);
		assert_int_equal(finish(&r, &b), 0);
		assert_int_equal(r.rules.n_rules, 2);
		assert_int_equal(r.rules.tables[0].chains[0]->rules[1].ops[0].kind, OP_UNKNOWN);
		assert_string_equal(r.rules.tables[0].chains[0]->rules[1].ops[0].name, want[i]);
		fini(&r);
	}
}

static void
doubts_about_a_table_are_a_rule_in_each_of_its_chains(void **state)
{
	struct builder b;
	struct read r;
	const struct chain *c;

	(void)state;
	build_begin(&b, bytes, sizeof(bytes));
	build_record(&b, DUMP_NFT_TABLES, 0);
	table(&b, NFPROTO_INET, "t");
	build_u32(&b, 8, 1);
	build_record(&b, DUMP_NFT_CHAINS, 0);
	chain(&b, NFPROTO_INET, "t", "c");
	build_record(&b, DUMP_NFT_RULES, 0);
	jump(&b, "c", "nowhere");
	assert_int_equal(finish(&r, &b), 0);
	c = r.rules.tables[0].chains[0];
	assert_string_equal(c->doubt, "nft table attribute 8");
	assert_int_equal(c->n, 2);
	assert_int_equal(c->rules[0].number, 0);
	assert_int_equal(c->rules[0].ops[0].kind, OP_UNKNOWN);
	assert_int_equal(c->rules[1].number, 1);
	assert_int_equal(c->rules[1].ops[0].u.verdict.code, NFT_JUMP);
	assert_null(c->rules[1].ops[0].u.verdict.chain);
	fini(&r);
}

static void
chains_in_a_loop_are_deep(void **state)
{
	struct builder b;
	struct read r;

	(void)state;
	build_begin(&b, bytes, sizeof(bytes));
	build_record(&b, DUMP_NFT_TABLES, 0);
	table(&b, NFPROTO_INET, "t");
	build_record(&b, DUMP_NFT_CHAINS, 0);
	for (const char *name = "a\0b\0c\0d\0"; *name; name += 2)
		chain(&b, NFPROTO_INET, "t", name);
	build_record(&b, DUMP_NFT_RULES, 0);
	jump(&b, "a", "b");
	jump(&b, "b", "c");
	jump(&b, "c", "b");
	jump(&b, "c", "d");
	assert_int_equal(finish(&r, &b), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(r.rules.tables[0].chains[i]->deep, i == 1 || i == 2);
	fini(&r);
}

static void
in_hook(struct builder *b, uint8_t family, const char *of, const char *name)
{
	build_message(b, NFNL_SUBSYS_HOOK << 8 | NFNL_MSG_HOOK_GET, 0);
	build_text(b, NFNLA_HOOK_FUNCTION_NAME, "nft_do_chain");
	build_open(b, NFNLA_HOOK_CHAIN_INFO);
	build_open(b, NFNLA_HOOK_INFO_DESC);
	build_text(b, NFNLA_CHAIN_TABLE, of);
	build_attr(b, NFNLA_CHAIN_FAMILY, &family, 1);
	build_text(b, NFNLA_CHAIN_NAME, name);
	build_close(b);
	build_u32(b, NFNLA_HOOK_INFO_TYPE, NFNL_HOOK_TYPE_NFTABLES);
	build_close(b);
}

/* IPv4 runs a, both, z; IPv6 both, six: one order serves the two. */
static void
hooks_give_base_chains_their_order(void **state)
{
	static const struct {
		uint8_t family;
		const char *name;
	} chains[] = {{NFPROTO_IPV4, "z"}, {NFPROTO_IPV6, "six"}, {NFPROTO_INET, "both"},
	    {NFPROTO_IPV4, "a"}};
	int32_t order[4];
	struct builder b;
	struct read r;

	(void)state;
	build_begin(&b, bytes, sizeof(bytes));
	build_record(&b, DUMP_NFT_TABLES, 0);
	for (int i = 0; i < 4; i++)
		table(&b, chains[i].family, chains[i].name);
	build_record(&b, DUMP_NFT_CHAINS, 0);
	for (int i = 0; i < 4; i++) {
		chain(&b, chains[i].family, chains[i].name, "c");
		hook(&b, NF_INET_LOCAL_IN);
	}
	build_record(&b, DUMP_NFT_HOOKS, NFPROTO_IPV4 << 8 | NF_INET_LOCAL_IN);
	in_hook(&b, NFPROTO_IPV4, "a", "c");
	in_hook(&b, NFPROTO_INET, "both", "c");
	in_hook(&b, NFPROTO_IPV4, "z", "c");
	build_record(&b, DUMP_NFT_HOOKS, NFPROTO_IPV6 << 8 | NF_INET_LOCAL_IN);
	in_hook(&b, NFPROTO_INET, "both", "c");
	in_hook(&b, NFPROTO_IPV6, "six", "c");
	assert_int_equal(finish(&r, &b), 0);
	for (int i = 0; i < 4; i++)
		order[i] = r.rules.tables[i].chains[0]->order;
	assert_int_equal(order[3], 0);
	assert_true(order[2] > order[3] && order[0] > order[2] && order[1] > order[2]);
	fini(&r);
}

static void
a_device_prefix_ends_in_a_star(void **state)
{
	struct builder b;
	struct read r;

	(void)state;
	build_begin(&b, bytes, sizeof(bytes));
	build_record(&b, DUMP_NFT_TABLES, 0);
	table(&b, NFPROTO_NETDEV, "t");
	build_record(&b, DUMP_NFT_CHAINS, 0);
	chain(&b, NFPROTO_NETDEV, "t", "c");
	build_open(&b, NFTA_CHAIN_HOOK);
	build_u32(&b, NFTA_HOOK_HOOKNUM, 0);
	build_u32(&b, NFTA_HOOK_PRIORITY, 0);
	build_open(&b, NFTA_HOOK_DEVS);
	build_text(&b, NFTA_DEVICE_NAME, "eth0");
	build_attr(&b, 2, "veth", 4);
	build_close(&b);
	build_close(&b);
	build_text(&b, NFTA_CHAIN_TYPE, "filter");
	assert_int_equal(finish(&r, &b), 0);
	assert_string_equal(r.rules.tables[0].chains[0]->devs[0], "eth0");
	assert_string_equal(r.rules.tables[0].chains[0]->devs[1], "veth*");
	assert_null(r.rules.tables[0].chains[0]->devs[2]);
	assert_null(r.rules.tables[0].chains[0]->doubt);
	fini(&r);
}

static void
what_is_missing_is_not_taken_for_empty(void **state)
{
	const struct dump_failed failed = {.kind = DUMP_NFT_RULES, .error = -ENOBUFS};
	struct builder b;
	struct read r;
	uint8_t *record;

	(void)state;
	build_begin(&b, bytes, sizeof(bytes));
	assert_int_equal(finish(&r, &b), -EINVAL);
	assert_string_equal(r.what, "no nft records");
	fini(&r);
	compare(&b, 0);
	build_record(&b, DUMP_FAILED, 0);
	record = bytes + b.n;
	build_attr(&b, 0, &failed, sizeof(failed)); /* room; the record has no head of its own */
	memcpy(record, &failed, sizeof(failed));
	assert_int_equal(finish(&r, &b), -ENOBUFS);
	assert_string_equal(r.what, "nft rules could not be read");
	fini(&r);
	compare(&b, 0);
	rule(&b, NFPROTO_INET, "t", "elsewhere");
	build_close(&b);
	assert_int_equal(finish(&r, &b), -EINVAL);
	assert_string_equal(r.what, "a rule of a chain that is not there");
	fini(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_attribute_that_is_not_known_makes_it_unknown_by_name),
	    cmocka_unit_test(expressions_that_are_not_known_are_named),
	    cmocka_unit_test(doubts_about_a_table_are_a_rule_in_each_of_its_chains),
	    cmocka_unit_test(chains_in_a_loop_are_deep),
	    cmocka_unit_test(hooks_give_base_chains_their_order),
	    cmocka_unit_test(a_device_prefix_ends_in_a_star),
	    cmocka_unit_test(what_is_missing_is_not_taken_for_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
