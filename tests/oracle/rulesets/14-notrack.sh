# SPDX-License-Identifier: GPL-2.0-or-later
# Untracked traffic: syslog and a resolver past conntrack, and rules that read its state.
n nft -f - <<'X'
table inet raw {
	chain pre {
		type filter hook prerouting priority raw; policy accept;
		udp dport { 514, 53 } notrack
		tcp dport 5000 ip saddr 10.0.0.0/8 notrack
		ip6 saddr 2001:db8:20::/48 meta l4proto tcp notrack
	}
	chain late { type filter hook prerouting priority -199; policy accept; tcp dport 636 notrack; }
	chain early { type filter hook prerouting priority -250; policy accept; tcp dport 5432 ct mark set 0x9; ct state new tcp dport 6514 drop; ct state invalid tcp dport 20514 drop; ct mark 0x0 tcp dport 60 drop; ct status dnat tcp dport 2514 drop; ct direction original tcp dport 2375 drop; }
}
table inet nat { chain pre { type nat hook prerouting priority dstnat; policy accept; udp dport 514 redirect to :5514; tcp dport 5000 redirect to :80; }; }
table inet filter {
	chain input {
		type filter hook input priority filter; policy drop;
		ct state invalid drop
		tcp dport 5432 ct mark 0x9 drop
		tcp dport 5432 accept
		ct state untracked udp dport 514 ip saddr { 10.20.0.0/16, 192.0.2.0/24 } accept
		ct state untracked ip6 saddr 2001:db8:20::/64 tcp dport { 389, 636 } accept
		ct state new tcp dport { 80, 636, 6514, 60, 20514 } accept
		ct direction original tcp dport { 389, 2514 } accept
		ct state { new, untracked } tcp dport 5000 ip saddr 10.7.0.0/16 accept
		ct mark set 0x1
		ct mark 0x1 tcp dport { 9090, 3306 } accept
	}
}
X
