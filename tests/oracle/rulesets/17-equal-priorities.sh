# SPDX-License-Identifier: GPL-2.0-or-later
# Base chains of equal and odd priorities over several tables, whose marks and verdicts depend on their order.
n nft -f - <<'X'
table inet a {
	chain first { type filter hook input priority 0; policy accept; tcp dport 389 meta mark set 0x1; tcp dport 5000 meta mark 0x2 accept; tcp dport 5000 drop; }
	chain second { type filter hook input priority 0; policy accept; tcp dport 389 meta mark 0x1 drop; tcp dport 5000 meta mark set 0x2; tcp dport 636 meta mark set 0x5; }
	chain pre1 { type filter hook prerouting priority -150; policy accept; udp dport 514 meta mark set 0x1; ip saddr 10.0.0.0/8 meta mark set 0x4; }
}
table ip b {
	chain third { type filter hook input priority 0; policy accept; tcp dport 636 meta mark != 0x5 drop; tcp dport 389 meta mark set meta mark ^ 0x3; }
	chain pre2 { type filter hook prerouting priority -150; policy accept; udp dport 514 meta mark 0x1 ip saddr != 10.20.0.0/16 drop; ip saddr 10.20.0.0/16 meta mark set meta mark | 0x1; }
	chain nat1 { type nat hook prerouting priority -100; policy accept; tcp dport 9090 redirect to :80; tcp dport 6379 redirect to :81; }
	chain nat2 { type nat hook prerouting priority -110; policy accept; tcp dport 9090 redirect to :90; }
	chain nat3 { type nat hook prerouting priority 50; policy accept; tcp dport { 6379, 9090, 2375, 90, 81 } redirect to :99; }
	chain mid { type filter hook prerouting priority -105; policy accept; tcp dport 90 meta mark set 0x77; }
	chain mid2 { type filter hook prerouting priority -95; policy accept; tcp dport 90 meta mark set 0x78; }
}
table inet c {
	chain last { type filter hook input priority 1; policy drop; meta mark 0x5 accept; meta mark & 0x4 == 0x4 accept; tcp dport { 389, 5000, 80, 81 } accept; meta mark 0x78 accept; udp dport 514 accept; }
	chain nothing { type filter hook input priority -2147483000; policy accept; accept; }
}
table ip6 c { chain z { type filter hook input priority -5; policy accept; tcp dport 389 meta mark set 0x3; }; }
X
