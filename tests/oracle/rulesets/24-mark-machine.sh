# SPDX-License-Identifier: GPL-2.0-or-later
# Shorewall-like: marks computed bit by bit, chains per zone pair, and only marks decide at the end.
#: ask eth1 192.0.2.1 2001:db8:1::1
second
both <<'X'
*mangle
:PREROUTING ACCEPT [0:0]
:zone - [0:0]
-A PREROUTING -i eth0 -j MARK --set-xmark 0x100/0xff00
-A PREROUTING -i eth1 -j MARK --set-xmark 0x200/0xff00
-A PREROUTING -j zone
@4 -A zone -s 10.0.0.0/8 -j MARK --or-mark 0x1
@4 -A zone -s 10.20.0.0/16 -j MARK --xor-mark 0x3
@4 -A zone -s 10.20.30.0/24 -j MARK --and-mark 0xfffffffd
@6 -A zone -s 2001:db8::/32 -j MARK --or-mark 0x1
@6 -A zone -s 2001:db8:20::/48 -j MARK --set-mark 0x7
-A zone -m mark --mark 0x1/0x1 -j CONNMARK --set-xmark 0x40/0xf0
-A zone -j CONNMARK --save-mark --nfmask 0x3 --ctmask 0x3
-A zone -p tcp -m tcp --dport 6514 -j MARK --set-mark 0x0
-A zone -p tcp -m tcp --dport 6514 -j CONNMARK --restore-mark --nfmask 0x40 --ctmask 0x40
COMMIT
*filter
:INPUT DROP [0:0]
:net - [0:0]
:loc - [0:0]
-A INPUT -m mark --mark 0x100/0xff00 -j net
-A INPUT -m mark --mark 0x200/0xff00 -g loc
-A INPUT -m mark --mark 0x40 -j ACCEPT
-A net -p tcp -m tcp --dport 389 -m mark --mark 0x2/0x2 -j ACCEPT
-A net -p tcp -m multiport --dports 636,5000 -m connmark --mark 0x41/0xf1 -j ACCEPT
-A net -p udp -m udp --dport 514 -m connmark ! --mark 0x0 -j ACCEPT
-A net -m mark --mark 0x7 -j ACCEPT
-A loc -p tcp -m tcp --dport 3306 -j ACCEPT
-A loc -m mark --mark 0x0/0x3 -j DROP
-A loc -j ACCEPT
COMMIT
X
