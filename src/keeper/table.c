/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "keeper/table.h"

#include <errno.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <stdarg.h>
#include <string.h>

#define HEADER       sizeof(struct nfgenmsg)
#define CHAIN        "guard"
#define PRIORITY     (-150) /* behind conntrack (-200), before DNAT (-100) */
#define PRIORITY_RAW (-310) /* before conntrack */

/* Numbers of key types as nft knows them (nftables: include/datatype.h); in a concatenation 6 bits
 * each. */
enum { TYPE_IPADDR = 7, TYPE_IP6ADDR = 8, TYPE_PROTO_SERVICE = 12 << 6 | 13 };

static const struct table_set kinds[] = {
    [SET_HOST4] = {"host4", NFT_SET_TIMEOUT, TYPE_IPADDR, 4, false},
    [SET_HOST6] = {"host6", NFT_SET_TIMEOUT, TYPE_IP6ADDR, 16, false},
    [SET_NET6] = {"net6", NFT_SET_TIMEOUT, TYPE_IP6ADDR, 16, false},
    [SET_PREFIX4] = {"prefix4", NFT_SET_TIMEOUT | NFT_SET_INTERVAL, TYPE_IPADDR, 4, false},
    [SET_PREFIX6] = {"prefix6", NFT_SET_TIMEOUT | NFT_SET_INTERVAL, TYPE_IP6ADDR, 16, false},
    {"allow4", NFT_SET_INTERVAL, TYPE_IPADDR, 4, false},
    {"allow6", NFT_SET_INTERVAL, TYPE_IP6ADDR, 16, false},
    {"ports", 0, TYPE_PROTO_SERVICE, 8, false},
};
enum { ALLOW4 = SET_KINDS, ALLOW6, PORTS };

static void
add_set(struct table *t, int kind, const char *service)
{
	struct table_set *s = &t->sets[t->n_sets++];

	*s = kinds[kind];
	if (service) {
		strcat(s->name, "_");
		strncat(s->name, service, sizeof(s->name) - strlen(s->name) - 1);
	}
}

int
table_configure(struct table *t, const struct image *img)
{
	uint32_t services = image_count(img, IMAGE_SERVICES);

	if (services >= TABLE_SCOPES)
		return -E2BIG;
	t->img = img;
	t->scopes = services + 1;
	t->n_sets = 0;
	for (uint32_t s = 0; s < t->scopes; s++)
		for (int k = 0; k < SET_KINDS; k++)
			add_set(t, k, s ? image_str(img, img->services[s - 1].name) : NULL);
	add_set(t, ALLOW4, NULL);
	add_set(t, ALLOW6, NULL);
	for (uint32_t s = 0; s < services; s++)
		add_set(t, PORTS, image_str(img, img->services[s].name));
	return 0;
}

const char *
table_set_name(const struct table *t, uint32_t scope, enum set_kind kind)
{
	return t->sets[scope * SET_KINDS + kind].name;
}

struct elem
table_elem(const struct prefix *p)
{
	struct elem e = {.kind = ELEM_ONE, .len = (uint8_t)addr_size(&p->addr)};
	struct addr last = prefix_last(p);
	enum set_kind kind = set_kind(p);

	if (kind == SET_PREFIX4 || kind == SET_PREFIX6)
		e.kind = ELEM_RANGE;
	memcpy(e.key, p->addr.bytes, sizeof(e.key));
	memcpy(e.last, last.bytes, sizeof(e.last));
	return e;
}

/* All objects of nf_tables have the table's name as their first attribute. */
static struct nlmsghdr *
object(struct batch *b, int type, int flags, uint16_t attr, const char *name)
{
	struct nlmsghdr *nlh = batch_open(b, type, flags);

	mnl_attr_put_strz(nlh, NFTA_TABLE_NAME, TABLE_NAME);
	if (name)
		mnl_attr_put_strz(nlh, attr, name);
	return nlh;
}

static void
put_bare(struct batch *b, int type, uint16_t attr, const char *name)
{
	object(b, type, 0, attr, name);
	batch_close(b);
}

/* Flags 0 wake a table that somebody made dormant. */
static void
put_table(struct batch *b)
{
	static const char comment[] = "\0\x2bmade by guardd, which repairs it; guardctl";
	struct nlmsghdr *nlh = object(b, NFT_MSG_NEWTABLE, NLM_F_CREATE, 0, NULL);

	mnl_attr_put_u32(nlh, NFTA_TABLE_FLAGS, 0);
	mnl_attr_put(nlh, NFTA_TABLE_USERDATA, sizeof(comment), comment);
	batch_close(b);
}

