/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Reading the listings: net/netfilter/ipset/ip_set_core.c (ip_set_dump_do) and the head and list
 * functions of the types.
 */
#include "prover/ipset_private.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <linux/netfilter.h>
#include <linux/netfilter/ipset/ip_set.h>
#include <linux/netfilter/nfnetlink.h>

#include "prover/nlread.h"

/* Since Linux 6.3; the header of the build may be older. */
#define IPSET_BITMASK 12

/* Room for attributes of kernels to come: what is in it and not known makes a set unknown. */
#define ATTRS 63

#define BIT(n) (1ull << (n))

static const struct ipset_type types[] = {
    {.name = "bitmap:ip", .dims = 1, .ip = 1},
    {.name = "bitmap:ip,mac", .dims = 2, .ip = 1, .mac = 2},
    {.name = "bitmap:port", .dims = 1, .port = 1},
    {.name = "hash:ip", .dims = 1, .ip = 1},
    {.name = "hash:ip,mac", .dims = 2, .ip = 1, .mac = 2},
    {.name = "hash:ip,mark", .dims = 2, .ip = 1, .mark = 2},
    {.name = "hash:ip,port", .dims = 2, .ip = 1, .port = 2},
    {.name = "hash:ip,port,ip", .dims = 3, .ip = 1, .port = 2, .ip2 = 3},
    {.name = "hash:ip,port,net", .dims = 3, .ip = 1, .port = 2, .ip2 = 3, .nets = true},
    {.name = "hash:mac", .dims = 1, .mac = 1},
    {.name = "hash:net", .dims = 1, .ip = 1, .nets = true},
    {.name = "hash:net,iface", .dims = 2, .ip = 1, .iface = 2, .nets = true},
    {.name = "hash:net,net", .dims = 2, .ip = 1, .ip2 = 2, .nets = true},
    {.name = "hash:net,port", .dims = 2, .ip = 1, .port = 2, .nets = true},
    {.name = "hash:net,port,net", .dims = 3, .ip = 1, .port = 2, .ip2 = 3, .nets = true},
    {.name = "list:set", .dims = 1, .sets = true},
};

static const uint64_t head_attrs =
    BIT(IPSET_ATTR_IP) | BIT(IPSET_ATTR_IP_TO) | BIT(IPSET_ATTR_CIDR) | BIT(IPSET_ATTR_PORT) |
    BIT(IPSET_ATTR_PORT_TO) | BIT(IPSET_ATTR_TIMEOUT) | BIT(IPSET_ATTR_CADT_FLAGS) |
    BIT(IPSET_ATTR_MARKMASK) | BIT(IPSET_BITMASK) | BIT(IPSET_ATTR_INITVAL) |
    BIT(IPSET_ATTR_HASHSIZE) | BIT(IPSET_ATTR_MAXELEM) | BIT(IPSET_ATTR_NETMASK) |
    BIT(IPSET_ATTR_BUCKETSIZE) | BIT(IPSET_ATTR_RESIZE) | BIT(IPSET_ATTR_SIZE) |
    BIT(IPSET_ATTR_ELEMENTS) | BIT(IPSET_ATTR_REFERENCES) | BIT(IPSET_ATTR_MEMSIZE);

static const uint64_t member_attrs =
    BIT(IPSET_ATTR_IP) | BIT(IPSET_ATTR_CIDR) | BIT(IPSET_ATTR_PORT) | BIT(IPSET_ATTR_PROTO) |
    BIT(IPSET_ATTR_TIMEOUT) | BIT(IPSET_ATTR_CADT_FLAGS) | BIT(IPSET_ATTR_MARK) |
    BIT(IPSET_ATTR_ETHER) | BIT(IPSET_ATTR_NAME) | BIT(IPSET_ATTR_IP2) | BIT(IPSET_ATTR_CIDR2) |
    BIT(IPSET_ATTR_IFACE) | BIT(IPSET_ATTR_BYTES) | BIT(IPSET_ATTR_PACKETS) |
    BIT(IPSET_ATTR_COMMENT) | BIT(IPSET_ATTR_SKBMARK) | BIT(IPSET_ATTR_SKBPRIO) |
    BIT(IPSET_ATTR_SKBQUEUE) | BIT(IPSET_ATTR_PAD) | BIT(IPSET_ATTR_CADT_LINENO);

static bool
only(const struct nlattr *const *tb, uint64_t known)
{
	for (unsigned i = 0; i <= ATTRS; i++)
		if (tb[i] && !(known & BIT(i)))
			return false;
	return true;
}

