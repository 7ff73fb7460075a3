# SPDX-License-Identifier: GPL-2.0-or-later
# What podman's netavark writes with nft: ports by DNAT in a table of its own, isolation marks.
#: ask eth0 10.89.0.5 fd10:89::5
bridge podman1 10.89.0 fd10:89
n nft -f - <<'X'
table inet netavark {
	chain INPUT { type filter hook input priority filter; policy accept; ip saddr 10.89.0.0/24 meta l4proto { tcp, udp } th dport 53 accept; }
	chain FORWARD {
		type filter hook forward priority filter; policy accept;
		ct state invalid drop
		jump NETAVARK-ISOLATION-1
		ip daddr 10.89.0.0/24 ct state established,related accept
		ip saddr 10.89.0.0/24 accept
		jump NETAVARK_DNAT_OK
	}
	chain NETAVARK_DNAT_OK { ct status dnat accept; iifname != "podman1" oifname "podman1" drop; }
	chain POSTROUTING { type nat hook postrouting priority srcnat; policy accept; meta mark & 0x00002000 == 0x00002000 masquerade; ip saddr 10.89.0.0/24 jump nv_snat; }
	chain nv_snat { ip daddr 10.89.0.0/24 accept; ip daddr != 224.0.0.0/4 masquerade; }
	chain PREROUTING { type nat hook prerouting priority dstnat; policy accept; fib daddr type local jump NETAVARK-HOSTPORT-DNAT; }
	chain NETAVARK-HOSTPORT-SETMARK { meta mark set meta mark | 0x00002000; }
	chain NETAVARK-HOSTPORT-DNAT { tcp dport 5000 jump nv_dnat; tcp dport 636-640 jump nv_dnat; udp dport 514 jump nv_dnat; }
	chain nv_dnat {
		ip saddr 10.89.0.0/24 tcp dport 5000 jump NETAVARK-HOSTPORT-SETMARK
		ip saddr 127.0.0.1 tcp dport 5000 jump NETAVARK-HOSTPORT-SETMARK
		tcp dport 5000 dnat ip to 10.89.0.5:80
		meta nfproto ipv6 tcp dport 5000 dnat ip6 to [fd10:89::5]:80
		tcp dport 636-640 dnat ip to 10.89.0.6:636-640
		udp dport 514 ip daddr 192.0.2.1 dnat ip to 10.89.0.7
	}
	chain NETAVARK-ISOLATION-1 { iifname "podman1" oifname != "podman1" accept; }
}
table inet host { chain input { type filter hook input priority 10; policy drop; tcp dport { 389, 636 } ip6 saddr 2001:db8:1::/64 accept; udp dport 514 accept; }; }
X
