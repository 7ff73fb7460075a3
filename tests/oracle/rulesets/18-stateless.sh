# SPDX-License-Identifier: GPL-2.0-or-later
# No state at all: header fields, raw payload, masks, ranges, comparisons, and gotos that come back.
n nft -f - <<'X'
table ip packet {
	chain input {
		type filter hook input priority filter; policy drop;
		tcp flags & (syn | ack) == ack accept
		@nh,96,16 0x0a14 tcp dport 389 accept
		@nh,96,32 & 0xff0000ff == 0xc0000007 tcp dport 636 accept
		@th,16,16 514 meta l4proto udp ip saddr > 192.0.0.0 ip saddr <= 203.0.113.77 accept
		tcp dport & 0xfff8 == 5000 ip saddr & 255.0.255.0 == 10.0.3.0 accept
		ip protocol { tcp, sctp } ip saddr 172.16.0.0-172.20.3.7 goto more
		tcp dport >= 6000 tcp dport < 6600 ip saddr != 10.0.0.0/8 ip saddr 0.0.0.0-99.255.255.255 accept
		ip daddr . ip saddr { 192.0.2.1 . 203.0.113.0/25, 192.0.2.3 . 0.0.0.0/0 } accept
		tcp flags syn / fin,syn,rst,ack tcp dport 2514 accept
	}
	chain more { th dport 60-636 jump back; th dport { 20514, 5432 } accept; }
	chain back { ip saddr 172.17.0.0/16 return; tcp dport != { 60, 514 } accept; ip saddr & 0.0.255.0 == 0.0.1.0 accept; }
}
table ip6 packet {
	chain input {
		type filter hook input priority filter; policy drop;
		@nh,64,32 0x20010db8 tcp dport 389 accept
		ip6 saddr & ffff:ffff:ffff:ffff:: == 2001:db8:1:: udp dport 514 accept
		ip6 saddr >= 2001:db8:20:: ip6 saddr < 2001:db8:20::ffff:0:0:1 tcp dport { 636, 5000 } accept
		ip6 nexthdr tcp ip6 saddr ::/3 th dport 6514 accept
		ip6 saddr != { ::/1, c000::/2 } tcp dport 2514 accept
		ip6 saddr . tcp dport vmap { 2001:db8::/32 . 3306 : accept, fd00::/8 . 1-100 : accept, fe80::/10 . 5432 : accept }
	}
}
X
