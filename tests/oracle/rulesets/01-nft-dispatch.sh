# SPDX-License-Identifier: GPL-2.0-or-later
# Plain nft: verdict maps by interface and port, concatenated sets, interval maps, named and anonymous.
#: tool
#: ask eth1 192.0.2.1 2001:db8:1::1
#: ask eth1 198.51.100.1 2001:db8:2::1
second
n nft -f - <<'X'
table inet filter {
	set admins4 { type ipv4_addr; flags interval; elements = { 10.20.0.0/16, 192.0.2.2, 203.0.113.16-203.0.113.47 } }
	set admins6 { type ipv6_addr; flags interval; elements = { 2001:db8:20::/48, 2001:db8:1::2, fd00:1::-fd00:1::ffff } }
	set pairs { type ipv4_addr . inet_service; flags interval; elements = { 10.30.0.0/24 . 389, 10.30.1.0-10.30.1.77 . 6000-7000, 192.0.2.9 . 514 } }
	set triple6 { type ipv6_addr . inet_proto . inet_service; flags interval; elements = { 2001:db8:30::/64 . tcp . 389, 2001:db8:31::5 . udp . 514-520 } }
	map who { type ipv4_addr : verdict; flags interval; elements = { 10.0.0.0/9 : jump trusted, 10.128.0.0/10 : drop, 198.51.100.0/25 : goto trusted, 172.16.0.0-172.20.255.255 : accept } }
	map iports { type ifname . inet_service : verdict; elements = { "eth0" . 5000 : jump registry, "eth1" . 5000 : accept, "eth1" . 636 : accept } }
	chain trusted {
		tcp dport { 389, 636, 2514, 20514 } accept
		udp dport vmap { 514 : accept, 515-600 : drop, 60-70 : accept }
		tcp dport != 60-7000 return
	}
	chain registry {
		ip saddr @admins4 accept
		ip6 saddr @admins6 accept
		ip6 saddr 2001:db8::/32 ip6 saddr != 2001:db8:ff00::/40 accept
	}
	chain eth1in {
		ip saddr != 198.51.100.0/24 tcp dport 389 drop
		tcp dport { 389, 3306, 5432 } accept
	}
	chain input {
		type filter hook input priority filter; policy drop;
		ct state vmap { established : accept, related : accept, invalid : drop }
		iifname vmap { "lo" : accept, "eth1" : jump eth1in }
		iifname . tcp dport vmap @iports
		ip saddr . tcp dport @pairs accept
		ip saddr . udp dport @pairs accept
		ip6 saddr . meta l4proto . th dport @triple6 accept
		ip saddr vmap @who
		tcp dport 6514 ip saddr & 255.255.0.255 == 10.130.0.7 accept
		tcp dport . ip6 saddr { 389 . 2001:db8:1::/64, 636 . 2001:db8:20::-2001:db8:20::ff } accept
		tcp dport 22 accept
		icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
	}
}
X
