/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "keeper/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHAIN "guard"

enum { ALLOW4 = SET_KINDS, ALLOW6, PORTS };

static const struct nft_set kinds[] = {
    [SET_HOST4] = {"host4", NFT_SET_TIMEOUT, TYPE_IPADDR, 4, false},
    [SET_HOST6] = {"host6", NFT_SET_TIMEOUT, TYPE_IP6ADDR, 16, false},
    [SET_NET6] = {"net6", NFT_SET_TIMEOUT, TYPE_IP6ADDR, 16, false},
    [SET_PREFIX4] = {"prefix4", NFT_SET_TIMEOUT | NFT_SET_INTERVAL, TYPE_IPADDR, 4, false},
    [SET_PREFIX6] = {"prefix6", NFT_SET_TIMEOUT | NFT_SET_INTERVAL, TYPE_IP6ADDR, 16, false},
    [ALLOW4] = {"allow4", NFT_SET_INTERVAL, TYPE_IPADDR, 4, false},
    [ALLOW6] = {"allow6", NFT_SET_INTERVAL, TYPE_IP6ADDR, 16, false},
    [PORTS] = {"ports", 0, TYPE_PROTO_SERVICE, 8, false},
};

static void
add_set(struct table *t, int kind, uint32_t scope)
{
	struct nft_set *s = &t->sets[t->n_sets++];

	*s = kinds[kind];
	if (scope > 0)
		snprintf(s->name, sizeof(s->name), "%s_%.16s", kinds[kind].name,
		    image_str(t->img, t->img->services[scope - 1].name));
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
	for (uint32_t i = 0; i < t->scopes * SET_KINDS; i++)
		add_set(t, (int)(i % SET_KINDS), i / SET_KINDS);
	add_set(t, ALLOW4, 0);
	add_set(t, ALLOW6, 0);
	for (uint32_t s = 1; s < t->scopes; s++)
		add_set(t, PORTS, s);
	return 0;
}

const char *
table_set_name(const struct table *t, uint32_t scope, enum set_kind kind)
{
	return t->sets[scope * SET_KINDS + kind].name;
}

struct elem
table_elem(const struct prefix *p, usec_t until, usec_t now)
{
	struct elem e = {.kind = set_kind(p) >= SET_PREFIX4 ? ELEM_RANGE : ELEM_ONE};
	struct addr last = prefix_last(p);

	e.len = (uint8_t)addr_size(&p->addr);
	memcpy(e.key, p->addr.bytes, sizeof(e.key));
	memcpy(e.last, last.bytes, sizeof(e.last));
	if (until != USEC_NEVER)
		e.timeout = until > now ? until - now : 1;
	return e;
}

/* Behind conntrack (-200) and before DNAT (-100); before conntrack when early. */
static uint32_t
priority(const struct table *t)
{
	return (uint32_t)(t->img->settings->early ? -310 : -150);
}

static void
put_chain(const struct table *t, struct batch *b)
{
	struct nlmsghdr *nlh =
	    nft_object(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE, NFTA_CHAIN_NAME, CHAIN);
	struct nlattr *hook = mnl_attr_nest_start(nlh, NFTA_CHAIN_HOOK);

	mnl_attr_put_u32(nlh, NFTA_HOOK_HOOKNUM, htonl(NF_INET_PRE_ROUTING));
	mnl_attr_put_u32(nlh, NFTA_HOOK_PRIORITY, htonl(priority(t)));
	mnl_attr_nest_end(nlh, hook);
	mnl_attr_put_u32(nlh, NFTA_CHAIN_POLICY, htonl(NF_ACCEPT));
	mnl_attr_put_strz(nlh, NFTA_CHAIN_TYPE, "filter");
	batch_close(b);
}

