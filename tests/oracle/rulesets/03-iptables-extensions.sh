# SPDX-License-Identifier: GPL-2.0-or-later
# iptables-nft with its extensions, both families, ipset of several types.
#: tool
n ipset restore <<'X'
create infra4 hash:net family inet
add infra4 10.20.0.0/16
add infra4 10.20.7.0/24 nomatch
add infra4 192.0.2.2
create infra6 hash:net family inet6
add infra6 2001:db8:20::/48
add infra6 2001:db8:20:7::/64 nomatch
create one4 hash:ip
add one4 203.0.113.9
create ports bitmap:port range 1-1024
add ports 389
add ports 514
create np hash:net,port
add np 198.51.100.0/24,tcp:6514
add np 198.51.100.128/25,udp:514
create ipp hash:ip,port family inet6
add ipp 2001:db8:9::9,tcp:389
create all list:set
add all one4
add all infra4
create map bitmap:ip range 10.5.0.0-10.5.0.255
add map 10.5.0.7
add map 10.5.0.64/26
X
both <<'X'
*raw
:PREROUTING ACCEPT [0:0]
-A PREROUTING -p udp -m udp --dport 514 -j CT --notrack
@4 -A PREROUTING -s 10.66.0.0/16 -j DROP
COMMIT
*mangle
:PREROUTING ACCEPT [0:0]
@4 -A PREROUTING -s 10.8.0.0/16 -j MARK --set-xmark 0x8/0xff
@6 -A PREROUTING -s 2001:db8:8::/48 -j MARK --set-xmark 0x8/0xff
-A PREROUTING -m mark --mark 0x8/0x8 -j CONNMARK --save-mark --nfmask 0xf --ctmask 0xf
COMMIT
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:LDAP - [0:0]
:LOGS - [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p tcp -m conntrack --ctstate INVALID -j DROP
-A INPUT -p tcp -m multiport --dports 389,636 -m comment --comment "directory" -j LDAP
-A INPUT -m state --state NEW,UNTRACKED -p udp -m udp --dport 514 -j LOGS
-A INPUT -p tcp -m connmark --mark 0x8/0xff -m tcp --dport 5000 -j ACCEPT
-A INPUT -p tcp -m tcp --dport 6379 -m mark ! --mark 0x0/0xff -j ACCEPT
@4 -A INPUT -p tcp -m iprange --src-range 10.30.0.1-10.30.0.77 -m tcp --dport 2514 -j ACCEPT
@6 -A INPUT -p tcp -m iprange ! --src-range 2001:db8:30::1-2001:db8:30::77 -m tcp --dport 2514 -j ACCEPT
@4 -A INPUT -p tcp -m set --match-set np src,dst -j ACCEPT
@4 -A INPUT -m set --match-set map src -p tcp --dport 3306 -j ACCEPT
-A INPUT -p tcp -m addrtype --src-type LOCAL -j DROP
-A INPUT -m addrtype ! --dst-type LOCAL -j DROP
-A INPUT -p tcp --syn -m multiport ! --dports 1:1023,5000:7000 -m tcp --dport 9090 -j ACCEPT
-A INPUT -p tcp --tcp-flags SYN,RST,ACK,FIN SYN -m tcp --dport 20514 -j ACCEPT
-A INPUT -p tcp --tcp-flags ALL NONE -j DROP
-A INPUT -m pkttype --pkt-type host -p tcp --dport 2375 -m conntrack --ctstate NEW --ctorigdstport 2375 -g LDAP
@4 -A INPUT -p tcp -m set --match-set all src -m tcp --dport 5432 -j ACCEPT
@4 -A INPUT -j REJECT --reject-with icmp-admin-prohibited
@6 -A INPUT -j REJECT --reject-with icmp6-adm-prohibited
@4 -A LDAP -m set --match-set infra4 src -j ACCEPT
@4 -A LDAP -m set ! --match-set one4 src -m set --match-set ports dst -s 203.0.113.0/24 -j ACCEPT
@6 -A LDAP -m set --match-set infra6 src -j ACCEPT
@6 -A LDAP -p tcp -m set --match-set ipp src,dst -j ACCEPT
-A LDAP -i eth+ -j RETURN
-A LDAP -j ACCEPT
@4 -A LOGS ! -s 10.0.0.0/8 -j RETURN
@4 -A LOGS -s 10.9.0.0/255.255.0.255 -j DROP
@6 -A LOGS ! -s 2001:db8::/32 -j DROP
-A LOGS -j ACCEPT
COMMIT
X
