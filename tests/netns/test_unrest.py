# SPDX-License-Identifier: GPL-2.0-or-later
"""A firewall that does not stand still, parts of guardd that end, and people who may not ask."""
import json
import os
import signal
import subprocess
import sys
import time

import infra
from lib import BUILD, ROOT, main, until
from test_exposure import CONFIG, ExposureWorld

INFRA_ONLY = """
table inet f {
  chain i {
    type filter hook input priority 0; policy drop;
    ip saddr 192.0.2.11 accept
    ip6 saddr 2001:db8:2::11 accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
  }
}
"""
# Each is proven; the first chain of one with the second of the other is open to all.
TWO_STATES = [
    "flush chain inet t i\nflush chain inet t g\nadd rule inet t i tcp dport 389 jump g\n"
    "add rule inet t g ip saddr 192.0.2.11 accept\nadd rule inet t g ip6 saddr 2001:db8:2::11 accept\n",
    "flush chain inet t i\nflush chain inet t g\nadd rule inet t i ip saddr 192.0.2.11 tcp dport 389 jump g\n"
    "add rule inet t i ip6 saddr 2001:db8:2::11 tcp dport 389 jump g\nadd rule inet t g accept\n"]
CHANGER = """
import ctypes, sys, time
nft = ctypes.CDLL("libnftables.so.1")
nft.nft_ctx_new.restype = ctypes.c_void_p
ctx = ctypes.c_void_p(nft.nft_ctx_new(0))
print("changing", flush=True)
n = 0
while n < int(sys.argv[1]) or not int(sys.argv[1]):
    if nft.nft_run_cmd_from_buffer(ctx, sys.argv[2 + n % (len(sys.argv) - 2)].encode()):
        sys.exit(1)
    n += 1
"""
# Notes each start, then does what it was put there for.
WRAPPER = """#!/bin/bash
echo "$@" >>{notes}
{what}
"""


class UnrestWorld(ExposureWorld):
    def changer(self, times, *texts):
        p = self.server.popen(sys.executable, "-c", CHANGER, str(times), *texts, stdout=subprocess.PIPE, text=True)
        self.assertEqual(p.stdout.readline(), "changing\n")
        return p

    def status(self):
        return self.guardd.json("status")[0]

    def states(self, cells, rule="ldap", port=389):
        return {self.state(cells, rule, "tcp", port, f) for f in (4, 6)}

    def until_state(self, state):
        until(f"a proof that says {state}", lambda: self.status()["exposure"] == state)

    def put_in_place(self, program, what):
        """A script in the place of one of guardd's programs, on this host alone; the file of its notes."""
        build = self.server.show(BUILD)
        own = os.path.join(self.server.folder, "instead-of-" + program)
        notes = own + ".notes"
        with open(notes, "a", encoding="utf-8"):
            os.chmod(notes, 0o666)
        real = os.path.join(self.server.folder, "real")
        if not os.path.isdir(real):
            os.mkdir(real)
            self.server.run("mount", "--bind", BUILD, real)
        with open(own, "w", encoding="utf-8") as f:
            f.write(WRAPPER.format(notes=notes, what=what.format(real=f"{real}/{program}")))
        os.chmod(own, 0o755)
        self.server.run("mount", "--bind", own, os.path.join(build, program))
        return notes

    def put_back(self, program):
        self.server.run("umount", os.path.join(self.server.show(BUILD), program))

    def ban_works(self, address):
        self.guardd.ctl("ban", address, "--for", "10m")
        until("the ban in the kernel", lambda: self.guardd.bans().get(address))


def _proofs(notes):
    """How often guardd has started its prover."""
    with open(notes, encoding="utf-8") as f:
        return f.read().splitlines().count("--proof")


