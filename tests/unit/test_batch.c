/* links: keeper */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <string.h>

#include "base/addr.h"
#include "keeper/table.h"
#include "nft/build.h"

static struct elem
ban(const char *text, usec_t timeout)
{
	struct prefix p;

	assert_int_equal(prefix_parse(&p, text, strlen(text)), 0);
	return table_elem(&p, timeout ? timeout : USEC_NEVER, 0);
}

/* The n-th message of a batch; NULL behind the last. */
static struct nlmsghdr *
message(const struct batch *b, int n)
{
	size_t at = 0;

	while (at < b->len && n-- > 0)
		at += ((struct nlmsghdr *)(b->buf + at))->nlmsg_len;
	return at < b->len ? (struct nlmsghdr *)(b->buf + at) : NULL;
}

/* What libnftnl understands of an element message: keys, ends and timeouts, as text. */
static void
assert_reads(const struct nlmsghdr *nlh, const char *expect)
{
	struct nftnl_set *s = nftnl_set_alloc();
	char text[4096];

	assert_int_equal(nftnl_set_elems_nlmsg_parse(nlh, s), 0);
	assert_string_equal(nftnl_set_get_str(s, NFTNL_SET_TABLE), TABLE_NAME);
	assert_int_equal(nftnl_set_get_u32(s, NFTNL_SET_FAMILY), NFPROTO_INET);
	nftnl_set_snprintf(text, sizeof(text), s, NFTNL_OUTPUT_DEFAULT, 0);
	if (!strstr(text, expect))
		fail_msg("'%s' is not in '%s'", expect, text);
	nftnl_set_free(s);
}

static void
test_begins_as_nfnetlink_wants(void **state)
{
	struct batch b = {0};
	const struct nfgenmsg *g;

	(void)state;
	batch_begin(&b);
	assert_int_equal(message(&b, 0)->nlmsg_type, NFNL_MSG_BATCH_BEGIN);
	g = mnl_nlmsg_get_payload(message(&b, 0));
	assert_int_equal(ntohs(g->res_id), NFNL_SUBSYS_NFTABLES);
	assert_null(message(&b, 1));
	batch_fini(&b);
}

static void
test_hosts_of_both_families(void **state)
{
	struct batch b = {0};
	struct elem v4 = ban("203.0.113.7", 1500 * USEC_PER_MSEC + 1), v6 = ban("2001:db8::7", 0);
	struct elem net = ban("2001:db8:1:2::/64", 0);

	(void)state;
	assert_int_equal(net.kind, ELEM_ONE);
	batch_begin(&b);
	batch_elem(&b, NFT_MSG_NEWSETELEM, "host4", &v4, 1);
	batch_elem(&b, NFT_MSG_NEWSETELEM, "host6", &v6, 2);
	batch_elem(&b, NFT_MSG_NEWSETELEM, "net6", &net, 3);
	assert_int_equal(
	    message(&b, 1)->nlmsg_type, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSETELEM);
	assert_true(message(&b, 1)->nlmsg_flags & NLM_F_CREATE);
	assert_reads(message(&b, 1), "element 077100cb"); /* libnftnl prints words of the machine */
	assert_reads(message(&b, 2), "element b80d0120 00000000 00000000 07000000");
	assert_reads(message(&b, 3), "element b80d0120 02000100 00000000 00000000");
	assert_null(message(&b, 4));
	batch_fini(&b);
}

struct seen {
	uint32_t n;
	struct elem_state last;
};

static void
count(void *ctx, const struct elem_state *s)
{
	struct seen *seen = ctx;
	uint32_t expect = htonl(0x0a000000 + seen->n);

	assert_int_equal(s->len, 4);
	assert_memory_equal(s->key, &expect, 4);
	seen->n++;
	seen->last = *s;
}

