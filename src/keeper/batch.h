/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Netlink as the keeper needs it: questions with their answers, and nf_tables transactions on table
 * inet guardd. Comes in: objects (libnftnl) and set elements, each element with the caller's tag.
 * Goes out: one sendmsg per transaction; every refusal with the tag it belongs to. Nothing waits:
 * the kernel answers within sendmsg. Bounded: a message below 64 KiB, a transaction by NL_BUFFER.
 */
#pragma once

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdbool.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define TABLE_NAME "guardd"
#define NL_BUFFER  (16 << 20) /* socket buffers; a limit, not memory held */
#define NO_TAG     UINT32_MAX

/* A netlink socket; non-blocking, for the kernel has always answered when sendmsg returns. */
struct nl {
	int fd;
	uint32_t port, seq;
	uint8_t buf[65536];
};

/* bus: NETLINK_NETFILTER or NETLINK_ROUTE. groups: bit mask of multicast groups 1..32. */
int nl_new(struct nl **out, int bus, uint32_t groups);
void nl_free(struct nl *n);
DEFINE_FREEP(struct nl, nl_free)
/* Sends one request (a dump when it has NLM_F_DUMP) and gives each answer to cb; -EINTR: a dump
 * changed meanwhile. */
int nl_ask(struct nl *n, struct nlmsghdr *request, mnl_cb_t cb, void *ctx);
/* Reads what is there; cb may be NULL. -ENOBUFS: some was lost; -EAGAIN: no more. */
int nl_read(struct nl *n, mnl_cb_t cb, void *ctx);

/* The first attribute of a type: in some bytes, in a message behind its family header, or inside
 * another; NULL when missing. nl_text:
 * "" then. */
const struct nlattr *nl_find(const void *bytes, size_t n, int type);
const struct nlattr *nl_attr(const struct nlmsghdr *nlh, size_t header, int type);
const struct nlattr *nl_inside(const struct nlattr *nest, int type);
const char *nl_text(const struct nlattr *a);
uint32_t nl_be32(const struct nlattr *a);

enum elem_kind {
	ELEM_ONE,   /* key */
	ELEM_RANGE, /* key..last of an interval set: a start and an end element */
	ELEM_BOX,   /* key..last of a set of concatenations (NFTA_SET_ELEM_KEY_END) */
};

struct elem {
	enum elem_kind kind;
	uint8_t len; /* of key and last: 4, 8 or 16 */
	uint8_t key[16], last[16];
	usec_t timeout; /* 0: none; rounded up to ms */
};

/* What the kernel says of an element. */
struct elem_state {
	uint8_t key[16];
	uint8_t len;
	bool end;         /* the end of an interval */
	usec_t remaining; /* USEC_NEVER: no timeout */
	uint64_t packets, bytes;
	uint8_t data[20]; /* of a map */
	uint8_t data_len;
};

/* Calls fn for each element in a NEWSETELEM message. */
void elem_parse(
    const struct nlmsghdr *nlh, void (*fn)(void *ctx, const struct elem_state *s), void *ctx);

struct batch_error {
	uint32_t tag; /* NO_TAG: of an object, or of the transaction as a whole */
	int error;    /* negative */
};

struct batch {
	uint8_t *buf;
	size_t len, room;
	const char *set; /* of the open message, which may take more elements; NULL: none is open */
	size_t msg, list;                 /* offsets of it and of its list */
	uint32_t *first, msgs, msgs_room; /* per message: its first element */
	uint32_t *tags, n_tags, tags_room;
	struct batch_error *errors;
	uint32_t n_errors, errors_room;
	bool acked;
	bool single; /* one element per message: errors name their element */
};

void batch_begin(struct batch *b);
void batch_fini(struct batch *b);
/* A message of type NFT_MSG_*; payload comes by libnftnl's or libmnl's functions, then batch_close.
 */
struct nlmsghdr *batch_open(struct batch *b, int type, int flags);
void batch_close(struct batch *b);
/*
 * type NFT_MSG_NEWSETELEM: packed with its neighbours of the same set; NFT_MSG_DELSETELEM and
 * ranges: a message each; NFT_MSG_GETSETELEM: for batch_lookup. set must live as long as the batch.
 * e NULL: all (delete).
 */
void batch_elem(struct batch *b, int type, const char *set, const struct elem *e, uint32_t tag);
/* 0: in force; else the first error, all of them in b->errors. */
int batch_commit(struct batch *b, struct nl *n);
/* state NULL: not there, error says why (-ENOENT). */
typedef void (*batch_found_fn)(void *ctx, uint32_t tag, int error, const struct elem_state *s);
/* Asks for the elements added as NFT_MSG_GETSETELEM. */
int batch_lookup(struct batch *b, struct nl *n, batch_found_fn fn, void *ctx);