class ItChanges(UnrestWorld):
    def test_a_ruleset_that_changes_all_the_while_is_never_a_mixture(self):
        infra.slapd(self.server)
        self.nft("table inet t { chain g { }; chain i { type filter hook input priority 0; policy drop; }; }\n"
                 + TWO_STATES[0])
        self.start_guardd(CONFIG)
        p = self.changer(0, *TWO_STATES)
        for _ in range(40):
            cells, _status = self.cells("ldap")
            for family in (4, 6):
                cell = cells["port", "ldap", "tcp", 389, family]
                self.assertIn(cell["state"], ("proven", "depends"), cell)
                if cell["state"] == "depends":
                    self.assertIn("changed while", json.dumps(cell["why"]), cell)
        self.assertIsNone(p.poll())
        self.assertNotIn("is open", self.guardd.log())
        p.kill()
        p.wait()
        self.nft("add rule inet t i tcp dport 389 accept")
        self.until_state("open")

    def test_a_thousand_changes_end_in_what_stands_after_them(self):
        infra.slapd(self.server)
        self.nft(INFRA_ONLY)
        notes = self.put_in_place("guardd-prover", 'exec {real} "$@"')
        self.start_guardd(CONFIG)
        self.until_state("proven")

        def proofs():
            return _proofs(notes)

        self.assertGreater(proofs(), 0)
        before, began = proofs(), time.monotonic()
        p = self.changer(1000, "add rule inet f i tcp dport 1 counter", "add rule inet f i tcp dport 2 counter")
        self.assertEqual(p.wait(60), 0)
        self.nft("add rule inet f i tcp dport 389 accept")
        self.until_state("open")
        took = time.monotonic() - began
        # One a second at most, the first, the last, and the one of the minute.
        self.assertLessEqual(proofs() - before, took + 4)
        self.assertEqual(self.states(self.cells("ldap")[0]), {"open"})
        self.nft("delete table inet f\n" + INFRA_ONLY)
        self.until_state("proven")
        self.assertFalse(self.guardd.dead())

    def test_own_bans_start_no_proof(self):
        self.nft(INFRA_ONLY)
        notes = self.put_in_place("guardd-prover", 'exec {real} "$@"')
        self.start_guardd(CONFIG)
        until("a proof", lambda: self.status()["exposure"] != "unknown")

        def proofs():
            return _proofs(notes)

        time.sleep(1.5)
        before = proofs()
        for n in range(20):
            self.guardd.ctl("ban", f"203.0.113.{n + 50}", "--for", "10m")
            self.guardd.ctl("ban", f"2001:db8:77::{n + 50}", "--for", "10m")
            time.sleep(0.1)
        until("the bans", lambda: len(self.guardd.bans()) == 40)
        time.sleep(1.2)
        # The one of the minute may be among them.
        self.assertLessEqual(proofs() - before, 1)
        count = proofs()
        self.nft("add rule inet f i tcp dport 10 accept")
        until("a proof of another's change", lambda: proofs() > count)

    def test_interfaces_that_vanish_between_and_during_proofs(self):
        infra.slapd(self.server)
        self.nft(INFRA_ONLY)
        self.start_guardd(CONFIG)
        self.until_state("proven")
        s = self.server
        for n in range(12):
            s.run("sh", "-ec", f"""
                ip link add vv{n} type veth peer name ww{n}
                ip link set vv{n} up
                ip link set ww{n} up
                ip addr add 10.{n}.0.1/24 dev vv{n}
                ip -6 addr add fd00:{n}::1/64 dev vv{n} nodad
                nft add rule inet f i iifname vv{n} accept""")
            check = s.popen(os.path.join(s.show(BUILD), "guardctl"), "--config", self.guardd.path("etc/guardd.yaml"),
                            "--share", self.guardd.share, "--etc", self.guardd.path("etc"), "--runtime",
                            self.guardd.path("run"), "check", "ldap", stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True)
            if n % 2:
                time.sleep(0.01 * n)
            s.run("ip", "link", "del", f"vv{n}")
            out, _ = check.communicate(timeout=30)
            self.assertIn(check.returncode, (0, 1, 2), out)
        # A rule for an interface that is no more lets nobody in.
        until("the state without them", lambda: self.states(self.cells("ldap")[0]) == {"proven"})
        self.until_state("proven")
        self.assertFalse(self.guardd.dead())
        self.assertIsNone(self.status().get("exposure_trouble"))


