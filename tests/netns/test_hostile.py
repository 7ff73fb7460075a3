# SPDX-License-Identifier: GPL-2.0-or-later
"""States that no tool made and input that is none: a clear message, "depends" with its reason, never "proven"."""
import errno
import json
import os
import random
import socket
import struct
import subprocess

import dumpfile
import infra
import rawnft as raw
from dumpfile import Dump
from lib import BUILD, ROOT, main, until
from test_exposure import CONFIG, ExposureWorld, _send_udp

INSIDE = {4: socket.inet_aton("192.0.2.11"), 6: socket.inet_pton(socket.AF_INET6, "2001:db8:2::11")}
INFRA_ONLY = """
table inet f {
  chain before { }
  chain i {
    type filter hook input priority 0; policy drop;
    jump before
    ip saddr 192.0.2.11 accept
    ip6 saddr 2001:db8:2::11 accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
    jump after
  }
  chain after { }
}
"""
PORTS = (("ldap", "tcp", 389), ("logs", "udp", 514))


class StrictWorld(ExposureWorld):
    """A directory server and a log collector behind INFRA_ONLY; a test adds what no tool can print."""

    def setUp(self):
        super().setUp()
        infra.slapd(self.server)
        self.collected = infra.collector(self.server)
        self.nft(INFRA_ONLY)

    def put(self, *messages):
        self.server.call(raw.commit, *messages)

    def judge(self, wanted, named=None):
        """All of PORTS in both families have one of the wanted states, and say by what it is so."""
        if not self.guardd:
            self.start_guardd(CONFIG)
        cells, status = self.cells()
        for rule, proto, port in PORTS:
            for family in (4, 6):
                cell = cells["port", rule, proto, port, family]
                self.assertIn(cell["state"], wanted, cell)
                if named and cell["state"] == "depends":
                    self.assertIn(named, json.dumps(cell["why"]) + json.dumps(cell["findings"]), cell)
                    self.assertIn(named, cell["text"])
        return cells, status