static uint32_t
priority(const struct table *t)
{
	return (uint32_t)(t->img->settings->early ? PRIORITY_RAW : PRIORITY);
}

static void
put_chain(const struct table *t, struct batch *b)
{
	struct nlmsghdr *nlh = object(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE, NFTA_CHAIN_NAME, CHAIN);
	struct nlattr *hook = mnl_attr_nest_start(nlh, NFTA_CHAIN_HOOK);

	mnl_attr_put_u32(nlh, NFTA_HOOK_HOOKNUM, htonl(NF_INET_PRE_ROUTING));
	mnl_attr_put_u32(nlh, NFTA_HOOK_PRIORITY, htonl(priority(t)));
	mnl_attr_nest_end(nlh, hook);
	mnl_attr_put_u32(nlh, NFTA_CHAIN_POLICY, htonl(NF_ACCEPT));
	mnl_attr_put_strz(nlh, NFTA_CHAIN_TYPE, "filter");
	batch_close(b);
}

/* NFTA_SET_DESC of the fields protocol and port: nested attributes, the lengths in network order.
 */
static const struct {
	struct nlattr concat, field1, len1;
	uint8_t one[4];
	struct nlattr field2, len2;
	uint8_t two[4];
} desc = {{28, NFTA_SET_DESC_CONCAT}, {12, NFTA_LIST_ELEM}, {8, NFTA_SET_FIELD_LEN}, {0, 0, 0, 1},
    {12, NFTA_LIST_ELEM}, {8, NFTA_SET_FIELD_LEN}, {0, 0, 0, 2}};

static void
put_set(struct batch *b, const struct table_set *s, uint32_t id)
{
	struct nlmsghdr *nlh = object(b, NFT_MSG_NEWSET, NLM_F_CREATE, NFTA_SET_NAME, s->name);
	struct nlattr *nest;

	mnl_attr_put_u32(nlh, NFTA_SET_ID, htonl(id));
	mnl_attr_put_u32(nlh, NFTA_SET_FLAGS, htonl(s->flags));
	mnl_attr_put_u32(nlh, NFTA_SET_KEY_TYPE, htonl(s->type));
	mnl_attr_put_u32(nlh, NFTA_SET_KEY_LEN, htonl(s->len));
	if (s->flags & NFT_SET_TIMEOUT) {
		nest = mnl_attr_nest_start(nlh, NFTA_SET_EXPR);
		mnl_attr_put_strz(nlh, NFTA_EXPR_NAME, "counter");
		mnl_attr_nest_end(nlh, nest);
	}
	if (s->flags & NFT_SET_CONCAT)
		mnl_attr_put(nlh, NFTA_SET_DESC, sizeof(desc), &desc);
	batch_close(b);
}

/* Appends an expression of (attribute, number) pairs, ended by 0. */
static struct nftnl_expr *
expr(struct nftnl_rule *r, const char *name, ...)
{
	struct nftnl_expr *e = nftnl_expr_alloc(name);
	unsigned attr;
	va_list ap;

	if (!e)
		abort();
	va_start(ap, name);
	while ((attr = va_arg(ap, unsigned)))
		nftnl_expr_set_u32(e, (uint16_t)attr, va_arg(ap, unsigned));
	va_end(ap);
	nftnl_rule_add_expr(r, e);
	return e;
}

static void
payload(struct nftnl_rule *r, unsigned base, unsigned offset, unsigned len, unsigned reg)
{
	expr(r, "payload", NFTNL_EXPR_PAYLOAD_BASE, base, NFTNL_EXPR_PAYLOAD_OFFSET, offset,
	    NFTNL_EXPR_PAYLOAD_LEN, len, NFTNL_EXPR_PAYLOAD_DREG, reg, 0);
}

static void
meta(struct nftnl_rule *r, unsigned key)
{
	expr(r, "meta", NFTNL_EXPR_META_KEY, key, NFTNL_EXPR_META_DREG, NFT_REG_1, 0);
}

static void
compare(struct nftnl_rule *r, unsigned op, uint8_t value)
{
	struct nftnl_expr *e =
	    expr(r, "cmp", NFTNL_EXPR_CMP_SREG, NFT_REG_1, NFTNL_EXPR_CMP_OP, op, 0);

	nftnl_expr_set(e, NFTNL_EXPR_CMP_DATA, &value, 1);
}

