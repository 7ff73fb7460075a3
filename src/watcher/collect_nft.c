/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter/ipset/ip_set.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_hook.h>
#include <stdio.h>
#include <string.h>

#include "watcher/collect_pass.h"

#define NFT_HEADER    sizeof(struct nfgenmsg)
#define OWN_TABLE     "guardd"
#define REQUEST_BYTES 1024

/* IPSET_ERR_PROTOCOL as the kernel sends it (linux/netfilter/ipset/ip_set.h, IPSET_ERR_PRIVATE). */
#define OTHER_PROTOCOL (-4097)

static struct nlmsghdr *
nfnl_request(
    char buf[static REQUEST_BYTES], int subsystem, int type, uint16_t flags, uint8_t family)
{
	struct nlmsghdr *nlh;
	struct nfgenmsg *g;

	memset(buf, 0, NLMSG_HDRLEN + NFT_HEADER);
	nlh = mnl_nlmsg_put_header(buf);
	nlh->nlmsg_type = (uint16_t)(subsystem << 8 | type);
	nlh->nlmsg_flags = flags;
	g = mnl_nlmsg_put_extra_header(nlh, sizeof(*g));
	g->nfgen_family = family;
	return nlh;
}

static uint8_t
family_of(const struct nlmsghdr *nlh)
{
	return ((const struct nfgenmsg *)mnl_nlmsg_get_payload(nlh))->nfgen_family;
}

static void
forget_sets(struct pass *p)
{
	for (uint32_t i = 0; i < p->n_sets; i++)
		free((void *)(uintptr_t)p->sets[i].table);
	p->n_sets = 0;
}

/* Remembers a set whose elements are to be asked for. Those of guardd's own are no exposure. */
static bool
keep_set(struct pass *p, const struct nlmsghdr *nlh)
{
	const char *table = nl_text(nl_attr(nlh, NFT_HEADER, NFTA_SET_TABLE));
	const char *name = nl_text(nl_attr(nlh, NFT_HEADER, NFTA_SET_NAME));
	struct set_seen *s;
	char *copy;
	int r;

	if (family_of(nlh) == NFPROTO_INET && strcmp(table, OWN_TABLE) == 0)
		return true;
	r = pass_room((void **)&p->sets, p->n_sets, &p->room_sets, sizeof(*p->sets), MAX_SETS);
	if (r == 0 && asprintf(&copy, "%s%c%s", table, 0, name) < 0)
		r = -ENOMEM;
	if (r < 0) {
		p->sets_lost = r;
		return true;
	}
	s = &p->sets[p->n_sets++];
	s->family = family_of(nlh);
	s->table = copy;
	s->name = copy + strlen(table) + 1;
	return true;
}

static bool
keep_generation(struct pass *p, const struct nlmsghdr *nlh)
{
	p->generation = nl_be32(nl_attr(nlh, NFT_HEADER, NFTA_GEN_ID));
	return true;
}

/* Asks for the generation; into a record, or only to compare. */
static int
ask_generation(struct pass *p, bool record)
{
	char buf[REQUEST_BYTES];
	size_t mark = dump_mark(p->w);
	int r = pass_ask(p, p->c->nft,
	    nfnl_request(buf, NFNL_SUBSYS_NFTABLES, NFT_MSG_GETGEN, 0, AF_UNSPEC),
	    DUMP_NFT_GENERATION, 0, keep_generation);

	if (!record)
		dump_back_to(p->w, mark);
	return r;
}

static void
ask_elements(struct pass *p)
{
	char buf[REQUEST_BYTES];

	for (uint32_t i = 0; i < p->n_sets; i++) {
		const struct set_seen *s = &p->sets[i];
		struct nlmsghdr *nlh = nfnl_request(
		    buf, NFNL_SUBSYS_NFTABLES, NFT_MSG_GETSETELEM, NLM_F_DUMP, s->family);
		int r;

		/* Names are at most 255 bytes. */
		if (!mnl_attr_put_strz_check(
			nlh, sizeof(buf), NFTA_SET_ELEM_LIST_TABLE, s->table) ||
		    !mnl_attr_put_strz_check(nlh, sizeof(buf), NFTA_SET_ELEM_LIST_SET, s->name))
			r = -ENAMETOOLONG;
		else
			r = pass_ask(p, p->c->nft, nlh, DUMP_NFT_ELEMENTS, 0, NULL);
		if (r < 0)
			pass_failed(p, DUMP_NFT_ELEMENTS, r, s->name);
	}
	if (p->sets_lost)
		pass_failed(p, DUMP_NFT_ELEMENTS, p->sets_lost, "too many sets");
}

