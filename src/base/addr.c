/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/addr.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

unsigned
addr_size(const struct addr *a)
{
	return a->family == 4 ? 4 : a->family == 6 ? 16 : 0;
}

unsigned
addr_bits(const struct addr *a)
{
	return addr_size(a) * 8;
}

int
addr_af(const struct addr *a)
{
	return a->family == 4 ? AF_INET : a->family == 6 ? AF_INET6 : AF_UNSPEC;
}

int
addr_from_bytes(struct addr *out, int af, const void *bytes)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	memset(out, 0, sizeof(*out));
	if (af == AF_INET) {
		out->family = 4;
		memcpy(out->bytes, bytes, 4);
	} else if (af == AF_INET6 && memcmp(bytes, mapped, sizeof(mapped)) == 0) {
		out->family = 4;
		memcpy(out->bytes, (const uint8_t *)bytes + 12, 4);
	} else if (af == AF_INET6) {
		out->family = 6;
		memcpy(out->bytes, bytes, 16);
	} else {
		return -EAFNOSUPPORT;
	}
	return 0;
}

int
addr_from_sockaddr(struct addr *out, const struct sockaddr *sa)
{
	if (sa->sa_family == AF_INET)
		return addr_from_bytes(
		    out, AF_INET, &((const struct sockaddr_in *)(const void *)sa)->sin_addr);
	if (sa->sa_family == AF_INET6)
		return addr_from_bytes(
		    out, AF_INET6, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr);
	return -EAFNOSUPPORT;
}

/* Dotted quad without leading zeros in front of another digit (RFC 6943, 3.1.1). -1: it is none. */
static int
parse_quad(uint8_t out[4], const char *text, size_t n)
{
	size_t at = 0;

	for (int part = 0; part < 4; part++) {
		unsigned v = 0, digits = 0;

		if (part > 0 && (at >= n || text[at++] != '.'))
			return -1;
		while (at < n && text[at] >= '0' && text[at] <= '9' && digits < 3) {
			if (digits > 0 && v == 0)
				return -1;
			v = v * 10 + (unsigned)(text[at++] - '0');
			digits++;
		}
		if (digits == 0 || v > 255)
			return -1;
		out[part] = (uint8_t)v;
	}
	return at == n ? 0 : -1;
}

int
addr_parse_unfolded(struct addr *out, const char *text, size_t n)
{
	char buf[INET6_ADDRSTRLEN + 1];
	const char *zone = memchr(text, '%', n);

	*out = (struct addr){0};
	if (zone)
		n = (size_t)(zone - text);
	if (!zone && parse_quad(out->bytes, text, n) == 0) {
		out->family = 4;
		return 0;
	}
	if (n < 2 || n >= sizeof(buf) || memchr(text, '\0', n))
		return -EINVAL;
	memcpy(buf, text, n);
	buf[n] = '\0';
	if (inet_pton(AF_INET6, buf, out->bytes) != 1)
		return -EINVAL;
	out->family = 6;
	return 0;
}

int
addr_parse(struct addr *out, const char *text, size_t n)
{
	struct addr a;

	if (addr_parse_unfolded(&a, text, n) < 0)
		return -EINVAL;
	return addr_from_bytes(out, addr_af(&a), a.bytes);
}

const char *
addr_format(const struct addr *a, char buf[static ADDR_TEXT_MAX])
{
	if (a->family == 0 || !inet_ntop(addr_af(a), a->bytes, buf, ADDR_TEXT_MAX))
		strcpy(buf, "none");
	return buf;
}

