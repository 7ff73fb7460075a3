# SPDX-License-Identifier: GPL-2.0-or-later
"""The book of bans and what stands in its way: damage, a full disk, a kernel that refuses, sudden ends."""
import glob
import ipaddress
import os
import pwd
import signal
import subprocess
import time

import logs
from lib import BUILD, USER, main, until
from routed import RoutedWorld

RULE = "ban: ssh\nfilters: [sshd]\npoints: {points}\nwithin: 10m\nfor: {span}\nescalate: {{factor: 2, max: 4w, forget: 30d}}\n"
TWO = {"192.0.2.5": "192.0.2.5", "2001:db8:55::5": "2001:db8:55::/64"}


class Book(RoutedWorld):
    def setUp(self):
        super().setUp()
        self.log = self.server.folder + "/var-log/auth.log"
        open(self.log, "w", encoding="utf-8").close()

    def start(self, points=3, span="1h"):
        self.start_guardd(files={"rules.d/ssh.yaml": RULE.format(points=points, span=span)})
        self.reads("/var/log/auth.log")

    def again(self):
        self.guardd.start()
        self.reads("/var/log/auth.log")

    def fail_from(self, *addresses, times=3):
        now = time.time()
        with open(self.log, "a", encoding="utf-8") as f:
            f.write("".join(logs.failed(a, now) for a in addresses for _ in range(times)))

    def ban_two(self):
        self.fail_from(*TWO)
        for prefix in TWO.values():
            self.guardd.wait_ban(prefix)

    def book(self, *more):
        return self.guardd.path("state", "book.db", *more)

    def status(self):
        return self.guardd.json("status")[0]

    def in_kernel(self, address):
        """A host of its own in IPv4, its /64 in IPv6."""
        if ":" in address:
            return self.guardd.kernel_has("net6", str(ipaddress.ip_network(address + "/64", False).network_address))
        return self.guardd.kernel_has("host4", address)

    # --- damage

    def test_rubbish_in_place_of_the_book(self):
        self.damaged(lambda size: self.overwrite(0, b"this is no book\n" * 300, cut=True))

    def test_rubbish_in_the_middle_of_the_book(self):
        self.damaged(lambda size: self.overwrite(100, b"\xa5" * (size - 200)))

    def test_book_cut_off(self):
        self.damaged(lambda size: os.truncate(self.book(), size // 2 + 77))

    def overwrite(self, at, data, cut=False):
        with open(self.book(), "r+b") as f:
            if cut:
                f.truncate(0)
            f.seek(at)
            f.write(data)

    def damaged(self, harm):
        self.start()
        self.ban_two()
        self.assertEqual(self.guardd.stop(), 0)
        harm(os.path.getsize(self.book()))
        with open(self.book(), "rb") as f:
            rubbish = f.read()
        self.again()
        aside = [p for p in glob.glob(self.book() + ".damaged-*") if not p.endswith(("-wal", "-shm"))]
        self.assertEqual(len(aside), 1, os.listdir(self.guardd.path("state")))
        self.assertRegex(aside[0], r"\.damaged-20\d\d-?\d\d-?\d\d")
        with open(aside[0], "rb") as f:
            self.assertEqual(f.read(), rubbish, "what is set aside is left as it was")
        until("it is told", lambda: self.guardd.said(os.path.basename(aside[0])))
        # What the kernel has goes on, and so does guarding.
        for address in TWO:
            self.assertTrue(self.in_kernel(address), address)
        self.fail_from("192.0.2.6", "2001:db8:56::6")
        for prefix in ("192.0.2.6", "2001:db8:56::/64"):
            self.guardd.wait_ban(prefix)
        until("a new book", lambda: self.status()["book"] == "ok")
        self.guardd.stop()
        self.again()
        self.assertEqual(set(self.guardd.bans()) & {"192.0.2.6", "2001:db8:56::/64"},
                         {"192.0.2.6", "2001:db8:56::/64"})
        self.assertEqual(len(glob.glob(self.book() + ".damaged-*")), len(glob.glob(aside[0] + "*")))

    def test_what_a_lost_book_left_in_the_kernel_can_be_unbanned(self):
        self.start()
        self.ban_two()
        self.guardd.ctl("ban", "203.0.113.0/25", "--for", "1h")
        self.guardd.stop()
        self.overwrite(0, b"this is no book\n" * 300, cut=True)
        self.again()
        self.assertEqual(self.guardd.bans(), {})
        inside = self.guardd.ctl("unban", "203.0.113.0/26", check=False)
        self.assertEqual(inside.returncode, 1)
        self.assertIn("inside a wider one in the kernel", inside.stdout)
        self.assertNotEqual(self.guardd.ctl("unban", "192.0.2.99", check=False).returncode, 0)
        for address, prefix in TWO.items():
            self.assertTrue(self.in_kernel(address), address)
            said = self.guardd.ctl("unban", address).stdout
            self.assertIn(f"unbanned {prefix} (in the kernel, not in the book)", said)
            self.assertFalse(self.in_kernel(address), address)
            again = self.guardd.ctl("unban", address, check=False)
            self.assertEqual(again.returncode, 1)
            self.assertIn("there is no such ban", again.stdout)
        self.assertTrue(self.guardd.kernel_has("prefix4", "203.0.113.0/25"))
        self.assertEqual(len(self.guardd.json("unban", "203.0.113.0/25")), 1)
        self.assertFalse(self.guardd.kernel_has("prefix4", "203.0.113.0/25"))

    def test_book_of_a_newer_guardd_is_set_aside(self):
        self.start()
        self.ban_two()
        self.guardd.stop()
        subprocess.run(["sqlite3", self.book(), "PRAGMA user_version=999"], check=True)
        self.again()
        self.assertEqual(len([p for p in glob.glob(self.book() + ".*") if "-20" in p and p[-4:] not in
                              ("-wal", "-shm")]), 1)
        until("it is told", lambda: self.guardd.said("999"))
        self.fail_from("192.0.2.6")
        self.guardd.wait_ban("192.0.2.6")

    def test_judge_that_dies_and_finds_its_book_damaged(self):
        self.start()
        self.ban_two()
        for path in glob.glob(self.book() + "*"):
            with open(path, "r+b") as f:
                f.write(b"\xa5" * os.path.getsize(path))
        old = self.guardd.role_pid("judge")
        os.kill(old, signal.SIGKILL)
        until("it is told", lambda: self.guardd.said("book.db.damaged-"))
        for address in TWO:
            self.assertTrue(self.in_kernel(address), address)
        until("a new book", lambda: self.status()["book"] == "ok")
        self.fail_from("192.0.2.6", "2001:db8:56::6")
        for prefix in ("192.0.2.6", "2001:db8:56::/64"):
            self.guardd.wait_ban(prefix)

    # --- a full disk

    def tiny_state(self):
        state = os.path.join(self.server.folder, "guardd", "state")
        os.makedirs(state)
        user = pwd.getpwnam(USER)
        self.server.run("mount", "-t", "tmpfs", "-o", f"size=600k,mode=750,uid={user.pw_uid},gid={user.pw_gid}",
                        "tmpfs", state)
        return state

    def fill(self, state):
        self.server.run("sh", "-c", f"dd if=/dev/zero of={state}/filler bs=4k 2>/dev/null; test -s {state}/filler")

    def test_full_disk_bans_reach_the_kernel_and_the_book_catches_up(self):
        state = self.tiny_state()
        self.start(points=1)
        self.fail_from("192.0.2.5", "2001:db8:55::5", times=1)
        for prefix in TWO.values():
            self.guardd.wait_ban(prefix)
        self.fill(state)
        v4 = [f"198.18.{i // 256}.{i % 256}" for i in range(1500)]
        v6 = [f"2001:db8:{i:x}::1" for i in range(0x1000, 0x1000 + 1500)]
        self.fail_from(*v4, *v6, times=1)
        until("the loss is told", lambda: self.status()["book"] != "ok")
        until("all of them are in the kernel", lambda: self.in_kernel(v4[-1]) and self.in_kernel(v6[-1]))
        self.assertTrue(self.guardd.said("book"))
        count = len(v4) + len(v6) + 2
        until("all are known", lambda: self.status()["bans"] == count)
        self.server.run("rm", f"{state}/filler")
        self.server.run("mount", "-o", "remount,size=64m", state)
        until("the book is caught up", lambda: self.status()["book"] == "ok")
        self.guardd.kill()
        self.server.run("nft", "delete", "table", "inet", "guardd")
        self.again()
        until("all are back from the book", lambda: self.status()["in_force"] == count)
        self.assertTrue(self.in_kernel(v4[-1]) and self.in_kernel(v6[-1]))

    def test_start_on_a_full_disk(self):
        state = self.tiny_state()
        self.fill(state)
        self.start()
        self.ban_two()
        self.assertNotEqual(self.status()["book"], "ok")
        self.server.run("rm", f"{state}/filler")
        until("the book is caught up", lambda: self.status()["book"] == "ok")
        self.guardd.stop()
        self.again()
        self.assertEqual(set(self.guardd.bans()), set(TWO.values()))

    # --- restarts and history

    def test_restart_keeps_bans_their_end_and_their_level(self):
        for end in ("stop", "kill"):
            with self.subTest(end):
                if self.guardd:
                    for address in TWO:
                        self.guardd.ctl("unban", address)
                else:
                    self.start()
                self.ban_two()
                before = {p: (b["until"], b["level"], b["since"], b["why"]) for p, b in self.guardd.bans().items()}
                until("nothing is unwritten", lambda: self.status()["book"] == "ok")
                getattr(self.guardd, end)()
                for address in TWO:
                    self.assertTrue(self.in_kernel(address), "bans outlive the daemon")
                self.again()
                until("both again", lambda: len(self.guardd.bans()) == 2)
                self.assertEqual({p: (b["until"], b["level"], b["since"], b["why"])
                                  for p, b in self.guardd.bans().items()}, before)
                self.assertEqual({level for _, level, _, _ in before.values()}, {1 if end == "stop" else 2})

    def test_level_of_an_ended_ban_survives_a_restart(self):
        self.start(span="3s")
        self.ban_two()
        until("both are over", lambda: not self.guardd.bans())
        self.guardd.stop()
        self.again()
        self.assertEqual(self.guardd.bans(), {})
        for prefix in TWO.values():
            self.assertEqual([h["level"] for h in self.guardd.json("history", prefix)], [1])
        self.ban_two()
        self.assertEqual({b["level"] for b in self.guardd.bans().values()}, {2})

    def test_bans_that_ended_while_down_do_not_come_back(self):
        self.start(span="3s")
        self.ban_two()
        self.guardd.stop()
        until("the kernel let both go", lambda: not any(map(self.in_kernel, TWO)))
        self.again()
        self.assertEqual(self.guardd.bans(), {})
        self.assertFalse(any(map(self.in_kernel, TWO)))

    def test_history_keeps_what_a_ban_dropped(self):
        self.start()
        for source, server in ((self.FROM4, self.V4), (self.FROM6, self.V6)):
            self.fail_from(source)
            self.guardd.wait_ban(source)
            self.assertEqual(self.attacker.connects(server, 2222, 1.2), "silent")
            self.guardd.ctl("unban", source)
            ended = self.guardd.json("history", source)
            self.assertEqual(len(ended), 1)
            self.assertGreater(ended[0]["packets"], 0)
            self.assertGreater(ended[0]["bytes"], 0)
            self.assertTrue(ended[0]["ended"])
            self.assertEqual(ended[0]["rule"], "ssh")
        self.guardd.stop()
        self.again()
        self.assertGreater(self.guardd.json("history", self.FROM6)[0]["packets"], 0)
        self.assertEqual(len(self.guardd.json("history", "198.51.100.0/24")), 1)
        self.assertEqual(len(self.guardd.json("history", "::/0")), 1)

    def test_book_is_for_guardd_alone(self):
        """Addresses are personal data."""
        self.start()
        self.ban_two()
        for path in [self.guardd.path("state"), *glob.glob(self.book() + "*")]:
            self.assertEqual(os.stat(path).st_mode & 0o007, 0, path)
            self.assertEqual(os.stat(path).st_uid, pwd.getpwnam(USER).pw_uid, path)

    # --- a kernel that refuses

    def foreign_table(self, commands):
        """A table that only its owner, a running nft, can change: nobody else's request succeeds."""
        nft = self.server.popen("nft", "-i", stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL, text=True)
        nft.stdin.write(commands + "\n")
        nft.stdin.flush()
        until("the foreign table", lambda: "owner" in self.server.run("nft", "list", "tables", "inet").stdout
              or "flags owner" in self.server.run("nft", "list", "ruleset").stdout)
        return nft

    def not_in_force(self):
        """What is listed says so, and so does the status."""
        self.assertEqual(self.guardd.bans(), {})
        self.assertEqual(self.status()["in_force"], 0)
        self.assertNotEqual(self.status()["table"], "ok")

    def test_table_that_cannot_be_made(self):
        nft = self.foreign_table("add table inet guardd { flags owner; }")
        self.start()
        self.fail_from(*TWO)
        until("both are decided", lambda: self.status()["bans"] == 2)
        self.not_in_force()
        for prefix in ("203.0.113.9", "2001:db8:9::9"):
            r = self.guardd.ctl("ban", prefix, "--for", "1h", check=False)
            self.assertNotIn("in force in the kernel", r.stdout.replace("NOT in force", ""))
            self.assertFalse([b for b in self.guardd.json("list", prefix) if b["in_force"]])
        self.not_in_force()
        until("it is told", lambda: self.guardd.said("nf_tables refuses"))
        self.assertNotEqual(self.guardd.ctl("selfcheck", check=False).returncode, 0)
        nft.stdin.close()
        nft.wait(10)
        want = set(TWO.values()) | {"203.0.113.9", "2001:db8:9::9"}
        until("all are in force by themselves", lambda: set(self.guardd.bans()) == want)
        self.assertEqual(self.status()["table"], "ok")
        for address in TWO:
            self.assertTrue(self.in_kernel(address), address)

    def test_table_that_is_taken_away(self):
        self.start()
        self.ban_two()
        nft = self.foreign_table("delete table inet guardd; add table inet guardd { flags owner; }")
        until("nothing is in force any more", lambda: not self.guardd.bans())
        self.not_in_force()
        self.fail_from("192.0.2.6", "2001:db8:56::6")
        until("both are decided", lambda: self.status()["bans"] == 4)
        self.not_in_force()
        nft.stdin.close()
        nft.wait(10)
        until("all are in force by themselves", lambda: len(self.guardd.bans()) == 4)
        for address in ("192.0.2.6", "2001:db8:56::6"):
            self.assertTrue(self.in_kernel(address), address)

    def test_keeper_without_its_capability_does_not_start(self):
        self.start()
        self.guardd.stop()
        with open(self.guardd.logfile, "ab") as f:
            self.guardd.marked = f.tell()
            self.guardd.proc = self.server.popen(
                "setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin",
                os.path.join(BUILD, "guardd"),
                *self.guardd.options(), "-u", USER, stdout=f, stderr=f)
        self.assertEqual(self.guardd.proc.wait(30), 1)
        self.assertTrue(self.guardd.said("CAP_NET_ADMIN"))


if __name__ == "__main__":
    main()