/* The whole ruleset: 1 when it was one and the same generation, 0 when not; -errno: none. */
static int
nft_once(struct pass *p)
{
	static const struct {
		enum dump_kind kind;
		int type;
		keep_fn keep;
		const char *name;
	} dumps[] = {
	    {DUMP_NFT_TABLES, NFT_MSG_GETTABLE, NULL, "tables"},
	    {DUMP_NFT_CHAINS, NFT_MSG_GETCHAIN, NULL, "chains"},
	    {DUMP_NFT_RULES, NFT_MSG_GETRULE, NULL, "rules"},
	    {DUMP_NFT_SETS, NFT_MSG_GETSET, keep_set, "sets"},
	    {DUMP_NFT_OBJECTS, NFT_MSG_GETOBJ, NULL, "objects"},
	    {DUMP_NFT_FLOWTABLES, NFT_MSG_GETFLOWTABLE, NULL, "flowtables"},
	};
	char buf[REQUEST_BYTES];
	uint32_t before;
	int r;

	forget_sets(p);
	p->sets_lost = 0;
	p->interrupted = false;
	r = ask_generation(p, true);
	if (r < 0)
		return r;
	before = p->generation;
	for (size_t i = 0; i < sizeof(dumps) / sizeof(*dumps); i++) {
		r = pass_ask(p, p->c->nft,
		    nfnl_request(buf, NFNL_SUBSYS_NFTABLES, dumps[i].type, NLM_F_DUMP, AF_UNSPEC),
		    dumps[i].kind, 0, dumps[i].keep);
		if (r == -EINTR)
			p->interrupted = true;
		if (r < 0)
			pass_failed(p, dumps[i].kind, r, dumps[i].name);
	}
	ask_elements(p);
	return ask_generation(p, false) >= 0 && p->generation == before && !p->interrupted;
}

void
part_nft(struct pass *p)
{
	size_t mark = dump_mark(p->w);
	int r = 0;

	for (int i = 0; r == 0 && i < MAX_TRIES; i++) {
		dump_back_to(p->w, mark);
		r = nft_once(p);
	}
	if (r < 0)
		pass_failed(p, DUMP_NFT_TABLES, r, "nf_tables");
	p->changing = r == 0;
}

/* What else hangs on a hook; dev: "" for the family's own hooks. */
static int
ask_hook(struct pass *p, uint8_t family, uint32_t hook, const char *dev)
{
	char buf[REQUEST_BYTES];
	size_t mark = dump_mark(p->w);
	struct nlmsghdr *nlh =
	    nfnl_request(buf, NFNL_SUBSYS_HOOK, NFNL_MSG_HOOK_GET, NLM_F_DUMP, family);
	int r;

	mnl_attr_put_u32(nlh, NFNLA_HOOK_HOOKNUM, htonl(hook));
	if (*dev)
		mnl_attr_put_strz(nlh, NFNLA_HOOK_DEV, dev);
	r = pass_ask_again(
	    p, p->c->nft, nlh, DUMP_NFT_HOOKS, (uint32_t)family << 8 | hook, NULL, NULL);
	if (r == 0)
		dump_back_to(p->w, mark);
	return r;
}

void
part_hooks(struct pass *p)
{
	static const uint8_t families[] = {NFPROTO_IPV4, NFPROTO_IPV6};
	int r = 0;

	/* Asked in vain, it is not asked again: the kernel looks for a module each time. */
	for (size_t i = 0; !p->c->no_hooks && i < sizeof(families); i++)
		for (uint32_t hook = 0; !p->c->no_hooks && hook < NF_INET_NUMHOOKS; hook++) {
			r = ask_hook(p, families[i], hook, "");
			if (r == -EINVAL && i == 0 && hook == 0)
				p->c->no_hooks = true;
			else if (r < 0 && r != -EOPNOTSUPP && r != -ENOENT)
				return pass_failed(p, DUMP_NFT_HOOKS, r, "netfilter hooks");
		}
	for (uint32_t i = 0; !p->c->no_hooks && i < p->n_ifaces; i++) {
		r = ask_hook(p, NFPROTO_NETDEV, NF_NETDEV_INGRESS, p->ifaces[i].name);
		if (r < 0 && r != -EOPNOTSUPP && r != -ENOENT && r != -ENODEV)
			return pass_failed(p, DUMP_NFT_HOOKS, r, p->ifaces[i].name);
	}
}

static int
ask_ipsets(struct pass *p, uint8_t protocol)
{
	char buf[REQUEST_BYTES];
	struct nlmsghdr *nlh =
	    nfnl_request(buf, NFNL_SUBSYS_IPSET, IPSET_CMD_LIST, NLM_F_DUMP, AF_UNSPEC);

	mnl_attr_put_u8(nlh, IPSET_ATTR_PROTOCOL, protocol);
	return pass_ask_again(p, p->c->nft, nlh, DUMP_IPSETS, 0, NULL, NULL);
}

void
part_ipset(struct pass *p)
{
	int r;

	/* Asking would load the module. Without /sys it cannot be known. */
	if (access("/sys/module", F_OK) == 0 && access("/sys/module/ip_set", F_OK) < 0)
		return;
	/* Only version 7 (kernel 4.20) tells the index by which rules name a set. */
	r = ask_ipsets(p, IPSET_PROTOCOL);
	if (r == OTHER_PROTOCOL)
		r = ask_ipsets(p, IPSET_PROTOCOL_MIN);
	if (r < 0 && r != -EINVAL && r != -EOPNOTSUPP && r != -ENOENT && r != -EPROTONOSUPPORT)
		pass_failed(p, DUMP_IPSETS, r, "ipset");
}
