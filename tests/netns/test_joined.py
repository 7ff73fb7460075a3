# SPDX-License-Identifier: GPL-2.0-or-later
"""guardd's socket for the herald, with a herald written by hand: what it is told, and what it can make guardd do."""
import os
import pwd
import signal
import socket
import struct
import subprocess
import sys
import time

import logs
from lib import ROOT, USER, World, main, until
from records import NEVER, NUMBER, Peer, alerts, bans, fleet, record, texts

CONFIG = """
herald_user: games
never_ban: [198.51.100.64/26, "2001:db8:1:64::/64"]
fleet:
  server: 127.0.0.1
  host: here
  bans_max: 300
  trust:
    - {hosts: ["web*"], rules: [ssh, ftp], at_most: 2h, per_minute: 1000}
"""
ADMIN = "    - {hosts: [admin], rules: [manual], at_most: 1d, per_minute: 600, ipv4: 16, ipv6: 40}\n"
BOTH = ("203.0.113.9", "2001:db8:9::/64")
EXPOSE = """
expose: probe-me
ports: [tcp/4444]
only: [infra]
"""


class Joined(World):
    def setUp(self):
        super().setUp()
        self.peers = []

    def tearDown(self):
        for p in self.peers:
            p.close()
        super().tearDown()

    def start(self, config=CONFIG + ADMIN, **kw):
        return self.start_guardd(config, **kw)

    def peer(self, **kw):
        p = Peer(self.guardd.path("run"), **kw)
        self.peers.append(p)
        return p

    def herald(self):
        """A connected one, and all it was told until GIVEN."""
        p = self.peer()
        return p, p.take_until("GIVEN")

    def offend(self, address, n=10):
        with open(self.server.folder + "/var-log/auth.log", "a", encoding="utf-8") as f:
            f.write("".join(logs.failed(address, time.time()) for _ in range(n)))

    def prove(self):
        """Has the daemon look at the kernel's state now."""
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(self.guardd.path("run/control"))
            s.sendall(b"exposure\n")
            while s.recv(65536):
                continue

    def judge(self):
        return self.guardd.role_pid("judge")

    # --- what it is told ---

    def test_a_herald_is_told_all_in_order_and_a_runner_the_image(self):
        self.start()
        for p in ("192.0.2.1", "2001:db8:2::1"):
            self.guardd.ctl("ban", p, "--for", "1h", "--fleet")
        self.guardd.ctl("ban", "192.0.2.99")
        until("a proof", lambda: self.guardd.json("status")[0]["exposure"] != "unknown")
        p, said = self.herald()
        names = [n for n, _, _ in said if n not in ("ALERT", "TEXT")]
        self.assertEqual(names, ["CONFIG", "STATS", "FIGURES", "PROOF", "STANDING", "GIVE", "GIVE", "GIVEN"])
        self.assertEqual(sorted(bans(said)), [("192.0.2.1", "manual"), ("2001:db8:2::1", "manual")])
        self.assertEqual(os.pread(p.fds["CONFIG"], 8, 0), b"GUARDIMG")
        self.assertEqual(os.pread(p.fds["PROOF"], 8, 0), b"GUARDPRF")
        runner = self.peer(role="RUNNER")
        self.assertEqual([n for n, _, _ in runner.drain()], ["CONFIG"])
        self.guardd.ctl("reload")
        self.assertEqual([n for n, _, _ in runner.drain()], ["CONFIG"])
        p.take_until("CONFIG")

    def test_shared_counters_cannot_be_written(self):
        """Neither by the descriptor, nor by opening it anew as another user."""
        self.start()
        p, _ = self.herald()
        for name in ("STATS", "FIGURES"):
            fd = p.fds[name]
            self.assertRaises(OSError, os.write, fd, b"x")
            anew = subprocess.run(
                ["setpriv", "--reuid", "12345", "--regid", "12345", "--clear-groups", "--inh-caps=-all",
                 sys.executable, "-c", "import os; os.open('/proc/self/fd/%d', os.O_RDWR)" % fd],
                pass_fds=[fd], stderr=subprocess.PIPE, text=True)
            self.assertIn("PermissionError", anew.stderr)
            os.pread(fd, 8, 0)

    def test_own_bans_are_given_once_the_kernel_has_them_and_lifted(self):
        self.start()
        open(self.server.folder + "/var-log/auth.log", "w", encoding="utf-8").close()
        p, _ = self.herald()
        for address, prefix, name in ((self.FAR4, self.FAR4, "host4"), (self.FAR6, "2001:db8:7::/64", "net6")):
            self.offend(address)
            said = bans(p.take_until("GIVE"))
            self.assertEqual(list(said), [(prefix, "ssh")])
            reason, number, level, since, end = said[(prefix, "ssh")]
            self.assertEqual((reason, number, level, end - since), (1, 10, 1, 3600 * 10**6))
            self.assertTrue(self.guardd.kernel_has(name, prefix.split("/")[0]))
            self.guardd.ctl("unban", prefix)
            self.assertEqual(list(bans(p.take_until("LIFT"), "LIFT")), [(prefix, "ssh")])

    def test_bans_by_hand_are_given_when_asked_for(self):
        self.start()
        p, _ = self.herald()
        for prefix in ("192.0.2.7", "2001:db8:77::/64"):
            self.guardd.ctl("ban", prefix, "--for", "1h")
            self.assertEqual(p.drain(), [])
            self.guardd.ctl("ban", prefix, "--for", "1h", "--because", "seen elsewhere", "--fleet")
            given = bans(p.take_until("GIVE"))
            self.assertEqual(given[(prefix, "manual")][0], 3)
            self.assertTrue([b["shared"] for b in self.guardd.json("list", prefix)][0])
            self.guardd.ctl("unban", prefix, "--fleet")
            p.take_until("LIFT")
            self.assertEqual(list(bans(p.take_until("LIFT"), "LIFT")), [(prefix, "*")])
        # One that nobody has here may be in force elsewhere.
        self.guardd.ctl("unban", "192.0.2.200", "--fleet")
        self.assertEqual(list(bans(p.take_until("LIFT"), "LIFT")), [("192.0.2.200", "*")])

    def test_without_a_herald_bans_are_given_later_and_unbanning_says_so(self):
        self.start()
        self.guardd.ctl("ban", "192.0.2.7", "--fleet")
        self.guardd.ctl("ban", "192.0.2.8", "--fleet")
        r = self.guardd.ctl("unban", "192.0.2.8", "--fleet", check=False)
        self.assertEqual(r.returncode, 1)
        self.assertIn("1 were lifted here, but other hosts cannot be told", r.stdout)
        os.kill(self.judge(), signal.SIGKILL)
        until("the judge again", lambda: self.guardd.ctl("list", check=False).returncode == 0)
        _, said = self.herald()
        self.assertEqual(list(bans(said)), [("192.0.2.7", "manual")])

    def test_without_a_fleet_there_is_nothing_to_share(self):
        self.start("never_ban: []\n")
        for request in (["ban", "192.0.2.7"], ["unban", "192.0.2.7"]):
            r = self.guardd.ctl(*request, "--fleet", check=False)
            self.assertEqual(r.returncode, 1)
            self.assertIn("no fleet is configured", r.stdout)
        self.guardd.ctl("ban", "192.0.2.7")
        p, said = self.herald()
        self.assertEqual(bans(said), {})
        self.assertEqual(p.take("203.0.113.9"), "TRUST")

    # --- alerts ---

    def test_gaps_are_told_with_their_end_and_again_to_who_comes_later(self):
        self.start("groups: {infra: [192.0.2.1]}\n", files={"rules.d/probe-me.yaml": EXPOSE})
        p, _ = self.herald()
        for address, family in (("0.0.0.0", "IPv4"), ("::", "IPv6")):
            listener = self.server.listen(address, 4444)
            self.prove()

            def heard(phase, peer=p):
                return [a for a in alerts(peer.take_until("ALERT"))
                        if a[2] == phase and a[3] == f"probe-me tcp/4444 {family}"]

            kind, severity, _, _, words = until("the gap", lambda: heard("RAISED"))[0]
            self.assertEqual((kind, severity), ("GAP", "CRITICAL"))
            self.assertIn("is open", words)
            later, said = self.herald()
            self.assertIn(f"probe-me tcp/4444 {family}", [a[3] for a in alerts(said) if a[2] == "RAISED"])
            listener.kill()
            listener.wait()
            self.prove()
            until("its end", lambda: heard("ENDED", later))
            p, said = self.herald()
            self.assertEqual(alerts(said), [])

    def test_what_happens_is_told_and_waits_for_a_herald(self):
        self.start()
        self.guardd.ctl("ban", "192.0.2.7")
        p, _ = self.herald()
        self.server.run("nft", "flush", "set", "inet", "guardd", "host4")
        kind, severity, phase, subject, words = alerts(p.take_until("ALERT"))[-1]
        self.assertEqual((kind, severity, phase, subject), ("TABLE", "WARNING", "MOMENT", "table inet guardd"))
        self.assertIn("1 bans are sent again", words)
        p.close()
        self.peers.remove(p)
        self.server.run("nft", "delete", "table", "inet", "guardd")
        until("it is there again", lambda: self.guardd.kernel_has("host4", "192.0.2.7"))
        p, said = self.herald()
        gone = [a for a in alerts(said + p.drain()) if a[0] == "TABLE"]
        self.assertEqual([a[2] for a in gone], ["MOMENT"])
        self.assertIn("was gone, and was made anew", gone[0][4])

    def test_banned_networks_are_told(self):
        self.start(files={"rules.d/ssh.yaml": "ban: ssh\nfilters: [sshd]\npoints: 2\nwithin: 10m\nfor: 1h\n"
                                              "prefix: {hosts: 3}\n"})
        open(self.server.folder + "/var-log/auth.log", "w", encoding="utf-8").close()
        p, _ = self.herald()
        for hosts, network in (([f"203.0.113.{i}" for i in range(1, 4)], "203.0.113.0/24"),
                               ([f"2001:db8:7:{i}::1" for i in range(1, 4)], "2001:db8:7::/48")):
            for h in hosts:
                self.offend(h, 2)
            said = alerts(p.take_until("ALERT"))[-1]
            self.assertEqual(said[:4], ("PREFIX_BAN", "WARNING", "MOMENT", f"{network} (ssh)"))
            self.assertIn("3 hosts of it were banned", said[4])

    def test_a_book_that_cannot_be_written_stands_until_it_can(self):
        state, user = os.path.join(self.server.folder, "guardd/state"), pwd.getpwnam(USER)
        os.makedirs(state)
        self.server.run("mount", "-t", "tmpfs", "-o", f"size=600k,mode=750,uid={user.pw_uid},gid={user.pw_gid}",
                        "tmpfs", state)
        self.start()
        p, _ = self.herald()
        self.server.run("sh", "-c", f"dd if=/dev/zero of={state}/fill bs=4k 2>/dev/null", check=False)
        for i in range(1, 60):
            self.guardd.ctl("ban", f"192.0.2.{i}", "--because", "x" * 190)
            if self.guardd.json("status")[0]["book"] != "ok":
                break
        kind, severity, phase, subject, words = alerts(p.take_until("ALERT"))[-1]
        self.assertEqual((kind, severity, phase, subject), ("BOOK", "CRITICAL", "RAISED", "book"))
        self.assertIn("cannot be written", words)
        self.assertTrue(self.guardd.kernel_has("host4", f"192.0.2.{i}"))
        _, said = self.herald()
        self.assertEqual([a[3] for a in alerts(said)], ["book"])
        p = self.peers[-1]
        self.server.run("rm", state + "/fill")
        self.assertEqual(alerts(p.take_until("ALERT"))[-1][2:4], ("ENDED", "book"))

    # --- bans of other hosts ---

    def test_a_ban_of_another_host_is_in_the_kernel_when_taken_is_said(self):
        self.start()
        p, _ = self.herald()
        end = time.time() + 3600
        for prefix in BOTH:
            self.assertEqual(p.take(prefix, until=end), "DONE")
            ban = self.guardd.bans()[prefix]
            self.assertEqual((ban["rule"], ban["why"], ban["in_force"]), ("fleet/ssh", "from web1: 10 points", True))
            self.assertEqual(p.take(prefix, until=end), "BEFORE")
            self.assertEqual(p.take(prefix, host="web2", until=end + 60), "DONE")
            self.assertEqual(self.guardd.bans()[prefix]["why"], "from web2: 10 points")
            self.assertEqual(p.drop(prefix), "BEFORE")
            self.assertEqual(p.drop(prefix, host="web2"), "DONE")
            self.assertNotIn(prefix, self.guardd.bans())
            self.assertIn("from web2: 10 points", [h["why"] for h in self.guardd.json("history", prefix)])
        self.assertEqual(p.drain(), [], "bans of others are never given again")

    def test_the_kernel_drops_longer_when_the_ban_is_made_longer(self):
        self.start()
        p, _ = self.herald()
        for prefix, name in (("203.0.113.9", "host4"), ("2001:db8:9::/64", "net6")):
            p.take(prefix, until=time.time() + 60)
            self.assertEqual(p.take(prefix, until=time.time() + 3600), "DONE")
            out = self.server.run("nft", "get", "element", "inet", "guardd", name,
                                  "{ %s }" % prefix.split("/")[0]).stdout
            self.assertRegex(out, r"expires (59m|1h)")

    def test_what_no_trust_has_is_refused_and_named(self):
        self.start()
        p, _ = self.herald()
        for answer, prefix, kw in (
                ("TRUST", "203.0.113.9", {"host": "mail1"}),
                ("TRUST", "203.0.113.9", {"host": "here"}),
                ("TRUST", "2001:db8:9::/64", {"rule": "manual"}),
                ("TRUST", "203.0.113.9", {"rule": "nothing"}),
                ("WIDE", "0.0.0.0/0", {}), ("WIDE", "::/0", {}), ("WIDE", "203.0.112.0/23", {}),
                ("WIDE", "2001:db8::/47", {}), ("WIDE", "10.0.0.0/15", {"host": "admin", "rule": "manual"}),
                ("NEVER", "198.51.100.65", {}), ("NEVER", "198.51.100.0/24", {}), ("NEVER", "2001:db8:1:64::/64", {}),
                ("NEVER", "127.0.0.1", {}), ("NEVER", self.V4, {}), ("NEVER", self.V6, {}),
                ("NEVER", self.GATE4, {}), ("NEVER", "::1", {}),
                ("OVER", "203.0.113.9", {"until": time.time() - 1, "since": time.time() - 9}),
                ("NONSENSE", "203.0.113.9", {"since": time.time() + 10, "until": time.time() + 5}),
                ("NONSENSE", b"\x05" + b"\0" * 17, {}), ("NONSENSE", b"\x04" + b"\xcb\0q\x09" + b"\0" * 12 + b"\x18", {}),
                ("NONSENSE", b"\x06" + b"\0" * 10 + b"\xff\xff\xcb\0q\x09" + b"\x80", {}),
                ("NONSENSE", "203.0.113.9", {"rule": b"x" * 40}), ("NONSENSE", "203.0.113.9", {"rule": ""}),
                ("NONSENSE", "203.0.113.9", {"host": "web1\n"}), ("NONSENSE", "203.0.113.9", {"host": b"web\xff\xfe"}),
                ("NONSENSE", "203.0.113.9", {"host": "web" + "x" * 1000}), ("NONSENSE", "203.0.113.9", {"host": ""}),
                ("DONE", "203.0.113.0/24", {}), ("DONE", "2001:db8:9::/48", {}),
                ("DONE", "10.0.0.0/16", {"host": "admin", "rule": "manual", "until": NEVER})):
            self.assertEqual(p.take(prefix, **kw), answer, (prefix, kw))
        held = self.guardd.bans()
        self.assertEqual(sorted(held), ["10.0.0.0/16", "2001:db8:9::/48", "203.0.113.0/24"])
        self.assertLessEqual(held["10.0.0.0/16"]["remaining_s"], 86400)

    def test_unbanned_by_hand_elsewhere_ends_all_bans_here(self):
        self.start()
        p, _ = self.herald()
        for prefix, inside in (("203.0.113.0/24", "203.0.113.9"), ("2001:db8:9::/48", "2001:db8:9:1::/64")):
            self.guardd.ctl("ban", inside)
            p.take(inside)
            self.assertEqual(p.drop(prefix, "*", "web1"), "TRUST")
            self.assertEqual(p.drop("0.0.0.0/0", "*", "admin"), "WIDE")
            self.assertEqual(p.drop(prefix, "*", "admin"), "DONE")
            self.assertEqual(self.guardd.bans(), {})
            self.assertEqual(p.drop(prefix, "*", "admin"), "BEFORE")

    def test_bans_of_others_outlive_the_judge_and_the_herald(self):
        self.start()
        p, _ = self.herald()
        for prefix in BOTH:
            p.take(prefix)
        os.kill(self.judge(), signal.SIGKILL)
        until("both", lambda: set(BOTH) <= set(self.guardd.bans()) if
              self.guardd.ctl("status", check=False).returncode == 0 else False)
        self.assertEqual({b["why"] for b in self.guardd.json("list")}, {"from web1: 10 points"})
        p, said = self.herald()
        self.assertEqual(bans(said), {})
        for prefix in BOTH:
            self.assertEqual(p.drop(prefix), "DONE")

    def test_a_trust_that_goes_takes_its_bans_with_it(self):
        self.start()
        p, _ = self.herald()
        for prefix in BOTH:
            p.take(prefix)
            p.take(prefix, "manual", "admin")
        p.take("203.0.113.77", "ftp", "web9")
        self.guardd.write("guardd.yaml", (CONFIG + ADMIN).replace('"web*"', "web9").replace("[ssh, ftp]", "[ftp]"))
        self.guardd.ctl("reload")
        p.take_until("CONFIG")
        until("those of web1 are gone", lambda: len(self.guardd.json("list")) == 3)
        self.assertEqual({(b["rule"], b["why"][:9]) for b in self.guardd.json("list")},
                         {("fleet/manual", "from admi"), ("fleet/ftp", "from web9")})
        self.assertTrue(set(BOTH) <= set(self.guardd.bans()))
        self.guardd.write("guardd.yaml", "never_ban: []\n")
        self.guardd.ctl("reload")
        until("all are gone", lambda: self.guardd.json("list") == [])
        for prefix, name in (("203.0.113.9", "host4"), ("2001:db8:9::", "net6")):
            self.assertFalse(self.guardd.kernel_has(name, prefix))

    # --- who may, and who does harm ---

    def test_only_root_and_the_heralds_user_are_served(self):
        self.start()
        script = ("import sys; sys.path.insert(0, sys.argv[2]); import records; p = records.Peer(sys.argv[1]); "
                  "print([n for n, _, _ in p.take_until('GIVEN')][0])")
        games = pwd.getpwnam("games")

        def tries(uid, gid):
            return subprocess.run(
                ["setpriv", "--reuid", str(uid), "--regid", str(gid), "--clear-groups", sys.executable, "-c", script,
                 self.guardd.path("run"), self.copy()], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

        self.assertEqual(tries(games.pw_uid, games.pw_gid).stdout, "CONFIG\n")
        stranger = tries(12345, games.pw_gid)
        self.assertNotEqual(stranger.returncode, 0)
        self.assertNotIn("CONFIG", stranger.stdout)

    def copy(self):
        """The record module and the headers it reads, where any user can read them."""
        at = os.path.join(self.server.folder, "copy")
        os.makedirs(os.path.join(at, "tests/netns"), exist_ok=True)
        for part in ("src/wire/msg.h", "src/wire/alert.h", "tests/netns/records.py"):
            os.makedirs(os.path.dirname(os.path.join(at, part)), exist_ok=True)
            with open(os.path.join(ROOT, part), "rb") as f, open(os.path.join(at, part), "wb") as to:
                to.write(f.read())
        return os.path.join(at, "tests/netns")

    def test_a_newer_one_takes_the_place_of_the_older(self):
        self.start()
        first, _ = self.herald()
        second, _ = self.herald()
        self.assertEqual(first.read(), [])
        self.assertEqual(second.take("203.0.113.9"), "DONE")
        self.assertEqual(self.guardd.ctl("status").returncode, 0)

    def closed(self, p):
        try:
            while p.read():
                continue
            return True
        except ConnectionError:
            return True

    def test_what_is_no_herald_is_closed_and_nothing_else_happens(self):
        self.start()
        judge = self.judge()
        greet = record("GREET", struct.pack("=II", 1, 6))
        for data in (b"", b"x", b"\0" * 96, b"\xff" * 96, greet[:95], greet + b"x",
                     record("GREET", struct.pack("=II", 2, 6)), record("GREET", struct.pack("=II", 1, 1)),
                     record("TAKE", fleet("203.0.113.9", "ssh")), record("PING"), record("STOP")):
            p = self.peer(greet=False)
            if data:
                p.send(data)
            else:
                p.socket.shutdown(socket.SHUT_WR)
            self.assertTrue(self.closed(p), data[:12])
            time.sleep(0.1)  # ten greetings a second are looked at
        for data in (greet, record("PING"), record("TEXT", struct.pack("=BB", 2, 4) + b"\0" * 6 + b"web1"),
                     record("OFFENCE"), record("GIVE", fleet("203.0.113.9", "ssh")), record("CONFIG"), b"x" * 97,
                     record("TAKE", fleet("203.0.113.9", "ssh")) + record("TEXT", struct.pack("=BB", 2, 200)),
                     record("TAKE", fleet("203.0.113.9", "ssh")) + record("TEXT", struct.pack("=BB", 0, 4)),
                     struct.pack("=HHI", len(NUMBER), 0, 0) + b"\0" * 88):
            p, _ = self.herald()
            p.send(data)
            self.assertTrue(self.closed(p), data[:12])
            time.sleep(0.1)
        self.assertEqual(self.judge(), judge)
        self.assertEqual(self.guardd.json("list"), [])

    def flood(self, p, first, n):
        """n questions in the names of many hosts, sent as fast as the judge takes them; counts of answers."""
        answers, sent = {}, 0

        def listen(mine):
            for name, _, payload in mine:
                if name == "TAKEN":
                    s = struct.unpack_from("=i", payload)[0]
                    answers[s] = answers.get(s, 0) + 1

        tail = fleet("192.0.2.1", "ssh")[18:]
        while sum(answers.values()) < n:
            while sent < n and sent - sum(answers.values()) <= 250:
                batch = b""
                for k in range(first + sent, first + sent + 50):
                    prefix = (struct.pack(">BI12xB", 4, 0x0b000000 + k, 32) if k % 2 else
                              struct.pack(">BIIQB", 6, 0x20010db9, k, 0, 64))
                    batch += record("TAKE", prefix + tail, k) + texts(2, f"web{k % 50000}")[0]
                p.send(batch)
                sent += 50
            listen(p.read())
        return answers

    def test_a_million_bans_of_a_hostile_herald_keep_nobody_from_being_guarded(self):
        self.start()
        open(self.server.folder + "/var-log/auth.log", "w", encoding="utf-8").close()
        judge = self.judge()
        p, _ = self.herald()
        answers = {}
        for i in range(20):
            for status, n in self.flood(p, i * 50000, 50000).items():
                answers[status] = answers.get(status, 0) + n
            if i in (5, 6):
                self.offend(self.FAR4 if i == 5 else self.FAR6)
        self.assertIn(self.FAR4, self.guardd.bans())
        self.assertIn("2001:db8:7::/64", self.guardd.bans())
        self.assertEqual(sum(answers.values()), 1000000)
        held = [b for b in self.guardd.json("list") if b["rule"] == "fleet/ssh"]
        self.assertLessEqual(len(held), 300)
        self.assertEqual(self.judge(), judge)

    def test_one_that_asks_and_does_not_listen_is_closed(self):
        self.start()
        judge = self.judge()
        p, _ = self.herald()
        p.socket.settimeout(2)
        with self.assertRaises((BrokenPipeError, ConnectionError, TimeoutError)):
            for n in range(200000):
                p.send(record("TAKE", fleet("203.0.113.9", "ssh"), n), *texts(2, "mail1"))
        until("it is told", lambda: self.guardd.said("does not take what it is told"))
        p, _ = self.herald()
        self.assertEqual(p.take("203.0.113.9"), "DONE")
        self.assertEqual(self.judge(), judge)

    def test_connections_without_end_keep_nobody_out(self):
        self.start()
        judge = self.judge()
        idle = [self.peer(greet=False) for _ in range(100)]
        for _ in range(100):
            self.peer()
        time.sleep(1.1)
        p, _ = self.herald()
        self.assertEqual(p.take("203.0.113.9"), "DONE")
        self.guardd.ctl("ban", "192.0.2.7")
        self.assertEqual((self.judge(), len(idle)), (judge, 100))


if __name__ == "__main__":
    main()
