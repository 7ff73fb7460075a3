/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "keeper/batch.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define MESSAGE_MAX 60000 /* the element list is one attribute: its length is 16 bits */
#define TRIES       8     /* of a transaction that the kernel asks to repeat */

int
nl_new(struct nl **out, int bus, uint32_t groups)
{
	_cleanup_(nl_freep) struct nl *n = calloc(1, sizeof(*n));
	struct sockaddr_nl a = {.nl_family = AF_NETLINK, .nl_groups = groups};
	socklen_t len = sizeof(a);
	const int size = NL_BUFFER, one = 1;

	if (!n)
		return -ENOMEM;
	n->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, bus);
	if (n->fd < 0 || bind(n->fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    getsockname(n->fd, (struct sockaddr *)&a, &len) < 0)
		return -errno;
	n->port = a.nl_pid;
	/* Without CAP_NET_ADMIN the buffers stay small, and batches are halved until they fit. */
	setsockopt(n->fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	setsockopt(n->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(n->fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one));
	setsockopt(n->fd, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one));
	*out = n;
	n = NULL;
	return 0;
}

void
nl_free(struct nl *n)
{
	if (!n)
		return;
	if (n->fd >= 0)
		close(n->fd);
	free(n);
}

static ssize_t
receive(struct nl *n)
{
	struct sockaddr_nl from = {0};
	struct iovec iov = {n->buf, sizeof(n->buf)};
	struct msghdr h = {
	    .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov, .msg_iovlen = 1};
	ssize_t r;

	do
		r = recvmsg(n->fd, &h, MSG_DONTWAIT);
	while ((r < 0 && errno == EINTR) || (r >= 0 && from.nl_pid != 0));
	if (r >= 0 && h.msg_flags & MSG_TRUNC)
		return -ENOBUFS;
	return r < 0 ? -errno : r;
}

/* Answers to an earlier question must not be taken for answers to the next. */
static int
send_all(struct nl *n, void *bytes, size_t len)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct iovec iov = {bytes, len};
	struct msghdr h = {
	    .msg_name = &kernel, .msg_namelen = sizeof(kernel), .msg_iov = &iov, .msg_iovlen = 1};

	while (receive(n) != -EAGAIN)
		continue;
	return sendmsg(n->fd, &h, 0) < 0 ? -errno : 0;
}

int
nl_ask(struct nl *n, struct nlmsghdr *request, mnl_cb_t cb, void *ctx)
{
	int r;

	request->nlmsg_seq = ++n->seq;
	request->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	r = send_all(n, request, request->nlmsg_len);
	for (int more = 1; r == 0 && more > 0;) {
		ssize_t len = receive(n);

		if (len < 0)
			return (int)len;
		more = mnl_cb_run(n->buf, (size_t)len, n->seq, n->port, cb, ctx);
		if (more < 0)
			r = -errno;
	}
	return r;
}

int
nl_read(struct nl *n, mnl_cb_t cb, void *ctx)
{
	ssize_t len = receive(n);

	if (len > 0 && cb)
		mnl_cb_run(n->buf, (size_t)len, 0, 0, cb, ctx);
	return len < 0 ? (int)len : 0;
}

const struct nlattr *
nl_find(const void *bytes, size_t n, int type)
{
	const char *end = (const char *)bytes + n;

	for (const struct nlattr *a = bytes; mnl_attr_ok(a, (int)(end - (const char *)a));
	     a = mnl_attr_next(a))
		if (mnl_attr_get_type(a) == type)
			return a;
	return NULL;
}

const struct nlattr *
nl_inside(const struct nlattr *nest, int type)
{
	return nest ? nl_find(mnl_attr_get_payload(nest), mnl_attr_get_payload_len(nest), type)
		    : NULL;
}

const struct nlattr *
nl_attr(const struct nlmsghdr *nlh, size_t header, int type)
{
	return nl_find(mnl_nlmsg_get_payload_offset(nlh, header),
	    nlh->nlmsg_len - NLMSG_HDRLEN - MNL_ALIGN(header), type);
}

const char *
nl_text(const struct nlattr *a)
{
	return a && mnl_attr_validate(a, MNL_TYPE_NUL_STRING) >= 0 ? mnl_attr_get_str(a) : "";
}

