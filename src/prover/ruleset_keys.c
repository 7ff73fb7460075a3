/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "prover/ruleset_keys.h"

#include <netinet/in.h>

#include <linux/netfilter/nf_tables.h>

static const struct key meta[] = {
    {NFT_META_LEN, "meta length", 4, KEY_SET_NEVER},
    {NFT_META_PROTOCOL, "meta protocol", 2, KEY_SET_NEVER},
    {NFT_META_PRIORITY, "meta priority", 4, KEY_SET_NOTHING},
    {NFT_META_MARK, "meta mark", 4, KEY_SET_KNOWN}, {NFT_META_IIF, "meta iif", 4, KEY_SET_NEVER},
    {NFT_META_OIF, "meta oif", 4, KEY_SET_NEVER},
    {NFT_META_IIFNAME, "meta iifname", 16, KEY_SET_NEVER},
    {NFT_META_OIFNAME, "meta oifname", 16, KEY_SET_NEVER},
    {NFT_META_IIFTYPE, "meta iiftype", 2, KEY_SET_NEVER},
    {NFT_META_OIFTYPE, "meta oiftype", 2, KEY_SET_NEVER},
    {NFT_META_SKUID, "meta skuid", 4, KEY_SET_NEVER},
    {NFT_META_SKGID, "meta skgid", 4, KEY_SET_NEVER},
    {NFT_META_NFTRACE, "meta nftrace", 1, KEY_SET_NOTHING},
    {NFT_META_RTCLASSID, "meta rtclassid", 4, KEY_SET_NEVER},
    {NFT_META_SECMARK, "meta secmark", 4, KEY_SET_NOTHING},
    {NFT_META_NFPROTO, "meta nfproto", 1, KEY_SET_NEVER},
    {NFT_META_L4PROTO, "meta l4proto", 1, KEY_SET_NEVER},
    {NFT_META_BRI_IIFNAME, "meta ibrname", 16, KEY_SET_NEVER},
    {NFT_META_BRI_OIFNAME, "meta obrname", 16, KEY_SET_NEVER},
    {NFT_META_PKTTYPE, "meta pkttype", 1, KEY_SET_NEVER},
    {NFT_META_CPU, "meta cpu", 4, KEY_SET_NEVER},
    {NFT_META_IIFGROUP, "meta iifgroup", 4, KEY_SET_NEVER},
    {NFT_META_OIFGROUP, "meta oifgroup", 4, KEY_SET_NEVER},
    {NFT_META_CGROUP, "meta cgroup", 4, KEY_SET_NEVER},
    {NFT_META_PRANDOM, "meta random", 4, KEY_SET_NEVER},
    {NFT_META_SECPATH, "meta secpath", 1, KEY_SET_NEVER},
    {NFT_META_IIFKIND, "meta iifkind", 16, KEY_SET_NEVER},
    {NFT_META_OIFKIND, "meta oifkind", 16, KEY_SET_NEVER},
    {NFT_META_BRI_IIFPVID, "meta ibrpvid", 2, KEY_SET_NEVER},
    {NFT_META_BRI_IIFVPROTO, "meta ibrvproto", 2, KEY_SET_NEVER},
    {NFT_META_TIME_NS, "meta time", 8, KEY_SET_NEVER},
    {NFT_META_TIME_DAY, "meta day", 1, KEY_SET_NEVER},
    {NFT_META_TIME_HOUR, "meta hour", 4, KEY_SET_NEVER},
    {NFT_META_SDIF, "meta sdif", 4, KEY_SET_NEVER},
    {NFT_META_SDIFNAME, "meta sdifname", 16, KEY_SET_NEVER},
    {NFT_META_SDIFNAME + 1, "meta broute", 1, KEY_SET_NEVER}, /* NFT_META_BRI_BROUTE */
};

static const struct key ct[] = {
    {NFT_CT_STATE, "ct state", 4, KEY_SET_NEVER},
    {NFT_CT_DIRECTION, "ct direction", 1, KEY_SET_NEVER},
    {NFT_CT_STATUS, "ct status", 4, KEY_SET_NEVER},
    {NFT_CT_MARK, "ct mark", 4, KEY_SET_KNOWN},
    {NFT_CT_SECMARK, "ct secmark", 4, KEY_SET_NOTHING},
    {NFT_CT_EXPIRATION, "ct expiration", 4, KEY_SET_NEVER},
    {NFT_CT_HELPER, "ct helper", 16, KEY_SET_NEVER},
    {NFT_CT_L3PROTOCOL, "ct l3proto", 1, KEY_SET_NEVER},
    {NFT_CT_SRC, "ct saddr", 4, KEY_SET_NEVER},
    {NFT_CT_DST, "ct daddr", 4, KEY_SET_NEVER},
    {NFT_CT_PROTOCOL, "ct protocol", 1, KEY_SET_NEVER},
    {NFT_CT_PROTO_SRC, "ct proto-src", 2, KEY_SET_NEVER},
    {NFT_CT_PROTO_DST, "ct proto-dst", 2, KEY_SET_NEVER},
    {NFT_CT_LABELS, "ct label", 16, KEY_SET_NOTHING},
    {NFT_CT_PKTS, "ct packets", 8, KEY_SET_NEVER},
    {NFT_CT_BYTES, "ct bytes", 8, KEY_SET_NEVER},
    {NFT_CT_AVGPKT, "ct avgpkt", 8, KEY_SET_NEVER},
    {NFT_CT_ZONE, "ct zone", 2, KEY_SET_NEVER},
    {NFT_CT_EVENTMASK, "ct event", 4, KEY_SET_NOTHING},
    {NFT_CT_SRC_IP, "ct ip saddr", 4, KEY_SET_NEVER},
    {NFT_CT_DST_IP, "ct ip daddr", 4, KEY_SET_NEVER},
    {NFT_CT_SRC_IP6, "ct ip6 saddr", 16, KEY_SET_NEVER},
    {NFT_CT_DST_IP6, "ct ip6 daddr", 16, KEY_SET_NEVER},
    {NFT_CT_ID, "ct id", 4, KEY_SET_NEVER},
};

static const struct key rt[] = {
    {NFT_RT_CLASSID, "rt classid", 4, KEY_SET_NEVER},
    {NFT_RT_NEXTHOP4, "rt ip nexthop", 4, KEY_SET_NEVER},
    {NFT_RT_NEXTHOP6, "rt ip6 nexthop", 16, KEY_SET_NEVER},
    {NFT_RT_TCPMSS, "rt mtu", 2, KEY_SET_NEVER},
    {NFT_RT_XFRM, "rt ipsec", 1, KEY_SET_NEVER},
};

static const struct key fib[] = {
    {NFT_FIB_RESULT_OIF, "fib oif", 4, KEY_SET_NEVER},
    {NFT_FIB_RESULT_OIFNAME, "fib oifname", 16, KEY_SET_NEVER},
    {NFT_FIB_RESULT_ADDRTYPE, "fib type", 4, KEY_SET_NEVER},
};

#define KEY_TABLE(v)                                                                               \
	{                                                                                          \
		v, sizeof(v) / sizeof(*v)                                                          \
	}
const struct key_table meta_keys = KEY_TABLE(meta), ct_keys = KEY_TABLE(ct),
		       rt_keys = KEY_TABLE(rt), fib_keys = KEY_TABLE(fib);

const struct key *
key_find(const struct key_table *t, uint32_t number)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->v[i].number == number)
			return &t->v[i];
	return NULL;
}
