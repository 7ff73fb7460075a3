# SPDX-License-Identifier: GPL-2.0-or-later
"""guardd-keeper alone against a real kernel: table, bans, never-ban list, repair, published ports, log sources."""
import os
import select
import socket
import struct
import subprocess
import sys
import time

from keeper import BUILD, EXTEND, HOST_ONLY, MSG, NEVER, NEVER_ENDS, OPENED, RESYNC, Keeper, prefix_bytes
from lib import World, until

MAIL = ("mail", [(6, 25, 25), (6, 587, 587)])
WEB = ("web", [(6, 80, 80), (6, 8000, 8010)])
FAMILIES = {"v4": ("198.51.100.1", "198.51.100.7", "203.0.113.7"),
            "v6": ("2001:db8:1::1", "2001:db8:1::7", "2001:db8:7::7")}


def talk(source, address, port):
    """Connects from source, and says one line; returns the socket, or None."""
    s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    s.settimeout(1.0)
    try:
        s.bind((source, 0))
        s.connect((address, port))
        return s.recv(10) == b"hello\n"
    except OSError:
        return False
    finally:
        s.close()


class KeeperAlone(World):
    def start(self, **conf):
        self.keeper = Keeper(self.server, **conf)
        return self.keeper

    def tearDown(self):
        if getattr(self, "keeper", None) and self.keeper.proc.poll() not in (None, 0):
            sys.stderr.write(self.keeper.said())
        super().tearDown()

    def test_table_is_readable_and_kept_by_the_next_keeper(self):
        k = self.start(services=[MAIL, WEB], never=["192.0.2.0/24", "2001:db8:aa::/48"])
        self.assertEqual(k.resync(), RESYNC["made"])
        text = k.table()
        for want in ("type filter hook prerouting priority mangle; policy accept;", "ct direction reply accept",
                     "ip saddr @allow4 accept", "ip6 saddr @allow6 accept", "ip saddr @host4 counter packets 0 bytes 0 drop",
                     "ip6 saddr & ffff:ffff:ffff:ffff:: == @net6", "ip6 saddr @prefix6 counter",
                     "th dport @ports_mail ip saddr @host4_mail counter", "type inet_proto . inet_service",
                     "tcp . 25", "tcp . 8000-8010", "192.0.2.0/24", "2001:db8:aa::/48", "127.0.0.0/8"):
            self.assertIn(want, text)
        self.assertEqual(k.ban("203.0.113.9").status, 0)
        self.assertEqual(k.ban("2001:db8:5:6::/64", span=None).until, NEVER_ENDS)
        self.assertEqual(k.ban("203.0.112.0/24").status, 0)
        self.assertEqual(k.stop(), 0)
        k = self.start(services=[MAIL, WEB])
        self.assertEqual(k.resync(), RESYNC["start"])
        for p in ("203.0.113.9", "2001:db8:5:6::/64"):
            self.assertEqual(k.lookup(p).status, 0)
        self.assertIn("203.0.112.0/24", k.table())
        # The book is sent again: neither shorter nor refused.
        left = k.lookup("203.0.113.9").until
        self.assertGreaterEqual(k.ban("203.0.113.9", 60, flags=EXTEND).until, left - 10000)
        self.assertEqual(k.ban("203.0.112.0/24", 7200, flags=EXTEND).status, 0)
        self.assertIn("timeout 2h", k.table())
        # One that holds what an earlier life left: refused at first, put right by the resync.
        k.ban("203.0.0.0/16")
        until("the wide one", lambda: k.ban("203.0.0.0/16", flags=EXTEND).status == 0 and "203.0.0.0/16" in k.table())
        k.stop()
        keeper = os.path.join(BUILD, "guardd-keeper")
        self.server.run(keeper, "--clean")
        self.assertNotIn("guardd", self.server.run("nft", "list", "ruleset").stdout)
        self.server.run(keeper, "--clean")

    def test_foreign_table_of_another_shape_gives_way(self):
        for foreign in ("set host4 { type inet_service; }", "chain guard { type filter hook input priority 0; }",
                        "set host4 { type ipv4_addr; }\nchain x { ip saddr @host4 drop; }",
                        "map host6 { type ipv6_addr : verdict; }"):
            self.server.run("nft", "-f", "-", input=f"table inet guardd {{\n{foreign}\n}}")
            k = self.start()
            k.resync()
            self.assertEqual(k.ban("203.0.113.9").status, 0, foreign)
            self.assertEqual(k.ban("2001:db8:9::9").status, 0, foreign)
            self.assertIn("prerouting", k.table())
            k.stop()
            self.server.run(os.path.join(BUILD, "guardd-keeper"), "--clean")

    def test_new_and_established_are_dropped_v4(self):
        self.dropped("v4")

    def test_new_and_established_are_dropped_v6(self):
        self.dropped("v6")

    def dropped(self, family):
        server, near, far = FAMILIES[family]
        k = self.start(services=[MAIL])
        for port in (22, 25):
            self.server.listen(server, port)
        net = {"v4": "203.0.113.0/24", "v6": "2001:db8:7::/48"}[family]
        for prefix, scope, closed in ((far, 0, (22, 25)), (far, 1, (25,)), (net, 0, (22, 25)), (net, 1, (25,))):
            held = self.attacker.popen(sys.executable, "-u", "-c", HOLD, far, server, "25", stdin=-1, stdout=-1, text=True)
            self.assertEqual(held.stdout.readline(), "open\n")
            self.assertEqual(k.ban(prefix, scope=scope).status, 0)
            held.stdin.write("\n")
            held.stdin.flush()
            self.assertEqual(held.stdout.readline(), "silent\n", f"{prefix} {scope}")
            for port in (22, 25):
                self.assertEqual(self.attacker.call(talk, far, server, port), port not in closed, f"{prefix} {port}")
                self.assertTrue(self.attacker.call(talk, near, server, port))
            gone = k.unban(prefix, scope=scope)
            self.assertEqual(gone.status, 0)
            self.assertGreater(gone.packets, 0)
            self.assertGreater(gone.bytes, 40)
            self.assertTrue(self.attacker.call(talk, far, server, 25))
            self.assertEqual(k.unban(prefix, scope=scope).status, -2)

    def test_own_connections_and_neighbours_live(self):
        k = self.start()
        self.addresses(self.attacker, "eth0", "198.51.100.8/24", "2001:db8:1::8/64")
        for address, peer in (("198.51.100.1", "198.51.100.8"), ("2001:db8:1::1", "2001:db8:1::8")):
            self.attacker.listen(peer, 25)
            self.assertEqual(k.ban(peer).status, 0)
            self.assertTrue(self.server.call(talk, address, peer, 25))
            self.assertFalse(self.attacker.call(talk, peer, address, 25))
        # The on-link /64 holds the machine's own address: the host alone is banned.
        got = k.ban("2001:db8:1::/64", host="2001:db8:1::66")
        self.assertEqual((got.status, got.prefix), (HOST_ONLY, "2001:db8:1::66"))
        # A network of which the machine has no address is banned whole; its neighbours are still found.
        self.server.run("ip", "-6", "route", "add", "2001:db8:77::/64", "dev", "eth0")
        self.addresses(self.attacker, "eth0", "2001:db8:77::7/64")
        self.attacker.listen("2001:db8:77::7", 26)
        self.assertEqual(k.ban("2001:db8:77::/64").status, 0)
        self.server.run("ip", "-6", "neigh", "flush", "dev", "eth0")
        self.attacker.run("ip", "-6", "neigh", "flush", "dev", "eth0")
        self.assertTrue(self.server.call(talk, "2001:db8:1::1", "2001:db8:77::7", 26))
        self.assertGreater(self.server.run("ip", "-6", "neigh").stdout.count("2001:db8:77::7"), 0)
        self.assertFalse(self.attacker.call(talk, "2001:db8:77::7", "2001:db8:1::1", 22))

    def test_never_ban_list(self):
        k = self.start(never=["192.0.2.0/28", "2001:db8:aa:1::7"])
        own = k.own()
        self.assertEqual(own["198.51.100.1"], 1)
        self.assertEqual(own["2001:db8:1::1"], 1)
        self.assertEqual(own["127.0.0.1"], 1)
        self.assertEqual(own[self.GATE4], 2)
        self.assertEqual(own[self.GATE6], 2)
        for p, host, want in (("192.0.2.3", None, (NEVER, "192.0.2.0/28")), ("127.9.9.9", None, (NEVER, "127.0.0.0/8")),
                              ("0.0.0.0/0", None, (NEVER, None)), ("::/0", "2001:db8:5::5", (HOST_ONLY, "2001:db8:5::5")),
                              ("192.0.0.0/16", "192.0.9.9", (HOST_ONLY, "192.0.9.9")),
                              ("192.0.0.0/16", "192.0.2.9", (NEVER, "192.0.2.0/28")),
                              ("2001:db8:aa:1::/64", "2001:db8:aa:1::8", (HOST_ONLY, "2001:db8:aa:1::8")),
                              ("2001:db8:aa::/48", None, (NEVER, "2001:db8:aa:1::7"))):
            got = k.ban(p, host=host)
            self.assertEqual(got.status, want[0], p)
            if want[1]:
                self.assertEqual(got.prefix, want[1])
        # Addresses, bridges and gateways that come later.
        self.server.run("ip", "link", "add", "br9", "type", "bridge")
        self.server.run("ip", "link", "set", "br9", "up")
        self.server.run("ip", "addr", "add", "172.31.0.1/24", "dev", "br9")
        self.server.run("ip", "addr", "add", "2001:db8:31::1/64", "dev", "br9", "nodad")
        self.server.run("ip", "route", "add", "192.88.0.0/16", "via", "198.51.100.66")
        self.server.run("ip", "-6", "route", "add", "2001:db8:88::/48", "via", "2001:db8:1::66")
        until("own addresses", lambda: k.own().items() >= {"172.31.0.1": 4, "2001:db8:31::1": 4, "198.51.100.66": 2,
                                                           "2001:db8:1::66": 2}.items())
        self.assertEqual(k.ban("172.31.0.1").status, NEVER)
        self.assertIn("2001:db8:1::66", k.table())
        self.server.run("ip", "addr", "del", "172.31.0.1/24", "dev", "br9")
        until("an address that went", lambda: "172.31.0.1" not in k.own())
        self.assertEqual(k.ban("172.31.0.1").status, 0)

    def test_resolvers_are_read_again_when_replaced(self):
        etc = self.server.hide("/etc")
        with open(etc + "/resolv.conf", "w", encoding="utf-8") as f:
            f.write("# x\nsearch example.org\nnameserver 192.0.2.53\nnameserver\t2001:db8:53::53%eth0\n")
        k = self.start()
        own = k.own()
        self.assertEqual((own["192.0.2.53"], own["2001:db8:53::53"]), (3, 3))
        self.assertEqual(k.ban("192.0.2.53").status, NEVER)
        with open(etc + "/new", "w", encoding="utf-8") as f:
            f.write("nameserver 192.0.2.54\n")
        os.rename(etc + "/new", etc + "/resolv.conf")
        self.assertNotIn("192.0.2.53", k.own())
        self.assertEqual(k.ban("192.0.2.54").status, NEVER)
        self.assertEqual(k.ban("192.0.2.53").status, 0)

    def test_extend_never_shortens(self):
        k = self.start()
        for p in ("203.0.113.9", "2001:db8:9::9", "2001:db8:9:9::/64", "203.0.113.0/24", "2001:db8:9::/48"):
            first = k.ban(p, 1000)
            same = k.ban(p, 500, flags=EXTEND)
            self.assertEqual(same.status, 0)
            self.assertLess(abs(same.until - first.until), 100000, p)
            longer = k.ban(p, 2000, flags=EXTEND)
            self.assertLess(abs(k.lookup(p).until - longer.until), 100000)
            self.assertGreater(longer.until, first.until + 9 * 10**8)
            self.assertEqual(k.ban(p, None, flags=EXTEND).until, NEVER_ENDS)
            self.assertEqual(k.ban(p, 10, flags=EXTEND).until, NEVER_ENDS)
            self.assertEqual(k.lookup(p).until, NEVER_ENDS)
            self.assertEqual(k.unban(p).status, 0)
            self.assertEqual(k.lookup(p).status, -2)

    def test_counters_go_with_the_replaced_element(self):
        k = self.start()
        server, _, far = FAMILIES["v4"]
        k.ban(far)
        self.assertFalse(self.attacker.call(talk, far, server, 22))
        seen = k.lookup(far)
        self.assertGreater(seen.packets, 0)
        replaced = k.ban(far, 7200, flags=EXTEND)
        self.assertGreaterEqual(replaced.packets, seen.packets)
        self.assertEqual(k.ban(far, 60, flags=EXTEND).packets, 0)

    def test_an_ended_ban_can_be_deleted_and_extended(self):
        k = self.start()
        for p in ("203.0.113.9", "203.0.112.0/24", "2001:db8:9:9::/64", "2001:db8:9::/48"):
            k.ban(p, 0.2)
        until("they end", lambda: all(k.lookup(p).status == -2 for p in ("203.0.113.9", "2001:db8:9::/48")))
        for p in ("203.0.113.9", "203.0.112.0/24", "2001:db8:9:9::/64", "2001:db8:9::/48"):
            self.assertIn(k.unban(p).status, (0, -2))
            self.assertEqual(k.ban(p, 100, flags=EXTEND).status, 0)
            self.assertEqual(k.lookup(p).status, 0)

    def test_overlapping_prefixes(self):
        k = self.start()
        for wide, small, inside in (("10.8.0.0/16", "10.8.3.0/24", "10.8.3.64/26"),
                                    ("2001:db8:80::/44", "2001:db8:83::/48", "2001:db8:83:40::/58")):
            for p in (small, wide, inside):
                self.assertEqual(k.ban(p).status, 0)
            self.assertIn(wide, k.table())
            self.assertNotIn(small, k.table())
            self.assertEqual(k.lookup(small).status, 0)
            self.assertEqual(k.unban(wide).status, 0)
            self.assertNotIn(wide, k.table())
            self.assertIn(small, k.table())
            k.unban(small)
            self.assertIn(inside, k.table())
            # A wide ban that ends by itself brings back what it hid.
            k.ban(wide, 0.5)
            self.assertNotIn(inside, k.table())
            until("the smaller one is back", lambda: inside in k.table())

    def test_foreign_changes_are_repaired(self):
        k = self.start(services=[MAIL])
        k.resync()
        for p in ("203.0.113.9", "2001:db8:9:9::/64", "203.0.112.0/24", "2001:db8:9::/48"):
            k.ban(p)
        for damage, why in (("flush ruleset", "made"), ("delete table inet guardd", "made"),
                            ("flush table inet guardd", "repaired"), ("flush chain inet guardd guard", "repaired"),
                            ("flush set inet guardd host4", "repaired"),
                            ("delete element inet guardd host4 { 203.0.113.9 }", "repaired"),
                            ("delete element inet guardd prefix4 { 203.0.112.0/24 }", "repaired"),
                            ("add rule inet guardd guard accept", "repaired"),
                            ("insert rule inet guardd guard accept", "repaired"),
                            ("chain inet guardd guard { policy drop; }", "repaired"),
                            ("add table inet guardd { flags dormant; }", "repaired"),
                            ("flush set inet guardd allow4", "repaired"), ("flush set inet guardd ports_mail", "repaired")):
            before = k.table()
            self.server.run("nft", damage)
            self.assertEqual(k.resync(), RESYNC[why], damage)
            if "host4" in damage or why == "made":
                self.assertEqual(k.ban("203.0.113.9").status, 0)
                self.assertEqual(k.ban("2001:db8:9:9::/64").status, 0)
            after = k.table()
            for text in ("203.0.112.0/24", "2001:db8:9::/48", "203.0.113.9", "127.0.0.0/8", "tcp . 25"):
                self.assertIn(text, after, damage)
            self.assertNotIn("dormant", after)
            self.assertNotIn("policy drop", after)
            self.assertEqual(after.count(" drop\n"), before.count(" drop\n"), damage)
            time.sleep(0.06)  # not a burst
        self.assertIn("changed by nft", k.said())

    def test_own_changes_wake_nobody_and_idle_is_quiet(self):
        k = self.start()
        k.ban("203.0.113.9")
        k.resync()
        time.sleep(0.5)
        switches = [int(x.split()[1]) for x in open(f"/proc/{k.proc.pid}/status", encoding="ascii")
                    if "ctxt_switches" in x]
        time.sleep(1.5)
        again = [int(x.split()[1]) for x in open(f"/proc/{k.proc.pid}/status", encoding="ascii")
                 if "ctxt_switches" in x]
        self.assertEqual(switches, again)
        self.assertNotIn("changed by", k.said())
        self.assertFalse(k.judge.read(0) and any(m[0] == "RESYNC" for m in k.judge.got))

    def test_reload_keeps_bans_of_scopes_that_stay(self):
        k = self.start(services=[MAIL, WEB])
        k.ban("203.0.113.9", scope=2)
        k.ban("203.0.112.0/24", scope=2)
        k.ban("203.0.113.8")
        k.own()
        k.config(services=[WEB, ("ldap", [(6, 389, 389)])], early=True)
        k.own()
        text = k.table()
        self.assertNotIn("_mail", text)
        self.assertIn("@host4_ldap", text)
        self.assertIn("priority raw - 10;", text)
        self.assertNotIn("ct direction", text)
        self.assertEqual(k.lookup("203.0.113.9", scope=1).status, 0)
        self.assertEqual(k.lookup("203.0.112.0/24", scope=1).status, 0)
        self.assertEqual(k.lookup("203.0.113.8").status, 0)
        self.assertEqual(k.lookup("203.0.113.8", scope=3).status, -22)

    def test_without_capabilities_nothing_is_said_to_be_in_force(self):
        k = self.start(caps=False)
        self.assertEqual(k.ban("203.0.113.9").status, -1)
        self.assertEqual(k.ban("2001:db8::/64").status, -1)
        self.assertIn("Operation not permitted", k.said())

    def published(self, k, text, port):
        until(f"port {port} is known", lambda: f"tcp . {port}" in k.table())
        self.assertIn(f"tcp . {port}", k.table(), text)

    def test_published_ports(self):
        k = self.start(services=[MAIL])
        rules = {2525: "ip daddr 198.51.100.1 tcp dport 2525 dnat to 172.30.0.2:25",
                 2626: "meta l4proto tcp th dport 2626 redirect to :25",
                 2727: "dnat ip to tcp dport map { 2727 : 172.30.0.2 . 25, 2600 : 172.30.0.3 . 26 }",
                 2828: "ip daddr 198.51.100.1 tcp dport { 2828, 2600 } dnat to 172.30.0.2:25",
                 2929: "ip6 daddr 2001:db8:1::1 tcp dport 2929 dnat ip6 to [fd00::2]:25"}
        for port, rule in rules.items():
            self.server.run("nft", "-f", "-", input=f"table inet n{port} {{ chain p {{ type nat hook prerouting "
                            f"priority dstnat; {rule}\n}}\n}}")
            self.published(k, rule, port)
        self.assertNotIn("2600-", k.table())
        self.server.run("nft", "delete", "table", "inet", "n2525")
        until("the port is forgotten", lambda: "tcp . 2525" not in k.table())

    def test_published_ports_of_iptables_nft(self):
        if subprocess.run(["sh", "-c", "command -v iptables-nft"], stdout=subprocess.DEVNULL, check=False).returncode:
            self.skipTest("no iptables-nft")
        k = self.start(services=[MAIL])
        for tool, port, to in (("iptables-nft", 3525, "172.17.0.2:25"), ("ip6tables-nft", 3626, "[fd00:17::2]:25")):
            self.server.run(tool, "-t", "nat", "-N", "DOCKER")
            self.server.run(tool, "-t", "nat", "-A", "DOCKER", "!", "-i", "docker0", "-p", "tcp", "-m", "tcp",
                            "--dport", port, "-j", "DNAT", "--to-destination", to)
            self.published(k, tool, port)
        for tool, port in (("iptables-nft", 3727), ("ip6tables-nft", 3828)):
            self.server.run(tool, "-t", "nat", "-A", "PREROUTING", "-p", "tcp", "--dport", port, "-j", "REDIRECT",
                            "--to-ports", "25")
            self.published(k, tool, port)

    def test_dnat_published_port_is_dropped(self):
        k = self.start(services=[MAIL])
        for family, (server, _, far) in FAMILIES.items():
            box = self.host("box" + family)
            inner, gw, length = {"v4": ("172.30.0.2", "172.30.0.1", 24), "v6": ("fd00:30::2", "fd00:30::1", 64)}[family]
            self.link(self.server, "vb" + family, box, "eth0")
            self.addresses(self.server, "vb" + family, f"{gw}/{length}")
            self.addresses(box, "eth0", f"{inner}/{length}")
            box.run("ip", "route", "add", "default", "via", gw)
            self.server.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
            fam, to = ("ip", f"{inner}:25") if family == "v4" else ("ip6", f"[{inner}]:25")
            self.server.run("nft", "-f", "-", input=f"table {fam} nat {{ chain p {{ type nat hook prerouting priority "
                            f"dstnat; {fam} daddr {server} tcp dport 8025 dnat to {to}\n}}\n}}")
            box.listen(inner, 25)
            self.published(k, fam, 8025)
            self.assertTrue(self.attacker.call(talk, far, server, 8025))
            k.ban(far, scope=1)
            self.assertFalse(self.attacker.call(talk, far, server, 8025))

    def test_bulk_of_100000_and_its_pace(self):
        k = self.start()
        k.resync()
        records, stop = [], int((time.time() + 36000) * 1e6)
        for i in range(100000):
            p = prefix_bytes(f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}" if i % 2 else
                             f"2001:db9:{i >> 16:x}:{i & 65535:x}::/64")
            records.append(struct.pack("<HHI", MSG["BAN"], 0, i) + struct.pack("<18s17sxII4xq", p, bytes(17), 0, 0, stop)
                           .ljust(88, b"\0"))
        packets = [b"".join(records[i:i + 128]) for i in range(0, len(records), 128)]
        k.judge.sock.setblocking(False)
        got, start = [], time.monotonic()
        answered = 0
        while answered < 100000:
            while packets:
                try:
                    k.judge.sock.send(packets[0])
                    packets.pop(0)
                except BlockingIOError:
                    break
            try:
                data = k.judge.sock.recv(96 * 128)
                got.append(data)
                answered += len(data) // 96
            except BlockingIOError:
                select.select([k.judge.sock], [k.judge.sock] if packets else [], [], 10)
        ours = time.monotonic() - start
        for data in got:
            for at in range(0, len(data), 96):
                self.assertEqual(struct.unpack_from("<i", data, at + 8 + 24)[0], 0)
        self.assertEqual(k.lookup("10.0.0.1").status, 0)
        self.assertEqual(k.lookup("2001:db9:1:869e::/64").status, 0)
        script = "table inet peer { set a { type ipv4_addr; flags timeout; counter; }\nset b { type ipv6_addr; " \
            "flags timeout; counter; }\n}\n"
        script += "add element inet peer a {" + ",".join(
            f"10.{i >> 16}.{i >> 8 & 255}.{i & 255} timeout 10h" for i in range(1, 100000, 2)) + "}\n"
        script += "add element inet peer b {" + ",".join(
            f"2001:db9:{i >> 16:x}:{i & 65535:x}:: timeout 10h" for i in range(0, 100000, 2)) + "}\n"
        with open(self.server.folder + "/peer.nft", "w", encoding="utf-8") as f:
            f.write(script)
        start = time.monotonic()
        self.server.run("nft", "-f", self.server.folder + "/peer.nft")
        theirs = time.monotonic() - start
        sys.stderr.write(f"100,000 bans: {ours:.3f} s, nft -f of the same {theirs:.3f} s\n")

    def test_sources(self):
        logs = self.server.folder + "/logs"
        os.makedirs(logs + "/app1")
        os.chmod(self.server.folder, 0o755)
        for name in ("a.log", "a.log.1", "a.log.2.gz", "app1/x.log"):
            with open(f"{logs}/{name}", "w", encoding="utf-8") as f:
                f.write(f"this is {name}\n")
            os.chmod(f"{logs}/{name}", 0o600)
        os.mkfifo(logs + "/f.log")
        box = "0123456789abcdef" * 4
        os.makedirs(f"{logs}/docker/{box}")
        for name in ("config.v2.json", f"{box}-json.log"):
            with open(f"{logs}/docker/{box}/{name}", "w", encoding="utf-8") as f:
                f.write("{}\n")
        k = self.start(sources=[(1, logs + "/a.log"), (1, logs + "/*/x.log"), (1, logs + "/later/y.log"),
                                (1, logs + "/f.log"), (3, logs + "/docker"), (2, ""), (2, logs + "/journal")])
        r = k.peer("reader")
        r.send("HELLO")
        inotify = r.wait("INOTIFY")[3]

        def scan(source):
            r.got.clear()
            r.send("SCAN", struct.pack("<I", source), 100 + source)
            end = r.wait("SCANNED", ident=100 + source)
            opened = [(struct.unpack_from(OPENED, m[2]), m[3]) for m in r.got if m[0] == "OPENED"]
            names = b"".join(m[2][12:12 + struct.unpack_from("<H", m[2], 10)[0]] for m in r.got if m[0] == "NAME")
            watched = [struct.unpack_from("<iII", m[2]) for m in r.got if m[0] == "WATCHED"]
            return opened, names.decode(), watched, struct.unpack_from("<IIiI", end[2])

        opened, name, watched, end = scan(0)
        self.assertEqual((len(opened), name, end), (1, logs + "/a.log", (0, 1, 0, 0)))
        (source, inst, wd, status, _, ino, _, what, _), fd = opened[0]
        self.assertEqual((source, status, what, ino), (0, 0, 0, os.stat(logs + "/a.log").st_ino))
        self.assertEqual(os.read(fd, 100), b"this is a.log\n")
        self.assertGreaterEqual(len(watched), 4)
        with open(logs + "/a.log", "a", encoding="utf-8") as f:
            f.write("more\n")
        self.assertEqual(struct.unpack_from("<iI", os.read(inotify, 4096)), (wd, 2))
        opened, name, _, end = scan(1)
        self.assertEqual((len(opened), name, end[1]), (1, logs + "/app1/x.log", 1))
        opened, _, watched, end = scan(2)
        self.assertEqual((opened, end[2]), ([], -2))
        os.makedirs(logs + "/later")
        events = os.read(inotify, 4096)
        self.assertIn(b"later", events)
        self.assertIn(struct.unpack_from("<i", events)[0], [w[0] for w in watched])
        with open(logs + "/later/y.log", "w", encoding="utf-8") as f:
            f.write("y\n")
        self.assertEqual(scan(2)[3], (2, 1, 0, 0))
        opened, _, _, end = scan(3)
        self.assertEqual((opened[0][0][3], opened[0][1], end[1]), (-22, None, 0))
        opened, name, _, end = scan(4)
        self.assertEqual(([o[0][7] for o in opened], name, end[1]), ([1, 0], box, 1))
        self.assertEqual(opened[0][0][1], opened[1][0][1])
        self.assertEqual(scan(6)[3][2], -2)
        os.makedirs(logs + "/journal")
        open(logs + "/journal/system.journal", "w", encoding="utf-8").close()
        self.assertEqual(scan(6)[3][2], 0)
        self.assertIn(scan(5)[3][2], (0, -2))
        r.send("FIND", struct.pack("<IIQQII", 0, inst, os.stat(logs + "/a.log.1").st_ino, 0, 0, 0), 7)
        found = r.wait("FOUND", ident=7)
        self.assertEqual(os.read(found[3], 100), b"this is a.log.1\n")
        r.send("FIND", struct.pack("<IIQQII", 0, inst, 1, 0, 0, 0), 8)
        self.assertEqual(struct.unpack_from(OPENED, r.wait("FOUND", ident=8)[2])[3], -2)
        with open(f"/proc/{k.proc.pid}/status", encoding="ascii") as f:
            text = f.read()
        for want in ("Seccomp:\t2", "NoNewPrivs:\t1", "CapEff:\t0000000000001004", "CapPrm:\t0000000000001004"):
            self.assertIn(want, text)
        r.send("SCAN", struct.pack("<I", 99))
        self.assertEqual(struct.unpack_from("<I", k.supervisor.wait("BROKEN")[2])[0], ROLE_READER)


ROLE_READER = 3  # src/wire/msg.h, enum role

HOLD = """
import socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[2] else socket.AF_INET)
s.bind((sys.argv[1], 0))
s.connect((sys.argv[2], int(sys.argv[3])))
s.recv(10)
print("open")
for _ in sys.stdin:
    s.settimeout(1)
    try:
        s.send(b"one\\n")
        print(s.recv(10) and "echo")
    except OSError:
        print("silent")
"""
