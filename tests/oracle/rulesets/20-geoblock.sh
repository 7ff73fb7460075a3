# SPDX-License-Identifier: GPL-2.0-or-later
# Country lists: thousands of networks, dropped for some ports and allowed for others, in both families.
net4() { for i in $(seq 0 2999); do printf '%s%d.%d.%d.0/%d' "$c" $((1 + i * 7 % 210)) $((i * 13 % 256)) $((i % 16 * 16)) $((20 + i % 5)); c=, ; done; }
net6() { for i in $(seq 0 1999); do printf '%s%x:%x::/%d' "$c" $((0x2001 + i % 64 * 16)) $((i * 31 + 5)) $((32 + i % 4 * 4)); c=, ; done; }
n nft -f - <<X
table inet geo {
	set land4 { type ipv4_addr; flags interval; auto-merge; elements = { $(c=; net4) } }
	set land6 { type ipv6_addr; flags interval; auto-merge; elements = { $(c=; net6) } }
	chain pre { type filter hook prerouting priority -190; policy accept; tcp dport { 389, 22 } ip saddr @land4 drop; tcp dport 389 ip6 saddr != @land6 drop; }
	chain input {
		type filter hook input priority filter; policy drop;
		tcp dport { 22, 389 } accept
		tcp dport 636 ip saddr @land4 accept
		udp dport 514 ip saddr != @land4 ip saddr != 10.0.0.0/8 accept
		tcp dport 5000 ip6 saddr @land6 ip6 saddr != 2001::/20 accept
	}
}
X