static void
test_packs_many_below_64k_and_keeps_the_order(void **state)
{
	struct batch b = {0};
	struct seen seen = {0};
	int messages = 0;

	(void)state;
	batch_begin(&b);
	for (uint32_t i = 0; i < 10000; i++) {
		struct elem e = {.kind = ELEM_ONE, .len = 4, .timeout = 1};
		uint32_t key = htonl(0x0a000000 + i);

		memcpy(e.key, &key, 4);
		batch_elem(&b, NFT_MSG_NEWSETELEM, "host4", &e, 50000 + i);
	}
	for (int i = 1; message(&b, i); i++, messages++) {
		const struct nlattr *list =
		    nl_attr(message(&b, i), NFT_HEADER, NFTA_SET_ELEM_LIST_ELEMENTS);

		assert_true(message(&b, i)->nlmsg_len < 65536);
		assert_non_null(list);
		assert_int_equal(b.tags[b.first[i]], 50000 + seen.n);
		elem_parse(message(&b, i), count, &seen);
	}
	assert_int_equal(seen.n, 10000);
	assert_in_range(messages, 2, 8);
	batch_fini(&b);
}

static void
test_single_when_it_must_be_known_which_is_refused(void **state)
{
	struct batch b = {.single = true};
	struct elem e = ban("203.0.113.7", 0);

	(void)state;
	batch_begin(&b);
	for (uint32_t i = 0; i < 3; i++)
		batch_elem(&b, NFT_MSG_NEWSETELEM, "host4", &e, i);
	assert_non_null(message(&b, 3));
	b.single = false;
	batch_begin(&b);
	for (uint32_t i = 0; i < 3; i++)
		batch_elem(&b, NFT_MSG_DELSETELEM, "host4", &e, i);
	assert_non_null(message(&b, 3));
	assert_int_equal(message(&b, 3)->nlmsg_type & 0xff, NFT_MSG_DELSETELEM);
	batch_fini(&b);
}

static void
keep(void *ctx, const struct elem_state *s)
{
	struct seen *seen = ctx;

	seen->n++;
	seen->last = *s;
}

static void
test_ranges_end_behind_their_last_address(void **state)
{
	static const struct {
		const char *prefix, *expect;
	} cases[] = {
	    {"203.0.113.0/24", "element 007100cb  : 0 [end]\telement 007200cb  : 1 [end]"},
	    {"10.255.0.0/16", "element 0000ff0a  : 0 [end]\telement 0000000b  : 1 [end]"},
	    {"255.255.255.0/24", "element 00ffffff  : 0 [end]"},
	    {"2001:db8:7::/48", "element b80d0120 00000700 00000000 00000000  : 0 [end]\t"
				"element b80d0120 00000800 00000000 00000000  : 1 [end]"},
	    {"2001:db8::/32", "element b80d0120 00000000 00000000 00000000  : 0 [end]\t"
			      "element b90d0120 00000000 00000000 00000000  : 1 [end]"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct elem e = ban(cases[i].prefix, 0);
		struct batch b = {0};
		struct seen seen = {0};

		assert_int_equal(e.kind, ELEM_RANGE);
		batch_begin(&b);
		batch_elem(&b, NFT_MSG_NEWSETELEM, "prefix", &e, 1);
		assert_reads(message(&b, 1), cases[i].expect);
		elem_parse(message(&b, 1), keep, &seen);
		assert_int_equal(seen.n, i == 2 ? 1 : 2); /* up to the end of all: no end element */
		batch_fini(&b);
	}
}

/* A message as the kernel answers: with what is left, and a counter. */
static void
test_reads_counter_and_remaining_time(void **state)
{
	struct batch b = {0};
	struct seen seen = {0};
	struct nlmsghdr *nlh;
	struct nlattr *list, *elem, *key, *expr, *data;

	(void)state;
	batch_begin(&b);
	nlh = batch_open(&b, NFT_MSG_NEWSETELEM, 0);
	list = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_LIST_ELEMENTS);
	elem = mnl_attr_nest_start(nlh, NFTA_LIST_ELEM);
	key = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_KEY);
	mnl_attr_put(nlh, NFTA_DATA_VALUE, 4, "\x0a\0\0\1");
	mnl_attr_nest_end(nlh, key);
	mnl_attr_put_u64(nlh, NFTA_SET_ELEM_EXPIRATION, 0xe803000000000000); /* 1000 */
	expr = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_EXPR);
	mnl_attr_put_strz(nlh, NFTA_EXPR_NAME, "counter");
	data = mnl_attr_nest_start(nlh, NFTA_EXPR_DATA);
	mnl_attr_put_u64(nlh, NFTA_COUNTER_BYTES, 0x0201000000000000); /* 258 */
	mnl_attr_put_u64(nlh, NFTA_COUNTER_PACKETS, 0x0500000000000000);
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, expr);
	mnl_attr_nest_end(nlh, elem);
	mnl_attr_nest_end(nlh, list);
	batch_close(&b);
	elem_parse(message(&b, 1), keep, &seen);
	assert_int_equal(seen.n, 1);
	assert_int_equal(seen.last.remaining, USEC_PER_SEC);
	assert_int_equal(seen.last.packets, 5);
	assert_int_equal(seen.last.bytes, 0x102);
	assert_false(seen.last.end);
	batch_fini(&b);
}

