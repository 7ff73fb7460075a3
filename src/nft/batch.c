/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nft/batch.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_MAX 60000 /* the element list is one attribute: its length is 16 bits */
#define ROOM        8192  /* of one object or element */
#define TRIES       8     /* of a transaction that the kernel asks to repeat */

static uint8_t
value_in(const struct nlattr *a, uint8_t *out, size_t room)
{
	const struct nlattr *v = nl_inside(a, NFTA_DATA_VALUE);
	size_t n = v ? mnl_attr_get_payload_len(v) : 0;

	if (n == 0 || n > room)
		return 0;
	memcpy(out, mnl_attr_get_payload(v), n);
	return (uint8_t)n;
}

void
elem_parse(const struct nlmsghdr *nlh, void (*fn)(void *ctx, const struct elem_state *s), void *ctx)
{
	const struct nlattr *list = nl_attr(nlh, NFT_HEADER, NFTA_SET_ELEM_LIST_ELEMENTS), *e;

	if (!list)
		return;
	mnl_attr_for_each_nested(e, list)
	{
		const struct nlattr *left = nl_inside(e, NFTA_SET_ELEM_EXPIRATION);
		const struct nlattr *counter =
		    nl_inside(nl_inside(e, NFTA_SET_ELEM_EXPR), NFTA_EXPR_DATA);
		struct elem_state s = {0};

		s.len = value_in(nl_inside(e, NFTA_SET_ELEM_KEY), s.key, sizeof(s.key));
		s.data_len = value_in(nl_inside(e, NFTA_SET_ELEM_DATA), s.data, sizeof(s.data));
		s.end = nl_be32(nl_inside(e, NFTA_SET_ELEM_FLAGS)) & NFT_SET_ELEM_INTERVAL_END;
		s.remaining = left ? (usec_t)nl_be64(left) * USEC_PER_MSEC : USEC_NEVER;
		s.packets = nl_be64(nl_inside(counter, NFTA_COUNTER_PACKETS));
		s.bytes = nl_be64(nl_inside(counter, NFTA_COUNTER_BYTES));
		fn(ctx, &s);
	}
}

void *
batch_grow(void *items, uint32_t n, uint32_t more, uint32_t *room, size_t size)
{
	if (n + more <= *room)
		return items;
	*room = (n + more) * 2;
	items = reallocarray(items, *room, size);
	if (!items)
		abort();
	return items;
}

static struct nlmsghdr *
open_raw(struct batch *b, int type, int flags, int family, int resource)
{
	struct nfgenmsg g = {.nfgen_family = (uint8_t)family, .res_id = htons((uint16_t)resource)};
	struct nlmsghdr *nlh;

	b->buf = batch_grow(b->buf, b->len, ROOM, &b->room, 1);
	b->first = batch_grow(b->first, b->msgs, 1, &b->msgs_room, sizeof(*b->first));
	b->first[b->msgs++] = b->n_tags;
	b->msg = b->len;
	nlh = mnl_nlmsg_put_header(b->buf + b->len);
	nlh->nlmsg_type = (uint16_t)type;
	nlh->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	memcpy(mnl_nlmsg_put_extra_header(nlh, sizeof(g)), &g, sizeof(g));
	return nlh;
}

void
batch_close(struct batch *b)
{
	b->len = b->msg + ((struct nlmsghdr *)(b->buf + b->msg))->nlmsg_len;
	b->set = NULL;
}

struct nlmsghdr *
batch_open(struct batch *b, int type, int flags)
{
	return open_raw(b, NFNL_SUBSYS_NFTABLES << 8 | type, flags, NFPROTO_INET, 0);
}

void
batch_begin(struct batch *b)
{
	b->len = b->msgs = b->n_tags = b->n_errors = 0;
	open_raw(b, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	batch_close(b);
}

void
batch_fini(struct batch *b)
{
	free(b->buf);
	free(b->first);
	free(b->tags);
	free(b->errors);
	memset(b, 0, sizeof(*b));
}

static void
put_key(struct nlmsghdr *nlh, uint16_t type, const uint8_t *key, uint8_t len)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, type);

	mnl_attr_put(nlh, NFTA_DATA_VALUE, len, key);
	mnl_attr_nest_end(nlh, nest);
}

static void
put_elem(struct nlmsghdr *nlh, int type, const struct elem *e)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, NFTA_LIST_ELEM);

	put_key(nlh, NFTA_SET_ELEM_KEY, e->key, e->len);
	if (e->kind == ELEM_BOX)
		put_key(nlh, NFTA_SET_ELEM_KEY_END, e->last, e->len);
	if (e->timeout > 0 && type == NFT_MSG_NEWSETELEM)
		mnl_attr_put_u64(nlh, NFTA_SET_ELEM_TIMEOUT,
		    htobe64((uint64_t)((e->timeout + USEC_PER_MSEC - 1) / USEC_PER_MSEC)));
	mnl_attr_nest_end(nlh, nest);
}

/* The end is the address behind the last; a range up to the last address of all has none. */
static void
put_range_end(struct nlmsghdr *nlh, const struct elem *e)
{
	struct nlattr *nest;
	uint8_t end[16];
	int i = e->len - 1;

	memcpy(end, e->last, e->len);
	while (i >= 0 && ++end[i] == 0)
		i--;
	if (i < 0)
		return;
	nest = mnl_attr_nest_start(nlh, NFTA_LIST_ELEM);
	put_key(nlh, NFTA_SET_ELEM_KEY, end, e->len);
	mnl_attr_put_u32(nlh, NFTA_SET_ELEM_FLAGS, htonl(NFT_SET_ELEM_INTERVAL_END));
	mnl_attr_nest_end(nlh, nest);
}