uint32_t
nl_be32(const struct nlattr *a)
{
	return a && mnl_attr_get_payload_len(a) == 4 ? ntohl(mnl_attr_get_u32(a)) : 0;
}

static uint64_t
number_in(const struct nlattr *a)
{
	return a && mnl_attr_get_payload_len(a) == 8 ? be64toh(mnl_attr_get_u64(a)) : 0;
}

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

static void
elem_read(struct elem_state *s, const struct nlattr *elem)
{
	const struct nlattr *left = nl_inside(elem, NFTA_SET_ELEM_EXPIRATION);
	const struct nlattr *counter =
	    nl_inside(nl_inside(elem, NFTA_SET_ELEM_EXPR), NFTA_EXPR_DATA);

	s->len = value_in(nl_inside(elem, NFTA_SET_ELEM_KEY), s->key, sizeof(s->key));
	s->data_len = value_in(nl_inside(elem, NFTA_SET_ELEM_DATA), s->data, sizeof(s->data));
	s->end = nl_be32(nl_inside(elem, NFTA_SET_ELEM_FLAGS)) & NFT_SET_ELEM_INTERVAL_END;
	s->remaining = left ? (usec_t)number_in(left) * USEC_PER_MSEC : USEC_NEVER;
	s->packets = number_in(nl_inside(counter, NFTA_COUNTER_PACKETS));
	s->bytes = number_in(nl_inside(counter, NFTA_COUNTER_BYTES));
}

void
elem_parse(const struct nlmsghdr *nlh, void (*fn)(void *ctx, const struct elem_state *s), void *ctx)
{
	const struct nlattr *list =
				nl_attr(nlh, sizeof(struct nfgenmsg), NFTA_SET_ELEM_LIST_ELEMENTS),
			    *e;

	if (!list)
		return;
	mnl_attr_for_each_nested(e, list)
	{
		struct elem_state s = {0};

		elem_read(&s, e);
		fn(ctx, &s);
	}
}

/* Room for n + 1 items, of which n are used. Batches are bounded, so that failing here is the end.
 */
static void *
grow(void *items, uint32_t n, uint32_t *room, size_t size)
{
	if (n < *room)
		return items;
	*room = *room ? *room * 2 : 256;
	items = reallocarray(items, *room, size);
	if (!items)
		abort();
	return items;
}

static void
reserve(struct batch *b, size_t more)
{
	if (b->len + more <= b->room)
		return;
	b->room = (b->len + more) * 2;
	b->buf = realloc(b->buf, b->room);
	if (!b->buf)
		abort();
}

static struct nlmsghdr *
open_raw(struct batch *b, int type, int flags, int family, int resource)
{
	struct nfgenmsg g = {.nfgen_family = (uint8_t)family, .res_id = htons((uint16_t)resource)};
	struct nlmsghdr *nlh;

	reserve(b, 8192);
	b->first = grow(b->first, b->msgs, &b->msgs_room, sizeof(*b->first));
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

static struct nlmsghdr *
elem_message(struct batch *b, int type, const char *set, const struct elem *e)
{
	bool packs = type == NFT_MSG_NEWSETELEM && e && e->kind == ELEM_ONE && !b->single;
	struct nlmsghdr *nlh = (struct nlmsghdr *)(b->buf + b->msg);

	if (packs && b->set == set && nlh->nlmsg_len < MESSAGE_MAX)
		return nlh;
	nlh = batch_open(b, type, type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0);
	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_TABLE, TABLE_NAME);
	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_SET, set);
	if (e)
		b->list =
		    (size_t)((uint8_t *)mnl_attr_nest_start(nlh, NFTA_SET_ELEM_LIST_ELEMENTS) -
			     b->buf);
	batch_close(b);
	b->set = packs ? set : NULL;
	return nlh;
}

void
batch_elem(struct batch *b, int type, const char *set, const struct elem *e, uint32_t tag)
{
	struct nlmsghdr *nlh;

	reserve(b, 8192);
	nlh = elem_message(b, type, set, e);
	b->tags = grow(b->tags, b->n_tags, &b->tags_room, sizeof(*b->tags));
	b->tags[b->n_tags++] = tag;
	if (e) {
		put_elem(nlh, type, e);
		if (e->kind == ELEM_RANGE && type != NFT_MSG_GETSETELEM)
			put_range_end(nlh, e);
		mnl_attr_nest_end(nlh, (struct nlattr *)(b->buf + b->list));
	}
	b->len = b->msg + nlh->nlmsg_len;
}

