/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * nft records made by hand, for what no kernel at hand says: attributes of newer ones, loops, the
 * order of hooks. Comes in: names and numbers, or an input of the fuzzer. Goes out: bytes for
 * dump_from_bytes.
 */
#pragma once

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

/* Into bytes, aligned to 8. With whole: a table, chains, sets and rules that are read, over which
 * input is laid: a byte that says where, and one that says what. Without: input is records, each a
 * kind, two bytes of length, and data. The size; 0: no room. */
size_t ruleset_build(uint8_t *bytes, size_t room, int whole, const uint8_t *input, size_t n);

/* A dump by hand. */
struct builder {
	uint8_t *bytes;
	size_t room, n;
	size_t record, message, nest[8];
	int depth;
};
void build_begin(struct builder *b, uint8_t *bytes, size_t room);
void build_record(struct builder *b, uint32_t kind, uint32_t arg);
void build_message(struct builder *b, uint16_t type, uint8_t family);
void build_attr(struct builder *b, uint16_t type, const void *data, size_t n);
void build_text(struct builder *b, uint16_t type, const char *text);
void build_u32(struct builder *b, uint16_t type, uint32_t value); /* in network order */
void build_open(struct builder *b, uint16_t type);
void build_close(struct builder *b);
/* Opens an expression and its data: two build_close end it. */
void build_expr(struct builder *b, const char *name);
size_t build_end(struct builder *b);
