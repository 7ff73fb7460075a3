/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "shadow/shadow.h"

#include <errno.h>
#include <linux/netfilter/ipset/ip_set.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <string.h>

#define INDEX_MAX 1024 /* a rule names its set by index: gaps are filled up to here */
#define LISTED    (NFNL_SUBSYS_IPSET << 8 | IPSET_CMD_LIST)

static struct nlmsghdr *
begin(char *buf, uint16_t cmd, uint16_t flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct nfgenmsg *g = mnl_nlmsg_put_extra_header(nlh, sizeof(*g));

	nlh->nlmsg_type = (uint16_t)(NFNL_SUBSYS_IPSET << 8 | cmd);
	nlh->nlmsg_flags = flags;
	g->version = NFNETLINK_V0;
	mnl_attr_put_u8(nlh, IPSET_ATTR_PROTOCOL, IPSET_PROTOCOL);
	return nlh;
}

static const struct nlattr *
attr(const struct nlmsghdr *nlh, int type)
{
	return nl_attr(nlh, sizeof(struct nfgenmsg), type);
}

static void
put(struct nlmsghdr *nlh, const struct nlattr *a)
{
	if (a)
		mnl_attr_put(
		    nlh, a->nla_type, mnl_attr_get_payload_len(a), mnl_attr_get_payload(a));
}

/* One of IPSET_ATTR_DATA. An address must say that it is in network order; a listing does not. */
static void
put_data(struct nlmsghdr *nlh, const struct nlattr *a)
{
	const struct nlattr *in;
	struct nlattr *nest;

	if (!(a->nla_type & NLA_F_NESTED)) {
		put(nlh, a);
		return;
	}
	nest = mnl_attr_nest_start(nlh, mnl_attr_get_type(a));
	mnl_attr_for_each_nested(in, a)
	{
		mnl_attr_put(nlh, mnl_attr_get_type(in) | NLA_F_NET_BYTEORDER,
		    mnl_attr_get_payload_len(in), mnl_attr_get_payload(in));
	}
	mnl_attr_nest_end(nlh, nest);
}

/* What the listing says of a set is what makes it, but for what only counts. */
static int
make(struct shadow *s, const struct nlmsghdr *from)
{
	static const int head[] = {
	    IPSET_ATTR_SETNAME, IPSET_ATTR_TYPENAME, IPSET_ATTR_REVISION, IPSET_ATTR_FAMILY};
	const struct nlattr *data = attr(from, IPSET_ATTR_DATA), *a;
	char buf[2048];
	struct nlmsghdr *nlh = begin(buf, IPSET_CMD_CREATE, NLM_F_CREATE | NLM_F_EXCL);
	struct nlattr *nest;

	if (!data || mnl_attr_get_payload_len(data) > 1024)
		return -EINVAL;
	for (size_t i = 0; i < sizeof(head) / sizeof(*head); i++)
		put(nlh, attr(from, head[i]));
	nest = mnl_attr_nest_start(nlh, IPSET_ATTR_DATA);
	mnl_attr_for_each_nested(a, data)
	{
		int type = mnl_attr_get_type(a);

		if (type != IPSET_ATTR_REFERENCES && type != IPSET_ATTR_MEMSIZE &&
		    type != IPSET_ATTR_ELEMENTS)
			put_data(nlh, a);
	}
	mnl_attr_nest_end(nlh, nest);
	return nl_ask(s->nft, nlh, NULL, NULL);
}

