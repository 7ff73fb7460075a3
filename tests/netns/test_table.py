# SPDX-License-Identifier: GPL-2.0-or-later
"""What the kernel does with a ban: dropped everywhere, own connections alive, repaired, left in place."""
import time

import logs
from lib import World, main, until

RULE = "ban: ssh\nfilters: [sshd]\npoints: 5\nwithin: 10m\nfor: 1h\n"


class Table(World):
    def setUp(self):
        super().setUp()
        self.log = self.server.folder + "/var-log/auth.log"
        open(self.log, "w", encoding="utf-8").close()

    def ban_by_log(self, address, expect=None):
        now = time.time()
        with open(self.log, "a", encoding="utf-8") as f:
            f.write("".join(logs.failed(address, now) for _ in range(5)))
        return self.guardd.wait_ban(expect or logs.banned_as(address))

    def test_new_and_established_connections_are_dropped_v4(self):
        self.dropped(self.V4, self.FROM4)

    def test_new_and_established_connections_are_dropped_v6(self):
        self.dropped(self.V6, self.FROM6)

    def dropped(self, address, source):
        self.start_guardd(files={"rules.d/ssh.yaml": RULE})
        self.server.listen(address, 2222)
        talk = self.attacker.popen("python3", "-u", "-c", _TALK, address, "2222", source, stdin=-1, stdout=-1, text=True)
        self.assertEqual(talk.stdout.readline(), "hello\n")
        self.assertEqual(self.say(talk), "one\n")
        self.ban_by_log(source, source)
        self.assertEqual(self.say(talk), "timed out\n")
        self.assertEqual(self.attacker.connects(address, 2222, 1.5, source), "silent")
        counted = self.guardd.bans(source)[source]
        self.assertGreater(counted["packets"], 0)
        self.assertGreater(counted["bytes"], 0)

    @staticmethod
    def say(p):
        p.stdin.write("one\n")
        p.stdin.flush()
        return p.stdout.readline()

    def test_own_connection_to_a_banned_address_goes_on_v4(self):
        self.own_outgoing(self.FROM4)

    def test_own_connection_to_a_banned_address_goes_on_v6(self):
        self.own_outgoing(self.FROM6)

    def own_outgoing(self, peer):
        self.start_guardd(files={"rules.d/ssh.yaml": RULE})
        self.attacker.listen(peer, 25)
        talk = self.server.popen("python3", "-u", "-c", _TALK, peer, "25", stdin=-1, stdout=-1, text=True)
        self.assertEqual(talk.stdout.readline(), "hello\n")
        self.ban_by_log(peer, peer)
        self.assertEqual(self.say(talk), "one\n")
        self.assertEqual(self.server.connects(peer, 25), "open")

    def test_on_link_neighbours_live_when_a_neighbour_is_banned(self):
        """Neighbour discovery of the banned host still works, and others of its network are served."""
        self.start_guardd(files={"rules.d/ssh.yaml": RULE})
        self.ban_by_log(self.FROM6, self.FROM6)
        self.addresses(self.attacker, "eth0", "2001:db8:1::8/64")
        self.server.listen(self.V6, 2222)
        self.server.run("ip", "-6", "neigh", "flush", "dev", "eth0")
        self.attacker.run("ip", "-6", "neigh", "flush", "dev", "eth0")
        self.assertEqual(self.attacker.connects(self.V6, 2222, 1.5, "2001:db8:1::8"), "open")
        self.assertEqual(self.attacker.connects(self.V6, 2222, 1.5, self.FROM6), "silent")

    def test_published_container_port_v4(self):
        self.forwarded("172.30.0.2", "172.30.0.1", 24, self.V4, self.FROM4)

    def test_published_container_port_v6(self):
        self.forwarded("2001:db8:30::2", "2001:db8:30::1", 64, self.V6, self.FROM6)

    def forwarded(self, inner, gateway, length, public, source):
        """Docker's way: DNAT of public port 8025 to a container's port 25; the container is a namespace."""
        box = self.host("container")
        self.link(self.server, "vbox", box, "eth0")
        self.addresses(self.server, "vbox", f"{gateway}/{length}")
        self.addresses(box, "eth0", f"{inner}/{length}")
        box.run("ip", "route", "add", "default", "via", gateway)
        self.server.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        fam = "ip6" if ":" in inner else "ip"
        to = f"[{inner}]:25" if ":" in inner else f"{inner}:25"
        self.server.run("nft", "-f", "-", input=f"""table {fam} nat {{
            chain PREROUTING {{ type nat hook prerouting priority dstnat;
                {fam} daddr {public} tcp dport 8025 dnat to {to}
            }}
            }}""")
        box.listen(inner, 25)
        mail = ("ban: mail-test\nfilters: [sshd]\npoints: 5\nwithin: 10m\nfor: 1h\n"
                "scope: service\nports: [tcp/25]\n")
        off = "ban: ssh\nfilters: [sshd, dropbear]\npoints: 5\nwithin: 10m\nfor: 1h\nenabled: no\n"
        self.start_guardd(files={"rules.d/mail-test.yaml": mail, "rules.d/ssh.yaml": off})
        self.server.listen(public, 2222)
        talk = self.attacker.popen("python3", "-u", "-c", _TALK, public, "8025", source, stdin=-1, stdout=-1, text=True)
        self.assertEqual(talk.stdout.readline(), "hello\n")
        self.assertEqual(self.say(talk), "one\n")
        self.ban_by_log(source, source)
        self.assertEqual(self.say(talk), "timed out\n")
        self.assertEqual(self.attacker.connects(public, 8025, 1.5, source), "silent")
        self.assertEqual(self.attacker.connects(public, 2222, 1.5, source), "open", "the service's ban is for its ports alone")

    def test_flushed_ruleset_is_repaired(self):
        self.start_guardd(files={"rules.d/ssh.yaml": RULE})
        for a in ("192.0.2.5", "2001:db8:55::5"):
            self.ban_by_log(a)
        for damage in ("flush ruleset", "delete table inet guardd", "flush table inet guardd",
                       "flush set inet guardd host4"):
            self.server.run("nft", damage)
            until(f"repair after '{damage}'", lambda: self.guardd.kernel_has("host4", "192.0.2.5")
                  and self.guardd.kernel_has("net6", "2001:db8:55::")
                  and "drop" in self.server.run("nft", "list", "table", "inet", "guardd").stdout)
        until("told", lambda: self.guardd.said("table"))

    def test_bans_outlive_the_daemon_and_clean_removes_them(self):
        self.start_guardd(files={"rules.d/ssh.yaml": RULE})
        self.server.listen(self.V4, 2222)
        self.ban_by_log(self.FROM4)
        self.guardd.stop()
        self.assertEqual(self.attacker.connects(self.V4, 2222, 1.5), "silent")
        self.guardd.start()
        self.assertIn(self.FROM4, self.guardd.bans())
        self.guardd.stop()
        from lib import BUILD
        self.server.run(f"{BUILD}/guardd", "--clean")
        self.assertEqual(self.attacker.connects(self.V4, 2222), "open")
        self.assertNotIn("guardd", self.server.run("nft", "list", "tables").stdout)
        self.server.run(f"{BUILD}/guardd", "--clean")

    def test_never_ban_addresses(self):
        self.start_guardd("groups:\n  infra: [203.0.113.0/24, '2001:db8:7::7']\nnever_ban: [infra]\n",
                          files={"rules.d/ssh.yaml": RULE})
        now = time.time()
        with open(self.log, "a", encoding="utf-8") as f:
            for a in ("203.0.113.7", "2001:db8:7::7", "127.0.0.1", self.V4, self.V6):
                f.write("".join(logs.failed(a, now) for _ in range(6)))
            f.write("".join(logs.failed("2001:db8:7::66", now) for _ in range(6)))
        # A neighbour of an allowed host in its /64 is banned alone.
        self.guardd.wait_ban("2001:db8:7::66")
        self.assertEqual(list(self.guardd.bans()), ["2001:db8:7::66"])
        for a in ("203.0.113.7", "2001:db8:7::7", self.V6, "203.0.113.0/24", "::/0"):
            r = self.guardd.ctl("ban", a, check=False)
            self.assertEqual(r.returncode, 1, r.stdout)
            self.assertIn("never", r.stdout)

    def test_ban_and_unban_by_hand(self):
        self.start_guardd()
        for server, address, prefix in ((self.V4, self.FAR4, "203.0.113.0/24"), (self.V6, self.FAR6, "2001:db8:7::/48")):
            self.server.listen(server, 2222)
            for target in (address, prefix):
                self.guardd.ctl("ban", target, "--for", "1h", "--because", 'it "said" so')
                self.assertEqual(self.guardd.bans()[target]["why"], 'by hand: it "said" so')
                self.assertEqual(self.attacker.connects(server, 2222, 1.5, address), "silent")
                self.guardd.ctl("unban", target)
                self.assertNotIn(target, self.guardd.bans())
                self.assertEqual(self.attacker.connects(server, 2222, 1.5, address), "open")
        self.assertEqual(len(self.guardd.json("history", "203.0.113.0/24")), 2)

    def test_longer_ban_wins(self):
        self.start_guardd()
        for address in (self.FAR4, self.FAR6):
            self.guardd.ctl("ban", address, "--for", "2h")
            self.guardd.ctl("ban", address, "--for", "10m")
            self.assertGreater(self.guardd.bans()[address]["remaining_s"], 7000)
            self.guardd.ctl("ban", address, "--for", "3h")
            self.assertGreater(self.guardd.bans()[address]["remaining_s"], 10000)
            timeout = self.server.run("nft", "get", "element", "inet", "guardd",
                                      "host6" if ":" in address else "host4", "{ %s }" % address).stdout
            self.assertRegex(timeout, r"expires 2h59m")

    def test_selfcheck_goes_through_every_process(self):
        self.start_guardd()
        r = self.guardd.ctl("selfcheck")
        self.assertIn("kernel", r.stdout)
        until("nothing is left", lambda: not [b for b in self.guardd.json("list") if b["in_force"]])
        self.guardd.stop()
        self.guardd.start()
        self.assertEqual(self.guardd.ctl("selfcheck").returncode, 0)
        # Its log began anew: nothing of anybody's is missing.
        self.assertEqual([s["lost"] for s in self.guardd.json("sources") if "selfcheck" in s["name"]], [0])
        self.assertNotIn("its former file", self.guardd.log())


_TALK = """
import socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 3, (sys.argv[3], 0) if len(sys.argv) > 3 else None)
f = s.makefile("r")
print(f.readline(), end="")
for line in sys.stdin:
    try:
        s.sendall(line.encode())
        print(s.recv(100).decode(), end="")
    except OSError:
        print("timed out")
"""


if __name__ == "__main__":
    main()