class NoToolPrintsIt(StrictWorld):
    def test_what_stands_there_is_proven_before_it_is_spoiled(self):
        self.judge({"proven"})

    def or_skip(self, fn, *args):
        try:
            fn(*args)
        except AssertionError as e:
            if "Invalid argument" in str(e) or "not supported" in str(e):
                self.skipTest("this kernel has no chains by prefix")
            raise

    def inner_rules(self, chain, code):
        # As nft would write `vxlan ip saddr 10.0.0.1` and `geneve ip saddr 10.0.0.1`.
        for kind in (1, 2):
            self.put(raw.rule(raw.INET, "f", chain, raw.inner(kind, raw.payload(1, 1, 12, 4)),
                              raw.cmp(1, b"\x0a\0\0\x01"), raw.verdict(code)))

    def test_an_inner_match_that_accepts(self):
        self.inner_rules("after", raw.ACCEPT)
        self.assertNotIn("accept", self.server.run("nft", "list", "chain", "inet", "f", "after", check=False).stdout)
        _, status = self.judge({"depends"}, "inner")
        self.assertEqual(status, 1)

    def test_an_inner_match_that_drops_may_shut_out(self):
        self.inner_rules("before", raw.DROP)
        _, status = self.judge({"depends"}, "inner")
        self.assertEqual(status, 1)

    def test_an_inner_match_where_all_is_decided_is_no_doubt(self):
        self.nft("add rule inet f after drop")
        self.inner_rules("after", raw.ACCEPT)
        self.judge({"proven"})

    def test_a_bitwise_of_two_registers(self):
        # (source xor destination) != 0: everyone but this host.
        for base, offset, length, proto in ((1, 12, 4, 2), (1, 8, 16, 10)):
            self.put(raw.rule(raw.INET, "f", "after",
                              raw.expr("meta", raw.attr(1, 4), raw.attr(2, 15)), raw.cmp(4, bytes([proto])),
                              raw.payload(1, base, offset, length), raw.payload(2, base, offset + length, length),
                              raw.bitwise_of_two(1, 2, 1, length, 5), raw.cmp(1, b"\0" * length, op=1),
                              raw.verdict(raw.ACCEPT)))
        for address in (self.V4, self.V6):
            self.assertEqual(self.attacker.connects(address, 389), "open")
        self.judge({"depends", "open"}, "bitwise")

    def test_an_ingress_chain_of_all_interfaces_with_a_prefix(self):
        def chain(name, prefix):
            self.put(raw.table(raw.NETDEV, name), raw.ingress_chain(name, "c", prefix),
                     raw.rule(raw.NETDEV, name, "c", raw.set_mark(7)))
        self.nft("add rule inet f after meta mark 7 accept")
        self.or_skip(chain, "other", "wlan")
        self.judge({"proven"})
        chain("all", "eth")
        for address in (self.V4, self.V6):
            self.assertEqual(self.attacker.connects(address, 389), "open")
        self.judge({"depends", "open"}, "eth*")

    def test_an_ingress_chain_with_a_prefix_that_drops(self):
        self.nft("add rule inet f after accept")
        self.or_skip(self.put, raw.table(raw.NETDEV, "all"), raw.ingress_chain("all", "c", "eth"),
                     *(raw.rule(raw.NETDEV, "all", "c", raw.expr("meta", raw.attr(1, 1), raw.attr(2, 1)),
                                raw.cmp(1, ethertype), raw.payload(1, 1, at, len(source)), raw.cmp(1, source),
                                raw.verdict(raw.ACCEPT))
                       for ethertype, at, source in ((b"\x08\0", 12, INSIDE[4]), (b"\x86\xdd", 8, INSIDE[6]))),
                     raw.rule(raw.NETDEV, "all", "c", raw.verdict(raw.DROP)))
        # It drops ARP and neighbour discovery, too.
        for host, dev, peer, back in ((self.attacker, "eth0", "eth0", (self.FROM4, self.FROM6)),
                                      (self.infra, "eth0", "eth1", ("192.0.2.11", "2001:db8:2::11"))):
            ours = self.V4, self.V6
            if peer == "eth1":
                ours = "192.0.2.1", "2001:db8:2::1"
            for one, addresses, other, at in ((host, ours, self.server, peer), (self.server, back, host, dev)):
                mac = json.loads(other.run("ip", "-j", "link", "show", at).stdout)[0]["address"]
                for a in addresses:
                    one.run("ip", "neigh", "replace", a, "lladdr", mac, "dev", dev if one is host else peer)
        for outside, inside in ((self.V4, "192.0.2.1"), (self.V6, "2001:db8:2::1")):
            self.assertEqual(self.attacker.connects(outside, 389, timeout=0.5), "silent")
            self.assertEqual(self.infra.connects(inside, 389), "open")
        self.judge({"depends", "proven"}, "eth*")