class Big(UnrestWorld):
    def test_ten_thousand_rules_with_320_000_elements(self):
        infra.slapd(self.server)
        sets = []
        for n in range(10):
            v6 = n % 2
            elements = ",".join(f"2a{n:02x}:{i >> 8:x}:{i & 255:x}::/48" if v6 else
                                f"{20 + n}.{i >> 8}.{i & 255}.{(i * 7) & 255}" for i in range(32000))
            sets.append(f"set s{n} {{ type ipv{6 if v6 else 4}_addr; {'flags interval;' if v6 else ''}"
                        f" elements = {{ {elements} }}; }}\n")
        rules = "".join(f"ip{'6' if n % 2 else ''} saddr @s{n % 10} tcp dport {1000 + n} drop\n"
                        for n in range(10000))
        self.nft(f"table inet big {{ {''.join(sets)}\n"
                 f"chain i {{ type filter hook input priority 0; policy drop;\n{rules}"
                 "ip saddr 192.0.2.11 accept\nip6 saddr 2001:db8:2::11 accept\n"
                 "ip saddr @s0 tcp dport 389 accept\n}\n}\n")
        self.start_guardd(CONFIG)
        r = self.guardd.ctl("--json", "check", check=False)
        head = json.loads(r.stdout.splitlines()[0])
        self.assertGreaterEqual(head["rules"], 10000)
        self.assertGreaterEqual(head["elements"], 320000)
        self.assertEqual(r.returncode, 2, r.stdout[:2000])
        cells, _ = self.cells("ldap")
        self.assertEqual([self.state(cells, "ldap", "tcp", 389, f) for f in (4, 6)], ["open", "proven"])
        self.until_state("open")
        until("the alert", lambda: "ldap tcp/389 IPv4 is open" in self.guardd.log())
        self.assertFalse(self.guardd.dead())


class PartsEnd(UnrestWorld):
    def setUp(self):
        super().setUp()
        infra.slapd(self.server)
        self.nft(INFRA_ONLY)

    def test_without_its_watcher_guardd_ends_with_an_alert_and_bans_stay(self):
        """It cannot be given its capability again: the service manager starts guardd anew."""
        g = self.start_guardd(CONFIG)
        self.until_state("proven")
        bans = {"203.0.113.9": "manual", "2001:db8:77::9": "manual"}
        for address in bans:
            self.ban_works(address)
        os.kill(g.role_pid("watcher"), signal.SIGKILL)
        until("guardd's end", g.dead)
        self.assertNotEqual(g.proc.returncode, 0)
        self.assertIn("guardd-watcher ended (signal 9)", g.log())
        self.assertIn("203.0.113.9", self.server.run("nft", "list", "table", "inet", "guardd").stdout)
        self.nft("add rule inet f i tcp dport 389 accept")
        g.start()
        self.until_state("open")
        self.assertEqual(set(g.bans()), set(bans))

    def test_a_prover_that_is_killed_is_told_and_tried_again(self):
        g = self.start_guardd(CONFIG)
        self.until_state("proven")
        self.put_in_place("guardd-prover", "kill -9 $$")
        self.nft("add rule inet f i tcp dport 389 accept")
        until("the alert", lambda: "exposure cannot be proven" in g.log())
        self.assertTrue(self.status()["exposure_trouble"])
        self.assertEqual(self.status()["exposure"], "proven")
        self.ban_works("203.0.113.9")
        self.put_back("guardd-prover")
        self.nft("add rule inet f i tcp dport 22 accept")
        until("a proof again", lambda: "exposure is proven again" in g.log())
        self.until_state("open")
        self.assertIsNone(self.status().get("exposure_trouble"))

    def test_a_prover_that_hangs_is_killed_by_hand(self):
        g = self.start_guardd(CONFIG)
        self.until_state("proven")
        self.put_in_place("guardd-prover", "exec sleep 1000")
        self.nft("add rule inet f i tcp dport 389 accept")
        pid = until("it hangs", lambda: _child_named(g.pid(), "sleep"))
        self.put_back("guardd-prover")
        # What changed meanwhile waits for it.
        self.nft("add rule inet f i tcp dport 22 accept")
        self.ban_works("203.0.113.9")
        time.sleep(0.3)
        os.kill(pid, signal.SIGKILL)
        self.until_state("open")

    def test_a_prover_that_cannot_start_or_says_nothing(self):
        for what in ("exit 0", "exit 1", "exit 127", "echo nonsense >&10", "head -c 100000 /dev/urandom >&10"):
            self.put_in_place("guardd-prover", what)
            g = self.start_guardd(CONFIG)
            until("the alert", lambda: g.said("exposure cannot be proven"))
            self.assertEqual(self.status()["exposure"], "unknown", what)
            self.assertTrue(self.status()["exposure_trouble"])
            self.ban_works("203.0.113.9")
            g.stop()
            self.put_back("guardd-prover")
        nothing = os.path.join(self.server.folder, "nothing")
        with open(nothing, "w", encoding="utf-8"):
            pass
        self.server.run("mount", "--bind", nothing, os.path.join(self.server.show(BUILD), "guardd-prover"))
        g = self.start_guardd(CONFIG)
        until("the alert", lambda: g.said("exposure cannot be proven"))
        r = g.ctl("check", "ldap", check=False)
        self.assertEqual(r.returncode, 3)
        self.assertIn("guardd-prover", r.stdout)