void
batch_elem(struct batch *b, int type, const char *set, const struct elem *e, uint32_t tag)
{
	bool packs = type == NFT_MSG_NEWSETELEM && e && e->kind == ELEM_ONE && !b->single;
	struct nlmsghdr *nlh;

	b->buf = batch_grow(b->buf, b->len, ROOM, &b->room, 1);
	nlh = (struct nlmsghdr *)(b->buf + b->msg);
	if (!packs || b->set != set || nlh->nlmsg_len > MESSAGE_MAX) {
		nlh = batch_open(b, type, type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0);
		mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_TABLE, TABLE_NAME);
		mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_SET, set);
		if (e)
			b->list = (uint32_t)((uint8_t *)mnl_attr_nest_start(
						 nlh, NFTA_SET_ELEM_LIST_ELEMENTS) -
					     b->buf);
	}
	b->tags = batch_grow(b->tags, b->n_tags, 1, &b->tags_room, sizeof(*b->tags));
	b->tags[b->n_tags++] = tag;
	if (e) {
		put_elem(nlh, type, e);
		if (e->kind == ELEM_RANGE && type != NFT_MSG_GETSETELEM)
			put_range_end(nlh, e);
		mnl_attr_nest_end(nlh, (struct nlattr *)(b->buf + b->list));
	}
	batch_close(b);
	b->set = packs ? set : NULL;
}

/* Gives all messages their numbers and sends what is behind skip; each answer to fn, by message. */
static int
exchange(struct batch *b, struct nl *n, size_t skip,
    void (*fn)(void *ctx, uint32_t index, int error, const struct nlmsghdr *nlh), void *ctx)
{
	uint32_t base = n->seq + 1;
	ssize_t got;
	int r;

	for (size_t at = 0; at < b->len;) {
		struct nlmsghdr *nlh = (struct nlmsghdr *)(b->buf + at);

		nlh->nlmsg_seq = ++n->seq;
		at += nlh->nlmsg_len;
	}
	r = nl_send(n, b->buf + skip, b->len - skip);
	while (r != -EMSGSIZE && (got = nl_receive(n)) != -EAGAIN) {
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)n->buf;
		int len = (int)got;

		if (got < 0)
			r = (int)got;
		for (; got > 0 && mnl_nlmsg_ok(nlh, len); nlh = mnl_nlmsg_next(nlh, &len)) {
			const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);

			if (nlh->nlmsg_seq - base < b->msgs)
				fn(ctx, nlh->nlmsg_seq - base,
				    nlh->nlmsg_type == NLMSG_ERROR ? e->error : 0, nlh);
		}
	}
	return r;
}

/* Which of several elements in a message was refused is only found out one by one. */
static void
on_ack(void *ctx, uint32_t index, int error, const struct nlmsghdr *nlh)
{
	struct batch *b = ctx;
	uint32_t from = b->first[index],
		 n = (index + 1 < b->msgs ? b->first[index + 1] : b->n_tags) - from;

	(void)nlh;
	if (error == 0) {
		b->acked |= index == b->msgs - 2;
		return;
	}
	b->single |= n > 1;
	b->errors = batch_grow(b->errors, b->n_errors, 1, &b->errors_room, sizeof(*b->errors));
	b->errors[b->n_errors++] = (struct batch_error){n == 1 ? b->tags[from] : NO_TAG, error};
}

int
batch_commit(struct batch *b, struct nl *n)
{
	int r = 0;

	if (b->msgs < 2)
		return 0;
	/* Asked at the last message: one at the end of a batch is only known since Linux 6.10. */
	((struct nlmsghdr *)(b->buf + b->msg))->nlmsg_flags |= NLM_F_ACK;
	open_raw(b, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	batch_close(b);
	for (int i = 0; i < TRIES; i++) {
		b->n_errors = 0;
		b->acked = false;
		r = exchange(b, n, 0, on_ack, b);
		if (b->n_errors > 0)
			r = b->errors[0].error;
		else if (r == 0 && !b->acked)
			r = -ENOBUFS;
		if (r != -EBUSY && r != -EINTR && r != -ERESTART && r != -EAGAIN)
			break;
	}
	return r;
}

struct lookup {
	struct batch *b;
	batch_found_fn fn;
	void *ctx;
	uint32_t tag;
};

static void
on_elem(void *ctx, const struct elem_state *s)
{
	struct lookup *l = ctx;

	l->fn(l->ctx, l->tag, 0, s);
}

static void
on_answer(void *ctx, uint32_t index, int error, const struct nlmsghdr *nlh)
{
	struct lookup *l = ctx;

	if (index == 0)
		return;
	l->tag = l->b->tags[l->b->first[index]];
	if (error < 0)
		l->fn(l->ctx, l->tag, error, NULL);
	else
		elem_parse(nlh, on_elem, l);
}

int
batch_lookup(struct batch *b, struct nl *n, batch_found_fn fn, void *ctx)
{
	struct lookup l = {b, fn, ctx, NO_TAG};

	/* Questions are no transaction: what batch_begin put in front is left out. */
	return b->msgs < 2 ? 0
			   : exchange(b, n, ((struct nlmsghdr *)b->buf)->nlmsg_len, on_answer, &l);
}
