# SPDX-License-Identifier: GPL-2.0-or-later
# A VPN gateway: marks decide, tunnel by name (wireguard's may be absent), strict reverse path outside, loose all over.
#: ask eth1 198.51.100.1 2001:db8:2::1
second
n ip route add 10.99.0.0/24 dev eth1
n ip -6 route add fd99::/64 dev eth1
n sysctl -qw net.ipv4.conf.eth0.rp_filter=1 net.ipv4.conf.eth1.rp_filter=2
n nft -f - <<'X'
table inet vpn {
	chain mangle {
		type filter hook prerouting priority mangle; policy accept;
		iifname "wg*" meta mark set 0x100
		iifname "eth1" ip saddr 10.99.0.0/24 meta mark set meta mark | 0x10
		iifname "eth1" ip6 saddr fd99::/64 meta mark set 0x10
		iifname "eth0" udp dport 51820 meta mark set 0x1 accept
		meta mark & 0x10 == 0x10 ct mark set meta mark
	}
	chain input {
		type filter hook input priority filter; policy drop;
		iif "lo" accept
		meta mark 0x1 accept
		ct mark 0x10 tcp dport { 389, 636, 5000 } accept
		ct mark & 0x0f != 0x0 accept
		meta mark 0x100 accept
		iifname { "eth0", "wg0" } tcp dport 22 accept
		iifname "eth0" tcp dport 9090 ip saddr 10.20.0.0/16 accept
		iifname "eth1" udp dport 514 accept
	}
}
X
