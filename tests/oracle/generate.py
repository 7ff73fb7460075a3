# SPDX-License-Identifier: GPL-2.0-or-later
"""Random rulesets and worlds from a seed: every expression that the prover knows, and now and then one that it does
not. A ruleset keeps its rules apart, so that a wrong verdict can be cut down to the few that make it."""
import random

import world

V4 = ["10.20.0.0/16", "10.20.3.0/24", "10.20.3.7", "192.0.2.2", "192.0.2.0/24", "192.0.2.64/26",
      "198.51.100.16-198.51.100.31", "198.51.100.0/24", "203.0.113.0/24", "203.0.113.9", "172.16.0.0/12",
      "172.17.0.0/16",
      "100.64.0.0/10", "10.0.0.0/8", "0.0.0.0/1", "128.0.0.0/2", "64.0.0.0/3", "10.7.7.7-10.9.1.3", "96.0.0.0/3",
      "8.0.0.0/7"]
V6 = ["2001:db8:1::/64", "2001:db8:1::2", "2001:db8:20::/48", "2001:db8:20::5", "2001:db8:20::10-2001:db8:20::1:3",
      "2001:db8::/32", "2000::/3", "fd00:17::/64", "fc00::/7", "fe80::/10", "2001:db8:bad::/48", "2001:db8:30:5::/64",
      "::/1",
      "4000::/2", "8000::/1", "2001:db8:7::9", "2001:db8:2::/64", "2001:db8:20:3::/61"]
PORTS = [389, 636, 514, 6514, 5000, 22, 80, 60, 2514, 3306]
MAIN4, MAIN6 = world.MAIN_TO
CONTAINER = ("172.17.0.2", "fd00:17::2")
PRIORITIES = [-400, -350, -300, -300, -250, -200, -150, -100, -50, -10, 0, 0, 0, 0, 5, 50, 100, 100, 150, 225]
HOOKS = ["prerouting", "input", "input", "input", "forward", "postrouting"]
L4 = ["tcp", "udp", "sctp"]


class Chain:
    def __init__(self, name, head="", hook="input"):
        self.name, self.head, self.hook = name, head, hook
        self.rules = []


class Table:
    def __init__(self, family, name):
        self.family, self.name = family, name
        self.sets, self.chains = [], []
        self.dormant = False

    def text(self):
        out = [f"table {self.family} {self.name} {{"]
        if self.dormant:
            out.append("\tflags dormant;")
        out += [f"\t{s}" for s in self.sets]
        for c in self.chains:
            out += [f"\tchain {c.name} {{"] + ([f"\t\t{c.head}"] if c.head
                                               else []) + [f"\t\t{r}" for r in c.rules] + ["\t}"]
        return "\n".join(out + ["}"])


class Ruleset:
    def __init__(self):
        self.world, self.tables, self.ipset, self.iptables = [], [], [], {}
        self.ports, self.asks = [], ()

    def script(self):
        out = list(self.world)
        if self.ipset:
            out += ["n ipset restore <<'X'"] + self.ipset + ["X"]
        for t in self.tables:
            out += ["n nft -f - <<'X'", t.text(), "X"]
        for tool, lines in self.iptables.items():
            if lines:
                out += [f"n {tool}-restore <<'X'", *lines, "X"]
        return "\n".join(out) + "\n"

    def parts(self):
        """Every list of which any item may be left out, the biggest items first."""
        yield self.tables
        for t in self.tables:
            yield t.chains
            for c in t.chains:
                yield c.rules
            yield t.sets
        for lines in self.iptables.values():
            yield lines
        yield self.ipset
        yield self.world


class Context:
    """Where a rule stands."""

    def __init__(self, table, hook, kind, priority, jumps):
        self.table, self.hook, self.kind, self.priority, self.jumps = table, hook, kind, priority, jumps
        self.family = table.family

    def families(self):
        return {"ip": [4], "ip6": [6]}.get(self.family, [4, 4, 6, 6])


