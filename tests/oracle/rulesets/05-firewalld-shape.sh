# SPDX-License-Identifier: GPL-2.0-or-later
# The tables that firewalld 1.x writes, by hand: zone chains by interface and source, pre/deny/allow/post.
n nft -f - <<'X'
table inet firewalld {
	chain mangle_PREROUTING { type filter hook prerouting priority mangle + 10; policy accept; }
	chain filter_PREROUTING {
		type filter hook prerouting priority filter + 10; policy accept;
		icmpv6 type { nd-router-advert, nd-neighbor-solicit } accept
		meta nfproto ipv6 fib saddr . mark . iif oif missing drop
	}
	chain nat_PREROUTING { type nat hook prerouting priority dstnat + 10; policy accept; jump nat_ZONES; }
	chain nat_ZONES { iifname "eth0" goto nat_public; goto nat_public; }
	chain nat_public { meta nfproto ipv4 tcp dport 9090 redirect to :5432; }
	chain filter_INPUT {
		type filter hook input priority filter + 10; policy accept;
		ct state { established, related } accept
		ct status dnat accept
		iifname "lo" accept
		ct state invalid drop
		jump filter_ZONES
		reject with icmpx type admin-prohibited
	}
	chain filter_FORWARD {
		type filter hook forward priority filter + 10; policy accept;
		ct state { established, related } accept
		ct status dnat accept
		iifname "lo" accept
		ct state invalid drop
		ip6 daddr { ::/96, ::ffff:0.0.0.0/96, 2002::/24, 2002:a00::/24 } reject with icmpv6 type addr-unreachable
		reject with icmpx type admin-prohibited
	}
	chain filter_ZONES {
		ip saddr 10.20.0.0/16 goto zone_infra
		ip6 saddr 2001:db8:20::/48 goto zone_infra
		ip saddr 192.168.0.0/16 goto zone_trusted
		iifname "eth0" goto zone_public
		goto zone_public
	}
	chain zone_infra { jump infra_allow; reject with icmpx type admin-prohibited; }
	chain infra_allow { tcp dport { 389, 636, 2514 } accept; udp dport 514 accept; tcp dport 514 ct state { new, untracked } accept; }
	chain zone_trusted { accept; }
	chain zone_public { jump public_pre; jump public_deny; jump public_allow; meta l4proto { icmp, ipv6-icmp } accept; reject with icmpx type admin-prohibited; }
	chain public_pre { }
	chain public_deny { ip saddr 203.0.113.0/24 drop; ip6 saddr 2001:db8:bad::/48 reject with icmpv6 type admin-prohibited; }
	chain public_allow { tcp dport 22 accept; tcp dport 5000-5010 accept; ip6 daddr fe80::/64 udp dport 546 accept; }
}
X