/* The first thing that is not understood stays. */
static void __attribute__((format(printf, 2, 3))) unknown(struct ipset *s, const char *fmt, ...)
{
	char text[96];
	va_list ap;

	if (s->unknown)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	s->unknown = arena_printf(s->all->arena, "ipset %s: %s", s->name, text);
}

/* A nested IPSET_ATTR_IPADDR_*; false: none, or not of the set's family. */
static bool
read_addr(const struct ipset *s, const struct nlattr *a, u128 *out)
{
	const struct nlattr *tb[ATTRS + 1];
	const struct nlattr *ip;
	unsigned size = s->family == 6 ? 16 : 4;
	const uint8_t *bytes;

	if (!a || nlread_nested(a, tb, ATTRS) < 0)
		return false;
	ip = tb[size == 16 ? IPSET_ATTR_IPADDR_IPV6 : IPSET_ATTR_IPADDR_IPV4];
	if (!ip || nlread_len(ip) < size)
		return false;
	bytes = nlread_data(ip);
	*out = 0;
	for (unsigned i = 0; i < size; i++)
		*out = *out << 8 | bytes[i];
	return true;
}

static unsigned
bits_of(const struct ipset *s)
{
	return s->family == 6 ? 128 : 32;
}

static u128
mask_of(const struct ipset *s, unsigned len)
{
	u128 all = family_last(s->family == 6 ? 6 : 4);

	return len ? all & ~(len == bits_of(s) ? 0 : all >> len) : 0;
}

/* What create said that changes what members mean; the length of a member that tells none. */
static uint8_t
read_head(struct ipset *s, const struct nlattr *data)
{
	const struct nlattr *tb[ATTRS + 1];
	unsigned len = bits_of(s);
	u128 mask;

	if (nlread_nested(data, tb, ATTRS) < 0 || !only(tb, head_attrs)) {
		unknown(s, "a listing of a newer kernel");
		return (uint8_t)len;
	}
	/* In host order, unlike all else. */
	s->mark_mask = nlread_u32(tb[IPSET_ATTR_MARKMASK], UINT32_MAX);
	if (!tb[IPSET_ATTR_TIMEOUT])
		s->told = nlread_be32(tb[IPSET_ATTR_ELEMENTS], 0);
	if (tb[IPSET_ATTR_NETMASK])
		len = nlread_u8(tb[IPSET_ATTR_NETMASK], 255);
	if (tb[IPSET_BITMASK]) {
		for (len = 0; len < bits_of(s); len++)
			if (read_addr(s, tb[IPSET_BITMASK], &mask) && mask == mask_of(s, len))
				break;
		/* With all bits set the kernel does not tell one. */
		if (len == bits_of(s))
			unknown(s, "bitmask");
	}
	if (len > bits_of(s) || (s->type->nets && len != bits_of(s))) {
		unknown(s, "netmask");
		len = bits_of(s);
	}
	return (uint8_t)len;
}

static bool
read_net(struct ipset *s, const struct nlattr *ip, const struct nlattr *cidr, uint8_t host,
    u128 *addr, uint8_t *len)
{
	*len = nlread_u8(cidr, host);
	if (!read_addr(s, ip, addr) || *len > bits_of(s))
		return false;
	*addr &= mask_of(s, *len);
	return true;
}

static bool
read_iface(const struct nlattr *a, char out[IFNAMSIZ])
{
	nlread_text(a, out, IFNAMSIZ);
	return a && *out;
}

/* False: lacks what its type has. */
static bool
read_member(struct ipset *s, const struct nlattr *const *tb, uint8_t host, struct ipset_member *m)
{
	const struct ipset_type *t = s->type;
	uint32_t flags = nlread_be32(tb[IPSET_ATTR_CADT_FLAGS], 0);
	uint16_t port = 0;

	if (t->ip && !read_net(s, tb[IPSET_ATTR_IP], tb[IPSET_ATTR_CIDR], host, &m->addr, &m->len))
		return false;
	if (t->ip2 && !read_net(s, tb[IPSET_ATTR_IP2], tb[IPSET_ATTR_CIDR2], (uint8_t)bits_of(s),
			  &m->u.addr2, &m->len2))
		return false;
	if (t->port) {
		if (nlread_len(tb[IPSET_ATTR_PORT]) < sizeof(port))
			return false;
		memcpy(&port, nlread_data(tb[IPSET_ATTR_PORT]), sizeof(port));
		m->port = ntohs(port);
		m->proto = nlread_u8(tb[IPSET_ATTR_PROTO], 0);
	}
	if (t->iface && !read_iface(tb[IPSET_ATTR_IFACE], m->u.iface))
		return false;
	if (t->mark && nlread_len(tb[IPSET_ATTR_MARK]) < 4)
		return false;
	m->mark = nlread_be32(tb[IPSET_ATTR_MARK], 0);
	m->flags = (uint8_t)(flags & (IPSET_FLAG_NOMATCH | IPSET_FLAG_IFACE_WILDCARD));
	/* Kept apart from the others by a hash only, which nobody tells. */
	if (flags & IPSET_FLAG_PHYSDEV)
		unknown(s, "physdev");
	return !(flags & ~(IPSET_FLAG_NOMATCH | IPSET_FLAG_IFACE_WILDCARD | IPSET_FLAG_PHYSDEV |
			     IPSET_FLAG_BEFORE));
}

