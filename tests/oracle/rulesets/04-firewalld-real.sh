# SPDX-License-Identifier: GPL-2.0-or-later
# firewalld itself, without D-Bus: zones by source and interface, services, rich rules, a forwarded port, a policy.
#: needs firewall-offline-cmd
#: ask eth1 198.51.100.1 2001:db8:2::1
second
cp -a /etc/firewalld ../firewalld
nsenter --net=/run/netns/$NS unshare -m --propagation private bash -e -c '
mount --bind ../firewalld /etc/firewalld
mkdir -p /run/firewalld
fw() { firewall-offline-cmd "$@" >/dev/null; }
fw --new-zone=infra
fw --zone=infra --add-source=10.20.0.0/16
fw --zone=infra --add-source=2001:db8:20::/48
for p in 389/tcp 636/tcp 514/udp 514/tcp 2514/tcp; do fw --zone=infra --add-port=$p; done
fw --zone=public --change-interface=eth0
fw --zone=public --add-service=ldaps
fw --zone=public --add-port=5000-5010/tcp
fw --zone=public --add-forward-port=port=9090:proto=tcp:toport=3306
fw --zone=public --add-rich-rule="rule family=ipv4 source address=203.0.113.0/24 port port=5432 protocol=tcp accept"
fw --zone=public --add-rich-rule="rule family=ipv6 source address=2001:db8:77::/48 reject"
fw --zone=public --add-rich-rule="rule family=ipv4 source address=203.0.113.77 drop"
fw --zone=internal --change-interface=eth1
fw --zone=internal --add-port=6379/tcp
fw --zone=internal --set-target=ACCEPT
fw --zone=drop --add-source=198.51.100.128/25
PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 -c "from firewall.core.fw import Firewall; Firewall().start()"'
