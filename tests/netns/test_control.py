# SPDX-License-Identifier: GPL-2.0-or-later
"""The control socket under rubbish and without rights, reload good and bad, and the sandbox of each role."""
import os
import random
import signal
import socket
import subprocess

import logs
from lib import BUILD, World, main, until

RULE = "ban: ssh\nfilters: [sshd]\npoints: {points}\nwithin: 10m\nfor: 1h\n"


class Control(World):
    def ask(self, data, end=True):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(15)
        s.connect(self.guardd.path("run/control"))
        try:
            s.sendall(data)
            if end:
                s.shutdown(socket.SHUT_WR)
            out = b""
            while chunk := s.recv(65536):
                out += chunk
            return out
        except (BrokenPipeError, ConnectionResetError):
            return b""
        finally:
            s.close()

    def test_any_bytes_only_close_that_client(self):
        self.start_guardd()
        pids = [self.guardd.role_pid(r) for r in ("keeper", "reader", "judge")]
        rng = random.Random(7)
        for data in [b"", b"\n", b"\0" * 5000 + b"\n", b"list " + b"x" * 100000 + b"\n", b'ban "\n',
                     b"ban\n", b"unban ::\n", b"status extra words\n", b"STATUS\n", b"list limit -1\n",
                     b"ban 192.0.2.1 for 1x\n", b"ban 192.0.2.1/99\n", b"\xff\xfe\n", b"status\nstatus\n"] + \
                [rng.randbytes(rng.randrange(1, 300)) + b"\n" for _ in range(200)]:
            self.ask(data)
        self.assertEqual(pids, [self.guardd.role_pid(r) for r in ("keeper", "reader", "judge")])
        self.assertEqual(self.guardd.json("list"), [])

    def test_many_clients_that_say_nothing_do_not_shut_others_out(self):
        self.start_guardd()
        idle = []
        for _ in range(200):
            s = socket.socket(socket.AF_UNIX)
            s.connect(self.guardd.path("run/control"))
            idle.append(s)
        until("an answer all the same", lambda: self.guardd.ctl("status", check=False).returncode == 0)
        for s in idle:
            s.close()

    def test_rights_by_credentials(self):
        """Root reads and writes; a stranger does neither."""
        self.start_guardd()
        self.assertEqual(self.guardd.ctl("ban", "192.0.2.1", "--for", "1h").returncode, 0)
        for args in (["list"], ["status"], ["ban", "192.0.2.2"], ["unban", "192.0.2.1"], ["reload"]):
            r = subprocess.run(["setpriv", "--reuid", "12345", "--regid", "12345", "--clear-groups",
                                os.path.join(BUILD, "guardctl"), "--runtime", self.guardd.path("run"), *args],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            self.assertEqual(r.returncode, 2, (args, r.stdout))
        self.assertIn("192.0.2.1", self.guardd.bans())

    def test_control_group_may_write(self):
        self.start_guardd("control_group: games\n")
        import grp
        games = str(grp.getgrnam("games").gr_gid)
        r = subprocess.run(["setpriv", "--reuid", "12345", "--regid", "12345", "--groups", games,
                            os.path.join(BUILD, "guardctl"), "--runtime", self.guardd.path("run"),
                            "ban", "2001:db8:7::9", "--for", "1h"],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.assertEqual(r.returncode, 0, r.stdout)
        self.assertIn("2001:db8:7::9", self.guardd.bans())

    def test_reload_good_and_bad(self):
        log = self.server.folder + "/var-log/auth.log"
        open(log, "w", encoding="utf-8").close()
        self.start_guardd(files={"rules.d/ssh.yaml": RULE.format(points=50)})
        self.guardd.ctl("ban", "192.0.2.1", "--for", "1h")
        keeper = self.guardd.role_pid("keeper")
        self.offend(log, "192.0.2.5", 3)
        until("three", lambda: self.guardd.json("status")[0]["offences"] == 3)
        self.guardd.write("rules.d/ssh.yaml", RULE.format(points=3) + "pionts: 3\n")
        r = self.guardd.ctl("reload", check=False)
        self.assertEqual(r.returncode, 1)
        self.assertRegex(r.stdout, r"rules\.d/ssh\.yaml:6:1: .*pionts")
        self.assertIn("points", r.stdout.split("did you mean", 1)[1])
        self.offend(log, "2001:db8:55::5", 4)
        until("seven", lambda: self.guardd.json("status")[0]["offences"] == 7)
        self.assertEqual(list(self.guardd.bans()), ["192.0.2.1"])
        self.guardd.write("rules.d/ssh.yaml", RULE.format(points=4))
        self.guardd.ctl("reload")
        self.offend(log, "192.0.2.5", 1)
        self.guardd.wait_ban("192.0.2.5")
        self.assertIn("192.0.2.1", self.guardd.bans())
        self.assertEqual(self.guardd.role_pid("keeper"), keeper)

    def test_reload_with_a_failing_example_names_it(self):
        self.start_guardd()
        self.guardd.write("filters.d/own.yaml", """filter: own
sources:
  - file: [/var/log/own.log]
offences:
  - match: '^own failure from <addr>$'
examples:
  - line: 'own failure from 192.0.2.1 or so'
    gives: 192.0.2.1
""")
        self.guardd.write("rules.d/own.yaml", "ban: own\nfilters: [own]\npoints: 1\nwithin: 1m\nfor: 1m\n")
        r = self.guardd.ctl("reload", check=False)
        self.assertEqual(r.returncode, 1)
        self.assertRegex(r.stdout, r"filters\.d/own\.yaml:7:\d+: ")
        self.assertIn("^", r.stdout)

    def test_sandbox_of_each_role_is_on(self):
        self.start_guardd()
        want = {"keeper": (1 << 12) | (1 << 2), "reader": 0, "judge": 0}
        for role, caps in want.items():
            with open(f"/proc/{self.guardd.role_pid(role)}/status", encoding="ascii") as f:
                st = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
            self.assertEqual(st["Seccomp"], "2", role)
            self.assertEqual(st["NoNewPrivs"], "1", role)
            self.assertEqual(int(st["CapEff"], 16), caps, role)
            self.assertEqual(int(st["CapPrm"], 16), caps, role)
            self.assertEqual(int(st["CapAmb"], 16), 0, role)
            self.assertNotEqual(st["Uid"].split()[1], "0", role)
        with open(f"/proc/{self.guardd.pid()}/status", encoding="ascii") as f:
            st = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
        self.assertEqual(int(st["CapEff"], 16), 0)
        self.assertNotEqual(st["Uid"].split()[1], "0")

    def test_roles_cannot_be_read_by_their_own_user(self):
        """Not dumpable: with one uid for all, /proc/PID/mem of the judge would be open to the reader."""
        self.start_guardd()
        for role in ("keeper", "reader", "judge"):
            self.assertEqual(os.stat(f"/proc/{self.guardd.role_pid(role)}/mem").st_uid, 0)

    def test_service_manager_is_told_and_watched(self):
        """READY after all roles, WATCHDOG only while each of them answers; a stuck one is replaced."""
        path = os.path.join(self.server.folder, "notify")
        s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        s.bind(path)
        os.chmod(path, 0o666)
        s.settimeout(20)
        self.start_guardd(env={"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "1200000"})
        self.assertIn(b"READY=1", s.recv(500))
        self.assertEqual(s.recv(500), b"WATCHDOG=1")
        reader = self.guardd.role_pid("reader")
        os.kill(reader, signal.SIGSTOP)
        until("the stuck reader is replaced", lambda: self.guardd.role_pid("reader") not in (None, reader))
        fed = []
        while not fed or fed[-1] != b"READY=1\nSTATUS=guarding":
            fed.append(s.recv(500))
        # The answer of before the stop may have come just in time for one more.
        self.assertLessEqual(fed.count(b"WATCHDOG=1"), 1)
        self.assertEqual(s.recv(500), b"WATCHDOG=1")
        self.guardd.stop()
        s.close()

    def test_second_guardd_is_refused(self):
        self.start_guardd()
        r = self.server.run(os.path.join(BUILD, "guardd"), *self.guardd.options(), "-u", "nobody", check=False)
        self.assertEqual(r.returncode, 1)
        self.assertIn("another guardd", r.stdout)
        self.assertEqual(self.guardd.ctl("status").returncode, 0)

    def test_broken_configuration_does_not_start(self):
        from lib import Guardd, ROOT
        self.guardd = Guardd(self.server, "never_bann: []\n", {}, ROOT)
        self.guardd.spawn()
        self.assertEqual(self.guardd.proc.wait(30), 1)
        self.assertRegex(self.guardd.log(), r"guardd\.yaml:1:1: .*never_bann")

    @staticmethod
    def offend(log, address, n):
        import time
        now = time.time()
        with open(log, "a", encoding="utf-8") as f:
            f.write("".join(logs.failed(address, now) for _ in range(n)))


if __name__ == "__main__":
    main()
