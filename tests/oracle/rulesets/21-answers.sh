# SPDX-License-Identifier: GPL-2.0-or-later
# Every way to refuse, and to log before: reject in its forms, in input, prerouting, forward and ingress.
#: ask eth0 172.17.0.2 fd00:17::2
bridge docker0 172.17.0 fd00:17
n nft -f - <<'X'
table inet r {
	chain pre { type filter hook prerouting priority -150; policy accept; tcp dport 2375 reject with tcp reset; ip saddr 203.0.113.0/25 udp dport 514 reject; }
	chain input {
		type filter hook input priority filter; policy accept;
		tcp dport 389 ip saddr != 10.20.0.0/16 log prefix "ldap " level warn reject with tcp reset
		tcp dport 636 ip6 saddr != 2001:db8:20::/48 reject with icmpx type port-unreachable
		udp dport 514 ip saddr 198.51.100.0/24 log group 7 reject with icmpx type no-route
		tcp dport 5000 ip saddr 172.16.0.0/12 reject with icmp type host-prohibited
		tcp dport 5000 ip6 saddr fc00::/7 reject with icmpv6 type admin-prohibited
		tcp dport 3306 counter log flags all drop
		meta l4proto sctp reject
		tcp dport 6514 log continue
	}
	chain forward { type filter hook forward priority filter; policy accept; tcp dport != 5000 reject; ip saddr 10.0.0.0/8 drop; }
}
X
