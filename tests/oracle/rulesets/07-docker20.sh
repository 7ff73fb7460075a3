# SPDX-License-Identifier: GPL-2.0-or-later
# What dockerd 20 writes for two published ports (one on loopback), with a host firewall that INPUT alone carries.
#: ask eth0 172.17.0.2 fd00:17::2
bridge docker0 172.17.0 fd00:17
both <<'X'
*nat
:PREROUTING ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
@4 -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
@6 -A POSTROUTING -s fd00:17::/64 ! -o docker0 -j MASQUERADE
-A DOCKER -i docker0 -j RETURN
@4 -A DOCKER ! -i docker0 -p tcp -m tcp --dport 5000 -j DNAT --to-destination 172.17.0.2:5000
@4 -A DOCKER -d 127.0.0.1/32 ! -i docker0 -p tcp -m tcp --dport 389 -j DNAT --to-destination 172.17.0.3:389
@6 -A DOCKER ! -i docker0 -p tcp -m tcp --dport 5000 -j DNAT --to-destination [fd00:17::2]:5000
COMMIT
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:DOCKER - [0:0]
:DOCKER-ISOLATION-STAGE-1 - [0:0]
:DOCKER-ISOLATION-STAGE-2 - [0:0]
:DOCKER-USER - [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
@4 -A INPUT -s 10.20.0.0/16 -p tcp -m multiport --dports 389,5000 -j ACCEPT
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-ISOLATION-STAGE-1
-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -o docker0 -j DOCKER
-A FORWARD -i docker0 ! -o docker0 -j ACCEPT
-A FORWARD -i docker0 -o docker0 -j ACCEPT
@4 -A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 5000 -j ACCEPT
@4 -A DOCKER -d 172.17.0.3/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 389 -j ACCEPT
@6 -A DOCKER -d fd00:17::2/128 ! -i docker0 -o docker0 -p tcp -m tcp --dport 5000 -j ACCEPT
-A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
-A DOCKER-ISOLATION-STAGE-1 -j RETURN
-A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
-A DOCKER-ISOLATION-STAGE-2 -j RETURN
@4 -A DOCKER-USER -i eth0 -s 203.0.113.0/24 -j DROP
@4 -A DOCKER-USER -i eth0 -p tcp -m conntrack --ctorigdstport 5000 ! -s 10.0.0.0/7 -m conntrack --ctorigdst 192.0.2.1 -j DROP
-A DOCKER-USER -j RETURN
COMMIT
X