class RewrittenOnTheWay(StrictWorld):
    """A datagram to another port or address ends at the collector's, and is let in by a mark."""

    OTHER4, OTHER6 = "203.0.113.200", "2001:db8:9::9"

    def arrives(self, text, to4, to6, port):
        self.attacker.run("ip", "route", "add", self.OTHER4, "via", self.V4)
        self.attacker.run("ip", "-6", "route", "add", self.OTHER6, "via", self.V6)
        self.nft(text + "\nadd rule inet f after meta mark 5 accept")
        for to in (to4, to6):
            self.attacker.call(_send_udp, to, port, f"<13>outsider: by {to}")
            until("the outsider's message", lambda: f"by {to}" in self.logged())
        self.start_guardd(CONFIG)
        cells, status = self.cells("logs")
        self.assertEqual(status, 2)
        for family in (4, 6):
            cell = cells["port", "logs", "udp", 514, family]
            self.assertEqual(cell["state"], "open", cell)
        return cells

    def test_another_port_by_a_map(self):
        self.arrives("table inet a { chain p { type nat hook prerouting priority -100;"
                     " udp dport 9999 meta mark set 5 redirect to :514; }\n}", self.V4, self.V6, 9999)

    def test_another_port_by_a_write(self):
        self.arrives("table inet a { chain p { type filter hook prerouting priority -300;"
                     " udp dport 9999 meta mark set 5 udp dport set 514; }\n}", self.V4, self.V6, 9999)

    def test_another_port_by_a_write_at_ingress(self):
        self.arrives("table netdev a { chain p { type filter hook ingress device eth0 priority 0;"
                     " udp dport 9999 meta mark set 5 udp dport set 514; }\n}", self.V4, self.V6, 9999)

    def test_another_address_by_a_map(self):
        self.arrives("table inet a { chain p { type nat hook prerouting priority -100;"
                     f" ip daddr {self.OTHER4} meta mark set 5 dnat ip to {self.V4};"
                     f" ip6 daddr {self.OTHER6} meta mark set 5 dnat ip6 to {self.V6}; }}\n}}",
                     self.OTHER4, self.OTHER6, 514)

    def test_another_address_that_one_chain_marks_and_another_maps(self):
        self.arrives("table inet b { chain q { type filter hook prerouting priority -200;"
                     f" ip daddr {self.OTHER4} meta mark set 5; ip6 daddr {self.OTHER6} meta mark set 5; }}\n}}\n"
                     "table inet a { chain p { type nat hook prerouting priority -100; meta mark 5 redirect; }\n}",
                     self.OTHER4, self.OTHER6, 514)

    def test_another_address_by_a_part_of_it(self):
        self.arrives("table inet a { chain p { type nat hook prerouting priority -100;"
                     " ip daddr & 0.0.0.255 == 0.0.0.200 meta mark set 5 redirect;"
                     " ip6 daddr & ::ffff == ::9 meta mark set 5 redirect; }\n}", self.OTHER4, self.OTHER6, 514)

    def test_another_address_by_a_write(self):
        self.arrives("table inet a { chain p { type filter hook prerouting priority -300;"
                     f" ip daddr {self.OTHER4} meta mark set 5 ip daddr set {self.V4};"
                     f" ip6 daddr {self.OTHER6} meta mark set 5 ip6 daddr set {self.V6}; }}\n}}",
                     self.OTHER4, self.OTHER6, 514)


class FromADumpWorld(ExposureWorld):
    """Dumps of a real ruleset, changed by hand."""

    RULES = INFRA_ONLY

    def setUp(self):
        super().setUp()
        infra.slapd(self.server)
        self.nft(self.RULES)
        self.etc = os.path.join(self.server.folder, "etc")
        os.makedirs(self.etc + "/filters.d")
        os.makedirs(self.etc + "/rules.d")
        with open(self.etc + "/guardd.yaml", "w", encoding="utf-8") as f:
            f.write(CONFIG)
        self.image = dumpfile.image(ROOT, self.etc)
        self.addCleanup(os.close, self.image)

    def take(self):
        path = os.path.join(self.server.folder, "dump")
        build = self.server.show(BUILD)
        self.server.run(os.path.join(build, "guardd-watcher"), "--dump", path)
        with open(path, "rb") as f:
            return f.read()

    def prove(self, dump, family, *more):
        """accept, drop and depends of everybody, over all ways in of eth0; why."""
        r = dumpfile.prover(dump.bytes(), "--prove", "tcp/389", "--family", str(family), "--in", "eth0", *more)
        self.assertIn(r.returncode, (0, 1, 2), r.stderr)
        rows = [json.loads(x) for x in r.stdout.splitlines()]
        self.assertTrue(rows)
        return rows

    def check(self, dump, *args):
        r = dumpfile.prover(dump.bytes(), "--check", *args, image=self.image)
        cells = [json.loads(x) for x in r.stdout.splitlines()]
        return r, {(c["port"], c["family"]): c for c in cells if c.get("kind") == "port" and c["rule"] == "ldap"}


