# SPDX-License-Identifier: GPL-2.0-or-later
# fail2ban's actions beside a plain firewall: nftables-multiport's set and table, iptables chains with REJECT, ipset.
n ipset restore <<'X'
create f2b-recidive hash:ip timeout 0
add f2b-recidive 203.0.113.9
add f2b-recidive 198.51.100.23 timeout 86400
create f2b-recidive6 hash:ip family inet6 timeout 0
add f2b-recidive6 2001:db8:bad::9
X
n nft -f - <<'X'
table inet f2b-table {
	set addr-set-sshd { type ipv4_addr; elements = { 203.0.113.7, 198.51.100.7, 10.20.0.99 } }
	set addr6-set-sshd { type ipv6_addr; elements = { 2001:db8:bad::7 } }
	chain f2b-chain {
		type filter hook input priority filter - 1; policy accept;
		tcp dport { 22, 389 } ip saddr @addr-set-sshd reject with icmp type port-unreachable
		tcp dport { 22, 389 } ip6 saddr @addr6-set-sshd reject with icmpv6 type port-unreachable
	}
}
X
both <<'X'
*filter
:INPUT ACCEPT [0:0]
:f2b-ldap - [0:0]
@4 -A INPUT -m set --match-set f2b-recidive src -j REJECT --reject-with icmp-port-unreachable
@6 -A INPUT -m set --match-set f2b-recidive6 src -j REJECT --reject-with icmp6-port-unreachable
-A INPUT -p tcp -m multiport --dports 389,636,5000:5010 -j f2b-ldap
-A INPUT -p tcp -m multiport --dports 3306:5432,6379 -j DROP
@4 -A INPUT ! -s 10.0.0.0/8 -p udp -m udp --dport 514 -j DROP
@4 -A f2b-ldap -s 203.0.113.128/32 -j REJECT --reject-with icmp-port-unreachable
@4 -A f2b-ldap -s 192.0.2.77/32 -j DROP
@6 -A f2b-ldap -s 2001:db8:1::77/128 -j REJECT --reject-with icmp6-port-unreachable
-A f2b-ldap -j RETURN
COMMIT
X
