/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Pieces of table inet guardd as messages of a batch: objects by name, sets, and rules out of their
 * expressions (libnftnl). Comes in: what the caller wants. Goes out: messages appended to the
 * batch. Rules load into NFT_REG_1 unless a register is named. Bounded: one object is below 8 KiB;
 * without memory these abort.
 */
#pragma once

#include <libnftnl/rule.h>

#include "nft/batch.h"

/* nft's numbers of key types (nftables: include/datatype.h); in a concatenation 6 bits each. */
enum { TYPE_IPADDR = 7, TYPE_IP6ADDR = 8, TYPE_PROTO_SERVICE = 12 << 6 | 13 };

struct nft_set {
	char name[32];
	uint32_t flags, type, len; /* enum nft_set_flags; as above; bytes of the key */
	bool have;                 /* as it should be, when last asked */
};

/* Opens a message whose first attributes are the table's name and, when not NULL, name. */
struct nlmsghdr *nft_object(struct batch *b, int type, int flags, uint16_t attr, const char *name);
/* The same, whole. */
void nft_bare(struct batch *b, int type, uint16_t attr, const char *name);
/* The table itself, awake. comment: below 100 bytes. */
void nft_table_put(struct batch *b, const char *comment);
/* id: any number that no other set of the transaction has. Sets with timeouts count per element. */
void nft_set_put(struct batch *b, const struct nft_set *s, uint32_t id);
/* True when a NEWSET message describes s. */
bool nft_set_is(const struct nft_set *s, const struct nlmsghdr *nlh);

struct nftnl_rule *nft_rule(const char *chain);
void nft_meta(struct nftnl_rule *r, unsigned key);
void nft_ct(struct nftnl_rule *r, unsigned key);
void nft_payload(struct nftnl_rule *r, unsigned base, unsigned offset, unsigned len, unsigned reg);
/* With one byte; op: enum nft_cmp_ops. */
void nft_compare(struct nftnl_rule *r, unsigned op, uint8_t value);
/* Masks an IPv6 address to its /64. */
void nft_half(struct nftnl_rule *r);
void nft_lookup(struct nftnl_rule *r, const char *set);
/* Appends the rule, which is freed; a drop counts. */
void nft_rule_put(struct batch *b, struct nftnl_rule *r, unsigned verdict);