static void
lookup(struct nftnl_rule *r, const char *set)
{
	nftnl_expr_set_str(
	    expr(r, "lookup", NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1, 0), NFTNL_EXPR_LOOKUP_SET, set);
}

static void
put_rule(struct batch *b, struct nftnl_rule *r, unsigned verdict)
{
	if (verdict == NF_DROP)
		expr(r, "counter", 0);
	expr(r, "immediate", NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT, NFTNL_EXPR_IMM_VERDICT, verdict,
	    0);
	nftnl_rule_set_str(r, NFTNL_RULE_TABLE, TABLE_NAME);
	nftnl_rule_set_str(r, NFTNL_RULE_CHAIN, CHAIN);
	nftnl_rule_nlmsg_build_payload(
	    batch_open(b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND), r);
	batch_close(b);
	nftnl_rule_free(r);
}

static struct nftnl_rule *
new_rule(void)
{
	struct nftnl_rule *r = nftnl_rule_alloc();

	if (!r)
		abort();
	return r;
}

/* ports: NULL, or the set the destination must be in. */
static void
put_source_rule(struct batch *b, const struct table_set *s, const char *ports, unsigned verdict)
{
	static const uint8_t half[16] = {255, 255, 255, 255, 255, 255, 255, 255}, none[16];
	struct nftnl_rule *r = new_rule();
	bool v4 = s->type == TYPE_IPADDR;

	meta(r, NFT_META_NFPROTO);
	compare(r, NFT_CMP_EQ, v4 ? NFPROTO_IPV4 : NFPROTO_IPV6);
	if (ports) {
		meta(r, NFT_META_L4PROTO);
		payload(r, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, NFT_REG32_01);
		lookup(r, ports);
	}
	payload(r, NFT_PAYLOAD_NETWORK_HEADER, v4 ? 12 : 8, s->len, NFT_REG_1);
	if (strncmp(s->name, "net6", 4) == 0) {
		struct nftnl_expr *e = expr(r, "bitwise", NFTNL_EXPR_BITWISE_SREG, NFT_REG_1,
		    NFTNL_EXPR_BITWISE_DREG, NFT_REG_1, NFTNL_EXPR_BITWISE_LEN, 16, 0);

		nftnl_expr_set(e, NFTNL_EXPR_BITWISE_MASK, half, sizeof(half));
		nftnl_expr_set(e, NFTNL_EXPR_BITWISE_XOR, none, sizeof(none));
	}
	lookup(r, s->name);
	put_rule(b, r, verdict);
}

static void
put_rules(const struct table *t, struct batch *b)
{
	const struct table_set *allow = &t->sets[t->scopes * SET_KINDS];
	struct nftnl_rule *r = new_rule();

	/* Neighbour discovery (RFC 4861) comes from the link only: hop limit 255. */
	meta(r, NFT_META_NFPROTO);
	compare(r, NFT_CMP_EQ, NFPROTO_IPV6);
	meta(r, NFT_META_L4PROTO);
	compare(r, NFT_CMP_EQ, IPPROTO_ICMPV6);
	payload(r, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1, NFT_REG_1);
	compare(r, NFT_CMP_GTE, 133);
	compare(r, NFT_CMP_LTE, 136);
	payload(r, NFT_PAYLOAD_NETWORK_HEADER, 7, 1, NFT_REG_1);
	compare(r, NFT_CMP_EQ, 255);
	put_rule(b, r, NF_ACCEPT);
	if (!t->img->settings->early) {
		r = new_rule();
		expr(
		    r, "ct", NFTNL_EXPR_CT_KEY, NFT_CT_DIRECTION, NFTNL_EXPR_CT_DREG, NFT_REG_1, 0);
		compare(r, NFT_CMP_EQ, 1); /* IP_CT_DIR_REPLY */
		put_rule(b, r, NF_ACCEPT);
	}
	put_source_rule(b, &allow[0], NULL, NF_ACCEPT);
	put_source_rule(b, &allow[1], NULL, NF_ACCEPT);
	for (uint32_t i = 0; i < t->scopes * SET_KINDS; i++) {
		uint32_t scope = i / SET_KINDS;

		put_source_rule(b, &t->sets[i], scope ? allow[1 + scope].name : NULL, NF_DROP);
	}
}

