# SPDX-License-Identifier: GPL-2.0-or-later
# Source NAT in input and postrouting, masquerade, marks from maps; rules behind it see the new source or the old.
#: ask eth0 172.17.0.2 fd00:17::2
bridge docker0 172.17.0 fd00:17
n nft -f - <<'X'
table inet n {
	map marks { type ipv4_addr : mark; flags interval; elements = { 10.20.0.0/16 : 0x1, 192.0.2.0/24 : 0x2, 203.0.113.0/28 : 0x3 } }
	map bymark { type mark : verdict; elements = { 0x1 : accept, 0x2 : jump two, 0x3 : drop } }
	chain two { tcp dport { 389, 636, 5000 } accept; udp dport 514 ip saddr 192.0.2.0/26 accept; }
	chain pre { type filter hook prerouting priority mangle; policy accept; meta mark set ip saddr map @marks; ip6 saddr 2001:db8:20::/48 meta mark set 0x1; ct mark set meta mark; }
	chain dn { type nat hook prerouting priority dstnat; policy accept; tcp dport 5000 dnat ip to 172.17.0.2; ip6 daddr 2001:db8:1::1 tcp dport 389 redirect to :636; }
	chain sn { type nat hook input priority 100; policy accept; ip saddr 10.20.3.0/24 snat ip to 198.51.100.7; }
	chain post { type nat hook postrouting priority srcnat; policy accept; ip saddr 10.0.0.0/8 oifname "docker0" snat ip to 172.17.0.1; }
	chain afterin { type filter hook input priority 120; policy accept; ip saddr 10.20.3.0/25 drop; ip saddr 198.51.100.7 tcp dport 60 drop; }
	chain after { type filter hook postrouting priority 120; policy accept; ip saddr 172.17.0.1 tcp dport 80 drop; ip saddr 10.20.0.0/16 drop; ct original ip saddr 10.20.5.0/24 drop; }
	chain input { type filter hook input priority filter; policy drop; meta mark vmap @bymark; ct mark != 0x0 ct mark < 0x10 accept; ct status snat drop; tcp dport 636 ct status dnat accept; }
	chain forward { type filter hook forward priority filter; policy drop; meta mark vmap @bymark; ct state new ip6 saddr 2001:db8::/33 accept; }
}
X