/* A set that no rule asks, in the place of one that is no more. */
static int
fill_gap(struct shadow *s, uint32_t index)
{
	char buf[512], name[IPSET_MAXNAMELEN];
	struct nlmsghdr *nlh = begin(buf, IPSET_CMD_CREATE, NLM_F_CREATE | NLM_F_EXCL);
	struct nlattr *nest;

	snprintf(name, sizeof(name), "guardd-gap-%u", index);
	mnl_attr_put_strz(nlh, IPSET_ATTR_SETNAME, name);
	mnl_attr_put_strz(nlh, IPSET_ATTR_TYPENAME, "hash:ip");
	mnl_attr_put_u8(nlh, IPSET_ATTR_REVISION, 0);
	mnl_attr_put_u8(nlh, IPSET_ATTR_FAMILY, AF_INET);
	nest = mnl_attr_nest_start(nlh, IPSET_ATTR_DATA);
	mnl_attr_nest_end(nlh, nest);
	return nl_ask(s->nft, nlh, NULL, NULL);
}

/* The listing's message about the set with this index; NULL: there is none. *more: a higher one is.
 */
static const struct nlmsghdr *
find(struct shadow *s, uint32_t index, bool *more)
{
	const struct nlmsghdr *found = NULL;

	*more = false;
	for (const struct dump_record *r = dump_next(&s->dump, NULL, DUMP_IPSETS); r;
	     r = dump_next(&s->dump, r, DUMP_IPSETS))
		for (const struct nlmsghdr *m = dump_message(r, NULL); m; m = dump_message(r, m)) {
			const struct nlattr *a =
			    m->nlmsg_type == LISTED ? attr(m, IPSET_ATTR_INDEX) : NULL;

			if (!a || mnl_attr_get_payload_len(a) != 2)
				continue;
			if (ntohs(mnl_attr_get_u16(a)) == index)
				found = m;
			*more |= ntohs(mnl_attr_get_u16(a)) > index;
		}
	return found;
}

static int
fill(struct shadow *s, const struct nlmsghdr *from)
{
	const struct nlattr *elements = attr(from, IPSET_ATTR_ADT), *e, *a;
	struct nlattr *all, *one;
	_cleanup_(freep) char *buf = NULL;
	struct nlmsghdr *nlh;

	if (!elements || !mnl_attr_get_payload_len(elements))
		return 0;
	buf = malloc(from->nlmsg_len + 256);
	if (!buf)
		return -ENOMEM;
	nlh = begin(buf, IPSET_CMD_ADD, 0);
	put(nlh, attr(from, IPSET_ATTR_SETNAME));
	mnl_attr_put_u32(nlh, IPSET_ATTR_LINENO, 0);
	all = mnl_attr_nest_start(nlh, IPSET_ATTR_ADT);
	mnl_attr_for_each_nested(e, elements)
	{
		one = mnl_attr_nest_start(nlh, IPSET_ATTR_DATA);
		mnl_attr_for_each_nested(a, e) put_data(nlh, a);
		mnl_attr_nest_end(nlh, one);
	}
	mnl_attr_nest_end(nlh, all);
	return nl_ask(s->nft, nlh, NULL, NULL);
}

int
shadow_ipsets(struct shadow *s)
{
	bool more = true;
	int r = 0;

	for (uint32_t i = 0; r == 0 && more; i++) {
		const struct nlmsghdr *m = find(s, i, &more);

		if (i == INDEX_MAX)
			return shadow_fail(s, -E2BIG, "ipsets");
		if (m || more)
			r = m ? make(s, m) : fill_gap(s, i);
		if (r < 0)
			return shadow_fail(s, r, "ipset %s",
			    m ? nl_text(attr(m, IPSET_ATTR_SETNAME)) : "to fill a gap");
	}
	/* Sets of sets need them all. */
	for (const struct dump_record *rec = dump_next(&s->dump, NULL, DUMP_IPSETS); rec;
	     rec = dump_next(&s->dump, rec, DUMP_IPSETS))
		for (const struct nlmsghdr *m = dump_message(rec, NULL); m;
		     m = dump_message(rec, m)) {
			r = m->nlmsg_type == LISTED ? fill(s, m) : 0;
			if (r < 0)
				return shadow_fail(s, r, "elements of ipset %s",
				    nl_text(attr(m, IPSET_ATTR_SETNAME)));
		}
	return 0;
}