static void
put_allow(const struct table *t, struct batch *b)
{
	const struct table_set *allow = &t->sets[t->scopes * SET_KINDS];

	for (size_t i = 0; i < t->never->n; i++) {
		struct elem e = table_elem(&t->never->items[i]);

		e.kind = ELEM_RANGE;
		batch_elem(b, NFT_MSG_NEWSETELEM, allow[e.len == 4 ? 0 : 1].name, &e, NO_TAG);
	}
}

/* The ports of a service for one protocol, as one bit each. */
static void
collect_ports(const struct table *t, uint32_t service, uint8_t proto, uint8_t bits[static 8192])
{
	struct span ports = t->img->services[service].ports;

	memset(bits, 0, 8192);
	for (uint32_t i = 0; i < ports.n; i++) {
		const struct image_port *p = &t->img->ports[ports.first + i];

		for (uint32_t n = p->low; p->proto == proto && n <= p->high; n++)
			bits[n / 8] |= (uint8_t)(1u << n % 8);
		for (uint32_t k = 0; k < t->published->n; k++) {
			const struct dnat_port *d = &t->published->ports[k];

			if (p->proto == proto && d->proto == proto && d->to >= p->low &&
			    d->to <= p->high)
				for (uint32_t n = d->low; n <= d->high; n++)
					bits[n / 8] |= (uint8_t)(1u << n % 8);
		}
	}
}

/* Runs of ports of a service, as elements; returns how many. */
static uint32_t
service_ports(const struct table *t, uint32_t service, struct elem out[static TABLE_PORTS])
{
	static const uint8_t protos[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP, IPPROTO_DCCP};
	uint8_t bits[8192];
	uint32_t n = 0;

	for (size_t i = 0; i < sizeof(protos); i++) {
		collect_ports(t, service, protos[i], bits);
		for (uint32_t low = 0; low < 65536 && n < TABLE_PORTS; low++) {
			uint32_t high = low;

			if (!(bits[low / 8] >> low % 8 & 1))
				continue;
			while (high < 65535 && bits[(high + 1) / 8] >> (high + 1) % 8 & 1)
				high++;
			out[n++] = (struct elem){.kind = ELEM_BOX,
			    .len = 8,
			    .key = {protos[i], 0, 0, 0, (uint8_t)(low >> 8), (uint8_t)low},
			    .last = {protos[i], 0, 0, 0, (uint8_t)(high >> 8), (uint8_t)high}};
			low = high;
		}
	}
	return n;
}

/* Hashed when all are single ports, an interval set when one is a range. */
static void
put_ports(struct table *t, struct batch *b, uint32_t service)
{
	struct table_set *s = &t->sets[t->scopes * SET_KINDS + 2 + service];
	struct elem ports[TABLE_PORTS];
	uint32_t n = service_ports(t, service, ports);
	bool ranges = false;

	for (uint32_t i = 0; i < n; i++)
		ranges |= memcmp(ports[i].key, ports[i].last, sizeof(ports[i].key)) != 0;
	s->flags = ranges ? NFT_SET_INTERVAL | NFT_SET_CONCAT : 0;
	put_set(b, s, (uint32_t)(s - t->sets) + 1);
	for (uint32_t i = 0; i < n; i++) {
		ports[i].kind = ranges ? ELEM_BOX : ELEM_ONE;
		batch_elem(b, NFT_MSG_NEWSETELEM, s->name, &ports[i], NO_TAG);
	}
}

struct inspection {
	struct table *t;
	struct batch *b;
};

/* Sets that are not ours, or look unlike ours, go; sets of ports are made anew each time. */
static int
on_set(const struct nlmsghdr *nlh, void *data)
{
	struct inspection *in = data;
	const char *name = nl_text(nl_attr(nlh, HEADER, NFTA_SET_NAME));
	struct table_set *s = in->t->sets, *end = s + in->t->n_sets;

	if (strcmp(nl_text(nl_attr(nlh, HEADER, NFTA_SET_TABLE)), TABLE_NAME) != 0)
		return MNL_CB_OK;
	while (s < end && strcmp(s->name, name) != 0)
		s++;
	if (s < end && s->type != TYPE_PROTO_SERVICE)
		s->have = nl_be32(nl_attr(nlh, HEADER, NFTA_SET_FLAGS)) == s->flags &&
			  nl_be32(nl_attr(nlh, HEADER, NFTA_SET_KEY_TYPE)) == s->type &&
			  nl_be32(nl_attr(nlh, HEADER, NFTA_SET_KEY_LEN)) == s->len;
	if (s == end || !s->have)
		put_bare(in->b, NFT_MSG_DELSET, NFTA_SET_NAME, name);
	return MNL_CB_OK;
}

