/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "prover/world.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "prover/fib.h"
#include "prover/ipset.h"
#include "prover/world_parts.h"
#include "prover/world_sets.h"

const char *
world_file(const struct dump *d, const char *path, size_t *n)
{
	const struct dump_record *r = NULL;
	size_t len = strlen(path) + 1;

	while ((r = dump_next(d, r, DUMP_FILE)))
		if (r->len >= len && memcmp(dump_data(r), path, len) == 0) {
			*n = r->len - len;
			return (const char *)dump_data(r) + len;
		}
	return NULL;
}

long
world_sysctl(const struct dump *d, const char *path)
{
	size_t n = 0;
	const char *text = world_file(d, path, &n);
	char digits[24], *end;
	long v;

	if (!text || n >= sizeof(digits))
		return -1;
	memcpy(digits, text, n);
	digits[n] = '\0';
	v = strtol(digits, &end, 10);
	return end == digits || v < 0 ? -1 : v;
}

const struct dump_record *
world_failed(
    const struct dump *d, const struct dump_record *r, enum dump_kind kind, const char **text)
{
	while ((r = dump_next(d, r, DUMP_FAILED))) {
		const struct dump_failed *f = dump_data(r);

		if (kind != DUMP_NONE && f->kind != (uint32_t)kind)
			continue;
		*text = (const char *)(f + 1);
		return r;
	}
	return NULL;
}

const char *
world_text(const struct world *w, const struct dump_record *r, size_t offset)
{
	const char *text = (const char *)dump_data(r) + offset;

	if (offset >= r->len)
		return "";
	return arena_dup(w->arena, text, strnlen(text, r->len - offset));
}

int
world_read(struct world *out, const struct dump *d, struct arena *a, const char **what)
{
	static int (*const parts[])(struct world *, const struct dump *, const char **) = {
	    world_read_links, world_read_addrs, world_read_routes, world_read_listeners,
	    world_read_mechanisms};

	*out = (struct world){.arena = a};
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		int r = parts[i](out, d, what);

		if (r < 0)
			return r;
	}
	out->ipsets = ipset_read(a, d, what);
	return out->ipsets ? 0 : -EINVAL;
}

const struct iface *
world_iface(const struct world *w, uint32_t index)
{
	uint32_t lo = 0, hi = w->n_ifaces;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (w->ifaces[mid].index == index)
			return &w->ifaces[mid];
		if (w->ifaces[mid].index < index)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

const struct iface *
world_iface_named(const struct world *w, const char *name)
{
	for (uint32_t i = 0; i < w->n_ifaces; i++)
		if (strcmp(w->ifaces[i].name, name) == 0)
			return &w->ifaces[i];
	return NULL;
}

static struct route_answer
forwarded(const struct iface *in, const struct fib_hit *hit, uint8_t family)
{
	if (in && !in->sysctls_known)
		return (struct route_answer){
		    ADDR_UNKNOWN, hit->oif, "whether it forwards could not be read"};
	if (in && !in->forwarding[family == 6])
		return (struct route_answer){ADDR_UNREACHABLE, 0, "forwarding is off"};
	if (hit->many)
		return (struct route_answer){
		    ADDR_UNKNOWN, hit->oif, "a route with several next hops"};
	return (struct route_answer){ADDR_UNICAST, hit->oif, NULL};
}

static struct route_answer
answer_of(const struct iface *in, const struct fib_hit *hit, uint8_t family)
{
	struct route_answer none = {ADDR_UNREACHABLE, 0, "no route"};

	if (hit->unsure)
		return (struct route_answer){ADDR_UNKNOWN, 0, hit->unsure};
	switch (hit->type) {
	case RTN_LOCAL:
	case RTN_MULTICAST:
		return (struct route_answer){(enum addr_type)hit->type, hit->oif, NULL};
	case RTN_ANYCAST:
		return family == 6 ? (struct route_answer){ADDR_ANYCAST, hit->oif, NULL} : none;
	case RTN_BROADCAST:
		if (in && in->bc_forwarding)
			return (struct route_answer){
			    ADDR_UNKNOWN, hit->oif, "directed broadcasts are forwarded"};
		return (struct route_answer){ADDR_BROADCAST, hit->oif, NULL};
	case RTN_UNICAST:
		return forwarded(in, hit, family);
	case RTN_BLACKHOLE:
	case RTN_UNREACHABLE:
	case RTN_PROHIBIT:
		return (struct route_answer){
		    (enum addr_type)hit->type, 0, "a blackhole, unreachable or prohibit route"};
	default:
		return none;
	}
}

struct route_answer
world_route(const struct world *w, const struct addr *daddr, uint32_t iif, uint32_t mark)
{
	const struct iface *in = world_iface(w, iif);
	u128 n = addr_number(daddr);
	struct fib_hit hit;

	(void)mark; /* with rules that look at it, nothing is known anyway */
	if (daddr->bytes[0] == 0xff ? daddr->family == 6
				    : daddr->family == 4 && daddr->bytes[0] >> 4 == 0xe)
		return (struct route_answer){ADDR_MULTICAST, iif, NULL};
	if (daddr->family == 4 && n == family_last(4))
		return (struct route_answer){ADDR_BROADCAST, iif, NULL};
	if (in && in->vrf_port)
		return (struct route_answer){ADDR_UNKNOWN, 0, "VRF"};
	if (daddr->family == 4)
		hit = fib_find4(w->fib, n, false);
	else
		hit = fib_find6(w->fib, n, iif, world_is_linklocal(n));
	return answer_of(in, &hit, daddr->family);
}

/* An address of this machine, but not on this interface. */
static bool
is_elsewhere(const struct world *w, const struct addr *a, uint32_t iface)
{
	bool found = false;

	for (uint32_t i = 0; i < w->n_addrs; i++) {
		if (!addr_equal(&w->addrs[i].addr, a))
			continue;
		if (w->addrs[i].iface == iface)
			return false;
		found = true;
	}
	return found;
}

bool
world_accepts_daddr(const struct world *w, const struct addr *daddr, uint32_t iif)
{
	const struct iface *in = world_iface(w, iif);
	u128 n = addr_number(daddr);

	if (!in)
		return true;
	if (!in->works[daddr->family == 6])
		return false;
	if (in->flags & IFF_LOOPBACK)
		return true;
	if (daddr->family == 4)
		return n != 0 &&
		       (daddr->bytes[0] != 127 || in->route_localnet || !in->sysctls_known);
	if (n == 1 || (daddr->bytes[0] == 0xff && (daddr->bytes[1] & 0xf) <= 1))
		return false;
	return !world_is_linklocal(n) || !is_elsewhere(w, daddr, iif);
}
