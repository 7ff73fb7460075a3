# SPDX-License-Identifier: GPL-2.0-or-later
# Limits, meters, quotas and counts beside the exact: what they decide may depend, what comes before or after may not.
n nft -f - <<'X'
table inet filter {
	set greylist { type ipv4_addr; flags dynamic, timeout; timeout 1m; size 65536; }
	set meter6 { type ipv6_addr; flags dynamic; size 65536; }
	quota q { over 500 mbytes }
	chain input {
		type filter hook input priority filter; policy drop;
		tcp dport 22 limit rate 5/second burst 10 packets accept
		tcp dport 22 add @greylist { ip saddr limit rate over 10/minute } drop
		ip saddr 203.0.113.0/24 drop
		tcp dport 389 ip saddr 10.20.0.0/16 counter log limit rate 1/second continue
		tcp dport 389 ip saddr 10.20.0.0/16 accept
		tcp dport 80 ip saddr @greylist drop
		tcp dport 80 ct count over 100 reject with tcp reset
		tcp dport { 80, 636 } accept
		ip6 saddr 2001:db8::/32 tcp dport 5000 accept
		tcp dport 5000 update @meter6 { ip6 saddr limit rate 1/second } accept
		udp dport 514 limit rate over 10/second drop
		udp dport 514 ip saddr 10.0.0.0/8 accept
		quota name "q" drop
		tcp dport 9090 ip saddr 192.0.2.0/24 accept
	}
}
X
