# SPDX-License-Identifier: GPL-2.0-or-later
# Reverse path checks by fib, with routes of every type, and types of addresses.
#: ask eth1 198.51.100.1 2001:db8:2::1
second
bridge br0 172.30.0 fd00:30
n ip -batch - <<'X'
route add 10.20.0.0/16 dev eth1
route add 10.20.3.0/24 dev eth0
route add 10.20.3.128/25 dev br0
route add blackhole 10.66.0.0/16
route add unreachable 100.64.0.0/10
route add prohibit 203.0.113.0/28
route add throw 198.18.0.0/15
route add 2001:db8:20::/48 dev eth1
route add 2001:db8:20:3::/64 dev eth0
route add blackhole 2001:db8:bad::/48
route add unreachable 2001:db8:30::/48
route add prohibit 2001:db8:31::/48
X
n nft -f - <<'X'
table inet rp {
	chain pre {
		type filter hook prerouting priority raw; policy accept;
		tcp dport 389 fib saddr . iif oif missing drop
		udp dport 514 fib saddr . iif oif missing counter drop
		tcp dport 5000 fib saddr oif "eth1" drop
		tcp dport 636 fib saddr type { local, broadcast, multicast, blackhole } drop
		tcp dport 6514 fib saddr type unicast accept
		tcp dport 6514 drop
		tcp dport 9090 fib saddr . iif oif "eth0" drop
		tcp dport 3306 fib saddr oifname { "br0", "eth1" } drop
		fib daddr . iif type != { local, broadcast, multicast } drop
	}
	chain input { type filter hook input priority filter; policy accept; tcp dport 2514 fib saddr oif missing drop; tcp dport 60 fib saddr type != unicast drop; tcp dport 22 fib saddr type prohibit drop; }
}
X
