/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ruleset_build.h"

#include <string.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include "dump/dump.h"

static void
put(struct builder *b, const void *data, size_t n, size_t align)
{
	size_t padded = (n + align - 1) / align * align;

	if (padded > b->room - b->n) {
		b->room = b->n; /* full: build_end says 0 */
		return;
	}
	memset(b->bytes + b->n, 0, padded);
	if (n)
		memcpy(b->bytes + b->n, data, n);
	b->n += padded;
}

static void
end_message(struct builder *b)
{
	uint32_t n = (uint32_t)(b->n - b->message);

	if (b->message && b->room > b->n)
		memcpy(b->bytes + b->message, &n, sizeof(n));
	b->message = 0;
}

static void
end_record(struct builder *b)
{
	uint32_t n = (uint32_t)(b->n - b->record - sizeof(struct dump_record));

	end_message(b);
	if (!b->record || b->room <= b->n)
		return;
	memcpy(b->bytes + b->record + offsetof(struct dump_record, len), &n, sizeof(n));
	put(b, NULL, 0, 1);
	while (b->n % 8)
		put(b, "", 1, 1);
	b->record = 0;
}

void
build_begin(struct builder *b, uint8_t *bytes, size_t room)
{
	struct dump_header h = {.version = DUMP_VERSION};

	*b = (struct builder){.bytes = bytes, .room = room};
	memcpy(h.magic, DUMP_MAGIC, sizeof(h.magic));
	put(b, &h, sizeof(h), 8);
}

void
build_record(struct builder *b, uint32_t kind, uint32_t arg)
{
	struct dump_record r = {.kind = kind, .arg = arg};

	end_record(b);
	b->record = b->n;
	put(b, &r, sizeof(r), 8);
}

void
build_message(struct builder *b, uint16_t type, uint8_t family)
{
	struct nlmsghdr h = {.nlmsg_type = type};
	struct nfgenmsg g = {.nfgen_family = family};

	end_message(b);
	b->message = b->n;
	put(b, &h, sizeof(h), 4);
	put(b, &g, sizeof(g), 4);
}

void
build_attr(struct builder *b, uint16_t type, const void *data, size_t n)
{
	struct nlattr a = {.nla_len = (uint16_t)(sizeof(a) + n), .nla_type = type};

	put(b, &a, sizeof(a), 4);
	put(b, data, n, 4);
}

void
build_text(struct builder *b, uint16_t type, const char *text)
{
	build_attr(b, type, text, strlen(text) + 1);
}

void
build_u32(struct builder *b, uint16_t type, uint32_t value)
{
	value = htonl(value);
	build_attr(b, type, &value, sizeof(value));
}

void
build_open(struct builder *b, uint16_t type)
{
	b->nest[b->depth++] = b->n;
	build_attr(b, type | NLA_F_NESTED, NULL, 0);
}

void
build_close(struct builder *b)
{
	size_t at = b->nest[--b->depth];
	uint16_t n = (uint16_t)(b->n - at);

	if (at < b->n)
		memcpy(b->bytes + at, &n, sizeof(n));
}

void
build_expr(struct builder *b, const char *name)
{
	build_open(b, NFTA_LIST_ELEM);
	build_text(b, NFTA_EXPR_NAME, name);
	build_open(b, NFTA_EXPR_DATA);
}

size_t
build_end(struct builder *b)
{
	uint32_t size;

	end_record(b);
	if (b->room <= b->n)
		return 0;
	size = (uint32_t)b->n;
	memcpy(b->bytes + offsetof(struct dump_header, size), &size, sizeof(size));
	return b->n;
}

#define NFT(type) (NFNL_SUBSYS_NFTABLES << 8 | (type))

static void
build_element(struct builder *b, uint32_t key, uint32_t flags, const char *jump)
{
	build_open(b, NFTA_LIST_ELEM);
	build_open(b, NFTA_SET_ELEM_KEY);
	build_u32(b, NFTA_DATA_VALUE, key);
	build_close(b);
	build_u32(b, NFTA_SET_ELEM_FLAGS, flags);
	if (jump) {
		build_open(b, NFTA_SET_ELEM_DATA);
		build_open(b, NFTA_DATA_VERDICT);
		build_u32(b, NFTA_VERDICT_CODE, (uint32_t)NFT_JUMP);
		build_text(b, NFTA_VERDICT_CHAIN, jump);
		build_close(b);
		build_close(b);
	}
	build_close(b);
}

