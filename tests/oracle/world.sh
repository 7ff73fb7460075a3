# SPDX-License-Identifier: GPL-2.0-or-later
# The world of a ruleset script: a host namespace $NS, joined to $NS-p by eth0 (and eth1 after "second"). Sourced
# by bash before the script, which uses "n cmd..." to run in the host and the functions below.
n() { ip netns exec "$NS" "$@"; }

# Both families' iptables-restore at once: @4 and @6 begin lines of one family.
both() {
	local text
	text=$(cat)
	sed -n 's/^@4 //p; /^@6 /!{/^@4 /!p}' <<<"$text" | n iptables-restore
	sed -n 's/^@6 //p; /^@4 /!{/^@6 /!p}' <<<"$text" | n ip6tables-restore
}

_wire() { # interface number, IPv4 and IPv6 prefixes without the last part
	ip link add "eth$1" netns "$NS" address "02:00:00:00:0$1:02" type veth peer name "eth$1" netns "$NS-p" address "02:00:00:00:0$1:01"
	n sysctl -qw "net.ipv4.conf.eth$1.rp_filter=0" "net.ipv6.conf.eth$1.addr_gen_mode=1" "net.ipv6.conf.eth$1.accept_ra=0"
	ip netns exec "$NS-p" sysctl -qw "net.ipv6.conf.eth$1.disable_ipv6=1"
	ip -n "$NS-p" link set "eth$1" up
	ip -n "$NS" -batch - <<X
link set eth$1 up
addr add $2.1/24 dev eth$1
addr add $3::1/64 dev eth$1 nodad
addr add fe80::2/64 dev eth$1 nodad
X
}

make_world() {
	ip netns add "$NS"
	ip netns add "$NS-p"
	n sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 net.ipv4.ip_forward=1 \
		net.ipv6.conf.all.forwarding=1
	ip -n "$NS" link set lo up
	_wire 0 192.0.2 2001:db8:1
	ip -n "$NS" route add default via 192.0.2.2
	ip -n "$NS" route add default via 2001:db8:1::2
}

# A second interface with networks of its own.
second() { _wire 1 198.51.100 2001:db8:2; }

# A container bridge; a container's address behind it answers nobody, but packets are sent to it.
bridge() { # name, IPv4 and IPv6 prefixes without the last part
	ip -n "$NS" -batch - <<X
link add $1 type bridge
link set $1 up
addr add $2.1/16 dev $1
addr add $3::1/64 dev $1 nodad
X
	n sysctl -qw "net.ipv4.conf.$1.rp_filter=0"
}
