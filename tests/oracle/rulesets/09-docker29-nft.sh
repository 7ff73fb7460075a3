# SPDX-License-Identifier: GPL-2.0-or-later
# The nftables backend of dockerd 29: tables docker-bridges per family, verdict maps by interface, host firewall beside.
#: ask eth0 172.17.0.2 fd00:17::2
bridge docker0 172.17.0 fd00:17
n nft -f - <<'X'
table ip docker-bridges {
	map filter-forward-in-jumps { type ifname : verdict; elements = { "docker0" : jump filter-forward-in__docker0 } }
	map filter-forward-out-jumps { type ifname : verdict; elements = { "docker0" : jump filter-forward-out__docker0 } }
	map nat-postrouting-in-jumps { type ifname : verdict; elements = { "docker0" : jump nat-postrouting-in__docker0 } }
	chain filter-FORWARD {
		type filter hook forward priority filter; policy accept;
		oifname vmap @filter-forward-in-jumps
		iifname vmap @filter-forward-out-jumps
	}
	chain nat-OUTPUT { type nat hook output priority -100; policy accept; ip daddr != 127.0.0.0/8 fib daddr type local counter jump nat-prerouting-and-output; }
	chain nat-POSTROUTING { type nat hook postrouting priority srcnat; policy accept; oifname vmap @nat-postrouting-in-jumps; }
	chain nat-PREROUTING { type nat hook prerouting priority dstnat; policy accept; fib daddr type local counter jump nat-prerouting-and-output; }
	chain nat-prerouting-and-output {
		iifname != "docker0" tcp dport 5000 counter dnat to 172.17.0.2:5000 comment "DNAT"
		ip daddr 192.0.2.1 tcp dport 1389 counter dnat to 172.17.0.3:389
	}
	chain raw-PREROUTING {
		type filter hook prerouting priority raw; policy accept;
		ip daddr 172.17.0.2 iifname != "docker0" counter drop comment "DROP DIRECT ACCESS"
	}
	chain filter-forward-in__docker0 {
		ct state established,related counter accept
		iifname "docker0" counter accept comment "ICC"
		ip daddr 172.17.0.2 tcp dport 5000 counter accept
		ip daddr 172.17.0.3 tcp dport 389 counter accept
		counter drop comment "UNPUBLISHED PORT DROP"
	}
	chain filter-forward-out__docker0 { ct state established,related counter accept; counter accept comment "OUTGOING"; }
	chain nat-postrouting-in__docker0 { oifname "docker0" ip saddr 172.17.0.0/16 counter masquerade; }
}
table ip6 docker-bridges {
	chain filter-FORWARD { type filter hook forward priority filter; policy accept; oifname "docker0" tcp dport != 5000 drop; }
	chain nat-PREROUTING { type nat hook prerouting priority dstnat; policy accept; fib daddr type local tcp dport 5000 dnat to [fd00:17::2]:5000; }
}
table inet host {
	chain input {
		type filter hook input priority filter; policy drop;
		ct state established,related accept
		tcp dport { 22, 389 } ip saddr 10.0.0.0/8 accept
		tcp dport 5000 drop
		ip6 saddr 2001:db8::/32 accept
	}
	chain user {
		type filter hook forward priority filter - 5; policy accept;
		ct status dnat meta l4proto tcp ct original proto-dst 1389 ip saddr != { 10.20.0.0/16, 192.0.2.0/24 } drop
		tcp dport 5000 ip saddr 203.0.113.0/24 drop
	}
}
X