class Maker:
    def __init__(self, seed):
        self.r = random.Random(seed)
        self.out = Ruleset()
        self.unknown = self.r.random() < 0.12  # this ruleset has something the prover cannot know
        self.v4 = self.r.sample(V4, 7) + [self.random_prefix(4) for _ in range(2)]
        self.v6 = self.r.sample(V6, 7) + [self.random_prefix(6) for _ in range(2)]
        self.ports = self.r.sample(PORTS, 5)
        self.count = 0
        self.mangles = False

    def chance(self, p):
        return self.r.random() < p

    def pick(self, *items):
        return self.r.choice(items)

    def name(self, prefix):
        self.count += 1
        return f"{prefix}{self.count}"

    def random_prefix(self, family):
        if family == 4:
            n = self.r.randint(2, 30)
            a = self.r.getrandbits(32) >> (32 - n) << (32 - n)
            return ".".join(str(a >> s & 255) for s in (24, 16, 8, 0)) + f"/{n}"
        n = self.r.randint(4, 64)
        a = (0x2 << 124 | self.r.getrandbits(124)) >> (128 - n) << (128 - n)
        return ":".join(f"{a >> s & 0xffff:x}" for s in range(112, -1, -16)) + f"/{n}"

    def addr(self, family):
        return self.r.choice(self.v4 if family == 4 else self.v6)

    def single(self, family):
        return self.r.choice([a for a in (V4 if family == 4 else V6) if "/" not in a and "-" not in a])

    def port(self):
        return self.r.choice(self.ports)

    def port_range(self):
        p = self.port()
        return self.pick(f"{p}", f"{p}", f"{max(p - self.r.randint(0, 30), 1)}-{p + self.r.randint(1, 400)}",
                         f"1-{p}", f"{p}-65535")

    def target(self, family, port=True):
        """Of a destination NAT."""
        a = self.pick(CONTAINER[family == 6], CONTAINER[family == 6], (MAIN4, MAIN6)[family == 6])
        if not port:
            return a
        return f"{a}:{self.port()}" if family == 4 else f"[{a}]:{self.port()}"

    # Matches: text that ends a rule or lets it go on.

    def some(self, values, n=None):
        """An anonymous set of distinct, disjoint values."""
        values = list(dict.fromkeys(values))
        return "{ " + ", ".join(self.r.sample(values, min(len(values), n or self.r.randint(1, 5)))) + " }"

    def apart(self, family):
        """Prefixes that do not overlap, for anonymous interval sets."""
        if family == 4:
            return ["10.20.0.0/16", "192.0.2.0/25", "198.51.100.16-198.51.100.31", "203.0.113.9", "172.16.0.0/12",
                    "100.64.0.0/10", "128.0.0.0/3", "10.7.7.7-10.9.1.3"]
        return ["2001:db8:1::/64", "2001:db8:20::5", "2001:db8:30::10-2001:db8:30::1:3", "fd00:17::/64", "fe80::/10",
                "2001:db8:bad::/48", "8000::/2", "2600::/16"]

    @staticmethod
    def l4(c):
        return c.proto

    def m_saddr(self, c):
        f = c.fam
        ip = "ip" if f == 4 else "ip6"
        field = self.pick("saddr", "saddr", "saddr", "saddr", "saddr", "daddr")
        neg = self.pick("", "", "", "!= ")
        if field == "daddr":
            mine = [(MAIN4, MAIN6)[f == 6], CONTAINER[f == 6], ("192.0.2.0/24", "2001:db8:1::/64")[f == 6],
                    ("172.17.0.0/16", "fd00:17::/64")[f == 6]]
            return f"{ip} daddr {neg}{self.r.choice(mine)}"
        how = self.r.randrange(10)
        if how < 5:
            return f"{ip} saddr {neg}{self.addr(f)}"
        if how < 8:
            return f"{ip} saddr {neg}{self.some(self.apart(f))}"
        if how == 8 and f == 4:
            mask, value = self.pick(("255.255.0.255", "10.20.0.7"), ("255.0.255.0", "10.0.3.0"),
                                    ("240.0.0.0", "192.0.0.0"),
                                    ("255.128.255.128", "10.0.3.128"), ("255.255.1.0", "192.0.0.0"))
            return f"ip saddr & {mask} {self.pick('==', '!=')} {value}"
        if how == 8:
            mask, value = self.pick(("ffff:ffff:ff00::", "2001:db8::"), ("ffff:ffff:fff0::", "2001:db8:20::"),
                                    ("f000::", "2000::"),
                                    ("ffff:fff0:fff0::", "2001:db0:20::"))
            return f"ip6 saddr & {mask} {self.pick('==', '!=')} {value}"
        only = f"meta protocol {ip} " if c.family not in ("ip", "ip6") else ""  # the other family has other bytes there
        return only + f"@nh,96,{self.pick('16 0x0a14', '8 0x0a', '32 0xc0000202', '24 0xcb0071')}" if f == 4 else \
            only + f"@nh,64,{self.pick('32 0x20010db8', '16 0x2001', '64 0x20010db800010000')}"

    def m_port(self, c):
        how = self.r.randrange(9)
        proto, pre = c.proto, ""
        if c.proto == "th":
            pre = self.pick("meta l4proto { tcp, udp } ", "meta l4proto { tcp, udp, sctp } ", "meta l4proto != icmp ",
                            "")
        if how < 3:
            return f"{pre}{proto} dport {self.pick('', '', '!= ')}{self.port_range()}"
        if how < 6:
            return f"{pre}{proto} dport {self.pick('', '', '!= ')}" + self.some([str(p) for p in self.ports] + ["7000-7100"])
        if how == 6:
            return f"{proto} dport {self.pick('<', '>', '<=', '>=')} {self.port()}"
        if how == 7:
            return f"{pre}@th,16,16 {self.pick('', '!= ')}{self.port()}"
        if self.chance(0.3):
            return f"{pre}{proto} dport & 0xfff0 {self.pick('==', '!=')} {self.port() & 0xfff0}"
        return f"{pre}{proto} dport {self.port()}"

    def m_proto(self, c):
        p = self.pick("tcp", "udp", "sctp") if c.proto == "th" else c.proto
        ip = "ip" if c.fam == 4 else "ip6"
        if c.proto == "th" and self.chance(0.5):
            return "meta l4proto { tcp, udp }"
        return self.pick(f"meta l4proto {p}",
                         f"meta l4proto != {self.pick('icmp', 'icmpv6', 'sctp' if p != 'sctp' else 'dccp')}",
                         f"ip protocol {p}" if c.fam == 4 else f"ip6 nexthdr {p}",
                         f"meta nfproto {'ipv4' if c.fam == 4 else 'ipv6'}" if c.family == "inet"
                         else f"meta l4proto {p}",
                         f"meta protocol {ip}", f"meta protocol != {'ip6' if c.fam == 4 else 'ip'}")

    def m_iface(self, c):
        how = self.pick("iifname", "iifname", "iifname", "iif", "oifname"
                        if c.hook in ("forward", "postrouting", "input")
                        else "iifname", "iiftype", "pkttype")
        if c.hook == "postrouting" and self.chance(0.6):
            how = "oifname"
        if how in ("iifname", "oifname"):
            return how + " " + self.pick('"eth0"', '"eth*"', '!= "eth0"', '{ "eth0", "docker0" }', '"lo"', '!= "lo"',
                                         '"docker0"',
                                         '"eth1"', '!= { "lo", "eth1" }', '"e*"', '{ "eth*", "lo" }')
        if how == "iif":
            return "iif " + self.pick('"lo"', '!= "lo"', '"eth0"', '{ "lo", "eth0" }')
        if how == "iiftype":
            return f"meta iiftype {self.pick('ether', '!= loopback')}"
        return "meta pkttype " + self.pick("host", "host", "unicast", "broadcast", "{ broadcast, multicast }",
                                           "!= host")

    def m_mark(self, c):
        return "meta mark " + self.pick("0x1", "!= 0x1", "0x0", "{ 0x1, 0x2, 0x10 }", "& 0x1 == 0x1", "& 0x3 != 0x2",
                                        "& 0xf0 == 0x10", "0x1-0xf", "and 0xff != 0", "> 0x1", "< 0x10")

    def m_ct(self, c):
        if c.proto != "th" and self.chance(0.12):
            return f"meta l4proto {c.proto} ct original proto-dst {self.pick('', '!= ')}{self.port()}"
        return "ct " + self.pick(
            "state new", "state new", "state established,related", "state invalid", "state { new, untracked }",
                                 "state untracked",
            "state != new", "state & (new | invalid) != 0", "status dnat", "status snat", "status & dnat != dnat",
            "direction original", "direction reply", "mark 0x1", "mark != 0x0", "mark & 0x3 == 0x1", "mark 0x0",
                                 "mark < 0x10", "mark { 0x1, 0x2 }",
            f"original protocol {c.proto if c.proto != 'th' else 'tcp'}", "original protocol != icmp",
            *((f"original ip saddr {self.addr(4)}",
               f"original ip daddr {self.pick(MAIN4, '192.0.2.0/24', CONTAINER[0])}")
              if c.fam == 4 else
              (f"original ip6 saddr {self.addr(6)}", f"original ip6 daddr {self.pick(MAIN6, CONTAINER[1])}")),
            f"l3proto ipv{c.fam}" if c.family == "inet" else "state new")

    def m_fib(self, c):
        out = ["fib daddr type local", "fib daddr type != local", "fib daddr type { local, broadcast, multicast }",
               "fib daddr type unicast", "fib saddr type local", "fib saddr type unicast", "fib saddr type != unicast",
               "fib saddr type { blackhole, unreachable, prohibit }"]
        if c.hook in ("prerouting", "input", "forward"):
            out += ["fib saddr . iif oif missing", "fib saddr . iif oif exists", "fib saddr . iif oif != 0",
                    "fib daddr . iif type local", "fib saddr . iif oif missing"]
        if c.hook in ("prerouting", "input", "forward") and self.chance(0.3):
            out += ["fib saddr oif eth0", "fib saddr oifname \"eth0\"", "fib saddr oif missing"]
        return self.r.choice(out)

    def m_flags(self, c):
        return self.pick("tcp flags syn", "tcp flags & (syn | ack) == syn",
                         "tcp flags & (fin | syn | rst | ack) == syn",
                         "tcp flags & (fin | syn | rst | ack) != syn", "tcp flags & (syn | rst) == (syn | rst)",
                         "tcp flags ! ack",
                         "tcp flags == 0x0")

    def m_set(self, c):
        """A lookup in a named set of this table."""
        f = c.fam
        ip, ty = ("ip", "ipv4_addr") if f == 4 else ("ip6", "ipv6_addr")
        inv = self.pick("", "", "!= ")
        addrs = [self.addr(f) for _ in range(self.r.randint(1, 8))]
        singles = [self.single(f) for _ in range(self.r.randint(1, 4))]
        kind = self.r.randrange(8)
        s = self.name("s")
        flags = "flags interval; auto-merge; "
        if kind == 0:
            body, use = f"type {ty}; elements = {{ {', '.join(dict.fromkeys(singles))} }}", f"{ip} saddr {inv}@{s}"
        elif kind < 3:
            body, use = f"type {ty}; {flags}elements = {{ {', '.join(dict.fromkeys(addrs))} }}", f"{ip} saddr {inv}@{s}"
        elif kind == 3:
            ports = ", ".join(dict.fromkeys(self.port_range() for _ in range(3)))
            body, use = f"type inet_service; {flags}elements = {{ {ports} }}", f"{self.l4(c)} dport {inv}@{s}"
        elif kind == 4:
            pairs = ", ".join(dict.fromkeys(f"{a} . {self.port()}" for a in singles))
            body = f"type {ty} . inet_service; elements = {{ {pairs} }}"
            use = f"{ip} saddr . {self.l4(c)} dport {inv}@{s}"
        elif kind == 5:
            apart = self.r.sample(self.apart(f), 3)
            pairs = ", ".join(f"{a} . {self.port_range()}" for a in apart)
            body = f"type {ty} . inet_service; flags interval; elements = {{ {pairs} }}"
            use = f"{ip} saddr . {self.l4(c)} dport {inv}@{s}"
        elif kind == 6:
            apart = self.r.sample(self.apart(f), 3)
            triples = ", ".join(f"{self.r.choice(L4)} . {self.port()} . {a}" for a in apart)
            body = f"type inet_proto . inet_service . {ty}; flags interval; elements = {{ {triples} }}"
            use = f"meta l4proto . th dport . {ip} saddr {inv}@{s}" if c.proto == "th" else f"{ip} saddr {self.addr(f)}"
        else:
            pairs = ", ".join(dict.fromkeys(f'"{self.pick("eth0", "eth1", "docker0")}" . {self.port()}' for _ in range(3)))
            body = f"type ifname . inet_service; elements = {{ {pairs} }}"
            use = f"iifname . {self.l4(c)} dport {inv}@{s}"
        c.table.sets.append(f"set {s} {{ {body}; }}")
        return use

    def m_concat(self, c):
        f = c.fam
        ip = "ip" if f == 4 else "ip6"
        apart = self.r.sample(self.apart(f), 3)
        return self.pick(
            f"{ip} saddr . {self.l4(c)} dport {{ " + ", ".join(f"{a} . {self.port()}" for a in apart) + " }",
            f"{ip} saddr . {ip} daddr {self.pick('', '!= ')}{{ " + ", ".join(f"{a} . {(MAIN4, MAIN6)[f == 6]}" for a in apart) + " }",
            "meta l4proto . th dport { " + f"tcp . {self.port()}, udp . {self.port()}" + " }" if c.proto == "th" else
            f"{ip} saddr . meta l4proto {{ {apart[0]} . tcp, {apart[1]} . udp }}",
            'iifname . meta l4proto { "eth0" . tcp, "eth1" . udp }')

    def m_unknown(self, c):
        """What no one can know beforehand."""
        self.unknown = self.chance(0.5)
        any_hook = ["limit rate 100/second", "limit rate over 10/minute", "quota over 2 mbytes", "quota 1 mbytes",
                    "numgen random mod 3 == 1", "numgen inc mod 3 == 1", "meta cpu 0", 'meta hour "08:00"-"18:00"',
                    "meta random & 1 == 1", "meta length 40-80", "meta iifgroup 0", 'meta iifkind "veth"',
                    "meta priority 0",
                    "meta ipsec missing" if c.hook in ("prerouting", "input", "forward") else "meta cpu 0",
                    "meta time > 1",
                    "ip ttl < 10" if c.fam == 4 else "ip6 hoplimit < 10",
                    f"jhash {'ip' if c.fam == 4 else 'ip6'} saddr mod 4 == 2",
                    f"{c.proto} sport 1024-65535", "tcp option maxseg exists" if c.proto == "tcp"
                    else "meta length < 90"]
        if c.family != "netdev" and c.hook != "ingress":
            any_hook += ["ct count over 20", "ct zone 0", "ct original packets 0", "ct bytes < 100", 'ct helper "ftp"',
                         "ct id 1",
                         "rt classid 1" if c.hook in ("input", "forward", "postrouting") else "ct zone 0",
                         f"ct reply {'ip' if c.fam == 4 else 'ip6'} saddr {(MAIN4, MAIN6)[c.fam == 6]}"]
        if self.chance(0.15) and c.family != "netdev":
            s = self.name("dyn")
            c.table.sets.append(f"set {s} {{ type {'ipv4_addr' if c.fam == 4 else 'ipv6_addr'}; flags dynamic; size 65536; }}")
            ip = "ip" if c.fam == 4 else "ip6"
            any_hook = [f"add @{s} {{ {ip} saddr }}", f"{ip} saddr @{s}",
                        f"update @{s} {{ {ip} saddr limit rate 5/second }}"]
        return f"{c.proto} dport {self.port()} " + self.r.choice(any_hook)

    def match(self, c):
        makers = [(self.m_saddr, 30), (self.m_port, 24), (self.m_proto, 6), (self.m_iface, 7), (self.m_mark, 5),
                  (self.m_set, 9), (self.m_concat, 5)]
        if c.proto == "tcp":
            makers.append((self.m_flags, 4))
        if c.family != "netdev" and c.hook != "ingress":
            makers += [(self.m_ct, 8), (self.m_fib, 5)]
        if self.unknown:
            makers.append((self.m_unknown, 2))
        fn = self.r.choices([m for m, _ in makers], [w for _, w in makers])[0]
        return fn(c)

    # What a rule does.

    def verdicts(self, c):
        v = ["accept"] * 4 + ["drop"] * 3 + ["return", "continue"]
        if c.jumps:
            v += [f"jump {self.r.choice(c.jumps)}"] * 3 + [f"goto {self.r.choice(c.jumps)}"] * 2
        return v

    def vmap(self, c):
        f = c.fam
        ip, ty = ("ip", "ipv4_addr") if f == 4 else ("ip6", "ipv6_addr")
        v = lambda: self.r.choice(self.verdicts(c))  # noqa: E731
        other = [f"* : {v()}"] if self.chance(0.2) else []
        how = self.r.randrange(10)
        apart = self.r.sample(self.apart(f), 3)
        if how == 7:
            return self.pick(f"meta mark vmap {{ 0x1 : {v()}, 0x2-0x10 : {v()} }}",
                             f"meta pkttype vmap {{ host : {v()}, broadcast : {v()} }}",
                             f"meta mark vmap {{ " + ", ".join([f"0x1 : {v()}"] + other) + " }")
        if how == 8 and c.hook != "ingress":
            return self.pick(f"fib daddr type vmap {{ local : {v()}, unicast : {v()} }}",
                             f"fib saddr type vmap {{ local : drop, unicast : {v()} }}")
        if how == 9:
            return f"{ip} saddr . {ip} daddr vmap {{ " + ", ".join([f"{a} . {(MAIN4, MAIN6)[f == 6]} : {v()}" for a in apart] + other) + " }"
        if how == 0:
            return f"{ip} saddr vmap {{ " + ", ".join([f"{a} : {v()}" for a in apart] + other) + " }"
        if how == 1:
            return f"{self.l4(c)} dport vmap {{ " + ", ".join([f"{p} : {v()}" for p in self.ports[:3]] + other) + " }"
        if how == 2:
            return 'iifname vmap { "lo" : accept, "eth0" : ' + v() + ', "eth1" : ' + v() + " }"
        if how == 3 and c.family != "netdev" and c.hook != "ingress":
            return f"ct state vmap {{ established : accept, related : accept, invalid : {v()}, new : {v()}, untracked : {v()} }}"
        if how == 4 and c.proto == "th":
            return f"meta l4proto . th dport vmap {{ tcp . {self.port()} : {v()}, udp . {self.port()} : {v()} }}"
        if how == 5:
            m = self.name("m")
            c.table.sets.append(f"map {m} {{ type {ty} : verdict; flags interval; elements = {{ " +
                                ", ".join([f"{a} : {v()}" for a in apart] + other) + " }; }")
            return f"{ip} saddr vmap @{m}"
        m = self.name("m")
        c.table.sets.append(f"map {m} {{ type {ty} . inet_service : verdict; flags interval; elements = {{ " +
                            ", ".join(f"{a} . {self.port_range()} : {v()}" for a in apart) + " }; }")
        return f"{ip} saddr . {self.l4(c)} dport vmap @{m}"

    def mark_set(self, c):
        out = ["meta mark set 0x1", "meta mark set 0x2", "meta mark set meta mark | 0x10",
               "meta mark set meta mark & 0xf0",
               "meta mark set meta mark ^ 0x3", "meta mark set meta mark << 4",
               "meta mark set meta mark and 0xff or 0x100",
               f"meta mark set {c.proto} dport map {{ %d : 0x1, %d : 0x2 }}" % tuple(self.ports[:2])]
        f = c.fam
        apart = self.r.sample(self.apart(f), 3)
        out.append(f"meta mark set {'ip' if f == 4 else 'ip6'} saddr map {{ " +
                   ", ".join(f"{a} : 0x{i + 1:x}" for i, a in enumerate(apart)) + " }")
        if c.family != "netdev" and c.hook != "ingress":
            out += ["ct mark set 0x1", "ct mark set meta mark", "meta mark set ct mark", "ct mark set ct mark | 0x2",
                    "meta mark set ct mark & 0xff", "ct mark set ct mark ^ 0x3",
                    "ct mark set meta mark | 0x1"]
        return self.r.choice(out)

    def reject(self, c):
        out = ["reject"]
        if c.family == "inet":
            out += ["reject with icmpx type admin-prohibited"]
        if c.family == "ip":
            out += ["reject with icmp type host-unreachable"]
        return self.pick(*out, "reject with tcp reset" if c.proto == "tcp" else "reject")

    def nat(self, c):
        f = c.fam
        ip = {"inet": " ip" if f == 4 else " ip6"}.get(c.family, "")
        port = c.proto
        if c.hook == "prerouting":
            to = self.target(f)
            a = CONTAINER[f == 6]
            two = a.rsplit(".", 1)[0] + ".3" if f == 4 else a[:-1] + "3"
            return self.pick(
                f"{port} dport {self.port()} dnat{ip} to {to}",
                             f"{port} dport {self.port()} dnat{ip} to {self.target(f, False)}",
                f"{port} dport {self.port()} redirect to :{self.port()}",
                             f"{port} dport {self.port_range()} redirect to :{self.port()}",
                f"{port} dport {self.port()} redirect", f"{port} dport {self.port()} dnat{ip} to {a}-{two}",
                f"dnat{ip} to {port} dport map {{ {self.ports[0]} : {a}, {self.ports[1]} : {two} }}",
                f"dnat{ip} to {port} dport map {{ {self.ports[0]} : {a} . {self.port()}, {self.ports[1]} : {two} . {self.port()} }}",
                "accept", "return")
        if c.hook == "postrouting":
            return self.pick("masquerade", "meta l4proto { tcp, udp } masquerade to :1024-65535",
                             f"snat{ip} to {('198.51.100.77', '2001:db8:77::7')[f == 6]}", "accept")
        return self.pick(f"snat{ip} to {('10.20.3.7', '2001:db8:20::5')[f == 6]}", "accept", "return")

    def rule(self, c):
        """A rule is of one family and one transport, as nft demands."""
        c.fam = self.r.choice(c.families())
        c.proto = "tcp" if c.kind == "nat" and self.chance(0.6) else self.pick("tcp", "tcp", "tcp", "udp", "udp",
                                                                               "sctp", "th", "th")
        if c.kind == "nat" and c.proto == "th":
            c.proto = "udp"
        if self.chance(0.02) and c.hook in ("input", "forward"):
            return "icmp type echo-request accept" if c.fam == 4 else "icmpv6 type { nd-neighbor-solicit, echo-request } accept"
        if c.kind == "nat" and self.chance(0.75):
            pre = [self.match(c)] if self.chance(0.5) else []
            return self.joined(pre + [self.nat(c)])
        n = self.r.choices([0, 1, 2, 3], [4, 40, 45, 15])[0]
        parts = [self.match(c) for _ in range(n)]
        if self.chance(0.15):
            parts.insert(self.r.randint(0, len(parts)),
                         self.pick("counter", "counter", 'log prefix "x" group 3' if self.chance(0.3) else "counter"))
        act = self.r.random()
        if act < 0.12:
            return self.joined(parts + [self.mark_set(c)])
        if act < 0.20 and c.kind != "nat":
            return self.joined(parts + [self.vmap(c)])
        if act < 0.24 and c.hook in ("prerouting", "input", "forward"):
            return self.joined(parts + [self.reject(c)])
        if act < 0.27 and c.hook == "prerouting" and c.kind == "filter" and c.family != "netdev":
            return self.joined(parts + ["notrack"])
        if act < 0.275 and self.mangles and c.hook in ("prerouting", "ingress"):
            return self.joined(parts + [f"{c.proto} dport set {self.port()}"])
        v = self.r.choice(self.verdicts(c))
        if n == 0 and v in ("accept", "drop") and not self.chance(0.3):
            v = "return" if self.chance(0.5) else "continue"
        if n == 1 and v in ("accept", "drop") and c.hook != "input" and self.chance(0.5):
            parts.append(self.match(c))
        return self.joined(parts + [v])

    @staticmethod
    def joined(parts):
        return " ".join(parts)

    # Chains and tables.

    def base(self, table, hook, kind, priority, policy, rules):
        jumps = []
        subs = [Chain(self.name("c"), hook=hook) for _ in range(self.r.choice((0, 1, 1, 2)))]
        ctx = lambda names: Context(table, hook, kind, priority, names)  # noqa: E731
        for i, s in enumerate(subs):
            later = [x.name for x in subs[i + 1:]]
            s.rules = [self.rule(ctx(later)) for _ in range(self.r.randint(1, 4))]
            jumps.append(s.name)
        dev = ' device "eth0"' if hook == "ingress" else ""
        if hook == "ingress" and self.chance(0.2):
            dev = ' devices = { "eth0", "lo" }'
        c = Chain(self.name("base"), f"type {kind} hook {hook}{dev} priority {priority}; policy {policy};", hook)
        c.rules = [self.rule(ctx(jumps)) for _ in range(rules)]
        table.chains += subs + [c]

    def nft(self):
        for _ in range(self.r.choice((1, 1, 2, 2, 3))):
            t = Table(self.pick("inet", "inet", "inet", "ip", "ip6"), self.name("t"))
            for _ in range(self.r.choice((1, 2, 2, 3))):
                hook = self.r.choice(HOOKS)
                policy = "drop" if hook in ("input", "forward") and self.chance(0.4) else "accept"
                self.base(t, hook, "filter", self.r.choice(PRIORITIES), policy, self.r.randint(1, 7))
            if self.chance(0.35):
                self.base(t, "prerouting", "nat", self.pick(-100, -100, -110, -90, 0, -199), "accept",
                          self.r.randint(1, 4))
            if self.chance(0.12):
                self.base(t, "postrouting", "nat", 100, "accept", self.r.randint(1, 2))
            if self.chance(0.06):
                self.base(t, "input", "nat", 100, "accept", 1)
            if t.family == "inet" and self.chance(0.1):
                self.base(t, "ingress", "filter", self.pick(-100, 0, 0, 100), "accept", self.r.randint(1, 3))
            t.dormant = self.chance(0.03)
            self.out.tables.append(t)
        if self.chance(0.12):
            t = Table("netdev", self.name("t"))
            for _ in range(self.pick(1, 1, 2)):
                self.base(t, "ingress", "filter", self.pick(-500, 0, 0, 5), "accept", self.r.randint(1, 4))
            self.out.tables.append(t)

    # iptables (nft).

    def x_match(self, f, table, chain):
        v4 = f == 4
        a = self.addr(f)
        neg = self.pick("", "", "! ")
        address = f"{neg}-m iprange --src-range {a}".replace("! -m iprange",
                                                             "-m iprange !") if "-" in a else f"{neg}-s {a}"
        proto = self.pick("tcp", "udp")
        port = self.port()
        out = [address, address, address, f"-p {proto} -m {proto} {neg}--dport {port}",
               f"-p {proto} -m {proto} --dport {port}:{port + 200}",
               f"-p {proto} -m multiport {neg}--dports {','.join(str(p) for p in self.r.sample(self.ports, 2))},7000:7100",
               f"-p {proto}",
               f"-m conntrack {neg}--ctstate {self.pick('NEW', 'RELATED,ESTABLISHED', 'INVALID', 'NEW,UNTRACKED', 'DNAT')}",
               f"-m state --state {self.pick('NEW', 'INVALID', 'ESTABLISHED')}",
               f"-p {proto} -m conntrack --ctorigdstport {port}",
               f"-m conntrack --ctdir {self.pick('ORIGINAL', 'REPLY')}",
               f"-m conntrack {neg}--ctorigdst {(MAIN4, MAIN6)[not v4]}",
               f"-m conntrack {neg}--ctstatus {self.pick('NONE', 'CONFIRMED', 'EXPECTED')}",
               f"-m addrtype {neg}--dst-type {self.pick('LOCAL', 'UNICAST', 'BROADCAST', 'MULTICAST') if v4 else self.pick('LOCAL', 'UNICAST', 'MULTICAST')}",
               f"-m addrtype --src-type {self.pick('LOCAL', 'UNICAST')}",
               f"-m mark {neg}--mark {self.pick('0x1', '0x0/0x1', '0x10/0xf0')}",
               f"-m connmark --mark {self.pick('0x1', '0x0')}",
               f"-m set {neg}--match-set net{f} src", f"-m set {neg}--match-set ip{f} src",
               f"-p {proto} -m set {neg}--match-set np{f} src,dst",
               f"-p {proto} -m set --match-set port dst", "-m comment --comment \"a word\"",
               "-m pkttype --pkt-type unicast",
               "-p tcp -m tcp --syn", "-p tcp -m tcp --tcp-flags SYN,ACK SYN"]
        if chain in ("PREROUTING", "INPUT", "FORWARD"):
            out += [f"{neg}-i {self.pick('eth0', 'eth+', 'lo', 'docker0')}"]
        if chain in ("FORWARD", "POSTROUTING"):
            out += [f"{neg}-o {self.pick('eth0', 'docker0', 'lo')}"] * 2
        if self.unknown and self.chance(0.2):
            port = f"-p tcp -m tcp --dport {self.port()} "
            out = [port + "-m limit --limit 5/sec", port + "-m statistic --mode random --probability 0.5",
                   port + "-m length --length 40:60",
                   port + "-m recent --name r --set",
                   port + "-m hashlimit --hashlimit-name h --hashlimit-above 20/sec --hashlimit-mode srcip",
                   port + ("-m mac --mac-source 02:00:00:00:00:07" if chain in ("PREROUTING", "INPUT", "FORWARD")
                           else "-m dscp --dscp 1"), port + "-m string --string foo --algo bm",
                   port + "-m u32 --u32 6&0xFF=6",
                   port + "-m time --timestart 08:00 --timestop 18:00", port + "-m connlimit --connlimit-above 10"]
        if chain == "PREROUTING" and table != "nat":
            out += [f"-m rpfilter {self.pick('', '--invert', '--loose', '--validmark')}"]
        return self.r.choice(out)

    def x_rule(self, f, table, chain, hook, subs):
        parts, seen = [], set()
        for _ in range(self.r.choice((0, 1, 1, 2, 2, 3))):
            m = self.x_match(f, table, hook)
            words = [w for w in m.split() if w in ("-p", "-s", "-i", "-o", "-m")]
            mods = {m.split()[i + 1] for i, w in enumerate(m.split()) if w == "-m"} | {w for w in words if w != "-m"}
            if mods & seen:
                continue
            seen |= mods
            parts.append(m)
        text = f"-A {chain} " + " ".join(parts)
        if table == "nat":
            need = "" if "-p" in seen else f" -p {self.pick('tcp', 'udp')}"
            ip = CONTAINER[f == 6]
            to = f"{ip}:{self.port()}" if f == 4 else f"[{ip}]:{self.port()}"
            if hook == "POSTROUTING":
                return text + self.pick(" -j MASQUERADE",
                                        f" -j SNAT --to-source {('198.51.100.77', '2001:db8:77::7')[f == 6]}",
                                        " -j RETURN")
            return text + need + self.pick(f" -j DNAT --to-destination {to}", f" -j DNAT --to-destination {ip}",
                                           f" -j REDIRECT --to-ports {self.port()}",
                                           " -j RETURN", " -j ACCEPT", f" -j DNAT --to-destination {to}",
                                           " -d 192.0.2.0/24 -j NETMAP --to 172.17.0.0/24" if f == 4 and self.unknown
                                           else " -j RETURN")
        target = ["ACCEPT"] * 4 + ["DROP"] * 3 + ["RETURN", "LOG --log-prefix x"] + subs * 2
        if hook in ("INPUT", "FORWARD"):
            target += ["REJECT"]
        if table == "mangle":
            target = [f"MARK --set-xmark {self.pick('0x1/0x1', '0x2/0xffffffff', '0x0/0xf0')}", "MARK --or-mark 0x10",
                      "CONNMARK --set-mark 0x1",
                      "CONNMARK --save-mark", "CONNMARK --restore-mark", "CONNMARK --set-xmark 0x2/0x2", "DROP",
                      "ACCEPT", "RETURN"]
        if table == "raw":
            target = ["CT --notrack", "NOTRACK", "DROP", "ACCEPT", "RETURN"] if hook == "PREROUTING" else ["RETURN"]
        where = self.r.choice(target)
        if where == "ACCEPT" and not parts and self.chance(0.8):
            where = "RETURN"
        return text + (" -g " if where in subs and self.chance(0.3) else " -j ") + where

    def xt(self):
        f = self.pick(4, 4, 6)
        tool = "iptables" if f == 4 else "ip6tables"
        lines = []
        layout = [("filter", "INPUT"), ("filter", "FORWARD")] + self.r.sample(
            [("mangle", "PREROUTING"), ("nat", "PREROUTING"), ("nat", "POSTROUTING"), ("raw", "PREROUTING"),
             ("mangle", "INPUT")], 2)
        for table in dict.fromkeys(t for t, _ in layout):
            hooks = [h for t, h in layout if t == table]
            lines.append(f"*{table}")
            for h in hooks:
                lines.append(f":{h} {'DROP' if table == 'filter' and self.chance(0.5) else 'ACCEPT'} [0:0]")
            subs = [self.name("U") for _ in range(self.r.choice((0, 1, 2)))] if table == "filter" else []
            lines += [f":{s} - [0:0]" for s in subs]
            for i, s in enumerate(subs):
                lines += [self.x_rule(f, table, s, "", subs[i + 1:]) for _ in range(self.r.randint(1, 3))]
            for h in hooks:
                lines += [self.x_rule(f, table, h, h, subs) for _ in range(self.r.randint(2, 8))]
            lines.append("COMMIT")
        self.out.iptables[tool] = lines
        fam = "inet" if f == 4 else "inet6"
        nets = [a for a in (self.v4 if f == 4 else self.v6) if "-" not in a and a not in ("0.0.0.0/1", "::/1")][:5]
        singles = list(dict.fromkeys(self.single(f) for _ in range(3)))
        self.out.ipset = [f"create net{f} hash:net family {fam}", f"create ip{f} hash:ip family {fam}",
                          f"create np{f} hash:net,port family {fam}",
                          "create port bitmap:port range 0-65535"]
        self.out.ipset += [f"add net{f} {a}" + (" nomatch" if self.chance(0.15) else "") for a in dict.fromkeys(nets)]
        self.out.ipset += [f"add ip{f} {a}" for a in singles]
        self.out.ipset += [f"add np{f} {a},{self.pick('tcp', 'udp')}:{self.port()}" for a in dict.fromkeys(nets[:3])]
        self.out.ipset += [f"add port {p}" for p in self.r.sample(self.ports, 2)]

    def make_world(self):
        w = self.out.world
        asks = [("eth0", world.MAIN_TO)]
        if self.chance(0.5):
            w.append("second")
            if self.chance(0.5):
                asks.append(("eth1", self.pick(world.MAIN_TO, ("198.51.100.1", "2001:db8:2::1"))))
        w.append("bridge docker0 172.17.0 fd00:17")
        if self.chance(0.45):
            asks.append(("eth0", CONTAINER))
        if self.chance(0.3):
            w.append("n ip addr add 192.0.2.130/25 dev eth0; n ip -6 addr add 2001:db8:1::77/64 dev eth0 nodad")
            if self.chance(0.4):
                asks.append(("eth0", ("192.0.2.130", "2001:db8:1::77")))
        via = "dev eth1" if w[0] == "second" and self.chance(0.6) else "dev docker0"
        for route in ("10.20.0.0/16 " + via, "10.20.3.0/24 dev eth0", "blackhole 10.66.0.0/16",
                      "unreachable 100.64.0.0/10",
                      "prohibit 203.0.113.0/28", "2001:db8:20::/48 " + via, "2001:db8:20:3::/64 dev eth0",
                      "blackhole 2001:db8:bad::/48",
                      "unreachable 2001:db8:30::/48", "prohibit 2001:db8:31::/48"):
            if self.chance(0.12):
                w.append(f"n ip {'-6 ' if ':' in route.split('/', 1)[0] else ''}route add {route}")
        if self.chance(0.06):
            w.append("n ip route del default; n ip -6 route del default")
        if self.chance(0.3):
            w.append(f"n sysctl -qw net.ipv4.conf.{self.pick('all', 'eth0')}.rp_filter={self.pick(1, 2)}")
        if self.chance(0.15):
            w.append(f"n sysctl -qw net.ipv4.ip_forward={self.pick(0, 1)} net.ipv6.conf.all.forwarding={self.pick(0, 1)}")
        if self.chance(0.05):
            w.append("n sysctl -qw net.ipv4.conf.eth0.route_localnet=1")
        self.out.asks = tuple(asks)

    def make(self):
        self.mangles = self.chance(0.1)
        self.make_world()
        kind = self.r.random()
        if kind < 0.78:
            self.nft()
        if kind > 0.70:
            self.xt()
        self.out.ports = [f"{p}/{n}" for n in self.ports[:4] for p in ("tcp", "udp")] + [f"sctp/{self.ports[0]}"]
        return self.out


def ruleset(seed):
    return Maker(seed).make()


if __name__ == "__main__":
    import sys
    print(ruleset(int(sys.argv[1])).script())
