/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Transactions on table inet guardd. Comes in: objects, and set elements each with the caller's
 * tag. Goes out: one sendmsg of many messages, and every refusal with the tag it belongs to.
 * Bounded: a message below 64 KiB; how many elements is the caller's choice, and -ENOBUFS or
 * -EMSGSIZE says that it were too many.
 */
#pragma once

#include <arpa/inet.h> /* before linux/netfilter.h, which would define the same */
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdbool.h>

#include "base/clock.h"
#include "nft/netlink.h"

#define TABLE_NAME "guardd"
#define NFT_HEADER sizeof(struct nfgenmsg)
#define NO_TAG     UINT32_MAX

enum elem_kind {
	ELEM_ONE,   /* key */
	ELEM_RANGE, /* key..last of an interval set: a start and an end element */
	ELEM_BOX,   /* key..last of a set of concatenations */
};

struct elem {
	enum elem_kind kind;
	uint8_t len; /* of key and last: 4, 8 or 16 */
	uint8_t key[16], last[16];
	usec_t timeout; /* 0: none; rounded up to ms */
};

/* What the kernel says of an element. */
struct elem_state {
	uint8_t key[16], data[20]; /* data: of a map */
	uint8_t len, data_len;
	bool end;         /* the end of an interval */
	usec_t remaining; /* USEC_NEVER: no timeout */
	uint64_t packets, bytes;
};

/* Calls fn for each element in a NEWSETELEM message. */
void elem_parse(
    const struct nlmsghdr *nlh, void (*fn)(void *ctx, const struct elem_state *s), void *ctx);

struct batch_error {
	uint32_t tag; /* NO_TAG: of an object, of several elements, or of the whole */
	int error;    /* negative */
};

struct batch {
	uint8_t *buf;
	uint32_t len, room, msg, list; /* msg, list: offsets of the last message and its elements */
	const char *set;               /* of the last message, when it may take more elements */
	uint32_t msgs, msgs_room, n_tags, tags_room, n_errors, errors_room;
	uint32_t *first, *tags; /* first: of each message, index into tags */
	struct batch_error *errors;
	bool acked;
	bool single; /* one element per message: set when it is unknown which of several was refused
		      */
};

/* Room for more items behind n, aborting without memory: for what is bounded by the caller. */
void *batch_grow(void *items, uint32_t n, uint32_t more, uint32_t *room, size_t size);
void batch_begin(struct batch *b); /* single stays as it is */
void batch_fini(struct batch *b);
/* A message of type NFT_MSG_* for the caller to fill; batch_close ends it. */
struct nlmsghdr *batch_open(struct batch *b, int type, int flags);
void batch_close(struct batch *b);
/*
 * type NEWSETELEM: packed with its neighbours of the same set; DELSETELEM and ranges: a message
 * each; GETSETELEM: for batch_lookup. set must live as long as the batch. e NULL: all (delete).
 */
void batch_elem(struct batch *b, int type, const char *set, const struct elem *e, uint32_t tag);
/* 0: in force; else the first error, all of them in b->errors. */
int batch_commit(struct batch *b, struct nl *n);
/* s NULL: not there, error says why (-ENOENT). */
typedef void (*batch_found_fn)(void *ctx, uint32_t tag, int error, const struct elem_state *s);
int batch_lookup(struct batch *b, struct nl *n, batch_found_fn fn, void *ctx);