/* ports: NULL, or the set the destination must be in. */
static void
put_source_rule(struct batch *b, const struct nft_set *s, const char *ports, unsigned verdict)
{
	struct nftnl_rule *r = nft_rule(CHAIN);
	bool v4 = s->type == TYPE_IPADDR;

	nft_meta(r, NFT_META_NFPROTO);
	nft_compare(r, NFT_CMP_EQ, v4 ? NFPROTO_IPV4 : NFPROTO_IPV6);
	if (ports) {
		nft_meta(r, NFT_META_L4PROTO);
		nft_payload(r, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, NFT_REG32_01);
		nft_lookup(r, ports);
	}
	nft_payload(r, NFT_PAYLOAD_NETWORK_HEADER, v4 ? 12 : 8, s->len, NFT_REG_1);
	if (strncmp(s->name, "net6", 4) == 0)
		nft_half(r);
	nft_lookup(r, s->name);
	nft_rule_put(b, r, verdict);
}

static void
put_rules(const struct table *t, struct batch *b)
{
	const struct nft_set *allow = &t->sets[t->scopes * SET_KINDS];
	struct nftnl_rule *r = nft_rule(CHAIN);

	/* Neighbour discovery (RFC 4861) comes from the link only: hop limit 255. */
	nft_meta(r, NFT_META_NFPROTO);
	nft_compare(r, NFT_CMP_EQ, NFPROTO_IPV6);
	nft_meta(r, NFT_META_L4PROTO);
	nft_compare(r, NFT_CMP_EQ, IPPROTO_ICMPV6);
	nft_payload(r, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1, NFT_REG_1);
	nft_compare(r, NFT_CMP_GTE, 133);
	nft_compare(r, NFT_CMP_LTE, 136);
	nft_payload(r, NFT_PAYLOAD_NETWORK_HEADER, 7, 1, NFT_REG_1);
	nft_compare(r, NFT_CMP_EQ, 255);
	nft_rule_put(b, r, NF_ACCEPT);
	if (!t->img->settings->early) {
		r = nft_rule(CHAIN);
		nft_ct(r, NFT_CT_DIRECTION);
		nft_compare(r, NFT_CMP_EQ, 1); /* IP_CT_DIR_REPLY */
		nft_rule_put(b, r, NF_ACCEPT);
	}
	put_source_rule(b, &allow[0], NULL, NF_ACCEPT);
	put_source_rule(b, &allow[1], NULL, NF_ACCEPT);
	for (uint32_t i = 0; i < t->scopes * SET_KINDS; i++)
		put_source_rule(
		    b, &t->sets[i], i >= SET_KINDS ? allow[1 + i / SET_KINDS].name : NULL, NF_DROP);
}

static void
put_allow(const struct table *t, struct batch *b)
{
	const struct nft_set *allow = &t->sets[t->scopes * SET_KINDS];

	for (size_t i = 0; i < t->never->n; i++) {
		struct elem e = table_elem(&t->never->items[i], USEC_NEVER, 0);

		e.kind = ELEM_RANGE;
		batch_elem(b, NFT_MSG_NEWSETELEM, allow[e.len == 4 ? 0 : 1].name, &e, NO_TAG);
	}
}

/* Hashed when all are single ports, an interval set when one is a range. */
static void
put_ports(struct table *t, struct batch *b, uint32_t service)
{
	struct nft_set *s = &t->sets[t->scopes * SET_KINDS + 2 + service];
	struct span span = t->img->services[service].ports;
	struct dnat_port ports[TABLE_PORTS];
	uint32_t n = 0;

	for (uint32_t i = 0; i < span.n; i++) {
		const struct image_port *p = &t->img->ports[span.first + i];

		n = dnat_join(t->published, ports, n, TABLE_PORTS,
		    &(struct dnat_port){p->proto, p->low, p->high, 0});
	}
	s->flags = 0;
	for (uint32_t i = 0; i < n; i++)
		if (ports[i].low != ports[i].high)
			s->flags = NFT_SET_INTERVAL | NFT_SET_CONCAT;
	nft_set_put(b, s, (uint32_t)(s - t->sets) + 1);
	for (uint32_t i = 0; i < n; i++) {
		const struct dnat_port *p = &ports[i];
		struct elem e = {s->flags ? ELEM_BOX : ELEM_ONE, 8,
		    {p->proto, 0, 0, 0, (uint8_t)(p->low >> 8), (uint8_t)p->low},
		    {p->proto, 0, 0, 0, (uint8_t)(p->high >> 8), (uint8_t)p->high}, 0};

		batch_elem(b, NFT_MSG_NEWSETELEM, s->name, &e, NO_TAG);
	}
}

