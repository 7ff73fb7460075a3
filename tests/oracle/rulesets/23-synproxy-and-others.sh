# SPDX-License-Identifier: GPL-2.0-or-later
# What leaves the path or asks someone else: synproxy, tproxy, socket, os fingerprints, dup; beside exact rules.
n nft -f - <<'X'
table inet s {
	chain raw { type filter hook prerouting priority raw; policy accept; tcp dport 8443 tcp flags syn notrack; }
	chain div { type filter hook prerouting priority mangle; policy accept; tcp dport 3128 tproxy ip to 127.0.0.1:3129; ip saddr 203.0.113.0/24 drop; }
	chain input {
		type filter hook input priority filter; policy drop;
		tcp dport 8443 ct state invalid,untracked synproxy mss 1460 wscale 7 timestamp sack-perm
		tcp dport 8443 ct state invalid drop
		tcp dport 1234 socket transparent 1 accept
		tcp dport 1235 osf name "Linux" accept
		tcp dport 1236 tcp option maxseg size 1-500 drop
		tcp dport 1237 numgen inc mod 2 == 0 accept
		tcp dport { 389, 636 } ip saddr 10.20.0.0/16 accept
		udp dport 514 ip6 saddr 2001:db8:20::/48 accept
		tcp dport 5000 ip6 saddr != 2001:db8:bad::/48 accept
		tcp dport 5000 meta nfproto ipv4 meta length < 100000 accept
		th dport 60-20514 ip saddr 192.0.2.0/24 accept
	}
}
X