def _child_named(parent, name):
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
                comm, rest = f.read().split("(", 1)[1].rsplit(")", 1)
        except (OSError, IndexError):
            continue
        if comm == name and rest.split()[1] == str(parent):
            return int(pid)
    return None


class NotAllowed(UnrestWorld):
    def as_nobody(self, *args):
        build = self.server.show(BUILD)
        return self.server.run("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
                               os.path.join(build, args[0]), *args[1:], check=False)

    def test_nobody_without_a_daemon(self):
        run = ["--runtime", os.path.join(self.server.folder, "none")]
        for words in (["check"], ["prove", "tcp/389"], ["listeners"], ["exposure"]):
            r = self.as_nobody("guardctl", *run, *words)
            self.assertEqual(r.returncode, 3, (words, r.stdout))
            self.assertIn("root", r.stdout, words)
            self.assertLessEqual(len(r.stdout.splitlines()), 3, r.stdout)
        r = self.as_nobody("guardd-watcher", "--dump", "/dev/null")
        self.assertEqual(r.returncode, 3, r.stdout)
        self.assertIn("CAP_NET_ADMIN", r.stdout)


class GroupsAreNamed(UnrestWorld):
    def test_an_empty_or_unknown_group_is_an_error(self):
        build = self.server.show(BUILD)
        etc = os.path.join(self.server.folder, "etc")
        share = os.path.join(self.server.folder, "share")
        for d in ("filters.d", "rules.d"):
            os.makedirs(os.path.join(etc, d))
        for part in ("filters", "rules"):
            self.server.show(os.path.join(ROOT, part), os.path.join(share, part))

        def check(main_file, rule, *command):
            for name, text in (("guardd.yaml", main_file), ("rules.d/own.yaml", rule)):
                with open(os.path.join(etc, name), "w", encoding="utf-8") as f:
                    f.write(text)
            return self.server.run(os.path.join(build, "guardctl"), "--config", os.path.join(etc, "guardd.yaml"),
                                   "--share", share, "--etc", etc, *command, check=False)

        good = "expose: own\nports: [tcp/4711]\nonly: [{}]\n"
        self.assertEqual(check(CONFIG, good.format("infra"), "check", "own").returncode, 0)
        for config, rule, words in (
                ("groups:\n  infra: []\n", good.format("infra"), ("infra",)),
                ("groups:\n  infra:\n", good.format("infra"), ("infra",)),
                (CONFIG, good.format("nosuch"), ("no group", "nosuch")),
                (CONFIG, good.format(""), ("nobody may reach it",)),
                (CONFIG + "  empty: []\n", good.format("empty"), ("empty",)),
                (CONFIG, "expose: own\nports: [tcp/4711]\n", ("only",)),
                (CONFIG, "expose: own\nports: []\nonly: [infra]\n", ("ports",))):
            for command in (("check-config",), ("check",), ("check", "own")):
                r = check(config, rule, *command)
                self.assertNotEqual(r.returncode, 0, (config, rule, command, r.stdout))
                if command[0] == "check":
                    self.assertEqual(r.returncode, 3, (config, rule, r.stdout))
                for word in words:
                    self.assertIn(word, r.stdout, (config, rule, command))
                self.assertNotIn("proven", r.stdout)


if __name__ == "__main__":
    main()
