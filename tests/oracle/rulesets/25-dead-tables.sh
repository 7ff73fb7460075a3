# SPDX-License-Identifier: GPL-2.0-or-later
# What does not count: dormant tables, chains without a hook, a table for ARP, bridge rules, unused sets, own sets with timeouts.
n nft -f - <<'X'
table inet sleeping { flags dormant; chain input { type filter hook input priority -10; policy drop; }; }
table arp a { chain input { type filter hook input priority 0; policy drop; }; }
table bridge b { chain input { type filter hook input priority 0; policy drop; }; }
table inet loose { chain input { tcp dport 389 accept; drop; }; }
table inet out { chain output { type filter hook output priority 0; policy drop; }; chain route { type route hook output priority mangle; policy drop; }; }
table inet live {
	set timed { type ipv4_addr; flags timeout; elements = { 10.20.0.7 timeout 1h, 203.0.113.9 } }
	set unused { type ipv4_addr; flags interval; elements = { 0.0.0.0/0 } }
	set everyone { type ipv4_addr; flags interval; elements = { 0.0.0.0-255.255.255.255 } }
	set nobody { type ipv4_addr; }
	set all6 { type ipv6_addr; flags interval; elements = { ::/0 } }
	counter c { }
	chain input {
		type filter hook input priority 0; policy drop;
		ip saddr @timed tcp dport 389 counter name "c" accept
		ip saddr @everyone tcp dport 636 accept
		ip saddr @nobody tcp dport 5000 accept
		ip saddr != @nobody tcp dport 60 accept
		ip saddr != @everyone tcp dport 2514 accept
		ip6 saddr @all6 udp dport 514 accept
		ip6 saddr vmap { 2001:db8:1::/64 : accept, * : continue }
		tcp dport 2375 ip saddr vmap { 10.20.0.0/16 : drop, 192.0.2.0-192.0.2.77 : jump rest, * : accept }
		tcp dport vmap { 9090 : accept, 3306 : drop, * : jump rest }
	}
	chain rest { meta nfproto ipv4 tcp dport 5432 accept; ip6 saddr != ::/1 tcp dport 5432 accept; }
}
X