static const struct ipset *
find(const struct ipsets *all, const char *name, size_t n)
{
	for (uint32_t i = 0; i < all->n; i++)
		if (strlen(all->v[i].name) == n && !memcmp(all->v[i].name, name, n))
			return &all->v[i];
	return NULL;
}

/* The kernel tells lists behind all other sets. */
static void
read_list_member(struct ipset *s, const struct nlattr *name, struct ipset_member *m)
{
	const char *text = nlread_data(name);
	const struct ipset *of = find(s->all, text, strnlen(text, nlread_len(name)));

	m->u.set = of && !of->type->sets ? of : NULL;
	if (!m->u.set)
		unknown(s, "a member that is not told");
}

/* Steps through attributes of one kind; *at from 0. */
static const struct nlattr *
next_member(const struct nlattr *adt, size_t *at)
{
	size_t len = nlread_len(adt);
	const char *p = nlread_data(adt);
	const struct nlattr *a;

	if (*at >= len || len - *at < sizeof(*a))
		return NULL;
	a = (const struct nlattr *)(p + *at);
	if (a->nla_len < sizeof(*a) || a->nla_len > len - *at)
		return NULL;
	*at += NLA_ALIGN((size_t)a->nla_len);
	return a;
}

static void
make_room(struct ipset *s, uint32_t more)
{
	struct ipset_member *v;

	if (s->n + more <= s->room)
		return;
	s->room = s->n + more > 2 * s->room ? s->n + more : 2 * s->room;
	v = arena_array(s->all->arena, s->room, sizeof(*v));
	if (s->n)
		memcpy(v, s->members, s->n * sizeof(*v));
	s->members = v;
}

static void
read_members(struct ipset *s, const struct nlattr *adt, uint8_t host)
{
	const struct nlattr *a, *tb[ATTRS + 1];
	uint32_t n = 0;
	size_t at = 0;

	while (next_member(adt, &at))
		n++;
	if (s->unknown || !n)
		return;
	s->all->members += n;
	if (s->all->members > IPSET_MEMBERS_MAX) {
		unknown(s, "more elements than the limit");
		return;
	}
	make_room(s, n);
	for (at = 0; (a = next_member(adt, &at));) {
		struct ipset_member *m = &s->members[s->n++];

		if ((a->nla_type & NLA_TYPE_MASK) != IPSET_ATTR_DATA ||
		    nlread_nested(a, tb, ATTRS) < 0 || !only(tb, member_attrs) ||
		    (s->type->sets && !tb[IPSET_ATTR_NAME])) {
			unknown(s, "an element of a newer kernel");
			return;
		}
		if (s->type->sets)
			read_list_member(s, tb[IPSET_ATTR_NAME], m);
		else if (!read_member(s, tb, host, m))
			unknown(s, "an element of a newer kernel");
	}
}

static void
start_set(struct ipset *s, const struct nlattr *const *tb)
{
	char name[IPSET_MAXNAMELEN];
	uint16_t index = htons(IPSET_INVALID_ID);
	uint8_t pf = nlread_u8(tb[IPSET_ATTR_FAMILY], 0);

	s->why = arena_printf(s->all->arena, "ipset %s", s->name);
	s->why_dynamic = arena_printf(s->all->arena, "ipset %s, which rules change", s->name);
	nlread_text(tb[IPSET_ATTR_TYPENAME], name, sizeof(name));
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (!strcmp(types[i].name, name))
			s->type = &types[i];
	if (nlread_len(tb[IPSET_ATTR_INDEX]) >= sizeof(index))
		memcpy(&index, nlread_data(tb[IPSET_ATTR_INDEX]), sizeof(index));
	s->index = ntohs(index);
	s->family = pf == NFPROTO_IPV4 ? 4 : pf == NFPROTO_IPV6 ? 6 : 0;
	if (!s->type) {
		static const struct ipset_type none = {.name = ""};

		s->type = &none;
		unknown(s, "type %s", name);
	} else if (s->type->ip && !s->family) {
		unknown(s, "no family");
	}
	s->cache = arena_alloc(s->all->arena, sizeof(*s->cache));
}