static int
on_chain(const struct nlmsghdr *nlh, void *data)
{
	struct inspection *in = data;
	const struct nlattr *hook = nl_attr(nlh, HEADER, NFTA_CHAIN_HOOK);

	put_bare(in->b, NFT_MSG_DELRULE, NFTA_RULE_CHAIN, CHAIN);
	if (!hook || nl_be32(nl_inside(hook, NFTA_HOOK_HOOKNUM)) != NF_INET_PRE_ROUTING ||
	    nl_be32(nl_inside(hook, NFTA_HOOK_PRIORITY)) != priority(in->t))
		put_bare(in->b, NFT_MSG_DELCHAIN, NFTA_CHAIN_NAME, CHAIN);
	return MNL_CB_OK;
}

/* Asks for objects of our table: a single one by name, or all. */
static int
ask(struct nl *n, int type, uint16_t attr, const char *name, mnl_cb_t cb, void *ctx)
{
	_cleanup_(batch_fini) struct batch question = {0};
	struct nlmsghdr *nlh;

	batch_begin(&question);
	nlh = object(&question, type, name ? 0 : NLM_F_DUMP, attr, name);
	return nl_ask(n, nlh, cb, ctx);
}

static int
inspect(struct table *t, struct nl *n, struct batch *b)
{
	struct inspection in = {t, b};
	int r = ask(n, NFT_MSG_GETCHAIN, NFTA_CHAIN_NAME, CHAIN, on_chain, &in);

	if (r == 0 || r == -ENOENT)
		r = ask(n, NFT_MSG_GETSET, 0, NULL, on_set, &in);
	return r == -ENOENT ? 0 : r;
}

static int
try_sync(struct table *t, struct nl *n, struct batch *b, bool anew,
    void (*fill)(struct batch *b, void *ctx), void *ctx)
{
	int r = 0;

	for (uint32_t i = 0; i < t->n_sets; i++)
		t->sets[i].have = false;
	b->single = false;
	batch_begin(b);
	put_table(b);
	if (anew) {
		put_bare(b, NFT_MSG_DELTABLE, 0, NULL);
		put_table(b);
	} else {
		r = inspect(t, n, b);
	}
	if (r < 0)
		return r;
	put_chain(t, b);
	for (uint32_t i = 0; i < t->scopes * SET_KINDS + 2; i++) {
		bool refill =
		    (i >= t->scopes * SET_KINDS) || (fill && t->sets[i].flags & NFT_SET_INTERVAL);

		if (!t->sets[i].have)
			put_set(b, &t->sets[i], i + 1);
		else if (refill)
			batch_elem(b, NFT_MSG_DELSETELEM, t->sets[i].name, NULL, NO_TAG);
	}
	put_allow(t, b);
	for (uint32_t s = 0; s + 1 < t->scopes; s++)
		put_ports(t, b, s);
	if (fill)
		fill(b, ctx);
	put_rules(t, b);
	return batch_commit(b, n);
}

int
table_sync(struct table *t, struct nl *n, struct batch *b, void (*fill)(struct batch *b, void *ctx),
    void *ctx, bool *made)
{
	int r = try_sync(t, n, b, false, fill, ctx);

	*made = !t->sets[0].have;
	/* Somebody else changed it meanwhile, or put something of another shape in the way. */
	if (r < 0 && r != -EPERM && r != -EOPNOTSUPP && r != -ENOMEM)
		r = try_sync(t, n, b, false, fill, ctx);
	if (r < 0 && r != -EPERM && r != -EOPNOTSUPP && r != -ENOMEM) {
		r = try_sync(t, n, b, true, fill, ctx);
		*made = true;
	}
	return r;
}

int
table_allow(struct table *t, struct nl *n, struct batch *b)
{
	batch_begin(b);
	for (int i = 0; i < 2; i++)
		batch_elem(
		    b, NFT_MSG_DELSETELEM, t->sets[t->scopes * SET_KINDS + i].name, NULL, NO_TAG);
	put_allow(t, b);
	return batch_commit(b, n);
}

int
table_clean(struct nl *n, struct batch *b)
{
	int r;

	batch_begin(b);
	put_bare(b, NFT_MSG_DELTABLE, 0, NULL);
	r = batch_commit(b, n);
	return r == -ENOENT ? 0 : r;
}