static void
build_set(struct builder *b, const char *name, uint32_t flags)
{
	build_message(b, NFT(NFT_MSG_NEWSET), NFPROTO_INET);
	build_text(b, NFTA_SET_TABLE, "t");
	build_text(b, NFTA_SET_NAME, name);
	build_u32(b, NFTA_SET_FLAGS, flags);
	build_u32(b, NFTA_SET_KEY_LEN, 4);
	if (flags & NFT_SET_MAP)
		build_u32(b, NFTA_SET_DATA_TYPE, NFT_DATA_VERDICT);
}

static void
build_whole(struct builder *b)
{
	static const char *const sets[] = {"tree", "map"};

	build_record(b, DUMP_NFT_TABLES, 0);
	build_message(b, NFT(NFT_MSG_NEWTABLE), NFPROTO_INET);
	build_text(b, NFTA_TABLE_NAME, "t");
	build_record(b, DUMP_NFT_CHAINS, 0);
	for (int i = 0; i < 2; i++) {
		build_message(b, NFT(NFT_MSG_NEWCHAIN), NFPROTO_INET);
		build_text(b, NFTA_CHAIN_TABLE, "t");
		build_text(b, NFTA_CHAIN_NAME, i ? "c" : "b");
	}
	build_record(b, DUMP_NFT_SETS, 0);
	build_set(b, "tree", NFT_SET_INTERVAL);
	build_set(b, "map", NFT_SET_MAP);
	build_record(b, DUMP_NFT_ELEMENTS, 0);
	for (int i = 0; i < 2; i++) {
		build_message(b, NFT(NFT_MSG_NEWSETELEM), NFPROTO_INET);
		build_text(b, NFTA_SET_ELEM_LIST_TABLE, "t");
		build_text(b, NFTA_SET_ELEM_LIST_SET, sets[i]);
		build_open(b, NFTA_SET_ELEM_LIST_ELEMENTS);
		build_element(b, 0x0a000000, 0, i ? "c" : NULL);
		build_element(b, 0x0b000000, i ? 0 : NFT_SET_ELEM_INTERVAL_END, i ? "b" : NULL);
		build_close(b);
	}
	build_record(b, DUMP_NFT_RULES, 0);
	build_message(b, NFT(NFT_MSG_NEWRULE), NFPROTO_INET);
	build_text(b, NFTA_RULE_TABLE, "t");
	build_text(b, NFTA_RULE_CHAIN, "c");
	build_open(b, NFTA_RULE_EXPRESSIONS);
	build_expr(b, "payload");
	build_u32(b, NFTA_PAYLOAD_DREG, NFT_REG_1);
	build_u32(b, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER);
	build_u32(b, NFTA_PAYLOAD_OFFSET, 12);
	build_u32(b, NFTA_PAYLOAD_LEN, 4);
	build_close(b);
	build_close(b);
	build_expr(b, "lookup");
	build_text(b, NFTA_LOOKUP_SET, "map");
	build_u32(b, NFTA_LOOKUP_SREG, NFT_REG_1);
	build_u32(b, NFTA_LOOKUP_DREG, NFT_REG_VERDICT);
	build_close(b);
	build_close(b);
	build_close(b);
}

size_t
ruleset_build(uint8_t *bytes, size_t room, int whole, const uint8_t *input, size_t n)
{
	struct builder b;
	size_t size;

	build_begin(&b, bytes, room);
	if (whole) {
		build_whole(&b);
		size = build_end(&b);
		/* Not the header: what it says is checked by itself. */
		for (size_t i = 0; i + 2 < n; i += 3)
			bytes[sizeof(struct dump_header) +
			      (input[i] << 8 | input[i + 1]) %
				  (size - sizeof(struct dump_header))] = input[i + 2];
		return size;
	}
	while (n >= 3) {
		size_t len = (size_t)(input[1] << 8 | input[2]);

		len = len < n - 3 ? len : n - 3;
		build_record(&b, input[0] % DUMP_KINDS, 0);
		put(&b, input + 3, len, 1);
		input += 3 + len;
		n -= 3 + len;
	}
	return build_end(&b);
}
