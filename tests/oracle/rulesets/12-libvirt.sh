# SPDX-License-Identifier: GPL-2.0-or-later
# libvirt's default network: its chains in iptables form, routed guests, and a routed second network.
#: ask eth0 192.168.122.10 fd00:122::10
#: ask eth1 192.168.122.10 fd00:122::10
second
bridge virbr0 192.168.122 fd00:122
both <<'X'
*mangle
:POSTROUTING ACCEPT [0:0]
:LIBVIRT_PRT - [0:0]
-A POSTROUTING -j LIBVIRT_PRT
-A LIBVIRT_PRT -o virbr0 -p udp -m udp --dport 68 -j CHECKSUM --checksum-fill
COMMIT
*nat
:POSTROUTING ACCEPT [0:0]
:PREROUTING ACCEPT [0:0]
:LIBVIRT_PRT - [0:0]
-A POSTROUTING -j LIBVIRT_PRT
@4 -A PREROUTING -d 192.0.2.1/32 -p tcp -m tcp --dport 5000 -j DNAT --to-destination 192.168.122.10
@4 -A LIBVIRT_PRT -s 192.168.122.0/24 -d 224.0.0.0/24 -j RETURN
@4 -A LIBVIRT_PRT -s 192.168.122.0/24 ! -d 192.168.122.0/24 -p tcp -j MASQUERADE --to-ports 1024-65535
@4 -A LIBVIRT_PRT -s 192.168.122.0/24 ! -d 192.168.122.0/24 -j MASQUERADE
COMMIT
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:LIBVIRT_FWI - [0:0]
:LIBVIRT_FWO - [0:0]
:LIBVIRT_FWX - [0:0]
:LIBVIRT_INP - [0:0]
-A INPUT -j LIBVIRT_INP
-A INPUT -i eth1 -j DROP
-A INPUT -i eth0 -p tcp -m multiport --dports 389,3306 -j DROP
-A FORWARD -j LIBVIRT_FWX
-A FORWARD -j LIBVIRT_FWI
-A FORWARD -j LIBVIRT_FWO
-A LIBVIRT_INP -i virbr0 -p udp -m udp --dport 53 -j ACCEPT
@4 -A LIBVIRT_FWI -d 192.168.122.10/32 -i eth0 -o virbr0 -p tcp -m tcp --dport 5000 -m conntrack --ctstate NEW -j ACCEPT
@4 -A LIBVIRT_FWI -d 192.168.122.0/24 -o virbr0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
@6 -A LIBVIRT_FWI -d fd00:122::/64 -o virbr0 -s 2001:db8:20::/48 -j ACCEPT
@4 -A LIBVIRT_FWI -o virbr0 -j REJECT --reject-with icmp-port-unreachable
@6 -A LIBVIRT_FWI -o virbr0 -j REJECT --reject-with icmp6-port-unreachable
-A LIBVIRT_FWO -i virbr0 -j ACCEPT
-A LIBVIRT_FWX -i virbr0 -o virbr0 -j ACCEPT
COMMIT
X
