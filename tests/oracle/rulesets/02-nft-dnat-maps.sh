# SPDX-License-Identifier: GPL-2.0-or-later
# Destination NAT by maps, with and without ports, redirect, and rules that look at what was there before.
#: ask eth0 172.20.0.2 fd00:20::2
bridge br-app 172.20.0 fd00:20
n nft -f - <<'X'
table inet nat {
	map ports { type inet_service : ipv4_addr . inet_service; elements = { 5000 : 172.20.0.2 . 80, 9090 : 172.20.0.3 . 389, 6379 : 192.0.2.1 . 3306 } }
	map hosts6 { type inet_service : ipv6_addr; elements = { 5000 : fd00:20::2, 389 : fd00:20::3 } }
	chain pre {
		type nat hook prerouting priority dstnat; policy accept;
		ip saddr 203.0.113.0/24 tcp dport 5000 return
		fib daddr type local dnat ip to tcp dport map @ports
		tcp dport 8000-8100 redirect to :636
		udp dport 5140 redirect to :514
		ip6 saddr != 2001:db8:bad::/48 dnat ip6 to tcp dport map @hosts6
		tcp dport 2375 dnat ip to 172.20.0.9-172.20.0.12:2376
	}
	chain post {
		type nat hook postrouting priority srcnat; policy accept;
		oifname "br-app" masquerade
	}
}
table inet filter {
	chain input {
		type filter hook input priority filter; policy drop;
		tcp dport 3306 ct status dnat accept
		tcp dport 636 ct original ip saddr 10.0.0.0/8 accept
		meta l4proto tcp ct original proto-dst 8050 accept
		udp dport 514 ip saddr 10.20.0.0/16 accept
		tcp dport 2514 ct status & dnat == dnat accept
	}
	chain forward {
		type filter hook forward priority filter; policy drop;
		iifname "eth0" oifname "br-app" tcp dport 80 accept
		iifname "eth0" oifname "br-app" tcp dport 389 ip saddr 10.20.0.0/16 accept
		oifname "br-app" ip6 saddr 2001:db8::/33 ct status dnat accept
		ct original ip daddr 192.0.2.1 tcp dport 2376 ip saddr 192.0.2.0/26 accept
	}
}
X