/* Sets that are not ours, or look unlike ours, go; those of ports are made anew each time. */
static int
on_set(const struct nlmsghdr *nlh, void *data)
{
	struct table *t = data;
	struct nft_set *s = t->sets, *end = s + t->n_sets;

	while (s < end && (s->type == TYPE_PROTO_SERVICE || !nft_set_is(s, nlh)))
		s++;
	if (s < end)
		s->have = true;
	else
		nft_bare(&t->batch, NFT_MSG_DELSET, NFTA_SET_NAME,
		    nl_text(nl_attr(nlh, NFT_HEADER, NFTA_SET_NAME)));
	return MNL_CB_OK;
}

static int
on_chain(const struct nlmsghdr *nlh, void *data)
{
	struct table *t = data;
	const struct nlattr *hook = nl_attr(nlh, NFT_HEADER, NFTA_CHAIN_HOOK);

	nft_bare(&t->batch, NFT_MSG_DELRULE, NFTA_RULE_CHAIN, CHAIN);
	if (!hook || nl_be32(nl_inside(hook, NFTA_HOOK_HOOKNUM)) != NF_INET_PRE_ROUTING ||
	    nl_be32(nl_inside(hook, NFTA_HOOK_PRIORITY)) != priority(t))
		nft_bare(&t->batch, NFT_MSG_DELCHAIN, NFTA_CHAIN_NAME, CHAIN);
	return MNL_CB_OK;
}

/* Puts into the batch what must go before ours can be added. */
static int
inspect(struct table *t, struct nl *n)
{
	_cleanup_(batch_fini) struct batch question = {0};
	int r;

	r = nl_ask(
	    n, nft_object(&question, NFT_MSG_GETCHAIN, 0, NFTA_CHAIN_NAME, CHAIN), on_chain, t);
	if (r == 0 || r == -ENOENT)
		r = nl_ask(
		    n, nft_object(&question, NFT_MSG_GETSET, NLM_F_DUMP, 0, NULL), on_set, t);
	return r == -ENOENT ? 0 : r;
}

static int
try_sync(
    struct table *t, struct nl *n, bool anew, void (*fill)(struct batch *b, void *ctx), void *ctx)
{
	uint32_t keep = t->scopes * SET_KINDS;
	struct batch *b = &t->batch;
	int r = 0;

	for (uint32_t i = 0; i < t->n_sets; i++)
		t->sets[i].have = false;
	b->single = false;
	batch_begin(b);
	nft_table_put(b, "kept by guardd(8)");
	if (anew) {
		nft_bare(b, NFT_MSG_DELTABLE, 0, NULL);
		nft_table_put(b, "kept by guardd(8)");
	} else {
		r = inspect(t, n);
	}
	if (r < 0)
		return r;
	put_chain(t, b);
	for (uint32_t i = 0; i < keep + 2; i++) {
		const struct nft_set *s = &t->sets[i];

		if (!s->have)
			nft_set_put(b, s, i + 1);
		else if (i >= keep || (fill && s->flags & NFT_SET_INTERVAL))
			batch_elem(b, NFT_MSG_DELSETELEM, s->name, NULL, NO_TAG);
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
table_sync(
    struct table *t, struct nl *n, void (*fill)(struct batch *b, void *ctx), void *ctx, bool *made)
{
	int r = -EINTR;

	/* Again when somebody changed it meanwhile; anew when something is in the way. */
	for (int i = 0; i < 3 && r < 0 && r != -EPERM && r != -EOPNOTSUPP && r != -ENOMEM; i++) {
		r = try_sync(t, n, i == 2, fill, ctx);
		*made = !t->sets[0].have;
	}
	batch_fini(&t->batch);
	return r;
}

int
table_clean(void)
{
	_cleanup_(batch_fini) struct batch b = {0};
	_cleanup_(nl_freep) struct nl *n = NULL;
	int r = nl_new(&n, NETLINK_NETFILTER, 0);

	if (r < 0)
		return r;
	batch_begin(&b);
	nft_bare(&b, NFT_MSG_DELTABLE, 0, NULL);
	r = batch_commit(&b, n);
	return r == -ENOENT ? 0 : r;
}