int
addr_cmp(const struct addr *a, const struct addr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

bool
addr_equal(const struct addr *a, const struct addr *b)
{
	return addr_cmp(a, b) == 0;
}

/* The first len bits of 8 bytes that begin at bit from, as they lie in memory. */
static uint64_t
net_mask(unsigned len, unsigned from)
{
	if (len >= from + 64)
		return UINT64_MAX;
	return len <= from ? 0 : htobe64(UINT64_MAX << (64 - (len - from)));
}

static void
mask_bytes(uint8_t *bytes, unsigned len, bool ones)
{
	for (unsigned from = 0; from < 128; from += 64) {
		uint64_t half, mask = net_mask(len, from);

		memcpy(&half, bytes + from / 8, sizeof(half));
		half = ones ? half | ~mask : half & mask;
		memcpy(bytes + from / 8, &half, sizeof(half));
	}
}

struct prefix
prefix_of(const struct addr *a, unsigned len)
{
	unsigned bits = addr_bits(a);
	struct prefix p = {.addr = *a, .len = (uint8_t)(len < bits ? len : bits)};

	mask_bytes(p.addr.bytes, p.len, false);
	return p;
}

struct prefix
prefix_host(const struct addr *a)
{
	return prefix_of(a, 128);
}

struct addr
prefix_last(const struct prefix *p)
{
	struct addr a = p->addr;

	mask_bytes(a.bytes, p->len, true);
	if (a.family == 4)
		memset(a.bytes + 4, 0, 12);
	return a;
}

int
prefix_parse_unfolded(struct prefix *out, const char *text, size_t n)
{
	const char *slash = memchr(text, '/', n);
	size_t host_len = slash ? (size_t)(slash - text) : n;
	struct addr a;
	unsigned len = 0, digits = 0;

	if (addr_parse_unfolded(&a, text, host_len) < 0)
		return -EINVAL;
	if (!slash) {
		*out = prefix_host(&a);
		return 0;
	}
	for (size_t i = host_len + 1; i < n; i++, digits++) {
		if (text[i] < '0' || text[i] > '9' || digits == 3)
			return -EINVAL;
		len = len * 10 + (unsigned)(text[i] - '0');
	}
	if (digits == 0 || len > addr_bits(&a))
		return -EINVAL;
	*out = prefix_of(&a, len);
	return addr_equal(&out->addr, &a) ? 0 : -ERANGE;
}

int
prefix_parse(struct prefix *out, const char *text, size_t n)
{
	const char *slash = memchr(text, '/', n);
	struct prefix p;
	struct addr a;
	int r = prefix_parse_unfolded(&p, text, n);

	if (r == -EINVAL || addr_parse(&a, text, slash ? (size_t)(slash - text) : n) < 0)
		return -EINVAL;
	/* A mapped prefix (::ffff:192.0.2.0/120) counts its bits from the IPv6 end. */
	if (a.family != p.addr.family) {
		if (p.len < 96)
			return -EINVAL;
		p = prefix_of(&a, p.len - 96u);
	}
	*out = p;
	return r;
}

const char *
prefix_format(const struct prefix *p, char buf[static ADDR_TEXT_MAX])
{
	size_t n;

	addr_format(&p->addr, buf);
	if (prefix_is_host(p))
		return buf;
	n = strlen(buf);
	snprintf(buf + n, ADDR_TEXT_MAX - n, "/%u", p->len);
	return buf;
}

bool
prefix_has(const struct prefix *p, const struct addr *a)
{
	uint64_t mine[2], other[2];

	if (p->addr.family != a->family)
		return false;
	memcpy(mine, p->addr.bytes, sizeof(mine));
	memcpy(other, a->bytes, sizeof(other));
	return !(((mine[0] ^ other[0]) & net_mask(p->len, 0)) |
		 ((mine[1] ^ other[1]) & net_mask(p->len, 64)));
}

bool
prefix_covers(const struct prefix *a, const struct prefix *b)
{
	return a->len <= b->len && prefix_has(a, &b->addr);
}

bool
prefix_overlaps(const struct prefix *a, const struct prefix *b)
{
	return prefix_covers(a, b) || prefix_covers(b, a);
}

bool
prefix_is_host(const struct prefix *p)
{
	return p->len == addr_bits(&p->addr);
}

int
prefix_cmp(const struct prefix *a, const struct prefix *b)
{
	int d = addr_cmp(&a->addr, &b->addr);

	return d ? d : (int)a->len - (int)b->len;
}