class ByHand(FromADumpWorld):
    def test_the_dump_as_it_is(self):
        r, cells = self.check(Dump(self.take()), "ldap")
        self.assertEqual(r.returncode, 0, r.stdout + r.stderr)
        self.assertEqual({cells[389, f]["state"] for f in (4, 6)}, {"proven"})

    def test_an_attribute_from_the_future(self):
        """In the addresses' comparisons: what it means nobody knows."""
        d = Dump(self.take())
        future = raw.attr(9, 1)
        for family in (4, 6):
            before = raw.attr(2, [raw.attr(1, 1), raw.attr(2, 0), raw.attr(3, b"".join(raw.value(INSIDE[family])))])
            self.grow(d, before, future)
        r, cells = self.check(d, "ldap")
        self.assertEqual(r.returncode, 1, r.stdout + r.stderr)
        for family in (4, 6):
            self.assertEqual(cells[389, family]["state"], "depends")
            self.assertIn("cmp", json.dumps(cells[389, family]["why"]))

    def test_an_expression_from_the_future(self):
        d = Dump(self.take())
        self.assertGreater(d.replace(dumpfile.RULES, b"payload\0", b"payl0ad\0"), 0)
        r, cells = self.check(d, "ldap")
        self.assertEqual(r.returncode, 1, r.stdout + r.stderr)
        for family in (4, 6):
            self.assertEqual(cells[389, family]["state"], "depends")
            self.assertIn("payl0ad", json.dumps(cells[389, family]["why"]))

    def grow(self, d, old, more):
        """Puts `more` at the end of the attribute `old`, and lengthens all that is around it."""
        done = 0
        for r in d.records:
            if r[0] != dumpfile.RULES:
                continue
            out, at = b"", 0
            while at < len(r[2]):
                n = struct.unpack_from("=I", r[2], at)[0]
                message = r[2][at:at + n]
                grown = lengthen(message[20:], old, more)
                if grown is not None:
                    message = struct.pack("=I", 20 + len(grown)) + message[4:20] + grown
                    done += 1
                out += message + b"\0" * (-len(message) % 4)
                at += n + -n % 4
            r[2] = out
        self.assertGreater(done, 0)

    def test_vital_parts_that_could_not_be_read(self):
        whole = self.take()
        for kind, word in ((dumpfile.GENERATION, "nf_tables"), (dumpfile.TABLES, "nf_tables"),
                           (dumpfile.CHAINS, "chains"), (dumpfile.RULES, "rules"), (dumpfile.SETS, "sets"),
                           (dumpfile.ELEMENTS, "elements"), (dumpfile.LINKS, "interfaces"),
                           (dumpfile.ADDRS, "addresses"), (dumpfile.ROUTES, "routes")):
            for error in (errno.EPROTONOSUPPORT, errno.EPERM, errno.ENOMEM):
                d = Dump(whole)
                d.fail(kind, error)
                for args in (("--check",), ("--prove", "389"), ("--packets",), ("--proof",)):
                    r = dumpfile.prover(d.bytes(), *args, image=self.image, input="192.0.2.11 tcp/389\n")
                    self.assertEqual((r.returncode, r.stdout), (3, ""), (kind, error, args, r.stderr))
                    want = {errno.EPERM: "not permitted", errno.ENOMEM: "could not be read"}.get(error, word)
                    self.assertIn(want, r.stderr)
                    self.assertEqual(len(r.stderr.splitlines()), 1, r.stderr)

    def test_a_kernel_without_nf_tables(self):
        d = Dump(self.take())
        for kind in (dumpfile.CHAINS, dumpfile.RULES, dumpfile.SETS, dumpfile.ELEMENTS, dumpfile.GENERATION):
            d.records = [r for r in d.records if r[0] != kind]
        d.fail(dumpfile.TABLES, errno.EPROTONOSUPPORT)
        r = dumpfile.prover(d.bytes(), "--check", image=self.image)
        self.assertEqual(r.returncode, 3)
        self.assertIn("no nf_tables in this kernel", r.stderr)

    def test_parts_that_are_not_there_at_all(self):
        """Neither read nor failed: a dump that is none of a whole host proves nothing."""
        whole = self.take()
        for kind in (dumpfile.TABLES, dumpfile.CHAINS, dumpfile.RULES, dumpfile.LINKS, dumpfile.ADDRS, dumpfile.ROUTES):
            d = Dump(whole)
            d.records = [r for r in d.records if r[0] != kind]
            r, cells = self.check(d, "ldap")
            self.assertIn(r.returncode, (1, 2, 3), (kind, r.stdout))

    def test_a_ruleset_that_was_never_still(self):
        d = Dump(self.take())
        d.flags(dumpfile.CHANGING)
        r, cells = self.check(d, "ldap")
        self.assertEqual(r.returncode, 1, r.stdout + r.stderr)
        for family in (4, 6):
            self.assertIn("changed while it was read", json.dumps(cells[389, family]["why"]))

    def test_no_descriptor_or_none_that_is_a_dump(self):
        prover = os.path.join(BUILD, "guardd-prover")
        r = subprocess.run(["bash", "-c", 'exec "$@" 9<&-', "bash", prover, "--prove", "389"], text=True,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(r.returncode, 3)
        self.assertIn("no dump", r.stderr)
        for place in ("9</dev/null", "9</etc/passwd", "9</", "9< <(echo)"):
            r = subprocess.run(["bash", "-c", f'exec "$@" {place}', "bash", prover, "--prove", "389"], text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            self.assertEqual((r.returncode, r.stdout), (3, ""), place)
            self.assertIn("dump is damaged", r.stderr)


def lengthen(attrs, old, more):
    """The attributes with `more` at the end of each equal to old, and their parents longer; None: it is not there."""
    out, at, hit = b"", 0, False
    while at + 4 <= len(attrs):
        n, kind = struct.unpack_from("=HH", attrs, at)
        if n < 4 or at + n > len(attrs):
            return None
        one = attrs[at:at + n]
        if one[4:] == old[4:] and kind & 0x3fff == 2:
            one = struct.pack("=HH", n + len(more), kind) + one[4:] + more
            hit = True
        elif kind & 0x8000 or n > 8:
            inside = lengthen(one[4:], old, more)
            if inside is not None:
                one = struct.pack("=HH", 4 + len(inside), kind) + inside
                hit = True
        out += one + b"\0" * (-len(one) % 4)
        at += n + -n % 4
    return out if hit else None


class Jumps(FromADumpWorld):
    """Sixteen levels with the base chain are the kernel's limit; the last accepts the infrastructure."""

    DEPTH = 15
    RULES = "table inet f {\n" + "".join(
        f"  chain c{n:02} {{ tcp dport 389 jump c{n + 1:02}; }}\n" for n in range(DEPTH - 1, 0, -1)) .join(
        (f"  chain c{DEPTH:02} {{ ip saddr 192.0.2.11 accept; ip6 saddr 2001:db8:2::11 accept; }}\n",
         "  chain i { type filter hook input priority 0; policy drop; jump c01; }\n}\n"))

    def test_as_deep_as_the_kernel_allows(self):
        r, cells = self.check(Dump(self.take()), "ldap")
        self.assertEqual(r.returncode, 0, r.stdout + r.stderr)
        self.assertEqual({cells[389, f]["state"] for f in (4, 6)}, {"proven"})
        self.nft("add rule inet f c15 accept")
        r, cells = self.check(Dump(self.take()), "ldap")
        self.assertEqual({cells[389, f]["state"] for f in (4, 6)}, {"open"})

    def jump_back(self, to):
        d = Dump(self.take())
        at = raw.attr(2, "c15")
        self.assertGreater(d.replace(dumpfile.RULES, at[2:], raw.attr(2, to)[2:]), 0)
        return d

    def test_jumps_in_a_circle(self):
        for to in ("c01", "c08", "c14"):
            d = self.jump_back(to)
            for args in (("--check", "ldap"), ("--prove", "tcp/389"), ("--packets",)):
                r = dumpfile.prover(d.bytes(), *args, image=self.image, input="10.1.2.3 tcp/389\n", timeout=20)
                self.assertIn(r.returncode, (0, 1, 3), (to, args, r.stderr))
                if args[0] == "--check":
                    self.assertIn(r.returncode, (1, 3), r.stdout)
                if args[0] == "--packets" and r.returncode == 0:
                    self.assertEqual(r.stdout, "10.1.2.3 tcp/389 ?\n")

    def test_a_jump_to_nowhere(self):
        r, cells = self.check(self.jump_back("c99"), "ldap")
        self.assertIn(r.returncode, (1, 3), r.stdout)

    def test_a_goto_circle_of_all_chains_at_once(self):
        """Each chain jumps to itself in several rules: paths by the power of the depth."""
        self.nft("".join(f"add rule inet f c{n:02} tcp dport 389 jump c15\n" for n in range(1, 15)) +
                 "add rule inet f c15 tcp dport 1-1000 return\n")
        r = dumpfile.prover(self.jump_back("c01").bytes(), "--prove", "tcp/389", timeout=60)
        self.assertIn(r.returncode, (0, 1, 3), r.stderr)


class BrokenDumps(FromADumpWorld):
    RULES = INFRA_ONLY + """
table ip n { map m { type inet_service : ipv4_addr; elements = { 80 : 10.0.0.1, 443 : 10.0.0.2 }; }
  set s { type ipv4_addr . inet_service; flags interval; elements = { 10.0.0.0/8 . 1-1024 }; }
  chain p { type nat hook prerouting priority dstnat; dnat to tcp dport map @m;
    ip saddr . tcp dport @s dnat to 10.9.9.9; }
}
table ip6 x { chain i { type filter hook input priority 5; tcp dport vmap { 22 : accept, 389 : jump j }; }
  chain j { ct state new limit rate 5/second accept; fib saddr type local drop; }
}
"""
    MODES = (("--check",), ("--check", "ldap", "--explain", "--suggest"), ("--prove", "389"), ("--listeners",),
             ("--packets",))

    def ask(self, data, n, what):
        args = self.MODES[n % len(self.MODES)]
        r = dumpfile.prover(data, *args, image=self.image, input="10.1.2.3 tcp/389\n2001:db8::1 tcp/389\n", timeout=60)
        self.assertIn(r.returncode, (0, 1, 2, 3), (what, args, r.stderr))
        if r.returncode == 3 and "--packets" not in args:
            self.assertTrue(r.stderr.startswith("guardd-prover: "), (what, r.stderr))
        if r.returncode != 3 and "--listeners" not in args:
            self.assertTrue(r.stdout, (what, args, r.stderr))
        return r

    def test_cut_off_anywhere(self):
        whole = self.take()
        lengths = sorted({*range(0, 120, 7), *range(120, len(whole), max(1, len(whole) // 200)), len(whole) - 1})
        for n, length in enumerate(lengths):
            r = self.ask(whole[:length], n, f"cut at {length}")
            self.assertEqual(r.returncode, 3, length)
            self.assertIn("dump is damaged", r.stderr)
            # Also where its head says that this is all.
            self.ask(dumpfile.resized(whole[:length - length % 8]), n, f"cut at {length}, resized")

    def test_records_that_end_early(self):
        whole = self.take()
        rand = random.Random(3)
        for n in range(150):
            d = Dump(whole)
            r = rand.choice([x for x in d.records if len(x[2]) > 4])
            r[2] = r[2][:rand.randrange(len(r[2]))]
            self.ask(d.bytes(), n, f"record {r[0]} cut to {len(r[2])}")

    def test_bits_that_fell_over(self):
        whole = self.take()
        rand = random.Random(1)
        for n in range(300):
            data = bytearray(whole)
            for _ in range(rand.choice((1, 1, 3, 30))):
                data[rand.randrange(dumpfile.HEAD, len(data))] = rand.choice((0, 1, 0xff, 0x80, rand.randrange(256)))
            self.ask(bytes(data), n, f"flip {n}")

    def test_bits_of_the_ruleset_alone(self):
        whole = self.take()
        rand = random.Random(2)
        for n in range(300):
            d = Dump(whole)
            for _ in range(rand.choice((1, 2, 8))):
                r = rand.choice([x for x in d.records if x[0] <= 8 and x[2]])
                data = bytearray(r[2])
                data[rand.randrange(len(data))] = rand.choice((0, 1, 0xff, 0x80, rand.randrange(256)))
                r[2] = bytes(data)
            self.ask(d.bytes(), n, f"ruleset flip {n}")

    def test_nonsense(self):
        rand = random.Random(4)
        head = self.take()[:dumpfile.HEAD]
        for n in range(60):
            self.ask(rand.randbytes(rand.randrange(5000)), n, f"random {n}")
            self.ask(dumpfile.resized(head + rand.randbytes(8 * rand.randrange(500))), n, f"random behind a head {n}")
        self.ask(dumpfile.resized(head), 0, "nothing behind a head")


if __name__ == "__main__":
    main()
