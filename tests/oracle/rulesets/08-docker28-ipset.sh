# SPDX-License-Identifier: GPL-2.0-or-later
# What dockerd 28.0 writes: bridges in an ipset.
#: ask eth0 172.17.0.2 fd00:17::2
bridge docker0 172.17.0 fd00:17
bridge br-1234567890ab 172.18.0 fd00:18
n ipset restore <<'X'
create docker-ext-bridges-v4 hash:net family inet
add docker-ext-bridges-v4 172.17.0.0/16
add docker-ext-bridges-v4 172.18.0.0/16
create docker-ext-bridges-v6 hash:net family inet6
add docker-ext-bridges-v6 fd00:17::/64
add docker-ext-bridges-v6 fd00:18::/64
X
both <<'X'
*raw
:PREROUTING ACCEPT [0:0]
@4 -A PREROUTING -d 172.17.0.2/32 ! -i docker0 -j DROP
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
@4 -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
@4 -A DOCKER ! -i docker0 -p tcp -m tcp --dport 5000 -j DNAT --to-destination 172.17.0.2:5000
@4 -A DOCKER ! -i br-1234567890ab -p udp -m udp --dport 514 -j DNAT --to-destination 172.18.0.5:5514
@6 -A DOCKER ! -i docker0 -p tcp -m tcp --dport 389 -j DNAT --to-destination [fd00:17::2]:1389
COMMIT
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:DOCKER - [0:0]
:DOCKER-BRIDGE - [0:0]
:DOCKER-CT - [0:0]
:DOCKER-FORWARD - [0:0]
:DOCKER-USER - [0:0]
-A INPUT -p tcp --dport 22 -j ACCEPT
@6 -A INPUT -p tcp --dport 5000 -j ACCEPT
-A FORWARD -j DOCKER-USER
@4 -A FORWARD -m set --match-set docker-ext-bridges-v4 dst -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
@6 -A FORWARD -m set --match-set docker-ext-bridges-v6 dst -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -j DOCKER-FORWARD
-A DOCKER-FORWARD -j DOCKER-CT
-A DOCKER-FORWARD -j DOCKER-BRIDGE
-A DOCKER-FORWARD -i docker0 -j ACCEPT
@4 -A DOCKER-BRIDGE -m set --match-set docker-ext-bridges-v4 dst -j DOCKER
@6 -A DOCKER-BRIDGE -m set --match-set docker-ext-bridges-v6 dst -j DOCKER
-A DOCKER-CT -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
@4 -A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 5000 -j ACCEPT
@4 -A DOCKER -d 172.18.0.5/32 ! -i br-1234567890ab -o br-1234567890ab -p udp -m udp --dport 5514 -j ACCEPT
@6 -A DOCKER -d fd00:17::2/128 ! -i docker0 -o docker0 -p tcp -m tcp --dport 1389 -j ACCEPT
-A DOCKER ! -i docker0 -o docker0 -j DROP
-A DOCKER ! -i br-1234567890ab -o br-1234567890ab -j DROP
@4 -A DOCKER-USER -p udp --dport 5514 ! -s 10.20.0.0/16 -j DROP
COMMIT
X