/* One message. The first of a set has its head, later ones its name only. host: kept between
 * them. */
static const char *
read_message(struct ipsets *all, struct list *sets, const struct nlmsghdr *h, uint8_t *host)
{
	const struct nlattr *tb[ATTRS + 1];
	char name[IPSET_MAXNAMELEN];
	struct ipset *s;

	if (h->nlmsg_type != (NFNL_SUBSYS_IPSET << 8 | IPSET_CMD_LIST))
		return NULL;
	if (nlread_attrs(h, sizeof(struct nfgenmsg), tb, ATTRS) < 0)
		return "an ipset message is cut";
	if (!tb[IPSET_ATTR_SETNAME])
		return "an ipset message without a name";
	nlread_text(tb[IPSET_ATTR_SETNAME], name, sizeof(name));
	s = all->n ? &all->v[all->n - 1] : NULL;
	if (tb[IPSET_ATTR_TYPENAME]) {
		s = list_add(all->arena, sets, sizeof(*s));
		all->v = sets->items;
		all->n = (uint32_t)sets->n;
		s->all = all;
		s->name = arena_dup(all->arena, name, strlen(name));
		start_set(s, tb);
		*host = read_head(s, tb[IPSET_ATTR_DATA]);
	} else if (!s || strcmp(s->name, name) != 0) {
		return "an ipset message without its head";
	}
	read_members(s, tb[IPSET_ATTR_ADT], *host);
	return NULL;
}

/* Room for all sets before any list points to one. */
static void
count_sets(struct ipsets *all, struct list *sets, const struct dump *d)
{
	size_t n = 0;

	for (const struct dump_record *r = NULL; (r = dump_next(d, r, DUMP_IPSETS));) {
		const struct nlmsghdr *h;

		for (size_t at = 0; nlread_message(r, &at, &h) > 0;)
			n++;
	}
	sets->items = arena_array(all->arena, n, sizeof(struct ipset));
	sets->room = n;
}

struct ipsets *
ipset_read(struct arena *a, const struct dump *d, const char **what)
{
	struct ipsets *all = arena_alloc(a, sizeof(*all));
	struct list sets = {0};
	uint8_t host = 0;

	*what = NULL;
	all->arena = a;
	count_sets(all, &sets, d);
	for (const struct dump_record *r = NULL; (r = dump_next(d, r, DUMP_IPSETS));) {
		const struct nlmsghdr *h;
		size_t at = 0;
		int have;

		while ((have = nlread_message(r, &at, &h)) > 0) {
			*what = read_message(all, &sets, h, &host);
			if (*what)
				return NULL;
		}
		if (have < 0) {
			*what = "an ipset message is cut";
			return NULL;
		}
	}
	for (uint32_t i = 0; i < all->n; i++)
		if (all->v[i].n < all->v[i].told)
			unknown(&all->v[i], "elements are missing");
	return all;
}

const struct ipset *
ipset_by_index(const struct ipsets *s, uint16_t index)
{
	if (!s || index == IPSET_INVALID_ID)
		return NULL;
	for (uint32_t i = 0; i < s->n; i++)
		if (s->v[i].index == index)
			return &s->v[i];
	return NULL;
}

const struct ipset *
ipset_by_name(const struct ipsets *s, const char *name)
{
	return s ? find(s, name, strlen(name)) : NULL;
}

const char *
ipset_name(const struct ipset *s)
{
	return s->name;
}

const char *
ipset_unknown(const struct ipset *s)
{
	return s->unknown ? s->unknown : s->cache->dynamic ? s->why_dynamic : NULL;
}

void
ipset_mark_dynamic(struct ipsets *s, uint16_t index)
{
	const struct ipset *set = ipset_by_index(s, index);

	if (!set)
		return;
	set->cache->dynamic = true;
	if (!set->type->sets || set->unknown)
		return;
	for (uint32_t i = 0; i < set->n; i++)
		set->members[i].u.set->cache->dynamic = true;
}
