# SPDX-License-Identifier: GPL-2.0-or-later
"""guardd-runner and guardd-herald beside a judge that is this test, and beside a real guardd: starts and ends, what is
refused, what a program of a channel gets, and a state directory that cannot be written."""
import os
import random
import shutil
import signal
import socket
import stat
import struct
import sys
import tempfile
import time
import unittest

import lib
import records
from judge import SUBJECT, WORDS, Judge, alert, record, texts
from lib import USER, Herald, Host, World, child_named, main, until

QUIET = f"herald_user: {USER}\nnever_ban: []\n"
DEVICES = ("null", "zero", "urandom")


def status_of(pid, *keys):
    """Values of /proc/PID/status."""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        lines = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
    return tuple(lines[k].strip() for k in keys)


def alive(pid):
    try:
        return status_of(pid, "State")[0][0] not in "ZX"
    except (OSError, KeyError):
        return False


class AloneWorld(unittest.TestCase):
    """One host; self.judge is a judge by hand, self.herald the pair of processes."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="guardd-test-herald-")
        os.chmod(self.folder, 0o755)
        self.host = Host(self.folder, "one")
        self.judge = Judge(os.path.join(self.host.folder, "guardd"))
        self.judge.use(QUIET)
        self.herald = Herald(self.host, self.judge.directory)
        self.asking = None

    def tearDown(self):
        if any(e for _, e in getattr(self._outcome, "errors", []) if e) and os.path.exists(self.herald.logfile):
            sys.stderr.write(f"--- log of {self.id()}\n{self.herald.log()[-6000:]}\n")
        self.herald.kill()
        self.host.close()
        self.judge.close()
        if self.asking:
            self.asking.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def begin(self, config=None):
        """Both processes are connected to the judge, and configured."""
        if config:
            self.judge.use(config)
        self.judge.open()
        self.herald.start()
        self.connect()

    def connect(self):
        self.judge.wait("both are connected", lambda: self.judge.peer("herald") and self.judge.peer("runner"))
        self.judge.wait("the herald is configured", self.herald.connected)

    def status(self):
        return self.herald.ask("status")[0]

    def page(self):
        """Asks for a test alert, and does not wait for what comes of it."""
        self.asking = socket.socket(socket.AF_UNIX)
        self.asking.connect(self.herald.path("run", "control"))
        self.asking.sendall(b"alert-test pager\n")

    def script(self, name, text):
        path = os.path.join(self.host.folder, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write("#!/bin/sh\n" + text)
        os.chmod(path, 0o755)
        return path

    def drop(self):
        """A folder that programs may write into."""
        path = os.path.join(self.host.folder, "drop")
        os.makedirs(path, exist_ok=True)
        os.chmod(path, 0o777)
        return path

    def told(self, drop):
        """What the programs of a channel got so far."""
        out = ""
        for name in os.listdir(drop):
            if name.endswith(".json"):
                with open(os.path.join(drop, name), encoding="utf-8") as f:
                    out += f.read()
        return out

    def pager(self, path, timeout="30s"):
        return QUIET + (f"alerts:\n  channels:\n    - {{name: pager, at_least: info, per_hour: 3600, "
                        f"program: [{path}, one, 'two words'], timeout: {timeout}}}\n")


class Life(AloneWorld):
    def test_sealed_and_with_nothing_but_what_it_needs(self):
        self.begin()
        runner, herald = self.herald.pid(), self.herald.herald_pid()
        uid = str(lib.pwd_uid())
        for pid in (runner, herald):
            got = status_of(pid, "NoNewPrivs", "CapPrm", "CapEff", "CapInh", "CapAmb")
            self.assertEqual(got, ("1",) + ("0" * 16,) * 4)
            self.assertEqual(status_of(pid, "Uid")[0].split(), [uid] * 4)
        self.assertEqual(status_of(herald, "Seccomp")[0], "2")
        # Not dumpable: /proc/PID belongs to root, so that a program of the same user cannot look into them.
        self.assertEqual({os.stat(f"/proc/{p}/mem").st_uid for p in (runner, herald)}, {0})
        held = sorted(os.readlink(f"/proc/{herald}/fd/{n}").split(":")[0] for n in os.listdir(f"/proc/{herald}/fd"))
        self.assertFalse([h for h in held if "lock" in h or h.endswith("guardd-runner")])

    def test_waits_for_guardd_and_meets_it_when_it_comes(self):
        self.herald.start()
        got = self.status()
        self.assertEqual((got["connected"], got["configured"]), (False, False))
        self.assertGreater(got["away_since"], 0)
        refused = self.herald.ask("alerts")[-1]
        self.assertEqual(refused["status"], 1)
        self.assertIn("has no configuration from guardd yet", refused["error"])
        self.judge.open()
        self.connect()
        got = self.status()
        self.assertEqual((got["connected"], got["configured"], got["away_since"]), (True, True, 0))

    def test_guardd_that_ends_and_comes_back_changes_nothing(self):
        self.begin()
        herald = self.herald.herald_pid()
        self.judge.close()
        until("it is away", lambda: not self.herald.connected())
        self.assertTrue(self.status()["configured"])
        self.judge.use(QUIET)   # the files were read again, and say the same
        self.judge.open()
        self.connect()
        self.assertEqual(self.herald.herald_pid(), herald)
        self.assertGreater(self.status()["config_made"], 0)

    def test_another_configuration_is_another_herald_at_once(self):
        self.begin()
        first = self.herald.herald_pid()
        self.judge.use(self.pager(self.script("true", "exit 0\n")))
        self.judge.wait("a new one", lambda: self.herald.herald_pid() not in (None, first))
        self.connect()
        self.assertEqual(self.status()["channels"], 1)
        self.assertIn("for another configuration", self.herald.log())
        self.assertNotIn("guardd-herald ended", self.herald.log())

    def test_a_killed_herald_is_started_again(self):
        self.begin()
        for _ in range(3):
            first = self.herald.herald_pid()
            os.kill(first, signal.SIGKILL)
            self.judge.wait("another one", lambda: self.herald.herald_pid() not in (None, first))
            self.connect()
        self.assertTrue(self.herald.said("guardd-herald ended (signal 9): starting it again in 100ms")
                        or self.herald.said("guardd-herald ended (signal 9): starting it again"))

    def test_a_killed_runner_takes_all_with_it(self):
        path = self.script("sleeper", "sleep 1000 &\necho $! >%s/pid\nwait\n" % self.drop())
        self.begin(self.pager(path, "10m"))
        self.page()
        until("the program runs", lambda: os.path.exists(self.drop() + "/pid"))
        herald, program = self.herald.herald_pid(), child_named(self.herald.pid(), "sleeper")
        self.assertTrue(alive(program))
        self.herald.kill()
        until("both ended", lambda: not alive(herald) and not alive(program))
        self.herald.start()
        self.connect()

    def test_ends_in_order_and_says_so_to_the_service_manager(self):
        path = os.path.join(self.host.folder, "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.bind(path)
            os.chmod(path, 0o777)
            s.settimeout(lib.LIMIT)
            self.herald.env.update(NOTIFY_SOCKET=path, WATCHDOG_USEC="200000")
            self.herald.spawn()
            self.assertEqual(s.recv(4096), b"READY=1\nSTATUS=waiting for guardd")
            self.judge.open()
            seen = []

            def hear(text):
                s.settimeout(0.02)
                try:
                    seen.append(s.recv(4096))
                except TimeoutError:
                    pass
                return text in seen
            self.judge.wait("connected", lambda: hear(b"READY=1\nSTATUS=connected to guardd"))
            self.judge.wait("the watchdog is fed", lambda: hear(b"WATCHDOG=1"))
            herald = self.herald.herald_pid()
            self.assertEqual(self.herald.stop(), 0)
            self.assertFalse(alive(herald))
            until("stopping was told", lambda: hear(b"STOPPING=1"))

    def test_a_herald_that_hangs_is_killed_and_the_watchdog_not_fed(self):
        self.herald.env.update(WATCHDOG_USEC="200000")
        self.begin()
        first = self.herald.herald_pid()
        os.kill(first, signal.SIGSTOP)
        self.judge.wait("another one", lambda: self.herald.herald_pid() not in (None, first))
        self.assertTrue(self.herald.said("guardd-herald does not answer: killing it"))

    def test_the_end_waits_for_a_delivery(self):
        path = self.script("slow", f"touch {self.drop()}/began; sleep 1; touch {self.drop()}/done\n")
        self.begin(self.pager(path))
        self.page()
        until("it runs", lambda: os.path.exists(self.drop() + "/began"))
        self.assertEqual(self.herald.stop(), 0)
        self.assertTrue(os.path.exists(self.drop() + "/done"))

    def test_another_configuration_waits_for_a_delivery(self):
        path = self.script("slow", f"touch {self.drop()}/began; sleep 1; touch {self.drop()}/done\n")
        self.begin(self.pager(path))
        first = self.herald.herald_pid()
        self.page()
        until("it runs", lambda: os.path.exists(self.drop() + "/began"))
        self.judge.use(QUIET)
        self.judge.wait("a new one", lambda: self.herald.herald_pid() not in (None, first))
        self.assertTrue(os.path.exists(self.drop() + "/done"))

    def test_only_one_of_a_directory(self):
        self.begin()
        second = Herald(self.host, self.judge.directory)
        second.logfile += "2"
        second.spawn()
        self.assertEqual(second.proc.wait(lib.LIMIT), 1)
        self.assertTrue(second.said("another guardd-herald is running with"))
        self.assertTrue(self.herald.connected())

    def test_a_user_that_is_not_there(self):
        lib_user, lib.USER = lib.USER, "no-such-user"
        try:
            self.herald.spawn()
        finally:
            lib.USER = lib_user
        self.assertEqual(self.herald.proc.wait(lib.LIMIT), 1)
        self.assertTrue(self.herald.said("user 'no-such-user' does not exist: create it"))


class Rubbish(AloneWorld):
    def test_control_socket(self):
        self.begin()
        herald = self.herald.herald_pid()
        dice = random.Random(6)
        for blob in (b"\n", b"\0\n", b"status extra\n", b"nonsense\n", b"status \"\n", b"\xff\xfe\n", b"alert-test\n",
                     b"alert-test nobody\n", b"alert-test " + b"x" * 4000 + b"\n", b"fleet\n", b"fleet-exposure a b\n",
                     b"x" * 100000, *(dice.randbytes(200) + b"\n" for _ in range(50))):
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(lib.LIMIT)
                s.connect(self.herald.path("run", "control"))
                try:
                    s.sendall(blob)
                    while s.recv(1 << 16):
                        pass
                except OSError:
                    continue
        idle = []
        for _ in range(40):   # more than are served at a time: they wait, and go away by themselves
            idle.append(socket.socket(socket.AF_UNIX))
            idle[-1].setblocking(False)
            try:
                idle[-1].connect(self.herald.path("run", "control"))
            except BlockingIOError:
                break
        for s in idle:
            s.close()
        self.assertTrue(until("it answers", self.herald.connected))
        self.assertEqual(self.herald.herald_pid(), herald)

    def test_who_may_ask(self):
        self.begin(QUIET + "control_group: games\n")
        ask = ("import socket,sys; s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); "
               "s.send(sys.argv[2].encode()+b'\\n', socket.MSG_NOSIGNAL) if sys.argv[3] else 0; "
               "sys.stdout.write(s.makefile().read())")

        def as_user(user, group, request):
            return self.host.run("setpriv", "--reuid", user, "--regid", group, "--clear-groups", "/usr/bin/python3",
                                 "-c", ask, self.herald.path("run", "control"), request, request).stdout
        # A stranger is told at once, and need not ask.
        self.assertIn('"status":2', as_user("daemon", "daemon", ""))
        self.assertIn('"status":0', as_user("daemon", "games", "status"))
        self.assertIn('"status":0', as_user(USER, "nogroup", "status"))
        # The herald's own user, as which programs of channels run, may look, not act.
        self.assertIn('"status":2', as_user(USER, "nogroup", "alert-test journal"))

    def test_records_of_the_judge(self):
        """Whatever comes from there, the herald hangs up and tries again, or goes on; it never ends."""
        self.begin(QUIET)
        dice = random.Random(7)
        bad = [b"x", b"\0" * 96, record("BAN"), record("TAKEN", struct.pack("=i", 99)), record("TEXT"), record("ALERT"),
               texts(SUBJECT, "alone")[0], record("ALERT", b"\xff" * 88), record("STATS"), record("GIVE"),
               alert("GAP", "s", "w") + record("TEXT", struct.pack("=BB", 7, 3)),
               record("ALERT", struct.pack("=BBB", 1, 1, 0)) + record("TEXT", struct.pack("=BB", 0, 200)),
               record("GIVE", b"\x09" * 88), record("GIVE", b"\x04" + b"\0" * 16 + b"\xff"),
               *(record(name, dice.randbytes(88)) for name in ("ALERT", "TEXT", "STANDING", "GIVE", "GIVEN", "LIFT",
                                                               "TAKEN", "PROOF"))]
        for i, packet in enumerate(bad):
            if i % 3 == 0:   # it waits longer each time that it was disappointed
                self.assertEqual(self.herald.stop(), 0)
                self.herald.start()
                self.connect()
                herald = self.herald.herald_pid()
            self.judge.peer("herald").send(packet)
            self.judge.serve(0.05)   # either it stays, or it comes again
            self.judge.wait("it is connected", lambda: self.judge.peer("herald"))
            self.connect()
            self.assertEqual(self.herald.herald_pid(), herald)

    def test_descriptors_of_the_judge(self):
        """Memory files that are none, too small, or no configuration."""
        self.begin()
        runner = self.herald.pid()
        null = os.open("/dev/null", os.O_RDONLY)
        small = os.memfd_create("small")
        os.write(small, b"GUARDIMG" + b"\xff" * 100)
        for name in ("STATS", "FIGURES", "PROOF", "CONFIG"):
            for fd in (null, small):
                for kind in ("herald", "runner"):
                    self.judge.wait("connected", lambda: self.judge.peer(kind))
                    try:
                        self.judge.peer(kind).send(record(name), fd)
                    except OSError:
                        pass
                    self.judge.serve(0.05)
        self.connect()
        self.assertEqual(self.herald.pid(), runner)
        self.assertTrue(alive(runner))
        # A configuration that is none ends this life of the herald as any other configuration does.
        self.assertIn("cannot be used", self.herald.log())
        os.close(null)
        os.close(small)

    def test_texts_are_made_safe(self):
        drop = self.drop()
        self.begin(self.pager(self.script("keep", f"cat >{drop}/$$.tmp; mv {drop}/$$.tmp {drop}/$$.json\n")))
        peer = self.judge.peer("herald")
        peer.send(alert("GAP", b"ldap \xff\x1b[2J tcp/389", b"caf\xc3\xa9 " + b"x" * 2030 + b"\xc3\xa9\xc3\xa9"))
        peer.send(alert("TABLE", "s" * 300, "w" * 3000, phase="MOMENT"))
        self.judge.wait("both", lambda: "ldap" in self.told(drop) and "sss" in self.told(drop))
        text = self.told(drop)
        self.assertIn("ldap ??[2J tcp/389", text)
        self.assertIn("caf\u00e9 ", text)
        self.assertIn("s" * 255, text)
        self.assertNotIn("s" * 256, text)
        self.assertNotIn("w" * 2048, text)
        self.assertFalse([c for c in text if ord(c) < 0x20 and c not in "\n\t"])


class Programs(AloneWorld):
    def results(self, name):
        path = os.path.join(self.drop(), name)
        if not os.path.exists(path):
            return ""
        with open(path, encoding="utf-8") as f:
            return f.read()

    def test_what_one_gets(self):
        drop = self.drop()
        self.begin(self.pager(self.script("look", f"""ls -l /proc/self/fd >{drop}/fds
            {{ tr '\\0' '\\n' </proc/$$/environ | sort; echo "args:$1:$2:$#"; cat /proc/$$/status
            cut -d' ' -f5-7 /proc/$$/stat; pwd; umask; }} >{drop}/look.tmp 2>&1
            cat >{drop}/input; mv {drop}/look.tmp {drop}/look\n""")))
        self.page()
        text = self.judge.wait("it ran", lambda: self.results("look"))
        self.assertRegex(text, r"^HOME=/\nLANG=C\.UTF-8\nPATH=[^\n]*\nargs:one:two words:2\n")
        held = {line.split(" -> ")[0].split()[-1]: line.split(" -> ")[1]
                for line in self.results("fds").splitlines() if " -> " in line}
        self.assertEqual(set(held), {"0", "1", "2", "3"})
        self.assertIn("/memfd:", held["0"])
        self.assertIn("pipe:", held["2"])
        self.assertTrue(held["3"].startswith("/proc/"), held)   # ls itself
        self.assertRegex(text, r"NoNewPrivs:\s1\n")
        self.assertRegex(text, r"CapEff:\s0{16}\n")
        self.assertRegex(text, r"Seccomp:\s0\n")
        group, session, tty = text.splitlines()[-3].split()
        self.assertEqual((group, tty), (session, "0"))
        self.assertEqual(text.splitlines()[-2:], ["/", "0077"])
        self.assertIn('"', self.results("input"))

    def test_one_that_hangs_is_killed_with_what_it_started(self):
        drop = self.drop()
        self.begin(self.pager(self.script("hang", f"sleep 1000 & echo $! >{drop}/child; setsid sleep 2000 & "
                                                  f"echo $! >{drop}/stray; sleep 1000\n"), "1s"))
        self.page()
        self.judge.wait("it began", lambda: self.results("stray").strip())
        child, stray = int(self.results("child")), int(self.results("stray"))
        self.judge.wait("all ended", lambda: not alive(child) and not alive(stray))
        self.judge.wait("the channel tells", lambda: any("trouble" in line and line["trouble"]
                                                         for line in self.herald.ask("channels")))
        self.assertTrue(self.herald.connected())

    def test_one_that_prints_a_mebibyte_and_one_that_does_not_read(self):
        drop = self.drop()
        self.begin(self.pager(self.script("loud", "head -c 3000000 /dev/zero | tr '\\0' x; "
                                                  f"echo >{drop}/done; exit 1\n")))
        self.page()
        self.judge.wait("it ended", lambda: os.path.exists(drop + "/done"))
        self.judge.wait("the channel tells", lambda: any("trouble" in line and line["trouble"]
                                                         for line in self.herald.ask("channels")))
        self.assertTrue(self.herald.connected())

    def test_one_that_is_not_there(self):
        self.begin(self.pager("/nonexistent/program"))
        self.page()
        self.judge.wait("the channel tells", lambda: any("trouble" in line and line["trouble"]
                                                         for line in self.herald.ask("channels")))


class State(AloneWorld):
    def mount_state(self, size="400k", options=""):
        os.makedirs(self.herald.path("state"))
        self.host.run("mount", "-t", "tmpfs", "-o", f"size={size},mode=0700,uid={lib.pwd_uid()}{options}", "tmpfs",
                      self.herald.path("state"))

    def fill(self):
        self.host.run("sh", "-c", "cat /dev/zero >" + self.herald.path("state", "filler"), check=False)

    def keeper(self):
        drop = self.drop()
        return self.pager(self.script("keep", f"cat >{drop}/$$.tmp; mv {drop}/$$.tmp {drop}/$$.json\n")), drop

    def test_a_full_disk_loses_nothing_that_is_told_now(self):
        config, drop = self.keeper()
        self.mount_state()
        self.begin(config)
        self.fill()
        peer = self.judge.peer("herald")
        for i in range(20):
            peer.send(alert("GAP", f"rule{i} tcp/{i + 100}", "w" * 1500))
        self.judge.wait("all are told", lambda: all(f"rule{i} tcp/{i + 100}" in self.told(drop) for i in range(20)))
        self.judge.wait("the trouble is named", lambda: self.status()["store_trouble"])
        self.assertIn("cannot be written", self.status()["store_trouble"])

    def test_a_directory_that_cannot_be_written(self):
        config, drop = self.keeper()
        self.mount_state(options=",ro")
        self.begin(config)
        self.assertIn("cannot be written", self.status()["store_trouble"])
        self.judge.peer("herald").send(alert("GAP", "ldap tcp/389", "words"))
        self.judge.wait("it is told", lambda: "ldap tcp/389" in self.told(drop))

    def test_a_damaged_file_is_set_aside(self):
        config, drop = self.keeper()
        self.begin(config)
        self.assertEqual(self.herald.stop(), 0)
        path = self.herald.path("state", "herald.db")
        with open(path, "r+b") as f:
            f.seek(0)
            f.write(b"rubbish" * 1000)
        self.herald.start()
        self.connect()
        aside = [f for f in os.listdir(self.herald.path("state")) if "damaged" in f]
        self.assertEqual(len(aside), 1)
        self.assertIn(aside[0], self.status()["store_trouble"])
        self.assertIn("was damaged", self.herald.log())
        self.judge.peer("herald").send(alert("GAP", "ldap tcp/389", "words"))
        self.judge.wait("it is told", lambda: "ldap tcp/389" in self.told(drop))

    def test_nobody_else_reads_it(self):
        self.begin()
        path = self.herald.path("state")
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o750)
        for f in os.listdir(path):
            self.assertEqual(stat.S_IMODE(os.stat(os.path.join(path, f)).st_mode) & 0o077, 0)


class BesideGuardd(World):
    """A real guardd."""

    def setUp(self):
        super().setUp()
        self.herald = None

    def tearDown(self):
        if self.herald:
            self.herald.kill()
        super().tearDown()

    def begin(self):
        self.start_guardd(QUIET)
        self.herald = Herald(self.server, self.guardd.path("run"))
        self.herald.start()
        until("connected", self.herald.connected)

    def test_any_of_the_processes_may_be_killed(self):
        self.begin()
        judge = self.guardd.role_pid("judge")
        herald = self.herald.herald_pid()
        os.kill(judge, signal.SIGKILL)
        until("another judge", lambda: self.guardd.role_pid("judge") not in (None, judge))
        until("connected again", self.herald.connected)
        self.assertEqual(self.herald.herald_pid(), herald)
        os.kill(herald, signal.SIGKILL)
        until("another herald", lambda: self.herald.herald_pid() not in (None, herald))
        until("connected again", self.herald.connected)
        herald = self.herald.herald_pid()
        self.guardd.kill()
        until("it is away", lambda: not self.herald.connected())
        self.guardd.start()
        until("connected again", self.herald.connected)
        self.assertEqual(self.herald.herald_pid(), herald)
        self.herald.kill()
        self.assertEqual(self.guardd.ctl("ban", "203.0.113.9").returncode, 0)
        self.herald.start()
        until("connected again", self.herald.connected)

    def test_reload(self):
        self.begin()
        herald = self.herald.herald_pid()
        self.guardd.write("guardd.yaml", QUIET + "alerts: {storm: 17, channels: [{name: log, journal: yes}]}\n")
        self.guardd.ctl("reload")
        until("another herald", lambda: self.herald.herald_pid() not in (None, herald))
        until("with the new configuration", lambda: (self.herald.ask("status") or [{}])[0].get("channels") == 1)
        herald = self.herald.herald_pid()
        self.guardd.write("guardd.yaml", QUIET + "alerts: {storm: 17, channels: [{name: log, nonsense: yes}]}\n")
        self.assertNotEqual(self.guardd.ctl("reload", check=False).returncode, 0)
        self.guardd.write("guardd.yaml", QUIET + "alerts: {storm: 17, channels: [{name: log, journal: yes}]}\n")
        self.guardd.ctl("reload")   # says the same
        self.assertTrue(until("still connected", self.herald.connected))
        self.assertEqual(self.herald.herald_pid(), herald)

    def test_guardctl_status(self):
        def status():
            return self.guardd.host.run(os.path.join(self.guardd.bin, "guardctl"), "--runtime", self.guardd.path("run"),
                                        "--herald", self.herald.path("run"), "status").stdout
        self.start_guardd(QUIET)
        self.herald = Herald(self.server, self.guardd.path("run"))
        self.assertNotIn("herald", status())
        self.guardd.write("guardd.yaml", QUIET + "alerts: {channels: [{name: log, journal: yes}]}\n")
        self.guardd.ctl("reload")
        self.assertIn("herald     not connected: alerts, metrics and fleet wait for guardd-herald.service", status())
        self.herald.start()
        until("connected", self.herald.connected)
        until("it says so", lambda: "alerts stand" in status())

    def test_another_user_is_refused(self):
        self.begin()
        other = Herald(self.server, self.guardd.path("run"), "other")
        lib_user, lib.USER = lib.USER, "daemon"
        try:
            other.start()
        finally:
            lib.USER = lib_user
        time.sleep(0.5)   # several tries
        got = other.ask("status")[0]
        self.assertEqual((got["connected"], got["configured"]), (False, False))
        self.assertTrue(self.herald.connected())
        self.assertEqual(other.stop(), 0)


if __name__ == "__main__":
    main()
