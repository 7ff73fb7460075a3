/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The plain part of prover/srcset.h: numbers of addresses, and arrays of ranges.
 */
#include <stdlib.h>
#include <string.h>

#include "prover/srcset.h"

u128
addr_number(const struct addr *a)
{
	u128 n = 0;

	for (unsigned i = 0; i < addr_size(a); i++)
		n = n << 8 | a->bytes[i];
	return n;
}

struct addr
number_addr(uint8_t family, u128 n)
{
	struct addr a = {.family = family};

	for (unsigned i = addr_size(&a); i-- > 0; n >>= 8)
		a.bytes[i] = (uint8_t)n;
	return a;
}

u128
family_last(uint8_t family)
{
	return family == 4 ? UINT32_MAX : ~(u128)0;
}

struct range
prefix_range(const struct prefix *p)
{
	struct addr last = prefix_last(p);

	return (struct range){addr_number(&p->addr), addr_number(&last)};
}

static int
range_order(const void *a, const void *b)
{
	u128 x = ((const struct range *)a)->lo, y = ((const struct range *)b)->lo;

	return x < y ? -1 : x > y;
}

/* The kernel hands intervals out in descending order: turning them is cheaper than sorting. */
static void
put_in_order(struct range *v, uint32_t n)
{
	uint32_t up = 1, down = 1;

	while (up < n && v[up - 1].lo <= v[up].lo)
		up++;
	if (up >= n)
		return;
	while (down < n && v[down - 1].lo >= v[down].lo)
		down++;
	if (down < n) {
		qsort(v, n, sizeof(*v), range_order);
		return;
	}
	for (uint32_t i = 0, k = n - 1; i < k; i++, k--) {
		struct range r = v[i];

		v[i] = v[k];
		v[k] = r;
	}
}

uint32_t
ranges_tidy(struct range *v, uint32_t n)
{
	uint32_t out = 0;

	put_in_order(v, n);
	for (uint32_t i = 0; i < n; i++) {
		struct range *last = out ? &v[out - 1] : NULL;

		if (last && (last->hi == ~(u128)0 || v[i].lo <= last->hi + 1)) {
			if (v[i].hi > last->hi)
				last->hi = v[i].hi;
		} else {
			v[out++] = v[i];
		}
	}
	return out;
}

void
ranges_fini(struct ranges *r)
{
	if (r->owned)
		free(r->v);
	*r = (struct ranges){0};
}

bool
ranges_has(const struct ranges *r, u128 n)
{
	uint32_t lo = 0, hi = r->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (r->v[mid].hi < n)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < r->n && r->v[lo].lo <= n;
}

struct ranges
ranges_not(const struct ranges *r, uint8_t family)
{
	struct ranges out = {.v = malloc((r->n + 1u) * sizeof(*out.v)), .owned = true};
	u128 last = family_last(family), next = 0;
	bool more = true;

	if (!out.v)
		abort();
	for (uint32_t i = 0; i < r->n && more; i++) {
		if (r->v[i].lo > next)
			out.v[out.n++] = (struct range){next, r->v[i].lo - 1};
		more = r->v[i].hi < last;
		next = r->v[i].hi + 1;
	}
	if (more)
		out.v[out.n++] = (struct range){next, last};
	return out;
}

void
range_prefixes(
    uint8_t family, struct range r, bool (*fn)(void *ctx, const struct prefix *p), void *ctx)
{
	unsigned bits = family == 4 ? 32 : 128;

	for (;;) {
		unsigned host = 0;
		struct prefix p;
		u128 end;

		/* The largest prefix that begins at lo and ends at hi at the latest. */
		while (host < bits && !(r.lo >> host & 1)) {
			u128 wide = host + 1 == 128 ? ~(u128)0 : ((u128)1 << (host + 1)) - 1;

			if (r.hi - r.lo < wide)
				break;
			host++;
		}
		p.addr = number_addr(family, r.lo);
		p.len = (uint8_t)(bits - host);
		end = r.lo + (host == 128 ? ~(u128)0 : ((u128)1 << host) - 1);
		if (!fn(ctx, &p) || end >= r.hi)
			return;
		r.lo = end + 1;
	}
}
