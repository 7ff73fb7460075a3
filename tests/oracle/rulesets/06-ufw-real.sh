# SPDX-License-Identifier: GPL-2.0-or-later
# ufw itself, with its own folders.
#: needs ufw
cp -a /etc/ufw ../ufw
sed "s/^IPV6=.*/IPV6=yes/" /etc/default/ufw >../ufw.default
nsenter --net=/run/netns/$NS unshare -m --propagation private bash -e -c '
mount --bind ../ufw /etc/ufw
mount --bind ../ufw.default /etc/default/ufw
{
ufw --force reset
ufw default deny incoming
ufw default allow outgoing
ufw logging low
ufw limit 22/tcp
ufw allow from 10.20.0.0/16 to any port 389,636 proto tcp
ufw allow from 2001:db8:20::/48 to any port 389,636 proto tcp
ufw insert 1 deny from 10.20.99.0/24
ufw allow from 192.0.2.0/26 to 192.0.2.1 port 514 proto udp
ufw allow in on eth0 from 203.0.113.16/28 to any port 6514 proto tcp
ufw allow 5000:5010/tcp
ufw reject from 2001:db8:bad::/48
ufw deny 2375/tcp
ufw route allow proto tcp from any to 172.17.0.2 port 5000
ufw --force enable
} >/dev/null'
