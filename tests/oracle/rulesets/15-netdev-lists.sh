# SPDX-License-Identifier: GPL-2.0-or-later
# Drop lists at netdev and inet ingress, before anything else sees a packet; several devices and priorities.
#: ask eth1 192.0.2.1 2001:db8:1::1
second
n nft -f - <<'X'
table netdev edge {
	set bogons { type ipv4_addr; flags interval; elements = { 0.0.0.0/8, 10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16, 224.0.0.0/3 } }
	set bogons6 { type ipv6_addr; flags interval; elements = { ::/8, 100::/64, 2001:db8:bad::/48, fc00::/7, ff00::/8 } }
	chain eth0in {
		type filter hook ingress device "eth0" priority -500; policy accept;
		ip saddr 10.20.0.0/16 accept
		ip saddr @bogons counter drop
		ip6 saddr @bogons6 counter drop
		meta protocol ip ip saddr 203.0.113.0/24 tcp dport 389 drop
		udp dport 514 meta mark set 0x7
	}
	chain both {
		type filter hook ingress devices = { "eth0", "eth1" } priority 0; policy accept;
		tcp flags & (fin | syn | rst | psh | ack | urg) == 0x0 drop
		tcp dport { 2375, 2376 } drop
		iifname "eth1" ip6 saddr 2001:db8:1::/64 drop
		ip saddr 10.20.30.0/24 drop
	}
}
table inet filter {
	chain ingress { type filter hook ingress device "eth0" priority 10; policy accept; tcp dport 3306 ip saddr != 198.51.100.0/24 drop; ip6 saddr 2001:db8:31::/48 drop; }
	chain input { type filter hook input priority filter; policy accept; meta mark 0x7 ip saddr 128.0.0.0/1 drop; tcp dport 6379 drop; }
}
X