static void
number(struct batch *b, struct nl *n)
{
	struct nlmsghdr *nlh;

	for (size_t at = 0; at < b->len; at += nlh->nlmsg_len) {
		nlh = (struct nlmsghdr *)(b->buf + at);
		nlh->nlmsg_seq = ++n->seq;
		nlh->nlmsg_pid = n->port;
	}
}

/* Which of several elements in a message was refused is only found out one by one. */
static void
note_error(struct batch *b, uint32_t index, int error)
{
	uint32_t from = b->first[index],
		 n = (index + 1 < b->msgs ? b->first[index + 1] : b->n_tags) - from;

	b->single |= n > 1;
	b->errors = grow(b->errors, b->n_errors, &b->errors_room, sizeof(*b->errors));
	b->errors[b->n_errors++] = (struct batch_error){n == 1 ? b->tags[from] : NO_TAG, error};
}

/* Hands on what the kernel answered to the messages since base: -EAGAIN at its end, -ENOBUFS when
 * some was lost. */
static int
answers(struct nl *n, uint32_t base,
    void (*fn)(void *ctx, uint32_t index, const struct nlmsghdr *nlh), void *ctx)
{
	int lost = 0;
	ssize_t got;

	while ((got = receive(n)) != -EAGAIN) {
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)n->buf;
		int len = (int)got;

		if (got < 0)
			lost = -ENOBUFS;
		for (; got > 0 && mnl_nlmsg_ok(nlh, len); nlh = mnl_nlmsg_next(nlh, &len))
			if (nlh->nlmsg_seq - base <= n->seq - base)
				fn(ctx, nlh->nlmsg_seq - base, nlh);
	}
	return lost;
}

static int
error_in(const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);

	return nlh->nlmsg_type == NLMSG_ERROR ? e->error : 0;
}

static void
on_ack(void *ctx, uint32_t index, const struct nlmsghdr *nlh)
{
	struct batch *b = ctx;

	if (error_in(nlh) != 0)
		note_error(b, index, error_in(nlh));
	else if (index == b->msgs - 2)
		b->acked = true;
}

static bool
repeats(int error)
{
	return error == -EBUSY || error == -EINTR || error == -ERESTART || error == -EAGAIN;
}

int
batch_commit(struct batch *b, struct nl *n)
{
	struct nlmsghdr *last = (struct nlmsghdr *)(b->buf + b->msg);
	int r = -EINVAL;

	if (b->msgs < 2)
		return 0;
	last->nlmsg_flags |= NLM_F_ACK;
	open_raw(b, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	batch_close(b);
	for (int i = 0; i < TRIES; i++) {
		uint32_t base = n->seq + 1;

		b->n_errors = 0;
		b->acked = false;
		number(b, n);
		r = send_all(n, b->buf, b->len);
		if (r == 0)
			r = answers(n, base, on_ack, b);
		if (r == 0 || b->n_errors > 0)
			r = b->n_errors > 0 ? b->errors[0].error : b->acked ? 0 : -ENOBUFS;
		if (!repeats(r))
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
on_answer(void *ctx, uint32_t index, const struct nlmsghdr *nlh)
{
	struct lookup *l = ctx;

	if (index == 0 || index >= l->b->msgs)
		return;
	l->tag = l->b->tags[l->b->first[index]];
	if (nlh->nlmsg_type == NLMSG_ERROR)
		l->fn(l->ctx, l->tag, error_in(nlh), NULL);
	else
		elem_parse(nlh, on_elem, l);
}

int
batch_lookup(struct batch *b, struct nl *n, batch_found_fn fn, void *ctx)
{
	struct lookup l = {b, fn, ctx, NO_TAG};
	size_t begin = ((struct nlmsghdr *)b->buf)->nlmsg_len;
	uint32_t base = n->seq + 1;
	int r;

	/* Questions are no transaction: what batch_begin put in front is left out. */
	number(b, n);
	r = b->msgs > 1 ? send_all(n, b->buf + begin, b->len - begin) : 0;
	return r < 0 ? r : answers(n, base, on_answer, &l);
}