static void
test_rule_and_set_are_read_back_by_libnftnl(void **state)
{
	const struct nft_set set = {
	    "ports_x", NFT_SET_INTERVAL | NFT_SET_CONCAT, TYPE_PROTO_SERVICE, 8, false};
	struct nftnl_rule *r = nft_rule("guard"), *back = nftnl_rule_alloc();
	struct nftnl_set *s = nftnl_set_alloc();
	struct batch b = {0};
	char text[2048];

	(void)state;
	batch_begin(&b);
	nft_meta(r, NFT_META_NFPROTO);
	nft_compare(r, NFT_CMP_EQ, NFPROTO_IPV6);
	nft_payload(r, NFT_PAYLOAD_NETWORK_HEADER, 8, 16, NFT_REG_1);
	nft_half(r);
	nft_lookup(r, "net6");
	nft_rule_put(&b, r, NF_DROP);
	nft_set_put(&b, &set, 3);
	assert_int_equal(nftnl_rule_nlmsg_parse(message(&b, 1), back), 0);
	nftnl_rule_snprintf(text, sizeof(text), back, NFTNL_OUTPUT_DEFAULT, 0);
	assert_non_null(strstr(text, "payload load 16b @ network header + 8 => reg 1"));
	assert_non_null(
	    strstr(text, "reg 1 = ( reg 1 & 0xffffffff 0xffffffff 0x00000000 0x00000000 )"));
	assert_non_null(strstr(text, "lookup reg 1 set net6"));
	assert_non_null(strstr(text, "counter pkts 0 bytes 0"));
	assert_non_null(strstr(text, "immediate reg 0 drop"));
	assert_int_equal(nftnl_set_nlmsg_parse(message(&b, 2), s), 0);
	assert_string_equal(nftnl_set_get_str(s, NFTNL_SET_NAME), "ports_x");
	assert_int_equal(nftnl_set_get_u32(s, NFTNL_SET_KEY_LEN), 8);
	assert_int_equal(nftnl_set_get_u32(s, NFTNL_SET_KEY_TYPE), 12 << 6 | 13);
	assert_true(nft_set_is(&set, message(&b, 2)));
	nftnl_set_free(s);
	nftnl_rule_free(back);
	batch_fini(&b);
}

static void
test_published_ports_are_joined(void **state)
{
	static const struct dnat d = {.n = 4,
	    .ports = {{6, 2525, 2525, 25}, {17, 53, 53, 25}, {6, 8025, 8026, 25}, {6, 99, 99, 26}}};
	struct dnat_port ranges[8];
	const struct dnat_port smtp = {6, 25, 25, 0}, more = {6, 8000, 8030, 0};
	uint32_t n = dnat_join(&d, ranges, 0, 8, &smtp);

	(void)state;
	assert_int_equal(n, 3);
	n = dnat_join(&d, ranges, n, 8, &more);
	assert_int_equal(n, 3);
	for (uint32_t i = 0; i < n; i++)
		if (ranges[i].low == 8000)
			assert_int_equal(ranges[i].high, 8030);
	assert_int_equal(dnat_join(&d, ranges, 0, 1, &smtp), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_begins_as_nfnetlink_wants),
	    cmocka_unit_test(test_hosts_of_both_families),
	    cmocka_unit_test(test_packs_many_below_64k_and_keeps_the_order),
	    cmocka_unit_test(test_single_when_it_must_be_known_which_is_refused),
	    cmocka_unit_test(test_ranges_end_behind_their_last_address),
	    cmocka_unit_test(test_reads_counter_and_remaining_time),
	    cmocka_unit_test(test_rule_and_set_are_read_back_by_libnftnl),
	    cmocka_unit_test(test_published_ports_are_joined),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
