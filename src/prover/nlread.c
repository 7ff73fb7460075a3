/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "prover/nlread.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

int
nlread_message(const struct dump_record *r, size_t *at, const struct nlmsghdr **h)
{
	const char *bytes = dump_data(r);
	size_t left;

	if (*at >= r->len)
		return 0;
	left = r->len - *at;
	if (left < sizeof(**h))
		return -EINVAL;
	*h = (const struct nlmsghdr *)(bytes + *at);
	if ((*h)->nlmsg_len < sizeof(**h) || (*h)->nlmsg_len > left)
		return -EINVAL;
	*at += NLMSG_ALIGN((size_t)(*h)->nlmsg_len);
	return 1;
}

const void *
nlread_fixed(const struct nlmsghdr *h, size_t n)
{
	return h->nlmsg_len >= sizeof(*h) + n ? (const char *)h + sizeof(*h) : NULL;
}

static int
attrs_of(const char *p, size_t left, const struct nlattr **tb, unsigned max)
{
	memset(tb, 0, (max + 1) * sizeof(*tb));
	while (left >= sizeof(struct nlattr)) {
		const struct nlattr *a = (const struct nlattr *)p;
		unsigned type = a->nla_type & NLA_TYPE_MASK;
		size_t step = NLA_ALIGN((size_t)a->nla_len);

		if (a->nla_len < sizeof(*a) || a->nla_len > left)
			return -EINVAL;
		if (type <= max)
			tb[type] = a;
		if (step >= left)
			return 0;
		p += step;
		left -= step;
	}
	return left ? -EINVAL : 0;
}

int
nlread_attrs(const struct nlmsghdr *h, size_t n, const struct nlattr **tb, unsigned max)
{
	size_t head = NLMSG_ALIGN(sizeof(*h) + n);

	if (h->nlmsg_len <= head) {
		memset(tb, 0, (max + 1) * sizeof(*tb));
		return h->nlmsg_len < sizeof(*h) + n ? -EINVAL : 0;
	}
	return attrs_of((const char *)h + head, h->nlmsg_len - head, tb, max);
}

int
nlread_nested(const struct nlattr *a, const struct nlattr **tb, unsigned max)
{
	return attrs_of(nlread_data(a), nlread_len(a), tb, max);
}

size_t
nlread_len(const struct nlattr *a)
{
	return a ? a->nla_len - sizeof(*a) : 0;
}

const void *
nlread_data(const struct nlattr *a)
{
	return a ? (const char *)a + sizeof(*a) : NULL;
}

uint32_t
nlread_u32(const struct nlattr *a, uint32_t other)
{
	if (nlread_len(a) >= sizeof(other))
		memcpy(&other, nlread_data(a), sizeof(other));
	return other;
}

uint32_t
nlread_be32(const struct nlattr *a, uint32_t other)
{
	return nlread_len(a) >= sizeof(other) ? ntohl(nlread_u32(a, 0)) : other;
}

uint8_t
nlread_u8(const struct nlattr *a, uint8_t other)
{
	return nlread_len(a) >= 1 ? *(const uint8_t *)nlread_data(a) : other;
}

void
nlread_text(const struct nlattr *a, char *out, size_t n)
{
	size_t len = a ? strnlen(nlread_data(a), nlread_len(a)) : 0;

	if (len >= n)
		len = n - 1;
	if (len)
		memcpy(out, nlread_data(a), len);
	out[len] = '\0';
}
